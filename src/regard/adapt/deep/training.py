"""The candidates of a run one after the other: those that know no method first, then methods at their weights."""

from collections.abc import Generator, Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from ...core.events import Event
from ...learning.sampling import Batches, Together
from ...learning.settings import TrainSettings
from ...learning.trainable import START, Log, Moment
from .arms import FOUND, Arm, read_arm, run_arm
from .contract import DeepMethod, Seen
from .feeds import Feeds
from .plan import Plan, module_of

SOURCE_ONLY, SOURCE_AND_LABELS = "source_only", "source_and_labels"
ARMS = "arms"


class LabelsAlone(DeepMethod):
    """No method: the network learns from the source and from the target images whose label is known, and no others."""

    unlabelled = False

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """0: beside it there is the cross-entropy of all known labels."""
        return seen.target_features.new_zeros(()), {}


def train(
    name: str, method: DeepMethod, plan: Plan, feeds: Feeds, folder: Path, start: Arm | None = None
) -> Generator[Event, None, Arm]:
    """Train a candidate in its folder below `folder`, or read it where it is done.

    Args:
        name: of the candidate.
        method: at its weight.
        plan: what the run is made of.
        feeds: its images.
        folder: of all candidates.
        start: what was taught without a method, from which those go on that do not start from the representation; at
            weight 0 a method is the same, and nothing is trained. None: this one is trained from the representation.
    """
    if start is not None and method.weight == 0:
        return replace(start, name=name, judged=replace(start.judged, name=name))
    if done := trained(name, folder):
        return done
    before = start if goes_on(method) else None
    module = module_of(plan, method, before)
    module.follow(feeds.target, plan.settings.seed)
    batches = feeds.batches(method)
    length = _own_length(plan.settings, method, batches)
    own = _own_folder(name, folder)
    return (yield from run_arm(name, module, batches, length, feeds.exam, own, plan.arguments, plan.keep, before))


def in_precision_of(arm: Arm, plan: Plan) -> Plan:
    """The plan in the precision that `auto` found for a candidate, so that all others differ by their method alone."""
    return replace(plan, settings=replace(plan.settings, precision=arm.done.precision))


def trained(name: str, folder: Path) -> Arm | None:
    """A candidate that is done, read from its folder below `folder`; None where it is not."""
    own = _own_folder(name, folder)
    return read_arm(own) if (own / FOUND).exists() else None


def goes_on(method: DeepMethod) -> bool:
    """Whether a method starts from the network that was taught without one."""
    return method.starts_taught or method.continues or not method.learns


def train_all(plan: Plan, methods: Mapping[str, DeepMethod], folder: Path) -> Generator[Event, None, list[Arm]]:
    """The source alone, and then every candidate, in the same precision; in their order."""
    feeds = Feeds(plan)
    arms = [(yield from train(SOURCE_ONLY, DeepMethod(weight=0.0), plan, feeds, folder))]
    plan = in_precision_of(arms[0], plan)
    for name, method in methods.items():
        arms.append((yield from train(name, method, plan, feeds, folder, arms[0])))
    return arms


def _own_folder(name: str, folder: Path) -> Path:
    return folder / name.replace(" ", "-")


def _own_length(settings: TrainSettings, method: DeepMethod, batches: Batches) -> TrainSettings:
    """The run's length, or a method's own, counted in passes over the target."""
    target = batches.sources.get("target") if isinstance(batches, Together) else None
    steps = method.steps(target.steps_per_epoch) if target else None
    return settings if steps is None else replace(settings, epochs=None, minutes=None, steps=steps)
