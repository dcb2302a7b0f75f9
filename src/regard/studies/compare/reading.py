"""What the answers of one task, in one way, say: levels and differences by number of labels, labels saved, costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...metrics.contrast import Difference
from ...metrics.intervals import Interval
from ..experiment import Arm, Design, Experiment
from .arms import Entrant
from .cells import Cell
from .contract import Measure, Task
from .labels_saved import PAIRED, Saved, curve, labels_saved

WORDS = {"frozen": "frozen", "finetuned": "fine-tuned"}


@dataclass(frozen=True)
class Cost:
    """What an arm takes with all labels, as means over seeds.

    Attributes:
        seconds: of learning, without pretraining.
        mib: peak memory; None where the system does not tell.
        parameters: numbers that were learned.
        pretraining: minutes; None where a card does not tell.
        before: it went on from something whose minutes are not counted.
        chosen: the rates or penalties that were chosen, by seed.
    """

    seconds: float
    mib: float | None
    parameters: int
    pretraining: float | None
    before: bool
    chosen: tuple[float | None, ...]

    @property
    def minutes(self) -> float | None:
        """All minutes, pretraining counted; None where these are not known."""
        return None if self.pretraining is None else self.pretraining + self.seconds / 60

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "seconds": round(self.seconds, 3),
            "peak_mib": self.mib,
            "parameters": self.parameters,
            "pretraining_minutes": self.pretraining,
            "pretraining_of_parents_left_out": self.before,
            "minutes": self.minutes,
            "chosen": list(self.chosen),
        }


@dataclass(frozen=True)
class Reading:
    """One task in one way.

    Attributes:
        task: its name.
        way: frozen | finetuned.
        measures: what it is judged by, the main one first.
        baseline: the arm that the others are compared with.
        numbers: of labels, rising; empty where nothing is learned.
        experiments: by number of labels (0 where nothing is learned).
        saved: by arm, against the baseline in the main measure; None where there is no curve.
        costs: by arm, with all labels.
        notes: what the answers had to say.
    """

    task: str
    way: str
    measures: tuple[Measure, ...]
    baseline: str
    numbers: tuple[int, ...]
    experiments: Mapping[int, Experiment]
    saved: Mapping[str, Saved | None]
    costs: Mapping[str, Cost]
    notes: tuple[str, ...]

    @property
    def main(self) -> Measure:
        """The measure that the answer is in."""
        return self.measures[0]

    @property
    def whole(self) -> Experiment:
        """With all labels."""
        return self.experiments[max(self.experiments)]

    @property
    def others(self) -> list[str]:
        """The arms but for the baseline."""
        return [name for name in self.whole.arms if name != self.baseline]

    @property
    def title(self) -> str:
        """What it is, in words."""
        return self.task if not self.numbers else f"{self.task}, {WORDS[self.way]}"

    def level(self, arm: str, number: int | None = None, measure: str | None = None) -> Interval:
        """A measure of an arm, with its interval; by default the main one with all labels."""
        asked = self.whole if number is None else self.experiments[number]
        return asked.value(arm, measure or self.main.name)

    def gain(self, arm: str, number: int | None = None, measure: Measure | None = None) -> Difference:
        """What an arm is ahead of the baseline, in the measure's own unit: above 0 is better, whatever the measure."""
        asked, judged = self.whole if number is None else self.experiments[number], measure or self.main
        found = asked.contrast(arm, self.baseline, judged.name).difference
        return found if judged.larger_is_better else found.negated()

    def verdict(self, arm: str) -> str:
        """The verdict on labels saved where there is a curve, else on the difference."""
        saved = self.saved[arm]
        return self.gain(arm).verdict if saved is None else saved.verdict

    def sentence(self, arm: str) -> str:
        """The answer in one sentence."""
        saved, gain = self.saved[arm], self.gain(arm)
        if saved is not None:
            return f"{self.title}: {saved.sentence()}"
        times, unit = (100, " points") if self.main.percent else (1, "")
        ahead = (
            f"{times * gain.mean:+.1f}{unit} {gain.told(times, 1, '+')}" if self.main.percent else f"{gain.mean:+.3g}"
        )
        return f"{self.title}: {arm} against {self.baseline}: {gain.verdict}, {self.main.title} {ahead}.".replace(
            "-", "−"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "task": self.task,
            "way": self.way,
            "measure": self.main.name,
            "baseline": self.baseline,
            "labels": list(self.numbers),
            "sentences": {name: self.sentence(name) for name in self.others},
            "saved": {name: None if one is None else one.as_dict() for name, one in self.saved.items()},
            "levels": {
                name: {
                    measure.name: {
                        number: self.level(name, number, measure.name).as_dict() for number in self.experiments
                    }
                    for measure in self.measures
                }
                for name in self.whole.arms
            },
            "gains": {
                name: {
                    number: {**self.gain(name, number).as_dict(), "verdict": self.gain(name, number).verdict}
                    for number in self.experiments
                }
                for name in self.others
            },
            "costs": {name: one.as_dict() for name, one in self.costs.items()},
            "notes": list(self.notes),
        }


def read_off(
    name: str,
    task: Task,
    way: str,
    entrants: Mapping[str, Entrant],
    baseline: str,
    numbers: Sequence[int],
    cells: Mapping[tuple[str, int], Sequence[Cell]],
    units: np.ndarray | None,
) -> Reading:
    """Put the cells of a task, in one way, together; `cells` are by arm and number of labels, in the order of seeds."""
    measures = task.measures
    no_means = frozenset(one.name for one in measures if not one.mean)
    experiments = {}
    for number in numbers or [0]:
        arms = {
            one: Arm(
                one,
                {m.name: _stacked(cells[one, number], m.name, entrants[one], task) for m in measures},
                entrants[one].what,
                labels=number or None,
            )
            for one in entrants
        }
        design = PAIRED if task.learns else Design(paired=False)
        titles = {one.name: one.title for one in measures}
        limits = {one.name: np.inf for one in measures if not one.percent}
        experiments[number] = Experiment(arms, units, design, titles=titles, no_means=no_means, largest=limits)
    main, most = measures[0], max(experiments)
    curves = (
        {
            one: curve(
                {number: found.arms[one].scores[main.name] for number, found in experiments.items()},
                main.larger_is_better,
            )
            for one in entrants
        }
        if numbers
        else {}
    )
    saved = {
        one: labels_saved(
            curves[one], curves[baseline], names=(one, baseline), measure=main.name, mean=main.mean, units=units
        )
        if curves
        else None
        for one in entrants
        if one != baseline
    }
    costs = {one: _cost(entrants[one], cells[one, most]) for one in entrants}
    notes = tuple(dict.fromkeys(note for several in cells.values() for cell in several for note in cell.answer.notes))
    return Reading(name, way, measures, baseline, tuple(numbers), experiments, saved, costs, notes)


def _stacked(cells: Sequence[Cell], measure: str, entrant: Entrant, task: Task) -> np.ndarray:
    """(seeds, images); (images,) of one network where nothing is drawn."""
    rows = np.stack([one.answer.scores[measure] for one in cells])
    return rows if task.learns or entrant.varies else rows[0]


def _cost(entrant: Entrant, cells: Sequence[Cell]) -> Cost:
    mib = [one.mib for one in cells if one.mib is not None]
    return Cost(
        float(np.mean([one.answer.seconds for one in cells])),
        float(np.max(mib)) if mib else None,
        max(one.answer.parameters for one in cells),
        entrant.minutes,
        entrant.minutes_before,
        tuple(one.answer.chosen for one in cells),
    )
