"""RanPAC: ridge regression on random non-linear features (McDonnell et al. 2023, NeurIPS, 2307.02251).

Vectors pass through a random matrix and a ReLU, which makes products of features visible to a linear classifier; on
these one-hot labels are regressed. The Gram matrix and the class sums stream, so that the result is the joint fit.

What differs: 2,000 random features, not 10,000, whose Gram matrix would have 800 MB; columns grow as classes come,
where their number had to be known; the penalty is chosen by generalised cross-validation on all that was accumulated,
not on a fifth of the current task's samples; all sums are in double precision. The adapter that the paper trains on the
first task belongs to methods that move the encoder.
"""

from collections.abc import Mapping

import numpy as np

from ...core.checks import check_number
from ...core.runtime import numpy_rng
from . import _ridge
from ._common import Learner
from ._moments import Moments, Scatter


def projection(d: int, n_components: int, seed: int) -> np.ndarray:
    """Random weights (d, M), standard normal, in single precision, which halves what is kept."""
    return numpy_rng(seed, "ranpac").standard_normal((d, n_components), dtype=np.float32)


def random_features(X: np.ndarray, W: np.ndarray) -> np.ndarray:
    """max(0, X W), (n, M), in double precision, of X (n, d) and W (d, M)."""
    H = X @ W.astype(np.float64)
    return np.maximum(H, 0, out=H)


class RanPAC(Learner):
    """Ridge regression on M random features. Keeps M^2 + (d + K) M numbers: 32 MB for M = 2000, and the projection.

    Time O(n M (d + M)) to learn, and O(M^3) once after each change, to predict: seconds for 2,000 where the penalty is
    chosen, a fraction of one where it is given.

    Args:
        n_components: M, random features.
        alpha: above 0, the penalty on the squared weights; None: of the least generalised cross-validation, between
            1e-8 and 10 times the Gram matrix's largest eigenvalue.
        fit_intercept: regress about the means; False is the published way.
        random_state: of the random matrix.

    >>> y = np.arange(200) % 2
    >>> angle = np.linspace(0, 20, 200)
    >>> X = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (1 + y)[:, None]  # a ring around another
    >>> model = RanPAC(n_components=100).partial_fit(np.hstack([X, np.ones((200, 1))]), y)
    >>> bool((model.predict(np.hstack([X, np.ones((200, 1))])) == y).mean() > 0.9)
    True
    """

    _keeps = ("projection",)

    def __init__(
        self,
        n_components: int = 2000,
        alpha: float | None = None,
        fit_intercept: bool = False,
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.random_state = random_state

    @property
    def solved_(self) -> _ridge.Ridge:
        """Weights, intercepts, the penalty and how it was chosen."""
        solved: _ridge.Ridge = self._model()
        return solved

    def _check(self) -> None:
        check_number("n_components", self.n_components, 1, whole=True)
        check_number("random_state", self.random_state, 0, whole=True)
        if self.alpha is not None:
            check_number("alpha", self.alpha, 0, open_low=True)

    def _begin(self, d: int) -> None:
        super()._begin(d)
        self.projection_ = projection(d, int(self.n_components), int(self.random_state))

    @classmethod
    def _inputs(cls, arrays: Mapping[str, np.ndarray]) -> int:
        return int(arrays["projection"].shape[0])

    def _map(self, X: np.ndarray) -> np.ndarray:
        return random_features(X, self.projection_)

    def _scatter(self) -> Scatter:
        return "pooled"

    def _solve(self, known: Moments) -> _ridge.Ridge:
        return _ridge.solve(known, self.alpha, bool(self.fit_intercept))

    def _scores(self, model: _ridge.Ridge, Z: np.ndarray) -> np.ndarray:
        return Z @ model.coef + model.intercept


Method = RanPAC
