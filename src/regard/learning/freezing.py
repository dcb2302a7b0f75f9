"""Which part of a network learns: all of it, its last stages, matrices of low rank beside it, or only the new head.

And when (`learning.gradual`), how fast (`learning.layer_rates`), and held by what (`learning.l2_sp`).

What is frozen is frozen whole: no gradients, batch normalisation keeps the statistics it came with, dropout is off.
What learns of the network does so at a lower rate than the head, which starts from nothing (Yosinski et al. 2014,
NIPS: transferred layers are worth keeping, the more so the earlier they are).
"""

from collections.abc import Iterable
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..backbones.encoder import Encoder
from ..core import processes
from ..core.checks import bad, check_choice, check_number
from .batch import Batch
from .gradual import Gradual
from .l2_sp import StartingPoint
from .layer_rates import stages_above
from .lora import RANK, adaptable, add_lora, merge
from .module import LearningModule, learn_no_further
from .objective import Objective, Puzzle
from .trainable import Log, Moment, Player

# what a card says of them, as verbs call them
RATES = ("layers", "backbone_lr_factor", "layer_decay", "unfreeze", "l2_sp")
UNFREEZE = ("all", "gradual", "lp-ft")


class Tuned(LearningModule):
    """An encoder that was trained before and a head that was not, learning together at two rates.

    Args:
        objective: the task.
        encoder: changed in place.
        head: on its pooled vector.
        layers: `all`, `head`, `last:N` for the last N of the stages in `encoder.feature_info`, with whatever comes
            after them, or `lora` (`lora:R`): see `learning.lora`; the matrices are added to the weights in the end.
        factor: the encoder's rate is this times the head's.
        seed: of what `lora` draws.
        decay: each stage of the encoder has the next one's rate times this, in (0, 1]; see `learning.layer_rates`.
        unfreeze: when the layers that learn begin to: `all` at once, or `gradual`, from the last stage down (see
            `learning.gradual`); `lp-ft` is `all` with a head that the caller has fitted to the encoder as it
            predicts, so that batch normalisation goes on with the statistics that it has.
        l2_sp: (alpha, beta) of the pull back to the encoder's weights as they are now, in place of weight decay (see
            `learning.l2_sp`); None: no such pull.
    """

    def __init__(
        self,
        objective: Objective,
        encoder: Encoder,
        head: nn.Module,
        layers: str,
        factor: float,
        seed: int = 0,
        decay: float = 1.0,
        unfreeze: str = "all",
        l2_sp: tuple[float, float] | None = None,
    ) -> None:
        check_tuning(layers, unfreeze, l2_sp is not None)
        super().__init__(objective, encoder, head)
        check_number("--backbone-lr-factor", factor, 0, 1, open_low=True)
        check_number("--layer-decay", decay, 0, 1, open_low=True)
        self.factor = factor
        # names, not modules: a copy of this must freeze its own; these are in evaluation mode
        self.frozen = freeze(encoder, layers, seed)
        learn_no_further(encoder)
        self.above = {name: decay**above for name, above in stages_above(encoder).items()} if decay < 1 else {}
        if unfreeze == "lp-ft":  # with those of a batch the features would be others than the head was fitted to
            self.frozen |= {name for name, one in encoder.network.named_modules() if isinstance(one, _BatchNorm)}
        self.gradual = Gradual(encoder) if unfreeze == "gradual" else None
        self.start = StartingPoint(encoder.network, *l2_sp) if l2_sp is not None else None

    def train(self, mode: bool = True) -> Self:
        """Training mode for what learns; the rest stays as it is when it predicts."""
        super().train(mode)
        still = self.frozen | self.gradual.waiting if self.gradual else self.frozen
        for name, module in self.encoder.network.named_modules():
            if name in still:
                module.training = False
        return self

    def before_step(self, at: Moment) -> Iterable[nn.Parameter]:
        """The objective's hooks; with `gradual` unfreezing those begin to learn whose turn it is."""
        if self.gradual is not None:
            self.gradual.take_turns(self.encoder.network, at.progress, processes.world_size() > 1)
            self.train(self.training)
        return super().before_step(at)

    def before_update(self, at: Moment) -> None:
        """The objective's hook; with `gradual` unfreezing the gradients of those go whose turn it is not."""
        if self.gradual is not None:
            self.gradual.hold_back(self.encoder.network, at.progress)
        super().before_update(at)

    def forward(self, at: Moment, batch: Batch | Puzzle, generator: torch.Generator) -> tuple[Tensor, Log]:
        """The loss with the pull back to the start, where there is one, which is logged as `l2_sp`."""
        loss, log = super().forward(at, batch, generator)
        if self.start is None:
            return loss, log
        penalty = self.start.penalty(self.encoder.network, self.head)
        return loss + penalty, {**log, "l2_sp": penalty.detach()}

    def players(self) -> list[Player]:
        """One player whose optimiser has the encoder's weights at the lower rate, or at those of their stages."""
        learning = [parameter for parameter in self.parameters() if parameter.requires_grad]
        fresh = self.objective.fresh(self.encoder)
        own = {id(parameter) for parameter in [*self.head.parameters(), *fresh]}
        named = {id(parameter): name for name, parameter in self.encoder.network.named_parameters()}

        def place(parameter: nn.Parameter) -> tuple[bool, float]:
            mine = id(parameter) in own
            return not mine, 1.0 if mine else self.factor * self.above.get(named.get(id(parameter), ""), 1.0)

        def adamw(groups: list[dict[str, Any]], lr: float) -> torch.optim.Optimizer:
            rated = []
            for group in groups:
                at: dict[tuple[bool, float], list[nn.Parameter]] = {}
                if self.start is not None:  # which pulls in its place
                    group = {**group, "weight_decay": 0.0}
                for parameter in group["params"]:
                    at.setdefault(place(parameter), []).append(parameter)
                rated += [{**group, "params": at[key], "lr": lr * key[1]} for key in sorted(at)]
            # one pass over each tensor in place of ten
            return torch.optim.AdamW(rated, lr, fused=True)

        return [Player("all", learning, adamw)]

    def settle(self) -> None:
        """Add what `lora` learned to the weights: the network is an ordinary one then."""
        merge(self.encoder.network)


