"""Ridge: regression on one-hot labels, as a joint fit would give it, from statistics that stream.

A column of the labels for each class, which grow as classes come; the class with the largest value is told. It is
scikit-learn's `Ridge` on one-hot labels, to rounding. The penalty is chosen by generalised cross-validation on the
accumulated statistics, anew after each change.
"""

import numpy as np

from ...core.checks import check_number
from . import _ridge
from ._common import Learner
from ._moments import Moments, Scatter


class Ridge(Learner):
    """Ridge regression on the vectors. Keeps d^2 + K d numbers; time O(n d^2), and O(d^3) once after each change.

    Args:
        alpha: above 0, the penalty on the squared weights, as in scikit-learn's `Ridge`; None: of the least
            generalised cross-validation, between 1e-8 and 10 times the Gram matrix's largest eigenvalue.
        fit_intercept: regress about the means.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> X = rng.normal(size=(100, 2)) + y[:, None] * [4, 0]
    >>> model = Ridge().partial_fit(X, y)
    >>> bool((model.predict(X) == y).mean() > 0.9), model.solved_.alpha > 0
    (True, True)
    """

    def __init__(self, alpha: float | None = None, fit_intercept: bool = True) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept

    @property
    def solved_(self) -> _ridge.Ridge:
        """Weights, intercepts, the penalty and how it was chosen."""
        solved: _ridge.Ridge = self._model()
        return solved

    def _check(self) -> None:
        if self.alpha is not None:
            check_number("alpha", self.alpha, 0, open_low=True)

    def _scatter(self) -> Scatter:
        return "pooled"

    def _solve(self, known: Moments) -> _ridge.Ridge:
        return _ridge.solve(known, self.alpha, bool(self.fit_intercept))

    def _scores(self, model: _ridge.Ridge, Z: np.ndarray) -> np.ndarray:
        return Z @ model.coef + model.intercept


Method = Ridge
