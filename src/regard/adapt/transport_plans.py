"""Transport plans: exact, entropic, and with classes kept together (Courty et al. 2017; Cuturi 2013).

A plan G (ns, nt) has the row sums a and the column sums b and moves each source sample's mass to target samples at the
cost <G, M>. The exact plan and the Laplacian one are POT's; Sinkhorn's scaling, the majorisation for the l_p l_1 term
and the generalised conditional gradient for the group lasso are here, with classes as blocks of sorted rows.
"""

import os
import sys
from types import ModuleType

import numpy as np

from ..core.checks import RunError

Path = list[float]


def pot() -> ModuleType:
    """Import POT without the array libraries that it would import for itself (torch alone takes over a second)."""
    if "ot" in sys.modules:
        return sys.modules["ot"]
    switches = [f"POT_BACKEND_DISABLE_{name}" for name in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW")]
    before = {switch: os.environ.get(switch) for switch in switches}
    os.environ.update(dict.fromkeys(switches, "1"))
    try:
        import ot
    finally:
        for switch, value in before.items():
            if value is None:
                del os.environ[switch]
            else:
                os.environ[switch] = value
    return ot


def exact(M: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cheapest plan, by POT's network simplex; O(n^3) at worst."""
    plan, log = pot().emd(a, b, M, numItermax=10_000_000, log=True, check_marginals=False)
    if log["warning"]:
        raise RunError(f"optimal transport did not end: {log['warning']}; use regularization='entropic'")
    return plan


def sinkhorn(
    M: np.ndarray, a: np.ndarray, b: np.ndarray, reg: float, rounds: int = 2000, tolerance: float = 1e-9
) -> np.ndarray:
    """The plan of least <G, M> + reg sum G (log G - 1), for reg above 0; O(ns nt) a round.

    Sinkhorn's scaling of exp((f + g - M) / reg), where the potentials f, g take up the scalings before these leave
    the range of floating point, so that any reg works. Ends where the row sums are within `tolerance` of a.
    """
    f = M.min(axis=1)
    g = (M - f[:, None]).min(axis=0)
    kernel = np.exp((f[:, None] + g - M) / reg)
    u, v = np.ones(len(a)), np.ones(len(b))
    for done in range(1, rounds + 1):
        v = b / np.maximum(u @ kernel, 1e-300)
        Kv = kernel @ v
        if done % 10 == 0 and np.abs(u * Kv - a).sum() < tolerance:
            break
        u = a / np.maximum(Kv, 1e-300)
        if max(u.max(), v.max(), 1 / max(u.min(), 1e-300), 1 / max(v.min(), 1e-300)) > 1e80:
            f, g = f + reg * np.log(np.maximum(u, 1e-300)), g + reg * np.log(np.maximum(v, 1e-300))
            kernel = np.exp((f[:, None] + g - M) / reg)
            u, v = np.ones(len(a)), np.ones(len(b))
    kernel *= u[:, None]
    kernel *= v
    return kernel


def blocks(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An order that puts classes one after another, and where each begins in it."""
    order = np.argsort(codes, kind="stable")
    return order, np.flatnonzero(np.r_[True, np.diff(codes[order]) != 0])


def _entropy(G: np.ndarray) -> float:
    """Sum of G (log G - 1), the convex term of entropic transport."""
    flat = G.ravel()
    return float(flat @ np.log(np.maximum(flat, 1e-300)) - flat.sum())


def group_lasso(
    M: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    codes: np.ndarray,
    reg: float,
    eta: float,
    rounds: int = 10,
    tolerance: float = 1e-7,
) -> tuple[np.ndarray, Path]:
    """Least <G, M> + reg sum G (log G - 1) + eta sum_j sum_c ||G[class c, j]||_2 (Courty et al., eq. 16-17).

    Generalised conditional gradient: the group term alone is replaced by its tangent, the rest is entropic transport;
    the step towards its plan is halved until the objective falls. Returns the plan and the objectives, which fall.
    """
    order, begins = blocks(codes)
    sizes = np.diff(np.r_[begins, len(codes)])
    M, a, back = M[order], a[order], np.argsort(order)

    def lengths(G: np.ndarray) -> np.ndarray:
        return np.sqrt(np.add.reduceat(G * G, begins, axis=0))

    def smooth(G: np.ndarray) -> float:
        return float(np.vdot(G, M)) + reg * _entropy(G)

    # a loose inner plan is as good a direction, since the step is checked
    G = sinkhorn(M, a, b, reg, rounds=500, tolerance=1e-8)
    norms = lengths(G)
    path = [smooth(G) + eta * float(norms.sum())]
    for _ in range(rounds):
        # a block of mass 0 (or so little that its square is) has no slope of its own
        wide = np.repeat(norms, sizes, axis=0)
        slope = np.divide(G, wide, out=np.zeros_like(G), where=wide > 0)
        goal = sinkhorn(M + eta * slope, a, b, reg, rounds=500, tolerance=1e-8)
        step = 1.0
        while step > 1e-4:
            new = goal if step == 1 else (1 - step) * G + step * goal
            norms = lengths(new)
            value = smooth(new) + eta * float(norms.sum())
            if value < path[-1]:
                break
            step /= 2
        else:
            break
        fell, G = path[-1] - value, new
        path.append(value)
        if fell <= tolerance * max(abs(value), 1e-12):
            break
    return G[back], path


def lp_l1(
    M: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    codes: np.ndarray,
    reg: float,
    eta: float,
    rounds: int = 10,
    epsilon: float = 1e-3,
) -> tuple[np.ndarray, Path]:
    """Least <G, M> + reg sum G (log G - 1) + eta sum_j sum_c (sum of G[class c, j] + epsilon)^(1/2) (eq. 15).

    The concave term lies below its tangent, so entropic transport with the tangent's slope as a further cost lowers
    the objective each time. Returns the plan and the objectives, which never rise.
    """
    order, begins = blocks(codes)
    sizes = np.diff(np.r_[begins, len(codes)])
    M, a, back = M[order], a[order], np.argsort(order)
    G, path, added = np.empty(0), list[float](), np.zeros((len(begins), len(b)))
    for _ in range(rounds + 1):
        new = sinkhorn(M + eta * np.repeat(added, sizes, axis=0), a, b, reg, rounds=1000, tolerance=1e-8)
        mass = np.add.reduceat(new, begins, axis=0)
        value = float(np.vdot(new, M)) + reg * _entropy(new) + eta * float(np.sqrt(mass + epsilon).sum())
        if path and value >= path[-1] - 1e-9 * abs(path[-1]):
            break
        G = new
        path.append(value)
        added = 0.5 / np.sqrt(mass + epsilon)
    return G[back], path


def laplacian(
    M: np.ndarray, a: np.ndarray, b: np.ndarray, Xs: np.ndarray, Xt: np.ndarray, eta: float, alpha: float, near: int
) -> np.ndarray:
    """The plan that keeps neighbours together, by POT's conditional gradient (Courty et al., section 4.3).

    Least <G, M> + eta ((1 - alpha) sum S_ij |d_i - d_j|^2 over source neighbours + alpha the same over the target's),
    with d the displacements and S the graph of `near` neighbours.
    """
    near = min(near, len(Xs) - 1, len(Xt) - 1)
    if near < 1:
        return exact(M, a, b)
    settings = {"sim": "knn", "sim_param": near, "reg": "disp", "eta": eta, "alpha": alpha, "numItermax": 20}
    return pot().da.emd_laplace(a, b, Xs, Xt, M, **settings)
