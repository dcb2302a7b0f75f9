"""Fisher vectors: how a mixture of Gaussians would have to change to fit an image's local descriptors better.

Perronnin, Sánchez and Mensink 2010, "Improving the Fisher kernel for large-scale image classification", ECCV: the
gradients by means and variances of a diagonal mixture, divided by the root of their Fisher information, then signed
square roots and length 1. Posteriors are exact, not cut to the nearest words; gradients by the weights, which add
little, are left out as in the paper. Products are in the precision of the descriptors, relative to the mixture's mean;
their sums over a picture in double precision.

`skimage.feature.fisher_vector` has K gradients by the weights before these, and the opposite sign of those by the
variances.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.checks import bad, check_number
from ._common import Projection, fit_projection, sample, signed_power, unit
from ._local import Local, Read, told
from ._mixture import Mixture, Terms, fit_mixture
from ._rows import Rows

_PIECE = 4096  # descriptors at a time: with 256 Gaussians 4 MiB, which stay in the processor's cache


def posteriors(x_NPD: Tensor, weights_K: Tensor, means_KD: Tensor, variances_KD: Tensor) -> Tensor:
    """Probability (N, P, K) of each Gaussian given each descriptor, in the precision of the descriptors."""
    return torch.softmax(Terms.of(weights_K, means_KD, variances_KD, x_NPD).of_rows(x_NPD)[1], 2)


def fisher(x: Tensor, weights_K: Tensor, means_KD: Tensor, variances_KD: Tensor, power: float = 0.5) -> Tensor:
    """Pool maps (N, D, h, w), or descriptors (N, P, D), to vectors (N, 2 K D) of length 1.

    First the gradients by the means, word after word, then those by the variances, with q the posteriors:
    u_k = sum over descriptors of q_k (x - m_k) / s_k / (P sqrt(w_k)),
    v_k = sum over descriptors of q_k ((x - m_k)^2 / s_k^2 - 1) / (P sqrt(2 w_k)).
    Then sign(g)|g|^power (1 leaves them), then length 1. O(N P K D).

    Raises:
        InputError: no maps, NaN, another number of channels than the mixture has, power outside (0, 1].
    """
    return _pooled(Local().read(x, None, None), weights_K, means_KD, variances_KD, power)


@dataclass(frozen=True, eq=False)
class Method(Local):
    """Fisher vectors with their mixture: weights (K,), means and variances (K, d).

    Where the fit asked for fewer dimensions also the mean (D,) and axes (D, d) of descriptors. With a pyramid the
    vectors of its parts stand one after the other, each of length 1 before all of them are.
    """

    weights: Tensor
    means: Tensor
    variances: Tensor
    mean: Tensor | None = None
    axes: Tensor | None = None
    power: float = 0.5

    def __call__(self, maps_NCHW: Tensor) -> Tensor:
        """Maps (N, C, h, w), or descriptors (N, P, D), to vectors (N, parts 2 K d) of length 1."""
        given = self.weights, self.means, self.variances, self.power
        return torch.cat([_pooled(self.read(some, self.mean, self.axes), *given) for some in self.each(maps_NCHW)])


def fit(
    x: Tensor,
    k: int = 64,
    seed: int = 0,
    *,
    dim: int | None = 64,
    power: float = 0.5,
    floor: float = 1e-3,
    most: int = 50_000,
    per_cell: int = 1,
    positions: bool = False,
    skip_blank: bool = False,
    pyramid: str = "1x1",
) -> Method:
    """Learn the mixture: k-means, then expectation maximisation.

    Args:
        x: maps (N, C, h, w), or descriptors (N, P, D) or (M, D).
        k: Gaussians.
        seed: draws the sample and the first centres.
        dim: principal axes of descriptors that are kept, 64 as in the paper; None keeps all channels.
        power: see `fisher`.
        floor: least variance of a Gaussian, as a share of the variance of all descriptors along that axis; without
            one a Gaussian on a few equal descriptors would rule every vector.
        most: descriptors to learn from; more are drawn from.
        per_cell: see `Local`, as for the next three.
        positions: see there.
        skip_blank: see there.
        pyramid: see there.

    Raises:
        InputError: fewer different descriptors than Gaussians.
    """
    check_number("power", power, 0, 1, open_low=True)
    form = Local(per_cell=per_cell, positions=positions, skip_blank=skip_blank, pyramid=pyramid)
    drawn = sample(x, most, seed, "fisher", form)
    projection = fit_projection(drawn, dim, 2 * positions)
    return learned(drawn if projection is None else projection.apply(drawn), k, seed, projection, form, power, floor)[0]


def learned(
    rows: Rows,
    k: int,
    seed: int,
    projection: Projection | None,
    form: Local,
    power: float = 0.5,
    floor: float = 1e-3,
    device: str = "cpu",
    argument: str = "maps",
) -> tuple[Method, Mixture]:
    """The pooling with the mixture of rows (M, d) that are projected already, and that mixture."""
    found = fit_mixture(rows, k, seed, "fisher", floor=floor, device=device, argument=argument)
    mean, axes = (None, None) if projection is None else projection.tensors()
    weights, means, variances = (torch.from_numpy(part) for part in (found.weights, found.means, found.variances))
    return Method(weights, means, variances, mean, axes, power, **told(form)), found


def _pooled(read: Read, weights_K: Tensor, means_KD: Tensor, variances_KD: Tensor, power: float) -> Tensor:
    check_number("power", power, 0, 1, open_low=True)
    x = read.x
    if means_KD.ndim != 2 or means_KD.shape[1] != x.shape[2] or variances_KD.shape != means_KD.shape:
        raise bad(
            "means and variances",
            f"shapes {tuple(means_KD.shape)} and {tuple(variances_KD.shape)}",
            f"(K, {x.shape[2]}), as the maps have channels",
        )
    terms = Terms.of(weights_K, means_KD, variances_KD, x)
    wide = torch.float32 if x.device.type == "mps" else torch.float64
    each = []
    for at in [slice(None)] if read.pieces is None else read.pieces:
        counted = None if read.counted is None else read.counted[:, at]
        each.append(_sums(x[:, at], counted, terms, wide))
    # (N, parts, ...) of (N, pieces, ...)
    count, q, both = (torch.einsum("rp,np...->nr...", read.parts.to(wide), torch.stack(one, 1)) for one in zip(*each))
    w, m, v = (part.to(x.device, wide) for part in (weights_K, means_KD, variances_KD))
    m = m - terms.centre.to(wide)
    first, second = both.split(x.shape[2], 3)
    q = q[..., None]
    scale = count.clamp_min(1)[..., None, None] * w.sqrt()[:, None]
    by_mean = (first - q * m) / (v.sqrt() * scale)
    by_variance = (second - 2 * m * first + q * (m**2 - v)) / (v * 2**0.5 * scale)
    found = unit(signed_power(torch.cat([by_mean.flatten(2), by_variance.flatten(2)], 2), power))
    return unit(found.flatten(1)).to(x)


def _sums(x_NPD: Tensor, counted_NP: Tensor | None, terms: Terms, wide: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """How many descriptors count (N,), and over them the sums of q (N, K) and of q [y, y^2] (N, K, 2 D)."""
    n, p, d = x_NPD.shape
    k = len(terms.constant)
    count = x_NPD.new_full((n,), p, dtype=wide) if counted_NP is None else counted_NP.to(wide).sum(1)
    weight, sums = (x_NPD.new_zeros(shape, dtype=wide) for shape in ((n, k), (n, k, 2 * d)))
    step = max(64, _PIECE // n)
    for start in range(0, p, step):
        both, logs = terms.of_rows(x_NPD[:, start : start + step])
        q = torch.softmax(logs, 2)
        if counted_NP is not None:
            q = q * counted_NP[:, start : start + step, None]
        weight = weight + q.sum(1).to(wide)
        sums = sums + (q.transpose(1, 2) @ both).to(wide)
    return count, weight, sums
