"""The comparison itself: every arm, seed and number of labels asked of a task, cell by cell, then put together."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.events import Event
from .arms import Entrant
from .cells import Cell, Cells
from .contract import Asked, Sides, Task
from .draws import order
from .reading import Reading, read_off


@dataclass(frozen=True)
class Plan:
    """What is asked, of one task.

    Attributes:
        name: of the task.
        task: it.
        sides: its data.
        entrants: the arms by name.
        baseline: the name of the one that the others are compared with.
        ways: frozen, finetuned.
        numbers: of labels, rising; of a task that learns nothing empty.
        seeds: how many.
        seed: the first.
        steps: of fine-tuning or of a head; None: the task's own.
        size: of pictures; None: the task's own.
        device: where.
        folder: where answers are kept.
    """

    name: str
    task: Task
    sides: Sides
    entrants: Mapping[str, Entrant]
    baseline: str
    ways: Sequence[str]
    numbers: Sequence[int]
    seeds: int
    seed: int
    steps: int | None
    size: int | None
    device: str
    folder: Path

    @property
    def cells(self) -> int:
        """How many there are."""
        numbers = max(len(self.numbers), 1)
        return sum(len(self._places(one)) for one in self.entrants.values()) * numbers * len(self.ways)

    @property
    def labelled(self) -> np.ndarray:
        """The places of TRAIN that the first seed knows at most; all, where nothing is learned."""
        every = order(len(self.sides.train), self.sides.strata, self.seed)
        return np.sort(every[: max(self.numbers, default=len(every))])

    def events(self, done: int = 0, total: int | None = None) -> Generator[Event, None, list[Reading]]:
        """Ask what is not known yet; an event for each cell. Returns a reading for each way.

        Args:
            done: cells of other tasks that are done, for the count of the events.
            total: of all tasks.
        """
        store, found = Cells(self.folder / "cells"), {}
        total = self.cells if total is None else total
        orders = [order(len(self.sides.train), self.sides.strata, self.seed + place) for place in range(self.seeds)]
        for name, entrant in self.entrants.items():
            kept: dict[str, object] = {}
            most = [every[: max(self.numbers, default=0)] for every in orders]
            fixed = None if entrant.varies else (entrant.of_seed(0), entrant.of_seed(0).fingerprint)
            for place in self._places(entrant):
                rep = entrant.of_seed(place) if fixed is None else fixed[0]
                mark = rep.fingerprint if fixed is None else fixed[1]
                if fixed is None:
                    kept.clear()  # vectors of other weights
                pool = np.sort(most[place]) if fixed is None else np.unique(np.concatenate(most))
                for way in self.ways:
                    for number in self.numbers or [0]:
                        rows = np.sort(orders[place][:number])
                        asked = Asked(
                            self.sides,
                            rep,
                            rows,
                            self.seed + place,
                            way,
                            self.steps,
                            self.size,
                            self.device,
                            pool,
                            kept,
                        )
                        file = store.file(self.name, self.task, asked, mark)
                        cell, known = store.read(file), True
                        if cell is None:
                            told = {"task": self.name, "arm": name, "fingerprint": mark}
                            cell, known = store.work_out(file, self.task, asked, told), False
                        found[name, way, number, place] = cell
                        done += 1
                        yield Event("compare", done, total, self._told(name, cell), "known already" if known else "")
        return [self._reading(way, found) for way in self.ways]

    def _places(self, entrant: Entrant) -> range:
        """The places of the seeds: where nothing is learned and weights do not vary, one says all."""
        if self.task.learns or entrant.drawn is not None:
            return range(self.seeds)
        return range(len(entrant.runs))

    def _told(self, name: str, cell: Cell) -> dict[str, float]:
        main = self.task.measures[0].name
        return {f"{name}_{main}": float(np.nanmean(cell.answer.scores[main]))}

    def _reading(self, way: str, found: Mapping[tuple[str, str, int, int], Cell]) -> Reading:
        cells = {
            (name, number): [found[name, way, number, place] for place in self._places(entrant)]
            for name, entrant in self.entrants.items()
            for number in self.numbers or [0]
        }
        return read_off(self.name, self.task, way, self.entrants, self.baseline, self.numbers, cells, self.sides.units)
