"""Learning curves e(n) = E + a ((N + s) / (n + s))^alpha: where they lead with endless data, and how sure that is.

E >= 0 is the error in the limit, a >= 0 what N samples lack of it, alpha how fast that shrinks in the end, and s how
many samples it takes to get on the curve: with fewer, a learner gains less from each. (Without s, a classifier of 12
numbers that learns from 25 to 400 Gaussian samples seems to be on its way to 11.4 % errors; it is on its way to 12.7,
and no residual tells.) Curves that were measured on the same images and draws are fitted together, by their joint
covariance.

For a given alpha and s the curve is linear in E and a. So these two run over a grid, and all else is exact: with W the
matrix of `joint_means` (half widths, not variances) and Q = r^T W^-1 r, the interval of a figure g holds each value
that some curve with Q <= min Q + 1 has. Of what is linear this is the interval mean +- sqrt(w^T W w) itself. Where the
data do not say which alpha and s it is, all that fit are in, and the interval is wide.

Sources: Cortes et al. 1993 (NIPS, "Learning curves: asymptotic values and rate of convergence"); Hestness et al. 2017
(arXiv 1712.00409: a region of small data before the power law; exponents of 0.07 to 0.35 for networks, where classic
theory has 0.5 to 1); Venzon & Moolgavkar 1988 (profile-likelihood intervals).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..core.checks import bad, check_number

ALPHAS = (0.2, 2.0)  # what is slower cannot be told from a line on a few doublings
SLOWEST = 0.5  # of a fixed number of weights: Bottou & Bousquet 2008, section 3.2 (their alpha)
SHIFTS = (0.0, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)  # s, as shares of N
COARSE, FINE = 40, {1: 80, 2: 16}  # exponents for each shift; fine ones by the number of curves
FEWEST_POINTS = 4
_NEAR = 1e-9


@dataclass(frozen=True)
class Fitted:
    """Curves that were fitted together.

    Attributes:
        sizes: of each curve, (points,) numbers of samples.
        largest: N, the largest of all.
        shapes: (g, curves, 2) exponent and shift (in samples) of each curve, over the grid.
        faces: of all choices of parameters that are not 0, those with a curve near enough: see `_Face`.
        best: (2 curves,) E and a of each curve, of the curves nearest to the data.
        shape: (curves, 2) their exponents and shifts.
        misfit: their Q: 1 is as far off as the end of an interval.
        freedom: points less parameters.
    """

    sizes: tuple[np.ndarray, ...]
    largest: float
    shapes: np.ndarray
    faces: tuple["_Face", ...]
    best: np.ndarray
    shape: np.ndarray
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
        grow = _growth(np.array([n]), self.largest, np.concatenate([self.shapes, self.shape[None]])[:, curve])[:, 0]
        weights = np.zeros((len(grow), 2 * len(self.sizes)))
        weights[:, 2 * curve], weights[:, 2 * curve + 1] = 1, grow
        return self._found(weights)

    def _found(self, weights: np.ndarray) -> tuple[float, float, float]:
        """Estimate and interval of weights on (E, a, E, a ...), one for all, or (g + 1, ...) with the best's."""
        g = np.broadcast_to(weights, (len(self.shapes) + 1, 2 * len(self.sizes)))
        value = float(g[-1] @ self.best)
        ends = [end for face in self.faces for end in face.ends(g[:-1], self.misfit + 1)]
        return value, min([value, *ends]), max([value, *ends])


