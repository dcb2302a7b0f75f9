"""What a task brings to the page of its answers: figures of all, sections, and what is said of a picture."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
from markupsafe import Markup

from ..data.decode import DecodeError, decode
from ..data.imageset import ImageSet
from ..report.cards import LARGE, About, Gallery, caption
from ..report.html import Picture, Section
from ..report.picture import SIDE
from ..reuse.dense.answer import Answer
from ..reuse.dense.overlay import overlay
from .captions import about_file

_CELL = Markup('<figure class="thumb plain">{}<figcaption>{}</figcaption></figure>')


class Shown(Protocol):
    """The few answers that a page will show, and figures of all."""

    images: ImageSet
    names: tuple[str, ...]
    threshold: float
    seen: int

    @property
    def many(self) -> str:
        """What `counts` are."""
        ...

    @property
    def counts(self) -> dict[str, float]:
        """What is told of all pictures, by class where there are classes."""
        ...

    @property
    def metrics(self) -> dict[str, float]:
        """What `--json` tells of all pictures."""
        ...

    def through(self, answers: Iterable[Answer]) -> Iterator[Answer]:
        """The answers as they come, taken note of."""
        ...

    def summary(self) -> list[str]:
        """Sentences at the top of the page."""
        ...

    def sections(self, page: str | Path) -> list[Section]:
        """The parts of the page, in order."""
        ...

    def facts(self, answer: Answer) -> list[tuple[str, object]]:
        """What is told below a picture."""
        ...


def of(some: int, every: int) -> str:
    """How many of how many, where that is not all."""
    return f"{some} of {every}. " if some < every else ""


def cards(answers: Sequence[Answer], shown: Shown, gallery: Gallery, page: str | Path) -> Picture:
    """Pictures, drawn over, with what is told of each."""
    cells = []
    for answer in answers:
        item, name = shown.images.items[answer.row], str(shown.images.ids[answer.row])
        about = replace(about_file(name, item, Path(page)), name=name, facts=shown.facts(answer))
        cells.append(_CELL.format(_frame(answer, shown, gallery, about), caption(about)))
    return Picture(Markup('<div class="cards">{}</div>').format(Markup("").join(cells)))


def _frame(answer: Answer, shown: Shown, gallery: Gallery, about: About) -> Markup:
    try:
        pixels = decode(shown.images.items[answer.row], LARGE // 3).permute(1, 2, 0).numpy()
    except DecodeError:  # it has gone since
        return gallery.frame(shown.images.items[answer.row], about, about.name)
    large, small = (
        overlay(pixels, answer, shown.names, threshold=shown.threshold, labels=full, legend=full, longest=longest)
        for full, longest in ((True, LARGE), (False, 2 * SIDE))
    )
    told = ", ".join(str(value) for _, value in about.facts) or "nothing found"
    return gallery.frame(np.asarray(large), about, f"{about.name}: {told}", small=np.asarray(small))
