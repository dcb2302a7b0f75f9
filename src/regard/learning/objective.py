"""What a way of learning is: a puzzle made from a batch, a head that answers it, and how well it is answered.

A task is one file in `create/supervised` or `create/pretext` whose `Method` is a frozen dataclass: its fields are its
settings, its methods are those of `Objective`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal, NamedTuple, Protocol, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones.encoder import evaluating
from ..core.checks import bad, check_choice
from ..core.discover import load
from ..core.runtime import torch_rng
from ..data.imageset import ImageSet
from ..data.views import Recipe, digit_recipe, photo_recipe
from .loop import Player
from .trainable import WEIGHT_DECAY

# (inputs, targets, generator) -> (inputs, targets)
Altered = Callable[[Any, Any, torch.Generator], tuple[Any, Any]]


class Batch(NamedTuple):
    """Some images.

    Attributes:
        images: (N, 3, H, W); uint8 as they are fed, float32 in [0, 1] when an objective gets them.
        rows: (N,) their places in the training set.
        targets: (N,) whole numbers, the place of each label among the classes; None where there are no labels.
        held_out: the batch is for scoring: no augmentation beyond what the puzzle itself needs.
    """

    images: Tensor
    rows: Tensor
    targets: Tensor | None = None
    held_out: bool = False

    def to(self, device: Any) -> "Batch":
        """The same batch on a device."""
        targets = None if self.targets is None else self.targets.to(device)
        return Batch(self.images.to(device), self.rows.to(device), targets, self.held_out)


class Split(NamedTuple):
    """What is known of the data before training: the two image sets, and whether they show symbols, not photographs."""

    train: ImageSet
    held_out: ImageSet
    symbols: bool


class Puzzle(NamedTuple):
    """What the network gets, and what it should say, as an objective's `prepare` makes them of a batch."""

    inputs: Any
    targets: Any


# marks fields that `configure` fills in, which a user cannot set
FROM_DATA = {"from_data": True}


def recipe_of(name: str, x_NCHW: Tensor) -> Recipe:
    """The views of this name (photo | digit | none) for images of this size; `pick_recipe` resolves `auto`."""
    side = min(x_NCHW.shape[-2:])
    return {"photo": photo_recipe(side), "digit": digit_recipe(), "none": Recipe()}[name]


def pick_recipe(name: str, known: Split) -> Any:
    """Resolve `auto`: views that keep left, right and the whole for small grey symbols, photographers' ones else."""
    return name if name != "auto" else "digit" if known.symbols else "photo"


class Objective(Protocol):
    """A way of learning.

    Optional, found by name where a method has them:

    - `configure(known) -> Self`: the same with settings completed from the data (classes, counts, views).
    - `copies = 4`: how many inputs the network gets for one image; batches are chosen accordingly.
    - `needs_labels = True`: the images' labels are used, so they are part of what makes a run itself.
    - `players(encoder, head) -> Sequence[Player]`: several players; `loss` then gets `player=name` too.
    - `before_step(encoder, head, step)`, `after_step(encoder, head, step)`: a teacher's average, a queue.
    - `every_epoch(encoder, head, feed, epoch, generator)`: before the first step of each epoch, without gradients and
      with the encoder in evaluation mode: the place for clusters. `feed.in_order(size)` gives all training images.
      Parameters that it drew anew are returned, so that the optimiser forgets what it knew of the old ones.
    - `before_update(encoder, head, epoch)`: between gradients and update, with the epoch counted from 0: the place to
      take gradients away from what shall stay as it is (`grad = None`).
    - `weight_decay = 0.04`: what it is where a run leaves it open; `decay_factor(progress) -> float`: what it is
      multiplied by when this share of the run is done.
    - `equip(encoder)`: what the task changes in a fresh encoder, before anything else looks at it.
    - `admits(encoder)`: raises InputError where a backbone cannot do the task.
    - `shuffled(inputs, targets, generator) -> (inputs, targets)`: the puzzle with the answers dealt to other images, on
      which accuracy must be at chance. Where a method has none, a tensor of targets is permuted.
    - `shortcuts() -> Mapping[str, Callable]`: functions (x_NCHW, generator) -> x_NCHW that destroy what the puzzle is
      about and leave a cue that could betray the answer: accuracy on such images must fall to chance.
    - `blinded() -> Mapping[str, Callable]`: functions (inputs, targets, generator) -> (inputs, targets) that take from
      the puzzle itself what is needed to solve it: accuracy must fall far below that of the whole puzzle.
    - `example_backbone = (name, size)`: a small network that the task admits, for tests.
    """

    @property
    def chance(self) -> float:
        """How often a guess is right."""
        ...

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Any, Any]:
        """Make the puzzle: (inputs for the network, targets) from images in [0, 1]; all draws from `generator`."""
        ...

    def head(self, encoder: Any) -> nn.Module:
        """What answers it, on the encoder's features; thrown away after training."""
        ...

    def loss(self, encoder: Any, head: nn.Module, inputs: Any, targets: Any) -> tuple[Tensor, Mapping[str, Any]]:
        """The loss and what to log beside it; `spread` is watched for collapse."""
        ...

    def correct(self, encoder: Any, head: nn.Module, inputs: Any, targets: Any) -> Tensor:
        """Which answers are right: (N, k) of 0 and 1, k answers for each image."""
        ...

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Any = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """The very puzzles that the network gets, as captions and uint8 pictures (H, W, 3).

        With an encoder and its head also how they answer: in the captions, or as pictures.
        """
        ...


