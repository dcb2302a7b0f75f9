"""One task of deep adaptation by one seed: the source alone, each method, what `auto` takes, the ceiling of the target.

The source alone is trained once for all. Each training has a folder of its own in the work folder and is not done
again. `auto` is what `regard adapt --method auto --deep` does with the same seed.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from regard.adapt.deep.arms import Arm
from regard.adapt.deep.auto import take
from regard.adapt.deep.contract import DeepMethod
from regard.adapt.deep.domains import open_domains
from regard.adapt.deep.feeds import Feeds
from regard.adapt.deep.plan import Plan
from regard.adapt.deep.run import TRIED, candidates
from regard.adapt.deep.training import SOURCE_ONLY, train
from regard.adapt.worth.ways.networks import Training
from regard.core.checks import InputError
from regard.core.runtime import numpy_rng
from regard.data.imageset import ImageSet
from regard.learning.settings import TrainSettings
from regard.representation.representation import Representation

CEILING, AUTO = "ceiling", "auto"


@dataclass(frozen=True)
class Task:
    """Two domains, what is adapted, and for how long.

    Attributes:
        name: of the task.
        source: labelled images.
        target: labelled images; the labels score alone.
        start: the representation.
        settings: of each training, without the seed.
        shared: settings of the objective.
        factor: the network's rate is this times the classifier's.
    """

    name: str
    source: ImageSet
    target: ImageSet
    start: Representation
    settings: TrainSettings
    shared: dict[str, Any] = field(default_factory=dict)
    factor: float = 1.0

    def plan(self, source: ImageSet, target: ImageSet, seed: int) -> Plan:
        """The run of two sets."""
        how = Training(self.start, self.settings, "all", self.factor, 1.0, "entropy", "last", self.shared, {})
        return how.plan(open_domains(source, target, seed=seed), seed)


@dataclass(frozen=True)
class Row:
    """What a row of the table was right about.

    Attributes:
        right: (nt,) 1 where right.
        seconds: of its training.
        notes: signs that it went wrong.
    """

    right: np.ndarray
    seconds: float
    notes: tuple[str, ...] = ()


def rows_of(
    task: Task, methods: Sequence[str], seed: int, work: Path, ceiling: bool = True
) -> tuple[dict[str, Row], str]:
    """Every row by name, and the name of what `auto` took."""
    folder = work / task.name.replace(" ", "-") / f"seed-{seed}"
    made = candidates(",".join(dict.fromkeys((*TRIED, *methods))))[0]
    plan = task.plan(task.source, task.target, seed)
    feeds, truth = Feeds(plan), plan.domains.truth
    classes = np.array(plan.objective.classes)

    def row(arm: Arm) -> Row:
        right = (classes[arm.probabilities.argmax(axis=1)] == truth).astype(float)
        return Row(right, arm.done.seconds, arm.notes)

    arms: dict[str, Arm] = {}
    for name, method in {SOURCE_ONLY: DeepMethod(weight=0.0), **made}.items():
        try:
            method.admits(plan.start.encoder)
        except InputError as error:
            print(f"{task.name}: {name} left out: {error}", flush=True)
            continue
        arms[name] = _ended(train(name, method, plan, feeds, folder, arms.get(SOURCE_ONLY)))
    found = {name: row(arm) for name, arm in arms.items()}
    tried = {name: arms[name] for name in (SOURCE_ONLY, *TRIED) if name in arms}
    choice, _ = take(list(tried.values()), made, plan.objective.classes, plan.domains.known.train.need_labels("source"))
    found[AUTO] = replace(found[choice.name], seconds=sum(arm.done.seconds for arm in tried.values()))
    if ceiling:
        found[CEILING] = _ceiling(task, seed, folder)
    return found, choice.name


def _ceiling(task: Task, seed: int, folder: Path) -> Row:
    """The same network taught by the labels of one half of the target, asked for the other half, and the other way."""
    target = task.target
    order = numpy_rng(seed, "halves").permutation(len(target))
    labels = target.need_labels("target", 1)
    # every class in both halves
    order = order[np.argsort(labels[order], kind="stable")]
    halves = [np.sort(order[0::2]), np.sort(order[1::2])]
    right: dict[str, float] = {}
    seconds = 0.0
    for number, (taught, asked) in enumerate((halves, halves[::-1])):
        known, others = target.subset(taught), target.subset(asked)
        plan = task.plan(known, others, seed)
        arm = _ended(train(f"{CEILING}-{number}", DeepMethod(weight=0.0), plan, Feeds(plan), folder))
        told = np.array(plan.objective.classes)[arm.probabilities.argmax(axis=1)]
        right |= dict(zip(plan.domains.target.ids.tolist(), (told == plan.domains.truth).astype(float)))
        seconds += arm.done.seconds
    return Row(np.array([right[one] for one in target.ids.tolist()]), seconds)


def _ended(training: Generator[Any, None, Arm]) -> Arm:
    """What a stream of events returns."""
    while True:
        try:
            next(training)
        except StopIteration as end:
            return end.value
