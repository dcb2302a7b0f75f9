"""What a bet found: the arms under each protocol, who is ahead of whom, and who owes whom a gelato."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..metrics.contrast import FEWEST_DRAWS, Difference
from ..metrics.intervals import FEWEST_UNITS, TOO_FEW
from .bet_cells import MEASURES, Cell
from .bet_history import STAKE
from .bet_plan import BASES, SUPERVISED, Plan
from .experiment import Arm, Contrast, Design, Experiment

MATCHED, NOT_MATCHED = "matched", "not matched"
TITLES = {"ap50": "AP50", "voc07": "VOC07 AP"}
MAIN = "ap50"


def outcome(found: Difference, labels: Difference, margin: float) -> str:
    """Whether the best pretext task matched the labels.

    `matched` where the interval of (pretext - supervised) excludes a loss by more than the margin, so that a small sure
    loss is still a match; `not matched` where its upper end is below 0; else `too few to say`. From fewer than three
    seeds or five pictures nothing is called a match but a gain. Nor is it where the labels gained nothing on random
    weights: detectors that learn nothing are all alike, and a match with no gain would prove nothing.

    Args:
        found: pretext - supervised.
        labels: supervised - random.
        margin: of AP.

    >>> labels = Difference(0.2, 0.1, 0.3, 70, 3)
    >>> outcome(Difference(-0.01, -0.02, 0.0, 70, 3), labels, 0.03)
    'matched'
    >>> outcome(Difference(-0.1, -0.2, -0.01, 70, 3), labels, 0.03)
    'not matched'
    >>> outcome(Difference(-0.01, -0.02, 0.0, 70, 3), Difference(0.0, -0.1, 0.1, 70, 3), 0.03)
    'too few to say'
    """
    if not found.known or found.draws == 1 or found.n < FEWEST_UNITS:
        return TOO_FEW
    enough = not 0 < found.draws < FEWEST_DRAWS and labels.verdict == "gain"
    if found.low > 0 or (enough and found.low > -margin):
        return MATCHED
    return NOT_MATCHED if found.high < 0 else TOO_FEW


def owes(told: str) -> str:
    """Who owes whom a gelato.

    >>> owes("matched")
    'Malik owes Efros one gelato: one chocolate, one vanilla.'
    """
    if told == TOO_FEW:
        return "Nobody owes anybody a gelato yet."
    loser, winner = ("Malik", "Efros") if told == MATCHED else ("Efros", "Malik")
    return f"{loser} owes {winner} {STAKE}."


@dataclass(frozen=True)
class Bet:
    """What was found.

    Attributes:
        plan: what was asked for.
        experiments: by protocol, all arms, scored on the same test pictures.
        chosen: by protocol, the pretext task that stands for all, chosen on a part of TRAIN.
        judged: by protocol and task, the mean score on that part; none where nothing was tried.
        rates: by protocol and arm, the rate of each seed.
        margin: of AP, a loss by less than which is none.
        saw: what each arm saw, in words.
        counts: `train`, `test`, `unlabelled` pictures.
        notes: what a reader should know.
        seconds: of the call.
    """

    plan: Plan
    experiments: Mapping[str, Experiment]
    chosen: Mapping[str, str]
    judged: Mapping[str, Mapping[str, float | None]]
    rates: Mapping[str, Mapping[str, Sequence[float]]]
    margin: float
    saw: Mapping[str, Mapping[str, str]]
    counts: Mapping[str, int]
    notes: Sequence[str]
    seconds: float

    def contrast(self, protocol: str, arm: str, other: str, measure: str = MAIN) -> Contrast:
        """How far one arm is ahead of another."""
        return self.experiments[protocol].contrast(arm, other, measure)

    def outcome(self, protocol: str) -> str:
        """`matched`, `not matched` or `too few to say`."""
        found = self.contrast(protocol, self.chosen[protocol], SUPERVISED).difference
        return outcome(found, self._labels(protocol), self.margin)

    def sentence(self, protocol: str) -> str:
        """The outcome of one protocol in words."""
        task, told = self.chosen[protocol], self.outcome(protocol)
        found = self.contrast(protocol, task, SUPERVISED).difference
        points = f"{100 * found.mean:+.1f} points of AP50 {found.told(100, 1, '+')}"
        said = {
            MATCHED: f"{task} matched pretraining with labels",
            NOT_MATCHED: f"{task} did not match pretraining with labels",
            TOO_FEW: f"too few to say whether {task} matches pretraining with labels",
        }[told]
        hollow = ", and labels show no gain on random weights, without which a match proves nothing"
        more = hollow if told == TOO_FEW and self._labels(protocol).verdict != "gain" else ""
        return f"{named(self.plan, protocol)}: {said}: {points}, margin {100 * self.margin:g}{more}."

    def _labels(self, protocol: str) -> Difference:
        return self.contrast(protocol, SUPERVISED, BASES[0]).difference

    @property
    def gelato(self) -> str:
        """Who owes whom, by the protocol that decides."""
        return owes(self.outcome(self.plan.main))

    @property
    def contrasts(self) -> list[tuple[str, Contrast]]:
        """Protocol and difference: each arm against random weights, and against supervised."""
        found = []
        for protocol, one in self.experiments.items():
            found += [(protocol, each) for each in one.contrasts(BASES[0])]
            others = [name for name in one.arms if name not in (BASES[0], SUPERVISED)]
            found += [(protocol, each) for each in one.contrasts(SUPERVISED, others)]
        return found

    @property
    def metrics(self) -> dict[str, float | None]:
        """Flat names to numbers; see docs/verbs/bet.md."""
        flat: dict[str, float | None] = {**self.counts, "margin": self.margin, "seconds": round(self.seconds, 3)}
        for protocol, one in self.experiments.items():
            flat[f"{protocol}_matched"] = {MATCHED: 1.0, NOT_MATCHED: 0.0}.get(self.outcome(protocol))
            for name in one.arms:
                for measure in MEASURES:
                    value = one.value(name, measure).as_dict()
                    key = f"{protocol}_{name}_{measure}"
                    flat |= {key: value["mean"], f"{key}_low": value["low"], f"{key}_high": value["high"]}
        for protocol, each in self.contrasts:
            ends = each.difference.as_dict()
            key = key_of(protocol, each)
            flat |= {key: ends["mean"], f"{key}_low": ends["low"], f"{key}_high": ends["high"]}
        return flat

    def differences(self) -> list[dict[str, Any]]:
        """Plain values for JSON."""
        return [{"name": key_of(at, one), "protocol": at, **one.as_dict()} for at, one in self.contrasts]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "gelato": self.gelato,
            "sentences": {name: self.sentence(name) for name in self.experiments},
            "outcomes": {name: self.outcome(name) for name in self.experiments},
            "chosen": dict(self.chosen),
            "judged": {name: dict(one) for name, one in self.judged.items()},
            "rates": {name: {arm: list(of) for arm, of in one.items()} for name, one in self.rates.items()},
            "arms": {name: dict(one) for name, one in self.saw.items()},
        }


def named(plan: Plan, protocol: str) -> str:
    """A protocol in words."""
    frozen = plan.layers(protocol) == "head"
    head = "Fast R-CNN on given proposals" if protocol == "fast_rcnn" else "Faster R-CNN"
    return f"{head}, {'frozen' if frozen else 'fine-tuned'}"


def key_of(protocol: str, one: Contrast) -> str:
    """The flat name of a difference."""
    base = "gain" if one.other == BASES[0] else f"over_{one.other}"
    return f"{protocol}_{one.arm}_{one.measure}_{base}"


def chosen_of(tasks: Sequence[str], cells: Mapping[str, Sequence[Cell]]) -> tuple[str, dict[str, float | None]]:
    """The task of the best mean score on what was left out of TRAIN, and these means.

    Equal ones are told apart by the loss on the same pictures. Where no rate was chosen, and so nothing was left out,
    the first task stands for all, as it was named before anything was known.
    """
    means: dict[str, float | None] = {}
    ranks = {}
    for task in tasks:
        tried = [one for one in cells[task] if one.loss is not None]
        if len(tried) < len(cells[task]):
            return tasks[0], {}
        scores = [one.judged for one in tried if one.judged is not None]
        means[task] = float(np.mean(scores)) if scores else None
        ranks[task] = (means[task] or 0.0, -float(np.mean([one.loss for one in tried if one.loss is not None])))
    return max(tasks, key=lambda task: ranks[task]), means


def experiment_of(cells: Mapping[str, Sequence[Cell]], cost: Mapping[str, float]) -> Experiment:
    """The arms of one protocol; what each has of luck in its seeds is its own (`paired=False`)."""
    arms = {}
    for name, several in cells.items():
        scores = {measure: np.stack([one.scores[measure] for one in several]) for measure in MEASURES}
        seconds = cost.get(name, 0.0) + float(np.mean([one.seconds for one in several]))
        arms[name] = Arm(name, scores, name, seconds)
    return Experiment(arms, design=Design(paired=False), titles=TITLES, no_means=frozenset(MEASURES))
