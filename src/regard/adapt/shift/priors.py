"""Class shares of a target without labels, where the classes look alike in both domains and only their shares differ.

EM: Saerens, Latinne & Decaestecker 2002 (Neural Computation 14, eq. 2.6-2.9). BBSE: Lipton, Wang & Smola 2018 (ICML,
eq. 3): the shares solve C q = m, with the confusion matrix C on held-out source samples and the mean prediction m on
the target.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import nnls
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ...core.checks import bad, check_matrix, check_number


def target_shares(P_NK: ArrayLike, source_shares: ArrayLike, rounds: int = 1000, tolerance: float = 1e-9) -> np.ndarray:
    """Shares (K,) of the classes among samples whose probabilities (n, K) came from a classifier of the source (EM).

    q <- mean over samples of p(k | x) q_k / s_k, normalised for each sample; the likelihood never falls. The
    probabilities must be calibrated; over-confident ones give extreme shares.

    >>> P = np.array([[0.9, 0.1]] * 3 + [[0.1, 0.9]])
    >>> target_shares(P, [0.5, 0.5]).round(2)
    array([0.81, 0.19])
    """
    P, s = check_matrix("P_NK", P_NK).astype(float), _shares("source_shares", source_shares)
    if P.shape[1] != len(s):
        raise bad("source_shares", f"{len(s)} shares", f"one for each of the {P.shape[1]} classes")
    q = s.copy()
    for _ in range(int(check_number("rounds", rounds, 1, whole=True))):
        posterior = P * (q / s)
        posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1e-300)
        new = posterior.mean(axis=0)
        done = np.abs(new - q).max() <= tolerance
        q = new
        if done:
            break
    return q


def bbse(confusion_KK: ArrayLike, predicted_shares: ArrayLike) -> np.ndarray:
    """Shares (K,) of the classes in the target by black-box shift estimation.

    confusion[i, k] is p(predicted i | true k) on held-out source samples (columns sum to 1), predicted_shares[i] the
    share of the target predicted as i. Least squares under q >= 0, then normalised.

    >>> bbse([[0.8, 0.1], [0.2, 0.9]], [0.31, 0.69]).round(3)
    array([0.3, 0.7])
    """
    C, m = check_matrix("confusion_KK", confusion_KK).astype(float), np.asarray(predicted_shares, float)
    if C.shape != (len(m), len(m)):
        raise bad("confusion_KK", f"shape {C.shape}", f"({len(m)}, {len(m)}), as there are {len(m)} shares")
    q = nnls(np.vstack([C, np.ones(len(m))]), np.append(m, 1.0))[0]
    return q / q.sum() if q.sum() > 0 else np.full(len(m), 1 / len(m))


def rebalanced(P_NK: ArrayLike, source_shares: ArrayLike, shares: ArrayLike) -> np.ndarray:
    """Probabilities (n, K) for other class shares: p(k | x) q_k / s_k, rows normalised (Saerens et al., eq. 2.4)."""
    P, s, q = check_matrix("P_NK", P_NK), _shares("source_shares", source_shares), np.asarray(shares, float)
    moved = P * (q / s)
    return moved / np.maximum(moved.sum(axis=1, keepdims=True), 1e-300)


def class_weights(
    Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray, estimate: str = "bbse", folds: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (ns,) target share / source share of each sample's class, and the target's shares (K,).

    The shares come from a logistic regression: its predictions on held-out folds of the source against those on the
    target, by black-box shift estimation ("bbse") or by EM on its probabilities ("em").

    Raises:
        InputError: a class with a single source sample, which cannot be held out.
    """
    classes, codes, counts = np.unique(ys, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise bad("Xs", "a class with 1 sample", "at least 2 samples of each class to estimate the target's shares")
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    held = np.zeros((len(codes), len(classes)))
    for fit, check in StratifiedKFold(min(folds, int(counts.min()))).split(Xs, codes):
        held[check] = model.fit(Xs[fit], codes[fit]).predict_proba(Xs[check])
    P, source = model.fit(Xs, codes).predict_proba(Xt), counts / counts.sum()
    if estimate == "em":
        shares = target_shares(P, source)
    else:
        truth, K = np.eye(len(classes))[codes], len(classes)
        confusion = np.eye(K)[held.argmax(axis=1)].T @ truth / counts
        shares = bbse(confusion, np.bincount(P.argmax(axis=1), minlength=K) / len(P))
    return (shares / source)[codes], shares


def _shares(argument: str, shares: ArrayLike) -> np.ndarray:
    s = np.asarray(shares, float)
    if s.ndim != 1 or not (s > 0).all() or abs(s.sum() - 1) > 1e-6:
        raise bad(argument, repr(shares), "shares above 0 that sum to 1")
    return s
