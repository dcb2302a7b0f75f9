"""JAN: what the network sees and what it says of it agree together in both domains, by a kernel on the pair of them.

Long et al. 2017, Deep transfer learning with joint adaptation networks, ICML. The loss is the squared
maximum mean discrepancy of pairs (features z, predictions p), with the product of a kernel on each:

    k = sum_u exp(-|z - z'|^2 / (2^u m)) * exp(-|p - p'|^2 / 1.68), u = -2 ... 2,

m the mean squared distance of pooled features. Kernels and weight are those of the authors' code; no gradient goes
through m.

`full` takes all pairs of samples, `linear` the paper's estimate in linear time from neighbours in the batch, which is
unbiased and noisy. Both take batches of any two sizes. Against the paper: `full` is the default; two layers, features
and predictions; no adversarial form.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ...core.checks import check_choice
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen

EXPONENTS = range(-2, 3)
PREDICTIONS = 1.68  # what squared distances of predictions are divided by


def joint_mmd2(source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
    """Biased squared joint MMD: mean Kss + mean Ktt - 2 mean Kst, at least 0 but for rounding.

    Args:
        source: features (n, D) and predictions (n, K).
        target: features (m, D) and predictions (m, K).

    >>> z, p = torch.arange(6.0)[:, None], torch.eye(6)
    >>> abs(float(joint_mmd2((z, p), (z, p)))) < 1e-5
    True
    """
    n, (z, p), scale = len(source[0]), _pooled(source, target), _scale(source[0], target[0])
    K = _kernel(_all_pairs(z), _all_pairs(p), scale)
    return K[:n, :n].mean() + K[n:, n:].mean() - 2 * K[:n, n:].mean()


def linear_joint_mmd2(source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
    """The same from neighbours: mean k(s_i, s_i+1) + mean k(t_i, t_i+1) - mean k(s_i, t_i+1) - mean k(s_i+1, t_i).

    Each domain goes round: after its last sample comes its first, until the larger one is through. The terms' means are
    those of all pairs, whatever the sizes, where rows stand in random order; a domain of one sample has only itself.
    """
    (zs, ps), (zt, pt), scale = source, target, _scale(source[0], target[0])
    n, m = len(zs), len(zt)

    def k(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], at: Tensor, place: Tensor) -> Tensor:
        squared = [(x[at % len(x)] - y[place % len(y)]).square().sum(1) for x, y in zip(one, other)]
        return _kernel(squared[0], squared[1], scale).mean()

    s, t, both = (torch.arange(size, device=zs.device) for size in (n, m, max(n, m)))
    within = k((zs, ps), (zs, ps), s, s + 1) + k((zt, pt), (zt, pt), t, t + 1)
    return within - k((zs, ps), (zt, pt), both, both + 1) - k((zs, ps), (zt, pt), both + 1, both)


def _pooled(source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return torch.cat([source[0], target[0]]), torch.cat([source[1], target[1]])


def _scale(source_ND: Tensor, target_MD: Tensor) -> Tensor:
    """The mean squared distance of pooled pairs of different samples, without their matrix."""
    z = torch.cat([source_ND, target_MD]).detach()
    mean = 2 * (z - z.mean(0)).square().sum() / max(len(z) - 1, 1)
    return mean.clamp_min(torch.finfo(z.dtype).tiny)


def _all_pairs(x_ND: Tensor) -> Tensor:
    """Squared distances (N, N), on the diagonal exactly 0."""
    x = x_ND - x_ND.mean(0).detach()
    norms = x.square().sum(1)
    squared = (norms[:, None] + norms - 2 * x @ x.T).clamp_min(0)
    return squared * (1 - torch.eye(len(x), device=x.device))


def _kernel(features: Tensor, predictions: Tensor, scale: Tensor) -> Tensor:
    """The product of kernels, from squared distances of any shape."""
    of_features = torch.stack([torch.exp(-features / (2.0**u * scale)) for u in EXPONENTS]).sum(0)
    return of_features * torch.exp(-predictions / PREDICTIONS)


@dataclass(frozen=True)
class Method(DeepMethod):
    """JAN.

    Attributes:
        weight: of the loss; the authors found .3, and .1 to 1 to do.
        form: full, or linear in time.
    """

    weight: float = 0.3
    form: Literal["full", "linear"] = "full"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("--set form", self.form, ["full", "linear"])

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """The squared joint MMD of features and predictions."""
        source = seen.source_features, torch.softmax(seen.source_logits, 1)
        target = seen.target_features, torch.softmax(seen.target_logits, 1)
        loss = (joint_mmd2 if self.form == "full" else linear_joint_mmd2)(source, target)
        return loss, {"joint_mmd2": loss.detach()}
