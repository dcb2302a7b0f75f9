"""What training pictures say of depth before anything is learned: how near, how far, and the best constant of each row.

A row of the square has the constant that an average of |c - d| / d over its pixels is least for, each picture counting
the same: the median of the depths d, each with the weight 1 / d. Where the ground lies below and the sky above, that
says much; a network that has learned less than it has learned nothing of pictures.
"""

from collections.abc import Mapping
from math import log

import numpy as np
from torch import Tensor

from ...learning.batch import Batch

NEAREST, FARTHEST, STEPS = 1e-3, 1e4, 8192  # metres, and steps of a logarithmic scale between: each 0.2 %
TAIL = 1e-3  # share of the pixels that are nearer, and farther, than the limits: what a sensor makes up


class DepthStatistics:
    """Takes batches with `depth`; memory does not grow with their number.

    Args:
        size: side of the square.
    """

    def __init__(self, size: int) -> None:
        self._weights = np.zeros((size, STEPS))
        self._pixels = np.zeros(STEPS)

    def add(self, batch: Batch) -> None:
        """The next pictures."""
        for one in batch["depth"]:
            self._picture(one)

    def _picture(self, metres: Tensor) -> None:
        depth = metres.double().numpy()
        rows, columns = np.nonzero(~np.isnan(depth))
        known = depth[rows, columns]
        steps = np.log(known / NEAREST) * (STEPS / log(FARTHEST / NEAREST))
        places = np.clip(steps.astype(np.int64), 0, STEPS - 1)
        np.add.at(self._weights, (rows, places), 1 / (known * len(known)))
        self._pixels += np.bincount(places, minlength=STEPS)

    def told(self) -> dict[str, tuple[float, ...]]:
        """`limits`, the nearest and the farthest depth but for a thousandth of the pixels each; `rows` (size,) metres.

        A row of which nothing is known has the constant of the nearest one of which something is.
        """
        depths = NEAREST * (FARTHEST / NEAREST) ** ((np.arange(STEPS) + 0.5) / STEPS)
        shares = self._pixels.cumsum() / max(self._pixels.sum(), 1)
        near, far = (int(np.searchsorted(shares, one)) for one in (TAIL, 1 - TAIL))
        sums = self._weights.cumsum(axis=1)
        there = np.flatnonzero(sums[:, -1] > 0)
        if not len(there):
            return {}
        middle = np.array([np.searchsorted(sums[row], sums[row, -1] / 2) for row in there])
        nearest = np.abs(np.arange(len(sums))[:, None] - there).argmin(axis=1)
        return {
            "limits": (float(depths[near]), float(depths[min(far, STEPS - 1)])),
            "rows": tuple(depths[middle[nearest]].tolist()),
        }


def row_constants(statistics: Mapping[str, tuple[float, ...]], size: int) -> np.ndarray | None:
    """(size, size) metres, the same along a row of the square; None where a run does not know them."""
    rows = statistics.get("rows", ())
    return np.repeat(np.array(rows)[:, None], size, axis=1) if len(rows) == size else None
