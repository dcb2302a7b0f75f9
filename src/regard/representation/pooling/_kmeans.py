"""k-means on any number of descriptors in bounded memory: Lloyd's steps over all rows, a piece at a time.

Lloyd 1982 (Least squares quantization in PCM, IEEE TIT 28); first centres by k-means++ (Arthur and
Vassilvitskii 2007, SODA) on at most 20,000 rows. Every step is exact: sums of all rows in double precision. A word that
has no rows moves to the row that is farthest from its own word, as in scikit-learn.
"""

import numpy as np
import torch
from torch import Tensor

from ...core.checks import bad, check_number
from ...core.runtime import numpy_rng
from ._rows import Rows, pieces, some

DRAWN = 20_000  # rows that first centres are drawn from, or 50 for each centre where that is more
STEPS, SMALL = 100, 1e-4  # at most so many steps, until the error falls by less than this share


def k_means(
    rows: Rows, k: int, seed: int, purpose: str, device: str = "cpu", argument: str = "maps"
) -> tuple[np.ndarray, np.ndarray]:
    """Centres (k, D) in float64, and the nearest centre of each row (M,).

    O(M k D) for each of at most 100 steps; it stops when the error falls by less than one part in 10,000.

    Raises:
        InputError: fewer rows than k, or fewer different ones.
    """
    check_number("k", k, 1, whole=True)
    if rows.shape[0] < k:
        raise bad(argument, f"{rows.shape[0]} descriptors", f"at least k = {k}", "Give more images or a smaller k.")
    centres = _first(rows, k, seed, purpose, argument)
    before = np.inf
    for _ in range(STEPS):
        total, count, words, error, far = _step(rows, centres, device)
        if np.isfinite(before) and before - error <= SMALL * before and count.all():
            break
        before = error
        centres = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], centres)
        empty = np.flatnonzero(count == 0)
        centres[empty[: len(far)]] = far[: len(empty)]
    return centres, words


def nearest(x_MD: Tensor, centres_KD: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest centre of each row (M,), the first of equally near ones, and its squared distance less |x|^2."""
    distance = torch.addmm((centres_KD**2).sum(1), x_MD, centres_KD.T, alpha=-2)
    least, words = distance.min(1)
    return words, least


def _first(rows: Rows, k: int, seed: int, purpose: str, argument: str) -> np.ndarray:
    from sklearn.cluster import kmeans_plusplus

    drawn = some(rows, max(DRAWN, 50 * k), seed, f"{purpose} first").astype(np.float64)
    if len(np.unique(drawn, axis=0)) < k:
        raise bad(argument, f"fewer than {k} different descriptors", f"at least k = {k}", "Give a smaller k.")
    state = int(numpy_rng(seed, purpose, "k-means").integers(2**31))
    return kmeans_plusplus(drawn, k, random_state=state)[0]


def _step(rows: Rows, centres: np.ndarray, device: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, np.ndarray]:
    """Sums (k, D) and counts (k,) of each centre's rows, each row's centre, the error, and the rows farthest off."""
    k, d = centres.shape
    middle = centres.mean(axis=0)  # taken off: small numbers keep their digits
    total, count, error = np.zeros((k, d)), np.zeros(k), 0.0
    words, far = [], [(0.0, np.zeros(d))]
    own: Tensor | None = None
    for x in pieces(rows, device):
        if own is None:
            own = torch.from_numpy(centres - middle).to(x)
            shift = torch.from_numpy(middle).to(x)
        y = x - shift
        found, least = nearest(y, own)
        apart = (least + y.square().sum(1)).clamp_min(0)
        counted = torch.bincount(found, minlength=k)
        sums = torch.zeros(k, d, dtype=y.dtype, device=y.device).index_add_(0, found, y)
        total += sums.double().cpu().numpy()
        count += counted.cpu().numpy()
        error += float(apart.sum(dtype=torch.float64 if device != "mps" else None))
        words.append(found.cpu().numpy())
        farthest = int(apart.argmax())
        far.append((float(apart[farthest]), x[farthest].double().cpu().numpy()))
    total += count[:, None] * middle
    far = sorted(far[1:], key=lambda one: -one[0])
    return (
        total,
        count,
        np.concatenate(words),
        error,
        np.array([row for distance, row in far if distance > 0]).reshape(-1, d),
    )
