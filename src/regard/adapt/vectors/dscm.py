"""DSCM: distances to the class means of every domain (Csurka, Chidlovskii & Perronnin, TASK-CV at ECCV 2014).

Each domain d describes each class c by its mean. A sample belongs to c with the probability that is the sum over the
domains of w_d exp(-1/2 |x - mu_cd|), normalised over the classes: sources that lie apart all have their say, and so
has the target, by its known labels. SaMLDa then takes turns: the target samples of which it is surest join the
target's means with their predicted labels, the source samples that fit worst leave, and a metric is learnt anew.

What differs: distances are divided by their mean over `sharpness`, so that the features' unit does not matter. Who
joins and who leaves is decided anew in each round, more of them each time, where the paper moves one sample of a class
for good; as there, equally many of each class join, since the mean of a class that grew faster would have less noise,
be nearer to everything and grow faster still. With a learnt metric (nearest class mean metric learning, Mensink et
al., TPAMI 2013) distances are squared, as there: |W'(x - mu)|^2. It is learnt by L-BFGS, not by stochastic descent.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.metrics.pairwise import euclidean_distances

from ...core.checks import bad, check_choice, check_number
from ...core.runtime import one_blas_thread
from ..contract import Domains, ShallowAdapter
from ..domains import by_name
from ..spectrum import spectrum

WEIGHTS = ("uniform", "similarity")
CHUNK = 4096  # rows whose distances to all means are held at a time


def class_probabilities(D: np.ndarray, codes: np.ndarray, weights: np.ndarray, classes: int) -> np.ndarray:
    """p(c | x) (n, K) from distances D (n, m) to means of the classes `codes` (m,), which weigh `weights` (m,).

    The sum over the means of c of w exp(-D / 2), divided by that over all means. A class without a mean has 0.
    """
    mass, P = softmax(np.log(weights) - D / 2, axis=1), np.zeros((len(D), classes))
    by_class = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[by_class], return_index=True)
    P[:, present] = np.add.reduceat(mass[:, by_class], starts, axis=1)
    return P


def loss_and_slope(
    W: np.ndarray, X: np.ndarray, y: np.ndarray, means: np.ndarray, codes: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray]:
    """Mean negative log-likelihood of the classes y (n,) under distances |W'(x - mu)|^2, and its gradient (d, k).

    Each class of y has a mean. Sums are taken in the logarithm: far from its own means a sample still has a slope.
    """
    value, slope, MW = 0.0, np.zeros_like(W), means @ W
    for start in range(0, len(X), CHUNK):
        part, truth = X[start : start + CHUNK], y[start : start + CHUNK]
        XW = part @ W
        logits = np.log(weights) - euclidean_distances(XW, MW, squared=True) / 2
        own = np.where(codes == truth[:, None], logits, -np.inf)
        every, right = logsumexp(logits, axis=1, keepdims=True), logsumexp(own, axis=1, keepdims=True)
        value += float((every - right).sum()) / len(X)
        # what a distance counts: the mean's share among those of its class minus its share among all
        E = (np.exp(own - right) - np.exp(logits - every)) / len(X)
        slope += part.T @ (E.sum(axis=1)[:, None] * XW - E @ MW) - means.T @ (E.T @ XW - E.sum(axis=0)[:, None] * MW)
    return value, slope


class DSCM(ShallowAdapter):
    """Domain-specific class means, with SaMLDa. No `classifier` on top.

    Time O(n d m) a round for m means, at most (sources + 1) classes, and the same `max_iter` times with a metric;
    memory O(n (d + classes)). `domain` makes no difference to a prediction.

    Args:
        domain_weights: "uniform", or "similarity": 1 / the distance of a source's mean to the target's.
        target_weight: above 0; of the target's means against all sources together.
        sharpness: above 0; what distances of the mean length count as.
        n_components: columns of the learnt metric, at most; None: Euclidean distances, without a metric.
        rounds: of SaMLDa, 0 or more; 0: source samples and known target labels only.
        join: 0 to 1; the share of the target samples without a label that may have joined in the last round, equally
            many of each class.
        leave: 0 to 1; the share of the source samples of each class that have left in the last round; one stays.
        max_iter: of the metric's optimiser, in each round.

    Attributes:
        means_: (m, d) and `codes_`, `weights_` (m,): the means, their classes and what they weigh.
        metric_: (d, k) W, or None.
        scale_: what distances are divided by.
        joined_, left_: how many target samples have joined and how many source samples have left in each round.
        losses_: negative log-likelihood before and after the metric was learnt, each time; empty without a metric.
        n_iter_: iterations of the metric's optimiser, all rounds together, at least 1.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> X = rng.normal(size=(100, 2)) + y[:, None] * [4, 0]
    >>> DSCM().fit(X, y, X + [1, 3]).score(X + [1, 3], y) > 0.9
    True
    """

    grid = {"domain_weights": ("uniform", "similarity"), "rounds": (5, 0)}

    def __init__(
        self,
        domain_weights: str = "uniform",
        target_weight: float = 1.0,
        sharpness: float = 10.0,
        n_components: int | None = None,
        rounds: int = 5,
        join: float = 0.5,
        leave: float = 0.1,
        max_iter: int = 50,
    ) -> None:
        self.domain_weights = domain_weights
        self.target_weight = target_weight
        self.sharpness = sharpness
        self.n_components = n_components
        self.rounds = rounds
        self.join = join
        self.leave = leave
        self.max_iter = max_iter

    def _learn(self, data: Domains) -> None:
        check_choice("domain_weights", self.domain_weights, WEIGHTS)
        check_number("target_weight", self.target_weight, 0, open_low=True)
        check_number("sharpness", self.sharpness, 0, open_low=True)
        check_number("rounds", self.rounds, 0, whole=True)
        check_number("join", self.join, 0, 1)
        check_number("leave", self.leave, 0, 1)
        check_number("max_iter", self.max_iter, 1, whole=True)
        if self.n_components is not None:
            check_number("n_components", self.n_components, 1, whole=True)
        self.metric_: np.ndarray | None = None
        self.joined_: list[int] = []
        self.left_: list[int] = []
        self.losses_: list[tuple[float, float]] = []
        self.n_iter_ = 1
        known = np.full(len(data.Xt), -1)
        known[data.known] = data.yt
        kept = np.ones(len(data.Xs), bool)
        # distances are taken from here: far from the origin their digits would be lost
        self._centre = data.Xs.mean(axis=0)
        self._describe(data, kept, np.full_like(known, -1))
        self.scale_ = self._typical(data) / float(self.sharpness)
        self._describe(data, kept, known)
        self._learn_metric(data, kept, known)
        for turn in range(1, int(self.rounds) + 1):
            part = turn / int(self.rounds)
            guess = surest(by_name(self._proba, data.Xt, np.full(len(data.Xt), "target")), known, part * self.join)
            kept = fitting(by_name(self._proba, data.Xs, np.full(len(data.Xs), "source")), data.ys, part * self.leave)
            self.joined_.append(int(((guess >= 0) & (known < 0)).sum()))
            self.left_.append(int((~kept).sum()))
            self._describe(data, kept, guess)
            self._learn_metric(data, kept, guess)

    def _describe(self, data: Domains, kept: np.ndarray, codes: np.ndarray) -> None:
        """The means of every domain and class, from the source samples kept and the target samples with a class."""
        means, of, weights = [], [], []
        for k in range(len(data.sources)):
            inside = data.origin == k
            near = self._nearness(data, inside)
            for c in np.unique(data.ys[inside]):
                rows = inside & (data.ys == c)
                # several sources share the rule that a class keeps a sample; this one may have lost its last
                means.append(data.Xs[rows & kept if (rows & kept).any() else rows].mean(axis=0))
                of.append(c)
                weights.append(near)
        # all sources together weigh 1 for a class, in the mean over the classes
        w = np.array(weights) / (np.sum(weights) / len(np.unique(of)))
        of_target = np.unique(codes[codes >= 0])
        means += [data.Xt[codes == c].mean(axis=0) for c in of_target]
        self.means_, self.codes_ = np.stack(means), np.array([*of, *of_target])
        self.weights_ = np.concatenate([w, np.full(len(of_target), float(self.target_weight))])

    def _nearness(self, data: Domains, inside: np.ndarray) -> float:
        if self.domain_weights == "uniform":
            return 1.0
        centre = data.Xt.mean(axis=0)
        apart = float(np.linalg.norm(data.Xs[inside].mean(axis=0) - centre))
        # a source that lies on the target must not silence the others altogether
        return 1 / max(apart, 1e-3 * float(np.linalg.norm(data.Xs - centre, axis=1).mean()), 1e-300)

    def _typical(self, data: Domains) -> float:
        # rows come in an order without meaning, so that the first are a fair sample
        part = data.Xs[:CHUNK]
        mean = float(euclidean_distances(part - self._centre, self.means_ - self._centre).mean())
        if not mean > 1e-12 * float(np.abs(part).max()):
            raise bad("Xs", "samples that are all equal", "samples that differ from their class means")
        return mean

    def _learn_metric(self, data: Domains, kept: np.ndarray, codes: np.ndarray) -> None:
        if self.n_components is None:
            return
        X = np.concatenate([data.Xs[kept], data.Xt[codes >= 0]]) - self._centre
        y = np.concatenate([data.ys[kept], codes[codes >= 0]])
        start = self.metric_
        if start is None:
            # there squared distances of the mean length count as `sharpness` too
            start = spectrum(X).axes[:, : int(self.n_components)] / (self.scale_ * np.sqrt(self.sharpness))
        shape, means = start.shape, self.means_ - self._centre

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            f, G = loss_and_slope(flat.reshape(shape), X, y, means, self.codes_, self.weights_)
            return f, G.ravel()

        with one_blas_thread(float(X.size) * shape[1]):
            found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": int(self.max_iter)})
        self.losses_.append((loss(start.ravel())[0], float(found.fun)))
        self.n_iter_ += int(found.nit)
        self.metric_ = found.x.reshape(shape)

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        return X if self.metric_ is None else (X - self._centre) @ self.metric_

    def _proba(self, X: np.ndarray, domain: str) -> np.ndarray:
        if self.metric_ is None:
            D = euclidean_distances(X - self._centre, self.means_ - self._centre) / self.scale_
        else:
            Z, means = self._map(X, domain), self._map(self.means_, domain)
            D = euclidean_distances(Z, means, squared=True)
        return class_probabilities(D, self.codes_, self.weights_, len(self.classes_))


def surest(P: np.ndarray, known: np.ndarray, share: float) -> np.ndarray:
    """Classes (n,) of the known samples and of those of which P (n, K) is surest, equally many of each class; else -1.

    They are `share` of the samples that are not known, fewer where a class is predicted too seldom. Sure is where the
    largest probability is far above the next.
    """
    best, found, free = P.argmax(axis=1), known.copy(), known < 0
    top = np.partition(P, -2, axis=1)
    # 1e-9: a share that is a whole number of samples stays one, whatever its rounding
    gap, most = top[:, -1] - top[:, -2], int(np.ceil(share * free.sum() / P.shape[1] - 1e-9))
    for c in np.unique(best[free]):
        rows = np.flatnonzero((best == c) & free)
        found[rows[np.argsort(-gap[rows], kind="stable")[:most]]] = c
    return found


def fitting(P: np.ndarray, y: np.ndarray, share: float) -> np.ndarray:
    """Which source samples stay: all but that share of each class whose probability of their own class is least."""
    kept, own = np.ones(len(y), bool), P[np.arange(len(y)), y]
    for c in np.unique(y):
        rows = np.flatnonzero(y == c)
        kept[rows[np.argsort(own[rows], kind="stable")[: min(int(share * len(rows) + 1e-9), len(rows) - 1)]]] = False
    return kept


Method = DSCM
