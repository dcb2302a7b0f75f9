"""Fisher vectors: how a mixture of Gaussians would have to change to fit an image's local descriptors better.

Perronnin, Sánchez and Mensink 2010, "Improving the Fisher kernel for large-scale image classification", ECCV: the
gradients by means and variances of a diagonal mixture, divided by the root of their Fisher information, then signed
square roots and length 1. Posteriors are exact, not cut to the nearest words; gradients by the weights, which add
little, are left out as in the paper. Sums are in double precision.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.checks import bad, check_number
from ._common import (
    check_descriptors,
    double,
    fit_projection,
    image_chunks,
    k_means,
    project,
    sample,
    signed_power,
    unit,
)


def posteriors(x_NPD: Tensor, weights_K: Tensor, means_KD: Tensor, variances_KD: Tensor) -> Tensor:
    """Probability (N, P, K) of each Gaussian given each descriptor, in double precision."""
    x, weights, means, variances = (double(value) for value in (x_NPD, weights_K, means_KD, variances_KD))
    squares = x**2 @ (1 / variances).T - 2 * x @ (means / variances).T + (means**2 / variances).sum(1)
    return torch.softmax(weights.log() - (variances.log().sum(1) + squares) / 2, dim=2)


def fisher(x: Tensor, weights_K: Tensor, means_KD: Tensor, variances_KD: Tensor, power: float = 0.5) -> Tensor:
    """Pool maps (N, D, h, w), or descriptors (N, P, D), to vectors (N, 2 K D) of length 1.

    First the gradients by the means, word after word, then those by the variances, with q the posteriors:
    u_k = sum over descriptors of q_k (x - m_k) / s_k / (P sqrt(w_k)),
    v_k = sum over descriptors of q_k ((x - m_k)^2 / s_k^2 - 1) / (P sqrt(2 w_k)).
    Then sign(g)|g|^power (1 leaves them), then length 1. O(N P K D).

    Raises:
        InputError: no maps, NaN, another number of channels than the mixture has, power outside (0, 1].
    """
    check_number("power", power, 0, 1, open_low=True)
    x_NPD = check_descriptors(x)
    if means_KD.ndim != 2 or means_KD.shape[1] != x_NPD.shape[2] or variances_KD.shape != means_KD.shape:
        raise bad(
            "means and variances",
            f"shapes {tuple(means_KD.shape)} and {tuple(variances_KD.shape)}",
            f"(K, {x_NPD.shape[2]}), as the maps have channels",
        )
    local = double(x_NPD)
    mixture = [double(value).to(local.device) for value in (weights_K, means_KD, variances_KD)]
    found = torch.cat([_gradients(part, *mixture) for part in image_chunks(local, len(means_KD))])
    return unit(signed_power(found, power)).to(x_NPD)


@dataclass(frozen=True, eq=False)
class Method:
    """Fisher vectors with their mixture: weights (K,), means and variances (K, d).

    Where the fit asked for fewer dimensions also the mean (D,) and axes (D, d) of descriptors.
    """

    weights: Tensor
    means: Tensor
    variances: Tensor
    mean: Tensor | None = None
    axes: Tensor | None = None
    power: float = 0.5

    def __call__(self, maps_NCHW: Tensor) -> Tensor:
        """Maps (N, D, h, w), or descriptors (N, P, D), to vectors (N, 2 K d) of length 1."""
        local = project(check_descriptors(maps_NCHW), self.mean, self.axes)
        return fisher(local, self.weights, self.means, self.variances, self.power)


def fit(
    x: Tensor,
    k: int = 64,
    seed: int = 0,
    *,
    dim: int | None = 64,
    power: float = 0.5,
    floor: float = 1e-3,
    most: int = 50_000,
) -> Method:
    """Learn the mixture: k-means, then expectation maximisation.

    Args:
        x: maps (N, D, h, w), or descriptors (N, P, D) or (M, D).
        k: Gaussians.
        seed: draws the sample and the first centres.
        dim: principal axes of descriptors that are kept, 64 as in the paper; None keeps all channels.
        power: see `fisher`.
        floor: least variance of a Gaussian, as a share of the variance of all descriptors along that axis; without
            one a Gaussian on a few equal descriptors would rule every vector.
        most: descriptors to learn from; more are drawn from.

    Raises:
        InputError: fewer different descriptors than Gaussians.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    check_number("floor", floor, 0, 1, open_low=True)
    check_number("power", power, 0, 1, open_low=True)
    local = sample(x, most, seed, "fisher")
    projection = fit_projection(local, dim)
    mean = axes = None
    if projection is not None:
        local = (local - projection[0]) @ projection[1]
        mean, axes = (torch.from_numpy(part).float() for part in projection)
    centre, spread = local.mean(axis=0), local.std(axis=0)
    spread[spread <= 1e-12 * np.abs(centre)] = 1  # a constant channel
    scaled = (local - centre) / spread
    means, nearest = k_means(scaled, k, seed, "fisher")
    counts = np.bincount(nearest, minlength=k)[:, None]
    variances = np.stack([np.bincount(nearest, column, minlength=k) for column in (scaled**2).T], 1) / counts - means**2
    mixture = GaussianMixture(
        k,
        covariance_type="diag",
        reg_covar=1e-6,
        weights_init=counts[:, 0] / counts.sum(),
        means_init=means,
        precisions_init=1 / np.maximum(variances, floor),
    )
    with warnings.catch_warnings():
        # an almost converged mixture serves as well
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(scaled)
    # a Gaussian that nothing belongs to would get huge gradients
    weights = np.maximum(mixture.weights_, 1e-6)
    return Method(
        torch.from_numpy(weights / weights.sum()),
        torch.from_numpy(mixture.means_ * spread + centre),
        torch.from_numpy(np.maximum(mixture.covariances_, floor) * spread**2),
        mean,
        axes,
        power,
    )


def _gradients(x_NPD: Tensor, weights_K: Tensor, means_KD: Tensor, variances_KD: Tensor) -> Tensor:
    q = posteriors(x_NPD, weights_K, means_KD, variances_KD)
    weight = q.sum(1)[:, :, None]
    first, second = q.transpose(1, 2) @ x_NPD, q.transpose(1, 2) @ x_NPD**2
    scale = x_NPD.shape[1] * weights_K.sqrt()[:, None]
    by_mean = (first - weight * means_KD) / (variances_KD.sqrt() * scale)
    by_variance = (second - 2 * means_KD * first + weight * (means_KD**2 - variances_KD)) / variances_KD
    return torch.cat([by_mean.flatten(1), (by_variance / (2**0.5 * scale)).flatten(1)], dim=1)
