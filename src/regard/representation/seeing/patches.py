"""The nine patches of a collection that each unit answers to most: streamed, with nothing kept but the nine.

Zeiler and Fergus 2014, figure 2: the top nine activations of a unit over a set of pictures. A picture counts once for
a unit, by the largest value on the unit's map, and the cell where it was; equal values go to the picture that came
first. What was kept does not depend on the size of the batches.
"""

from dataclasses import dataclass

import numpy as np

NINE = 9


@dataclass(frozen=True)
class Patch:
    """Where a unit answered: the picture's row in the collection, the value, and the cell of the map (row, column)."""

    image: int
    value: float
    cell: tuple[int, int]


class Nine:
    """The largest answers of each unit of one layer.

    Attributes:
        values: (C, k) largest values, from the largest on; -inf where there were fewer pictures.
        images: (C, k) rows of the collection.
        cells: (C, k) places on the map, in rows.
        width: columns of the map.
        seen: how many pictures.
    """

    def __init__(self, channels: int, width: int, k: int = NINE) -> None:
        self.values = np.full((channels, k), -np.inf, np.float32)
        self.images, self.cells = np.full((channels, k), -1), np.full((channels, k), -1)
        self.width, self.seen = width, 0
        self._sum, self._squares = np.zeros(channels), np.zeros(channels)

    def add(self, images: np.ndarray, values_NC: np.ndarray, cells_NC: np.ndarray) -> None:
        """Take more pictures.

        Args:
            images: (N,) their rows, rising from call to call.
            values_NC: the largest value of each unit in each picture.
            cells_NC: where it was.
        """
        k = self.values.shape[1]
        values = np.concatenate([self.values, values_NC.T], axis=1)
        rows = np.concatenate([self.images, np.broadcast_to(images, values_NC.T.shape)], axis=1)
        cells = np.concatenate([self.cells, cells_NC.T], axis=1)
        order = np.argsort(-values, axis=1, kind="stable")[:, :k]
        self.values, self.images, self.cells = (np.take_along_axis(one, order, 1) for one in (values, rows, cells))
        self.seen += len(images)
        self._sum += values_NC.sum(0, dtype=np.float64)
        self._squares += np.square(values_NC, dtype=np.float64).sum(0)

    def of(self, unit: int) -> list[Patch]:
        """The nine of one unit, or as many as there are, from the largest on."""
        found = zip(self.images[unit], self.values[unit], self.cells[unit])
        return [Patch(int(i), float(v), divmod(int(c), self.width)) for i, v, c in found if i >= 0]

    def standing_out(self) -> np.ndarray:
        """(C,) how far the mean of a unit's nine is above that of all, in standard deviations; -1: it never varies."""
        mean = self._sum / max(self.seen, 1)
        deviation = np.sqrt(np.maximum(self._squares / max(self.seen, 1) - mean**2, 0))
        there = self.images >= 0
        best = np.where(there, self.values, 0).sum(1, dtype=np.float64) / np.maximum(there.sum(1), 1)
        flat = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-12)
        return np.where(flat, -1.0, (best - mean) / np.where(flat, 1.0, deviation))


def varied_units(nine: Nine, count: int) -> list[int]:
    """Units to show: those that stand out most, each answering to other pictures than those before it.

    One after another the unit is taken for which `standing_out` is largest, less a share for each of its pictures
    that a taken unit has among its nine already. No draw: the same collection gives the same units.
    """
    out = nine.standing_out()
    there = nine.images >= 0
    used: set[int] = set()
    chosen: list[int] = []
    open_ = out > -1
    while len(chosen) < count and open_.any():
        again = np.isin(nine.images, list(used)) & there
        share = again.sum(1) / np.maximum(there.sum(1), 1)
        worth = np.where(open_, out * (1 - 0.5 * share), -np.inf)
        unit = int(worth.argmax())
        chosen.append(unit)
        open_[unit] = False
        used |= set(nine.images[unit][there[unit]].tolist())
    return chosen
