"""The objective of deep adaptation: cross-entropy where a label is known, and a method that joins the domains.

Batches hold `source/images`, `source/labels` and `target/images`; where some target labels are known, `target/labels`
and `target/known`, a mask. A label outside the mask is wiped out before anything sees it.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...backbones.modes import evaluating
from ...core.checks import check_number
from ...core.runtime import derive_seed, seeded_init
from ...create.supervised.labels import smoothed_cross_entropy
from ...data.views import view
from ...learning.batch import Batch
from ...learning.module import features_of
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.recipes import pick_recipe, recipe_of
from ...learning.trainable import START, Log, Moment
from .contract import PARTS, DeepMethod, Seen
from .gradients import scaled_gradient
from .statistics import kept_statistics, stored_statistics
from .streams import ByDomain, in_turn, told


@dataclass(frozen=True)
class Adapting(Objective):
    """Learning from a labelled source and a target.

    The method's loss is added as it is; what goes back from it into features and logits is scaled by weight times
    schedule. So the method's own parts, such as a classifier of domains, learn at full rate. At weight 0 the target is
    not looked at: neither are its images passed through the network, nor do they move its statistics.

    Attributes:
        method: how the domains are brought together.
        smoothing, recipe: of cross-entropy, and the views of the training images of both domains.
        together: whether both domains pass through the network in one batch, and share the statistics of batch
            normalisation in training; else one after the other. Some methods can have it in one way only.
        classes: the source's labels, in the order of the outputs; filled in from the data.
        chance: share of the commonest class among the held-out images; filled in from the data.
        targets: target images without a label; filled in from the data.
        seed: of the first weights of the method's parts; filled in from the data.
    """

    method: DeepMethod = field(default_factory=DeepMethod)
    smoothing: float = 0.0
    recipe: Literal["auto", "photo", "digit", "none"] = "auto"
    together: bool = True
    classes: tuple[str, ...] = field(default=(), metadata=FROM_DATA)
    chance: float = field(default=0.0, metadata=FROM_DATA)
    targets: int = field(default=0, metadata=FROM_DATA)
    seed: int = field(default=0, metadata=FROM_DATA)

    needs_labels = True

    def __post_init__(self) -> None:
        check_number("--set smoothing", self.smoothing, 0, 0.9)

    @property
    def adapts(self) -> bool:
        """Whether the target is looked at."""
        return self.method.weight > 0 and self.method.learns

    def configure(self, known: Split) -> Self:
        """The classes of the source, and the views that suit it."""
        labels = known.held_out.need_labels("SOURCE", 1).tolist()
        return replace(
            self,
            recipe=pick_recipe(self.recipe, known),
            classes=tuple(sorted({*known.train.classes, *known.held_out.classes})),
            chance=max(labels.count(one) for one in set(labels)) / len(labels),
        )

    def head(self, encoder: Encoder) -> nn.ModuleDict:
        """`classes`, one linear layer, and what the method adds.

        That is its `parts`, drawn apart so that they move no other weights, and `source`, a copy of the encoder that
        stays, where it keeps the source's.
        """
        found = nn.ModuleDict({"classes": nn.Linear(encoder.num_features, len(self.classes))})
        if self.adapts:
            with seeded_init(derive_seed(self.seed, "parts")):
                parts = self.method.parts(encoder.num_features, len(self.classes), self.targets)
            if parts is not None:
                found["parts"] = parts
            if self.method.keeps_source:
                found["source"] = copy.deepcopy(encoder).requires_grad_(False)
        return found

    def equip(self, encoder: Encoder) -> None:
        """What the method changes in the network, drawn apart."""
        if self.adapts:
            with seeded_init(derive_seed(self.seed, "equipment")):
                self.method.equip(encoder.network)

    def fresh(self, encoder: Encoder) -> Iterable[nn.Parameter]:
        """What of that learns at the head's rate."""
        return [one for module in encoder.modules() if isinstance(module, ByDomain) for one in module.fresh()]

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Any, Any]:
        """Views of the source's images, then of the target's; their labels. Held out: images of one domain, as is."""
        if "images" in batch:
            return batch.images, batch.labels
        x_s, labels = self._viewed(batch["source/images"], generator), batch["source/labels"]
        if not self.adapts:
            return (x_s,), (labels,)
        x_t = batch["target/images"] if self.method.as_is else self._viewed(batch["target/images"], generator)
        if not self.method.needs_source:
            x_s, labels = x_s[:0], labels[:0]
        none = torch.zeros(len(x_t), dtype=torch.long, device=x_t.device)
        known = batch["target/known"].bool() if "target/known" in batch else none.bool()
        few = batch["target/labels"].masked_fill(~known, 0) if known.any() else none
        rows = batch["target/rows"] if "target/rows" in batch else none - 1
        plain = (batch["target/images"],) if self.method.plain else ()
        return (x_s, x_t, *plain), (labels, few, known, rows)

    def loss(self, encoder: Any, head: Any, inputs: Any, targets: Any, at: Moment = START) -> tuple[Tensor, Log]:
        """Mean cross-entropy of all known labels, plus the method's loss; of the method's parts alone, its loss."""
        if len(inputs) == 1:
            logits = head["classes"](encoder(inputs[0]))
            return self._taught(logits, targets[0])
        inputs, plain = inputs[:2], inputs[2:]
        labels, target_labels, known, rows = targets
        n = len(labels)
        if at.player == PARTS:
            with torch.no_grad(), kept_statistics(encoder):
                z, logits = self._through(encoder, head, inputs)
        else:
            z, logits = self._through(encoder, head, inputs)
        plain_logits = self._plainly(encoder, head, plain[0]) if plain else None
        share = self.method.weight * self.method.schedule(at.progress)
        with torch.autocast(z.device.type, enabled=False):
            fz, fl = scaled_gradient(z.float(), share), scaled_gradient(logits.float(), share)
            seen = Seen(fz[:n], fz[n:], fl[:n], fl[n:], labels, target_labels, known, rows)
            seen = seen._replace(source_images=inputs[0], target_images=inputs[1], plain_logits=plain_logits)
            loss, log = self.method.loss(seen, head["parts"] if "parts" in head else None, at)
            penalty, of_weights = self.method.penalty(encoder.network)
        log = {**log, **of_weights, "share": share}
        # what the source has taught stays: its labels have nothing left to teach
        learned = torch.full((n,), not self.method.keeps_source, device=known.device)
        taught = torch.cat([learned, known])
        if at.player == PARTS:
            return loss, log
        loss = loss + penalty
        if not taught.any():
            return loss, log
        own, more = self._taught(logits[taught], torch.cat([labels, target_labels])[taught])
        return own + loss, {**more, **log}

    def _through(self, encoder: Any, head: Any, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Features and logits of both domains, the source's first."""
        if "source" in head:
            with torch.no_grad(), evaluating(head["source"]):
                of_source = head["source"](inputs[0])
            z = torch.cat([of_source, _features(encoder, inputs[1])])
        elif self.method.in_turn:
            z = in_turn(encoder, *inputs)
        elif self.together or self.method.in_turn is False:
            with told(encoder, len(inputs[0])):
                z = _features(encoder, torch.cat(list(inputs)))
        else:
            z = torch.cat([_features(encoder, x) for x in inputs if len(x)])
        return z, head["classes"](z)

    def correct(self, encoder: Any, head: Any, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N, 1): is the label found?"""
        return (head["classes"](encoder(inputs)).argmax(1) == targets).float()[:, None]

    def every_epoch(
        self, encoder: Any, head: Any, feed: Any, at: Moment, generator: torch.Generator
    ) -> Sequence[nn.Parameter]:
        """What the network says of all target images, for methods that look at it."""
        if self.adapts and self.method.looks:
            z = features_of(encoder, feed)
            self.method.every_epoch(z, head["classes"](z), head["parts"] if "parts" in head else None)
        return ()

    @torch.no_grad()
    def _plainly(self, encoder: Any, head: Any, images: Tensor) -> Tensor:
        """Logits as they are where the network is used: no statistics of this batch, and none moved."""
        with evaluating(encoder):
            return head["classes"](encoder(images)).float()

    def _viewed(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return view(images, recipe_of(self.recipe, images), generator)

    def _taught(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Log]:
        right = (logits.argmax(1) == labels).float().mean()
        return smoothed_cross_entropy(logits, labels, self.smoothing), {"train_accuracy": right.detach()}


def _features(encoder: Any, x_NCHW: Tensor) -> Tensor:
    """Features (n, D); one image alone has no statistics that could be its batch's."""
    if len(x_NCHW) > 1:
        return encoder(x_NCHW)
    with stored_statistics(encoder):
        return encoder(x_NCHW)
