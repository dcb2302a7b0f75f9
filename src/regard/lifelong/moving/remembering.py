"""The objective of a task among many: its own labels, and what a method does to keep what came before.

Batches hold `task/images` and `task/labels`; where there is a memory `memory/images`, `memory/labels` and, where logits
were kept, `memory/kept`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ...adapt.deep.statistics import stored_statistics
from ...backbones.encoder import Encoder
from ...backbones.modes import evaluating
from ...data.views import view
from ...learning.batch import Batch
from ...learning.objective import FROM_DATA, Objective
from ...learning.recipes import recipe_of
from ...learning.trainable import START, Log, Moment
from .contract import LearnMethod, Replayed, Seen, Tensors


class Held(nn.Module):
    """Named tensors that go where the network goes; in the checkpoint only where they change."""

    def __init__(self, tensors: Tensors, changing: bool) -> None:
        super().__init__()
        for name, value in tensors.items():
            self.register_buffer(name.replace(".", "/"), value.clone(), persistent=changing)

    def tensors(self) -> dict[str, Tensor]:
        """By the names that they came with."""
        return {name.replace("/", "."): value for name, value in self.named_buffers()}


@dataclass(frozen=True)
class Remembering(Objective):
    """Learning a task after others.

    The task's images and the memory's pass the network in one batch. A method that does not remember is given neither
    memory nor old network, and its loss is not asked.

    Attributes:
        method: how the old is kept.
        recipe: views of the images, of the memory too.
        classes: all that are known by now, in the order in which they came.
        old: how many of them were known before.
        here: places of those that this task has.
    """

    method: LearnMethod = field(default_factory=LearnMethod)
    recipe: Literal["photo", "digit", "none"] = "none"
    classes: tuple[str, ...] = field(default=(), metadata=FROM_DATA)
    old: int = field(default=0, metadata=FROM_DATA)
    here: tuple[int, ...] = field(default=(), metadata=FROM_DATA)

    needs_labels = True

    def head(self, encoder: Encoder) -> nn.ModuleDict:
        """`classes`, one linear layer; what else there is, `learn_task` puts beside it."""
        return nn.ModuleDict({"classes": nn.Linear(encoder.num_features, len(self.classes))})

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Any, Any]:
        """Views of the task's images, then of the memory's; their labels, and the kept logits."""
        inputs = (self._viewed(batch["task/images"], generator),)
        targets = (batch["task/labels"],)
        if "memory/images" not in batch:
            return inputs, targets
        more = (batch["memory/labels"], *((batch["memory/kept"],) if "memory/kept" in batch else ()))
        return (*inputs, self._viewed(batch["memory/images"], generator)), (*targets, *more)

    def loss(self, encoder: Any, head: Any, inputs: Any, targets: Any, at: Moment = START) -> tuple[Tensor, Log]:
        """The task's own loss, plus what the method adds."""
        x = torch.cat(list(inputs))
        z = features_of(encoder, x)
        logits = head["classes"](z)
        n = len(inputs[0])
        old = self._before(head, x) if "old" in head else None
        with torch.autocast(z.device.type, enabled=False):
            z, logits = z.float(), logits.float()
            place = torch.arange(len(self.classes), device=z.device)
            here = torch.isin(place, torch.tensor(self.here, device=z.device))
            seen = Seen(z[:n], logits[:n], targets[0], place < self.old, here)
            if old is not None:
                by_old = head["old"]["classes"](z[:n])
                seen = seen._replace(old_features=old[0][:n], old_logits=old[1][:n], by_old=by_old)
            if len(inputs) > 1:
                kept = targets[2] if len(targets) > 2 else None
                before = None if old is None else old[1][n:]
                seen = seen._replace(memory=Replayed(z[n:], logits[n:], targets[1], kept, before))
            right = (seen.logits.argmax(1) == seen.labels).float().mean().detach()
            if not self.method.remembers:
                own = LearnMethod.taught(self.method, seen)
                return own, {"train_accuracy": right}
            own, log = self.method.taught(seen), {"train_accuracy": right}
            if not self.old:
                return own, log
            more, told = self.method.loss(seen, at)
            log = {**log, **told, "own": own.detach(), "keeping": more.detach()}
            if self.method.weighs:
                tied = self.method.penalty(weights_of(encoder, head), head["kept"].tensors())
                more, log["tied"] = more + tied, tied.detach()
        return own + more, log

    @torch.no_grad()
    def before_update(self, encoder: Any, head: Any, at: Moment) -> None:
        """Take the gradient and the weights down, where the method asks for it."""
        if "notes" in head:
            head["notes"].before = {
                name: (weight.detach().clone(), weight.grad.detach().clone())
                for name, weight in weights_of(encoder, head).items()
                if weight.grad is not None
            }

    @torch.no_grad()
    def after_step(self, encoder: Any, head: Any, at: Moment) -> None:
        """How far each weight moved, for the method to take down; the penalty's part of the gradient is taken out."""
        if "notes" not in head:
            return
        notes, weights = head["notes"].tensors(), weights_of(encoder, head)
        taken = head["notes"].before
        of_penalty = self._penalty_gradient({name: was for name, (was, _) in taken.items()}, head)
        for name, (was, gradient) in taken.items():
            own = gradient - of_penalty[name] if name in of_penalty else gradient
            self.method.step(notes, name, own, weights[name].detach() - was)

    def _penalty_gradient(self, weights: Tensors, head: Any) -> Mapping[str, Tensor]:
        if not (self.method.weighs and self.old):
            return {}
        with torch.enable_grad():
            free = {name: value.requires_grad_() for name, value in weights.items()}
            loss = self.method.penalty(free, head["kept"].tensors())
            found = torch.autograd.grad(loss, list(free.values()), allow_unused=True)
        for value in free.values():
            value.requires_grad_(False)
        return {name: value for name, value in zip(free, found) if value is not None}

    @torch.no_grad()
    def _before(self, head: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (n, D) and logits (n, K_old) of the network of before the task, as it is where it is used."""
        old = head["old"]
        with evaluating(old):
            z = old["encoder"](x)
            return z.float(), old["classes"](z).float()

    def correct(self, encoder: Any, head: Any, inputs: Any, targets: Any) -> Tensor:
        """(n, 1): is the label of the task's images found?"""
        return (head["classes"](encoder(inputs[0])).argmax(1) == targets[0]).float()[:, None]

    def _viewed(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return view(images, recipe_of(self.recipe, images), generator)


def weights_of(encoder: nn.Module, head: Any) -> dict[str, nn.Parameter]:
    """What moves, by name: `encoder.NAME` and `classes.NAME`."""
    found = {f"encoder.{name}": one for name, one in encoder.named_parameters()}
    found |= {f"classes.{name}": one for name, one in head["classes"].named_parameters()}
    return {name: one for name, one in found.items() if one.requires_grad}


def features_of(encoder: Any, x_NCHW: Tensor) -> Tensor:
    """Features (n, D); one image alone has no statistics that could be its batch's."""
    if len(x_NCHW) > 1:
        return encoder(x_NCHW)
    with stored_statistics(encoder):
        return encoder(x_NCHW)
