"""DANN: features from which nobody can tell the domain, by a gradient turned round (Ganin et al. 2016, JMLR 17).

A classifier learns from labelled source images; a second one learns to tell source from target, and what reaches the
encoder from it has its sign turned and its size rise with the run: lambda = 2 / (1 + exp(-10 progress)) - 1.

Batches: `source/images`, `source/labels`, `target/images`, of any two sizes (`learning.sampling.Together`).
"""

from dataclasses import dataclass, replace
from math import exp
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from regard.learning.batch import Batch
from regard.learning.objective import Objective, Split
from regard.learning.trainable import START, Moment


class Turned(torch.autograd.Function):
    """The same forward; backward the gradient times -share."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, share: float) -> Tensor:
        """As it is."""
        ctx.share = share
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Turned round."""
        return -ctx.share * gradient, None


@dataclass(frozen=True)
class Method(Objective):
    """DANN.

    Attributes:
        hidden: width of the classifier of domains.
        classes: the source's labels, in the order of the outputs; from the data.
    """

    hidden: int = 64
    classes: tuple[str, ...] = ()
    needs_labels = True

    def configure(self, known: Split) -> "Method":
        """The classes of the source."""
        return replace(self, classes=known.train.classes)

    def head(self, encoder: Any) -> nn.Module:
        """One layer for the classes, two for the domain."""
        d = encoder.num_features
        domain = nn.Sequential(nn.Linear(d, self.hidden), nn.ReLU(), nn.Linear(self.hidden, 1))
        return nn.ModuleDict({"classes": nn.Linear(d, len(self.classes)), "domain": domain})

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Source images before target images, and the source's labels; held out: images of one domain and theirs."""
        if "images" in batch:
            return batch.images, batch.labels
        return torch.cat([batch["source/images"], batch["target/images"]]), batch["source/labels"]

    def loss(self, encoder: Any, head: Any, inputs: Tensor, targets: Tensor, at: Moment = START) -> Any:
        """Cross-entropy of the source's labels plus that of the domains."""
        z, n = encoder(inputs).float(), len(targets)
        share = 2 / (1 + exp(-10 * at.progress)) - 1
        source = (torch.arange(len(z), device=z.device) < n).float()
        domain = binary_cross_entropy_with_logits(head["domain"](Turned.apply(z, share))[:, 0], source)
        return cross_entropy(head["classes"](z[:n]), targets) + domain, {"domain": domain.detach(), "lambda": share}

    def correct(self, encoder: Any, head: Any, inputs: Tensor, targets: Tensor) -> Tensor:
        """(N, 1): is the label found?"""
        return (head["classes"](encoder(inputs)).argmax(1) == targets).float()[:, None]
