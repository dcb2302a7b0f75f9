"""Image-to-class distances under a metric for each class, and the metrics that keep classes apart by large margin.

D(x, c) is the sum over an image's local features f of |f - NN_c(f)|^2 under W_c, with NN_c(f) the nearest of all local
features of class c (Boiman, Shechtman & Irani, CVPR 2008, with W_c = I; Tommasi & Caputo, ICCV 2013). Neighbours are
the Euclidean ones, so that learning the metrics is a convex problem.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

CELLS = 4_000_000  # numbers in a block of distances or differences: 32 MB


def blocks(count: int, each: int) -> Iterator[slice]:
    """Slices of `count` things of `each` numbers, about CELLS numbers at a time."""
    step = max(1, CELLS // max(each, 1))
    return (slice(start, start + step) for start in range(0, count, step))


def nearest(F_NMP: np.ndarray, base_BP: np.ndarray, place_N: np.ndarray | None = None) -> np.ndarray:
    """Row (n, m) of `base` that is nearest to each local feature. Time O(n m B p), memory CELLS numbers.

    `place` says which image of the base an image is itself, or -1: its own m features do not count.
    """
    n, m, p = F_NMP.shape
    flat, half = F_NMP.reshape(-1, p), (base_BP**2).sum(axis=1) / 2
    near, place = np.empty(n * m, int), None if place_N is None else np.repeat(place_N, m)
    for part in blocks(n * m, len(base_BP)):
        D = half - flat[part] @ base_BP.T  # half the squared distance, without what is the same for every row
        if place is not None:
            inside = np.flatnonzero(place[part] >= 0)
            D.reshape(len(D), -1, m)[inside, place[part][inside]] = np.inf
        near[part] = D.argmin(axis=1)
    return near.reshape(n, m)


@dataclass(frozen=True)
class Matches:
    """The local features of n images beside the nearest ones of each of K classes.

    Attributes:
        F: (n, m, p) local features.
        bases: for each class its local features (B_c, p).
        near: (K, n, m) rows of the bases.
        alone: (n, K) where a class holds no image but this one, so that it has no distance.
    """

    F: np.ndarray
    bases: list[np.ndarray]
    near: np.ndarray
    alone: np.ndarray

    def of(self, rows: np.ndarray) -> "Matches":
        """Those of some images."""
        return Matches(self.F[rows], self.bases, self.near[:, rows], self.alone[rows])

    def divided(self, scale: float) -> "Matches":
        """The same neighbours in another unit."""
        return Matches(self.F / scale, [base / scale for base in self.bases], self.near, self.alone)

    def differences(self, c: int, rows: np.ndarray | slice) -> np.ndarray:
        """Each f - NN_c(f) (r, m, p) of some images."""
        return self.F[rows] - self.bases[c][self.near[c][rows]]

    def distances(self, W_KPP: np.ndarray) -> np.ndarray:
        """D (n, K) = sum_m (f - NN_c(f))' W_c (f - NN_c(f)); infinite where `alone`. Time O(K n m p^2)."""
        D = np.empty((len(self.F), len(self.bases)))
        for c, W in enumerate(W_KPP):
            for part in blocks(len(D), self.F[:1].size):
                d = self.differences(c, part)
                D[part, c] = ((d @ W) * d).sum(axis=(1, 2))
        D[self.alone] = np.inf
        return D


def match(F_NMP: np.ndarray, labels_N: np.ndarray, classes: int) -> Matches:
    """Match images with those among them that have a label (-1: none); each image is left out of its own class."""
    bases, near, alone = [], [], np.zeros((len(F_NMP), classes), bool)
    for c in range(classes):
        members, place = np.flatnonzero(labels_N == c), np.full(len(F_NMP), -1)
        place[members] = np.arange(len(members))
        bases.append(F_NMP[members].reshape(-1, F_NMP.shape[2]))
        near.append(nearest(F_NMP, bases[c], place))
        alone[members, c] = len(members) == 1
    return Matches(F_NMP, bases, np.stack(near), alone)


def loss(W_KPP: np.ndarray, found: Matches, y_N: np.ndarray, C: float) -> tuple[float, np.ndarray]:
    """1/2 sum_c |W_c - I|^2 + C / n sum_i sum_{c != y_i} max(0, 1 + D(i, y_i) - D(i, c)), and its slope (n, K) in D.

    An image without a distance to its own class has no part in it.
    """
    rows, D = np.arange(len(y_N)), found.distances(W_KPP)
    missing = 1 + np.where(found.alone[rows, y_N], -np.inf, D[rows, y_N])[:, None] - D
    missing[rows, y_N] = 0
    by_distance = np.where(missing > 0, -C / len(y_N), 0.0)
    by_distance[rows, y_N] = -by_distance.sum(axis=1)
    away = float(((W_KPP - np.eye(W_KPP.shape[1])) ** 2).sum())
    return away / 2 + C / len(y_N) * float(np.maximum(missing, 0).sum()), by_distance


def slope(W_KPP: np.ndarray, found: Matches, by_distance_NK: np.ndarray) -> np.ndarray:
    """The gradient (K, p, p) of `loss`: W_c - I + sum_i by_distance_ic sum_f d d' with d = f - NN_c(f)."""
    G = W_KPP - np.eye(W_KPP.shape[1])
    for c in range(len(G)):
        rows = np.flatnonzero(by_distance_NK[:, c])
        for part in blocks(len(rows), found.F[:1].size):
            d = found.differences(c, rows[part])
            G[c] += (d * by_distance_NK[rows[part], c, None, None]).reshape(-1, len(G[c])).T @ d.reshape(-1, len(G[c]))
    return G


def semidefinite(W_KPP: np.ndarray) -> np.ndarray:
    """The nearest symmetric matrices (K, p, p) without negative eigenvalues."""
    values, vectors = np.linalg.eigh((W_KPP + W_KPP.transpose(0, 2, 1)) / 2)
    roots = vectors * np.sqrt(np.maximum(values, 0))[:, None]
    W = roots @ roots.transpose(0, 2, 1)
    return np.asarray((W + W.transpose(0, 2, 1)) / 2)


def learn_metrics(found: Matches, y_N: np.ndarray, C: float, max_iter: int) -> tuple[np.ndarray, list[float]]:
    """The metrics (K, p, p) that minimise `loss`, from the identity, and the falling path of the loss.

    Projected subgradient; a step is halved until the loss falls enough. It ends where it falls by less than 1e-5 of
    itself, or where hinges meet and no step falls: with many hinges that is near the minimum, not at it.
    Time O(max_iter K (n m p^2 + p^3)).
    """
    W = np.tile(np.eye(found.F.shape[2]), (len(found.bases), 1, 1))
    value, by_distance = loss(W, found, y_N, C)
    path, step = [value], 1.0
    for _ in range(max_iter if C > 0 else 0):
        G = slope(W, found, by_distance)
        while step > 1e-10:
            new = semidefinite(W - step * G)
            lower, next_by = loss(new, found, y_N, C)
            if lower <= value - 1e-4 / step * float(((new - W) ** 2).sum()):
                break
            step /= 2
        else:
            break
        W, fell, value, by_distance = new, value - lower, lower, next_by
        path.append(value)
        if fell <= 1e-5 * value:
            break
        step *= 2
    return W, path
