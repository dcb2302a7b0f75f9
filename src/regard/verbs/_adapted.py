"""What `regard.adapt` gives for methods on vectors: predictions, and what they were worth."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..adapt.choose.select import Choice
from ..adapt.worth.comparison import Comparison
from ..report.html import Table
from ._domains import comparison_table
from ._result import Result


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Adapted(Result):
    """A target's labels, by a classifier that was adapted to it.

    Attributes:
        source, target: what was adapted, and to what.
        methods: those that were named.
        out: the file of predictions or the folder of the classifier, or None.
        ids: (n,) of the target's samples.
        predictions: (n,) the label of each, by the first method.
        found: what it was worth, where the target has labels.
        choice: what auto chose, and why, where it was asked.
    """

    verb: ClassVar[str] = "adapt"
    source: str
    target: str
    methods: Sequence[str]
    out: Path | None
    ids: np.ndarray
    predictions: np.ndarray
    found: Comparison | None
    choice: Choice | None

    def told(self) -> Mapping[str, object]:
        """What was adapted; where there was nothing to score with, where the predictions went."""
        if self.found is not None:
            return {"source": self.source, "target": self.target, "methods": self.methods}
        return {"out": self.out, "method": self.methods[0] if self.choice is None else self.choice.name}

    def shown(self) -> Iterator[str | Table]:
        """A line for each method; or what was written."""
        if self.found is not None:
            yield from self.found.table().split("\n")
            return
        if self.choice is not None:
            yield f"took {self.choice.name} by {self.choice.by}, without target labels:"
            yield from self.choice.table().split("\n")
        if self.out is None:
            yield f"{len(self.ids)} predictions in memory"
        else:
            yield f"{len(self.ids)} predictions to {self.out}" if self.out.suffix else f"the classifier to {self.out}"

    def blocks(self) -> Iterator[str | Table]:
        """The same, methods as a table."""
        if self.found is None:
            yield from self.shown()
            return
        yield comparison_table(self.found)
        for note in self.notes:
            yield f"note: {note}"

    def rows(self) -> Table:
        """A row for each method; without target labels one for each prediction."""
        if self.found is not None:
            return comparison_table(self.found)
        return Table(["id", "label"], list(zip(self.ids.tolist(), map(str, self.predictions))))
