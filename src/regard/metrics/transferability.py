"""How well vectors, or a source classifier's answers, suit other labels: said without training anything.

LEEP: Nguyen et al. 2020 (arXiv 2002.12462, equation 2). LogME: You et al. 2021 (arXiv 2102.11005, equation 2 and
algorithm 1; its fixed point as in You et al. 2022, JMLR 23). H-score: Bao et al. 2019 (ICIP, equation 3), with the
shrunk covariance of Ibrahim, Ponomareva & Mazumder 2022 (arXiv 2110.06893), since the plain one grows without bound
where there are more dimensions than vectors. k-NN: each vector is told by the others, as `metrics.knn` does it.

All are larger for what promises more. They compare representations on one set of labels, and nothing else.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_labels, check_matrix, check_number
from .knn import TEMPERATURE, K, unit

STEPS, TOLERANCE = 100, 1e-6  # of LogME's fixed point
_CHUNK = 1024


def leep(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Log expected empirical prediction: mean_i log sum_z P(y_i | z) p_i(z), with P from the same samples.

    Args:
        probabilities: (n, source classes), what a source classifier says of each sample; rows sum to 1.
        labels: (n,) of the target task.

    Returns:
        At most 0.

    Raises:
        InputError: no probabilities, or as many labels as there are not samples.

    >>> round(leep([[1, 0], [1, 0], [0, 1], [0, 1]], ["a", "a", "b", "a"]), 4)
    -0.3466
    """
    p = check_matrix("probabilities", probabilities)
    if (p < 0).any() or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise bad("probabilities", "negative ones, or rows whose sum is not 1", "probabilities (n, source classes)")
    y = _codes(labels, len(p))
    joint = np.zeros((y.max() + 1, p.shape[1]))
    np.add.at(joint, y, p / len(p))
    marginal = joint.sum(axis=0)
    conditional = np.divide(joint, marginal, out=np.zeros_like(joint), where=marginal > 0)
    return float(np.log(np.maximum((conditional[y] * p).sum(axis=1), 1e-300)).mean())


def logme(vectors: ArrayLike, labels: ArrayLike) -> float:
    """Log of the maximum evidence of a Bayesian linear model, a sample, the mean over one-against-all problems.

    For targets t in {0, 1}: w ~ N(0, 1/alpha), t ~ N(F w, 1/beta), and alpha and beta are those of most evidence:

        log p(t | F) = n/2 log beta + d/2 log alpha - n/2 log 2 pi - beta/2 |F m - t|^2 - alpha/2 m'm - 1/2 log |A|
        A = alpha I + beta F'F,  m = beta A^-1 F't

    Args:
        vectors: (n, d).
        labels: (n,), two classes at least.

    Raises:
        InputError: NaN, one class, other numbers of labels.
    """
    f = check_matrix("vectors", vectors).astype(np.float64)
    y = _codes(labels, len(f))
    left, spread, _ = np.linalg.svd(f, full_matrices=False)
    squares = spread**2
    return float(np.mean([_evidence((y == one).astype(float), left, squares, f.shape) for one in range(y.max() + 1)]))


def h_score(vectors: ArrayLike, labels: ArrayLike, shrinkage: float | None = None) -> float:
    """Between-class covariance in units of the shrunk covariance: tr(S^-1 (1 - a) B).

        S = (1 - a) C + a tr(C)/d I,  C the covariance of the vectors,  B that of their class means

    Args:
        vectors: (n, d).
        labels: (n,), two classes at least.
        shrinkage: a in [0, 1]; None: Ledoit and Wolf's.

    Raises:
        InputError: NaN, one class, other numbers of labels.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    f = check_matrix("vectors", vectors).astype(np.float64)
    y = _codes(labels, len(f))
    centred = f - f.mean(axis=0)
    # of two vectors, which lie on a line, rounding takes it below 0
    a = max(float(ledoit_wolf_shrinkage(centred, assume_centered=True)), 0.0) if shrinkage is None else shrinkage
    check_number("shrinkage", a, 0, 1)
    covariance = centred.T @ centred / len(f)
    shrunk = (1 - a) * covariance + a * np.trace(covariance) / f.shape[1] * np.eye(f.shape[1])
    sizes = np.bincount(y)
    means = np.stack([centred[y == one].mean(axis=0) for one in range(len(sizes))])
    between = (means.T * sizes / len(f)) @ means
    return float(np.trace(np.linalg.lstsq(shrunk, (1 - a) * between, rcond=None)[0]))


def knn_score(vectors: ArrayLike, labels: ArrayLike, k: int = K) -> float:
    """Share of the vectors whose label is told by their k nearest others, by cosine with weight exp(cosine / 0.07).

    >>> knn_score([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], ["a", "a", "b", "b"], k=1)
    1.0
    """
    f = unit(check_matrix("vectors", vectors, min_rows=2).astype(np.float64))
    y = _codes(labels, len(f))
    k = min(int(check_number("k", k, 1, whole=True)), len(f) - 1)
    right = 0
    for start in range(0, len(f), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(f)))
        cosine = f[rows] @ f.T
        cosine[np.arange(len(rows)), rows] = -np.inf
        near = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        at = np.arange(len(rows))[:, None]
        votes = np.zeros((len(rows), y.max() + 1))
        np.add.at(votes, (at, y[near]), np.exp((cosine[at, near] - 1) / TEMPERATURE))
        right += int((votes.argmax(axis=1) == y[rows]).sum())
    return right / len(f)


def _evidence(t: np.ndarray, left: np.ndarray, squares: np.ndarray, shape: tuple[int, ...]) -> float:
    """The largest log evidence of one problem, a sample; by the fixed point of alpha and beta."""
    n, d = shape
    projected = (left.T @ t) ** 2  # t along each axis
    outside = max(float(t @ t - projected.sum()), 0.0)
    alpha, beta = 1.0, 1.0
    for _ in range(STEPS):
        gamma = float((beta * squares / (alpha + beta * squares)).sum())
        weights = float((beta**2 * squares * projected / (alpha + beta * squares) ** 2).sum())
        rest = float((projected * (alpha / (alpha + beta * squares)) ** 2).sum()) + outside
        before = alpha, beta
        alpha = gamma / max(weights, 1e-12)
        beta = (n - gamma) / max(rest, 1e-12)
        if max(abs(np.log(alpha / before[0])), abs(np.log(beta / before[1]))) < TOLERANCE:
            break
    weights = float((beta**2 * squares * projected / (alpha + beta * squares) ** 2).sum())
    rest = float((projected * (alpha / (alpha + beta * squares)) ** 2).sum()) + outside
    # axes outside the span of F have alpha alone in |A|
    determinant = float(np.log(alpha + beta * squares).sum()) + (d - len(squares)) * np.log(alpha)
    total = n * np.log(beta) + d * np.log(alpha) - n * np.log(2 * np.pi) - beta * rest - alpha * weights - determinant
    return float(total / 2 / n)


def _codes(labels: ArrayLike, n: int) -> np.ndarray:
    return np.unique(check_labels("labels", labels, n, min_classes=2), return_inverse=True)[1]
