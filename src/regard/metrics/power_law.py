"""Learning curves e(n) = E + a (N / n)^alpha: where they lead with endless data, with intervals wide where none knows.

E >= 0 is the error in the limit, a >= 0 what N samples lack of it, alpha how fast that shrinks. Curves that were
measured on the same images and draws are fitted together, by their joint covariance.

For a given alpha the curve is linear in E and a. So alpha runs over a grid, and all else is exact: with W the matrix
of `joint_means` (half widths, not variances) and Q = r^T W^-1 r, the interval of a figure g holds each value that some
curve with Q <= min Q + 1 has. Of what is linear this is the interval mean +- sqrt(w^T W w) itself. Where the data do
not say which alpha it is, all that fit are in, and the interval is wide.

Sources: Cortes et al. 1993 (NIPS, "Learning curves: asymptotic values and rate of convergence"); Hestness et al. 2017
(arXiv 1712.00409: exponents of 0.07 to 0.35 for networks; classic theory has 0.5 to 1); Venzon & Moolgavkar 1988
(profile-likelihood intervals).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..core.checks import bad

ALPHAS = (0.2, 2.0)  # slower ones cannot be told from a line on a few doublings, and nothing learns faster
GRID = 36
FEWEST_POINTS = 4
_NEAR = 1e-9


@dataclass(frozen=True)
class Fitted:
    """Curves that were fitted together.

    Attributes:
        sizes: of each curve, (points,) numbers of samples.
        largest: N, the largest of all.
        alphas: (g, curves) exponents of the grid.
        faces: of all choices of parameters that are not 0, those with a curve near enough: see `_Face`.
        best: (2 curves,) E and a of each curve, of the curves nearest to the data.
        exponent: (curves,) theirs.
        misfit: their Q: 1 is as far off as the end of an interval.
        freedom: points less parameters.
    """

    sizes: tuple[np.ndarray, ...]
    largest: float
    alphas: np.ndarray
    faces: tuple["_Face", ...]
    best: np.ndarray
    exponent: np.ndarray
    misfit: float
    freedom: int

    @property
    def fits(self) -> bool:
        """Whether the data are near enough to some power law: chi-squared at 5 %, on the scale of the intervals."""
        from scipy.stats import chi2

        return bool(self.misfit * 1.96**2 <= chi2.ppf(0.95, max(self.freedom, 1)))

    def limit(self, curve: int = 0) -> tuple[float, float, float]:
        """E with its interval: (estimate, low, high)."""
        return self._found(np.eye(2 * len(self.sizes))[2 * curve])

    def lack(self, curve: int = 0) -> tuple[float, float, float]:
        """What N samples lack of the limit, a, with its interval."""
        return self._found(np.eye(2 * len(self.sizes))[2 * curve + 1])

    def between(self, curve: int, other: int) -> tuple[float, float, float]:
        """The limit of one curve less that of another, with its interval."""
        one = np.eye(2 * len(self.sizes))
        return self._found(one[2 * curve] - one[2 * other])

    def at(self, n: float, curve: int = 0) -> tuple[float, float, float]:
        """e(n), with its interval."""
        grow = (self.largest / n) ** np.concatenate([self.alphas[:, curve], self.exponent[curve : curve + 1]])
        weights = np.zeros((len(grow), 2 * len(self.sizes)))
        weights[:, 2 * curve], weights[:, 2 * curve + 1] = 1, grow
        return self._found(weights)

    def _found(self, weights: np.ndarray) -> tuple[float, float, float]:
        """Estimate and interval of weights on (E, a, E, a ...), one for all alphas, or (g + 1, ...) with the best's."""
        g = np.broadcast_to(weights, (len(self.alphas) + 1, 2 * len(self.sizes)))
        value = float(g[-1] @ self.best)
        ends = [end for face in self.faces for end in face.ends(g[:-1], self.misfit + 1)]
        return value, min([value, *ends]), max([value, *ends])


