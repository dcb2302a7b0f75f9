"""A linear classifier on frozen vectors, as a learner to take apart.

The family: classifiers on the first c principal axes of the vectors of TRAIN, which are standardised on it and turned
once, without a look at labels. Training is full-batch gradient descent on cross-entropy, whose minimum is known; see
`softmax`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.checks import bad, check_number
from ...core.linalg import svd
from .plan import RUNGS, Question
from .softmax import descend, optimum, told

STEPS = 100
FACTORS = (0.1, 0.3, 1, 3, 10)  # times the steps that are asked for
OPTIMUM = "optimum"
MOST = 128  # axes of the largest member, where the user names none


@dataclass(frozen=True)
class LinearLearner:
    """The family on turned vectors.

    Attributes:
        train: (N, r) coordinates on the principal axes, the first the longest.
        labels: (N,) codes of classes.
        test: (images, r).
        truth: (images,) codes.
        axes: of each member, rising.
        steps: of gradient descent, rising; the next place is the minimum.
    """

    train: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    truth: np.ndarray
    axes: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def about(self) -> Mapping[str, Any]:
        """The learner's version."""
        return {"learner": "linear", "version": 1}

    @property
    def capacities(self) -> tuple[str, ...]:
        """What members are called."""
        return tuple(f"{one} axes" for one in self.axes)

    @property
    def lengths(self) -> tuple[str, ...]:
        """What lengths are called."""
        return (*(f"{one} step{'s' * (one != 1)}" for one in self.steps), OPTIMUM)

    def __call__(self, question: Question) -> np.ndarray:
        """Mistakes (lengths, images)."""
        axes, classes = self.axes[question.capacity], int(self.labels.max()) + 1
        X, y = self.train[question.rows, :axes], self.labels[question.rows]
        some = [place for place in question.lengths if place < len(self.steps)]
        found = dict(zip(some, descend(X, y, classes, [self.steps[place] for place in some])))
        if len(self.steps) in question.lengths:
            found[len(self.steps)] = optimum(X, y, classes)
        test = self.test[:, :axes]
        return np.array([told(test, found[one]) != self.truth for one in question.lengths], dtype=float)


def linear_learner(
    train: np.ndarray,
    labels: np.ndarray,
    test: np.ndarray,
    truth: np.ndarray,
    *,
    axes: Sequence[int] = (),
    steps: int = STEPS,
) -> LinearLearner:
    """Standardise vectors on TRAIN, and turn them onto its principal axes.

    Args:
        train: (N, d) vectors.
        labels: (N,) of at least two classes.
        test: (images, d).
        truth: (images,), each among `labels`.
        axes: how many the members of the family see; none: five, each half of the next, the largest as many as there
            are dimensions, a quarter of the samples, or 128.
        steps: the length of training that is asked for; a tenth, a third, three and ten times as many are tried, too.

    Raises:
        InputError: more axes than there are dimensions or samples, or none that varies.
    """
    check_number("--steps", steps, 1, whole=True)
    mean, scale = train.mean(axis=0, dtype=float), train.std(axis=0, dtype=float)
    scale[scale <= 1e-6 * max(float(scale.max()), 1e-30)] = np.inf  # dimensions that do not vary
    X, Z = ((side - mean) / scale for side in (train, test))
    _, values, turn = svd(X)
    rank = int((values > values[0] * 1e-6).sum()) if values[0] > 0 else 0
    if not rank:
        raise bad("TRAIN", "vectors that are all the same", "vectors that differ")
    if not axes:
        most = max(min(rank, MOST, len(train) // 4), 1)
        axes = [most >> rung for rung in range(RUNGS) if most >> rung >= 1]
    for one in axes:
        check_number("--axes", one, 1, rank, whole=True)
    classes, codes = np.unique(labels, return_inverse=True)
    size = np.sqrt((values[:rank] ** 2).sum() / len(train))  # so that vectors have length 1 on average
    X, Z = (np.ascontiguousarray(side @ turn[:rank].T / size) for side in (X, Z))
    several = sorted({max(round(steps * factor), 1) for factor in FACTORS})
    told_as = np.searchsorted(classes, truth)
    return LinearLearner(X, codes, Z, told_as, tuple(sorted(set(map(int, axes)))), tuple(several))
