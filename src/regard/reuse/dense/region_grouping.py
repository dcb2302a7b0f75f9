"""Segments of a picture grouped two by two, the most alike first: boxes of things of every size.

Paper: Uijlings, van de Sande, Gevers, Smeulders 2013, Selective search for object recognition, IJCV 104, section 3.2.

The idea: of all neighbours the two that are most alike become one, until a single region is left. Each region on the
way is a proposal. Alike, in [0, 1] each, and added up as they are asked for:

- `colour`, `texture`: the intersection of two histograms, sum of min(h_i, h_j).
- `size`: 1 - (size_i + size_j) / pixels of the picture, so that small regions go first.
- `fill`: 1 - (size of the box around both - size_i - size_j) / pixels, so that gaps are filled.

Histograms and sizes of a new region follow from those of its two parts; no pixel is looked at again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

LIKENESS = ("colour", "texture", "size", "fill")


@dataclass(frozen=True)
class Regions:
    """The n segments of a picture.

    Attributes:
        sizes: (n,) pixels.
        boxes: (n, 4) x0, y0, x1, y1, half-open.
        colour: (n, d) histograms, of sum 1 each.
        texture: (n, e) likewise.
        pairs: (m, 2) numbers of segments that touch, the lower first, in order.
        pixels: of the picture.
    """

    sizes: np.ndarray
    boxes: np.ndarray
    colour: np.ndarray
    texture: np.ndarray
    pairs: np.ndarray
    pixels: int


def regions_of(labels: np.ndarray, colour: np.ndarray, texture: np.ndarray) -> Regions:
    """The regions that a map of segments makes.

    Args:
        labels: (H, W) numbers from 0, each of which is there.
        colour: (H, W, c) bins of each pixel, from 0 to `colour.max()`.
        texture: (H, W, t) likewise.
    """
    height, width = labels.shape
    count = int(labels.max()) + 1
    sizes = np.bincount(labels.ravel(), minlength=count)
    boxes = np.zeros((count, 4), dtype=np.int64)
    rows, columns = np.mgrid[:height, :width]
    boxes[:, :2] = max(height, width)
    for place, at in ((0, columns), (1, rows)):
        np.minimum.at(boxes[:, place], labels.ravel(), at.ravel())
        np.maximum.at(boxes[:, place + 2], labels.ravel(), at.ravel() + 1)
    touching = [
        np.stack([one.ravel(), other.ravel()], axis=1)
        for one, other in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:]))
    ]
    pairs = np.sort(np.concatenate(touching), axis=1)
    pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    return Regions(
        sizes, boxes, _histograms(labels, colour, sizes), _histograms(labels, texture, sizes), pairs, height * width
    )


def grouped(regions: Regions, likeness: Sequence[str]) -> np.ndarray:
    """The boxes (2 n - 1, 4) of the segments and of all groups, in the order in which they are made.

    Segments that touch no other (there are none in a picture that is segmented whole) stay alone. Equal likeness goes
    by the regions' numbers, the lower first, so that the order is the same each time.

    Args:
        regions: the segments.
        likeness: some of `LIKENESS`, which are added up.
    """
    count = len(regions.sizes)
    most = max(2 * count - 1, 0)
    sizes, boxes = np.zeros(most), np.zeros((most, 4))
    sizes[:count], boxes[:count] = regions.sizes, regions.boxes
    parts = [getattr(regions, one) for one in ("colour", "texture") if one in likeness]
    known = np.concatenate([*parts, np.zeros((count, 0))], axis=1).astype(np.float32)
    shows = np.zeros((most, known.shape[1]), dtype=np.float32)
    shows[:count] = known
    by_size, by_fill = "size" in likeness, "fill" in likeness

    def alike(one: np.ndarray | int, others: np.ndarray) -> np.ndarray:
        both = sizes[one] + sizes[others]
        found = np.minimum(shows[one], shows[others]).sum(axis=1, dtype=np.float64)
        if by_size:
            found += 1 - both / regions.pixels
        if by_fill:
            low = np.minimum(boxes[one, ..., :2], boxes[others, :2])
            high = np.maximum(boxes[one, ..., 2:], boxes[others, 2:])
            found += 1 - ((high - low).prod(axis=1) - both) / regions.pixels
        return found

    first, second = regions.pairs.T
    near: list[set[int]] = [set() for _ in range(most)]
    for one, other in regions.pairs.tolist():
        near[one].add(other)
        near[other].add(one)
    heap = list(zip((-alike(first, second)).tolist(), first.tolist(), second.tolist()))
    heapify(heap)
    gone = np.zeros(most, dtype=bool).tolist()
    made = count
    while heap:
        _, one, other = heappop(heap)
        if gone[one] or gone[other]:
            continue
        gone[one] = gone[other] = True
        sizes[made] = sizes[one] + sizes[other]
        boxes[made, :2] = np.minimum(boxes[one, :2], boxes[other, :2])
        boxes[made, 2:] = np.maximum(boxes[one, 2:], boxes[other, 2:])
        shows[made] = (sizes[one] * shows[one] + sizes[other] * shows[other]) / sizes[made]
        others = sorted((near[one] | near[other]) - {one, other})
        near[one], near[other], near[made] = set(), set(), set(others)
        if others:
            for it, value in zip(others, (-alike(made, np.array(others))).tolist()):
                near[it] -= {one, other}
                near[it].add(made)
                heappush(heap, (value, it, made))
        made += 1
    return boxes[:made]


def _histograms(labels: np.ndarray, bins: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """One histogram after the other for each channel, all of them together of sum 1: (n, channels * bins)."""
    count, channels, many = len(sizes), bins.shape[2], int(bins.max()) + 1
    at = labels.ravel().astype(np.int64) * many
    found = [np.bincount(at + bins[..., one].ravel(), minlength=count * many) for one in range(channels)]
    values = np.stack(found).reshape(channels, count, many)
    return values.transpose(1, 0, 2).reshape(count, channels * many) / (sizes[:, None] * channels)
