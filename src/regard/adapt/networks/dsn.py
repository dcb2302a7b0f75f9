"""DSN: what both domains share and what is each one's own are kept apart, and together they give the image back.

Bousmalis et al. 2016, Domain separation networks, NIPS. Beside the network, whose features are the shared code c,
each domain has an encoder of its own, whose code is p; a decoder makes the image of c + p. To the cross-entropy come

    alpha (L_rec of source + of target) + beta (L_diff of source + of target) + gamma L_sim

with the scale-invariant error L_rec, the overlap L_diff of c and p, and L_sim by which the shared codes of both domains
are to be alike: a turned gradient (DANN), or the squared maximum mean discrepancy (MMD). Weights are the paper's.

Against the paper: the encoders of their own and the decoder are small and work on images of 32 pixels; L_diff is
divided by the square of the batch's size, where the paper has no divisor and its authors' code D^2; L_sim counts
after a share `start` of the run, where the paper waits 10,000 steps; the optimiser of the run; `gamma` is .01 where
the paper has .25, for the reason that `dann` has.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from ...core.checks import check_choice, check_number
from ...learning.trainable import START, Log, Moment
from ..deep.contract import DeepMethod, Seen
from ..deep.gradients import scaled_gradient
from ._adversary import domain_log, domain_loss, layers
from ._kernels import multi_kernel_mmd2

SIDE = 32  # pixels, of what the encoders see and the decoder makes


def scale_invariant_error(made_NCHW: Tensor, images_NCHW: Tensor) -> Tensor:
    """Mean over images of |d|^2 / k - (sum d)^2 / k^2, d the difference at all k values of an image (eq. 4).

    A difference that is the same everywhere costs nothing: it is the variance of d.

    >>> x = torch.zeros(1, 1, 2, 2)
    >>> float(scale_invariant_error(x + 3, x)), float(scale_invariant_error(torch.eye(2)[None, None], x))
    (0.0, 0.25)
    """
    d = (made_NCHW - images_NCHW).flatten(1)
    return d.var(1, correction=0).mean()


def overlap(shared_ND: Tensor, private_ND: Tensor) -> Tensor:
    """||Hc' Hp||_F^2 / N^2, with rows of length 1 after the batch's mean is taken off, as the authors have it (eq. 5).

    It is the mean over pairs of images of the product of their cosines in both codes, in [0, 1].

    >>> x = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    >>> float(overlap(x, x)), float(overlap(x, x.flip(1)))  # the same direction of images, whatever the axis
    (1.0, 1.0)
    >>> float(overlap(x.repeat(2, 1), x.repeat_interleave(2, 0)))  # what one tells, the other does not
    0.0
    """
    # a code that is the same for all images has no direction, and no endless gradient either
    c, p = (normalize(h - h.mean(0), eps=1e-3) for h in (shared_ND, private_ND))
    return (c.T @ p).square().sum() / len(c) ** 2


class Parts(nn.Module):
    """An encoder of its own for each domain, one decoder, and a classifier of domains.

    Args:
        features: D.
        hidden: width of the classifier of domains; 0: there is none.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.private = nn.ModuleDict({name: _encoder(features) for name in ("source", "target")})
        self.decoder = nn.Sequential(
            nn.Linear(features, 32 * 8 * 8),
            nn.ReLU(),
            nn.Unflatten(1, (32, 8, 8)),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(32, 16, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 3, 3, padding=1),
        )
        if hidden:
            self.domain = layers(features, hidden, 1)


def _encoder(features: int) -> nn.Module:
    """Images (N, 3, 32, 32) to (N, D)."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * (SIDE // 4) ** 2, features),
    )


@dataclass(frozen=True)
class Method(DeepMethod):
    """DSN.

    Attributes:
        weight: of all three terms, as they reach the network.
        alpha: of the images that are made.
        beta: of what is shared and one's own overlapping.
        gamma: of the shared codes being alike.
        similarity: dann or mmd.
        start: the share of the run after which gamma counts.
        hidden: width of the classifier of domains.
    """

    alpha: float = 0.01
    beta: float = 0.075
    gamma: float = 0.01
    similarity: Literal["dann", "mmd"] = "dann"
    start: float = 0.05
    hidden: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "beta", "gamma"):
            check_number(f"--set {name}", getattr(self, name), 0)
        check_choice("--set similarity", self.similarity, ["dann", "mmd"])
        check_number("--set start", self.start, 0, 1)
        check_number("--set hidden", self.hidden, 1, whole=True)

    def parts(self, features: int, classes: int, images: int) -> nn.Module:
        """Encoders, decoder, and with `dann` a classifier of domains."""
        return Parts(features, self.hidden if self.similarity == "dann" else 0)

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """The three terms with their weights."""
        assert isinstance(parts, Parts) and seen.source_images is not None and seen.target_images is not None
        made = shared = torch.zeros((), device=seen.source_features.device)
        for name, c, images in (
            ("source", seen.source_features, seen.source_images),
            ("target", seen.target_features, seen.target_images),
        ):
            small = interpolate(images.float(), (SIDE, SIDE), mode="bilinear", antialias=True)
            p = parts.private[name](small)
            made = made + scale_invariant_error(parts.decoder(c + p), small)
            shared = shared + overlap(c, p)
        loss = self.alpha * made + self.beta * shared
        alike, told = self._alike(seen.source_features, seen.target_features, parts)
        if at.progress >= self.start:
            loss = loss + self.gamma * alike
        return loss, {"reconstruction": made.detach(), "overlap": shared.detach(), **told}

    def _alike(self, s: Tensor, t: Tensor, parts: Parts) -> tuple[Tensor, Log]:
        """How alike the shared codes are, less being more, and what to log of it."""
        if self.similarity == "mmd":
            loss = multi_kernel_mmd2(s, t)
            return loss, {"mmd2": loss.detach()}
        told = parts.domain(scaled_gradient(torch.cat([s, t]), -1.0))[:, 0]
        of_s, of_t = told[: len(s)], told[len(s) :]
        loss = domain_loss(of_s, of_t)
        return loss, domain_log(loss, of_s, of_t)
