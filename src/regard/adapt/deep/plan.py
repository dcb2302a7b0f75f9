"""What a run of deep adaptation is made of: its images as batches, and a candidate's network before its first step."""

import copy
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ...core.checks import bad
from ...core.events import Event
from ...core.runtime import derive_seed, numpy_rng, seeded_init
from ...data.imageset import ImageSet
from ...learning.batches import Feed
from ...learning.sampling import Batches, Shuffled, Together
from ...learning.settings import TrainSettings
from ...representation.representation import Representation
from ..choose.scorers import SCORERS
from .adapting import Adapting
from .arms import Arm, Exam, run_arm
from .batches import InOrder, PartlyKnown
from .contract import DeepMethod
from .domains import ImageDomains
from .module import Adapted

FEW = 1000  # source images by which density ratios are learned


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run is made of, before anything is trained; see `run.adapt_images_events`."""

    start: Representation
    domains: ImageDomains
    objective: Adapting
    settings: TrainSettings
    layers: str
    factor: float
    decay: float
    by: str
    keep: str
    arguments: Mapping[str, Any]


def plan_of(
    start: Representation,
    domains: ImageDomains,
    methods: Sequence[DeepMethod],
    settings: TrainSettings,
    *,
    shared: Mapping[str, Any] | None = None,
    layers: str = "all",
    factor: float = 0.1,
    decay: float = 1.0,
    by: str = "circular",
    keep: str = "best",
    arguments: Mapping[str, Any] | None = None,
) -> Plan:
    """Put a run together; see `run.adapt_images_events`.

    Args:
        start: what to start from.
        domains: both, opened.
        methods: the candidates'.
        settings: of each training; what is left open is filled in.
        shared: settings of the objective.
        layers: what of the network learns.
        factor: the network's rate is this times the classifier's.
        decay: each stage of the network has the next one's rate times this.
        by: the scorer that chooses.
        keep: which weights of each training.
        arguments: what makes the run itself.

    Raises:
        InputError: one target image, where the target passes through the network by itself.
    """
    objective = Adapting(**(shared or {})).configure(domains.known)
    count, targets = len(domains.known.train), len(domains.target)
    if targets < 2 and not (objective.together and all(one.needs_source for one in methods)):
        why = "at least 2, as target images pass through the network by themselves"
        raise bad("TARGET", "1 image", why)
    objective = replace(objective, targets=targets, seed=settings.seed)
    length = _length(settings, count)
    return Plan(start, domains, objective, length, layers, factor, decay, by, keep, arguments or {})


def _length(asked: TrainSettings, count: int) -> TrainSettings:
    """With what is left open; the batch is that of each domain."""
    found = replace(asked, batch=min(asked.batch or 64, count))
    if asked.epochs is asked.steps is asked.minutes is None:
        found = replace(found, steps=min(max(20 * (count // (found.batch or 1)), 200), 20_000))
    return found


def module_of(plan: Plan, method: DeepMethod, before: Arm | None) -> Adapted:
    """A candidate's network before its first step: from the representation, or from where another one ended."""
    objective, encoder = replace(plan.objective, method=method), copy.deepcopy(plan.start.encoder)
    seed = plan.settings.seed
    with seeded_init(derive_seed(seed, "head")):
        head = objective.head(encoder)
        if before is not None:
            _put(before, encoder, head)
        if method.starts_taught:
            head["classes"].requires_grad_(False)
        return Adapted(objective, encoder, head, plan.layers, plan.factor, seed, plan.decay)


def _put(arm: Arm, encoder: nn.Module, head: nn.ModuleDict) -> None:
    """Give a network, its classifier and its copy, where there is one, the weights of a candidate that is done."""
    weights = arm.weights()
    copies = [head["source"]] if "source" in head else []
    for prefix, modules in (("encoder.", [encoder, *copies]), ("classes.", [head["classes"]])):
        own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        for module in modules:
            module.load_state_dict(own)


class Feeds:
    """The images of a run as batches, and what its candidates are judged on."""

    def __init__(self, plan: Plan, scorers: Sequence[str] = tuple(SCORERS)) -> None:
        domains, classes = plan.domains, plan.objective.classes
        self.plan = plan
        self.source, self.held = self._feed(domains.known.train, classes), self._feed(domains.known.held_out, classes)
        self.target = self._feed(domains.target, ())
        self.labelled = None if domains.labelled is None else self._feed(domains.labelled, classes)
        some = domains.known.train
        if len(some) > FEW:
            rows = numpy_rng(plan.settings.seed, "ratios").choice(len(some), FEW, replace=False)
            some = some.subset(np.sort(rows))
        truth = None
        if domains.truth is not None:
            places = {name: code for code, name in enumerate(classes)}
            truth = np.array([places.get(str(one), -1) for one in domains.truth])
        codes = np.searchsorted(np.array(classes), domains.known.held_out.need_labels("", 1))
        self.exam = Exam(self.held, codes, self._feed(some, classes), self.target, truth, plan.by, scorers)

    def _feed(self, images: ImageSet, classes: Sequence[str]) -> Feed:
        return Feed(images, self.plan.start.preprocess, classes=classes, workers=self.plan.settings.threads)

    def batches(self, method: DeepMethod) -> Batches:
        """Source batches, and where the method looks at the target its batches beside them."""
        size, seed = self.plan.settings.batch or 1, self.plan.settings.seed
        source = Shuffled(self.source, len(self.source.images), size, seed)
        if method.weight == 0 or not method.learns:
            return Together({"source": source})
        n = len(self.target.images)
        target: Batches = (
            InOrder(self.target, n, min(size, n))
            if method.as_is
            else Shuffled(self.target, n, min(size, n), seed, "target")
        )
        known = None
        if self.labelled is not None:
            few = len(self.labelled.images)
            known = Shuffled(self.labelled, few, min(max(size // 2, 1), few), seed, "labelled")
        return Together({"source": source, "target": PartlyKnown(target, known)})


def train_arm(
    plan: Plan, feeds: Feeds, name: str, method: DeepMethod, before: Arm | None, folder: Path
) -> Generator[Event, None, Arm]:
    """Train and judge a candidate in a folder of its own, or read it there; see `arms.run_arm`."""
    module = module_of(plan, method, before)
    module.follow(feeds.target, plan.settings.seed)
    batches = feeds.batches(method)
    length = _own_length(plan.settings, method, batches)
    return (yield from run_arm(name, module, batches, length, feeds.exam, folder, plan.arguments, plan.keep, before))


def _own_length(settings: TrainSettings, method: DeepMethod, batches: Batches) -> TrainSettings:
    """The run's length, or a method's own, counted in passes over the target."""
    target = batches.sources.get("target") if isinstance(batches, Together) else None
    steps = method.steps(target.steps_per_epoch) if target else None
    return settings if steps is None else replace(settings, epochs=None, minutes=None, steps=steps)
