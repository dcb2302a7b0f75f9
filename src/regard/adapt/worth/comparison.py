"""What a comparison of adaptation methods found: a row for each method, as figures and as a table."""

from dataclasses import dataclass, field

import numpy as np

from ...core.checks import check_choice
from ...core.shown import visible
from ...metrics.contrast import Difference
from ...metrics.intervals import Interval
from ..choose.select import Choice
from ..shift.measure import Shift

ONE_SOURCE = "target samples, for this one source"  # which says nothing of another, so that there is no verdict
BOTH = "target samples and draws of the source"
BASELINES = ("source_only", "source_and_labels", "oracle")


@dataclass(frozen=True)
class Row:
    """One line of a comparison.

    Attributes:
        name: source_only, source_and_labels, a method, auto, or oracle.
        accuracy: on the target, with its interval over target samples and draws.
        gain: accuracy minus that of the baseline on the same samples (source_only, or source_and_labels where some
            target labels are known), with its paired interval; None for source_only and the baseline.
        seconds: to fit and to predict, mean over seeds.
        shift: what is left between the mapped domains; None for source_only (see `Comparison.before`) and oracle.
        predictions: (nt,) labels that the first seed predicted.
        right: (draws, nt) 1 where a draw was right, NaN where it knew the label.
    """

    name: str
    accuracy: Interval
    gain: Difference | None
    seconds: float
    shift: Shift | None
    predictions: np.ndarray = field(repr=False)
    right: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Comparison:
    """What adapting was worth.

    Attributes:
        rows: source_only, the methods, oracle.
        choice: what `auto` chose in the first draw, and why; None without it.
        over: what the intervals are over.
        before: the shift between the vectors as they came.
        unreachable: share of target samples whose class the source does not have: no method can be right there.
        notes: what a reader must know.
    """

    rows: tuple[Row, ...]
    before: Shift
    unreachable: float
    notes: tuple[str, ...]
    choice: Choice | None = None
    over: str = ONE_SOURCE

    @property
    def methods(self) -> list[Row]:
        """The rows of methods, without baselines, oracle and auto."""
        return [row for row in self.rows if row.name not in (*BASELINES, "auto")]

    @property
    def regret(self) -> float | None:
        """How far `auto` stays behind the best row it could have taken, which only target labels can tell.

        None where some candidate of it was not scored: then the best is not known.
        """
        if self.choice is None:
            return None
        scored = {row.name: row.accuracy.mean for row in self.rows}
        open_to_it = [one.name for one in self.choice.rows if not one.failed]
        if not set(open_to_it) <= scored.keys():
            return None
        return max(scored[name] for name in open_to_it) - scored["auto"]

    def row(self, name: str) -> Row:
        """The line of that name."""
        check_choice("name", name, [row.name for row in self.rows])
        return next(row for row in self.rows if row.name == name)

    def metrics(self) -> dict[str, float | None]:
        """Flat names to numbers: NAME, NAME_gain (_low, _high), NAME_seconds, NAME_mmd2 ..."""
        flat: dict[str, float | None] = {
            "mmd2": self.before.rbf,
            "a_distance": self.before.a_distance,
            "unreachable": self.unreachable,
        }
        for row in self.rows:
            flat[row.name] = row.accuracy.mean
            flat[f"{row.name}_seconds"] = row.seconds
            if row.gain is not None:
                ends = row.gain.as_dict()
                flat[f"{row.name}_gain"] = row.gain.mean
                flat |= {f"{row.name}_gain_low": ends["low"], f"{row.name}_gain_high": ends["high"]}
            if row.shift is not None:
                flat[f"{row.name}_mmd2"], flat[f"{row.name}_a_distance"] = row.shift.rbf, row.shift.a_distance
        if self.regret is not None:
            flat["auto_regret"] = self.regret
        return flat

    def table(self) -> str:
        """The lines as plain text; with the verdict on each difference."""
        base = "source_and_labels" if any(row.name == "source_and_labels" for row in self.rows) else "source_only"
        wide = max(14, *(len(row.name) + 2 for row in self.rows))
        lines = [
            f"{'':<{wide}}{'accuracy on the target':<25}{f'against {base}':<46}{'MMD2':>8}{'PAD':>6}{'seconds':>9}"
        ]
        for row in self.rows:
            seen = self.before if row.name == "source_only" else row.shift
            gain = "" if row.gain is None else f"{row.gain.verdict:<16}{_signed(row.gain)}"
            left = f"{'':>14}" if seen is None else f"{seen.rbf:8.4f}{seen.a_distance:6.2f}"
            lines.append(f"{row.name:<{wide}}{row.accuracy!s:<25}{gain:<46}{left}{row.seconds:9.2f}")
        if self.choice is not None:
            lines += [f"auto took {self.choice.name} by {self.choice.by}, without target labels:", self.choice.table()]
        lines.append(f"95 % intervals over {self.over}")
        return "\n".join([*lines, *(f"note: {visible(note)}" for note in self.notes)])


def _signed(gain: Difference) -> str:
    return f"{gain.mean:+.3f} {gain.told(sign='+')}"