@dataclass(frozen=True)
class _Face:
    """Curves of which some parameters are 0, for each shape of the grid.

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


def fit_power_laws(
    sizes: Sequence[Sequence[float]], mean: np.ndarray, wide: np.ndarray, slowest: float = ALPHAS[0]
) -> Fitted:
    """Fit a curve to each of one or two series of errors, together.

    Args:
        sizes: of each curve the numbers of samples, any order, at least four different ones.
        mean: (points,) errors of the first curve, then of the second.
        wide: (points, points) matrix W of `JointMeans.wide`.
        slowest: least exponent that is thought of, at most 1; see `SLOWEST`.

    Raises:
        InputError: too few points, three curves, shapes that do not fit.

    >>> n = np.array([100.0, 200, 400, 800])
    >>> found = fit_power_laws([n], 0.1 + 0.05 * (800 / n) ** 0.5, 1e-7 * np.eye(4))
    >>> [round(one, 2) for one in found.limit()]
    [0.1, 0.1, 0.1]
    """
    series = tuple(np.asarray(one, float) for one in sizes)
    total = sum(map(len, series))
    check_number("slowest", slowest, 0.05, 1)
    if not 1 <= len(series) <= 2:
        raise bad("sizes", f"{len(series)} curves", "one or two")
    if any(len(np.unique(one)) < FEWEST_POINTS or one.min() <= 0 for one in series):
        raise bad("sizes", f"{[one.tolist() for one in series]}", f"{FEWEST_POINTS} or more different sizes above 0")
    if mean.shape != (total,) or wide.shape != (total, total):
        raise bad("mean, wide", f"shapes {mean.shape} and {wide.shape}", f"({total},) and ({total}, {total})")
    largest = float(max(one.max() for one in series))
    precision = _inverse(wide)
    start, alone = 0, []
    for one in series:
        rows = slice(start, start + len(one))
        alone.append(_shapes(one, largest, mean[rows], wide[rows, rows], slowest, FINE[len(series)]))
        start += len(one)
    for again in (len(series) > 1, False):
        shapes = np.array([np.stack(several) for several in product(*alone)])
        faces = _faces(series, largest, mean, precision, shapes)
        best, at, lowest = _nearest(faces, 2 * len(series))
        if not again:
            break
        near = shapes[np.min([_misfits(face) for face in faces], axis=0) <= lowest + 1]
        alone = [_closer(own, near[:, place]) for place, own in enumerate(alone)]
    return Fitted(series, largest, shapes, faces, best, shapes[at], lowest, total - 4 * len(series))


def _shapes(
    sizes: np.ndarray, largest: float, mean: np.ndarray, wide: np.ndarray, slowest: float, fine: int
) -> np.ndarray:
    """(g, 2) shapes of one curve that may be near enough: for each shift as fine as can be over those that are.

    What two curves are off together is no less than what either is off alone, so that what is left out here is not near
    enough together, either; the room of 2 in place of 1 is for what the best of both is off.
    """
    precision = _inverse(wide)
    found = []
    for shift in SHIFTS:
        grid = np.geomspace(slowest, ALPHAS[1], COARSE)
        shapes = np.stack([grid, np.full(len(grid), shift * largest)], axis=1)
        faces = _faces((sizes,), largest, mean, precision, shapes[:, None])
        found.append((shift, grid, np.min([_misfits(face) for face in faces], axis=0)))
    most = min(float(misfit.min()) for _, _, misfit in found) + 2
    kept = []
    for shift, grid, misfit in found:
        near = np.flatnonzero(misfit <= most)
        if len(near):
            low, high = grid[max(near[0] - 1, 0)], grid[min(near[-1] + 1, len(grid) - 1)]
            kept += [(alpha, shift * largest) for alpha in np.geomspace(low, high, fine)]
    return np.array(kept)


def _closer(shapes: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The same number of exponents for each shift, over those that are near and one beyond on both sides."""
    found = []
    for shift in np.unique(near[:, 1]):
        grid, own = shapes[shapes[:, 1] == shift, 0], near[near[:, 1] == shift, 0]
        low, high = (int(np.abs(grid - end).argmin()) for end in (own.min(), own.max()))
        ends = grid[max(low - 1, 0)], grid[min(high + 1, len(grid) - 1)]
        found += [(alpha, shift) for alpha in np.geomspace(*ends, len(grid))]
    return np.array(found)


def _growth(sizes: np.ndarray, largest: float, shapes: np.ndarray) -> np.ndarray:
    """((N + s) / (n + s))^alpha, (g, points), for shapes (g, 2)."""
    alpha, shift = shapes[:, :1], shapes[:, 1:]
    return np.asarray(((largest + shift) / (sizes + shift)) ** alpha)


def _faces(
    series: Sequence[np.ndarray], largest: float, mean: np.ndarray, precision: np.ndarray, shapes: np.ndarray
) -> tuple["_Face", ...]:
    """All faces of curves with these shapes (g, curves, 2)."""
    X = np.zeros((len(shapes), len(mean), 2 * len(series)))
    start = 0
    for place, one in enumerate(series):
        rows = slice(start, start + len(one))
        X[:, rows, 2 * place] = 1
        X[:, rows, 2 * place + 1] = _growth(one, largest, shapes[:, place])
        start += len(one)
    return tuple(_face(X, precision, mean, free) for free in _subsets(2 * len(series)))


def _misfits(face: "_Face") -> np.ndarray:
    """(g,) Q of the centres, infinite where one has a negative parameter."""
    return np.where(np.all(face.centre >= 0, axis=1), face.misfit, np.inf)


def _nearest(faces: Sequence["_Face"], parameters: int) -> tuple[np.ndarray, int, float]:
    """The parameters nearest to the data, their place in the grid, and their Q."""
    best, place, lowest = np.zeros(parameters), 0, np.inf
    for face in faces:
        misfit = _misfits(face)
        at = int(misfit.argmin())
        if misfit[at] < lowest:
            best, place, lowest = np.zeros(parameters), at, float(misfit[at])
            best[list(face.free)] = face.centre[at]
    return best, place, max(lowest, 0.0)  # rounding


def _inverse(wide: np.ndarray) -> np.ndarray:
    """W^-1, with so little added that no direction is without any doubt."""
    total = len(wide)
    return np.asarray(np.linalg.inv(wide + 1e-12 * max(float(np.trace(wide)) / total, 1e-12) * np.eye(total)))


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
