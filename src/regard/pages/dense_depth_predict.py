"""What the page of predicted depth shows: how near and far things were told to be, and pictures with their maps."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..data.imageset import ImageSet
from ..report.cards import Gallery
from ..report.html import Section, Table
from ..reuse.dense.answer import Answer
from ..reuse.dense.answers.json_file import depth_facts
from ..reuse.dense.examined_pixels import small
from .dense_predict import MOST
from .dense_shown import cards, of

KEPT_SIDE = 480  # pixels of a kept map
FIGURES = ("nearest", "median", "farthest")
Ranked = tuple[float, int, Answer]


class DepthShown:
    """The few answers that a page will show, whatever number goes by, and figures of all.

    Those whose depth spreads most, from the nearest to the farthest pixel, come first.
    """

    many = "metres, mean over the pictures"

    def __init__(self, images: ImageSet, names: Sequence[str] = (), threshold: float = 0.0) -> None:
        self.images, self.names, self.threshold = images, tuple(names), threshold
        self.seen = 0
        self._sums = np.zeros(len(FIGURES))
        self._kept: list[Ranked] = []

    def through(self, answers: Iterable[Answer]) -> Iterator[Answer]:
        """The answers as they come, taken note of."""
        for answer in answers:
            self.add(answer)
            yield answer

    def add(self, answer: Answer) -> None:
        """Count one, and keep it if it ranks among the first so far."""
        assert answer.depth is not None
        self.seen += 1
        facts = depth_facts(answer.depth)
        self._sums += [facts[name] for name in FIGURES]
        entry = (facts["farthest"] / facts["nearest"], -answer.row)
        if len(self._kept) == MOST and entry <= self._kept[0][:2]:
            return
        values = small(answer.depth.numpy(), KEPT_SIDE)
        kept = replace(answer, depth=answer.depth.new_tensor(values), size=values.shape)
        (heapq.heappush if len(self._kept) < MOST else heapq.heapreplace)(self._kept, (*entry, kept))

    @property
    def counts(self) -> dict[str, float]:
        """The nearest, the median and the farthest depth, each its mean over the pictures."""
        return dict(zip(FIGURES, (self._sums / max(self.seen, 1)).round(4).tolist()))

    @property
    def metrics(self) -> dict[str, float]:
        """What `--json` tells of all pictures."""
        return {f"{name}_metres": value for name, value in self.counts.items()}

    def summary(self) -> list[str]:
        """Sentences at the top of the page."""
        near, middle, far = self.counts.values()
        return [f"Depth goes from {near:.2f} to {far:.2f} m with a median of {middle:.2f} m, on average."]

    def sections(self, page: str | Path) -> list[Section]:
        """The parts of the page, in order."""
        answers = [one for *_, one in sorted(self._kept, key=lambda it: it[:2], reverse=True)]
        rows = [[name, f"{value:.2f}"] for name, value in self.counts.items()]
        parts = [Section("Distances", "", [Table(["", self.many], rows)])]
        if answers:
            text = of(len(answers), self.seen) + "Those with the widest range of depth first; yellow is near."
            parts.append(Section("Pictures", text, [cards(answers, self, Gallery(), page)]))
        return parts

    def facts(self, answer: Answer) -> list[tuple[str, object]]:
        """What is told below a picture."""
        assert answer.depth is not None
        return [(name, f"{value:.2f} m") for name, value in depth_facts(answer.depth).items()]
