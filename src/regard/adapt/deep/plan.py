"""What a run of deep adaptation is made of before it trains anything, and the network that a candidate starts with."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from ...core.checks import InputError, bad
from ...core.runtime import derive_seed, seeded_init
from ...learning.settings import TrainSettings
from ...representation.representation import Representation
from .adapting import Adapting
from .arms import Arm
from .contract import DeepMethod
from .domains import ImageDomains
from .module import Adapted


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run is made of.

    Attributes:
        start: the representation that it starts from.
        domains: both domains.
        objective: of all candidates, without their method.
        settings: as they are used; the batch is that of each domain.
        layers, factor, decay: what of the network learns, and at what share of the classifier's rate.
        by: the scorer that chooses.
        keep: which weights of a candidate: best or last.
        arguments: what makes the run itself.
    """

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


def check_methods(methods: Iterable[DeepMethod], called: str, start: Representation, layers: str) -> None:
    """Refuse a network that a method cannot adapt, or not by `layers`.

    Raises:
        InputError: as `DeepMethod.admits`; LoRA with a method that changes the network itself.
    """
    for one in methods:
        one.admits(start.encoder)
        if one.equips and layers.partition(":")[0] == "lora":
            why = "all, head or last:N with a method that changes the network itself"
            raise bad("--layers", repr(layers), why, f"{called} is one.")


def admitted(methods: Mapping[str, DeepMethod], start: Representation, layers: str) -> dict[str, DeepMethod]:
    """Those that `check_methods` does not refuse, where nobody has named them."""
    found = {}
    for name, one in methods.items():
        try:
            check_methods([one], name, start, layers)
        except InputError:
            continue
        found[name] = one
    return found


def objective_of(
    methods: Iterable[DeepMethod], called: str, shared: Mapping[str, Any], domains: ImageDomains, seed: int
) -> Adapting:
    """The objective of all candidates, for these images.

    Raises:
        InputError: one target image, where a method passes target images through the network by themselves.
    """
    found = Adapting(**shared).configure(domains.known)
    alone = not found.together or any(not one.needs_source for one in methods)
    if alone and len(domains.target) < 2:
        raise bad(
            "TARGET", "1 image", f"at least 2, as {called} passes target images through the network by themselves"
        )
    return replace(found, targets=len(domains.target), seed=seed)


def length_of(asked: TrainSettings, count: int) -> TrainSettings:
    """With what is left open, for so many source images; the batch is that of each domain."""
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
