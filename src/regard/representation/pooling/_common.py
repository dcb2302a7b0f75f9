"""What the poolings share: checks of maps, local descriptors, lengths of 1, and the PCA of descriptors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...core.checks import bad, check_number
from ...core.linalg import eigh
from ...core.runtime import numpy_rng
from ._rows import Moments, moments

if TYPE_CHECKING:
    from ._local import Local

_NUMBERS = 2**22  # numbers of a temporary array


def check_maps(x_NCHW: Tensor, argument: str = "maps") -> Tensor:
    """Return maps (N, C, h, w) in float32 or float64, or say what is wrong with them."""
    if not isinstance(x_NCHW, Tensor) or x_NCHW.ndim != 4 or not x_NCHW.is_floating_point() or not x_NCHW.numel():
        raise bad(argument, _told(x_NCHW), "a float tensor (N, C, h, w)", "One map is x[None]; of a list take one map.")
    return _finite(argument, x_NCHW)


def check_descriptors(x: Tensor, argument: str = "maps") -> Tensor:
    """Local descriptors (N, P, D) of maps (N, D, h, w), or of descriptors that have this shape already."""
    if isinstance(x, Tensor) and x.ndim == 3 and x.is_floating_point() and x.numel():
        return _finite(argument, x)
    return check_maps(x, argument).flatten(2).transpose(1, 2)


def unit(vectors: Tensor) -> Tensor:
    """Divide by the length along the last axis; zeros stay zeros."""
    lengths = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / torch.where(lengths > 0, lengths, 1)


def signed_power(vectors: Tensor, power: float) -> Tensor:
    """sign(v) |v|^power for each number."""
    return vectors if power == 1 else vectors.sign() * vectors.abs().pow(power)


def image_chunks(x_NPD: Tensor, words: int) -> Iterator[Tensor]:
    """Cut into groups of images whose (n, P, words) temporary arrays stay small."""
    yield from x_NPD.split(max(1, _NUMBERS // (x_NPD.shape[1] * words)))


def sample(x: Tensor, most: int, seed: int, purpose: str, form: "Local | None" = None) -> np.ndarray:
    """At most `most` descriptors (M, D) in float64, drawn from maps, (N, P, D) or (M, D), read as `form` says."""
    check_number("most", most, 1, whole=True)
    if isinstance(x, Tensor) and x.ndim == 2:
        x = x[None]
    flat = (check_descriptors(x).flatten(0, 1) if form is None else form.rows(x)).detach().cpu()
    if len(flat) > most:
        rows = np.sort(numpy_rng(seed, purpose, "sample").choice(len(flat), most, replace=False))
        flat = flat[torch.from_numpy(rows)]
    return flat.double().numpy()


@dataclass(frozen=True)
class Projection:
    """Principal axes that descriptors (M, D) are told along: (x - mean) @ axes, with mean (D,) and axes (D, d)."""

    mean: np.ndarray
    axes: np.ndarray

    def apply(self, X_MD: np.ndarray) -> np.ndarray:
        """Along the axes, in the descriptors' own precision."""
        return (X_MD - self.mean.astype(X_MD.dtype)) @ self.axes.astype(X_MD.dtype)

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Mean and axes in float32, as they are kept."""
        return torch.from_numpy(self.mean).float(), torch.from_numpy(self.axes).float()


def fit_projection(rows: np.ndarray | Moments, dim: int | None, aside: int = 0) -> Projection | None:
    """The first `dim` principal axes, not whitened; None where that would keep all.

    Axes point such that their largest number is positive. O(M D^2).

    Args:
        rows: descriptors (M, D), or what is known of them.
        dim: axes.
        aside: so many of the last numbers, the positions, are no part of it and stay as they are.
    """
    if dim is not None:
        check_number("dim", dim, 1, whole=True)
    known = rows if isinstance(rows, Moments) else moments(rows)
    if dim is None or not known.count or dim >= len(known.mean) - aside:
        return None
    if known.count <= dim:
        raise bad(
            "maps", f"{known.count} descriptors", f"more than {dim}, as dim is", "Give more images or a lower dim."
        )
    own = len(known.mean) - aside
    axes = eigh(known.covariance[:own, :own])[1][:, ::-1][:, :dim]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(dim)]
    whole, mean = np.zeros((own + aside, dim + aside)), known.mean.copy()
    whole[:own, :dim] = axes * np.sign(largest)
    whole[own:, dim:] = np.eye(aside)
    mean[own:] = 0
    return Projection(mean, whole)


def project(x_NPD: Tensor, mean_D: Tensor | None, axes_Dd: Tensor | None) -> Tensor:
    """Descriptors (N, P, d) along the axes, or as they are where there are none."""
    if mean_D is None or axes_Dd is None:
        return x_NPD
    if x_NPD.shape[2] != len(mean_D):
        raise bad("maps", f"{x_NPD.shape[2]} channels", f"{len(mean_D)}, as at the fit")
    return (x_NPD - mean_D.to(x_NPD)) @ axes_Dd.to(x_NPD)


def _told(x: object) -> str:
    return f"{x.dtype} of shape {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__


def _finite(argument: str, x: Tensor) -> Tensor:
    # the third power of a large half-precision number is infinite
    wide = x if x.dtype == torch.float64 else x.float()
    if torch.compiler.is_exporting():  # a graph has no errors to raise
        return wide
    if not torch.isfinite(wide).all():
        raise bad(argument, "NaN or infinity", "finite numbers", "Look at the images or the network's precision.")
    return wide
