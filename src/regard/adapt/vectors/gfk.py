"""GFK: compare samples along the whole path between the domains' subspaces (Gong, Shi, Sha & Grauman, CVPR 2012).

The geodesic flow kernel x'Gy is the product of the projections of x and y onto Psi(t), integrated over t from 0 to 1.
G has rank 2k and a root in closed form, so samples become rows of 2k numbers whose Euclidean distance is the kernel's.
"""

import numpy as np

from ..classifier import ClassifierLike
from ..contract import Domains, ShallowAdapter
from ._geodesic import geodesic, subspaces


def kernel_matrix(Ps: np.ndarray, Pt: np.ndarray) -> np.ndarray:
    """G (d, d) for orthonormal bases (d, k): for looking at; `GFK` never forms it."""
    R = geodesic(Ps, Pt).root()
    return R @ R.T


class GFK(ShallowAdapter):
    """Geodesic flow kernel as features. Time O(n d min(n, d)) for each domain, memory O(n d).

    Both domains go through the same map, without centring (as the authors' code has it): bring features to mean 0 in
    each domain first, as the published protocol does, or let `center` do it.

    Args:
        n_components: k of each domain's subspace, at most the smaller rank; "auto" by subspace disagreement.
        center: take each domain's own mean off first.
        classifier: "1nn", "linear", "svm" or a scikit-learn classifier.

    Attributes:
        n_components_: k.
        angles_: (k,) principal angles between the subspaces.
        root_: (d, 2k) R with G = RR'.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> X = rng.normal(size=(100, 4)) * [0.1, 0.5, 0.1, 0.1] + y[:, None] * [2, 0, 0, 0]
    >>> GFK(n_components=1).fit(X, y, X + 10).score(X + 10, y) > 0.9
    True
    """

    admits_regression = True
    min_target = 2
    grid = {"n_components": ("auto", 10, 20, 40)}

    def __init__(
        self, n_components: int | str = "auto", center: bool = True, classifier: ClassifierLike = "1nn"
    ) -> None:
        self.n_components = n_components
        self.center = center
        self.classifier = classifier

    def _align(self, data: Domains) -> None:
        source, target, k = subspaces(data, self.n_components)
        self.n_components_ = k
        path = geodesic(source.axes[:, :k], target.axes[:, :k])
        self.angles_, self.root_ = path.angles, path.root()
        self.source_mean_, self.target_mean_ = bool(self.center) * source.mean, bool(self.center) * target.mean

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        return (X - (self.target_mean_ if domain == "target" else self.source_mean_)) @ self.root_


Method = GFK
