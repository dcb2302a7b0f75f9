"""What training pictures say of objects in space before anything is learned: mean sizes by class, and mean depth."""

from collections.abc import Mapping

import torch

from ...learning.batch import Batch
from .centers import Usual

SIZES, DEPTH = "log_sizes", "log_depth"


class SpaceStatistics:
    """Takes batches of objects in space; sums by class are all that is kept.

    Args:
        size: side of the square.
    """

    def __init__(self, size: int) -> None:
        self._sums: dict[int, torch.Tensor] = {}  # of log(sizes), and how many
        self._depth = torch.zeros(2, dtype=torch.float64)

    def add(self, batch: Batch) -> None:
        """The next pictures."""
        there = (batch["classes"] >= 0) & ~batch["ignore"]
        focal = batch["camera"][:, :2].double().prod(1).sqrt()
        depth = (batch["space"][..., 2].double() / focal[:, None])[there].log()
        self._depth += torch.stack([depth.sum(), torch.tensor(float(len(depth)))])
        for label, sizes in zip(batch["classes"][there].tolist(), batch["space"][..., 3:6][there].double().log()):
            self._sums[label] = self._sums.get(label, torch.zeros(4, dtype=torch.float64))
            self._sums[label] += torch.cat([sizes, sizes.new_ones(1)])

    def told(self) -> dict[str, tuple[float, ...]]:
        """`log_sizes`: of each class three means and how many there are; `log_depth`: the mean of log(z / f)."""
        most = max(self._sums, default=-1) + 1
        rows = [self._sums.get(label, torch.zeros(4, dtype=torch.float64)) for label in range(most)]
        sizes = [(*(row[:3] / row[3].clamp(min=1)).tolist(), float(row[3])) for row in rows]
        depth = float(self._depth[0] / self._depth[1].clamp(min=1))
        return {SIZES: tuple(value for row in sizes for value in row), DEPTH: (depth,)}


def usual_of(statistics: Mapping[str, tuple[float, ...]], classes: int) -> Usual:
    """What a head is told of so many classes; one that no picture shows has the mean size of all."""
    flat = torch.tensor(statistics.get(SIZES, ()), dtype=torch.float64).view(-1, 4)
    rows = torch.cat([flat, torch.zeros(max(classes - len(flat), 0), 4, dtype=torch.float64)])[:classes]
    counts = rows[:, 3:]
    whole = (rows[:, :3] * counts).sum(0) / counts.sum().clamp(min=1)
    sizes = torch.where(counts > 0, rows[:, :3], whole).exp().tolist()
    depth = statistics.get(DEPTH, (0.0,))[0]
    return Usual(tuple((one[0], one[1], one[2]) for one in sizes), float(depth))
