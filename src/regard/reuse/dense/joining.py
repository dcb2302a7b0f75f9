"""What several windows found, as what the picture shows: each object once, also where a window's edge cut it.

Boxes of one class from two windows are compared inside V, what both windows show, for beyond it each knows what the
other cannot. Along each axis that is the length that they share over that which they cover together; where an inner
edge of a window cuts one of them, over the shorter, as a strip of a few pixels is no measure of length; and a pixel of
the coarser of the two views more or less at either end does not count. Where the product of both is at least 1/2, they
are the same object. Pairs are joined from the most alike on, but never so that two boxes of one window become one:
within a window the head has told them apart already.

Of joined boxes the surest that no inner edge cuts is the object; where there is none (it is longer than the overlap,
and was not found in the picture as a whole), it is the smallest box around all. A cut box that lies mostly inside an
object of its class seen whole is a piece of it: had it been another one, small enough to lie there, some window would
have shown it whole.

Like SAHI (Akyon, Altinuc, Temizel 2022, Slicing aided hyper inference, ICIP), whose greedy merging by the intersection
over the smaller this replaces: that joins small objects before large ones of their class, and misses pieces of one
that is much longer than the overlap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from .windows import Window

ALIKE = 0.5
_SLACK = 0.02  # of a window's side: boxes that end so near an edge inside the picture are cut by it
_INSIDE = 0.7  # share of a piece that lies in an object
_FAINT = 0.5  # an object takes pieces that are at most twice as sure as itself


@dataclass(frozen=True)
class Seen:
    """What was found in one window.

    Attributes:
        window: which.
        boxes: (n, 4) in pixels of the picture.
        scores: (n,).
        classes: (n,).
        masks: n runs of masks of the window's height and width, or None.
        pixel: of the picture, to one of what the network was shown.
    """

    window: Window
    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    masks: Sequence[np.ndarray] | None = None
    pixel: float = 1.0


@dataclass(frozen=True)
class Object:
    """One object of the picture: box (4,), score, class, and the places of what tells its mask in the list of all."""

    box: np.ndarray
    score: float
    label: int
    told_by: tuple[int, ...]


def joined(seen: Sequence[Seen], size: tuple[int, int]) -> list[Object]:
    """The objects of a picture of `size` (height, width), in no order; O(pairs of overlapping windows n^2)."""
    boxes = np.concatenate([one.boxes for one in seen]).astype(np.float64).reshape(-1, 4)
    scores, classes = (np.concatenate([getattr(one, name) for one in seen]) for name in ("scores", "classes"))
    of = np.repeat(np.arange(len(seen)), [len(one.boxes) for one in seen])
    cut = np.concatenate([cut_edges(one, size) for one in seen]).reshape(-1, 4)
    groups = _grouped(sorted(_pairs(seen, boxes, classes, of, cut)), of)
    uncut = np.asarray(~cut.any(axis=1))
    found = [_object(np.array(group), boxes, scores, classes, uncut) for group in groups]
    return _without_pieces(found, uncut)


def cut_edges(one: Seen, size: tuple[int, int]) -> np.ndarray:
    """(n, 4) bool: at which inner edges of the window the boxes end: left, top, right, bottom."""
    edges = np.array([one.window.left, one.window.top, one.window.right, one.window.bottom])
    slack = max(_SLACK * max(one.window.height, one.window.width), one.pixel)
    return (np.abs(one.boxes.reshape(-1, 4) - edges) <= slack) & np.array(one.window.inner(size))


def _pairs(
    seen: Sequence[Seen], boxes: np.ndarray, classes: np.ndarray, of: np.ndarray, cut: np.ndarray
) -> Iterator[tuple[float, int, int]]:
    """Pairs of boxes that are alike, with how much, negated so that the most alike sort first."""
    starts = np.searchsorted(of, np.arange(len(seen) + 1))
    for one, two in combinations(range(len(seen)), 2):
        a, b = seen[one].window, seen[two].window
        low = np.array([max(a.left, b.left), max(a.top, b.top)], dtype=np.float64)
        high = np.array([min(a.right, b.right), min(a.bottom, b.bottom)], dtype=np.float64)
        mine, yours = (slice(starts[place], starts[place + 1]) for place in (one, two))
        if (high <= low).any() or not len(boxes[mine]) or not len(boxes[yours]):
            continue
        each = boxes[mine], boxes[yours], cut[mine], cut[yours], (low, high)
        same = classes[mine][:, None] == classes[yours]
        same &= alike(*each, max(seen[one].pixel, seen[two].pixel)) >= ALIKE
        share = alike(*each)
        for i, j in zip(*np.nonzero(same)):
            yield -float(share[i, j]), int(starts[one] + i), int(starts[two] + j)


def alike(
    a: np.ndarray,
    b: np.ndarray,
    cut_a: np.ndarray,
    cut_b: np.ndarray,
    both: tuple[np.ndarray, np.ndarray],
    pixel: float = 0.0,
) -> np.ndarray:
    """How far boxes (n, 4) and (m, 4), with their cut edges, tell the same of the rectangle that both windows show."""
    ends = [(np.clip(one[:, :2], *both), np.clip(one[:, 2:], *both)) for one in (a, b)]
    shared = np.minimum(ends[0][1][:, None], ends[1][1]) - np.maximum(ends[0][0][:, None], ends[1][0])
    mine, yours = (stop - start for start, stop in ends)
    shorter = np.minimum(mine[:, None], yours)  # (n, m, 2), along x and y
    near = np.where(shared > 0, np.minimum(shared + 2 * pixel, shorter), 0)
    around = np.maximum(mine[:, None] + yours - near - 2 * pixel, shorter)
    cut = (cut_a[:, :2] | cut_a[:, 2:])[:, None] | (cut_b[:, :2] | cut_b[:, 2:])
    return (near / np.where(cut, shorter, around).clip(min=1e-9)).prod(axis=2)


def _grouped(pairs: Sequence[tuple[float, int, int]], of: np.ndarray) -> list[list[int]]:
    """Join pair after pair, but for those that would put two boxes of one window together."""
    group = {place: [place] for place in range(len(of))}
    for _, one, two in pairs:
        mine, yours = group[one], group[two]
        if mine is not yours and not {of[place] for place in mine} & {of[place] for place in yours}:
            mine += yours
            group |= dict.fromkeys(yours, mine)
    return [members for place, members in group.items() if members[0] == place]


def _object(group: np.ndarray, boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, uncut: np.ndarray) -> Object:
    full = group[uncut[group]]
    score, label = float(scores[group].max()), int(classes[group[0]])
    if len(full):
        best = int(min(full.tolist(), key=lambda place: (-scores[place], place)))
        return Object(boxes[best], score, label, (best,))
    around = np.concatenate([boxes[group, :2].min(axis=0), boxes[group, 2:].max(axis=0)])
    return Object(around, score, label, tuple(sorted(group.tolist())))


def _without_pieces(found: Sequence[Object], uncut: np.ndarray) -> list[Object]:
    seen_whole = [one for one in found if uncut[one.told_by[0]]]
    kept = list(seen_whole)
    for one in found:
        if uncut[one.told_by[0]]:
            continue
        others = [it for it in seen_whole if it.label == one.label and it.score >= _FAINT * one.score]
        corners = np.array([it.box for it in others]).reshape(-1, 4)
        sides = np.minimum(corners[:, 2:], one.box[2:]) - np.maximum(corners[:, :2], one.box[:2])
        if not (sides.clip(min=0).prod(axis=1) >= _INSIDE * (one.box[2:] - one.box[:2]).prod()).any():
            kept.append(one)
    return kept
