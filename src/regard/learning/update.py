"""One update of one player: its loss, its gradients, its optimiser's step."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from ..backbones.norm_statistics import batch_errors
from ..core.runtime import derive_seed, torch_rng
from .settings import TrainSettings
from .trainable import Moment, Player, Trainable

Optimisers = Mapping[str, torch.optim.Optimizer]
Place = tuple[int, str, int, int]  # what the draws of a move are named by: step, player, turn, process


def groups_of(optimisers: Optimisers) -> list[dict[str, Any]]:
    """The parameter groups of all optimisers, in order."""
    return [group for optimiser in optimisers.values() for group in optimiser.param_groups]


def forget(optimisers: Optimisers, renewed: Iterable[torch.Tensor]) -> None:
    """Drop what optimisers know of parameters that were drawn anew: it is about weights that are gone."""
    for parameter in renewed:
        for optimiser in optimisers.values():
            optimiser.state.pop(parameter, None)


class Updates:
    """The players of a run with their optimisers, and how one of them moves.

    Args:
        fabric: Lightning's, launched.
        trainable: on its device.
        module: the same as Fabric wrapped it.
        settings: of the run.
    """

    def __init__(self, fabric: Any, trainable: Trainable, settings: TrainSettings) -> None:
        self.fabric, self.trainable, self.settings = fabric, trainable, settings
        self.players: Sequence[Player] = list(trainable.players())
        self.optimisers = {player.name: player.make_optimiser(settings) for player in self.players}
        self.highest = [(group["lr"], group.get("weight_decay", 0.0)) for group in groups_of(self.optimisers)]
        self.module: torch.nn.Module = trainable
        self.devices = [fabric.device.index] if fabric.device.type == "cuda" else []

    def set_rates(self, rate: float, decay: float) -> None:
        """Every learning rate and weight decay as a share of where it started."""
        for group, (highest, full) in zip(groups_of(self.optimisers), self.highest):
            group["lr"], group["weight_decay"] = highest * rate, full * decay

    def move(self, player: Player, at: Moment, batch: Any, place: Place) -> dict[str, Any]:
        """Update one player; returns what it logs, with the loss."""
        fabric, settings = self.fabric, self.settings
        alone = len(self.players) == 1
        self._only(player)
        generator = torch_rng(settings.seed, "views", *place, device=str(fabric.device))
        self.optimisers[player.name].zero_grad()
        seed = derive_seed(settings.seed, "dropout", *place)
        with self._global_draws(seed), fabric.no_backward_sync(self.module, enabled=not alone):
            with batch_errors():
                loss, log = self.module(at, batch, generator)
            fabric.backward(loss)
        self._only(None)
        if not alone and fabric.world_size > 1:
            # DDP averages by itself only where each step reaches every parameter
            for parameter in player.parameters:
                if parameter.grad is not None:
                    parameter.grad = fabric.all_reduce(parameter.grad, reduce_op="mean")
        self.trainable.before_update(at)
        if settings.clip:
            torch.nn.utils.clip_grad_norm_(list(player.parameters), settings.clip)
        self.optimisers[player.name].step()
        # detached, or the graph of each step would be kept until the next report
        return {key: v.detach() if torch.is_tensor(v) else v for key, v in {"loss": loss, **log}.items()}

    @contextmanager
    def _global_draws(self, seed: int) -> Iterator[None]:
        """Seed the global generator, which dropout draws from, for this step, and give it back as it was."""
        if self.fabric.device.type == "cpu":
            # torch.manual_seed asks after every kind of device each time: a tenth of a small network's step
            before = torch.get_rng_state()
            torch.default_generator.manual_seed(seed)
            try:
                yield
            finally:
                torch.set_rng_state(before)
            return
        with torch.random.fork_rng(self.devices):
            torch.manual_seed(seed)
            yield

    def _only(self, player: Player | None) -> None:
        """Freeze the parameters of all others; None: nobody's."""
        if len(self.players) == 1:
            return
        for other in self.players:
            for parameter in other.parameters:
                parameter.requires_grad_(player is None or other is player)
