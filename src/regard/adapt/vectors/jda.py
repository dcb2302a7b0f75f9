"""JDA: TCA in which the means of each class agree too, by predicted labels (Long et al., ICCV 2013, eq. 8-12).

The discrepancy is the sum over the whole and over the classes of the squared distance of the domains' means in the
space of components. The target's classes are predicted, so it is solved again with the predictions that the last
solution gave, for `rounds` rounds. With no round it is TCA.

Where target labels are known they stand in the place of predictions.
"""

import numpy as np

from ...core.checks import check_number
from ..classifier import ClassifierLike, fit_classifier, probabilities
from ..contract import Domains, ShallowAdapter
from ._components import check_components, discrepancy, finish, marginal, need_components, scaled, space
from ._pencil import leading


def of_classes(ys: np.ndarray, predicted: np.ndarray) -> list[np.ndarray]:
    """For each class with samples on both sides e (ns + nt,): 1/nsc for its source rows, -1/ntc for its target rows."""
    found = []
    for c in np.intersect1d(ys, predicted):
        s, t = ys == c, predicted == c
        found.append(np.concatenate([s / s.sum(), -(t / t.sum())]))
    return found


class JDA(ShallowAdapter):
    """Joint distribution adaptation. Time `rounds` + 1 times that of TCA and of the classifier; memory as TCA.

    Args:
        n_components: k, at least 1.
        lam: above 0; the penalty on A.
        rounds: 0 or more; it ends earlier where the predictions stay the same.
        kernel: "linear" or "rbf".
        gamma: of the Gaussian kernel, above 0; None: 1 / the median squared distance.
        primal: penalise directions in feature space in place of coefficients of samples ("linear" only).
        normalize: scale input rows and component rows to length 1.
        scaling: as in TCA.
        max_samples: above so many rows of both domains "rbf" is approximated.
        classifier: "1nn", "linear", "svm" or a scikit-learn classifier; it makes the predictions, too.
        random_state: of the landmarks.

    Attributes:
        changed_: share of the target's predictions that each round changed.
        residual_: the largest relative residual of the last pencil.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 40)
    >>> X = rng.normal(size=(80, 5)) + y[:, None] * [4, 0, 0, 0, 0]
    >>> Xt = X + [0, 6, 0, 0, 0]
    >>> JDA(n_components=3, normalize=False).fit(X, y, Xt).score(Xt, y) > 0.9
    True
    """

    grid = {"n_components": (100, 20), "lam": (1.0, 0.1)}

    def __init__(
        self,
        n_components: int = 100,
        lam: float = 1.0,
        rounds: int = 10,
        kernel: str = "linear",
        gamma: float | None = None,
        primal: bool = False,
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
        self.primal = primal
        self.normalize = normalize
        self.scaling = scaling
        self.max_samples = max_samples
        self.classifier = classifier
        self.random_state = random_state

    def _align(self, data: Domains) -> None:
        check_number("lam", self.lam, 0, open_low=True)
        check_number("rounds", self.rounds, 0, whole=True)
        self.space_ = space(
            data, self.kernel, self.gamma, self.normalize, self.primal, self.max_samples, self.random_state
        )
        whole, ns = [marginal(len(data.Xs), len(data.Xt))], len(data.Xs)
        self._solve(whole)
        predicted, self.changed_ = np.full(len(data.Xt), -1), list[float]()
        rows = np.concatenate([np.arange(ns), ns + data.known])
        labels = np.concatenate([data.ys, data.yt])
        for _ in range(self.rounds):
            Z = finish(self.space_.times(self._scaled), self.normalize)
            model = fit_classifier(self.classifier, Z[rows], labels)
            before, predicted = predicted, probabilities(model, Z[ns:]).argmax(axis=1)
            # the classes 0 to K-1 as the model numbers them are those that it was shown
            predicted = np.unique(labels)[predicted]
            predicted[data.known] = data.yt
            self.changed_.append(float((predicted != before).mean()))
            if not self.changed_[-1]:
                break
            self._solve(whole + of_classes(data.ys, predicted))

    def _solve(self, vectors: list[np.ndarray]) -> None:
        k = check_components(self.n_components, self.space_.size)
        D = np.full(self.space_.size, float(self.lam))
        phi, A, self.residual_ = leading(self.space_.scatter(), D, discrepancy(self.space_, vectors), k)
        need_components(len(phi))
        self.components_, self._scaled = A, scaled(A, self.scaling)
        self.weights_ = self.space_.weights(self._scaled)

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        return finish(self.space_.enter(X, self.weights_), self.normalize)


Method = JDA
