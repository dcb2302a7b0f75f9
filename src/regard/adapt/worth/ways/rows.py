"""Cells become rows: what each way got right, against what it starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ....metrics.contrast import contrast
from ....metrics.intervals import accuracy_interval
from ...choose.select import Judged, decide
from ...deep.auto import SCORE
from .cells import Cell
from .found import WayRow
from .sides import Sides


@dataclass(frozen=True)
class Line:
    """A row before its figures: its name, its way, and the row that it starts from; its own name where none."""

    name: str
    way: str
    against: str


@dataclass(frozen=True)
class Luck:
    """How the rows of scores belong together; see `metrics.contrast`."""

    share: float | None
    halves: bool


def rows_of(
    lines: Sequence[Line], cells: Mapping[tuple[str, int], Cell], sides: Sides, luck: Luck, by: str
) -> tuple[WayRow, ...]:
    """The rows of those lines that have a cell for every seed.

    Args:
        lines: in their order; the first is what all are ahead of.
        cells: by name and seed.
        sides: both domains.
        luck: how rows of scores belong together.
        by: the scorer whose score is told.
    """
    seeds = [one.seed for one in sides.draws]
    complete = [line for line in lines if all((line.name, seed) in cells for seed in seeds)]
    right = {line.name: _right([cells[line.name, seed] for seed in seeds], sides) for line in complete}
    found = []
    for line in complete:
        own = [cells[line.name, seed] for seed in seeds]
        one, start, first = right[line.name], right[line.against], right[complete[0].name]
        options = {"share": luck.share, "halves": luck.halves}
        best = [cell.best for cell in own if cell.best is not None]
        kept = [_kept(cell) for cell in own if cell.judged]
        found.append(
            WayRow(
                line.name,
                line.way,
                accuracy_interval(one, **options),  # type: ignore[arg-type]
                line.against,
                contrast(one, start, **options) if line.against != line.name else None,  # type: ignore[arg-type]
                contrast(one, first, **options) if one is not first else None,  # type: ignore[arg-type]
                float(np.mean([cell.seconds + cell.before for cell in own])),
                float(np.mean(best)) if len(best) == len(own) else None,
                tuple(cell.chosen for cell in own),
                float(np.mean([judged.source for judged in kept])) if kept else None,
                float(np.mean([judged.scores[by] for judged in kept])) if kept else None,
                one,
            )
        )
    return tuple(found)


def chosen_among(methods: Sequence[str], start: str, cells: Mapping[tuple[str, int], Cell], seed: int) -> Cell:
    """The method that `auto` takes for a seed, the network without one among them; what all of them cost.

    Args:
        methods: names of deep methods that have a cell.
        start: the row of the network without a method.
        cells: by name and seed.
        seed: which.
    """
    own = {name: cells[name, seed] for name in (start, *methods)}
    judged = tuple(replace(_kept(cell), name=name) for name, cell in own.items())
    choice = decide(judged, SCORE, start)
    best = [cell.best for cell in own.values() if cell.best is not None]
    seconds = sum(cells[name, seed].seconds for name in methods)
    taken = own[choice.name]
    return Cell(
        taken.predictions, seconds, own[start].seconds, choice.name, max(best, default=None), judged, taken.notes
    )


def _kept(cell: Cell) -> Judged:
    return next((one for one in cell.judged if one.name == cell.chosen), cell.judged[0])


def _right(cells: Sequence[Cell], sides: Sides) -> np.ndarray:
    found = np.array([cell.predictions == sides.yt for cell in cells], float)
    for row, one in zip(found, sides.draws):
        row[one.known] = np.nan
    return found
