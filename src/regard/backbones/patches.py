"""Filters from images: centres of whitened patches (Coates and Ng 2012, Learning representations with k-means)."""

import torch
from torch import Tensor, nn

from ..core.checks import bad

PATCHES = 20_000


def whitened_patches(
    x_NCHW: Tensor, kernel: tuple[int, ...], generator: torch.Generator, count: int = PATCHES
) -> tuple[Tensor, Tensor]:
    """Random patches (count, D), each of mean 0 and variance 1, made white; and the matrix (D, D) that did it.

    Coates and Ng 2012 (Learning feature representations with k-means, section 3): ZCA with 0.1 added to the spectrum.
    """
    n, channels, height, width = x_NCHW.shape
    rows, columns = kernel
    if height < rows or width < columns:
        raise bad("kmeans", f"images of {height}x{width}", f"images of at least {rows}x{columns}, the filters' size")
    which, top, left = (
        torch.randint(high, (count, 1, 1, 1), generator=generator)
        for high in (n, height - rows + 1, width - columns + 1)
    )
    channel, down, right = (
        torch.arange(size).view(shape)
        for size, shape in ((channels, (1, -1, 1, 1)), (rows, (1, 1, -1, 1)), (columns, (1, 1, 1, -1)))
    )
    patches = x_NCHW[which, channel, top + down, left + right].flatten(1)
    patches = patches - patches.mean(1, keepdim=True)
    variance = patches.square().mean(1, keepdim=True)
    patches = patches / (variance + 0.01 * variance.mean() + 1e-12).sqrt()
    values, axes = torch.linalg.eigh(torch.cov(patches.T).double())
    whiten = ((axes / (values.clamp_min(0) + 0.1).sqrt()) @ axes.T).float()
    return (patches - patches.mean(0)) @ whiten, whiten


def spherical_kmeans(x_ND: Tensor, k: int, generator: torch.Generator, rounds: int = 10) -> Tensor:
    """Unit vectors (k, D) along which the rows of x lie, whichever way round (Coates and Ng 2012, section 2)."""
    centres = nn.functional.normalize(torch.randn(k, x_ND.shape[1], generator=generator), dim=1)
    for _ in range(rounds):
        scores = x_ND @ centres.T
        best = scores.abs().argmax(1)
        code = torch.zeros_like(scores).scatter_(1, best[:, None], scores.gather(1, best[:, None]))
        # a centre that no row is near stays where it is
        centres = nn.functional.normalize(code.T @ x_ND + centres, dim=1)
    return centres