@dataclass(frozen=True)
class _Face:
    """Curves of which some parameters are 0, for each alpha of the grid.

    Attributes:
        free: places of the others.
        centre: (g, free) nearest to the data, of any sign.
        inverse: (g, free, free) of X^T W^-1 X.
        misfit: (g,) Q at the centre.
    """

    free: tuple[int, ...]
    centre: np.ndarray
    inverse: np.ndarray
    misfit: np.ndarray

    def ends(self, weights: np.ndarray, most: float) -> list[float]:
        """Least and greatest of weights (g, parameters) on parameters of at least 0 with Q <= most.

        Q <= most is an ellipsoid; what is linear is greatest in it at one point. Where that has a negative parameter,
        the greatest with all of them at least 0 lies on a face with fewer: all faces are looked at.
        """
        room = most - self.misfit
        near = room >= 0
        if not near.any():
            return []
        w, centre, inverse = weights[near][:, self.free], self.centre[near], self.inverse[near]
        along = np.einsum("gij,gj->gi", inverse, w)
        length = np.sqrt(np.maximum((w * along).sum(axis=1), 0.0))
        step = np.where(length > 0, np.sqrt(room[near]) / np.where(length > 0, length, 1.0), 0.0)
        found: list[float] = []
        for sign in (-1.0, 1.0):
            there = centre + sign * step[:, None] * along
            good = (there >= -_NEAR).all(axis=1)
            values = (w * there).sum(axis=1)[good]
            found += [float(values.min()), float(values.max())] if len(values) else []
        return found


def fit_power_laws(sizes: Sequence[Sequence[float]], mean: np.ndarray, wide: np.ndarray) -> Fitted:
    """Fit a curve to each of one or two series of errors, together.

    Args:
        sizes: of each curve the numbers of samples, any order, at least four different ones.
        mean: (points,) errors of the first curve, then of the second.
        wide: (points, points) matrix W of `JointMeans.wide`.

    Raises:
        InputError: too few points, three curves, shapes that do not fit.

    >>> n = np.array([100.0, 200, 400, 800])
    >>> found = fit_power_laws([n], 0.1 + 0.05 * (800 / n) ** 0.5, 1e-8 * np.eye(4))
    >>> [round(one, 2) for one in found.limit()]
    [0.1, 0.1, 0.1]
    """
    series = tuple(np.asarray(one, float) for one in sizes)
    total = sum(map(len, series))
    if not 1 <= len(series) <= 2:
        raise bad("sizes", f"{len(series)} curves", "one or two")
    if any(len(np.unique(one)) < FEWEST_POINTS or one.min() <= 0 for one in series):
        raise bad("sizes", f"{[one.tolist() for one in series]}", f"{FEWEST_POINTS} or more different sizes above 0")
    if mean.shape != (total,) or wide.shape != (total, total):
        raise bad("mean, wide", f"shapes {mean.shape} and {wide.shape}", f"({total},) and ({total}, {total})")
    largest = float(max(one.max() for one in series))
    grid = np.geomspace(*ALPHAS, GRID)
    alphas = np.array(list(product(grid, repeat=len(series))))
    X = np.zeros((len(alphas), total, 2 * len(series)))
    start = 0
    for place, one in enumerate(series):
        rows = slice(start, start + len(one))
        X[:, rows, 2 * place] = 1
        X[:, rows, 2 * place + 1] = (largest / one) ** alphas[:, place : place + 1]
        start += len(one)
    precision = np.linalg.inv(wide + 1e-12 * max(float(np.trace(wide)) / total, 1e-12) * np.eye(total))
    faces = [_face(X, precision, mean, free) for free in _subsets(2 * len(series))]
    lowest, best, exponent = np.inf, np.zeros(2 * len(series)), alphas[0]
    for face in faces:
        good = np.all(face.centre >= 0, axis=1)
        at = int(np.where(good, face.misfit, np.inf).argmin())
        if bool(good[at]) and face.misfit[at] < lowest:
            lowest, best, exponent = float(face.misfit[at]), np.zeros(2 * len(series)), alphas[at]
            best[list(face.free)] = face.centre[at]
    lowest = max(lowest, 0.0)  # rounding
    return Fitted(series, largest, alphas, tuple(faces), best, exponent, lowest, total - 3 * len(series))


def _subsets(count: int) -> list[tuple[int, ...]]:
    return [tuple(np.flatnonzero(chosen)) for chosen in product((0, 1), repeat=count)]


def _face(X: np.ndarray, precision: np.ndarray, mean: np.ndarray, free: tuple[int, ...]) -> _Face:
    part = X[:, :, free]
    normal = np.einsum("gji,jk,gkl->gil", part, precision, part, optimize=True)
    pull = np.einsum("gji,jk,k->gi", part, precision, mean, optimize=True)
    inverse = np.linalg.inv(normal)
    centre = np.einsum("gij,gj->gi", inverse, pull)
    off = mean - np.einsum("gji,gi->gj", part, centre)
    return _Face(free, centre, inverse, np.einsum("gj,jk,gk->g", off, precision, off, optimize=True))
