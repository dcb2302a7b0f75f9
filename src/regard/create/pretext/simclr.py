"""SimCLR: find the other view of the same image among all views (Chen et al. 2020).

"A simple framework for contrastive learning of visual representations", ICML, arXiv 2002.05709.

Two random views of each image; among all views of the batch, each must find its twin. What the views change (place,
size, colour, blur) the features learn to ignore; what tells images apart they learn to keep. Against the paper: AdamW
in place of LARS, small batches, views made for photos or for symbols (no mirroring: b is not d); with several
processes each one's batch has its own contest.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...data.views import two_views
from ...learning.batch import Batch
from ...learning.divergence import spread
from ...learning.objective import Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe, recipe_of
from ...learning.trainable import START, Log, Moment


def nt_xent(za_ND: Tensor, zb_ND: Tensor, temperature: float = 0.5) -> Tensor:
    """Normalised temperature-scaled cross-entropy over the 2N views (eq. 1), in float32 whatever comes in.

    With u the vectors at length 1: the mean over i of -log exp(u_i·u_twin(i)/t) / sum over k != i of exp(u_i·u_k/t).
    """
    n = len(za_ND)
    with torch.autocast(za_ND.device.type, enabled=False):
        u = nn.functional.normalize(torch.cat([za_ND, zb_ND]).float(), dim=1)
        logits = u @ u.T / temperature
        logits.fill_diagonal_(-torch.inf)
        twin = torch.arange(2 * n, device=u.device).roll(n)
        return nn.functional.cross_entropy(logits, twin)


def nt_xent_to(p_MD: Tensor, z_MD: Tensor, temperature: float = 0.5) -> Tensor:
    """The same contest between two networks, where row i of one belongs to row i of the other, in float32.

    The mean over i of -log exp(p_i·z_i/t) / sum over k of exp(p_i·z_k/t) and of the same with p and z exchanged, of
    unit vectors: what CaSSLe (Fini et al. 2022, arXiv 2112.04215) makes of SimCLR's loss.

    >>> near, far = torch.eye(3), torch.eye(3).roll(1, 0)
    >>> bool(nt_xent_to(near, near) < nt_xent_to(near, far))
    True
    """
    with torch.autocast(p_MD.device.type, enabled=False):
        p, z = (nn.functional.normalize(one.float(), dim=1) for one in (p_MD, z_MD))
        logits, own = p @ z.T / temperature, torch.arange(len(p), device=p.device)
        cross_entropy = nn.functional.cross_entropy
        return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


def alignment(za_ND: Tensor, zb_ND: Tensor) -> Tensor:
    """Mean squared distance of twins on the sphere, 0 to 4 (Wang and Isola 2020, arXiv 2005.10242)."""
    ua, ub = (nn.functional.normalize(z.float(), dim=1) for z in (za_ND, zb_ND))
    return (ua - ub).square().sum(1).mean()


def uniformity(z_ND: Tensor) -> Tensor:
    """Log of the mean of exp(-2 d²) over pairs on the sphere; 0 is collapse, lower is more even (same paper)."""
    u = nn.functional.normalize(z_ND.float(), dim=1)
    return torch.pdist(u).square().mul(-2).exp().mean().log()


OF_PHOTOS = 0.1  # the temperature that the paper found best on ImageNet


@dataclass(frozen=True)
class Method(Objective):
    """SimCLR.

    Attributes:
        temperature: lower weighs the hardest negatives more; 0: 0.5 for small grey symbols, 0.1 else, as many symbols
            are nearly alike and must not be driven apart.
        width: length of the projected vectors, on which the contest is held; 2·width is the hidden layer's.
        recipe: the views: photo (crop, mirror, colour, blur) | digit (move, turn, scale, shear) | auto by the images.
        candidates: images in one held-out contest, so that a guess is right one time in 2·candidates - 1.
    """

    temperature: float = 0.0
    width: int = 64
    recipe: Literal["auto", "photo", "digit"] = "auto"
    candidates: int = 32

    copies = 2

    def __post_init__(self) -> None:
        check_number("--set temperature", self.temperature, 0)
        check_number("--set width", self.width, 2, whole=True)
        check_number("--set candidates", self.candidates, 2, whole=True)

    def configure(self, known: Split) -> Self:
        """Views and temperature that suit the images, and contests no larger than the held-out set."""
        candidates = min(self.candidates, len(known.held_out))
        temperature = self.temperature or (0.5 if known.symbols else OF_PHOTOS)
        return replace(self, recipe=pick_recipe(self.recipe, known), temperature=temperature, candidates=candidates)

    @property
    def chance(self) -> float:
        """One of the 2·candidates - 1 other views is the twin."""
        return 1 / (2 * self.candidates - 1)

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, None]:
        """(2N, 3, S, S): one view of each image, then another of each."""
        return torch.cat(two_views(batch.images, recipe_of(self.recipe, batch.images), generator)), None

    def head(self, encoder: Encoder) -> nn.Module:
        """The projection: two layers with normalisation between (section 4.2 of the paper)."""
        hidden = 2 * self.width
        return nn.Sequential(
            nn.Linear(encoder.num_features, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, self.width),
        )

    def loss(
        self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: None, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """NT-Xent; logs alignment, uniformity and spread of the projected vectors."""
        za, zb = head(encoder(inputs)).chunk(2)
        with torch.no_grad():
            log = {"alignment": alignment(za, zb), "uniformity": uniformity(za), "spread": spread(za)}
        return nt_xent(za, zb, self.temperature or OF_PHOTOS), log

    def embedder(self, head: nn.Module) -> nn.Module:
        """The projection."""
        return head

    def foretold(self, predicted_ND: Tensor, given_ND: Tensor) -> Tensor:
        """NT-Xent between the two networks."""
        return nt_xent_to(predicted_ND, given_ND, self.temperature or OF_PHOTOS)

    def correct(self, encoder: Encoder, head: nn.Module, inputs: Tensor, targets: None) -> Tensor:
        """(N, 2): does each of the two views find its twin among its contest's other views?

        Images beyond the last whole contest are left out.
        """
        za, zb = nn.functional.normalize(head(encoder(inputs)).float(), dim=1).chunk(2)
        k = self.candidates
        contests = [twins_found(za[i : i + k], zb[i : i + k]) for i in range(0, len(za) - k + 1, k)]
        return torch.cat(contests) if contests else za.new_zeros(0, 2)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image with its two views; with a network what it takes for the twin of the first."""
        views, _ = self.prepare(Batch(images_NCHW, torch.arange(len(images_NCHW))), generator)
        names, groups = ["image", "view 1", "view 2"], [images_NCHW, *views.chunk(2)]
        if encoder is not None:
            za, zb = nn.functional.normalize(head(encoder(views)).float(), dim=1).chunk(2)
            names, groups = [*names, "nearest to 1"], [*groups, groups[2][(za @ zb.T).argmax(1)]]
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]

    def shuffled(self, inputs: Tensor, targets: None, generator: torch.Generator) -> tuple[Tensor, None]:
        """The second views in another order: no view has its twin where it is looked for."""
        first, second = inputs.chunk(2)
        return torch.cat([first, second[torch.randperm(len(second), generator=generator, device=second.device)]]), None


def twins_found(ua_ND: Tensor, ub_ND: Tensor) -> Tensor:
    """(N, 2) of 0 and 1: is the view nearest to each unit vector its twin, in either direction?"""
    n = len(ua_ND)
    with torch.autocast(ua_ND.device.type, enabled=False):
        likeness = torch.cat([ua_ND, ub_ND]) @ torch.cat([ua_ND, ub_ND]).T
    likeness.fill_diagonal_(-torch.inf)
    twin = torch.arange(2 * n, device=ua_ND.device).roll(n)
    return (likeness.argmax(1) == twin).float().reshape(2, n).T
