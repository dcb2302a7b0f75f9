"""What each step was worth: the comparison of a figure with and without it, its interval, its verdict, its cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..core.checks import bad
from ..metrics.contrast import Difference
from ..metrics.intervals import TOO_FEW, Interval


@dataclass(frozen=True)
class Gain:
    """One step's worth.

    Attributes:
        what: the step and the figure, such as "pretraining: 5-shot accuracy".
        baseline: the figure without the step.
        value: the figure with it.
        difference: value - baseline over the same units, as `metrics.contrast` finds it.
        labels: how many labels the figure rests on.
        seconds: what the step took.
        mib: peak memory of the process up to the end of the step, in MiB.
        percent: the figures are shares; write them in per cent, and differences in points.
        larger_is_better: False for errors and distances.

    >>> gain = Gain("pretraining", 0.5, 0.6, Difference(0.1, 0.05, 0.15, 50))
    >>> gain.verdict, gain.told
    ('gain', '+10.0 [+5.0, +15.0]')
    """

    what: str
    baseline: float | Interval
    value: float | Interval
    difference: Difference
    labels: int | None = None
    seconds: float | None = None
    mib: float | None = None
    percent: bool = True
    larger_is_better: bool = True

    @property
    def verdict(self) -> str:
        """`gain`, `loss`, `no gain` where the interval of the difference includes 0, or `too few to say`."""
        return (self.difference if self.larger_is_better else self.difference.negated()).verdict

    @property
    def told(self) -> str:
        """The difference and its interval, as text."""
        if self.percent:
            mean, ends = f"{100 * self.difference.mean:+.1f}", self.difference.told(100, 1, "+")
        else:
            mean, ends = f"{self.difference.mean:+.3g}", f"[{self.difference.low:+.3g}, {self.difference.high:+.3g}]"
            ends = ends if self.difference.known else f"[{TOO_FEW}]"
        return f"{mean} {ends}".replace("-", "−")

    def figure(self, value: float | Interval) -> str:
        """A figure of this row, as text."""
        number = value.mean if isinstance(value, Interval) else value
        return f"{100 * number:.1f} %" if self.percent else f"{number:.3g}"


_CAPTION = (
    "Shares are in per cent, their gains in points; each gain is given with its 95 % interval. "
    "Memory is the peak of the whole process up to then."
)


def gain_table(gains: Sequence[Gain], caption: str = _CAPTION) -> Markup:
    """Lay out the gains as a table: what, baseline, with, gain and interval, verdict, labels, seconds, memory.

    Raises:
        InputError: there are none.
    """
    if not gains:
        raise bad("gains", "none", "at least one row")
    body = Markup("").join(_row(gain) for gain in gains)
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(Markup(' class="number"') if number else "", name)
        for name, number in _COLUMNS
    )
    return Markup(
        '<div class="wide" tabindex="0" role="region" aria-label="Gains"><table class="gains"><caption>{}</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(caption, head, body)


def seconds(value: float | None) -> str:
    """A time for people.

    >>> seconds(0.42), seconds(12.3), seconds(75), seconds(None)
    ('0.4 s', '12 s', '1:15 min', '–')
    """
    if value is None:
        return "–"
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02d} min"


_COLUMNS = (
    ("what", False), ("baseline", True), ("with", True), ("gain", True), ("verdict", False),
    ("labels", True), ("time", True), ("memory", True),
)  # fmt: skip
SIGNS = {"gain": "▲", "loss": "▼", "no gain": "=", TOO_FEW: "?"}


def chip(verdict: str, text: str = "") -> Markup:
    """A verdict as a coloured tag with its sign, and `text` in place of the word if there is some.

    >>> print(chip("no gain"))
    <span class="chip no-gain"><span aria-hidden="true">=</span> no gain</span>
    """
    told = Markup('<span class="unseen">{}</span>{}').format(f"{verdict} ", text) if text else verdict
    return Markup('<span class="chip {}"><span aria-hidden="true">{}</span> {}</span>').format(
        verdict.replace(" ", "-"), SIGNS[verdict], told
    )


def _row(gain: Gain) -> Markup:
    cells = (
        gain.figure(gain.baseline),
        gain.figure(gain.value),
        gain.told,
        chip(gain.verdict),
        "–" if gain.labels is None else f"{gain.labels:,}",
        seconds(gain.seconds),
        "–" if gain.mib is None else f"{gain.mib:,.0f} MiB",
    )
    columns = [
        Markup('<td{} data-name="{}">{}</td>').format(Markup(' class="number"') if number else "", name, cell)
        for cell, (name, number) in zip(cells, _COLUMNS[1:])
    ]
    return Markup('<tr><th scope="row">{}</th>{}</tr>').format(gain.what, Markup("").join(columns))
