"""The geodesic between two subspaces on the Grassmann manifold, and the kernel that is its mean projection.

Gopalan, Li & Chellappa 2011 (ICCV) for the path, Gong, Shi, Sha & Grauman 2012 (CVPR) for its integral. With
orthonormal bases Ps, Pt (d, k), Ps'Pt = U cos(T) V' and Q sin(T) V' the part of Pt off Ps, the path is
Psi(t) = Ps U cos(tT) + Q sin(tT): orthonormal for every t, spanning Ps at 0 and Pt at 1.
"""

from dataclasses import dataclass

import numpy as np

from ...core.checks import bad, check_number
from ...core.linalg import singular_values, svd
from ..domains import Domains
from ..spectrum import Spectrum, spectrum


@dataclass(frozen=True)
class Geodesic:
    """The path from one subspace to another.

    Attributes:
        start: (d, k) Ps U, orthonormal principal vectors of the first subspace.
        away: (d, k) Q, orthonormal directions off it (0 where an angle is 0).
        angles: (k,) principal angles T in [0, pi/2], rising.
    """

    start: np.ndarray
    away: np.ndarray
    angles: np.ndarray

    def at(self, t: float) -> np.ndarray:
        """Psi(t) (d, k)."""
        return self.start * np.cos(t * self.angles) + self.away * np.sin(t * self.angles)

    def root(self) -> np.ndarray:
        """R (d, 2k) with RR' = G, the integral of Psi(t)Psi(t)' over t from 0 to 1 (Gong et al., eq. 5-7).

        For each angle G is a 2 x 2 matrix [[l1, l2], [l2, l3]] on (start, away), whose square root is in closed form.
        """
        T = self.angles
        # sin(2T) / 2T and (1 - cos 2T) / 2T; near 0 their series
        small = T < 1e-4
        safe = np.where(small, 1.0, 2 * T)
        a = np.where(small, 1 - (2 * T) ** 2 / 6, np.sin(2 * T) / safe)
        b = np.where(small, T, (1 - np.cos(2 * T)) / safe)
        l1, l2, l3 = (1 + a) / 2, b / 2, (1 - a) / 2
        # the root of a 2 x 2 matrix M with determinant D^2 is (M + D I) / sqrt(trace + 2D); the trace is 1
        det = np.sqrt(np.maximum(l1 * l3 - l2**2, 0))
        scale = np.sqrt(1 + 2 * det)
        first = self.start * ((l1 + det) / scale) + self.away * (l2 / scale)
        second = self.start * (l2 / scale) + self.away * ((l3 + det) / scale)
        return np.concatenate([first, second], axis=1)


def geodesic(Ps: np.ndarray, Pt: np.ndarray) -> Geodesic:
    """The geodesic from Ps to Pt, orthonormal bases (d, k); O(d k^2).

    Angles come from sines where they are small and from cosines where they are large, each where it is exact.
    """
    U, cosines, Vt = svd(Ps.T @ Pt)
    off = Pt @ Vt.T - Ps @ (U * cosines)  # Q sin(T)
    sines = np.linalg.norm(off, axis=0)
    angles = np.arctan2(sines, np.clip(cosines, 0, 1))
    away = np.where(sines > 1e-12, off / np.where(sines > 1e-12, sines, 1), 0)
    return Geodesic(Ps @ U, away, angles)


def subspaces(data: Domains, n_components: int | str) -> tuple[Spectrum, Spectrum, int]:
    """Principal axes of both domains and how many of them to take: asked for, or by subspace disagreement ("auto")."""
    source, target = spectrum(data.Xs), spectrum(data.Xt)
    for argument, one in (("Xs", source), ("Xt", target)):
        if not len(one.variances):
            raise bad(argument, "samples that are all equal", "samples that differ, so that they span a subspace")
    most = min(len(source.variances), len(target.variances))
    if n_components == "auto":
        return source, target, disagreement(source, target, spectrum(np.concatenate([data.Xs, data.Xt])), most)
    if isinstance(n_components, str):
        raise bad("n_components", repr(n_components), "'auto', or a whole number")
    return source, target, min(int(check_number("n_components", n_components, 1, whole=True)), most)


def disagreement(source: Spectrum, target: Spectrum, both: Spectrum, most: int, near: float = 1e-2) -> int:
    """The subspace disagreement measure (Gong et al., section 3.4): how many axes are safe.

    With alpha_k and beta_k the k-th angles of the source's and the target's axes to those of both together,
    D(k) = (sin alpha_k + sin beta_k) / 2; the least k with D(k) = 1 is taken, at most half of the features (the
    condition of the geodesic) and of the ranks. "= 1" is within `near`; where it is never reached, all are safe.
    """
    most = max(1, min(most, len(both.variances), len(source.mean) // 2))
    for k in range(1, most + 1):
        sines = [
            np.sqrt(max(0.0, 1 - min(1.0, singular_values(one.axes[:, :k].T @ both.axes[:, :k])[-1]) ** 2))
            for one in (source, target)
        ]
        if sum(sines) / 2 >= 1 - near:
            return k
    return most
