"""Optimal transport: move the source onto the target as cheaply as can be (Courty, Flamary, Tuia & Rakotomamonjy 2017).

A plan G says how much of each source sample goes to each target sample, at the squared distance as cost; a source
sample moves to the mean of where it goes. TPAMI 39, eq. 6-19. The plan may be exact, or held back: by its entropy, by
keeping the classes of the source apart (group lasso, l_p l_1), or by keeping neighbours together (Laplacian).

Known target labels forbid moves between different classes. Costs are divided by their median, so that `reg` and `eta`
mean the same for any features. Source samples that were not in the plan move as the nearest one that was.

What differs at the defaults, which were chosen on pictures in other styles (docs/adapt/transport.md): costs are those
of vectors of length 1, `reg` is smaller, and the plan gives every target sample a label (the class that most of its
mass comes from: Redko, Courty, Flamary & Tuia 2019, AISTATS), which spreads along the target's neighbours
(`_spreading`) and teaches the classifier beside the moved source. The published form: `normalize=False, reg=0.05,
spread=0`.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import pairwise_distances_argmin
from sklearn.metrics.pairwise import euclidean_distances

from ...core.checks import bad, check_choice, check_number
from ...core.runtime import numpy_rng
from ...metrics.knn import unit
from ..classifier import ClassifierLike
from ..contract import Domains, ShallowAdapter
from ..shift.priors import class_weights
from ..transport_plans import exact, group_lasso, laplacian, lp_l1, sinkhorn
from ._common import drawn_by_class, origin
from ._spreading import spread

KINDS = ("group_lasso", "none", "entropic", "lpl1", "laplace")
_FORBIDDEN = 10.0  # times the largest cost, for a move between known classes that differ
COST = ("median", "max", "none")
_ALIKE = (
    0.25  # lengths that vary by less, relative to their mean, say little: .08 to .23 for networks' and SURF vectors
)


def moved(plan: np.ndarray, Xt: np.ndarray) -> np.ndarray:
    """Where each source sample goes: the mean of the target weighted by its row of the plan (eq. 13)."""
    return plan @ Xt / np.maximum(plan.sum(axis=1, keepdims=True), 1e-300)


def plan_labels(plan: np.ndarray, codes: np.ndarray, classes: int) -> np.ndarray:
    """What the plan says of each target sample (nt, K): the share of its mass that comes from each class."""
    mass = plan.T @ np.eye(classes)[codes]
    return mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-300)


def one_length(X: np.ndarray) -> bool:
    """Whether rows X (n, d) have about one length, so that their direction says what they are."""
    lengths = np.linalg.norm(X, axis=1)
    return bool(lengths.std() < _ALIKE * lengths.mean())


class Transport(ShallowAdapter):
    """Optimal transport of the source; the target stays. Time and memory O(ns nt) a round, O(n^3) at worst for "none".

    Above `max_samples` in a domain the plan is that of a draw (of the source by classes), so that memory stays below
    about 4 max_samples^2 numbers; the other source samples move as the nearest one drawn.

    Args:
        regularization: "group_lasso" (few classes go to one target sample), "none" (exact), "entropic", "lpl1"
            (alike, not convex) or "laplace" (neighbours stay neighbours).
        reg: above 0; weight of the entropy, against costs of median 1 (not for "none" and "laplace"); 0.05 in earlier
            versions.
        eta: 0 or more; weight of the class or Laplacian term.
        alpha: 0 to 1; share of the target's neighbourhoods in "laplace".
        neighbours: of each sample where labels spread, and in "laplace".
        rounds: at most, of "group_lasso" and "lpl1".
        cost: what squared distances are divided by: "median", "max" or "none".
        normalize: costs are between vectors scaled to length 1, taken from their mean first where they lie far from
            0; None: where each domain's lengths are alike (vary by less than a quarter of their mean), as those of
            networks' vectors are; in two or three dimensions they are not, and hold what matters.
        spread: 0 to 0.99; how much of a target sample's label comes from its neighbours. The plan's labels, spread,
            teach the classifier beside the moved source; 0: the moved source alone teaches, as published.
        class_shares: the target's class shares (K,) in the order of `classes_`, by which source classes carry mass;
            "estimated" from a classifier (see `regard.adapt.shift.priors.class_weights`); None: as in the source.
        max_samples: of each domain in the plan.
        classifier: "1nn" (as in the paper, and the sharpest on what was moved), "linear", "svm" or a scikit-learn
            classifier. Target samples that `fit` saw get their spread label under any that fits what it learned.
        random_state: of the draw.

    Attributes:
        plan_: (samples, samples) of the sorted (and drawn) rows; `source_rows_` and `target_rows_` say which.
        labels_: (samples, K) of the target samples in the plan: their spread labels; None where nothing was spread.
        displacement_: (samples, d) of the source samples in the plan.
        objective_: "group_lasso" and "lpl1": over the rounds.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 40)
    >>> X = rng.normal(size=(80, 2)) * 0.3 + y[:, None] * [2, 0]
    >>> Xt = X @ [[0.8, 0.6], [-0.6, 0.8]] + 1
    >>> Transport().fit(X, y, Xt).score(Xt, y) > 0.9
    True
    """

    keeps_features = True
    grid = {"regularization": ("group_lasso", "entropic"), "reg": (0.02, 0.05), "spread": (0.9, 0.0)}

    def __init__(
        self,
        regularization: str = "group_lasso",
        reg: float = 0.02,
        eta: float = 0.1,
        alpha: float = 0.5,
        neighbours: int = 8,
        rounds: int = 10,
        cost: str = "median",
        normalize: bool | None = None,
        spread: float = 0.9,
        class_shares: ArrayLike | None = None,
        max_samples: int = 5000,
        classifier: ClassifierLike = "1nn",
        random_state: int = 0,
    ) -> None:
        self.regularization = regularization
        self.reg = reg
        self.eta = eta
        self.alpha = alpha
        self.neighbours = neighbours
        self.rounds = rounds
        self.cost = cost
        self.normalize = normalize
        self.spread = spread
        self.class_shares = class_shares
        self.max_samples = max_samples
        self.classifier = classifier
        self.random_state = random_state

    def _learn(self, data: Domains) -> None:
        self._align(data)
        self._classify(data if self.labels_ is None else self._told(data))

    def _align(self, data: Domains) -> None:
        self._check()
        codes = data.ys
        rng = numpy_rng(self.random_state, "transport")
        s, t = drawn_by_class(codes, self.max_samples, rng), np.arange(len(data.Xt))
        if len(t) > self.max_samples:
            t = np.sort(rng.choice(len(t), self.max_samples, replace=False))
        # distances are taken from here: far from the origin their digits would be lost
        self._centre = np.concatenate([data.Xs, data.Xt]).mean(axis=0)
        self.source_rows_, self.target_rows_, self._drawn, self.labels_ = data.Xs[s], data.Xt[t], t, None
        self._codes = codes[s]
        a, b = self._masses(data, codes)[s], np.full(len(t), 1 / len(t))
        self.__dict__.pop("objective_", None)
        if np.array_equal(data.Xs, data.Xt):  # equal domains: an entropic plan would blur what is in place already
            self.plan_, self.displacement_ = np.diag(a), np.zeros_like(self.source_rows_)
            return
        A, B = self._compared(data, s, t)
        labels = np.full(len(data.Xt), -1)
        labels[data.known] = data.yt
        self.plan_ = self._plan(self._costs(A, B, labels[t]), a / a.sum(), b)
        self.displacement_ = moved(self.plan_, self.target_rows_) - self.source_rows_
        if self.spread:
            held = plan_labels(self.plan_, self._codes, len(self.classes_))
            known = labels[t] >= 0
            held[known] = np.eye(len(self.classes_))[labels[t][known]]
            self.labels_ = spread(B, held, self.spread, self.neighbours)

    def _told(self, data: Domains) -> Domains:
        """The domains with the spread labels as known ones; labels that were known stay."""
        assert self.labels_ is not None
        labels = np.full(len(data.Xt), -1)
        labels[self._drawn] = self.labels_.argmax(axis=1)
        labels[data.known] = data.yt
        known = np.flatnonzero(labels >= 0)
        return replace(data, known=known, yt=labels[known])

    def _check(self) -> None:
        check_choice("regularization", self.regularization, KINDS)
        check_choice("cost", self.cost, COST)
        check_number("reg", self.reg, 0, open_low=True)
        check_number("eta", self.eta, 0)
        check_number("alpha", self.alpha, 0, 1)
        check_number("neighbours", self.neighbours, 1, whole=True)
        check_number("rounds", self.rounds, 1, whole=True)
        check_number("max_samples", self.max_samples, 2, whole=True)
        check_number("spread", self.spread, 0, 0.99)
        if self.normalize is not None and not isinstance(self.normalize, bool | np.bool_):
            raise bad("normalize", repr(self.normalize), "True, False, or None for where lengths are about one")

    def _masses(self, data: Domains, codes: np.ndarray) -> np.ndarray:
        """The mass (ns,) of each source sample."""
        if self.class_shares is None:
            return np.full(len(codes), 1 / len(codes))
        counts = np.bincount(codes, minlength=len(self.classes_))
        if isinstance(self.class_shares, str):
            check_choice("class_shares", self.class_shares, ("estimated",))
            shares = np.zeros(len(counts))
            shares[counts > 0] = class_weights(data.Xs, codes, data.Xt)[1]
        else:
            shares = np.asarray(self.class_shares, float)
            if shares.shape != counts.shape or (shares < 0).any() or not (shares[counts > 0] > 0).any():
                raise bad(
                    "class_shares", repr(self.class_shares), f"a share of 0 or more for each of {len(counts)} classes"
                )
        # every class keeps a little, or its samples would move nowhere
        shares = np.maximum(shares / shares.sum(), 1e-4)
        mass = (shares / np.maximum(counts, 1))[codes]
        return mass / mass.sum()

    def _compared(self, data: Domains, s: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows in the plan of both domains as costs and neighbourhoods are between them."""
        start = origin(np.concatenate([data.Xs, data.Xt]))
        A, B = data.Xs[s] - start, data.Xt[t] - start
        if self.normalize or (self.normalize is None and one_length(A) and one_length(B)):
            return unit(A), unit(B)
        return data.Xs[s] - self._centre, data.Xt[t] - self._centre

    def _costs(self, A: np.ndarray, B: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Costs (samples, samples) of moves; `labels` are the target's, -1 where not known."""
        M = euclidean_distances(A, B, squared=True)
        if self.cost != "none":
            scale = float(np.median(M) if self.cost == "median" else M.max()) or float(M.max()) or 1.0
            M /= scale
        # a class that the source does not have may come from anywhere
        labelled = np.flatnonzero(np.isin(labels, self._codes))
        if len(labelled):
            wrong = self._codes[:, None] != labels[labelled]
            M[:, labelled] += wrong * (_FORBIDDEN * max(float(M.max()), 1e-12))
        return M

    def _plan(self, M: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        kind = self.regularization
        if kind == "none":
            return exact(M, a, b)
        if kind == "laplace":
            rows = self.source_rows_ - self._centre, self.target_rows_ - self._centre
            return laplacian(M, a, b, *rows, self.eta, self.alpha, self.neighbours)
        if kind == "entropic" or self.eta == 0:
            return sinkhorn(M, a, b, self.reg)
        solve = group_lasso if kind == "group_lasso" else lp_l1
        plan, self.objective_ = solve(M, a, b, self._codes, self.reg, self.eta, self.rounds)
        return plan

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        if domain == "target":
            return X
        return X + self.displacement_[pairwise_distances_argmin(X - self._centre, self.source_rows_ - self._centre)]


Method = Transport
