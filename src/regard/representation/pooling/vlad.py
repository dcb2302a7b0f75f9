"""VLAD: how local descriptors lie about the words of a vocabulary; the sum of differences to each word.

Jégou, Douze, Schmid and Pérez 2010, "Aggregating local descriptors into a compact image representation", CVPR; the
signed power is of Jégou et al. 2012 (TPAMI 34(9)), and bringing each word's part to length 1 ("intra-normalisation"),
by which one frequent pattern cannot rule the vector, of Arandjelović and Zisserman 2013, "All about VLAD", CVPR.
Where both are asked for, the power comes first.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.checks import bad, check_number
from ._common import check_descriptors, fit_projection, image_chunks, project, sample, signed_power, unit
from ._kmeans import k_means


def vlad(x: Tensor, centres_KD: Tensor, intra: bool = True, power: float = 1.0) -> Tensor:
    """Pool maps (N, D, h, w), or descriptors (N, P, D), to vectors (N, K D) of length 1, word after word.

    v_k = sum over the descriptors x nearest to c_k of (x - c_k), then sign(v)|v|^power, then where `intra` each v_k
    at length 1, then all of them. Of equally near words the first is taken. O(N P K D).

    Raises:
        InputError: no maps, NaN, other channels than the centres have, power outside (0, 1].
    """
    check_number("power", power, 0, 1, open_low=True)
    x_NPD = check_descriptors(x)
    if centres_KD.ndim != 2 or centres_KD.shape[1] != x_NPD.shape[2]:
        raise bad("centres", f"shape {tuple(centres_KD.shape)}", f"(K, {x_NPD.shape[2]}), as the maps have channels")
    centres = centres_KD.to(x_NPD)
    found = torch.cat([_residuals(part, centres) for part in image_chunks(x_NPD, len(centres))])
    found = signed_power(found, power)
    return unit((unit(found) if intra else found).flatten(1))


@dataclass(frozen=True, eq=False)
class Method:
    """VLAD with its vocabulary (K, d), and where the fit asked for fewer dimensions the mean (D,) and axes (D, d)."""

    centres: Tensor
    mean: Tensor | None = None
    axes: Tensor | None = None
    intra: bool = True
    power: float = 1.0

    def __call__(self, maps_NCHW: Tensor) -> Tensor:
        """Maps (N, D, h, w), or descriptors (N, P, D), to vectors (N, K d) of length 1."""
        return vlad(project(check_descriptors(maps_NCHW), self.mean, self.axes), self.centres, self.intra, self.power)


def fit(
    x: Tensor,
    k: int = 64,
    seed: int = 0,
    *,
    dim: int | None = 64,
    intra: bool = True,
    power: float = 1.0,
    most: int = 50_000,
) -> Method:
    """Learn the vocabulary by k-means.

    Args:
        x: maps (N, D, h, w), or descriptors (N, P, D) or (M, D).
        k: words.
        seed: draws the sample and the first centres.
        dim: principal axes of descriptors that are kept, as in the papers; None keeps all channels.
        intra: see `vlad`.
        power: see `vlad`.
        most: descriptors to learn from; more are drawn from.

    Raises:
        InputError: fewer different descriptors than words.
    """
    check_number("power", power, 0, 1, open_low=True)
    local = sample(x, most, seed, "vlad")
    projection = fit_projection(local, dim)
    mean = axes = None
    if projection is not None:
        local = projection.apply(local)
        mean, axes = projection.tensors()
    centres, _ = k_means(local, k, seed, "vlad")
    return Method(torch.from_numpy(centres).float(), mean, axes, intra, power)


def _residuals(x_NPD: Tensor, centres_KD: Tensor) -> Tensor:
    distance = (centres_KD**2).sum(1) - 2 * x_NPD @ centres_KD.T  # without |x|^2, which is the same for each word
    words = torch.nn.functional.one_hot(distance.argmin(2), len(centres_KD)).to(x_NPD)
    return words.transpose(1, 2) @ x_NPD - words.sum(1)[:, :, None] * centres_KD
