"""Ridge regression on one-hot labels from counts, means and scatter alone, and its penalty by the same.

With H (n, M) the features and Y (n, K) the labels, the Gram matrix is H'H = S + sum_k n_k m_k m_k', S the scatter about
the class means, and H'Y has the columns n_k m_k. With an intercept both are about the mean of all samples.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ...core.linalg import eigh
from ._moments import EPS, Moments

# of the largest eigenvalue: from there to where nothing is learned, half a power of ten a step. Below 1e-8 of it a
# deleted sample would leave a trace of rounding in the answers.
PATH = 10.0 ** np.arange(-8, 1.01, 0.5)


@dataclass(frozen=True)
class Ridge:
    """A solved regression.

    Attributes:
        coef: (M, K).
        intercept: (K,).
        alpha: the penalty.
        path: penalties (p,) that were compared; empty where it was given.
        scores: (p,) their generalised cross-validation.
    """

    coef: np.ndarray
    intercept: np.ndarray
    alpha: float
    path: np.ndarray
    scores: np.ndarray


def solve(known: Moments, alpha: float | None, intercept: bool) -> Ridge:
    """The weights (G + alpha I)^-1 Q, alpha given or of the least generalised cross-validation.

    GCV(alpha) = (|Y - HW|^2 / n) / (1 - df / n)^2 with df = sum_i s_i / (s_i + alpha), s the eigenvalues of G, and 1
    more for the intercept (Golub, Heath and Wahba 1979, Technometrics 21). No sample and no test label is needed.
    """
    assert known.scatter is not None
    n, shares = known.total, known.counts / known.total
    mean = shares @ known.means if intercept else np.zeros(known.means.shape[1])
    apart = known.means - mean
    G = known.scatter + (apart * known.counts[:, None]).T @ apart
    Q = (apart * known.counts[:, None]).T
    energy = float((known.counts * (1 - shares)).sum()) if intercept else float(n)
    path = scores = np.empty(0)
    if alpha is not None:
        G[np.diag_indices(len(G))] += alpha
        coef = cho_solve(cho_factor(G, lower=True, overwrite_a=True), Q)
    else:
        s, V = eigh(G)
        held = s > len(G) * EPS * max(float(s[-1]), 0.0)
        s, V = s[held], V[:, held]
        R = V.T @ Q
        alpha = 1.0  # nothing varies: any penalty gives weights of 0
        if len(s):
            path = s[-1] * PATH
            scores = gcv(path, s, (R**2).sum(axis=1), energy, n, int(intercept))
            alpha = float(path[scores.argmin()])
        coef = V @ (R / (s + alpha)[:, None])
    return Ridge(coef, (shares if intercept else 0 * shares) - mean @ coef, float(alpha), path, scores)


def gcv(path: np.ndarray, s: np.ndarray, r: np.ndarray, energy: float, n: int, more: int) -> np.ndarray:
    """Generalised cross-validation (p,) of penalties (p,).

    Args:
        path: (p,) penalties above 0.
        s: (i,) eigenvalues of the Gram matrix, above 0.
        r: (i,) squared length of V'Q along each eigenvector.
        energy: |Y|^2.
        n: samples.
        more: degrees of freedom beside those of the weights.
    """
    # what no penalty explains, and what each leaves of the rest: a difference of large numbers is taken once only
    outside = energy - float((r / s).sum())
    outside = outside if outside > 1e-12 * energy else 0.0
    kept = path[:, None] / (s + path[:, None])
    residual = outside + (r / s * kept**2).sum(axis=1)
    free = n - len(s) - more + kept.sum(axis=1)
    return np.where(free > 0, residual * n / np.maximum(free, 1e-300) ** 2, np.inf)
