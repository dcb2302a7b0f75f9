"""Twins: what the tasks share that pull two views of an image together, and have an averaged teacher.

The held-out question is SimCLR's: among the 2k views of k images, is the view nearest to this one its twin?
"""

import copy
from dataclasses import dataclass, replace
from math import cos, pi
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...data.views import two_views
from ...learning.batch import Batch
from ...learning.objective import Objective, Split
from ...learning.preview import picture
from ...learning.recipes import pick_recipe, recipe_of


def twins_found(za_ND: Tensor, zb_ND: Tensor, candidates: int) -> Tensor:
    """(N', 2) of 0 and 1: for either view of each image, is the nearest of its contest's other views its twin?

    Nearest by cosine, in float32. Contests are `candidates` consecutive images; the last part contest is left out, so
    that chance is 1 / (2·candidates - 1). A twin that ties with another view is wrong.

    >>> twins_found(torch.eye(4), torch.eye(4), 4).tolist()
    [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    >>> twins_found(torch.ones(4, 2), torch.ones(4, 2), 2).sum().item()  # collapse: nothing is told apart
    0.0
    """
    n, k = len(za_ND) // candidates, candidates
    with torch.autocast(za_ND.device.type, enabled=False):
        parts = [z[: n * k].float().reshape(n, k, z.shape[1]) for z in (za_ND, zb_ND)]
        u = nn.functional.normalize(torch.cat(parts, 1), dim=2)
        likeness = u @ u.transpose(1, 2)
    twin = torch.arange(2 * k, device=u.device).roll(k).expand(n, -1)[..., None]
    own = likeness.gather(2, twin)[..., 0]
    likeness = likeness.scatter(2, twin, -torch.inf)
    likeness.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
    # rounding must not decide between views that are the same
    right = own > likeness.max(2).values + 1e-6
    return right.float().reshape(n, 2, k).transpose(1, 2).reshape(n * k, 2)


def teacher_of(student: nn.Module) -> nn.Module:
    """A copy that no gradient reaches: the teacher before the first step."""
    return copy.deepcopy(student).requires_grad_(False)


def rising(momentum: float, progress: float) -> float:
    """A teacher's momentum, which rises to 1 along half a cosine: 1 - (1 - m)·(cos(pi·progress) + 1)/2.

    So in BYOL (section 3.2, tau) and in DINO (section 3.1, lambda).

    >>> [round(rising(0.99, progress), 4) for progress in (0, 0.5, 1)]
    [0.99, 0.995, 1.0]
    """
    return 1 - (1 - momentum) * (cos(pi * progress) + 1) / 2


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Move a teacher's weights towards its student's: momentum · teacher + (1 - momentum) · student.

    Running means of batch normalisation are left alone: a teacher gathers its own.
    """
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.lerp_(fast, 1 - momentum)


def mlp(width_in: int, hidden: int, width_out: int) -> nn.Sequential:
    """Linear, batch normalisation, ReLU, linear."""
    return nn.Sequential(
        nn.Linear(width_in, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, width_out),
    )


@dataclass(frozen=True)
class TwoViews(Objective):
    """What such tasks have in common; `vectors` is theirs.

    Attributes:
        recipe: the views: photo | digit | auto by the images.
        candidates: images in one held-out contest.
    """

    recipe: Literal["auto", "photo", "digit"] = "auto"
    candidates: int = 32

    def __post_init__(self) -> None:
        check_number("--set candidates", self.candidates, 2, whole=True)

    def vectors(self, encoder: Encoder, head: Any, x_NCHW: Tensor) -> Tensor:
        """(N, D): where twins should be near each other."""
        raise NotImplementedError

    def configure(self, known: Split) -> Self:
        """Views that suit the images, and contests no larger than the held-out set."""
        candidates = min(self.candidates, len(known.held_out))
        return replace(self, recipe=pick_recipe(self.recipe, known), candidates=candidates)

    @property
    def chance(self) -> float:
        """One of the 2·candidates - 1 other views is the twin."""
        return 1 / (2 * self.candidates - 1)

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Any]:
        """(2N, 3, S, S): one view of each image, then another of each."""
        return torch.cat(two_views(batch.images, recipe_of(self.recipe, batch.images), generator)), None

    def correct(self, encoder: Encoder, head: Any, inputs: Tensor, targets: Any) -> Tensor:
        """(N, 2): does each of the two views find its twin among its contest's other views?"""
        za, zb = self.vectors(encoder, head, inputs).chunk(2)
        return twins_found(za, zb, self.candidates)

    def shuffled(self, inputs: Tensor, targets: Any, generator: torch.Generator) -> tuple[Tensor, Any]:
        """The second views dealt to other images: no view has its twin where it is looked for."""
        first, second = inputs.chunk(2)
        order = torch.randperm(len(second), generator=generator, device=generator.device)
        return torch.cat([first, second[order]]), targets

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image with its two views; with a network which second view it takes for the twin of the first."""
        views = torch.cat(two_views(images_NCHW, recipe_of(self.recipe, images_NCHW), generator))
        names, groups = ["image", "view 1", "view 2"], [images_NCHW, *views.chunk(2)]
        if encoder is not None:
            za, zb = nn.functional.normalize(self.vectors(encoder, head, views).float(), dim=1).chunk(2)
            names, groups = [*names, "nearest to 1"], [*groups, groups[2][(za @ zb.T).argmax(1)]]
        return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]
