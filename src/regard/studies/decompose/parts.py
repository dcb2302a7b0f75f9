"""From the mistakes of all questions to the parts of an error, each with an interval, and to the three curves.

With e(n, c, t) the error that learning from n samples with capacity c for length t has on average over training sets,
N all samples, c the member that is taken apart, C the largest, t the length that is taken apart, T the longest:

    e(N, c, t) =   e(oo, C, T)                  rest: no more than the Bayes error and what the largest member lacks
                 + e(oo, c, T) - e(oo, C, T)    approximation
                 + e(N, c, T) - e(oo, c, T)     estimation
                 + e(N, c, t) - e(N, c, T)      optimisation

Source: Bottou & Bousquet 2008 (NIPS, "The tradeoffs of large scale learning"), section 3.1: their three terms, with
the largest member in the place of the best of all functions, which nobody knows of images.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...metrics.contrast import Difference
from ...metrics.intervals import FEWEST_UNITS, Interval, accuracy_interval
from ...metrics.joint_means import JointMeans, joint_means
from ...metrics.power_law import FEWEST_POINTS, Fitted, fit_power_laws
from .plan import Plan

NAMES = ("rest", "approximation", "estimation", "optimisation")  # as they add up
CANNOT = "cannot be told"
BAND = 40  # points of a band
BEYOND = 16  # times as many samples as there are, up to where curves are drawn
Cell = tuple[int, int, int]  # rung, capacity, length


@dataclass(frozen=True)
class Part:
    """A part of the error.

    Attributes:
        name: of `NAMES`.
        found: its estimate and 95 % interval; where it cannot be told, ends that are not known.
        why: why it cannot be told; "" where it can.
    """

    name: str
    found: Difference
    why: str = ""

    @property
    def told(self) -> bool:
        """Whether it can be told."""
        return not self.why


@dataclass(frozen=True)
class SizeCurve:
    """Errors of one member of the family, trained to the end, against numbers of samples.

    Attributes:
        sizes: numbers of samples, falling.
        errors: measured, with intervals.
        used: how many of the largest sizes the curve is fitted to.
        limit: the error in the limit; None where no power law fits.
        exponent: alpha.
        band: (sizes, Interval) of the fitted curve, rising, to beyond the samples that there are.
    """

    sizes: tuple[int, ...]
    errors: tuple[Interval, ...]
    used: int
    limit: Interval | None
    exponent: float | None
    band: tuple[tuple[float, Interval], ...]


@dataclass(frozen=True)
class Decomposition:
    """What an error is made of.

    Attributes:
        plan: what was asked.
        error: e(N, c, t) as measured, with its interval.
        parts: by the names of `NAMES`.
        by_size: a curve for each capacity.
        by_length: e(N, c, .) for each length.
        notes: what a reader should know.
    """

    plan: Plan
    error: Interval
    parts: Mapping[str, Part]
    by_size: tuple[SizeCurve, ...]
    by_length: tuple[Interval, ...]
    notes: list[str] = field(default_factory=list)

    @property
    def told(self) -> bool:
        """Whether all parts can be told."""
        return all(one.told for one in self.parts.values())

    @property
    def metrics(self) -> dict[str, float | None]:
        """`error` and each part, with `_low` and `_high`; None where a part cannot be told."""
        found: dict[str, float | None] = {}
        for name, one in (("error", self.error), *((part.name, part.found) for part in self.parts.values())):
            known = one.known
            found |= {name: one.mean if known else None, f"{name}_low": one.low if known else None}
            found[f"{name}_high"] = one.high if known else None
        return found

    @property
    def advice(self) -> list[str]:
        """What more labels, capacity and training would be worth at most, the most first."""
        plan, said = self.plan, []
        whats = {
            "estimation": "more labelled images",
            "approximation": f"more capacity ({plan.capacities[plan.largest]}, not {plan.capacities[plan.capacity]})",
            "optimisation": f"longer training ({plan.lengths[-1]}, not {plan.lengths[plan.length]})",
        }
        told = [name for name in whats if self.parts[name].told]
        for name in sorted(told, key=lambda one: -self.parts[one].found.high):
            one = self.parts[name].found
            if name == "approximation" and plan.capacity == plan.largest:
                continue
            about = f"about {100 * one.mean:.1f}, 95 % interval {one.told(100, 1)}"
            if one.high <= 0:
                said.append(
                    f"{whats[name][0].upper()}{whats[name][1:]}: worth nothing, and does harm ({about} points)."
                )
            else:
                said.append(
                    f"{whats[name][0].upper()}{whats[name][1:]}: worth at most {100 * one.high:.1f} points ({about})."
                )
        said += [f"{whats[name][0].upper()}{whats[name][1:]}: {CANNOT}." for name in whats if name not in told]
        return said


def taken_apart(plan: Plan, answers: Mapping[Cell, np.ndarray]) -> Decomposition:
    """The decomposition from all answers.

    Args:
        plan: what was asked.
        answers: by (rung, capacity, length): (seeds, images) mistakes of rung 0, (2 cuts, images) of others.
    """
    end, chosen, largest, notes = plan.longest, plan.capacity, plan.largest, list[str]()
    fits = {c: _fitted(plan, answers, [c, largest] if c != largest else [c]) for c in range(len(plan.capacities))}
    pair, used = fits[chosen]
    lengths = [(0, chosen, place) for place in range(len(plan.lengths))]
    trained = _joint(plan, answers, lengths)
    unit = np.eye(len(lengths))
    found: dict[str, Part] = {}
    why = "" if pair.fits else "no power law fits the errors by number of images"
    if used < len(plan.sizes):
        notes.append(
            f"With fewer than {plan.sizes[used - 1]} images the errors follow another curve: these sizes are left out."
        )
    rest = pair.limit(0 if chosen == largest else 1)
    nothing = (0.0, 0.0, 0.0)
    ends = {
        "rest": rest,
        "approximation": nothing if chosen == largest else pair.between(0, 1),
        "estimation": pair.lack(0),
    }
    if chosen == largest:
        notes.append("The largest capacity is taken apart: there is no approximation that could be measured.")
    count, draws = trained.units, trained.pairs
    error = _error(plan, answers, (0, chosen, plan.length))
    for name, (mean, low, high) in ends.items():
        found[name] = _part(name, Difference(mean, low, high, count, draws), why, error.mean)
    step = trained.interval(unit[plan.length] - unit[end])
    found["optimisation"] = _part("optimisation", step, "", error.mean)
    total = sum(one[0] for one in ends.values()) + step.mean
    if all(one.told for one in found.values()) and abs(total - error.mean) > 5e-4:
        notes.append(
            f"The parts add up to {100 * total:.1f} %, the error of the fitted curve; measured was "
            f"{100 * error.mean:.1f} %."
        )
    curves = tuple(_curve(plan, answers, c, *fits[chosen if c in (chosen, largest) else c]) for c in fits)
    by_length = tuple(_error(plan, answers, one) for one in lengths)
    return Decomposition(plan, error, {name: found[name] for name in NAMES}, curves, by_length, notes)


def _part(name: str, found: Difference, why: str, error: float) -> Part:
    """The part, or that it cannot be told: nothing fits, few images, or an interval as long as the whole error."""
    unknown = Difference(found.mean, float("-inf"), float("inf"), found.n, found.draws)
    if not why and found.n < FEWEST_UNITS:
        why = f"{found.n} test images or things are too few"
    if not why and found.high - found.low > max(error, 1e-9):
        why = "its interval is longer than the whole error"
    return Part(name, unknown if why else found, why)


def _fitted(plan: Plan, answers: Mapping[Cell, np.ndarray], capacities: list[int]) -> tuple[Fitted, int]:
    """Power laws of one or two members, and how many of the largest sizes they are fitted to.

    Small sizes, where a learner is not yet on its curve, are left out one by one for as long as nothing fits.
    """
    for used in range(len(plan.sizes), FEWEST_POINTS - 1, -1):
        cells = [(rung, capacity, plan.longest) for capacity in capacities for rung in range(used)]
        known = _joint(plan, answers, cells)
        sizes = [plan.sizes[:used] for _ in capacities]
        found = fit_power_laws(sizes, known.mean, known.wide(), plan.slowest)
        if found.fits:
            break
    return found, used


def _joint(plan: Plan, answers: Mapping[Cell, np.ndarray], cells: list[Cell]) -> JointMeans:
    """Means of cells in the order given, of all samples or of halves and parts."""
    whole, parts = ([cell for cell in cells if (cell[0] == 0) == first] for first in (True, False))
    twins = [(1, *cell[1:]) for cell in whole]
    first, mirror = (np.stack([answers[one] for one in several], axis=1) for several in (whole, twins))
    rest = np.stack([answers[one] for one in parts], axis=1) if parts else mirror[:, :0]
    found = joint_means(first, mirror, rest, plan.units)
    order = np.argsort([cells.index(cell) for cell in [*whole, *parts]])
    by = np.ix_(order, order)
    return JointMeans(
        found.mean[order], found.over_units[by], found.over_draws[by], found.units, found.worth, found.pairs
    )


def _error(plan: Plan, answers: Mapping[Cell, np.ndarray], cell: Cell) -> Interval:
    """A measured error; its interval counts test images and the luck of the training set."""
    if cell[0]:
        return accuracy_interval(answers[cell], plan.units, halves=True)
    one = _joint(plan, answers, [cell]).interval([1.0])
    plain = accuracy_interval(answers[cell].mean(axis=0), plan.units)
    low, high = min(one.low, plain.low), max(one.high, plain.high)
    return Interval(one.mean, max(low, 0.0), min(high, 1.0), one.n) if one.known else plain


def _curve(plan: Plan, answers: Mapping[Cell, np.ndarray], capacity: int, fit: Fitted, used: int) -> SizeCurve:
    place = 1 if len(fit.sizes) > 1 and capacity == plan.largest else 0
    errors = tuple(_error(plan, answers, (rung, capacity, plan.longest)) for rung in range(len(plan.sizes)))
    if not fit.fits:
        return SizeCurve(plan.sizes, errors, used, None, None, ())
    steps = np.geomspace(plan.sizes[used - 1], BEYOND * plan.sizes[0], BAND)
    limit = Interval(*fit.limit(place), errors[0].n)
    band = tuple((float(n), Interval(*fit.at(float(n), place), errors[0].n)) for n in steps)
    return SizeCurve(plan.sizes, errors, used, limit, float(fit.shape[place, 0]), band)
