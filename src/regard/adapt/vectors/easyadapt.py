"""EasyAdapt: a common copy of the features and one of each domain's own (Daume, ACL 2007; EA++ 2010).

A source sample becomes (x, x, 0), a target sample (x, 0, x), and one classifier learns from both: weights of the
common block serve both domains, the others correct them for one. With K sources there are 1 + K + 1 blocks.
EA++ (Daume, Kumar & Saha, NIPS 2010) lets unlabelled target samples x pull the hypotheses together: as (0, x, -x),
whose margin is the difference of the source's and the target's, they count once with each label.

What differs: EA++ is written with the logistic loss, which has its minimum where the two hypotheses agree (the
paper's hinge loss is flat for differences up to 1), and with K classes.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from ...core.checks import bad, check_number
from ...core.runtime import one_blas_thread
from ..classifier import ClassifierLike, probabilities
from ..contract import Domains, ShallowAdapter
from ._common import origin


def augmented(X: np.ndarray, block: int | None, blocks: int) -> np.ndarray:
    """Rows (n, d) as (x, 0, .., x, .., 0), (n, (1 + blocks) d): the common copy, then one in the domain's block.

    With no block the common copy stands alone.
    """
    n, d = X.shape
    wide = np.zeros((n, (1 + blocks) * d))
    wide[:, :d] = X
    if block is not None:
        wide[:, (1 + block) * d : (2 + block) * d] = X
    return wide


def co_regularised(
    labelled: list[tuple[np.ndarray, np.ndarray]],
    unlabelled_UD: np.ndarray,
    classes: int,
    weight: float,
    C: float = 1.0,
    tolerance: float = 1e-6,
) -> tuple[np.ndarray, list[float]]:
    """EA++ with the softmax: minimise 1/2 |W|^2 + C (cross-entropies + weight * disagreements).

    Domain j predicts softmax(x (W_0 + W_j)); the last domain is the target. An unlabelled x counts, for each source j,
    as a sample x (W_j - W_target) with every label, 1/classes of each: log sum exp minus the mean of the logits minus
    log(classes), which is 0 only where source and target give x the same probabilities. A convex problem; time
    O((labelled + sources * unlabelled) d classes) an iteration; the augmented rows are never formed.

    Args:
        labelled: rows and classes of each domain, the target last.
        unlabelled_UD: (u, d) target rows; (0, d) for plain EasyAdapt.
        classes: how many.
        weight: of one unlabelled sample against a labelled one; divided by the number of sources.
        C: weight of the losses against the length of W.
        tolerance: largest entry of the gradient at the end, as a share of that at W = 0.

    Returns:
        W (1 + domains, d, classes) and the objective over the iterations.
    """
    d, domains = unlabelled_UD.shape[1], len(labelled)
    truth = [np.eye(classes)[codes] for _, codes in labelled]
    each = weight / (domains - 1)
    # many unlabelled samples make the problem steep in the differences W_j - W_target alone, so these are the
    # unknowns, in units of 1 / sqrt(the curvature that a feature of unit size gives them)
    unit = 1 / np.sqrt(1 + C * each * len(unlabelled_UD) / classes)

    def weights(flat: np.ndarray) -> np.ndarray:
        W = flat.reshape(1 + domains, d, classes).copy()
        W[1:-1] = W[-1] + unit * W[1:-1]
        return W

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        W = weights(flat)
        value, slope = 0.5 * float((W * W).sum()), W.copy()
        for j, ((X, _), T) in enumerate(zip(labelled, truth)):
            logits = X @ (W[0] + W[1 + j])
            total = logsumexp(logits, axis=1, keepdims=True)
            value += C * float(total.sum() - (T * logits).sum())
            step = C * (X.T @ (np.exp(logits - total) - T))
            slope[0] += step
            slope[1 + j] += step
        for j in range(domains - 1 if len(unlabelled_UD) and weight else 0):
            logits = unlabelled_UD @ (W[1 + j] - W[-1])
            total = logsumexp(logits, axis=1, keepdims=True)
            value += C * each * float(total.sum() - logits.mean(axis=1).sum() - len(logits) * np.log(classes))
            step = C * each * (unlabelled_UD.T @ (np.exp(logits - total) - 1 / classes))
            slope[1 + j] += step
            slope[-1] -= step
        slope[-1] += slope[1:-1].sum(axis=0)
        slope[1:-1] *= unit
        return value, slope.ravel()

    start = np.zeros((1 + domains) * d * classes)
    value, slope = loss(start)
    path = [value]
    rows = sum(len(X) for X, _ in labelled) + (domains - 1) * len(unlabelled_UD)
    with one_blas_thread(float(rows) * d * classes):
        found = minimize(
            loss,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=lambda intermediate_result: path.append(float(intermediate_result.fun)),
            options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-13, "gtol": tolerance * float(np.abs(slope).max())},
        )
    return weights(found.x), path


class EasyAdapt(ShallowAdapter):
    """Feature augmentation: dense rows of (2 + sources) d numbers, of the labelled samples only.

    Memory O(n d sources), time that of the classifier. "source", where there are several, maps to the common copy
    alone. Linear classifiers are meant; for others the blocks are features like any. The features stay as they are,
    but for the mean of both domains where they lie far from 0: bring both domains to the same scale first.

    Args:
        unlabelled: let unlabelled target samples pull the source's and the target's hypothesis together (EA++). This
            needs classifier="linear", and is then a softmax regression of its own on standardised features.
        unlabelled_weight: of one unlabelled sample, 0 or more; a labelled one has 1.
        classifier: "svm" (the linear one), "linear", "1nn" or a scikit-learn classifier.

    Attributes:
        weights_: (2 + sources, d + 1, K) with `unlabelled`: the common block, the sources', the target's.
        objective_: with `unlabelled`: the objective over the iterations.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> X = rng.normal(size=(100, 2)) + y[:, None] * [4, 0]
    >>> Xt = rng.normal(size=(100, 2)) + y[:, None] * [2, 4]
    >>> few = np.where(np.arange(100) % 10 == 0, y, None)
    >>> EasyAdapt().fit(X, y, Xt, few).score(Xt, y) > 0.95
    True
    """

    needs_target_labels = True
    same_map_if_same = False
    grid = {"classifier": ("svm", "linear")}

    def __init__(
        self, unlabelled: bool = False, unlabelled_weight: float = 1.0, classifier: ClassifierLike = "svm"
    ) -> None:
        self.unlabelled = unlabelled
        self.unlabelled_weight = unlabelled_weight
        self.classifier = classifier

    def _align(self, data: Domains) -> None:
        self.blocks_ = {name: block for block, name in enumerate((*data.sources, "target"))}
        # far from 0 a block would tell of its domain by its mere length, and of nothing else
        self._origin = origin(np.concatenate([data.Xs, data.Xt]))
        # the very same labelled samples on both sides, as in fit(X, y) without a target: there is one domain
        if len(data.sources) == 1 and np.array_equal(data.Xs, data.Xt) and np.array_equal(data.ys, data.yt):
            self.blocks_[data.sources[0]] = self.blocks_["target"]

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        return augmented(X - self._origin, self.blocks_.get(domain), len(self.blocks_))

    def _learn(self, data: Domains) -> np.ndarray | None:
        check_number("unlabelled_weight", self.unlabelled_weight, 0)
        for learnt in ("weights_", "objective_"):  # of an earlier fit with other settings
            self.__dict__.pop(learnt, None)
        if not self.unlabelled:
            return super()._learn(data)
        if self.classifier != "linear":
            raise bad("classifier", repr(self.classifier), "'linear' with unlabelled=True", "Unlabelled rows need it.")
        self._align(data)
        both = (data.Xs, data.Xt)
        n = len(data.Xs) + len(data.Xt)
        self.mean_ = sum(X.sum(axis=0) for X in both) / n
        scale = np.sqrt(sum(((X - self.mean_) ** 2).sum(axis=0) for X in both) / n)
        # features that do not vary would be divided by the rounding of their mean
        self.scale_ = np.where(scale > 1e-12 * np.abs(self.mean_), scale, np.inf)
        domains = [(data.Xs[data.origin == k], data.ys[data.origin == k]) for k in range(len(data.sources))]
        domains.append((data.Xt[data.known], data.yt))
        rest = np.setdiff1d(np.arange(len(data.Xt)), data.known)
        self.weights_, self.objective_ = co_regularised(
            [(self._standard(X), codes) for X, codes in domains],
            self._standard(data.Xt[rest]),
            len(self.classes_),
            float(self.unlabelled_weight),
        )
        return None

    def _standard(self, X: np.ndarray) -> np.ndarray:
        """Standardised rows with a 1 behind them, so that each block has an intercept."""
        return np.concatenate([(X - self.mean_) / self.scale_, np.ones((len(X), 1))], axis=1)

    def _proba(self, X: np.ndarray, domain: str) -> np.ndarray:
        if not self.unlabelled:
            return probabilities(self.classifier_, self._map(X, domain))
        block = self.blocks_.get(domain)
        W = self.weights_[0] + (0 if block is None else self.weights_[1 + block])
        logits = self._standard(X) @ W
        return np.exp(logits - logsumexp(logits, axis=1, keepdims=True))


Method = EasyAdapt
