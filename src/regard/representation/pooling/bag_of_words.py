"""Bag of visual words: how often each word of a vocabulary is the nearest one to a local descriptor of the image.

Sivic and Zisserman 2003, "Video Google", ICCV; Csurka et al. 2004, "Visual categorization with bags of keypoints", ECCV
workshop. Words are the centres of k-means; each descriptor counts for its nearest word alone, so the histogram hangs on
the descriptors in steps and has no gradient. Square roots of shares (`hellinger`) make the inner product of two vectors
the Hellinger kernel of two histograms (Vedaldi and Zisserman 2012, TPAMI 34(3)), which a linear classifier takes better
than shares.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.checks import bad, check_choice
from ._common import Projection, fit_projection, sample
from ._kmeans import k_means, nearest
from ._local import Local, Read, told
from ._rows import Rows

NORMS = ("hellinger", "l1")
_PIECE = 8192  # descriptors at a time


def bag_of_words(x: Tensor, centres_KD: Tensor, norm: str = "hellinger") -> Tensor:
    """Pool maps (N, D, h, w), or descriptors (N, P, D), to histograms (N, K) over the nearest words.

    h_k = share of the descriptors that are nearest to c_k, which sum to 1 (`l1`), or its square root, of length 1
    (`hellinger`). Of equally near words the first is taken. O(N P K D).

    Raises:
        InputError: no maps, NaN, other channels than the words have, an unknown norm.
    """
    return _pooled(Local().read(x, None, None), centres_KD, norm)


@dataclass(frozen=True, eq=False)
class Method(Local):
    """Histograms over a vocabulary (K, d); where the fit asked for fewer dimensions also the mean (D,) and axes (D, d).

    With a pyramid the histograms of its parts stand one after the other, and all are brought to a sum, or length, of 1.
    """

    centres: Tensor
    mean: Tensor | None = None
    axes: Tensor | None = None
    norm: str = "hellinger"

    def __call__(self, maps_NCHW: Tensor) -> Tensor:
        """Maps (N, C, h, w), or descriptors (N, P, D), to vectors (N, parts K)."""
        own = self.centres, self.norm
        return torch.cat([_pooled(self.read(some, self.mean, self.axes), *own) for some in self.each(maps_NCHW)])


def fit(
    x: Tensor,
    k: int = 256,
    seed: int = 0,
    *,
    dim: int | None = 64,
    norm: str = "hellinger",
    most: int = 50_000,
    per_cell: int = 1,
    positions: bool = False,
    skip_blank: bool = False,
    pyramid: str = "1x1",
) -> Method:
    """Learn the words by k-means.

    Args:
        x: maps (N, C, h, w), or descriptors (N, P, D) or (M, D).
        k: words.
        seed: draws the sample and the first centres.
        dim: principal axes of descriptors that are kept; None keeps all channels.
        norm: `hellinger` or `l1`.
        most: descriptors to learn from; more are drawn from.
        per_cell: see `Local`, as for the next three.
        positions: see there.
        skip_blank: see there.
        pyramid: see there.

    Raises:
        InputError: fewer different descriptors than words.
    """
    form = Local(per_cell=per_cell, positions=positions, skip_blank=skip_blank, pyramid=pyramid)
    drawn = sample(x, most, seed, "bag of words", form)
    projection = fit_projection(drawn, dim, 2 * positions)
    return learned(drawn if projection is None else projection.apply(drawn), k, seed, projection, form, norm)


def learned(
    rows: Rows,
    k: int,
    seed: int,
    projection: Projection | None,
    form: Local,
    norm: str = "hellinger",
    device: str = "cpu",
    argument: str = "maps",
) -> Method:
    """The pooling with the words of rows (M, d) that are projected already."""
    check_choice("norm", norm, NORMS)
    centres, _ = k_means(rows, k, seed, "bag of words", device, argument)
    mean, axes = (None, None) if projection is None else projection.tensors()
    return Method(torch.from_numpy(centres).float(), mean, axes, norm, **told(form))


def _pooled(read: Read, centres_KD: Tensor, norm: str) -> Tensor:
    check_choice("norm", norm, NORMS)
    x = read.x
    if centres_KD.ndim != 2 or centres_KD.shape[1] != x.shape[2]:
        raise bad("centres", f"shape {tuple(centres_KD.shape)}", f"(K, {x.shape[2]}), as the maps have channels")
    with torch.no_grad():
        each = []
        for at in [slice(None)] if read.pieces is None else read.pieces:
            counted = None if read.counted is None else read.counted[:, at]
            each.append(_counts(x[:, at], counted, centres_KD.to(x)))
        # (N, parts, K) of (N, pieces, K)
        h = torch.einsum("rp,npk->nrk", read.parts, torch.stack(each, 1))
        h = h / h.sum(2, keepdim=True).clamp_min(1)
        filled = (h.sum(2, keepdim=True) > 0).to(h).sum(1, keepdim=True).clamp_min(1)
        h = (h / filled).flatten(1)
        return h if norm == "l1" else h.sqrt()


def _counts(x_NPD: Tensor, counted_NP: Tensor | None, centres_KD: Tensor) -> Tensor:
    """How many descriptors are nearest to each word (N, K)."""
    n, p, _ = x_NPD.shape
    k = len(centres_KD)
    found, step = x_NPD.new_zeros(n, k), max(64, _PIECE // n)
    for start in range(0, p, step):
        part = x_NPD[:, start : start + step]
        words = nearest(part.flatten(0, 1), centres_KD)[0].view(n, -1)
        ones = torch.ones_like(words, dtype=part.dtype)
        found.scatter_add_(1, words, ones if counted_NP is None else ones * counted_NP[:, start : start + step])
    return found
