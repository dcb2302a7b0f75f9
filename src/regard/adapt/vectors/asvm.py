"""A-SVM: learn what the source's machine lacks on the target (Yang, Yan & Hauptmann, ACM Multimedia 2007).

The decision is f(x) = f_src(x) + w'phi(x), and w is as short as the labelled target samples allow: minimise
1/2 |w|^2 + C sum xi_i under y_i (f_src(x_i) + w'phi(x_i)) >= 1 - xi_i. A sample that the source's machine classifies
with a margin of 1 or more has no part in it. With several sources f_src is a weighted sum of a machine for each.

The source's machines are support vector machines with a bias; the paper takes any classifier. Several classes are
learnt one against the rest. Source samples are used for nothing but f_src.
"""

import numpy as np

from ...core.checks import check_choice, check_number
from ...core.runtime import numpy_rng, one_blas_thread
from ..contract import Domains, ShallowAdapter
from ._common import drawn_by_class
from ._svm import (
    Dual,
    Machine,
    by_class,
    check_kernel,
    dual,
    gram,
    machine,
    margin_probabilities,
    read_gamma,
    signs,
    soft_margin,
    start_of,
)


def asvm(K: np.ndarray, y: np.ndarray, of_source: np.ndarray, C: float) -> Dual:
    """Solve max sum (1 - y_i f_i) a_i - 1/2 sum a_i a_j y_i y_j K_ij, 0 <= a <= C.

    K is the Gram matrix (n, n) of the target samples, y their signs (n,), of_source the source's margins f (n,).
    """
    return dual(K, y, 1 - y * of_source, C)


class ASVM(ShallowAdapter):
    """Adaptive support vector machine: the source's machine plus the smallest correction that the target asks for.

    The Gram matrices of each source and of the labelled target are formed: O(n^2) memory, O(n^2 d) time and more for
    the machines. Above `max_samples` a draw of each is used, so that memory stays below 4 max_samples^2 numbers.
    Target samples without a label are not used. Source samples, too, are predicted by the adapted machine.

    Args:
        C: above 0; the cost of a target sample that is not fitted. Near 0 the machine is the source's.
        source_C: above 0; the cost in the source's machines.
        kernel: "rbf" or "linear". The correction has no bias: with "linear" it cannot move a threshold.
        gamma: width of the Gaussian kernel, above 0; "scale" is 1 over the total variance of the source samples.
        source_weights: of named sources: "uniform", or "accuracy" on the labelled target samples.
        max_samples: from each source, and of labelled target samples, at most; classes are thinned alike.
        random_state: of that draw.

    Attributes:
        machine_: the adapted machine.
        source_machine_: the weighted sum of the sources' machines.
        source_weights_: (sources,) their weights, in the order of `sources_`; for a class that only some of the
            sources have, these alone count.
        dual_: (labelled target samples, machines) the solutions a.
        gamma_: the width used.
        objective_: the minimised dual objective, summed over the machines, over the steps.
        residual_: the largest relative duality gap.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["a", "b"], 50)
    >>> X = rng.normal(size=(100, 2)) + (y == "b")[:, None] * [4, 0]
    >>> Xt, few = X + [3, 0], np.where(np.arange(100) % 10 == 0, y, None)
    >>> ASVM().fit(X, y, Xt, few).score(Xt, y) > 0.85
    True
    """

    needs_target_labels = True
    grid = {"C": (10.0, 1.0, 0.1, 100.0)}

    def __init__(
        self,
        C: float = 10.0,
        source_C: float = 1.0,
        kernel: str = "rbf",
        gamma: float | str = "scale",
        source_weights: str = "uniform",
        max_samples: int = 2000,
        random_state: int = 0,
    ) -> None:
        self.C = C
        self.source_C = source_C
        self.kernel = kernel
        self.gamma = gamma
        self.source_weights = source_weights
        self.max_samples = max_samples
        self.random_state = random_state

    def _learn(self, data: Domains) -> None:
        check_number("C", self.C, 0, open_low=True)
        check_number("source_C", self.source_C, 0, open_low=True)
        check_kernel(self.kernel)
        check_choice("source_weights", self.source_weights, ["uniform", "accuracy"])
        check_number("max_samples", self.max_samples, 2, whole=True)
        self.gamma_ = read_gamma(self.gamma, data.Xs)
        rng = numpy_rng(self.random_state, "asvm")
        kept = drawn_by_class(data.yt, self.max_samples, rng)
        self._start = start_of(np.concatenate([data.Xs, data.Xt]), self.kernel)
        given, y = data.Xt[data.known[kept]], signs(data.yt[kept], len(self.classes_))
        self.source_machine_ = self._of_sources(data, given, data.yt[kept], rng)
        X = given - self._start
        K, of_source = gram(X, X, self.kernel, self.gamma_), self.source_machine_.margins(given)
        with one_blas_thread(K.size):
            solved = [asvm(K, y[:, k], of_source[:, k], self.C) for k in range(y.shape[1])]
        self.dual_ = np.stack([one.alpha for one in solved], axis=1)
        self.residual_ = max(one.gap for one in solved)
        longest = max(len(one.objective) for one in solved)
        paths = [one.objective + [one.objective[-1]] * (longest - len(one.objective)) for one in solved]
        self.objective_ = np.sum(paths, axis=0).tolist()
        added = machine(X, self.dual_ * y, np.zeros(y.shape[1]), self.kernel, self.gamma_, self._start)
        self.machine_ = _sum([self.source_machine_, added], np.ones((2, y.shape[1])))

    def _of_sources(self, data: Domains, X: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> Machine:
        """The weighted sum of a machine for each source; target samples X and their classes weigh the sources."""
        found, both, right = [], [], []
        for k in range(len(data.sources)):
            rows = np.flatnonzero(data.origin == k)
            rows = rows[drawn_by_class(data.ys[rows], self.max_samples, rng)]
            Xk, y = data.Xs[rows] - self._start, signs(data.ys[rows], len(self.classes_))
            K, cost = gram(Xk, Xk, self.kernel, self.gamma_), np.full(len(rows), float(self.source_C))
            coef, bias = zip(*(soft_margin(K, sign, cost) for sign in y.T))
            found.append(machine(Xk, np.stack(coef, axis=1), np.array(bias), self.kernel, self.gamma_, self._start))
            both.append(y.min(axis=0) != y.max(axis=0))
            right.append(float((by_class(found[-1].margins(X)).argmax(axis=1) == codes).mean()))
        weights = np.array(right) if self.source_weights == "accuracy" and any(right) else np.ones(len(found))
        self.source_weights_ = weights / weights.sum()
        # a source without the class knows nothing of it, unless none of them has it
        has = np.array(both) & (weights[:, None] > 0)
        shares = np.where(has.any(axis=0), has, True) * self.source_weights_[:, None]
        return _sum(found, shares / shares.sum(axis=0))

    def _proba(self, X: np.ndarray, domain: str) -> np.ndarray:
        return margin_probabilities(self.machine_.margins(X))


def _sum(machines: list[Machine], weights: np.ndarray) -> Machine:
    """The sum of machines, each machine's outputs times its row of weights (number of machines, outputs)."""
    coef = np.concatenate([one.coef * w for one, w in zip(machines, weights)])
    bias = np.sum([one.bias * w for one, w in zip(machines, weights)], axis=0)
    first, vectors = machines[0], np.concatenate([one.vectors for one in machines])
    return Machine(vectors, coef, bias, first.kernel, first.gamma, first.start)


Method = ASVM
