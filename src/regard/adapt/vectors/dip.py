"""DIP: the orthonormal projection in which the domains are most alike (Baktashmotlagh et al. 2013, ICCV).

Minimise the MMD of the projected samples over W with W'W = I: f(W) = s'K s, K_ij = exp(-|W'(x_i - x_j)|^2 / sigma) and
s = (1/ns ..., -1/nt ...). f depends on the subspace alone, so the search is a conjugate gradient on the Grassmann
manifold. DIP-CC (`lam` above 0) adds the scatter of the source's classes, so that they stay compact.

The kernel may be "poly", (1 + x'WW'y)^2, whose MMD compares means and covariances. The step is an Armijo search along
the polar retraction in place of the geodesic; the objective never rises either way.
"""

from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import pdist

from ...core.checks import bad, check_choice, check_number
from ...core.linalg import svd
from ...core.runtime import numpy_rng, one_blas_thread
from ..classifier import ClassifierLike
from ..contract import Domains, ShallowAdapter
from ..spectrum import spectrum

KERNELS = ("rbf", "poly")


def mmd_and_slope(W: np.ndarray, X: np.ndarray, s: np.ndarray, kernel: str, sigma: float) -> tuple[float, np.ndarray]:
    """f(W) = s'Ks and its gradient (d, k) for rows X (n, d) with signs s (n,); O(n^2 k + n d k).

    Gaussian: with P = K * ss' (elementwise) the gradient is -(4 / sigma) X'(diag(P1) - P) X W; poly: with
    C = (1 + Y Y') * ss', Y = XW, it is 4 X'C X W.
    """
    Y = X @ W
    product = Y @ Y.T
    if kernel == "poly":
        base = 1 + product
        f = float(s @ (base * base) @ s)
        return f, 4 * (X.T @ ((base * np.outer(s, s)) @ Y))
    norms = product.diagonal()
    K = np.exp(-np.maximum(norms[:, None] + norms - 2 * product, 0) / sigma)
    P = K * np.outer(s, s)
    return float(P.sum()), -4 / sigma * (X.T @ (P.sum(axis=1)[:, None] * Y - P @ Y))


def project_out(W: np.ndarray, G: np.ndarray) -> np.ndarray:
    """The part of G that changes the subspace of W: (I - WW')G."""
    return G - W @ (W.T @ G)


def retract(W: np.ndarray) -> np.ndarray:
    """The nearest matrix with orthonormal columns: the polar factor."""
    U, _, Vt = svd(W)
    return U @ Vt


Slope = Callable[[np.ndarray], tuple[float, np.ndarray]]  # the value at W (d, k), and its gradient (d, k)


def descend(value_and_slope: Slope, W: np.ndarray, max_iter: int, tolerance: float) -> tuple[np.ndarray, list[float]]:
    """Conjugate gradient (Polak-Ribiere+) on the Grassmann manifold from W (d, k), with an Armijo search."""
    f, G = value_and_slope(W)
    G = project_out(W, G)
    path, direction, step = [f], -G, 1.0 / max(float(np.linalg.norm(G)), 1e-300)
    for _ in range(max_iter):
        size = float((G * G).sum())
        if size <= tolerance**2 * max(abs(f), 1e-12) ** 2:
            break
        slope = float((G * direction).sum())
        if slope >= -1e-12 * size:  # no descent: begin again with the gradient
            direction, slope = -G, -size
        while True:
            new = retract(W + step * direction)
            value, gradient = value_and_slope(new)
            if value <= f + 1e-4 * step * slope or step * np.abs(direction).max() < 1e-12:
                break
            step /= 2
        if value >= f:
            break
        gradient = project_out(new, gradient)
        # the old gradient and direction, carried to the new point by projection
        old, along = project_out(new, G), project_out(new, direction)
        beta = max(0.0, float((gradient * (gradient - old)).sum()) / size)
        W, G, direction = new, gradient, -gradient + beta * along
        fell, f = f - value, value
        path.append(f)
        step *= 2
        if fell <= tolerance * max(abs(f), 1e-12):
            break
    return W, path


