"""Both domains of a comparison: images and what is drawn of them for each seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....core.storage import hash_json
from ....data.sampling import split
from ...deep.domains import ImageDomains, Side, split_sides
from ..trials import Draw, draw, halved

CUT = 0.5  # of the target, that the ceiling learns from


@dataclass(frozen=True, eq=False)
class Sides:
    """Both domains with all labels, and a draw for each seed.

    Attributes:
        source, target: images that can be read.
        ys, yt: (ns,) and (nt,) their labels.
        draws: for each seed which source images are learned from, and which target labels are known.
        notes: what is to be said of the images.
        content: hash of all images and labels.
    """

    source: Side
    target: Side
    ys: np.ndarray
    yt: np.ndarray
    draws: tuple[Draw, ...]
    notes: tuple[str, ...]
    content: str

    @property
    def unreachable(self) -> float:
        """Share of target samples whose class the source has not."""
        return float((~np.isin(self.yt, self.ys)).mean())

    def domains(self, one: Draw) -> ImageDomains:
        """What a network gets for a draw; target images whose label is known are learned from, and not scored."""
        known = np.isin(np.arange(len(self.yt)), one.known)
        labelled = known & np.isin(self.yt, self.ys[one.source])
        few = part(self.target, labelled) if labelled.any() else None
        return split_sides(part(self.source, one.source), part(self.target, ~known), few, one.seed)

    def halves(self, seed: int) -> list[tuple[np.ndarray, ImageDomains]]:
        """The target in two halves, each in turn to learn from with its labels; the rows that are then told.

        Raises:
            InputError: a class has too few images for both.
        """
        images = self.target.images
        first, second = split(images, CUT, seed, "identity" if "identity" in images.columns else None)
        rows = [np.flatnonzero(np.isin(images.ids, one.ids)) for one in (first, second)]
        return [
            (told, split_sides(part(self.target, learned), part(self.target, told), None, seed))
            for learned, told in (rows, rows[::-1])
        ]


def drawn(source: Side, target: Side, seeds: Sequence[int], share: float, shots: int, notes: Sequence[str]) -> Sides:
    """Draw for each seed; with a share of one half and an even number of seeds, the two halves of the source in turn.

    Args:
        source: labelled images that can be read.
        target: the same.
        seeds: of the draws.
        share: of each source class that a draw takes.
        shots: target labels of each class that are known.
        notes: what is to be said of the images already.

    Raises:
        InputError: no class in common; `shots` where each class has one target sample.
    """
    ys, yt = source.images.need_labels("SOURCE"), target.images.need_labels("TARGET", 1)
    halves = in_halves(share, seeds)
    draws = tuple(draw(ys, yt, 1.0 if halves else share, shots, seed) for seed in seeds)
    if halves:
        draws = tuple(half for pair in zip(draws[::2], draws[1::2]) for half in halved(*pair, ys))
    # what is to be said of both together is said once, not for each draw
    whole = split_sides(source, target, None, seeds[0], notes)
    content = hash_json([whole.content, sorted(zip(target.hashes.tolist(), yt.tolist()))])
    return Sides(source, target, ys, yt, draws, whole.notes, content)


def in_halves(share: float, seeds: Sequence[int]) -> bool:
    """Whether draws are the two halves of the source in turn."""
    return share == 0.5 and len(seeds) % 2 == 0


def part(side: Side, rows: np.ndarray) -> Side:
    """Some of a side's images."""
    return Side(side.images.subset(rows), side.hashes[rows])
