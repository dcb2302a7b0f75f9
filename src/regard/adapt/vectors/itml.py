"""ITML: a metric in which pairs of one class are near across domains (Saenko, Kulis, Fritz & Darrell, ECCV 2010).

Pairs of a source and a labelled target sample of one class shall be at most u apart, of different classes at least l;
among all metrics that do so the one nearest to the Euclidean is taken, by the LogDet divergence (Davis et al., ICML
2007): Bregman projections onto one constraint after another, with slack. Asymmetric (ARC-t; Kulis, Saenko & Darrell,
CVPR 2011): a linear map of the source to the target, not a metric, by the products s'W t.

What differs: W is learnt on the principal axes of both domains, the first `n_components` of them, so that it is small;
u and l are the 5th and 95th percentile of the squared distances of the pairs that are used, half of them similar. For
gamma other than 1 the step is the exact projection, gamma / (gamma + 1) (1/p - 1/xi), and not the printed
1/2 (1/p - gamma/xi), which is no projection for the stated objective. The asymmetric form stays near the identity,
1/2 |W - I|^2, where the paper stays near 0, since 1NN compares mapped source samples with target samples.
"""

import numpy as np
from scipy.optimize import minimize

from ...core.checks import bad, check_number
from ...core.linalg import eigh
from ...core.runtime import numpy_rng, one_blas_thread
from ..classifier import ClassifierLike
from ..contract import Domains, ShallowAdapter
from ..spectrum import spectrum


def logdet(
    pairs: np.ndarray,
    similar: np.ndarray,
    upper: float,
    lower: float,
    gamma: float = 1.0,
    passes: int = 100,
    tolerance: float = 1e-3,
) -> tuple[np.ndarray, np.ndarray, int]:
    """The metric W nearest to I with v'Wv <= upper for similar and >= lower for other differences v, with slack.

    Minimises tr W - log det W + gamma sum_i (x_i / b_i - log(x_i / b_i)), where x_i is what v_i'W v_i is held to and
    b_i is `upper` or `lower`. At the minimum W^-1 = I + sum_i s_i m_i v_i v_i', s_i = 1 for similar pairs and -1 for
    others. Each projection is a rank-one update, O(d^2), that keeps W symmetric and positive definite.

    Args:
        pairs: (n, d) differences, none of them 0.
        similar: (n,) bool.
        upper: above 0.
        lower: above 0.
        gamma: above 0.
        passes: at most so many over all pairs.
        tolerance: end where the multipliers move by less than this share of their size.

    Returns:
        W (d, d), the multipliers m (n,), 0 or more, and the number of passes.
    """
    n, d = pairs.shape
    W, dual, bound = np.eye(d), np.zeros(n), np.where(similar, upper, lower).astype(float)
    sign = np.where(similar, 1.0, -1.0)
    rate = gamma / (gamma + 1)
    done = 0
    for _ in range(passes):
        done += 1
        before = dual.copy()
        for i in range(n):
            Wv = W @ pairs[i]
            p = float(pairs[i] @ Wv)
            alpha = min(dual[i], sign[i] * rate * (1 / p - 1 / bound[i]))
            if alpha == 0:
                continue
            dual[i] -= alpha
            bound[i] = gamma * bound[i] / (gamma + sign[i] * alpha * bound[i])
            beta = sign[i] * alpha / (1 - sign[i] * alpha * p)
            W += beta * np.outer(Wv, Wv)
        size = np.linalg.norm(dual) + np.linalg.norm(before)
        if size == 0 or np.abs(dual - before).sum() < tolerance * size:
            break
    return (W + W.T) / 2, dual, done


def hinges(
    W: np.ndarray, S: np.ndarray, T: np.ndarray, similar: np.ndarray, least: float, most: float, C: float
) -> tuple[float, np.ndarray]:
    """1/2 |W - I|^2 + C sum of squared hinges of s'Wt >= least (similar rows of S, T) or <= most, and its gradient."""
    sign = np.where(similar, 1.0, -1.0)
    short = np.maximum(np.where(similar, least, -most) - sign * ((S @ W) * T).sum(axis=1), 0)
    away = W - np.eye(len(W))
    value = 0.5 * float((away * away).sum()) + C * float((short * short).sum())
    return value, away - 2 * C * (S * (short * sign)[:, None]).T @ T


def unit(X: np.ndarray) -> np.ndarray:
    """Rows of length 1; rows of 0 stay."""
    return X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-300)


