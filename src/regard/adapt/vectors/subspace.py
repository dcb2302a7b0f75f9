"""Subspace alignment: turn the source's principal axes onto the target's (Fernando et al., ICCV 2013, eq. 1-3).

Each domain is described by its own first principal axes; M = Ps' Pt is the matrix that takes the source's basis
nearest to the target's. The source goes through Ps M, the target through Pt alone. The components are exact: with
randomised ones the published accuracies wander by several points.
"""

import numpy as np

from ...core.checks import bad, check_number
from ..classifier import ClassifierLike
from ..contract import Domains, ShallowAdapter
from ..spectrum import Spectrum, spectrum


def alignment(source_DK: np.ndarray, target_DK: np.ndarray) -> np.ndarray:
    """M (K, K) = Ps' Pt, which minimises the Frobenius norm of Ps M - Pt for orthonormal bases (d, K)."""
    return source_DK.T @ target_DK


def stable_dimension(
    source: Spectrum, target: Spectrum, norm: float, ns: int, nt: int, gamma: float = 1e5, delta: float = 0.1
) -> int:
    """The largest number of components for which the alignment is stable, by the paper's theorem 1.

    With probability 1 - delta the product of projections and M differs from its expectation by no more than
    8 D^(3/2) B (1 + sqrt(ln(2 / delta) / 2)) (1 / (sqrt(ns) gap_s) + 1 / (sqrt(nt) gap_t)), where gap is the D-th
    variance minus the next and B = `norm` bounds the length of a sample. The largest D for which this is at most
    gamma is taken (at least 1), below the rank of both domains, where the gap says nothing. The bound depends on the
    scale of the features, so it is taken for features scaled to a mean variance of 1, as the paper's are.
    """
    d, most = len(source.mean), min(len(source.variances), len(target.variances))
    scale = (source.variances.sum() + target.variances.sum()) / (2 * d)
    gap_s, gap_t = (-np.diff(one.variances)[: most - 1] / scale for one in (source, target))
    D = np.arange(1, most)
    factor = 8 * D**1.5 * norm / np.sqrt(scale) * (1 + np.sqrt(np.log(2 / delta) / 2))
    with np.errstate(divide="ignore"):
        bound = factor * (1 / (np.sqrt(ns) * gap_s) + 1 / (np.sqrt(nt) * gap_t))
    return int(D[bound <= gamma].max(initial=1))


class Subspace(ShallowAdapter):
    """Subspace alignment; each domain is centred on its own mean (`center`). Time O(n d min(n, d)) for each domain.

    Args:
        n_components: K, from 1 to the smaller rank of the two domains; or "auto", the largest K that the paper's
            bound calls stable (see `stable_dimension`).
        center: take each domain's own mean off first. False projects samples as they come, as the authors' code does.
        classifier: "1nn" (as in the paper), "linear", "svm" or a scikit-learn classifier.

    Attributes:
        n_components_: K.
        source_axes_, target_axes_: (d, K) orthonormal bases.
        alignment_: (K, K) M.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> X = rng.normal(size=(100, 2)) * [0.1, 0.5] + y[:, None] * [2, 0]
    >>> Subspace(n_components=1).fit(X, y, X + 10).score(X + 10, y) > 0.9
    True
    """

    min_target = 2
    admits_regression = True
    grid = {"n_components": ("auto", 10, 20, 40, 80)}

    def __init__(
        self, n_components: int | str = "auto", center: bool = True, classifier: ClassifierLike = "1nn"
    ) -> None:
        self.n_components = n_components
        self.center = center
        self.classifier = classifier

    def _align(self, data: Domains) -> None:
        source, target = spectrum(data.Xs), spectrum(data.Xt)
        for argument, one in (("Xs", source), ("Xt", target)):
            if not len(one.variances):
                raise bad(argument, "samples that are all equal", "samples that differ, so that they span a subspace")
        most = min(len(source.variances), len(target.variances))
        if self.n_components == "auto":
            norm = max(np.linalg.norm(X - X.mean(axis=0), axis=1).max() for X in (data.Xs, data.Xt))
            self.n_components_ = stable_dimension(source, target, norm, len(data.Xs), len(data.Xt))
        elif isinstance(self.n_components, str):
            raise bad("n_components", repr(self.n_components), f"'auto', or a whole number from 1 to {most}")
        else:
            self.n_components_ = int(check_number("n_components", self.n_components, 1, most, whole=True))
        self.source_mean_, self.target_mean_ = bool(self.center) * source.mean, bool(self.center) * target.mean
        self.source_axes_ = source.axes[:, : self.n_components_]
        self.target_axes_ = target.axes[:, : self.n_components_]
        self.alignment_ = alignment(self.source_axes_, self.target_axes_)

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        if domain == "target":
            return (X - self.target_mean_) @ self.target_axes_
        return (X - self.source_mean_) @ self.source_axes_ @ self.alignment_


Method = Subspace
