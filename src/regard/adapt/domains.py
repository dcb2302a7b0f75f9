"""Which samples are source and which are target, and in what order a method sees them."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad


@dataclass(frozen=True)
class Domains:
    """What a method learns from, checked, in float64, in an order that does not depend on the caller's.

    Attributes:
        Xs: (ns, d) source samples.
        ys: (ns,) their classes, whole numbers from 0 that point into `classes_`.
        Xt: (nt, d) target samples.
        known: (k,) the rows of `Xt` whose label is known; often none.
        yt: (k,) the classes of these rows.
        origin: (ns,) which of `sources` each source sample comes from.
        sources: names of the source domains; ("source",) where they were not named.
    """

    Xs: np.ndarray
    ys: np.ndarray
    Xt: np.ndarray
    known: np.ndarray
    yt: np.ndarray
    origin: np.ndarray
    sources: tuple[str, ...]


def pooled(n: int, known: np.ndarray, domains: ArrayLike | None, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Which of the n rows are the target, and the name of each row's domain."""
    if domains is None:
        if known.all():
            warnings.warn(
                "fit(X, y) has no target: no domains= and no UNKNOWN label. Nothing is adapted; this is a classifier "
                "of the source alone. Use fit(Xs, ys, Xt) or fit(X, y, domains=...).",
                UserWarning,
                stacklevel=3,
            )
        return ~known, np.where(known, "source", "target")
    names = np.asarray(domains)
    if names.shape != (n,):
        raise bad("domains", f"shape {names.shape}", f"one name for each of the {n} rows, shape ({n},)")
    names = names.astype(str)
    is_target, found = names == str(target), sorted(set(names.tolist()))
    if not is_target.any():
        raise bad("target", repr(target), f"one of the domains {', '.join(found)}", "Say target='NAME'.")
    if is_target.all():
        raise bad("domains", f"{target!r} only", "a source domain beside the target")
    if str(target) != "target" and "target" in found:
        raise bad("domains", "a source named 'target'", "another name for that source", "Rename it.")
    if str(target) == "source":
        raise bad("target", "'source'", "another name for the target", "Rename it.")
    return is_target, names


def value_order(X: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """An order of the rows that depends on their values alone: ties, draws and rounding are then everyone's same."""
    digests = np.array([blake2b(row.tobytes(), digest_size=16).digest() for row in np.ascontiguousarray(X)], "V16")
    return np.lexsort((*keys, digests.view(">u8")[1::2], digests.view(">u8")[::2]))


def by_name(
    function: Callable[[np.ndarray, str], np.ndarray], X: np.ndarray, names: np.ndarray, chunk: int = 4096
) -> np.ndarray:
    """Apply a row-wise function of (rows, domain) to the rows of each domain, `chunk` rows at a time.

    The results (n, k) keep the order of the rows. Chunks bound the memory of kernels and distances to all training
    samples, however many rows come.
    """
    out: np.ndarray | None = None
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        for start in range(0, len(rows), chunk):
            part = rows[start : start + chunk]
            # all rows of one domain: a view, not a copy
            found = function(X if len(part) == len(X) else X[part], str(name))
            if len(part) == len(X):
                return found
            if out is None:
                out = np.empty((len(X), found.shape[1]))
            out[part] = found
    assert out is not None  # X has at least one row: checked at the public edge
    return out
