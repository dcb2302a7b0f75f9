"""TJM: TCA with source samples that may be dropped (Long, Wang, Ding, Sun & Yu, CVPR 2014, eq. 9-11).

Minimise tr(A'K M K A) + lambda (||A_s||_2,1 + ||A_t||_F^2) under A'K H K A = I: the rows of A that belong to source
samples are pulled to 0 as wholes, so that samples unlike the target have no part. It alternates between the pencil of
TCA with a diagonal penalty and that diagonal, G_ii = 1 / (2 ||a_i||) for source rows and 1 for target rows; each turn
lowers the objective. All pencils but the last are solved as far as one pass from the one before takes them.
"""

import numpy as np

from ...core.checks import check_number
from ..classifier import ClassifierLike
from ..contract import Domains, ShallowAdapter
from ._components import check_components, discrepancy, finish, marginal, need_components, scaled, space
from ._pencil import leading


def objective(A: np.ndarray, V: np.ndarray, ns: int, lam: float) -> float:
    """tr(A'V'VA) + lambda (sum of lengths of the source rows + squared lengths of the target rows) (eq. 9)."""
    lengths = np.linalg.norm(A, axis=1)
    return float(((V @ A) ** 2).sum() + lam * (lengths[:ns].sum() + (lengths[ns:] ** 2).sum()))


class TJM(ShallowAdapter):
    """Transfer joint matching. Time `rounds` times that of TCA; memory O(n d) (linear), O(n^2) ("rbf").

    Above `max_samples` rows, "rbf" runs on Nystroem features, with coefficients of samples all the same.

    Args:
        n_components: k, at least 1.
        lam: above 0; the penalty on A.
        rounds: at least 1; how often the weights are found anew.
        kernel: "linear" or "rbf".
        gamma: of the Gaussian kernel, above 0; None: 1 / the median squared distance.
        normalize: scale input rows and component rows to length 1.
        scaling: as in TCA.
        max_samples: above so many rows of both domains "rbf" is approximated.
        classifier: "1nn", "linear", "svm" or a scikit-learn classifier.
        random_state: of the landmarks.

    Attributes:
        objective_: the objective after every turn; it never rises.
        row_norms_: (ns,) lengths of the source rows of A, in the order of the sorted samples: near 0 is dropped.
        residual_: the largest relative residual of the last pencil.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 40)
    >>> X = rng.normal(size=(80, 5)) + y[:, None] * [4, 0, 0, 0, 0]
    >>> Xt = X + [0, 6, 0, 0, 0]
    >>> TJM(n_components=3, normalize=False).fit(X, y, Xt).score(Xt, y) > 0.9
    True
    """

    admits_regression = True
    grid = {"n_components": (20, 10, 50), "lam": (1.0, 0.1)}

    def __init__(
        self,
        n_components: int = 20,
        lam: float = 1.0,
        rounds: int = 10,
        kernel: str = "linear",
        gamma: float | None = None,
        normalize: bool = True,
        scaling: str = "unit",
        max_samples: int = 8000,
        classifier: ClassifierLike = "1nn",
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.lam = lam
        self.rounds = rounds
        self.kernel = kernel
        self.gamma = gamma
        self.normalize = normalize
        self.scaling = scaling
        self.max_samples = max_samples
        self.classifier = classifier
        self.random_state = random_state

    def _align(self, data: Domains) -> None:
        check_number("lam", self.lam, 0, open_low=True)
        check_number("rounds", self.rounds, 1, whole=True)
        self.space_ = space(data, self.kernel, self.gamma, self.normalize, False, self.max_samples, self.random_state)
        k, ns = check_components(self.n_components, self.space_.size), len(data.Xs)
        V = discrepancy(self.space_, [marginal(ns, len(data.Xt))])
        product, G = self.space_.scatter(), np.ones(self.space_.size)
        start: np.ndarray | None = None
        self.objective_: list[float] = []
        for turn in range(self.rounds):
            # before the last turn a step that lowers the objective is enough
            phi, A, self.residual_ = leading(product, self.lam * G, V, k, start, exact=turn == self.rounds - 1)
            need_components(len(phi))
            self.objective_.append(objective(A, V, ns, self.lam))
            self.row_norms_ = np.linalg.norm(A[:ns], axis=1)
            # a row of exactly 0 would never come back, and 1/0 is no number
            G[:ns] = 1 / (2 * np.maximum(self.row_norms_, 1e-8 * max(float(self.row_norms_.max()), 1e-300)))
            start = A
        self.components_ = A
        self.weights_ = self.space_.weights(scaled(A, self.scaling))

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        return finish(self.space_.enter(X, self.weights_), self.normalize)


Method = TJM
