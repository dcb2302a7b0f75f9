"""What deep adaptation gave, read from its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import bad
from ...core.reading import MOST_ROWS
from ...core.records import anything, listed, maybe, number, read_record, text, whole
from ...learning.run import read_metrics
from ...representation.checksums import check_results
from ...representation.folder_records import read_card

NEEDED = {"steps": whole(), "source_accuracy": number(0, 1)}
PREDICTIONS = {"ids": listed(text), "predictions": listed(text), "notes": listed(text), "labels": maybe(listed(text))}
CHOICE = {"name": text, "by": text, "candidates": listed(anything)}


@dataclass(frozen=True)
class DeepResult:
    """What deep adaptation gave.

    Attributes:
        folder: the adapted representation and its classifier.
        metrics: `source_only`, `adapted`, `gain`, each with `_low` and `_high`, and `oracle`, where the target has
            labels; `source_accuracy` (held out), `weight`, `steps`, `seconds` and how many images there were.
        ids, predictions: (nt,) of the target.
        chosen: the candidate.
        candidates: how each was judged, without target labels: name, source accuracy, scores, notes.
        notes: what the reader should know before believing the numbers.
        truth: (nt,) the target's labels, where it has some.
    """

    folder: Path
    metrics: dict[str, Any]
    ids: np.ndarray
    predictions: np.ndarray
    chosen: str
    candidates: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()
    truth: np.ndarray | None = None

    @staticmethod
    def load(folder: str | Path) -> "DeepResult":
        """Read the result of a finished run.

        Raises:
            InputError: no such run, or files that were changed.
        """
        folder = Path(folder)
        check_results(folder, read_card(folder), ("metrics.json", "predictions.json", "choice.json"))
        found = read_record(folder / "predictions.json", PREDICTIONS, most=MOST_ROWS)
        if len(found["ids"]) != len(found["predictions"]):
            raise bad(str(folder / "predictions.json"), "lists of other lengths", "an answer for each id")
        choice = read_record(folder / "choice.json", CHOICE)
        ids, predictions = (np.array(found[key], np.str_) for key in ("ids", "predictions"))
        return DeepResult(
            folder,
            read_metrics(folder, NEEDED),
            ids,
            predictions,
            choice["name"],
            tuple(choice["candidates"]),
            tuple(found["notes"]),
            None if found.get("labels") is None else np.array(found["labels"], np.str_),
        )