def draw_pairs(
    ys: np.ndarray, yt: np.ndarray, similar: bool, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` pairs (rows of ys, rows of yt) of one class, or of two; all where there are no more.

    Pairs are numbered class by class and numbers are drawn: a table of all pairs would not fit for large domains.
    """
    classes, count = np.unique(ys, return_counts=True)
    width = np.array([(yt == c).sum() if similar else (yt != c).sum() for c in classes])
    ends = np.cumsum(count * width)
    total = int(ends[-1])
    numbers = np.arange(total) if total <= most else np.sort(rng.choice(total, most, replace=False))
    of = np.searchsorted(ends, numbers, side="right")
    s, t = np.empty(len(numbers), int), np.empty(len(numbers), int)
    for k in np.unique(of):
        here = of == k
        row, column = np.divmod(numbers[here] - (ends[k] - count[k] * width[k]), width[k])
        s[here] = np.flatnonzero(ys == classes[k])[row]
        t[here] = np.flatnonzero((yt == classes[k]) == similar)[column]
    return s, t


class ITML(ShallowAdapter):
    """Cross-domain metric learning; needs labelled target samples.

    Time O(passes max_constraints k^2) for k components after the principal axes, memory O(n d + k^2). Several sources
    are one.

    Args:
        n_components: principal axes of both domains, at most, that W is learnt on.
        gamma: above 0; weight of the slack: near 0, the metric is the Euclidean.
        max_constraints: pairs, half of them similar; drawn where there are more.
        passes: at most so many over all pairs.
        tolerance: above 0; ends where the multipliers move by less than this share.
        asymmetric: a map of the source (ARC-t) in place of a metric.
        C: above 0; weight of the constraints in the asymmetric form; near 0, the map is the identity.
        classifier: "1nn" (as in the paper), "linear", "svm" or a scikit-learn classifier.
        random_state: of the pairs.

    Attributes:
        mean_, axes_: (d,) and (d, k), what is taken off the features and the axes they are laid on.
        metric_: (k, k) W on these axes; not symmetric in the asymmetric form.
        bounds_: u and l; in the asymmetric form the least product of similar pairs and the most of others.
        n_passes_: how many passes it took; `passes`: it did not come to an end. Asymmetric: how many iterations.
        objective_: the objective at the identity and after each iteration, in the asymmetric form only.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> X = rng.normal(size=(100, 3)) * [1, 1, 9] + y[:, None] * [4, 0, 0]
    >>> few = np.where(np.arange(100) % 10 == 0, y, None)
    >>> ITML().fit(X, y, X + 1, few).score(X + 1, y) > 0.9
    True
    """

    needs_target_labels = True
    # equal domains are mapped equally by a metric, but not by the asymmetric form
    same_map_if_same = False
    grid = {"gamma": (1.0, 0.1, 10.0)}

    def __init__(
        self,
        n_components: int = 50,
        gamma: float = 1.0,
        max_constraints: int = 1000,
        passes: int = 100,
        tolerance: float = 1e-3,
        asymmetric: bool = False,
        C: float = 1.0,
        classifier: ClassifierLike = "1nn",
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.gamma = gamma
        self.max_constraints = max_constraints
        self.passes = passes
        self.tolerance = tolerance
        self.asymmetric = asymmetric
        self.C = C
        self.classifier = classifier
        self.random_state = random_state

    def _align(self, data: Domains) -> None:
        for name in ("gamma", "tolerance", "C"):
            check_number(name, getattr(self, name), 0, open_low=True)
        for name, least in (("n_components", 1), ("max_constraints", 2), ("passes", 1)):
            check_number(name, getattr(self, name), least, whole=True)
        both = spectrum(np.concatenate([data.Xs, data.Xt]))
        if not len(both.variances):
            raise bad("Xs and Xt", "samples that are all equal", "samples that differ")
        self.mean_ = both.mean
        # a total variance of 1, so that `C` means the same in any unit; LogDet and `gamma` do not ask for it
        self.axes_ = both.axes[:, : int(self.n_components)] / np.sqrt(both.variances.sum())
        rng, half = numpy_rng(self.random_state, "itml"), int(self.max_constraints) // 2
        drawn = [draw_pairs(data.ys, data.yt, same, half, rng) for same in (True, False)]
        similar = np.repeat([True, False], [len(s) for s, _ in drawn])
        rows, columns = (np.concatenate(part) for part in zip(*drawn))
        S, T = (data.Xs[rows] - self.mean_) @ self.axes_, (data.Xt[data.known[columns]] - self.mean_) @ self.axes_
        self.__dict__.pop("objective_", None)
        if self.asymmetric:
            self._learn_map(unit(S), unit(T), similar)
        else:
            self._learn_metric(S - T, similar)

    def _learn_metric(self, V: np.ndarray, similar: np.ndarray) -> None:
        lengths = (V * V).sum(axis=1)
        apart = lengths > 1e-12  # no metric tells equal samples apart
        V, similar, lengths = V[apart], similar[apart], lengths[apart]
        u, l = np.percentile(lengths, [5, 95]).tolist() if len(V) else (1.0, 1.0)  # noqa: E741
        self.bounds_ = (u, l)
        with one_blas_thread():
            self.metric_, _, self.n_passes_ = logdet(
                V, similar, u, l, float(self.gamma), int(self.passes), float(self.tolerance)
            )
        values, vectors = eigh(self.metric_)
        self._source = self._target = self.axes_ @ (vectors * np.sqrt(np.maximum(values, 0)))

    def _learn_map(self, S: np.ndarray, T: np.ndarray, similar: np.ndarray) -> None:
        most, least = np.percentile((S * T).sum(axis=1), [5, 95]).tolist()
        self.bounds_ = (least, most)
        k = S.shape[1]

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = hinges(flat.reshape(k, k), S, T, similar, least, most, float(self.C))
            return value, slope.ravel()

        start = np.eye(k).ravel()
        self.objective_ = [loss(start)[0]]
        with one_blas_thread(float(len(S)) * k * k):
            found = minimize(
                loss,
                start,
                jac=True,
                method="L-BFGS-B",
                callback=lambda intermediate_result: self.objective_.append(float(intermediate_result.fun)),
                options={"maxiter": 300},
            )
        self.metric_, self.n_passes_ = found.x.reshape(k, k), int(found.nit)
        self._source, self._target = self.axes_ @ self.metric_, self.axes_

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        Z = (X - self.mean_) @ (self._target if domain == "target" else self._source)
        return unit(Z) if self.asymmetric else Z


Method = ITML
