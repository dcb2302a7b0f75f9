"""NCM: the class whose mean is nearest (Mensink et al. 2013, TPAMI 35).

Each class is the mean of its vectors; a vector belongs to the class whose mean is nearest. Nothing else is kept.

With `metric="cosine"` vectors are brought to length 1 first, and the mean with the largest cosine is the nearest.
"""

import numpy as np

from ...core.checks import check_choice
from ._common import Learner
from ._moments import Moments

METRICS = ("euclidean", "cosine")


def nearness(X: np.ndarray, means: np.ndarray) -> np.ndarray:
    """-|x - m|^2 (n, K) of vectors X (n, d) to means (K, d).

    >>> nearness(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0], [3.0, 1.0]])).tolist()
    [[-1.0, -9.0]]
    """
    centre = means.mean(axis=0)  # far from the origin the digits of the squares would be lost
    X, means = X - centre, means - centre
    return 2 * X @ means.T - (means**2).sum(axis=1) - (X**2).sum(axis=1, keepdims=True)


def unit(X: np.ndarray) -> np.ndarray:
    """Rows at length 1; a row of zeros stays."""
    length = np.linalg.norm(X, axis=-1, keepdims=True)
    return X / np.where(length > 0, length, 1)


class NCM(Learner):
    """Nearest class mean. Keeps K d numbers; time O(n d) to learn, O(n K d) to predict.

    Args:
        metric: "euclidean"; or "cosine": vectors at length 1, nearest by angle.

    >>> model = NCM().partial_fit([[0.0], [1.0]], ["a", "a"]).partial_fit([[9.0]], ["b"])
    >>> model.predict([[2.0], [6.0]]).tolist()
    ['a', 'b']
    >>> model.forget([[1.0]], ["a"]).counts_.tolist()
    [1, 1]
    """

    def __init__(self, metric: str = "euclidean") -> None:
        self.metric = metric

    def _check(self) -> None:
        check_choice("metric", self.metric, METRICS)

    def _map(self, X: np.ndarray) -> np.ndarray:
        return unit(X) if self.metric == "cosine" else X

    def _solve(self, known: Moments) -> np.ndarray:
        return unit(known.means) if self.metric == "cosine" else known.means

    def _scores(self, model: np.ndarray, Z: np.ndarray) -> np.ndarray:
        return Z @ model.T if self.metric == "cosine" else nearness(Z, model)


Method = NCM