def check_tuning(layers: str, unfreeze: str, l2_sp: bool) -> None:
    """Refuse ways of fine-tuning that do not go together.

    Raises:
        InputError: an unknown name; `gradual`, `lp-ft` or a pull with layers of which none, or none of the network's
            own weights, would learn.
    """
    check_choice("--unfreeze", unfreeze, UNFREEZE)
    kind = layers.partition(":")[0]
    if kind == "head" and (unfreeze != "all" or l2_sp):
        what = f"--unfreeze {unfreeze}" if unfreeze != "all" else "--l2-sp"
        raise bad(what, "--layers head, with which the network does not learn", "layers that do", "Try --layers all.")
    if kind == "lora" and (unfreeze == "gradual" or l2_sp):
        what = "--unfreeze gradual" if unfreeze == "gradual" else "--l2-sp"
        why = "--layers lora, with which the weights themselves stay as they are"
        raise bad(what, why, "all or last:N", "Low rank is a hold of its own.")


def freeze(encoder: Encoder, layers: str, seed: int = 0) -> set[str]:
    """Stop all but the chosen layers from learning; return the names of the network's modules that are frozen.

    `lora` gives each linear layer and convolution matrices of low rank that learn, drawn from `seed`.

    >>> from regard.backbones.encoder import make_encoder
    >>> encoder = make_encoder("convnet4")
    >>> frozen = freeze(encoder, "last:1")
    >>> [name for name, p in encoder.network.named_parameters() if p.requires_grad]
    ['blocks.3.0.weight', 'blocks.3.1.weight', 'blocks.3.1.bias']
    """
    if layers.partition(":")[0] == "lora":
        return _by_low_rank(encoder, layers, seed)
    modules = dict(encoder.network.named_modules())
    places = {name: place for place, name in enumerate(modules)}
    last = len(modules) - _learning_from(encoder, layers, places)
    frozen: set[str] = set()
    for name, module in modules.items():
        still = places[name] < last
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(not still)
    for name, module in modules.items():
        if places[name] < last and not any(parameter.requires_grad for parameter in module.parameters()):
            frozen.add(name)
    return frozen


def _learning_from(encoder: Encoder, layers: str, places: dict[str, int]) -> int:
    """How many modules, counted from the end in the order they are defined, learn."""
    if layers == "all":
        return len(places)
    if layers == "head":
        return 0
    kind, _, number = layers.partition(":")
    stages = [info.module for info in encoder.feature_info]
    if kind != "last" or not number.isdigit() or int(number) < 1:
        expected = "all, head, last:N with N of at least 1, or lora:R with R of at least 1"
        raise bad("--layers", repr(layers), expected, "For example last:2.")
    if any(stage not in places for stage in stages):
        raise bad("--layers", repr(layers), f"all or head: the stages of {encoder.name} are not modules of their own")
    if int(number) >= len(stages):
        raise bad("--layers", repr(layers), f"at most last:{len(stages) - 1}; {encoder.name} has {len(stages)} stages")
    before = stages[-int(number) - 1]
    inside = [place for name, place in places.items() if name == before or name.startswith(before + ".")]
    return len(places) - 1 - max(inside)


def _by_low_rank(encoder: Encoder, layers: str, seed: int) -> set[str]:
    _, given, rank = layers.partition(":")
    if given and (not rank.isdigit() or int(rank) < 1):
        raise bad("--layers", repr(layers), "lora, or lora:R with R of at least 1", f"lora is lora:{RANK}.")
    names = {name for name, _ in encoder.network.named_modules()}
    if not adaptable(encoder.network):
        why = f"all or head: {encoder.name} has no linear layers or convolutions"
        raise bad("--layers", repr(layers), why)
    add_lora(encoder.network, int(rank or RANK), seed=seed)
    return names
