"""One linear SVM for each class, on those of very many negatives that are hard to tell from it.

Papers: Felzenszwalb, Girshick, McAllester, Ramanan 2010, Object detection with discriminatively trained part-based
models, TPAMI 32, section 4.4; Girshick et al. 2014 (R-CNN), section 2.3.

The idea: an SVM depends on the examples at its margin alone. So it is trained on few negatives; of all others those on
the wrong side of the margin come in, those far from it go out, and it is trained anew, until none comes in.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...core.checks import check_number
from ...core.runtime import numpy_rng

ROWS = 65_536  # scored at once
NEVER, EVEN = -20.0, 0.0  # margins where a class has no object, and where nothing is background


@dataclass(frozen=True)
class SvmSettings:
    """How SVMs are trained.

    Attributes:
        c: weight of an error, for vectors of a mean norm of 20.
        positive: an object's error counts so many times.
        passes: times that hard negatives are looked for; 0 learns from the first ones alone.
        first: negatives to begin with, drawn evenly, for each object of the class.
        hard: margin above which a negative comes in.
        easy: margin below which it goes out.
        most: negatives that come in at once, the hardest.
        seed: of the first ones.
    """

    c: float = 1e-3
    positive: float = 2.0
    passes: int = 4
    first: int = 3
    hard: float = -1.0
    easy: float = -1.2
    most: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_number("c", self.c, 0, open_low=True)
        check_number("positive", self.positive, 0, open_low=True)
        for name, low in (("passes", 0), ("first", 1), ("most", 1), ("seed", 0)):
            check_number(name, getattr(self, name), low, whole=True)
        check_number("hard", self.hard)
        check_number("easy", self.easy, high=self.hard)


@dataclass
class Svms:
    """Margins of a vector x: weights x + bias.

    Attributes:
        weights: (classes, d).
        bias: (classes,).
        negatives: how many each class was learned from, by pass.
        came: how many hard ones came in, likewise.
    """

    weights: np.ndarray
    bias: np.ndarray
    negatives: list[list[int]]
    came: list[list[int]]


def mined(
    objects: np.ndarray,
    classes: np.ndarray,
    pool: np.ndarray,
    background: np.ndarray,
    settings: SvmSettings,
    scale: float = 1.0,
) -> Iterator[Svms]:
    """The SVMs after the first negatives, and after each pass; the last is the one to use. O(passes * n * d).

    Args:
        objects: (m, d) vectors of objects.
        classes: (m,) their classes.
        pool: (n, d) vectors of proposals; may lie on disk.
        background: (n, classes) whether a proposal may stand for what is not the class.
        settings: see there.
        scale: SVMs are those of vectors times this.
    """
    count = background.shape[1]
    made = Svms(np.zeros((count, pool.shape[1])), np.full(count, EVEN), [], [])
    held: list[np.ndarray] = []
    for one in range(count):
        there = np.flatnonzero(background[:, one])
        wanted = max(1, settings.first * int((classes == one).sum()))
        rng = numpy_rng(settings.seed, "first negatives", one)
        held.append(np.sort(rng.permutation(there)[:wanted]))
    for step in range(settings.passes + 1):
        came = [0] * count
        if step:
            margins = scored(pool, made, scale)
            for one in range(count):
                known = np.zeros(len(pool), dtype=bool)
                known[held[one]] = True
                hard = np.flatnonzero(background[:, one] & ~known & (margins[:, one] > settings.hard))
                hard = hard[np.argsort(-margins[hard, one], kind="stable")[: settings.most]]
                kept = held[one][margins[held[one], one] >= settings.easy]
                came[one] = len(hard)
                if len(hard):
                    held[one] = np.sort(np.concatenate([kept, hard]))
        if step and not any(came):
            return
        for one in range(count):
            if step and not came[one]:
                continue
            made.weights[one], made.bias[one] = svm(objects[classes == one] * scale, pool[held[one]] * scale, settings)
        made.negatives.append([len(rows) for rows in held])
        made.came.append(came)
        yield Svms(made.weights.copy(), made.bias.copy(), list(made.negatives), list(made.came))


def scored(pool: np.ndarray, svms: Svms, scale: float = 1.0) -> np.ndarray:
    """The margins (n, classes) of vectors times `scale`."""
    weights = (scale * svms.weights.T).astype(pool.dtype)
    parts = [pool[at : at + ROWS] @ weights for at in range(0, len(pool), ROWS)]
    return np.concatenate([np.zeros((0, len(svms.bias)), pool.dtype), *parts]) + svms.bias


def svm(objects: np.ndarray, negatives: np.ndarray, settings: SvmSettings) -> tuple[np.ndarray, float]:
    """Weights (d,) and bias of one linear SVM; without objects, or without negatives, a margin that is always the same.

    Minimises |w|^2 / 2 + b^2 / 200 + c * sum of hinge losses, those of objects `positive` times.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    if not len(objects) or not len(negatives):
        return np.zeros(objects.shape[1]), NEVER if not len(objects) else EVEN
    both = np.concatenate([objects, negatives]).astype(np.float64)
    labels = np.repeat([1, 0], [len(objects), len(negatives)])
    made = LinearSVC(
        C=settings.c,
        loss="hinge",
        intercept_scaling=10.0,
        class_weight={1: settings.positive, 0: 1.0},
        random_state=0,
        tol=1e-3,
        max_iter=5_000,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough: hard negatives change it more
        made.fit(both, labels)
    return made.coef_[0], float(made.intercept_[0])
