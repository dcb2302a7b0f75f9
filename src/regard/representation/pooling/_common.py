"""What the poolings share: checks of maps, local descriptors, lengths of 1, and the vocabulary's k-means and PCA."""

import warnings
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ...core.checks import bad, check_number
from ...core.linalg import eigh
from ...core.runtime import numpy_rng

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


def double(x: Tensor) -> Tensor:
    """In double precision, on the CPU where the device has none (Apple's Metal)."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def image_chunks(x_NPD: Tensor, words: int) -> Iterator[Tensor]:
    """Cut into groups of images whose (n, P, words) temporary arrays stay small."""
    yield from x_NPD.split(max(1, _NUMBERS // (x_NPD.shape[1] * words)))


def sample(x: Tensor, most: int, seed: int, purpose: str, argument: str = "maps") -> np.ndarray:
    """At most `most` descriptors (M, D) in float64, drawn from maps, (N, P, D) or (M, D)."""
    check_number("most", most, 1, whole=True)
    if isinstance(x, Tensor) and x.ndim == 2:
        x = x[None]
    flat = check_descriptors(x, argument).flatten(0, 1).detach().cpu()
    if len(flat) > most:
        rows = np.sort(numpy_rng(seed, purpose, "sample").choice(len(flat), most, replace=False))
        flat = flat[torch.from_numpy(rows)]
    return flat.double().numpy()


def fit_projection(X_MD: np.ndarray, dim: int | None) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean (D,) and the first `dim` principal axes (D, dim), not whitened; None where that would keep all of D.

    Axes point such that their largest number is positive. O(M D^2).
    """
    if dim is not None:
        check_number("dim", dim, 1, whole=True)
    if dim is None or dim >= X_MD.shape[1]:
        return None
    if len(X_MD) <= dim:
        raise bad("maps", f"{len(X_MD)} descriptors", f"more than {dim}, as dim is", "Give more images or a lower dim.")
    mean = X_MD.mean(axis=0)
    centred = X_MD - mean
    axes = eigh(centred.T @ centred)[1][:, ::-1][:, :dim]
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(dim)]
    return mean, axes * np.sign(largest)


def project(x_NPD: Tensor, mean_D: Tensor | None, axes_Dd: Tensor | None) -> Tensor:
    """Descriptors (N, P, d) along the axes, or as they are where there are none."""
    if mean_D is None or axes_Dd is None:
        return x_NPD
    if x_NPD.shape[2] != len(mean_D):
        raise bad("maps", f"{x_NPD.shape[2]} channels", f"{len(mean_D)}, as at the fit")
    return (x_NPD - mean_D.to(x_NPD)) @ axes_Dd.to(x_NPD)


def k_means(X_MD: np.ndarray, k: int, seed: int, purpose: str) -> tuple[np.ndarray, np.ndarray]:
    """Centres (k, D) and the nearest centre of each row (M,), with scikit-learn's k-means++ and Lloyd's steps.

    Raises:
        InputError: fewer than k different rows.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    check_number("k", k, 1, whole=True)
    if len(X_MD) < k:
        raise bad("maps", f"{len(X_MD)} descriptors", f"at least k = {k}", "Give more images or a smaller k.")
    state = int(numpy_rng(seed, purpose, "k-means").integers(2**31))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            found = KMeans(k, n_init=1, random_state=state).fit(X_MD)
    except ConvergenceWarning as warning:
        raise bad(
            "maps", f"fewer than {k} different descriptors", f"at least k = {k}", "Give a smaller k."
        ) from warning
    return found.cluster_centers_, found.labels_


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
