"""TCA: components of large scatter in which the domains' means agree (Pan, Tsang, Kwok & Yang, TNN 2011, eq. 14-16).

In the space of a kernel, minimise tr(W'K L K W) + mu tr(W'W) under W'K H K W = I, where L = ee' compares the means of
both domains and H centres. The solutions are the leading vectors of K H K against K L K + mu I, solved as a symmetric
pencil (`_pencil`). SSTCA adds dependence on the known labels (gamma, HSIC) and neighbourhoods (laplacian).

L is divided by its Frobenius norm, so that mu means the same for any number of samples; rows of the input and of the
components are scaled to length 1, and columns of W too (`scaling`), as the experiments of Long et al. 2013 have it.
"""

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.neighbors import kneighbors_graph

from ...core.checks import check_number
from ..classifier import ClassifierLike
from ..contract import Domains, ShallowAdapter
from ._components import check_components, discrepancy, finish, marginal, need_components, scaled, space
from ._pencil import Product, leading, solve_with

RESULT = tuple[np.ndarray, np.ndarray, float]


def neighbourhoods(rows: np.ndarray, neighbours: int) -> csr_matrix:
    """The graph Laplacian D - M (n, n), sparse.

    M_ij = exp(-r^2 / (2 s^2)) where i is among the nearest of j or j of i; s is the mean of these distances.
    """
    near = kneighbors_graph(rows, min(neighbours, len(rows) - 1), mode="distance")
    scale = float(near.data.mean()) or 1.0
    near.data = np.exp(-(near.data**2) / (2 * scale**2))
    M = near.maximum(near.T)
    degree = np.asarray(M.sum(axis=1)).ravel()
    laplacian = -M.tocsr()
    laplacian.setdiag(degree)
    return laplacian


class TCA(ShallowAdapter):
    """Transfer component analysis, and semi-supervised SSTCA with `gamma_labels` or `laplacian` above 0.

    Time O(n d k) an iteration of Lanczos for the linear kernel, memory O(n d); for "rbf" O(n^2) memory up to
    `max_samples` rows in both domains together, above that Nystroem features, O(n max_samples) memory.

    Args:
        n_components: k, at least 1; at most as many as the samples span.
        mu: above 0; the penalty on W.
        kernel: "linear" or "rbf".
        gamma: of the Gaussian kernel, above 0; None: 1 / the median squared distance.
        primal: penalise directions in feature space in place of coefficients of samples ("linear" only).
        normalize: scale input rows and component rows to length 1.
        scaling: of each component: "unit", columns of W have length 1; "scatter", the constraint W'K H K W = I, in
            which all components have the same variance.
        gamma_labels: 0 to 1, the share of the scatter that is dependence on the labels; 0: TCA.
        laplacian: 0 or more; weight of keeping neighbours together (trace-normalised).
        neighbours: of the graph, 10 by default.
        max_samples: above so many rows of both domains "rbf" is approximated.
        classifier: "1nn" (as in the paper's experiments), "linear", "svm" or a scikit-learn classifier.
        random_state: of the landmarks.

    Attributes:
        eigenvalues_: (k,) falling.
        residual_: the largest relative residual of the pencil.
        components_: (m, k) W with W'K H K W = I (with labels: W'K H Kyy H K W = I).
        weights_: what new rows, or their kernel with the training rows, are multiplied with.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 40)
    >>> X = rng.normal(size=(80, 5)) + y[:, None] * [4, 0, 0, 0, 0]
    >>> Xt = X + [0, 6, 0, 0, 0]
    >>> TCA(n_components=3, normalize=False).fit(X, y, Xt).score(Xt, y) > 0.9
    True
    """

    admits_regression = True
    grid = {"n_components": (30, 10, 100), "kernel": ("linear", "rbf")}

    def __init__(
        self,
        n_components: int = 30,
        mu: float = 1.0,
        kernel: str = "linear",
        gamma: float | None = None,
        primal: bool = False,
        normalize: bool = True,
        scaling: str = "unit",
        gamma_labels: float = 0.0,
        laplacian: float = 0.0,
        neighbours: int = 10,
        max_samples: int = 8000,
        classifier: ClassifierLike = "1nn",
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.mu = mu
        self.kernel = kernel
        self.gamma = gamma
        self.primal = primal
        self.normalize = normalize
        self.scaling = scaling
        self.gamma_labels = gamma_labels
        self.laplacian = laplacian
        self.neighbours = neighbours
        self.max_samples = max_samples
        self.classifier = classifier
        self.random_state = random_state

    def _align(self, data: Domains) -> None:
        check_number("mu", self.mu, 0, open_low=True)
        check_number("gamma_labels", self.gamma_labels, 0, 1)
        check_number("laplacian", self.laplacian, 0)
        check_number("neighbours", self.neighbours, 1, whole=True)
        self.space_ = space(
            data, self.kernel, self.gamma, self.normalize, self.primal, self.max_samples, self.random_state
        )
        k, size = check_components(self.n_components, self.space_.size), self.space_.size
        V = discrepancy(self.space_, [marginal(len(data.Xs), len(data.Xt))])
        product = self._with_labels(data) if self.gamma_labels else self.space_.scatter()
        if self.laplacian:
            found = self._with_neighbours(data, product, V, k)
        else:
            found = leading(product, np.full(size, float(self.mu)), V, k)
        self.eigenvalues_, self.components_, self.residual_ = found
        need_components(len(self.eigenvalues_))
        self.weights_ = self.space_.weights(scaled(self.components_, self.scaling))

    def _with_labels(self, data: Domains) -> Product:
        """W -> K H Kyy H K W with Kyy = g Kll + (1 - g) I: Kll_ij = 1 where i and j have one known label (eq. 21)."""
        n, g = len(data.Xs) + len(data.Xt), self.gamma_labels
        codes = np.full(n, -1)
        codes[: len(data.Xs)], codes[len(data.Xs) + data.known] = data.ys, data.yt
        members = (codes[:, None] == np.unique(codes[codes >= 0])).astype(float)

        def product(W: np.ndarray) -> np.ndarray:
            Y = self.space_.times(W)
            Y = Y - Y.mean(axis=0)
            # the diagonal of Kyy is 1 for rows without a label, too
            same = g * (members @ (members.T @ Y)) + (1 - g) * Y + g * (codes < 0)[:, None] * Y
            return self.space_.transposed(same - same.mean(axis=0))

        return product

    def _with_neighbours(self, data: Domains, product: Product, V: np.ndarray, k: int) -> RESULT:
        rows = self.space_.kernel.rows(np.concatenate([data.Xs, data.Xt]))
        L = neighbourhoods(rows, self.neighbours)
        L = L * (self.laplacian / max(float(L.diagonal().sum()), 1e-300))

        def against(W: np.ndarray) -> np.ndarray:
            return self.mu * W + V.T @ (V @ W) + self.space_.transposed(L @ self.space_.times(W))

        return solve_with(product, against, self.space_.size, k)

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        return finish(self.space_.enter(X, self.weights_), self.normalize)


Method = TCA
