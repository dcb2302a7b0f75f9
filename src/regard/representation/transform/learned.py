"""Learned whitening: a linear map that makes small how pictures of the same thing differ."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...core.checks import bad, check_labels, check_matrix, check_number
from ...core.runtime import numpy_rng
from ._covariance import LEAST, check_shapes, covariance, held_out_share, principal, scatter_by_fold, turned
from .steps import Step

_FOLDS, _THINGS = 4, 4  # folds, and things in each, from which the shrinkage is chosen


@dataclass(frozen=True, eq=False)
class LearnedWhiten(Step):
    """A linear map that makes small how pictures of the same thing differ: projection (x - mean).

    Mikolajczyk and Matas 2007, "Improving descriptors for fast tree matching by optimal linear projection", ICCV, as
    in Radenovic et al. 2018, arXiv 1711.02512: C_S = sum over pairs of the same thing of (a - b)(a - b)^T, then the
    principal axes of C_S^(-1/2) (x - mean). Unlike there C_S is drawn towards the identity.

    Attributes:
        mean: (d,).
        projection: (dim, d).
    """

    mean: np.ndarray
    projection: np.ndarray
    kind = "learned_whiten"

    def __post_init__(self) -> None:
        check_shapes(self.mean, self.projection)

    def _change(self, X: np.ndarray) -> np.ndarray:
        return turned(X, self.mean, self.projection)

    @staticmethod
    def fit(
        vectors_ND: ArrayLike, labels: ArrayLike, dim: int | None = None, *, shrinkage: float | str = "auto"
    ) -> "LearnedWhiten":
        """Learn from vectors (n, d) and labels (n,), equal where the same thing is seen. O(n d^2 + d^3).

        A group of m has m (m - 1) / 2 pairs; they are never listed.

        Args:
            vectors_ND: (n, d).
            labels: which thing each row shows; one that occurs once adds to the mean and the axes alone.
            dim: how many axes; by default all.
            shrinkage: how far C_S is drawn towards the identity, in [0, 1]; auto: so that pairs of other things are
                likeliest, in four folds of things. (Ledoit and Wolf's share, which the rows of one set give, leaves so
                little noise in the things that taught that they are the nearest to everything.) With fewer than 16
                things of two rows or more, Ledoit and Wolf's.

        Raises:
            InputError: fewer than 10 rows more than groups (without shrinkage fewer than d), rows of each group that
                are all equal, NaN.
        """
        X = check_matrix("vectors", vectors_ND, min_rows=LEAST)
        n, d = X.shape
        groups = np.unique(check_labels("labels", labels, n), return_inverse=True)[1]
        dim = d if dim is None else int(check_number("dim", dim, 1, d, whole=True))
        sizes = np.bincount(groups)
        free, least = n - len(sizes), max(d, LEAST) if shrinkage == 0 else LEAST
        if free < least:
            raise bad(
                "labels",
                f"{n} rows in {len(sizes)} groups",
                f"at least {least} rows more than groups",
                "A group is two or more vectors of the same thing.",
            )
        centres = np.zeros((len(sizes), d))
        np.add.at(centres, groups, X)
        centres /= sizes[:, None]

        def apart(rows: slice) -> tuple[np.ndarray, np.ndarray]:
            # the pairs of a group of m have together m times the scatter about its centre; m / (m - 1) makes the
            # fourth powers of its m rows those of m - 1 independent ones
            m = sizes[groups[rows]].astype(float)
            return (X[rows] - centres[groups[rows]]) * np.sqrt(m)[:, None], m / np.maximum(m - 1, 1)

        if shrinkage == "auto" and (sizes > 1).sum() >= _FOLDS * _THINGS:
            fold = np.zeros(len(sizes), int)  # things seen once have no pair to hold out
            fold[sizes > 1] = numpy_rng(0, "things").permutation(int((sizes > 1).sum())) % _FOLDS
            scatter = scatter_by_fold(apart, fold[groups], _FOLDS, d)
            shrinkage = held_out_share(scatter, np.bincount(fold, weights=sizes - 1.0, minlength=_FOLDS))
        mean = X.mean(axis=0, dtype=np.float64)
        values, axes = principal(covariance(n, apart, free, shrinkage, mean), d)
        if values[-1] <= 1e-9 * values[0]:
            raise bad("vectors", "directions in which no two of a group differ", "pairs that differ in all directions")
        root = (axes.T / np.sqrt(values)) @ axes
        spread = covariance(n, lambda rows: ((X[rows] - mean) @ root, 1.0), n, 0, mean)
        return LearnedWhiten(mean.astype(np.float32), (principal(spread, dim)[1] @ root).astype(np.float32))
