"""What fine-tuning gave, as it is read back from its folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import bad
from ..core.reading import MOST_ROWS
from ..core.records import listed, maybe, number, read_record, record, text, whole
from ..learning.run import read_metrics
from ..metrics.intervals import Interval, unknown
from ..representation.checksums import check_results
from ..representation.folder_records import read_card

RESULTS = ("metrics.json", "predictions.json")
NEEDED = {"steps": whole(), "accuracy": number(0, 1)}
PREDICTIONS = {
    "ids": listed(text),
    "labels": listed(text),
    "predictions": listed(text),
    "interval": record(mean=number(0, 1), low=maybe(number(0, 1)), high=maybe(number(0, 1)), n=whole()),
    "notes": listed(text),
}


@dataclass(frozen=True)
class FinetuneResult:
    """What fine-tuning gave.

    Attributes:
        folder: the tuned representation and its classifier.
        metrics: `accuracy` with `accuracy_low` and `accuracy_high`, `balanced_accuracy`, `majority`, `train_loss`,
            `train`, `test`, `classes`, `steps`, `seconds`; after a probe (`lp-ft`) also `probe_accuracy`, its test
            accuracy; with `norm` also `knn_before_norm` and `knn_after_norm`.
        interval: the test accuracy with its 95 % interval, over identities where known.
        ids, labels, predictions: (test,) each, for confusion and paired differences.
        notes: what the reader should know before believing the numbers.
    """

    folder: Path
    metrics: dict[str, float]
    interval: Interval
    ids: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    notes: tuple[str, ...] = ()

    @staticmethod
    def load(folder: str | Path) -> "FinetuneResult":
        """Read the result of a finished run."""
        folder = Path(folder)
        if (folder / "card.json").exists():
            check_results(folder, read_card(folder), RESULTS)
        metrics = read_metrics(folder, NEEDED)
        found = read_record(folder / "predictions.json", PREDICTIONS, most=MOST_ROWS)
        if len({len(found[key]) for key in ("ids", "labels", "predictions")}) > 1:
            raise bad(str(folder / "predictions.json"), "lists of other lengths", "an id, label and answer for each")
        ids, labels, predictions = (np.array(found[key], np.str_) for key in ("ids", "labels", "predictions"))
        mean, low, high, n = (found["interval"][key] for key in ("mean", "low", "high", "n"))
        interval = unknown(mean, n) if low is None or high is None else Interval(mean, low, high, n)
        return FinetuneResult(folder, metrics, interval, ids, labels, predictions, tuple(found["notes"]))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the single predictions."""
        return {"metrics": self.metrics, "folder": str(self.folder), "notes": list(self.notes)}
