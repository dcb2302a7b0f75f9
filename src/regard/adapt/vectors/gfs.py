"""GFS: project onto subspaces on the path between the domains (Gopalan, Li & Chellappa, ICCV 2011).

Samples are projected onto Psi(t) for several t between the source's subspace (0) and the target's (1); the projections
side by side are the features. The geodesic flow kernel is the limit of infinitely many t (see GFK). The paper reduces
them by partial least squares before a nearest neighbour; here that is left to the classifier on top.
"""

import numpy as np

from ...core.checks import check_choice, check_number
from ..classifier import ClassifierLike
from ..contract import Domains, ShallowAdapter
from ._geodesic import Geodesic, geodesic, subspaces


def samples_of(path: Geodesic, n_points: int, points: str = "uniform") -> np.ndarray:
    """The bases Psi(t) side by side (d, n_points k), each times the root of its weight; weights sum to 1.

    "uniform": t = 0, 1/(n-1) ... 1 with equal weights, as in the paper; "gauss": Gauss-Legendre nodes, whose mean of
    Psi Psi' is the kernel's matrix with few points.
    """
    if points == "gauss":
        nodes, weights = np.polynomial.legendre.leggauss(n_points)
        nodes, weights = (nodes + 1) / 2, weights / 2
    else:
        nodes, weights = np.linspace(0, 1, n_points), np.full(n_points, 1 / n_points)
    return np.concatenate([np.sqrt(w) * path.at(t) for t, w in zip(nodes, weights)], axis=1)


class GFS(ShallowAdapter):
    """Geodesic flow sampling. Time O(n d (min(n, d) + n_points k)), memory O(n n_points k) for the features.

    Args:
        n_components: k of each domain's subspace, at most the smaller rank; "auto" by subspace disagreement.
        n_points: how many subspaces, both ends included; at least 2.
        points: "uniform", or "gauss".
        center: take each domain's own mean off first.
        classifier: "1nn", "linear", "svm" or a scikit-learn classifier.

    Attributes:
        n_components_: k.
        angles_: (k,) principal angles between the subspaces.
        bases_: (d, n_points k).

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> X = rng.normal(size=(100, 4)) * [0.1, 0.5, 0.1, 0.1] + y[:, None] * [2, 0, 0, 0]
    >>> GFS(n_components=1).fit(X, y, X + 10).score(X + 10, y) > 0.9
    True
    """

    admits_regression = True
    min_target = 2
    grid = {"n_components": ("auto", 10, 20, 40)}

    def __init__(
        self,
        n_components: int | str = "auto",
        n_points: int = 10,
        points: str = "uniform",
        center: bool = True,
        classifier: ClassifierLike = "1nn",
    ) -> None:
        self.n_components = n_components
        self.n_points = n_points
        self.points = points
        self.center = center
        self.classifier = classifier

    def _align(self, data: Domains) -> None:
        check_number("n_points", self.n_points, 2, whole=True)
        check_choice("points", self.points, ("uniform", "gauss"))
        source, target, k = subspaces(data, self.n_components)
        self.n_components_ = k
        path = geodesic(source.axes[:, :k], target.axes[:, :k])
        self.angles_, self.bases_ = path.angles, samples_of(path, self.n_points, self.points)
        self.source_mean_, self.target_mean_ = bool(self.center) * source.mean, bool(self.center) * target.mean

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        return (X - (self.target_mean_ if domain == "target" else self.source_mean_)) @ self.bases_


Method = GFS
