"""The networks of one seed: what the source has taught, once for all that go on from it; the methods; the ceiling."""

import copy
import shutil
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ....core.events import Event
from ....learning.checkpoint import BEST, CHECKPOINT
from ....learning.settings import TrainSettings
from ....representation.representation import Representation
from ...choose.select import Judged, decide
from ...deep.arms import Arm
from ...deep.auto import judged_beside
from ...deep.contract import DeepMethod
from ...deep.domains import ImageDomains
from ...deep.feeds import Feeds
from ...deep.plan import Plan, length_of, module_of, objective_of
from ...deep.training import SOURCE_AND_LABELS, SOURCE_ONLY, LabelsAlone, goes_on, in_precision_of, train, trained
from ..trials import Draw
from .cells import Cell
from .sides import Sides

Told = Generator[Event, None, Arm]


@dataclass(frozen=True, eq=False)
class Training:
    """How networks are trained; see `deep.run.adapt_images_events`.

    Attributes:
        start: the representation that all start from.
        settings: as they were asked; each seed puts itself in.
        layers, factor, decay, by, keep: as there.
        shared: settings of the objective, which all methods share.
        arguments: what makes the comparison itself.
    """

    start: Representation
    settings: TrainSettings
    layers: str
    factor: float
    decay: float
    by: str
    keep: str
    shared: Mapping[str, Any]
    arguments: Mapping[str, Any]

    def plan(self, domains: ImageDomains, seed: int) -> Plan:
        """That of a seed on its images."""
        objective = objective_of([], "the source alone", self.shared, domains, seed)
        length = length_of(replace(self.settings, seed=seed), len(domains.known.train))
        arguments = {**self.arguments, "seed": seed, "content": domains.content}
        return Plan(
            self.start, domains, objective, length, self.layers, self.factor, self.decay, self.by, self.keep, arguments
        )


class Networks:
    """The networks of one seed. What is done is read, and images are decoded only where something is to be trained.

    Args:
        training: how.
        sides: both domains.
        draw: of this seed.
        folder: of its networks; those without a method stay there.
    """

    def __init__(self, training: Training, sides: Sides, draw: Draw, folder: Path) -> None:
        self.training, self.sides, self.draw, self.folder = training, sides, draw, folder

    @cached_property
    def plan(self) -> Plan:
        """What the runs of this seed are made of."""
        return self.training.plan(self.sides.domains(self.draw), self.draw.seed)

    @cached_property
    def feeds(self) -> Feeds:
        """Its images, decoded."""
        return Feeds(self.plan)

    def source_only(self) -> Told:
        """The network that the source has taught; the others of this seed are trained in its precision."""
        arm = yield from self._start(SOURCE_ONLY, DeepMethod(weight=0.0))
        settings = replace(self.training.settings, precision=arm.done.precision)
        self.training, self.plan = replace(self.training, settings=settings), in_precision_of(arm, self.plan)
        return arm

    def source_and_labels(self) -> Told:
        """The same with the target labels that are known."""
        return self._start(SOURCE_AND_LABELS, LabelsAlone())

    def _start(self, name: str, method: DeepMethod) -> Told:
        if done := trained(name, self.folder):
            return done
        arm = yield from train(name, method, self.plan, self.feeds, self.folder)
        for file in (CHECKPOINT, BEST):  # it is done, and will not go on
            (arm.folder / file).unlink(missing_ok=True)
        return arm

    def told(self, arm: Arm) -> Cell:
        """What a network without a method says of the target."""
        judged = (self._beside(arm, None, arm),)
        return Cell(self._labels(arm), arm.done.seconds, 0.0, "", arm.best, judged, arm.notes)

    def adapted(
        self, name: str, methods: Mapping[str, DeepMethod], start: Arm, key: str
    ) -> Generator[Event, None, Cell]:
        """A method at its weights, of which one is kept by the score; then their networks go.

        Args:
            name: of the method.
            methods: the candidates by name.
            start: what the source has taught.
            key: hash of the candidates, so that others do not go on from theirs.
        """
        folder, arms, seconds = self.folder / f"{name}-{key[:8]}", [], 0.0
        for one, method in methods.items():
            arm = yield from train(one, method, self.plan, self.feeds, folder, start)
            arms.append(arm)
            seconds += arm.done.seconds if method.learns and method.weight > 0 else 0.0
        stands = any(goes_on(one) or one.weight == 0 for one in methods.values())
        before = start.done.seconds if stands else 0.0
        choice = decide([arm.judged for arm in arms], self.plan.by)
        kept = next(arm for arm in arms if arm.name == choice.name)
        best = max((arm.best for arm in arms if arm.best is not None), default=None)
        judged = tuple(self._beside(arm, methods[arm.name], start) for arm in arms)
        cell = Cell(self._labels(kept), seconds, before, kept.name, best, judged, kept.notes)
        shutil.rmtree(folder, ignore_errors=True)
        return cell

    def ceiling(self) -> Generator[Event, None, Cell]:
        """Half of the target's labels teach a network that tells the other half, and the other way round.

        Raises:
            InputError: a class has too few target images for both halves.
        """
        told, seconds = np.full(len(self.sides.yt), "", object), 0.0
        folder = self.folder / "ceiling"
        for place, (rows, domains) in enumerate(self.sides.halves(self.draw.seed)):
            plan = replace(self.training.plan(domains, self.draw.seed), keep="last")
            arm = yield from train(f"half {place}", DeepMethod(weight=0.0), plan, Feeds(plan), folder)
            told[rows] = np.array(plan.objective.classes)[arm.probabilities.argmax(axis=1)]
            seconds += arm.done.seconds
        shutil.rmtree(folder, ignore_errors=True)
        return Cell(told.astype(np.str_), seconds)

    def representation(self, arm: Arm) -> Representation:
        """The network of a candidate, as vectors are made with it."""
        module = module_of(replace(self.plan, layers="all"), DeepMethod(weight=0.0), arm)
        encoder = copy.deepcopy(module.encoder).eval()
        return Representation(
            encoder, self.training.start.preprocess, {"name": f"finetuned-{self.training.start.name}"}
        )

    def _beside(self, arm: Arm, method: DeepMethod | None, start: Arm) -> Judged:
        labels = self.plan.domains.known.train.need_labels("SOURCE")
        return judged_beside(arm, method, start, self.plan.objective.classes, labels)

    def _labels(self, arm: Arm) -> np.ndarray:
        """(nt,) labels of the whole target; "" where they were known."""
        found = np.full(len(self.sides.yt), "", object)
        scored = ~np.isin(np.arange(len(found)), self.draw.known)
        found[scored] = np.array(self.plan.objective.classes)[arm.probabilities.argmax(axis=1)]
        return found.astype(np.str_)
