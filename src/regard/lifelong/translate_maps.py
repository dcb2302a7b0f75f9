"""Vectors of one representation as those of another: the maps that can be learned.

Three closed forms, each with an intercept; each says how it translates pairs that are left out:

- `ridge`: the penalised least-squares map; what the pairs do not say becomes the mean.
- `ridge to identity`: the same for what the new vectors differ by from the old ones (times a number), where both are of
  one length; what the pairs do not say stays as it was. Good where the new representation was tuned from the old one.
- `orthogonal`: a rotation and one scale (Procrustes), where both are of one length.

Where other images teach the map as well, so that there are pairs enough, a fourth is tried, which is not affine:
`kernel`, an identity times a number and a sum of bumps (`bumps`). Then a rotation is not; by cosine `kernel`
is at length 1 alone.

Sources: Allen 1974 (Technometrics 16: what leaving one out gives, without fitting again); Schönemann 1966
(Psychometrika 31: orthogonal Procrustes).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..core.linalg import svd
from .bumps import Bumps, learn_bumps

MOST_BUMPS = 4096  # pairs and others; bumps cost their cube
FOLDS = 5  # in which `orthogonal`, which has no short form, is judged
JUDGES = 256  # pairs that choose the penalty
PENALTIES = tuple(np.logspace(-14, 2, 65).tolist())  # times the largest squared singular value


@dataclass(frozen=True)
class Fit:
    """One map that was tried.

    Attributes:
        method: ridge | ridge to identity | orthogonal | kernel.
        unit: whether it was learned from vectors at length 1.
        weight: (d, e).
        before: (d,) mean of the old vectors.
        after: (e,) mean of the new ones.
        penalty: of the ridge; 0 where there is none.
        held_out: (n, e) each pair's translation by what the others teach, of those that judge.
        bumps: of `kernel`; None where the map is affine.
    """

    method: str
    unit: bool
    weight: np.ndarray
    before: np.ndarray
    after: np.ndarray
    penalty: float
    held_out: np.ndarray
    bumps: Bumps | None = None


def fits(
    old_ND: np.ndarray, new_NE: np.ndarray, unit: bool = False, cosine: bool = False, judges: int | None = None
) -> Iterator[Fit]:
    """Every map that is learned from these pairs; the first `judges` of them say how good it is, None: all."""
    yield ridge(old_ND, new_NE, unit, cosine=cosine, judges=judges)
    alike = old_ND.shape[1] == new_NE.shape[1]
    if alike:
        yield ridge_to_identity(old_ND, new_NE, unit, cosine=cosine, judges=judges)
    if alike and judges is None:
        yield orthogonal(old_ND, new_NE, unit)
    if judges is not None and unit == cosine and judges <= MOST_BUMPS:
        room = min(MOST_BUMPS - judges, len(old_ND) - judges)  # for others, evenly from all of them
        rest = np.linspace(judges, len(old_ND) - 1, room).astype(int)
        kept = np.concatenate([np.arange(judges), rest])
        yield kernel(old_ND[kept], new_NE[kept], unit, cosine=cosine, judges=judges)


def ridge(
    old_ND: np.ndarray,
    new_NE: np.ndarray,
    unit: bool = False,
    *,
    cosine: bool = False,
    a: float = 0.0,
    judges: int | None = None,
) -> Fit:
    """The W and b that make |new - old W - b|^2 + penalty |W - a I|^2 least.

    The penalty is the one with the least error of pairs that are left out (of at most 256 of them), each by the short
    form (fitted residual) / (1 - h), with h the pair's leverage, the intercept's included. Generalised cross-validation
    puts the mean of h in its place; where pairs are fewer than numbers, that has a false minimum at the least penalty.

    Args:
        old_ND: (n, d).
        new_NE: (n, e).
        unit: what the map says of itself.
        cosine: whether errors are 1 - cosine, or squares.
        a: what W is drawn to; 0, unless d = e.
        judges: pairs, the first of all, that choose the penalty; None for all.
    """
    n = len(old_ND)
    judging = judges or n
    base: np.ndarray | float = a * old_ND if a else 0.0
    target = new_NE - base
    before, after = old_ND.mean(axis=0), target.mean(axis=0)
    centred = target - after
    U, s, Vt = svd(old_ND - before)
    kept = s > s[0] * max(old_ND.shape) * np.finfo(np.float64).eps
    U, s, Vt = U[:, kept], s[kept], Vt[kept]
    full = len(s) == n - 1  # the pairs' own values can all be met, so what is left is rounding
    T = U.T @ centred
    beyond = np.zeros_like(centred) if full else centred - U @ T
    alone = np.full(n, 0.0) if full else 1 - 1 / n - (U**2).sum(axis=1)

    def missed(rows: np.ndarray, penalty: float) -> np.ndarray:
        """What is missed of the pairs `rows` by a map that was learned without each."""
        damp = penalty / (s**2 + penalty)  # share of each direction that is not fitted
        free = alone[rows] + U[rows] ** 2 @ damp  # 1 - h
        left = beyond[rows] + U[rows] @ (damp[:, None] * T)
        return np.asarray(left / np.maximum(free, np.finfo(np.float64).eps)[:, None])

    asked = np.unique(np.linspace(0, judging - 1, min(judging, JUDGES)).astype(int))
    wrong: dict[float, float] = {}
    for step in (4, 1):  # every fourth, then those beside the best
        best = PENALTIES.index(min(wrong, key=lambda one: wrong[one])) if wrong else len(PENALTIES) // 2
        reach = len(PENALTIES) if step > 1 else 3
        for share in PENALTIES[max(best % step, best - reach) : best + reach + 1 : step]:
            error = errors_of(new_NE[asked] - missed(asked, share * s[0] ** 2), new_NE[asked], cosine).mean()
            wrong[share] = round(float(error), 12)
    penalty = float(min(wrong, key=lambda one: (wrong[one], one)) * s[0] ** 2)  # of equals the least
    weight = Vt.T @ ((s / (s**2 + penalty))[:, None] * T)
    if a:
        weight = weight + a * np.eye(len(weight))
    held_out = new_NE[:judging] - missed(np.arange(judging), penalty)
    method = "ridge to identity" if a else "ridge"
    return Fit(method, unit, weight, before, new_NE.mean(axis=0), penalty, held_out)


def ridge_to_identity(
    old_ND: np.ndarray,
    new_NE: np.ndarray,
    unit: bool = False,
    *,
    cosine: bool = False,
    judges: int | None = None,
) -> Fit:
    """`ridge` drawn to a I, with a the number that fits best: W is a I where the pairs say nothing."""
    a = _scale(old_ND, new_NE)
    return replace(ridge(old_ND, new_NE, unit, cosine=cosine, a=a, judges=judges), method="ridge to identity")


def kernel(
    old_ND: np.ndarray,
    new_NE: np.ndarray,
    unit: bool = False,
    *,
    cosine: bool = False,
    judges: int | None = None,
) -> Fit:
    """A number times I where old and new vectors are of one length, and bumps about the pairs for what that misses.

    The penalty is the one with the least error of pairs that are left out. O(n^3).
    """
    a = _scale(old_ND, new_NE) if old_ND.shape[1] == new_NE.shape[1] else 0.0
    weight = a * np.eye(*(old_ND.shape[1], new_NE.shape[1]))
    before, after = old_ND.mean(axis=0), new_NE.mean(axis=0)
    x = old_ND - before
    target = new_NE - after - (a * x if a else 0.0)
    judged = new_NE[: judges or len(new_NE)]

    def wrong(missed_JE: np.ndarray) -> float:
        return float(errors_of(judged - missed_JE, judged, cosine).mean())

    bumps, missed = learn_bumps(x, target, wrong, len(judged))
    return Fit("kernel", unit, weight, before, after, 0.0, judged - missed, bumps)


def orthogonal(old_ND: np.ndarray, new_NE: np.ndarray, unit: bool = False) -> Fit:
    """The rotation (or reflection) R, scale c and b that make |new - c old R - b|^2 least.

    R is the identity in directions that no pair has. Pairs are left out in five parts.
    """
    n = len(old_ND)
    held_out = np.empty_like(new_NE)
    for fold in range(FOLDS):
        asked = np.arange(n) % FOLDS == fold
        W, before, after = _procrustes(old_ND[~asked], new_NE[~asked])
        held_out[asked] = (old_ND[asked] - before) @ W + after
    W, before, after = _procrustes(old_ND, new_NE)
    return Fit("orthogonal", unit, W, before, after, 0.0, held_out)


def errors_of(translated_NE: np.ndarray, new_NE: np.ndarray, cosine: bool) -> np.ndarray:
    """(n,) 1 - cosine, or the squared distance over the mean squared distance of the new vectors from their mean."""
    if cosine:
        return np.maximum(1 - (at_unit(translated_NE) * at_unit(new_NE)).sum(axis=1), 0)
    spread = ((new_NE - new_NE.mean(axis=0)) ** 2).sum(axis=1).mean()
    return ((translated_NE - new_NE) ** 2).sum(axis=1) / (spread or 1.0)


def named(fit: Fit) -> str:
    """What to call a map."""
    return fit.method + (", length 1" if fit.unit else "")


def moved(fit: Fit, old_ND: np.ndarray) -> np.ndarray:
    """Old vectors through a map, at the length that comes out."""
    old = at_unit(old_ND) if fit.unit else old_ND
    x = old - fit.before.astype(old.dtype)
    found = x @ fit.weight.astype(old.dtype) + fit.after.astype(old.dtype)
    return found if fit.bumps is None else found + fit.bumps.of(x)


def at_unit(vectors_ND: np.ndarray) -> np.ndarray:
    """Vectors at length 1, in their floating-point type; zeros stay zeros."""
    vectors = np.asarray(vectors_ND)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def _scale(old_ND: np.ndarray, new_NE: np.ndarray) -> float:
    """The number by which old vectors, about their mean, are nearest the new ones."""
    centred = old_ND - old_ND.mean(axis=0)
    return float((centred * (new_NE - new_NE.mean(axis=0))).sum() / (centred**2).sum())


def _procrustes(old_ND: np.ndarray, new_NE: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    before, after = old_ND.mean(axis=0), new_NE.mean(axis=0)
    x, y = old_ND - before, new_NE - after
    _, s, Vt = svd(np.concatenate([x, y]))
    span = Vt[s > s[0] * 1e-10].T  # directions that a pair has; the others stay as they are
    small = span.T @ x.T @ (y @ span)
    # a trace of the identity, so that what only one side has is not turned at random
    U, values, Wt = svd(small + 1e-9 * np.abs(small).max() * np.eye(len(small)))
    scale = float(values.sum() / (x**2).sum())
    return scale * (np.eye(x.shape[1]) + span @ (U @ Wt - np.eye(len(small))) @ span.T), before, after
