"""ADDA: a second network, the target's own, learns to give features that pass for those of the source's network.

Tzeng et al. 2017, Adversarial discriminative domain adaptation, CVPR. A network is taught by the source first, and
stays, with its classifier. The target's network starts as its copy. A classifier of domains, D-500-500 with ReLU,
learns to tell the one's features of source images from the other's of target images; the target's network learns by
the same logits with the labels turned over (eq. 9). Each moves by its own loss.

As in the paper a first moment of .5. Against the paper: AdamW; the classifier of domains moves first, at the run's
rate, and the network then at a fiftieth of it (the paper has 2e-4 for both): at a tenth it forgot all classes. The
features are what the last linear layer gets, where the authors' digits have its outputs. The network that is kept is
the target's: on source images it is no longer what the source has taught.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import softplus

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment, Player
from ..deep.contract import NETWORK, PARTS, DeepMethod, Seen
from ._adversary import domain_log, domain_loss, layers

BETAS = (0.5, 0.999)


def fooling_loss(target_M: Tensor) -> Tensor:
    """Cross-entropy of target logits with the label "source": -mean log sigmoid.

    Its gradient is large where the domain is told well, where that of a turned loss vanishes.

    >>> import torch
    >>> round(float(fooling_loss(torch.zeros(2))), 4), round(float(fooling_loss(torch.tensor([-9.0]))), 4)
    (0.6931, 9.0001)
    """
    return softplus(-target_M).mean()


@dataclass(frozen=True)
class Method(DeepMethod):
    """ADDA.

    Attributes:
        weight: of the loss of the target's network, which has no other one.
        hidden: width of the classifier of domains.
        depth: its hidden layers.
        lr: times the run's learning rate.
    """

    hidden: int = 500
    depth: int = 2
    lr: float = 0.02

    keeps_source: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("--set hidden", self.hidden, 1, whole=True)
        check_number("--set depth", self.depth, 0, whole=True)
        check_number("--set lr", self.lr, 0, open_low=True)

    def parts(self, features: int, classes: int, images: int) -> nn.Module:
        """Features to the logit of "this is source"."""
        return layers(features, self.hidden, self.depth)

    def players(self, everyone: Player, network: nn.Module, parts: nn.Module | None) -> Sequence[Player]:
        """The classifier of domains, then the network at a rate of its own."""
        assert parts is not None  # it has some
        own = list(parts.parameters())
        known = {id(one) for one in own}
        others = [one for one in everyone.parameters if id(one) not in known]
        return [
            replace(everyone, name=PARTS, parameters=own, betas=BETAS),
            replace(everyone, name=NETWORK, parameters=others, lr=everyone.lr * self.lr, betas=BETAS),
        ]

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """Cross-entropy of the domains for the classifier of them, of turned labels for the target's network."""
        assert parts is not None  # it has some
        s, t = (parts(z)[:, 0] for z in (seen.source_features, seen.target_features))
        loss, fooled = domain_loss(s, t), fooling_loss(t)
        log = {**domain_log(loss, s, t), "fooling_loss": fooled.detach()}
        return (loss if at.player == PARTS else fooled), log
