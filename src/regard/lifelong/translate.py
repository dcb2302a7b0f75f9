"""Vectors of one representation as those of another: a map, learned from a few images that have both.

Every map of `translate_maps` is tried, and the one is taken that misses least of images that are left out one at a
time. Where other images teach as well, each is tried with them and without. By cosine each is learned from the vectors
as they are, and from those at length 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_matrix
from .expected_error import Expected, learn_expected
from .translate_maps import Fit, at_unit, errors_of, fits, moved, named

FEWEST = 8  # pairs; from fewer nothing can be left out that says something


@dataclass(frozen=True)
class Translation:
    """A learned map from old to new vectors, and what is to be expected of it.

    Attributes:
        fit: the map that was taken.
        length: that translated vectors get; 0 where they are left as they come.
        errors: (n,) of the pairs, each left out: 1 - cosine, or the squared distance over the new vectors' variance.
        tried: mean error of each map that was tried, by its name.
        expected: the model of an image's error; see `expected_error`.
    """

    fit: Fit
    length: float
    errors: np.ndarray
    tried: dict[str, float]
    expected: Expected

    @property
    def name(self) -> str:
        """The method, and whether at length 1."""
        return named(self.fit)

    @property
    def also(self) -> int:
        """How many other images taught the map."""
        return len(self.expected.known) - len(self.errors)

    @property
    def held_out(self) -> np.ndarray:
        """(n, e) each pair's translation by a map that was learned from the others."""
        return self._scaled(self.fit.held_out)

    def apply(self, old_ND: np.ndarray) -> np.ndarray:
        """Old vectors (n, d) as new ones (n, e), in their floating-point type. O(n d e)."""
        old = np.asarray(old_ND)
        old = old if old.dtype.kind == "f" else old.astype(np.float64)
        return self._scaled(moved(self.fit, old)).astype(old.dtype)

    def error_of(self, old_ND: np.ndarray) -> np.ndarray:
        """(n,) the error that is to be expected of the translation of old vectors (n, d), as `errors` has it."""
        return self.expected.of(at_unit(old_ND) if self.fit.unit else np.asarray(old_ND, np.float64))

    def _scaled(self, new_NE: np.ndarray) -> np.ndarray:
        return self.length * at_unit(new_NE) if self.length else new_NE


def learn_translation(
    old_ND: ArrayLike, new_NE: ArrayLike, *, cosine: bool = True, also: tuple[ArrayLike, ArrayLike] | None = None
) -> Translation:
    """Learn to translate old vectors into new ones. O(n min(n, d) (d + e)), and O(d^3) at most.

    Args:
        old_ND: (n, d) of some images.
        new_NE: (n, e) of the same images.
        cosine: whether vectors are compared by cosine, so that their length does not count.
        also: (m, d) and (m, e) of other images, which teach the map, too, but do not judge it.

    Raises:
        InputError: other numbers of rows, vectors of other lengths, fewer than 8, NaN, or old vectors that are all
            alike.
    """
    old = np.asarray(check_matrix("old", old_ND, min_rows=FEWEST), np.float64)
    new = np.asarray(check_matrix("new", new_NE, min_rows=FEWEST), np.float64)
    if len(old) != len(new):
        raise bad("new", f"{len(new)} vectors", f"{len(old)}, one for each old one")
    if not np.ptp(old, axis=0).any():
        raise bad("old", f"{len(old)} vectors that are all alike", "vectors that differ")
    many = len(old)
    if also is not None:
        sides = zip(also, (old, new), strict=True)
        more = [np.asarray(check_matrix("also", one, columns=own.shape[1]), np.float64) for one, own in sides]
        if len(more[0]) != len(more[1]):
            raise bad("also", f"{len(more[0])} old and {len(more[1])} new vectors", "as many of each")
        old, new = np.concatenate([old, more[0]]), np.concatenate([new, more[1]])
    alone = _fits(old[:many], new[:many], cosine)
    # what others teach may be of another kind than the pairs: then the pairs alone are better
    taught = [] if also is None else _fits(old, new, cosine, many)
    tried = taught + alone
    errors = [errors_of(fit.held_out, new[:many], cosine) for fit in tried]
    best = int(np.argmin([round(float(one.mean()), 12) for one in errors]))  # of equals the first
    fit = tried[best]
    own, known = (taught, old) if best < len(taught) else (alone, old[:many])
    expected = learn_expected(at_unit(known) if fit.unit else known, errors[best], _penalty(own, fit))
    length = float(np.median(np.linalg.norm(new[: len(known)], axis=1))) if fit.unit else 0.0
    names = [named(one) for one in taught] + [named(one) + (", pairs alone" if taught else "") for one in alone]
    means = {name: float(error.mean()) for name, error in zip(names, errors)}
    return Translation(fit, length, errors[best], means, expected)


def _fits(old_ND: np.ndarray, new_NE: np.ndarray, cosine: bool, judges: int | None = None) -> list[Fit]:
    """Every map, of vectors as they are, and by cosine of those at length 1 as well."""
    spaces = [(old_ND, new_NE, False), *([(at_unit(old_ND), at_unit(new_NE), True)] if cosine else [])]
    return [fit for old, new, unit in spaces for fit in fits(old, new, unit, cosine, judges)]


def _penalty(tried: list[Fit], fit: Fit) -> float:
    """The penalty that leverages are counted with; other maps have none, and take that of the ridge."""
    return fit.penalty or next(one.penalty for one in tried if one.unit == fit.unit and one.penalty)
