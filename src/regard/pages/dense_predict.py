"""The page of what a dense model found: how many of each class, and the pictures that are worth a look, drawn over.

What is shown is a task's own (`dense_shown.Shown`): here that of objects and of classes of pixels.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from markupsafe import Markup

from ..data.annotations.masks import BACKGROUND
from ..data.imageset import ImageSet
from ..report.cards import LARGE, Gallery
from ..report.html import Section, Table, write_report
from ..reuse.dense.answer import Answer
from ..reuse.dense.colours import class_colour
from ..reuse.dense.found_masks import masks_of
from ..reuse.dense.overlay import share_text
from ..reuse.dense.told import LOOKED_AT
from .dense_shown import Shown, cards, of

MOST, EMPTY = 60, 12  # pictures of a page; of these at least so many without any object, where there are
NEAR = 0.1  # a score so near the threshold is unsure
_TOLD = 5  # classes below a picture
Ranked = tuple[float, int, Answer]  # the largest are shown first; equal ones by their rows


class DenseShown:
    """The few answers that a page will show, whatever number goes by, and counts of all.

    Those with a score nearest to the threshold come first; of maps of classes, those with most borders.
    """

    def __init__(self, images: ImageSet, names: Sequence[str], threshold: float = LOOKED_AT) -> None:
        self.images, self.names, self.threshold = images, tuple(names), threshold
        self.semantic = False
        self.unsure: list[Ranked] = []
        self.empty: list[Ranked] = []
        self.seen, self.without, self.near = 0, 0, 0
        self.pictures, self.objects = np.zeros(len(names), dtype=int), np.zeros(len(names), dtype=int)
        self.sums = np.zeros(len(names))  # of scores, or of shares of pixels

    def through(self, answers: Iterable[Answer]) -> Iterator[Answer]:
        """The answers as they come, taken note of."""
        for answer in answers:
            self.add(answer)
            yield answer

    def add(self, answer: Answer) -> None:
        """Count one, and keep it if it ranks among the first so far."""
        self.seen += 1
        if answer.semantic is not None:
            self.semantic = True
            counts = np.bincount(answer.semantic.flatten().numpy(), minlength=len(self.names))
            self.pictures += counts > 0
            self.sums += counts / counts.sum()
            _keep(self.unsure, borders(answer), answer, MOST)
            return
        there = answer.scores >= self.threshold
        classes = answer.classes[there].numpy()
        self.objects += np.bincount(classes, minlength=len(self.names))
        self.pictures += np.bincount(np.unique(classes), minlength=len(self.names))
        self.sums += np.bincount(classes, answer.scores[there].double().numpy(), minlength=len(self.names))
        self.without += not len(classes)
        apart = (answer.scores - self.threshold).abs()
        self.near += int((apart <= NEAR).sum())
        nearest = float(apart.min()) if len(apart) else 1.0
        _keep(self.unsure if len(classes) else self.empty, -nearest, answer, MOST)

    @property
    def many(self) -> str:
        """What `counts` are."""
        return "share of pixels" if self.semantic else f"objects with a score of {self.threshold:g}"

    @property
    def counts(self) -> dict[str, float]:
        """Objects of each class, or shares of the pixels."""
        return dict(zip(self.names, (self.sums / max(self.seen, 1) if self.semantic else self.objects).tolist()))

    @property
    def metrics(self) -> dict[str, float]:
        """How many objects there are, where objects are told."""
        return {} if self.semantic else {"objects": int(self.objects.sum())}

    def summary(self) -> list[str]:
        """Sentences at the top of the page."""
        if self.semantic:
            return []
        objects = f"Objects with a score of at least {self.threshold:g}: {int(self.objects.sum())}"
        near = [f"Scores within {NEAR:g} of that: {self.near}."] if self.near else []
        return [f"{objects}, in {self.seen - self.without} pictures.", *near]

    def sections(self, page: str | Path) -> list[Section]:
        """The parts of the page, in order."""
        gallery, (some, none), least = Gallery(), self.chosen(), f"{self.threshold:g}"
        first = "Those with most borders between classes" if self.semantic else f"Those with a score nearest to {least}"
        found = [Section("Classes", "", [_table(self)])]
        for title, answers, every, text in (
            ("Pictures", some, self.seen - self.without, f"{first} first."),
            ("Nothing found", none, self.without, f"The best score is below {least}; the highest first."),
        ):
            if answers:
                found.append(Section(title, of(len(answers), every) + text, [cards(answers, self, gallery, page)]))
        return found

    def facts(self, answer: Answer) -> list[tuple[str, object]]:
        """What is told below a picture."""
        return _facts(answer, self)

    def chosen(self) -> tuple[list[Answer], list[Answer]]:
        """Those with objects (or maps) and those without, together at most `MOST`, first things first."""
        some, none = (
            [one for *_, one in sorted(kept, key=lambda it: it[:2], reverse=True)] for kept in (self.unsure, self.empty)
        )
        room = max(MOST - len(some), min(EMPTY, len(none)))
        return some[: MOST - min(room, len(none))], none[:room]


def _keep(heap: list[Ranked], rank: float, answer: Answer, most: int) -> None:
    """Keep an answer, small: masks as run lengths, maps no larger than they are shown."""
    entry = (rank, -answer.row)
    if len(heap) == most and entry <= heap[0][:2]:
        return
    (heapq.heappush if len(heap) < most else heapq.heapreplace)(heap, (*entry, _small(answer)))


def _small(answer: Answer) -> Answer:
    if answer.semantic is None:
        return replace(answer, masks=None, runs=masks_of(answer))
    height, width = answer.size
    by = max(1, -(-max(height, width) // LARGE))
    rows, columns = (torch.arange(-(-length // by)) * by + by // 2 for length in (height, width))
    values = answer.semantic[rows.clamp(max=height - 1)][:, columns.clamp(max=width - 1)]
    return replace(answer, semantic=values.clone(), size=(len(rows), len(columns)))


def borders(answer: Answer) -> float:
    """The share of neighbouring pixels that are of two classes."""
    values = answer.semantic
    assert values is not None
    parts = (values[:, 1:] != values[:, :-1], values[1:] != values[:-1])
    return sum(float(one.float().mean()) for one in parts if one.numel()) / 2


def write_predictions_page(
    path: str | Path,
    run: str,
    shown: Shown,
    *,
    failed: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    facts: Mapping[str, object] | None = None,
) -> Path:
    """Write the page of a pass that has ended.

    Args:
        path: the file, which ends in .html.
        run: what to call the model.
        shown: to which each answer was added.
        failed: pictures that could not be read, with causes.
        notes: what a reader should know.
        facts: how the answers were made.

    Raises:
        InputError: another ending.
    """
    sections = shown.sections(path)
    if failed:
        rows = [[name, cause] for name, cause in list(failed.items())[:MOST]]
        sections.append(Section("Not read", of(len(rows), len(failed)), [Table(["name", "cause"], rows)]))
    return write_report(path, f"Found by {run}", sections, _summary(shown, len(failed or ()), notes), facts=facts)


def _summary(shown: Shown, failed: int, notes: Sequence[str]) -> str:
    parts = [f"Pictures: {shown.seen}.", *shown.summary()]
    if failed:
        parts.append(f"Pictures that could not be read: {failed}.")
    return " ".join(parts) + "".join(f"\n\n{note}" for note in notes)


def _table(shown: DenseShown) -> Table:
    names = [_swatch(place, name) for place, name in enumerate(shown.names)]
    if shown.semantic:
        share = shown.sums / max(shown.seen, 1)
        order = np.argsort(-share, kind="stable").tolist()
        rows = [[names[one], int(shown.pictures[one]), f"{share[one]:.1%}"] for one in order]
        return Table(["class", "pictures", "share of pixels"], rows)
    order = np.argsort(-shown.objects, kind="stable").tolist()
    means = [round(float(shown.sums[one] / shown.objects[one]), 2) if shown.objects[one] else None for one in order]
    rows = [[names[one], int(shown.objects[one]), int(shown.pictures[one]), mean] for one, mean in zip(order, means)]
    return Table(["class", "objects", "pictures", "mean score"], rows)


def _swatch(place: int, name: str) -> Markup:
    """A class's name after its colour, but for the background's, which is not drawn."""
    if name == BACKGROUND:
        return Markup("<bdi>{}</bdi>").format(name)
    colour = "#{:02x}{:02x}{:02x}".format(*class_colour(place))
    return Markup('<span aria-hidden="true" style="color: {}">■</span> <bdi>{}</bdi>').format(colour, name)


def _facts(answer: Answer, shown: DenseShown) -> list[tuple[str, object]]:
    if answer.semantic is not None:
        shares = np.bincount(answer.semantic.flatten().numpy(), minlength=len(shown.names)) / answer.semantic.numel()
        order = [one for one in np.argsort(-shares, kind="stable").tolist() if shares[one] > 0]
        return [(shown.names[one], share_text(shares[one])) for one in order[:_TOLD]]
    found = answer.classes[answer.scores >= shown.threshold].numpy()
    counts = np.bincount(found, minlength=len(shown.names))
    order = [one for one in np.argsort(-counts, kind="stable").tolist() if counts[one]]
    facts: list[tuple[str, object]] = [(shown.names[one], int(counts[one])) for one in order[:_TOLD]]
    if len(answer.scores):
        nearest = answer.scores[(answer.scores - shown.threshold).abs().argmin()]
        facts.append((f"score nearest to {shown.threshold:g}", f"{float(nearest):.2f}"))
    return facts
