"""Maps of centres: how high a cell is by how near it is to an object's middle, the loss of it, and its peaks.

Papers: Zhou, Wang, Krähenbühl 2019, Objects as points, arXiv 1904.07850 (equation 1 and section 4); Law, Deng 2018,
CornerNet, ECCV, for the loss; Liu et al. 2020, Training-time-friendly network for real-time object detection, AAAI, for
a bell as wide and high as the object.

What differs: a peak is a cell above its eight neighbours, and of equal ones the first in reading order, so that one
object gives one peak on every machine.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, pad

WIDTH = 0.54 / 6  # of the box: the standard deviation of the bell, as in Liu et al.
LEAST = 0.4  # cells that it has at least


def bell(middle: Tensor, sides: Tensor, cells: tuple[int, int]) -> Tensor:
    """How near each cell is to objects' middles: (m, h, w), 1 in the cell that holds the middle.

    Args:
        middle: (m, 2) x, y in cells.
        sides: (m, 2) width and height of the objects in cells.
        cells: h and w.
    """
    spread = (sides * WIDTH).clamp(min=LEAST)
    apart = []
    for axis, count in ((0, cells[1]), (1, cells[0])):
        at = torch.arange(count, device=middle.device) - middle[:, axis, None].floor()
        apart.append((-at.square() / (2 * spread[:, axis, None].square())).exp())
    return apart[1][:, :, None] * apart[0][:, None]


def heat_loss(logits: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """The penalty-reduced focal loss with its powers of 2 and 4, summed and divided by the number of peaks, or 1.

    Args:
        logits: (N, C, h, w).
        target: (N, C, h, w) in [0, 1], 1 at an object's cell.
        counts: (N, 1, h, w) bool: cells that do. One with a target of 1 does in any case.
    """
    p, there = logits.sigmoid(), target >= 1
    hit = -(1 - p).square() * logsigmoid(logits)
    miss = -p.square() * logsigmoid(-logits) * (1 - target).square().square() * counts
    return torch.where(there, hit, miss).sum() / there.sum().clamp(min=1)


def peaks(heat: Tensor, most: int, least: float) -> tuple[Tensor, Tensor, Tensor]:
    """The highest peaks of one picture's map, in falling order, equal ones by class and then in reading order.

    Args:
        heat: (C, h, w).
        most: how many.
        least: height below which there is none.

    Returns:
        Heights (n,), classes (n,) and cells (n, 2), row and column.

    >>> heat = torch.zeros(1, 3, 4)
    >>> heat[0, 1, 1:3] = 0.5
    >>> [one.tolist() for one in peaks(heat, 9, 0.1)]
    [[0.5], [0], [[1, 1]]]
    """
    around = pad(heat, (1, 1, 1, 1), value=-1.0)
    height, width = heat.shape[1:]
    top = heat >= least
    for down in range(3):
        for across in range(3):
            other = around[:, down : down + height, across : across + width]
            before = (down, across) < (1, 1)
            if (down, across) != (1, 1):
                top = top & (heat > other if before else heat >= other)
    classes, rows, columns = torch.where(top)  # in reading order
    order = heat[top].argsort(stable=True, descending=True)[:most]
    return heat[top][order], classes[order], torch.stack([rows, columns], 1)[order]
