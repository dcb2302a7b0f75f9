"""What one way gave for one seed, kept in a file of its own, so that a comparison that was stopped goes on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ....core.reading import MOST_ROWS
from ....core.records import anything, listed, maybe, number, read_record, text
from ....core.storage import write_json
from ...choose.select import Judged

KEYS = {
    "key": text,
    "predictions": listed(text),
    "seconds": number(0),
    "before": number(0),
    "chosen": text,
    "best": maybe(number(0, 1)),
    "judged": listed(anything),
    "notes": listed(text),
}


@dataclass(frozen=True, eq=False)
class Cell:
    """What one way gave for one seed.

    Attributes:
        predictions: (nt,) the label told of each target sample; "" where it was known.
        seconds: what it took by itself.
        before: what the network took that it stands on.
        chosen: the candidate that was kept, of a method with several; what `auto` took.
        best: the best accuracy at any scoring of any candidate, which target labels would choose; None where nothing
            was chosen.
        judged: how each candidate was judged without target labels.
        notes: signs that it went wrong.
    """

    predictions: np.ndarray
    seconds: float
    before: float = 0.0
    chosen: str = ""
    best: float | None = None
    judged: tuple[Judged, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cells:
    """The cells of a comparison, by name and seed, in the folder `folder`."""

    folder: Path
    known: dict[tuple[str, int], Cell] = field(default_factory=dict)

    def read(self, name: str, seed: int, key: str) -> Cell | None:
        """A cell that was made by the same settings, `key`; None where it is not there."""
        file = self._file(name, seed)
        if not file.exists():
            return None
        found = read_record(file, KEYS, most=MOST_ROWS)
        if found["key"] != key:
            return None
        cell = Cell(
            np.array(found["predictions"], np.str_),
            found["seconds"],
            found["before"],
            found["chosen"],
            found["best"],
            tuple(_judged(one) for one in found["judged"]),
            tuple(found["notes"]),
        )
        self.known[name, seed] = cell
        return cell

    def write(self, name: str, seed: int, key: str, cell: Cell) -> Cell:
        """Keep a cell."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self._file(name, seed), {"key": key, **asdict(cell)})
        self.known[name, seed] = cell
        return cell

    def _file(self, name: str, seed: int) -> Path:
        return self.folder / f"{name}-{seed}.json"


def _judged(found: Mapping[str, Any]) -> Judged:
    return Judged(**{**found, "units": {key: np.array(value) for key, value in found["units"].items()}})
