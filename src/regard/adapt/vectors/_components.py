"""What transfer component analysis, joint matching and joint distribution adaptation share: the space, and its pencil.

All look for W with the largest scatter W'K H K W against a discrepancy of means and a penalty on W. A space says how
rows become the columns of K: the samples themselves (linear, `primal`: the penalty is on directions in feature space),
a kernel's dual (the penalty is on coefficients of samples), or Nystroem features above `max_samples`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.checks import InputError, bad, check_choice, check_number
from ...core.runtime import numpy_rng
from ..domains import Domains
from ._kernels import Kernel, make_kernel, nystroem, unit_rows
from ._pencil import Product


@dataclass(frozen=True)
class Space:
    """n training rows in a space of m coordinates, K (n, m) by its products, and how new rows enter.

    `features` F (n, f) are rows whose products make up the kernel; `gram` is the kernel (n, n) where it was formed.
    In the dual K = F F' (or `gram`), and coordinates are coefficients of the training rows; in the primal K = F.
    """

    kernel: Kernel
    anchors: np.ndarray  # what new rows are compared with: training rows, landmarks, or nothing (linear)
    features: np.ndarray | None
    gram: np.ndarray | None
    basis: np.ndarray | None  # Nystroem's factor
    primal: bool

    @property
    def size(self) -> int:
        """How many coordinates W has."""
        if self.gram is not None:
            return len(self.gram)
        assert self.features is not None
        return self.features.shape[1] if self.primal else len(self.features)

    def times(self, W: np.ndarray) -> np.ndarray:
        """K W (n, k): the training rows' components."""
        if self.gram is not None:
            return self.gram @ W
        assert self.features is not None
        return self.features @ W if self.primal else self.features @ (self.features.T @ W)

    def transposed(self, Y: np.ndarray) -> np.ndarray:
        """K' Y (m, k) for columns Y over the training rows."""
        if self.gram is not None:
            return self.gram @ Y
        assert self.features is not None
        return self.features.T @ Y if self.primal else self.features @ (self.features.T @ Y)

    def scatter(self) -> Product:
        """W -> K'H K W with the centring matrix H."""

        def product(W: np.ndarray) -> np.ndarray:
            Y = self.times(W)
            return self.transposed(Y - Y.mean(axis=0))

        return product

    def weights(self, W: np.ndarray) -> np.ndarray:
        """What new rows are multiplied with: W for anchors, or directions in feature space for the linear kernel."""
        if self.gram is not None:
            return W
        assert self.features is not None
        directions = W if self.primal else self.features.T @ W
        return directions if self.basis is None else self.basis @ directions

    def enter(self, X: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Components (n, k) of new rows X (n, d)."""
        rows = self.kernel.rows(X)
        return rows @ weights if not len(self.anchors) else self.kernel(rows, self.anchors) @ weights


def space(
    data: Domains,
    name: str,
    gamma: float | None,
    unit: bool,
    primal: bool,
    max_samples: int,
    random_state: int,
) -> Space:
    """The space of both domains' rows, the source's first.

    Linear: O(n d) memory, nothing is formed. Gaussian: the kernel, O(n^2), up to `max_samples` rows in all; above,
    `max_samples` / 4 landmarks, half of them from each domain as far as they go, and O(n max_samples) memory.
    """
    check_number("max_samples", max_samples, 8, whole=True)
    X = np.concatenate([data.Xs, data.Xt])
    # a single feature has nothing but its length
    kernel = make_kernel(name, gamma, unit and X.shape[1] > 1, X, random_state)
    rows, nobody = kernel.rows(X), np.empty((0, X.shape[1]))
    if np.ptp(rows, axis=0).max() <= 1e-12 * max(float(np.abs(rows).max()), 1e-300):
        raise bad(
            "Xs and Xt",
            "samples that are all equal" + (" once scaled to length 1" if kernel.unit else ""),
            "samples that differ",
        )
    if kernel.name == "linear":
        return Space(kernel, nobody, rows, None, None, primal)
    if primal:
        raise bad("primal", "True with kernel='rbf'", "kernel='linear'", "Its feature space has no end.")
    if len(rows) <= max_samples:
        return Space(kernel, rows, None, kernel(rows, rows), None, False)
    rng, many = numpy_rng(random_state, "landmarks"), max_samples // 8
    parts = np.arange(len(data.Xs)), np.arange(len(data.Xs), len(rows))
    chosen = np.concatenate([rng.permutation(part)[:many] for part in parts])
    basis = nystroem(kernel, rows[chosen])
    features = np.empty((len(rows), basis.shape[1]))
    for start in range(0, len(rows), 4096):
        part = slice(start, start + 4096)
        features[part] = kernel(rows[part], rows[chosen]) @ basis
    return Space(kernel, rows[chosen], features, None, basis, False)


def marginal(ns: int, nt: int) -> np.ndarray:
    """Give e (n,): 1/ns for source rows, -1/nt for target rows; the MMD matrix is ee'."""
    return np.concatenate([np.full(ns, 1 / ns), np.full(nt, -1 / nt)])


def discrepancy(space: Space, vectors: Sequence[np.ndarray]) -> np.ndarray:
    """V (r, m) with V'V = K'M K for M = sum ee' / ||sum ee'||_F over the vectors e (n,)."""
    E = np.stack(vectors)
    norm = np.linalg.norm(E @ E.T)  # the Frobenius norm of sum ee'
    return space.transposed(E.T).T / np.sqrt(norm)


def check_components(n_components: int, size: int) -> int:
    """The number of components, at most one less than the space has coordinates."""
    asked = int(check_number("n_components", n_components, 1, whole=True))
    return max(1, min(asked, size - 1))


def finish(Z: np.ndarray, unit: bool) -> np.ndarray:
    """Components as the classifier gets them: rows of length 1 (unless there is one component), or as they are."""
    return unit_rows(Z) if unit and Z.shape[1] > 1 else Z


def scaled(W: np.ndarray, scaling: str) -> np.ndarray:
    """Columns of W as rows meet them: of length 1 ("unit"), or with W'K H K W = I ("scatter"), which they have."""
    check_choice("scaling", scaling, ("unit", "scatter"))
    return W / np.linalg.norm(W, axis=0) if scaling == "unit" else W


def need_components(found: int) -> None:
    """Raise where no direction is left in which the samples differ."""
    if not found:
        raise InputError("Xs and Xt: expected samples that differ, got samples without any scatter.")
