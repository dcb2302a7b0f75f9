"""What to do with a collection's vectors before searching them by cosine, learned from these vectors."""

import numpy as np
from numpy.typing import ArrayLike

from ...core.checks import check_labels, check_matrix
from ...core.runtime import numpy_rng
from ...metrics.knn import unit
from ._covariance import LEAST
from .learned import LearnedWhiten
from .pca import PCAWhiten
from .steps import L2, Chain

_MOST = 100_000  # rows that are learned from


def fit_whitening(
    vectors_ND: ArrayLike, labels: ArrayLike | None = None, dim: int | None = None, seed: int = 0
) -> Chain:
    """Length 1, whitening, length 1, learned from a collection's own vectors: what to do before searching by cosine.

    Args:
        vectors_ND: (n, d), n at least 10.
        labels: (n,) which thing each row shows, where that is known: then the map is `LearnedWhiten`. Classes are
            not things: pictures of two cats differ in what tells one cat from the other.
        dim: numbers a vector keeps; by default all, since fewer cost recall.
        seed: draws 100,000 rows (whole groups, where there are labels) of a larger collection.

    Without labels variances are taken to the power of 0.25: half way to full whitening lost nowhere that we measured.

    Raises:
        InputError: as `PCAWhiten.fit` and `LearnedWhiten.fit`.
    """
    X = check_matrix("vectors", vectors_ND, min_rows=LEAST)
    groups = (
        np.arange(len(X))
        if labels is None
        else np.unique(check_labels("labels", labels, len(X)), return_inverse=True)[1]
    )
    if len(X) > _MOST:
        sizes = np.bincount(groups)
        order = numpy_rng(seed, "whitening").permutation(len(sizes))
        rows = np.isin(groups, order[np.cumsum(sizes[order]) - sizes[order] < _MOST])
        X, groups = X[rows], groups[rows]
    X = unit(X)
    learned = PCAWhiten.fit(X, dim, power=0.25) if labels is None else LearnedWhiten.fit(X, groups, dim)
    return Chain((L2(), learned, L2()))
