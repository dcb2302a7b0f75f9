"""L2-SP: fine-tune a source model, held to where it started (Li, Grandvalet & Davoine, ICML 2018).

A softmax regression is trained on the source and goes on learning on the labelled target samples with the penalty
alpha/2 |W - W_source|^2 in place of weight decay. Here the features stay fixed and W is the classifier alone, so the
problem is convex and its minimum does not depend on how it is reached; the paper fine-tunes a whole network.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from ...core.checks import check_number
from ...core.linalg import svd
from ...core.runtime import one_blas_thread
from ..contract import Domains, ShallowAdapter


def tune(
    X: np.ndarray, codes: np.ndarray, start: np.ndarray, penalty: np.ndarray, tolerance: float = 1e-7
) -> tuple[np.ndarray, list[float]]:
    """Minimise mean cross-entropy + 1/2 sum penalty * (W - start)^2 from W = start, by L-BFGS.

    W - start lies in the span of the rows wherever the penalty of a class is one number above 0, and gradients lie in
    it anyway; so with fewer rows than features the search is among weights of the rows' principal axes, which changes
    nothing. Time O(n d min(n, d)) once, then O(n min(n, d) classes) an iteration.

    Args:
        X: (n, d) rows; a last column of ones is the intercept.
        codes: (n,) classes.
        start: (d, classes) where to begin and where to stay.
        penalty: (classes,), 0 or more.
        tolerance: largest entry of the gradient at the end.

    Returns:
        W (d, classes), and the objective at the start and after each iteration.
    """
    n, d = X.shape
    classes = start.shape[1]
    axes = None
    if n < d:
        _, lengths, rows = svd(X)
        axes = rows[lengths > 1e-12 * max(float(lengths[0]), 1e-300)].T
    Z = X if axes is None else X @ axes
    base, truth = X @ start, np.eye(classes)[codes]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        moved = flat.reshape(Z.shape[1], classes)
        logits = base + Z @ moved
        total = logsumexp(logits, axis=1, keepdims=True)
        value = float(total.sum() - (truth * logits).sum()) / n + 0.5 * float((penalty * moved * moved).sum())
        return value, (Z.T @ ((np.exp(logits - total) - truth) / n) + penalty * moved).ravel()

    zero = np.zeros(Z.shape[1] * classes)
    path = [loss(zero)[0]]
    with one_blas_thread(float(Z.size) * classes):
        found = minimize(
            loss,
            zero,
            jac=True,
            method="L-BFGS-B",
            callback=lambda intermediate_result: path.append(float(intermediate_result.fun)),
            options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-13, "gtol": tolerance},
        )
    moved = found.x.reshape(Z.shape[1], classes)
    return start + (moved if axes is None else axes @ moved), path


class L2SP(ShallowAdapter):
    """Fine-tuning of a softmax regression from few target labels, held to the source's weights.

    Features are standardised by the source's mean and standard deviation (the target's for a feature that does not
    vary in the source). The target samples without a label are not used. Time O(n d classes) an iteration.

    Args:
        alpha: 0 or more; the pull to the source's weights, against the mean loss of the labelled target samples.
            Large: the source's model. 0: the labelled target samples alone decide (and the weights grow until the
            gradient vanishes, where they can be separated).
        beta: 0 or more; weight decay of the classes that the source does not have; None takes alpha.
        source_penalty: above 0; weight decay while training on the source.

    Attributes:
        coef_: (d + 1, K) weights of the standardised features, the intercept last.
        source_coef_: those of the source's model; 0 for classes that only the target has.
        objective_: on the target, from the source's model on.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> X = rng.normal(size=(100, 2)) + y[:, None] * [4, 0]
    >>> Xt = rng.normal(size=(100, 2)) + y[:, None] * [2, 4]
    >>> few = np.where(np.arange(100) % 10 == 0, y, None)
    >>> L2SP().fit(X, y, Xt, few).score(Xt, y), L2SP(alpha=1e6).fit(X, y, Xt, few).score(Xt, y)
    (0.93, 0.65)
    """

    needs_target_labels = True
    grid = {"alpha": (0.001, 0.0001, 0.01, 0.1)}

    def __init__(self, alpha: float = 0.001, beta: float | None = None, source_penalty: float = 0.1) -> None:
        self.alpha = alpha
        self.beta = beta
        self.source_penalty = source_penalty

    def _learn(self, data: Domains) -> None:
        check_number("alpha", self.alpha, 0)
        check_number("source_penalty", self.source_penalty, 0, open_low=True)
        decay = self.alpha if self.beta is None else check_number("beta", self.beta, 0)
        self.mean_, self.scale_ = data.Xs.mean(axis=0), _spread(data.Xs)
        for spread in (_spread(data.Xt), np.ones(len(self.mean_))):
            self.scale_ = np.where(self.scale_ > 0, self.scale_, spread)
        classes = len(self.classes_)
        present = np.unique(data.ys)
        source = np.zeros((len(self.mean_) + 1, classes))
        source[:, present], _ = tune(
            self._standard(data.Xs),
            np.searchsorted(present, data.ys),
            source[:, present],
            np.full(len(present), float(self.source_penalty)),
        )
        self.source_coef_ = source
        penalty = np.where(np.isin(np.arange(classes), present), self.alpha, decay)
        self.coef_, self.objective_ = tune(self._standard(data.Xt[data.known]), data.yt, source, penalty)

    def _standard(self, X: np.ndarray) -> np.ndarray:
        """Rows in the source's standard units, with a 1 behind them."""
        return np.concatenate([(X - self.mean_) / self.scale_, np.ones((len(X), 1))], axis=1)

    def _proba(self, X: np.ndarray, domain: str) -> np.ndarray:
        return softmax(self._standard(X) @ self.coef_, axis=1)


def _spread(X: np.ndarray) -> np.ndarray:
    """Standard deviation of each feature (d,), and 0 where it is only the rounding of the mean."""
    spread: np.ndarray = X.std(axis=0)
    return np.where(spread > 1e-12 * np.abs(X).max(axis=0), spread, 0)


Method = L2SP
