"""DA-NBNN: the nearest local features of each class, under a metric for each class (Tommasi & Caputo, ICCV 2013).

An image is a bag of local features f and is compared with classes, not with images: D(x, c) is the sum over f of
|f - NN_c(f)|^2 under a metric W_c, with NN_c(f) the nearest of all local features of class c. The smallest D wins; with
W_c = I that is NBNN (Boiman, Shechtman & Irani 2008), and with one feature an image the nearest neighbour. The metrics
are learnt by large margin: an image is to be nearer to its own class than to any other by 1 or more. Then the domains
are swapped step by step: target images whose two smallest distances lie farthest apart join the features of their
predicted class, the source images that fit their class worst leave, and the metrics are learnt anew.

We know the paper from its abstract and the authors' summary, so schedule and regulariser are ours. Distances are
divided by the median gap between own and nearest other class of the images in training, for a margin of 1 that means
the same in any unit. Neighbours are the Euclidean ones, so that the metrics solve a convex problem; while learning, an
image is not its own neighbour. Features are reduced to principal axes.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from scipy.special import softmax

from ...core.checks import bad, check_matrix, check_number
from ...core.runtime import numpy_rng, one_blas_thread
from ..contract import Domains, ShallowAdapter
from ..spectrum import spectrum
from ._common import drawn_by_class, drawn_target
from ._image_to_class import Matches, learn_metrics, match, nearest


def rows_of_bags(bags: Sequence[Any], local: int, seed: int = 0) -> np.ndarray:
    """Rows (n, local p) for `NBNN(local=local)` from n bags (m_i, p) of local features, of any sizes.

    `local` features of a bag are drawn without replacement and keep their order; a smaller bag is repeated in order.
    What is drawn depends on the bag and the seed alone, not on the other bags.

    Raises:
        InputError: no bags, an empty bag, bags of different widths, NaN.

    >>> rows_of_bags([[[0.0, 1.0], [2.0, 3.0]], [[4.0, 5.0]]], local=2).tolist()
    [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 4.0, 5.0]]
    """
    check_number("local", local, 1, whole=True)
    if not len(bags):
        raise bad("bags", "none", "at least 1 bag (m, p)")
    rows: list[np.ndarray] = []
    for i, given in enumerate(bags):
        bag = check_matrix(f"bags[{i}]", given).astype(np.float64)
        if rows and local * bag.shape[1] != len(rows[0]):
            raise bad(f"bags[{i}]", f"{bag.shape[1]} numbers a feature", f"{len(rows[0]) // local}, as in bags[0]")
        kept = np.arange(local) % len(bag)
        if len(bag) > local:
            rng = numpy_rng(seed, "bag", blake2b(bag.tobytes(), digest_size=16).hexdigest())
            kept = np.sort(rng.choice(len(bag), local, replace=False))
        rows.append(bag[kept].ravel())
    return np.stack(rows)


def swap(D_NK: np.ndarray, codes_N: np.ndarray, ns: int, share: float) -> np.ndarray:
    """Labels (n,) of the images that make up the classes next, -1 for the others; the first `ns` are the source.

    Of the target images predicted as a class, that share with the largest gap joins it; of its source images, that
    share with the smallest margin leaves, but not the last one and none where nobody joins. Known labels stay.
    """
    labels, rows = codes_N.copy(), np.arange(len(codes_N))
    two = np.sort(D_NK, axis=1)
    best, gap = D_NK.argmin(axis=1), two[:, 1] - two[:, 0]
    others = D_NK.copy()
    others[rows[codes_N >= 0], codes_N[codes_N >= 0]] = np.inf
    for c in range(D_NK.shape[1]):
        guessed = np.flatnonzero((rows >= ns) & (codes_N < 0) & (best == c))
        joining = guessed[np.argsort(-gap[guessed], kind="stable")[: int(np.ceil(round(share * len(guessed), 9)))]]
        labels[joining] = c
        source = np.flatnonzero((rows < ns) & (codes_N == c))
        margin = others[source].min(axis=1, initial=np.inf) - D_NK[source, c]
        leaving = min(int(round(share * len(source), 9)), len(source) - 1) if len(joining) else 0
        labels[source[np.argsort(margin, kind="stable")[: max(leaving, 0)]]] = -1
    return labels


def typical_gap(D_NK: np.ndarray, y_N: np.ndarray) -> float:
    """Median of |D to the nearest other class - D to the own|; the mean distance where there is no gap."""
    rows, others = np.arange(len(y_N)), D_NK.copy()
    others[rows, y_N] = np.inf
    own, mean = D_NK[rows, y_N], float(D_NK[np.isfinite(D_NK)].mean())
    gaps = np.abs(others.min(axis=1) - own)[np.isfinite(own)]  # not of an image that is alone in its class
    gap = float(np.median(gaps)) if len(gaps) else 0.0
    if not mean > 0:
        raise bad("Xs", "samples that are all equal", "samples that differ")
    return gap if gap > 1e-9 * mean else mean


class NBNN(ShallowAdapter):
    """Domain adaptive naive Bayes nearest neighbour, for bags of local features or one vector an image.

    Cost, with m = `local` features of p numbers (at most n_components), n images in training and K classes: each of
    `rounds` + 1 rounds O((n m)^2 p) for neighbours and O(max_iter K n m p^2) for metrics; a prediction O(m^2 n p).
    Memory O(n m (p + K)), beside the data. `domain` makes no difference to a prediction.

    Args:
        local: how many local features stand in a row, one after another; `rows_of_bags` makes such rows.
        C: 0 or more; cost of margins below 1. With 0 the metrics stay the identity: NBNN.
        rounds: of swapping, 0 or more.
        share: above 0, at most 1; of the target images of each predicted class that have joined in the last round,
            and of the source images that have left. It grows evenly from round to round.
        n_components: principal axes to which local features are reduced where they have more; None: never.
        max_iter: of the metrics, at least 1.
        max_samples: images from the source, and from the target, at most; known target labels are kept first.
        random_state: of that draw.

    Attributes:
        metrics_: (K, p, p) W_c.
        bases_: for each class the local features (B_c, p) that predict.
        objective_: the loss on its way, in the last round; missing with C = 0.
        source_left_: how many source images made up the classes, in the beginning and after each round.
        joined_: the same of target images under a predicted label.
        n_iter_: steps of the metrics in the last round.
        mean_, axes_, scale_: local features are (f - mean) axes / scale; axes is None where none are dropped.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["a", "b"], 30)
    >>> bags = rng.normal(size=(60, 8, 2)) + (y == "b")[:, None, None] * [2, 0]
    >>> Xs, Xt = bags.reshape(60, 16), (bags + [0.5, 1]).reshape(60, 16)
    >>> NBNN(local=8).fit(Xs, y, Xt).score(Xt, y) > 0.9
    True
    """

    grid = {"C": (10.0, 0.0, 1.0), "share": (0.5, 0.9)}

    def __init__(
        self,
        local: int = 1,
        C: float = 10.0,
        rounds: int = 5,
        share: float = 0.5,
        n_components: int | None = 50,
        max_iter: int = 50,
        max_samples: int = 1000,
        random_state: int = 0,
    ) -> None:
        self.local = local
        self.C = C
        self.rounds = rounds
        self.share = share
        self.n_components = n_components
        self.max_iter = max_iter
        self.max_samples = max_samples
        self.random_state = random_state

    def _learn(self, data: Domains) -> None:
        self._check(data.Xs.shape[1])
        classes, rng = len(self.classes_), numpy_rng(self.random_state, "nbnn")
        from_s = drawn_by_class(data.ys, self.max_samples, rng)
        codes_t = np.full(len(data.Xt), -1)
        codes_t[data.known] = data.yt
        from_t = drawn_target(codes_t, self.max_samples, rng)
        codes, ns = np.concatenate([data.ys[from_s], codes_t[from_t]]), len(from_s)
        F = self._reduced(np.concatenate([data.Xs[from_s], data.Xt[from_t]]))
        start, labels = np.tile(np.eye(F.shape[2]), (classes, 1, 1)), codes
        self.source_left_, self.joined_ = [], []
        for turn in range(int(self.rounds) + 1):
            self.source_left_.append(int((labels[:ns] >= 0).sum()))
            self.joined_.append(int(((labels >= 0) & (codes < 0)).sum()))
            found, known = match(F, labels, classes), np.flatnonzero(labels >= 0)
            self.scale_ = np.sqrt(typical_gap(found.of(known).distances(start), labels[known]))
            found = found.divided(self.scale_)
            with one_blas_thread(float(len(known)) * F.shape[1] * F.shape[2] ** 2):
                self.metrics_, path = learn_metrics(found.of(known), labels[known], self.C, self.max_iter)
            if turn < self.rounds:
                labels = swap(found.distances(self.metrics_), codes, ns, self.share * (turn + 1) / self.rounds)
        self.bases_, self.n_iter_ = found.bases, len(path) - 1
        self.__dict__.pop("objective_", None)
        if self.C > 0:
            self.objective_ = path

    def _check(self, d: int) -> None:
        check_number("local", self.local, 1, whole=True)
        check_number("C", self.C, 0)
        check_number("rounds", self.rounds, 0, whole=True)
        check_number("share", self.share, 0, 1, open_low=True)
        check_number("max_iter", self.max_iter, 1, whole=True)
        check_number("max_samples", self.max_samples, 2, whole=True)
        if self.n_components is not None:
            check_number("n_components", self.n_components, 1, whole=True)
        if d % self.local:
            raise bad("local", self.local, f"a number that divides the {d} features of a row")

    def _reduced(self, X: np.ndarray) -> np.ndarray:
        """Learn mean and axes from rows (n, d) and return their local features (n, m, p), not yet scaled."""
        flat = X.reshape(-1, X.shape[1] // self.local)
        self.mean_, self.scale_ = flat.mean(axis=0), 1.0
        self.axes_: np.ndarray | None = None
        if self.n_components is not None and self.n_components < flat.shape[1]:
            axes = spectrum(flat).axes[:, : self.n_components]
            if not axes.shape[1]:
                raise bad("Xs", "samples that are all equal", "samples that differ")
            self.axes_ = axes
        return self._bags(X)

    def _bags(self, X: np.ndarray) -> np.ndarray:
        F = X.reshape(len(X), self.local, -1) - self.mean_
        return (F if self.axes_ is None else F @ self.axes_) / self.scale_

    def _proba(self, X: np.ndarray, domain: str) -> np.ndarray:
        """Softmax of -D, which is in units of the typical gap."""
        F = self._bags(X)
        near = np.stack([nearest(F, base) for base in self.bases_])
        found = Matches(F, self.bases_, near, np.zeros((len(F), len(near)), bool))
        return np.asarray(softmax(-found.distances(self.metrics_), axis=1))


Method = NBNN