class DIP(ShallowAdapter):
    """Domain invariant projection; with `lam` above 0 DIP-CC, with compact classes.

    Time O(n^2 k + n d k) an iteration and memory O(n^2) for n = source + target samples; above `max_samples` in a
    domain W is found on a draw. Features go through their first principal axes (all by default) before.

    Args:
        n_components: k, at most the number of axes of both domains together.
        kernel: "rbf" or "poly".
        sigma: above 0; of the Gaussian kernel; None: the median squared distance of pairs.
        lam: 0 or more; weight of the classes' scatter; both terms count as 1 where the search starts.
        max_iter: of the conjugate gradient.
        tolerance: ends where an iteration lowers the objective by less than this share.
        max_samples: of each domain while W is looked for.
        classifier: "svm" (as in the paper), "linear", "1nn" or a scikit-learn classifier.
        random_state: of the draw.

    Attributes:
        components_: (d, k) W, orthonormal.
        objective_: over the iterations, as a share of the first; it never rises. Missing where k leaves no choice.
        n_iter_: how many iterations.
        sigma_: the width used.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 40)
    >>> X = rng.normal(size=(80, 3)) + y[:, None] * [5, 0, 0]
    >>> DIP(n_components=2, classifier="1nn").fit(X, y, X + [0, 0, 4]).score(X + [0, 0, 4], y) > 0.9
    True
    """

    min_target = 1
    grid = {"n_components": (20, 50), "lam": (0.0, 1.0)}

    def __init__(
        self,
        n_components: int = 20,
        kernel: str = "rbf",
        sigma: float | None = None,
        lam: float = 0.0,
        max_iter: int = 50,
        tolerance: float = 1e-4,
        max_samples: int = 1500,
        classifier: ClassifierLike = "svm",
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.kernel = kernel
        self.sigma = sigma
        self.lam = lam
        self.max_iter = max_iter
        self.tolerance = tolerance
        self.max_samples = max_samples
        self.classifier = classifier
        self.random_state = random_state

    def _align(self, data: Domains) -> None:
        check_choice("kernel", self.kernel, KERNELS)
        check_number("n_components", self.n_components, 1, whole=True)
        check_number("lam", self.lam, 0)
        check_number("max_iter", self.max_iter, 1, whole=True)
        check_number("max_samples", self.max_samples, 2, whole=True)
        rng = numpy_rng(self.random_state, "dip")
        rows = [np.sort(rng.permutation(len(X))[: self.max_samples]) for X in (data.Xs, data.Xt)]
        X = np.concatenate([data.Xs[rows[0]], data.Xt[rows[1]]])
        both = spectrum(X)
        if not len(both.variances):
            raise bad("Xs and Xt", "samples that are all equal", "samples that differ")
        # in the axes that the samples span, scaled to a total variance of 1: f is the same, and d is smaller
        self.mean_, scale = both.mean, float(np.sqrt(both.variances.sum()))
        Z = (X - both.mean) @ both.axes / scale
        k = min(int(self.n_components), Z.shape[1])
        ns, nt = len(rows[0]), len(rows[1])
        s = np.concatenate([np.full(ns, 1 / ns), np.full(nt, -1 / nt)])
        if self.sigma is not None:
            sigma = float(check_number("sigma", self.sigma, 0, open_low=True)) / scale**2
        else:
            pairs = pdist(Z[rng.permutation(len(Z))[:1000]], "sqeuclidean")
            sigma = float(np.median(pairs)) or float(pairs.mean()) or 1.0
        self.sigma_ = sigma * scale**2
        inner, first = self._scatter(Z, data, rows), np.eye(Z.shape[1], k)
        # both terms are 1 at the start, so that `lam` weighs them for any features
        unit = max(mmd_and_slope(first, Z, s, self.kernel, sigma)[0], 1e-300)
        inner /= max(float(inner[:k, :k].trace()), 1e-300)

        def value_and_slope(W: np.ndarray) -> tuple[float, np.ndarray]:
            f, G = mmd_and_slope(W, Z, s, self.kernel, sigma)
            if not self.lam:
                return f / unit, G / unit
            SW = inner @ W
            return f / unit + self.lam * float((W * SW).sum()), G / unit + 2 * self.lam * SW

        self.__dict__.pop("objective_", None)
        W, path = first, [1.0]
        if k < len(first):  # otherwise there is one subspace only
            with one_blas_thread(float(len(Z)) ** 2 * k):
                W, path = descend(value_and_slope, first, self.max_iter, self.tolerance)
            self.objective_ = path
        self.n_iter_ = max(1, len(path) - 1)
        self.components_ = both.axes @ W

    def _scatter(self, Z: np.ndarray, data: Domains, rows: list[np.ndarray]) -> np.ndarray:
        """Within-class scatter (d, d) of the samples with a label, per sample; 0 without `lam`."""
        if not self.lam:
            return np.zeros((Z.shape[1], Z.shape[1]))
        codes = np.full(len(data.Xt), -1)
        codes[data.known] = data.yt
        codes = np.concatenate([data.ys[rows[0]], codes[rows[1]]])
        parts = [Z[codes == c] - Z[codes == c].mean(axis=0) for c in np.unique(codes[codes >= 0])]
        away = np.concatenate(parts)
        return away.T @ away / len(away)

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        return (X - self.mean_) @ self.components_


Method = DIP
