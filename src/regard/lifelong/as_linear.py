"""The linear classifier that a learner on frozen vectors is, where it is one: read off its scores, for `predict`.

Scores at one point, and one step along each axis from there; then both score the vectors, and points twice as far out,
where a curve would show. Nearest means, discriminants and ridge regression are linear; random features, a covariance
for each class and angles are not. O(d) scores.
"""

from collections.abc import Iterator

import numpy as np

from ..representation.classifier import Classifier
from .frozen._common import Learner

SAME = 1e-4  # of the largest score: how far a linear map may be from the learner


def linear_map(model: Learner, X: np.ndarray) -> Classifier | None:
    """The linear classifier that a learner is, read off its scores; None where it decides in another way.

    Args:
        model: that knows two classes or more.
        X: (n, d) vectors to compare both on.
    """
    if len(getattr(model, "classes_", ())) < 2:
        return None

    def scores(points: np.ndarray) -> np.ndarray:
        found = model.decision_function(points)
        return found - found.mean(axis=1, keepdims=True)  # what all classes share decides nothing

    X = np.asarray(X, np.float64)
    origin, step = X.mean(axis=0), float(X.std()) or 1.0
    start = scores(origin[None])[0]
    weight = (
        np.concatenate([scores(origin + step * np.eye(len(origin))[part]) - start for part in _parts(len(origin))]).T
        / step
    )
    found = Classifier(
        weight.astype(np.float32), (start - weight @ origin).astype(np.float32), tuple(map(str, model.classes_))
    )
    # twice as far out as well, where a curve would show
    points = np.concatenate([X, 2 * X - origin])[:4096]
    wanted = scores(points)
    logits = found.logits(points)
    near = np.abs(logits - logits.mean(axis=1, keepdims=True) - wanted).max() <= SAME * np.abs(wanted).max()
    return found if near else None


def _parts(n: int) -> Iterator[slice]:
    return (slice(at, at + 256) for at in range(0, n, 256))
