"""How many labels an arm saves: the number at which it is as good as the baseline is with all of its labels.

The curve of an arm: its scores at each number of labels, made monotone (isotonic regression: neighbours that fall are
averaged, picture by picture), and straight between two numbers on a logarithmic axis. Nothing else is assumed of its
form, and nothing is drawn beyond the numbers that were tried.

With A and B the curves and N all labels, the ratio r = log2(labels of B / labels of A) at one score solves d(r) = 0:

    d(r) = A(N / 2^r) - B(N)      where r >= 0: A needs fewer
    d(r) = A(N) - B(N * 2^r)      where r <= 0: B needs fewer

Exchanging A and B changes the sign of r alone. Its interval holds all r at which the interval of d(r) holds 0 (a test
that is inverted, as Fieller 1954 does for a ratio). That of d(r) is the experiment engine's, over test pictures, seeds
and draws of labels at once, with Student's factor: resampling three seeds would give two thirds of their variance. So
the answer is a gain where that of d(0), the difference with all labels, is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.checks import bad
from ...metrics.contrast import Difference
from ..experiment import Arm, Design, Experiment

STEP = 1 / 4  # of log2 of a ratio, between two places that are looked at
PAIRED = Design(paired=True)  # seed s of every arm has the same labels, heads and orders


@dataclass(frozen=True)
class Curve:
    """Scores of an arm by number of labels, of which more is better.

    Attributes:
        numbers: (k,) of labels, rising.
        scores: k arrays (seeds, images) or (images,), made monotone.
    """

    numbers: np.ndarray
    scores: tuple[np.ndarray, ...]

    def at(self, number: float) -> np.ndarray:
        """The scores at a number of labels within those that were tried."""
        place = np.interp(np.log2(number), np.log2(self.numbers), np.arange(len(self.numbers)))
        low = int(min(np.floor(place), len(self.numbers) - 1))
        part = place - low
        if part < 1e-9:
            return self.scores[low]
        return (1 - part) * self.scores[low] + part * self.scores[low + 1]


@dataclass(frozen=True)
class Saved:
    """What an arm saves against the baseline.

    Attributes:
        arm, baseline, measure: who, against whom, in what.
        labels: N, all of them.
        reach: log2 of N over the fewest that were tried: no ratio beyond it can be told.
        ratio: r, log2 of labels of the baseline over labels of the arm at one score; within +- reach.
        low, high: its 95 % interval; infinite where it goes on beyond the numbers that were tried.
        difference: arm - baseline with all labels, on the curves; of which more is better.
    """

    arm: str
    baseline: str
    measure: str
    labels: int
    reach: float
    ratio: float
    low: float
    high: float
    difference: Difference

    @property
    def verdict(self) -> str:
        """`gain`, `loss`, `no gain` or `too few to say`."""
        return self.difference.verdict

    @property
    def beyond(self) -> bool:
        """The arm is as good with the fewest labels that were tried as the baseline is with all."""
        return self.ratio >= self.reach

    @property
    def share(self) -> float:
        """The share of the labels that is saved; of `beyond` the least that it is. Below 0 the arm costs labels."""
        return _share(self.ratio)

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The interval of `share`; None where it goes on beyond the numbers that were tried, or nothing is known."""
        return tuple(_share(one) if np.isfinite(one) else None for one in (self.low, self.high))  # type: ignore

    def sentence(self) -> str:
        """The answer in words."""
        return f"{self.arm} {self._said()}"

    def _said(self) -> str:
        fewest, every = self.labels / 2**self.reach, self.labels
        if self.verdict == "no gain":
            return f"saves no labels against {self.baseline}: no gain ({self._times()})."
        if self.verdict == "loss":
            worth, fewer = f"{every * 2**self.ratio:.0f}", "fewer than " if self.ratio <= -self.reach else ""
            return f"loses: all its {every} labels are worth {fewer}{worth} of {self.baseline}."
        if self.verdict != "gain":
            return f"against {self.baseline}: too few to say."
        most = f"saves more than {_percent(_share(self.reach))} of the labels (> {2**self.reach:.3g}×"
        if self.beyond:
            sure = "" if self.low >= self.reach else f"; interval from {_percent(_share(self.low))} on"
            return f"{most}{sure}): with {fewest:.0f} it is as good as {self.baseline} with all {every}, or better."
        high = f"–{_percent(_share(self.high))}" if np.isfinite(self.high) else " % on"
        ends = f"interval {'' if np.isfinite(self.high) else 'from '}{100 * _share(self.low):.0f}{high}"
        needs = f"{every / 2**self.ratio:.0f}"
        return f"saves {_percent(self.share)} of the labels, {ends}: {needs} do what {every} do for {self.baseline}."

    def _times(self) -> str:
        """The interval of how many times the labels of the baseline the arm may need."""
        low, high = 2.0**-self.high, 2.0**-self.low
        if np.isfinite(self.low) and np.isfinite(self.high):
            return f"it may need {low:.2g} to {high:.2g} times as many"
        if np.isfinite(self.low):
            return f"it may need up to {high:.2g} times as many"
        return (
            f"it may need {low:.2g} times as many, or more" if np.isfinite(self.high) else "too flat to tell how many"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        low, high = self.ends
        return {
            "arm": self.arm,
            "baseline": self.baseline,
            "measure": self.measure,
            "labels": self.labels,
            "labels_saved": self.share,
            "low": low,
            "high": high,
            "beyond": self.beyond,
            "times": 2**self.ratio,
            "needs": self.labels / 2**self.ratio if self.ratio >= 0 else None,
            "gain": self.difference.as_dict(),
            "verdict": self.verdict,
            "sentence": self.sentence(),
        }


def curve(scores: Mapping[int, np.ndarray], larger_is_better: bool = True) -> Curve:
    """The monotone curve of scores (seeds, images) or (images,) by number of labels.

    Raises:
        InputError: no scores, or of different shapes.

    >>> made = curve({10: np.array([0.2, 0.4]), 20: np.array([0.1, 0.3]), 40: np.array([0.5, 0.7])})
    >>> [float(one.mean().round(3)) for one in made.scores], float(made.at(20 * 2**0.5).mean().round(3))
    ([0.25, 0.25, 0.6], 0.425)
    """
    numbers = sorted(scores)
    if not numbers or len({np.shape(scores[one]) for one in numbers}) > 1:
        raise bad("scores", f"shapes {[np.shape(one) for one in scores.values()]}", "scores of one shape by number")
    sign = 1.0 if larger_is_better else -1.0
    blocks: list[list[Any]] = []  # [mean score, its array, how many numbers]
    for number in numbers:
        one = sign * np.asarray(scores[number], float)
        blocks.append([float(np.nanmean(one)), one, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (_, a, m), (_, b, n) = blocks[-2:]
            both = (m * a + n * b) / (m + n)
            blocks[-2:] = [[float(np.nanmean(both)), both, m + n]]
    return Curve(np.array(numbers), tuple(one for _, one, many in blocks for _ in range(many)))


def labels_saved(
    arm: Curve,
    baseline: Curve,
    *,
    names: tuple[str, str] = ("A", "B"),
    measure: str = "score",
    mean: bool = True,
    units: np.ndarray | None = None,
) -> Saved | None:
    """What an arm saves against a baseline; None where there is one number of labels alone.

    Args:
        arm: its curve.
        baseline: the other's, at the same numbers, of the same seeds and images.
        names: what to call them.
        measure: what the scores are.
        mean: the measure is a mean over images of scores in [0, 1].
        units: (images,) which thing each shows.
    """
    if not np.array_equal(arm.numbers, baseline.numbers):
        raise bad("numbers", f"{arm.numbers} and {baseline.numbers}", "the same numbers of labels for both arms")
    if len(arm.numbers) < 2:
        return None
    labels = int(arm.numbers[-1])
    reach = float(np.log2(labels / arm.numbers[0]))

    def apart(ratio: float) -> Difference:
        one = arm.at(max(labels / 2 ** max(ratio, 0.0), arm.numbers[0]))
        other = baseline.at(max(labels * 2 ** min(ratio, 0.0), arm.numbers[0]))
        two = Experiment(
            {"arm": Arm("arm", {measure: one}), "other": Arm("other", {measure: other})},
            units,
            PAIRED,
            no_means=frozenset() if mean else frozenset({measure}),
        )
        return two.contrast("arm", "other", measure).difference

    places = np.linspace(-reach, reach, 2 * max(round(reach / STEP), 1) + 1)
    found = [apart(float(one)) for one in places]
    whole = found[len(places) // 2]
    means = np.array([one.mean for one in found])
    if not whole.known:
        return Saved(*names, measure, labels, reach, _solved(places, means), -np.inf, np.inf, whole)
    lows, highs = (np.array([getattr(one, end) for one in found]) for end in ("low", "high"))
    # noise may cross 0 more than once: what the difference with all labels says is never contradicted
    right, left = slice(len(places) // 2, None), slice(0, len(places) // 2 + 1)
    after, before = right if whole.low > 0 else slice(None), left if whole.high < 0 else slice(None)
    low = _crossing(places[after], lows[after], first=True)
    high = _crossing(places[before], highs[before], first=False)
    return Saved(*names, measure, labels, reach, _solved(places, means), low, high, whole)


def _solved(places: np.ndarray, means: np.ndarray) -> float:
    """Where d is 0; the end where it is nowhere.

    Where d is 0 along a stretch, its end that is farther from r = 0; 0 where the stretch has that inside.
    """
    positive = _crossing(places, means, first=True, otherwise=(places[0], places[-1]))
    negative = _crossing(places, means, first=False, otherwise=(places[0], places[-1]))
    if positive < 0 < negative:
        return 0.0
    return float(negative if abs(negative) >= abs(positive) else positive)


def _crossing(
    places: np.ndarray, values: np.ndarray, *, first: bool, otherwise: tuple[float, float] | None = None
) -> float:
    """Where falling values stop being above 0 (`first`), or start being below 0.

    Args:
        places: rising.
        values: falling, but for noise.
        first: the first place of a value that is not above 0, else the last place of one that is not below 0.
        otherwise: what is told where all are below 0, or above it: by default -inf and +inf, and for an interval's
            lower end (`first`) the last place where even there the value is above 0.
    """
    if first:
        inside = np.flatnonzero(values <= 0)
        if not len(inside):
            return float(otherwise[1] if otherwise else places[-1])
        at = int(inside[0])
        if at == 0:
            return float(otherwise[0] if otherwise else -np.inf)
        return _between(places, values, at - 1)
    inside = np.flatnonzero(values >= 0)
    if not len(inside):
        return float(otherwise[0] if otherwise else places[0])
    at = int(inside[-1])
    if at == len(places) - 1:
        return float(otherwise[1] if otherwise else np.inf)
    return _between(places, values, at)


def _between(places: np.ndarray, values: np.ndarray, at: int) -> float:
    """Where the line between two neighbours is 0."""
    a, b = values[at], values[at + 1]
    part = 0.0 if a == b else float(np.clip(a / (a - b), 0, 1))
    return float(places[at] + part * (places[at + 1] - places[at]))


def _share(ratio: float) -> float:
    return float(1 - 2.0**-ratio)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
