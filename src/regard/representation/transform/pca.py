"""PCA-whitening: coordinates along the principal axes, each divided by a power of its variance.

What all images share then no longer rules the cosine (Jégou and Chum 2012, "Negative evidences and co-occurrences in
image retrieval", ECCV). Unlike there, the covariance is first drawn towards the identity (`_covariance.py`), and by
default all axes are kept.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ...core.checks import bad, check_matrix, check_number
from ._covariance import LEAST, check_shapes, covariance, principal, turned
from .steps import Step


@dataclass(frozen=True, eq=False)
class PCAWhiten(Step):
    """Coordinates along principal axes, each divided by its variance to a power: V (x - mean) / eigenvalue^power.

    Attributes:
        mean: (d,).
        components: (dim, d) axes, the largest variance first.
        eigenvalues: (dim,) their variances after shrinkage, above 0.
        power: 0.5 gives all axes the same spread (full whitening), 0 only turns.
    """

    mean: np.ndarray
    components: np.ndarray
    eigenvalues: np.ndarray
    power: float = 0.5
    kind = "pca_whiten"

    def __post_init__(self) -> None:
        check_number("power", self.power, 0, 1)
        check_shapes(self.mean, self.components)
        if self.eigenvalues.shape != self.components.shape[:1] or not (self.eigenvalues > 0).all():
            raise bad("eigenvalues", f"shape {self.eigenvalues.shape}", f"{len(self.components)} numbers above 0")

    def _change(self, X: np.ndarray) -> np.ndarray:
        return turned(X, self.mean, self.components, self.eigenvalues**-self.power)

    @staticmethod
    def fit(
        vectors_ND: ArrayLike,
        dim: int | None = None,
        *,
        power: float = 0.5,
        shrinkage: float | str = "auto",
        floor: float = 1e-6,
    ) -> "PCAWhiten":
        """Learn the mean and the axes. O(n d^2 + d^3) time, O(d^2) memory beside the vectors.

        Args:
            vectors_ND: (n, d), n at least 10.
            dim: how many axes; by default all, or a quarter of n where `shrinkage` is 0 and n is at most d.
            power: see the class.
            shrinkage: share s in [0, 1] of the identity in (1 - s) C + s (trace C / d) I; `auto` is Ledoit and Wolf's.
            floor: axes with less than this share of the largest variance are left out.

        Raises:
            InputError: too few rows (without shrinkage they must be more than `dim`), rows that are all equal, NaN.
        """
        X = check_matrix("vectors", vectors_ND, min_rows=LEAST)
        n, d = X.shape
        check_number("floor", floor, 0, 1)
        if dim is None:
            dim = max(1, n // 4) if shrinkage == 0 and n <= d else d
        check_number("dim", dim, 1, d, whole=True)
        if shrinkage == 0 and n <= dim:
            raise bad("vectors", f"{n} rows", f"more than dim = {dim}", "Give more, a lower dim, or shrinkage 'auto'.")
        mean = X.mean(axis=0, dtype=np.float64)
        spread = covariance(n, lambda rows: (X[rows] - mean, 1.0), n, shrinkage, mean)
        values, axes = principal(spread, dim)
        kept = values > floor * values[0]
        mean, axes, values = (part.astype(np.float32) for part in (mean, axes[kept], values[kept]))
        return PCAWhiten(mean, axes, values, float(power))
