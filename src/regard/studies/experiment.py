"""The one experiment engine: arms, measures, units and seeds or draws in; paired contrasts, costs and verdicts out.

An arm is a way to do something (a random network, a run, a method). It is scored on the same images as the others, in
one or more measures, once for each seed or draw. What an arm is ahead of another is a `Contrast`, whose interval holds
every source of luck: which images, or things of several images, were scored; which seeds; which draws, also where they
share data. The arithmetic is `metrics.contrast`, which everything in regard that speaks of a gain goes through.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from markupsafe import Markup

from ..core.checks import bad, check_choice
from ..core.shown import visible
from ..metrics.contrast import Difference
from ..metrics.contrast import contrast as difference_of
from ..metrics.image_resampling import scores_interval
from ..metrics.intervals import Interval, accuracy_interval
from ..report.figures import bars_with_intervals
from ..report.gains import Gain


@dataclass(frozen=True)
class Arm:
    """One way, and how it was scored.

    Attributes:
        name: short, of letters, digits and underscores.
        scores: by measure, (images,) where nothing is drawn, (seeds, images), or (seeds, draws, images) where every
            seed meets the same draws; in [0, 1], NaN where there is none. Of a measure that is no mean over images
            they are those of `metrics.image_resampling.image_scores`, whose mean is the measure.
        what: in words.
        seconds: what it took, mean over seeds; None where that is not known.
        mib: peak memory of the process up to its end.
        labels: how many labels it used.
    """

    name: str
    scores: Mapping[str, np.ndarray]
    what: str = ""
    seconds: float | None = None
    mib: float | None = None
    labels: int | None = None

    def by_seed(self, measure: str) -> np.ndarray:
        """The measure of each seed (seeds,)."""
        found = np.atleast_2d(self.scores[measure])
        return np.nanmean(found.reshape(len(found), -1), axis=1)

    def mean(self, measure: str) -> float:
        """The measure, averaged over seeds."""
        return float(self.by_seed(measure).mean())

    def deviation(self, measure: str) -> float | None:
        """Standard deviation over seeds; None where there is one."""
        found = self.by_seed(measure)
        return float(found.std(ddof=1)) if len(found) > 1 else None


@dataclass(frozen=True)
class Design:
    """How rows of scores belong together; see `metrics.contrast.contrast`."""

    paired: bool = True
    share: float | None = None
    halves: bool = False
    own_seeds: int = 0


@dataclass(frozen=True)
class Contrast:
    """How far one arm is ahead of another in one measure.

    Attributes:
        arm, other, measure: who is compared with whom, in what.
        difference: arm - other, averaged over seeds, with its interval over units and seeds or draws.
        over_units: the same with the interval over units alone: what holds for these very seeds.
    """

    arm: str
    other: str
    measure: str
    difference: Difference
    over_units: Difference

    @property
    def verdict(self) -> str:
        """`gain`, `loss`, `no gain` where the interval includes 0, or `too few to say`."""
        return self.difference.verdict

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        narrow = self.over_units.as_dict()
        return {
            "arm": self.arm,
            "other": self.other,
            "measure": self.measure,
            **self.difference.as_dict(),
            "low_over_units": narrow["low"],
            "high_over_units": narrow["high"],
            "draws": self.difference.draws,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Experiment:
    """Arms that were scored on the same images.

    Attributes:
        arms: by name.
        units: (images,) which thing each image shows; None where each shows another.
        design: how rows belong together.
        designs: of measures that have another.
        titles: what to call measures.
        no_means: measures that are no means over images, such as AP and mIoU, whose scores may leave [0, 1], and
            errors.
        largest: the largest value of measures of `no_means`, where that is not 1.

    >>> rng = np.random.default_rng(0)
    >>> arms = [Arm(name, {"knn": rng.random((5, 400)) < share}) for name, share in (("random", 0.6), ("run", 0.8))]
    >>> found = Experiment({arm.name: arm for arm in arms})
    >>> print(found.table("random"))
            knn
    random  0.605 [0.566, 0.643]
    run     0.807 [0.780, 0.834]
    <BLANKLINE>
    run - random
    knn  +0.203 [+0.162, +0.244]  gain
    """

    arms: Mapping[str, Arm]
    units: np.ndarray | None = None
    design: Design = field(default_factory=lambda: Design(paired=False))
    designs: Mapping[str, Design] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    no_means: frozenset[str] = frozenset()
    largest: Mapping[str, float] = field(default_factory=dict)

    @property
    def measures(self) -> list[str]:
        """What was measured of every arm, in the order of the first."""
        first, *others = self.arms.values()
        return [name for name in first.scores if all(name in arm.scores for arm in others)]

    def value(self, arm: str, measure: str) -> Interval:
        """An arm's mean score with its interval over units and seeds."""
        design = self.designs.get(measure, self.design)
        scores, halves, own = self._arm(arm).scores[measure], design.halves, design.own_seeds
        if measure not in self.no_means:
            return accuracy_interval(scores, self.units, share=design.share, halves=halves, own_seeds=own)
        most = self.largest.get(measure, 1.0)
        return scores_interval(scores, self.units, share=design.share, halves=halves, own_seeds=own, largest=most)

    def contrast(self, arm: str, other: str, measure: str) -> Contrast:
        """What `arm` is ahead of `other`, with the interval over every source of luck."""
        a, b = self._arm(arm).scores[measure], self._arm(other).scores[measure]
        design = self.designs.get(measure, self.design)
        largest = np.inf if measure in self.no_means else 1.0
        found = difference_of(a, b, self.units, **asdict(design), largest=largest)
        one, two = (np.nanmean(side.reshape(-1, side.shape[-1]), axis=0) for side in (a, b))
        narrow = difference_of(one, two, self.units, largest=largest)
        return Contrast(arm, other, measure, found, narrow)

    def contrasts(self, base: str, arms: Sequence[str] | None = None) -> list[Contrast]:
        """Every other arm against `base`, in every measure."""
        named = [name for name in self.arms if name != base] if arms is None else arms
        return [self.contrast(name, base, measure) for name in named for measure in self.measures]

    def gain(self, arm: str, base: str, measure: str) -> Gain:
        """A row of the table of gains of a report."""
        one, other = self._arm(arm), self._arm(base)
        what = f"{one.what or arm}: {self.title(measure)}"
        values = other.mean(measure), one.mean(measure)
        return Gain(what, *values, self.contrast(arm, base, measure).difference, one.labels, one.seconds, one.mib)

    def title(self, measure: str) -> str:
        """What to call a measure."""
        return self.titles.get(measure, measure)

    def table(self, base: str) -> str:
        """Values of all arms, then differences to `base` with verdicts, as text."""
        rows = [[name, *(str(self.value(name, measure)) for measure in self.measures)] for name in self.arms]
        lines = grid([["", *map(self.title, self.measures)], *rows])
        for name in self.arms:
            if name != base:
                found = self.contrasts(base, [name])
                lines += [
                    "",
                    visible(f"{name} - {base}"),
                    *grid([[self.title(one.measure), *told(one)] for one in found]),
                ]
        return "\n".join(lines)

    def as_dict(self, base: str) -> dict[str, Any]:
        """Values, differences and costs as plain values for JSON."""
        values = {
            name: {measure: self.value(name, measure).as_dict() for measure in self.measures} for name in self.arms
        }
        costs = {
            name: {key: value for key, value in (("seconds", arm.seconds), ("mib", arm.mib), ("labels", arm.labels))}
            for name, arm in self.arms.items()
        }
        return {"values": values, "differences": [one.as_dict() for one in self.contrasts(base)], "costs": costs}

    def figure(self, measure: str, alt: str, emphasis: str | None = None) -> Markup:
        """Bars of all arms with their intervals."""
        bars = [(arm.what or name, self.value(name, measure)) for name, arm in self.arms.items()]
        return bars_with_intervals(bars, alt, emphasis=emphasis)

    def _arm(self, name: str) -> Arm:
        check_choice("arm", name, list(self.arms))
        return self.arms[name]

    def __post_init__(self) -> None:
        if not self.arms:
            raise bad("arms", "none", "at least one")


def told(one: Contrast) -> list[str]:
    """A difference with its interval, and its verdict, as text."""
    return [f"{one.difference.mean:+.3f} {one.difference.told(sign='+')}", one.verdict]


def grid(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines with aligned columns."""
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
