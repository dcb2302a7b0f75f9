"""What the four ways to use a deep network gave on another domain: a row for each, as figures and as a table."""

from dataclasses import dataclass, field

import numpy as np

from ....core.checks import check_choice
from ....core.shown import visible
from ....metrics.contrast import Difference
from ....metrics.intervals import Interval

SEEDS = "target samples and seeds, for this one source"
DRAWS = "target samples, seeds and draws of the source"
FROZEN, TUNED, ON_TUNED, DEEP, CEILING = (
    "shallow on frozen features",
    "fine-tuned on the source",
    "shallow on fine-tuned features",
    "deep adaptation",
    "ceiling",
)
FINETUNED, FINETUNED_AND_LABELS, DEEP_AUTO, ORACLE = "finetuned", "finetuned_and_labels", "deep_auto", "oracle"


@dataclass(frozen=True, eq=False)
class WayRow:
    """One line of the table.

    Attributes:
        name: source_only, source_and_labels, a method; finetuned, finetuned_METHOD, deep_auto, oracle.
        way: which of the four ways it is, or the ceiling.
        accuracy: on the target, by what was chosen without its labels, with an interval over samples and seeds.
        against: the row that it starts from: what the same features or the same network give without adaptation.
        gain: accuracy minus that of `against` on the same samples and seeds; None for the first row.
        ahead: the same against the first row, the classifier on frozen features.
        seconds: from the representation on, mean over seeds; what it stands on is counted, images as vectors are not.
        best: the mean of the best accuracy at any scoring, which only target labels could choose; None where nothing
            was chosen.
        chosen: for each seed the candidate that was kept, or what `auto` took.
        source, score: of what was kept, accuracy on held-out source images and the score that chose, means over
            seeds; None for shallow methods.
        right: (seeds, nt) 1 where it was right, NaN where the label was known.
    """

    name: str
    way: str
    accuracy: Interval
    against: str
    gain: Difference | None
    ahead: Difference | None
    seconds: float
    best: float | None
    chosen: tuple[str, ...]
    source: float | None
    score: float | None
    right: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class FourWays:
    """What each way was worth.

    Attributes:
        rows: by way, the starts first, the ceiling last.
        over: what the intervals are over.
        by: the score that chose among a network's weights and candidates.
        unreachable: share of target samples whose class the source has not: no way can be right there.
        source, target: how many images each domain has.
        notes: what a reader must know.
    """

    rows: tuple[WayRow, ...]
    over: str
    by: str
    unreachable: float
    source: int
    target: int
    notes: tuple[str, ...]

    def row(self, name: str) -> WayRow:
        """The line of that name."""
        check_choice("name", name, [row.name for row in self.rows])
        return next(row for row in self.rows if row.name == name)

    @property
    def base(self) -> WayRow:
        """The classifier on frozen features, without adaptation."""
        return self.rows[0]

    def metrics(self) -> dict[str, float | None]:
        """Flat names to numbers: NAME, NAME_gain (_low, _high), NAME_ahead (_low, _high), NAME_seconds, NAME_best."""
        flat: dict[str, float | None] = {"unreachable": self.unreachable, "source": self.source, "target": self.target}
        for row in self.rows:
            flat |= {row.name: row.accuracy.mean, f"{row.name}_seconds": row.seconds}
            if row.best is not None:
                flat[f"{row.name}_best"] = row.best
            for word, found in (("gain", row.gain), ("ahead", row.ahead)):
                if found is not None:
                    ends = found.as_dict()
                    flat |= {
                        f"{row.name}_{word}": found.mean,
                        f"{row.name}_{word}_low": ends["low"],
                        f"{row.name}_{word}_high": ends["high"],
                    }
        return flat

    def table(self) -> str:
        """The lines as plain text, way by way; with the verdict on each difference."""
        wide = max(14, *(len(row.name) + 4 for row in self.rows))
        lines = [f"{'':<{wide}}{'accuracy on the target':<25}{'gain':<42}{'ahead':>7}{'best':>7}{'seconds':>9}"]
        above = ""
        for row in self.rows:
            over = row.way if row.gain is None else f"{row.way}, against {row.against}"
            lines += [over] if over != above else []
            above = over
            gain = "" if row.gain is None else f"{row.gain.verdict:<16}{signed(row.gain)}"
            ahead = "" if row.ahead is None else f"{row.ahead.mean:+.3f}"
            best = "" if row.best is None else f"{row.best:.3f}"
            lines.append(
                f"  {row.name:<{wide - 2}}{row.accuracy!s:<25}{gain:<42}{ahead:>7}{best:>7}{row.seconds:>9.2f}"
            )
        lines += [
            f"95 % intervals over {self.over}. `ahead` is of {self.base.name}, in the mean.",
            f"Accuracies are by what {self.by} chose without target labels; `best` is what these would have chosen.",
        ]
        return "\n".join([*lines, *(f"note: {visible(note)}" for note in self.notes)])


def signed(gain: Difference) -> str:
    """A difference with its sign, and its interval."""
    return f"{gain.mean:+.3f} {gain.told(sign='+')}"
