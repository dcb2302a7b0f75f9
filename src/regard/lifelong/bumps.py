"""A sum of bumps about known vectors, learned by ridge regression (kernel ridge regression, also known as kriging).

f(x) = sum_i dual_i / (1 + width |x - x_i|^2), which is Gaussian bumps of all widths at once (the rational quadratic of
alpha 1), so that no width has to be chosen: width is 1 / the median squared distance of two known vectors. dual =
(K + penalty I)^-1 target. What pair i is missed by where it is left out is dual_i / ((K + penalty I)^-1)_ii, without
fitting again.

Source: Saunders, Gammerman, Vovk 1998 (ICML, ridge regression in dual variables); Rasmussen, Williams 2006, 4.2.1 and
5.4.2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

PENALTIES = (1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class Bumps:
    """What was learned.

    Attributes:
        known: (n, d) vectors that bumps stand about.
        dual: (n, e) their heights.
        width: of all.
    """

    known: np.ndarray
    dual: np.ndarray
    width: float

    def of(self, x_MD: np.ndarray) -> np.ndarray:
        """(m, e) for vectors (m, d), in their floating-point type. O(m n (d + e))."""
        known = self.known.astype(x_MD.dtype)
        return np.asarray(_bump(self.width, squares(x_MD, known)) @ self.dual.astype(x_MD.dtype))


def learn_bumps(
    x_ND: np.ndarray, target_NE: np.ndarray, wrong: Callable[[np.ndarray], float], judges: int
) -> tuple[Bumps, np.ndarray]:
    """Fit, with the penalty that is least wrong of pairs that are left out. O(n^3).

    Args:
        x_ND: (n, d).
        target_NE: (n, e).
        wrong: of what the judges are missed by (judges, e).
        judges: how many of the pairs, the first of all, judge.

    Returns:
        The bumps, and what the judges are missed by, each left out.
    """
    far = squares(x_ND, x_ND)
    width = 1 / (float(np.median(far[np.triu_indices(len(far), 1)])) or 1.0)
    values, Q = np.linalg.eigh(_bump(width, far))
    seen = Q.T @ target_NE
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for penalty in PENALTIES:
        damp = 1 / (np.maximum(values, 0) + penalty)
        heights = damp[:, None] * seen
        missed = (Q[:judges] @ heights) / (Q[:judges] ** 2 @ damp)[:, None]
        error = wrong(missed)
        if best is None or error < best[0]:
            best = error, heights, missed
    assert best is not None
    _, heights, missed = best
    return Bumps(x_ND, Q @ heights, width), missed


def _bump(width: float, squares_NM: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + width * squares_NM))


def squares(a_ND: np.ndarray, b_MD: np.ndarray) -> np.ndarray:
    """(n, m) squared distances."""
    found = (a_ND**2).sum(axis=1)[:, None] - 2 * a_ND @ b_MD.T + (b_MD**2).sum(axis=1)
    return np.asarray(np.maximum(found, 0))
