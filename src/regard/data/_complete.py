"""Put groups on sides so that no class has all of its groups on one side, moving as little as can be.

A fold whose class is nowhere else cannot be learnt about, and where groups (identities) span several classes a cut
that looks at shares alone makes such folds. The complete cut that is nearest to a given one is a small integer
programme: a group moves at the cost of its samples.
"""

import numpy as np

from ..core.runtime import derive_seed

NODES = 5000  # of the branch and bound: where they do not do, no complete cut is known


def stratified(codes: np.ndarray, groups: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Sides (g,) from 0 to n - 1 of the groups, with each class's share as alike on all sides as groups allow."""
    from sklearn.model_selection import StratifiedGroupKFold

    # of a class with fewer samples than sides there is no share to keep
    count = np.bincount(codes)
    known = np.where(count[codes] < n, count.argmax(), codes)
    sides = np.zeros(groups.max() + 1, int)
    cut = StratifiedGroupKFold(n, shuffle=True, random_state=derive_seed(seed, "folds") % 2**32)
    for side, (_, held) in enumerate(cut.split(np.zeros(len(codes)), known, groups)):
        sides[groups[held]] = side
    return sides


def lacking(sides: np.ndarray, codes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The classes all of whose groups are on one side: where that side is held out, nothing is left to learn from.

    Args:
        sides: (g,) of each group.
        codes: (n,) class of each sample.
        groups: (n,) group of each sample, from 0 to g - 1.
    """
    of = sides[groups]
    return np.array([c for c in np.unique(codes) if (of[codes == c] == of[codes == c][0]).all()], int)


def completed(sides: np.ndarray, codes: np.ndarray, groups: np.ndarray, n: int) -> np.ndarray | None:
    """Sides (g,) from 0 to n - 1 nearest to the given ones, such that every class is on two of them and none is empty.

    Nearest: the fewest samples change sides (up to a tenth more). The groups of the classes that lack something are
    moved first; where that cannot do, any group. None where there is no such cut. It draws nothing.
    """
    short = lacking(sides, codes, groups)
    empty = len(np.unique(sides)) < n
    if not len(short) and not empty:
        return sides
    near = np.zeros(len(sides), bool)
    near[groups[np.isin(codes, short)]] = True
    for free in ([near] if near.any() and not empty else []) + [np.ones(len(sides), bool)]:
        found = _solve(sides, codes, groups, n, free)
        if found is not None:
            return found
    return None


def _solve(sides: np.ndarray, codes: np.ndarray, groups: np.ndarray, n: int, free: np.ndarray) -> np.ndarray | None:
    """The integer programme: x[group, side] is 1 where the group is; groups that are not free stay."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_matrix, identity, kron

    g = len(sides)
    stays = np.zeros((g, n))
    stays[np.arange(g), sides] = 1
    pairs = np.unique(np.stack([codes, groups]), axis=1)
    classes, at = np.unique(pairs[0], return_inverse=True)
    holds = csr_matrix((np.ones(len(at)), (at, pairs[1])), (len(classes), g))
    of_class = np.asarray(holds.sum(axis=1)).ravel()
    each = identity(n, format="csr")
    rules = [
        LinearConstraint(kron(identity(g, format="csr"), np.ones((1, n)), format="csr"), 1, 1),  # one side each
        LinearConstraint(kron(holds, each, format="csr"), -np.inf, np.repeat(of_class - 1, n)),  # never all on one
        LinearConstraint(kron(np.ones((1, g)), each, format="csr"), 1, np.inf),  # no side is empty
    ]
    bounds = Bounds(np.where(free[:, None], 0, stays).ravel(), np.where(free[:, None], 1, stays).ravel())
    cost = ((1 + np.bincount(groups, minlength=g)[:, None]) * (1 - stays)).ravel()
    options = {"node_limit": NODES, "mip_rel_gap": 0.1}
    found = milp(cost, integrality=np.ones(g * n), bounds=bounds, constraints=rules, options=options)
    return None if found.x is None else found.x.reshape(g, n).argmax(axis=1)
