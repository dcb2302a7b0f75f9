"""What an evaluation found: the arms, how far they are apart, and all of it as numbers and as text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.shown import visible
from ..metrics.intervals import Interval, over_seeds
from .experiment import Arm, Contrast, Experiment, grid, told

MAIN = ("run", "random")
TITLES = {
    "linear": "linear probe, last layer",
    "linear_best": "linear probe, best layer",
    "knn": "k-NN",
    "finetuned": "fine-tuned",
    "recall_at_1": "retrieval, first hit",
    "map": "retrieval, mean AP",
    "effective_rank": "effective rank",
    "feature_spread": "feature spread",
    "shuffled": "control: shuffled labels",
}


@dataclass(frozen=True)
class Network(Arm):
    """One way to weights, over seeds: `random`, `rescaled`, `run`, `ceiling`, or the folder's name of another run.

    Attributes:
        figures: by name: `effective_rank` and `feature_spread` of the features (seeds,), and `shuffled`, accuracy after
            learning labels that were dealt anew (deals,), each averaged over seeds.
        best_layers: for each seed, the layer that cross-validation on TRAIN prefers.
    """

    figures: Mapping[str, np.ndarray] = field(default_factory=dict)
    best_layers: tuple[str, ...] = ()

    def by_seed(self, measure: str) -> np.ndarray:
        """The measure of each seed (seeds,)."""
        return self.figures[measure] if measure in self.figures else super().by_seed(measure)


@dataclass(frozen=True)
class Evaluation:
    """What was found.

    Attributes:
        experiment: arms, `random` first, then `rescaled`, `run`, the others, on the images of TEST.
        contrasts: each arm against `random`, and `run` against each other run.
        majority: accuracy of always naming the commonest class of TRAIN.
        counts: `train`, `test`, `classes`, and `units`: test images, or identities where some have several.
        about: network, size, seeds and settings.
        notes: what the reader should know before believing the numbers.
        seconds: what the evaluation took.
    """

    experiment: Experiment
    contrasts: tuple[Contrast, ...]
    majority: float
    counts: Mapping[str, int]
    about: Mapping[str, Any]
    notes: tuple[str, ...]
    seconds: float

    @property
    def arms(self) -> Mapping[str, Network]:
        """By name."""
        return self.experiment.arms  # type: ignore[return-value]

    @property
    def measures(self) -> list[str]:
        """What was measured on each test image, in the order of the table."""
        return list(self.arms["run"].scores)

    def contrast(self, measure: str, arm: str = "run", other: str = "random") -> Contrast:
        """One comparison; raises KeyError where it was not made."""
        for found in self.contrasts:
            if (found.arm, found.other, found.measure) == (arm, other, measure):
                return found
        raise KeyError(f"{arm} against {other} in {measure}")

    def beaten(self, one: Contrast) -> tuple[int, int]:
        """How many seeds of the other arm lie below the arm's mean, and how many there are."""
        other = self.arms[one.other].by_seed(one.measure)
        return int((other < self.arms[one.arm].mean(one.measure)).sum()), len(other)

    def control(self, arm: str) -> Interval:
        """Accuracy after learning shuffled labels, which must not be above `majority`, with Student's 99 % interval."""
        return over_seeds(self.arms[arm].figures["shuffled"], level=0.99)

    @property
    def control_told(self) -> str:
        """Whether any arm learns from shuffled labels, in words: that would be a leak in the protocol."""
        above = [name for name in self.arms if self.control(name).low > self.majority]
        if above:
            return (
                f"control FAILED: after learning shuffled labels {', '.join(above)} named more test images right than "
                f"the commonest class does ({self.majority:.3f}). Do not believe the other figures: look for copies."
            )
        return f"control passed: after learning shuffled labels no arm beats the commonest class ({self.majority:.3f})."

    @property
    def metrics(self) -> dict[str, float]:
        """Flat names to numbers; see docs/verbs/evaluate.md."""
        flat: dict[str, float] = {"majority": self.majority, **self.counts, "seconds": round(self.seconds, 3)}
        for name, arm in self.arms.items():
            for measure in (*arm.scores, *arm.figures):
                flat[f"{name}_{measure}"] = arm.mean(measure)
                deviation = arm.deviation(measure)
                if deviation is not None:
                    flat[f"{name}_{measure}_sd"] = deviation
            if arm.seconds:
                flat[f"{name}_seconds"] = round(arm.seconds, 3)
        for found in self.contrasts:
            lone = found.other == "random"
            key = f"{found.arm}_{found.measure}_" + ("gain" if lone else f"over_{found.other}")
            flat[key] = found.difference.mean
            if found.difference.known:
                flat |= {f"{key}_low": found.difference.low, f"{key}_high": found.difference.high}
        return flat

    def table(self) -> str:
        """The evaluation as text: measures down, arms across, then the verdicts."""
        return as_text(self)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "metrics": self.metrics,
            "differences": [
                one.as_dict() | dict(zip(("seeds_beaten", "seeds"), self.beaten(one))) for one in self.contrasts
            ],
            "verdicts": {one.measure: one.verdict for one in self.contrasts if (one.arm, one.other) == MAIN},
            "arms": {name: {"what": arm.what, "best_layers": list(arm.best_layers)} for name, arm in self.arms.items()},
            "about": dict(self.about),
            "notes": list(self.notes),
        }


def title(measure: str) -> str:
    """What to call a measure in a table.

    >>> title("linear_5shot"), title("map")
    ('linear probe, 5 labels a class', 'retrieval, mean AP')
    """
    shot = measure.removeprefix("linear_").removesuffix("shot")
    return f"linear probe, {shot} label{'s' * (shot != '1')} a class" if shot.isdigit() else TITLES[measure]


def as_text(found: Evaluation) -> str:
    """Measures down and arms across, then the differences with their verdicts, the control, and the notes."""
    count = found.counts
    units = "" if count["units"] == count["test"] else f" of {count['units']} identities"
    lines = [
        f"{found.about['network']} at {found.about['size']} px; {count['train']:,} images to learn from, "
        f"{count['test']:,}{units} to score on, {count['classes']} classes; "
        f"always the commonest class: {found.majority:.3f}",
        "",
        *grid(values(found)),
    ]
    for pair in dict.fromkeys((one.arm, one.other) for one in found.contrasts):
        rows = [difference(found, one) for one in found.contrasts if (one.arm, one.other) == pair]
        lines += [
            "",
            *grid([["{} - {}".format(*pair), "difference [95 % interval]", "seeds beaten", "verdict"], *rows]),
        ]
    lines += ["", found.control_told, *(f"note: {visible(note)}" for note in found.notes)]
    return "\n".join(lines)


def values(found: Evaluation) -> list[list[str]]:
    """Measures down and arms across, with the heads as the first row: means, ± the standard deviation over seeds."""
    rows = [["measure", *found.arms]]
    for measure in (*found.measures, *found.arms["run"].figures):
        cells = []
        for arm in found.arms.values():
            deviation = arm.deviation(measure)
            digits = 1 if measure == "effective_rank" else 3
            spread = "" if deviation is None else f" ± {deviation:.{digits}f}"
            cells.append(f"{arm.mean(measure):.{digits}f}{spread}")
        rows.append([title(measure), *cells])
    return rows


def difference(found: Evaluation, one: Contrast) -> list[str]:
    """A comparison as cells: the measure, the difference with its interval, the seeds beaten, the verdict."""
    ends, verdict = told(one)
    return [title(one.measure), ends, "{} of {}".format(*found.beaten(one)), verdict]