class LearningModule(nn.Module):
    """An encoder and a head that learn by an objective: the game that `learning.loop` plays."""

    def __init__(self, objective: Any, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        if hasattr(objective, "equip"):
            objective.equip(encoder)
        self.objective, self.encoder, self.head = objective, encoder, head
        self.weight_decay = getattr(objective, "weight_decay", WEIGHT_DECAY)
        self.seed, self.per_epoch, self.feed = 0, 0, None

    def follow(self, feed: Any, per_epoch: int, seed: int) -> None:
        """Say which images are learned from, and how many steps an epoch has: what `every_epoch` needs."""
        self.feed, self.per_epoch, self.seed = feed, per_epoch, seed

    def players(self) -> Sequence[Player]:
        """The objective's players, or one with all parameters."""
        if hasattr(self.objective, "players"):
            return list(self.objective.players(self.encoder, self.head))
        return [Player("all", [p for p in self.parameters() if p.requires_grad])]

    def before_step(self, step: int) -> Sequence[nn.Parameter]:
        """The objective's hooks, where it has them; returns the parameters that it drew anew."""
        renewed: Sequence[nn.Parameter] | None = None
        if self.per_epoch and step % self.per_epoch == 0 and hasattr(self.objective, "every_epoch"):
            device, epoch = str(next(self.encoder.parameters()).device), step // self.per_epoch
            generator = torch_rng(self.seed, "epoch", epoch, device=device)
            with torch.no_grad(), evaluating(self.encoder):
                renewed = self.objective.every_epoch(self.encoder, self.head, self.feed, epoch, generator)
        if hasattr(self.objective, "before_step"):
            self.objective.before_step(self.encoder, self.head, step)
        return renewed or ()

    def before_update(self, step: int) -> None:
        """The objective's hook, where it has one and the length of an epoch is known."""
        if self.per_epoch and hasattr(self.objective, "before_update"):
            self.objective.before_update(self.encoder, self.head, step // self.per_epoch)

    def decay_factor(self, progress: float) -> float:
        """The objective's, or 1."""
        return float(self.objective.decay_factor(progress)) if hasattr(self.objective, "decay_factor") else 1.0

    def after_step(self, step: int) -> None:
        """The objective's hook, where it has one."""
        if hasattr(self.objective, "after_step"):
            self.objective.after_step(self.encoder, self.head, step)

    def prepared(self, batch: Batch, generator: torch.Generator) -> Puzzle:
        """The objective's puzzle, made in full precision whatever the network runs in."""
        images = batch.images
        if images.dtype == torch.uint8:
            images = images.float() / 255
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            inputs, targets = self.objective.prepare(batch._replace(images=images), generator)
        return Puzzle(_channels_last(inputs), targets)

    def forward(
        self, player: str, batch: Batch | Puzzle, generator: torch.Generator
    ) -> tuple[Tensor, Mapping[str, Any]]:
        """The loss of one player on one batch or the puzzle made of it, and what to log."""
        inputs, targets = batch if isinstance(batch, Puzzle) else self.prepared(batch, generator)
        who = {"player": player} if hasattr(self.objective, "players") else {}
        return self.objective.loss(self.encoder, self.head, inputs, targets, **who)

    def answers(self, batch: Batch, generator: torch.Generator, altered: Altered | None = None) -> Tensor:
        """Which answers on a held-out batch are right, (N, k); `altered` changes the puzzle first (`dealt_anew`)."""
        inputs, targets = self.prepared(batch, generator)
        if altered:
            inputs, targets = altered(inputs, targets, generator)
        return self.objective.correct(self.encoder, self.head, inputs, targets)

    def dealt_anew(self, inputs: Any, targets: Any, generator: torch.Generator) -> tuple[Any, Any]:
        """The puzzle with the answers dealt to other images: the control."""
        return dealt_anew(self.objective, inputs, targets, generator)


def dealt_anew(objective: Any, inputs: Any, targets: Any, generator: torch.Generator) -> tuple[Any, Any]:
    """An objective's puzzle with its answers dealt to other images: in its own way, or by permuting a tensor of them.

    Raises:
        TypeError: targets that are no tensor, and no `shuffled`.
    """
    if hasattr(objective, "shuffled"):
        return objective.shuffled(inputs, targets, generator)
    if not torch.is_tensor(targets):
        raise TypeError(f"{type(objective).__module__} needs a `shuffled`: its targets are no tensor")
    return inputs, targets[torch.randperm(len(targets), generator=generator, device=generator.device)]


@torch.no_grad()
def features_of(encoder: nn.Module, feed: Any, device: Any = None, size: int = 256) -> Tensor:
    """Pooled features (n, D), float32, of all images of a feed in order; the encoder is used as it stands."""
    device = next(encoder.parameters()).device if device is None else device
    parts = []
    for batch in feed.in_order(size):
        x = batch.images.to(device).float() / 255
        parts.append(encoder(_channels_last(x)).float())
    return torch.cat(parts)


def method_settings(task: str, given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Turn a task's settings from text into the types of its fields.

    >>> method_settings("simclr", {"temperature": "0.2"})
    {'temperature': 0.2}
    >>> method_settings("simclr", {"temprature": "0.2"})
    Traceback (most recent call last):
    regard.core.checks.InputError: --set: expected one of temperature, width, recipe, candidates, got 'temprature'. \
Did you mean 'temperature'?
    """
    method = load("task", task)
    kinds, known = get_type_hints(method), setting_names(method)
    found = {}
    for name, text in (given or {}).items():
        check_choice("--set", name, known)
        found[name] = _typed(f"--set {name}", text, kinds[name])
    return found


def setting_names(method: Any) -> list[str]:
    """The fields of a method that a user may set: all but those that the data fill in."""
    return [field.name for field in fields(method) if "from_data" not in field.metadata]


def _typed(argument: str, text: Any, kind: Any) -> Any:
    if not isinstance(text, str):
        return text
    if get_origin(kind) is Literal:
        return check_choice(argument, text, [str(choice) for choice in get_args(kind)])
    if kind is bool:
        return check_choice(argument, text.lower(), ["true", "false"]) == "true"
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise bad(argument, repr(text), "a whole number" if kind is int else "a number") from None
    return text


def _channels_last(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(_channels_last(part) for part in value)
    if torch.is_tensor(value) and value.ndim == 4:
        return value.contiguous(memory_format=torch.channels_last)
    return value


def picture(x_CHW: Tensor) -> np.ndarray:
    """One image (3, H, W) in [0, 1] as uint8 (H, W, 3), for previews."""
    return np.asarray((x_CHW.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu())


def spread(features_ND: Tensor) -> Tensor:
    """How much of the sphere unit vectors fill: sqrt(d) · std over the batch, averaged over dimensions.

    1 for vectors in all directions, 0 where all images get the same vector (collapse; Chen and He 2021, figure 2).

    >>> float(spread(torch.ones(8, 4)))
    0.0
    """
    unit = nn.functional.normalize(features_ND.detach().float(), dim=1)
    return unit.std(0).mean() * unit.shape[1] ** 0.5
