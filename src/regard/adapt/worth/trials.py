"""The trials behind a comparison: what a seed draws, what an estimator did with it, and the row that follows."""

import time
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import StratifiedKFold

from ...core.checks import bad
from ...core.runtime import numpy_rng
from ...metrics.contrast import contrast
from ...metrics.intervals import accuracy_interval
from ..choose.select import Choice
from ..classifier import ClassifierLike, fit_classifier, probabilities
from ..contract import UNKNOWN, ShallowAdapter
from ..shift.measure import Shift, shift
from .comparison import Row


@dataclass(frozen=True)
class Draw:
    """What one seed draws: source rows to learn from, and target rows whose label the methods know."""

    seed: int
    source: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class Task:
    """Both domains with all labels, and the draws.

    `given`: the first rows of the target, whose labels every draw knows. `varied`: each draw has samples of its own.
    `share`: of the source, that each draw takes. `halves`: draws are the two halves of the source, cut anew for each
    pair. `origin`: (ns,) the name of each source sample's domain, where there are several.
    """

    Xs: np.ndarray
    ys: np.ndarray
    Xt: np.ndarray
    yt: np.ndarray
    draws: tuple[Draw, ...]
    shift_samples: int
    given: int = 0
    varied: bool = False
    share: float = 1.0
    halves: bool = False
    origin: np.ndarray | None = None


@dataclass(frozen=True)
class Run:
    """What one estimator did.

    Attributes:
        right: (draws, nt) 1 where it was right, NaN where the label was known.
        predictions: (nt,) of the first draw.
        seconds: to fit and predict, mean over draws.
        left: the shift between the mapped domains in the first draw.
        choice: of `auto`, in the first draw.
    """

    right: np.ndarray
    predictions: np.ndarray
    seconds: float
    left: Shift | None
    choice: Choice | None = None


def draw(ys: np.ndarray, yt: np.ndarray, share: float, shots: int, seed: int, given: int = 0) -> Draw:
    """Draw a share of each source class, and `shots` target samples of each class (one at least stays to score).

    The first `given` target samples are known in any case, and not drawn.
    """
    rng = numpy_rng(seed, "draw")
    rows, known = np.arange(len(ys)), np.arange(given)
    if share < 1:
        rows = np.concatenate([part[: max(1, round(share * len(part)))] for part in _shuffled(ys, rng)])
    if shots:
        parts = [given + np.flatnonzero(yt[given:] == label) for label in np.unique(yt[given:])]
        known = np.concatenate([known, *(rng.permutation(part)[: min(shots, len(part) - 1)] for part in parts)])
        if not np.isin(yt[known], ys).any():
            raise bad("shots", shots, "classes with at least 2 target samples, of which one is scored")
    return Draw(seed, np.sort(rows), np.sort(known))


def halved(one: Draw, other: Draw, ys: np.ndarray) -> tuple[Draw, Draw]:
    """The same draws with the two halves of the source, class by class; a class of one sample is in both."""
    first, second = [], []
    for at, part in enumerate(_shuffled(ys, numpy_rng(one.seed, "halves"))):
        cut = (len(part) + at % 2) // 2
        first.append(part[:cut] if cut else part)
        second.append(part[cut:] if cut < len(part) else part)
    a, b = (np.sort(np.concatenate(parts)) for parts in (first, second))
    return replace(one, source=a), replace(other, source=b)


def _shuffled(ys: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    return [rng.permutation(np.flatnonzero(ys == label)) for label in np.unique(ys)]


def run(estimator: ShallowAdapter, task: Task, sees_labels: bool) -> Run:
    """Fit an estimator on each draw (on the first alone, where nothing differs) and predict the target.

    `sees_labels`: whether it may see the labels that the draw makes known.
    """
    drawing = "random_state" in estimator.get_params(deep=False)
    sees_labels = sees_labels and type(estimator).uses_target_labels
    right, first, seconds = [], None, 0.0
    for one in task.draws if drawing or task.varied else task.draws[:1]:
        if drawing:
            estimator.set_params(random_state=one.seed)
        labels = np.full(len(task.yt), UNKNOWN, dtype=object)
        if sees_labels:
            labels[one.known] = task.yt[one.known]
        start = time.perf_counter()
        found = fitted(estimator, task, one.source, labels).predict(task.Xt)
        seconds += time.perf_counter() - start
        right.append(np.where(np.isin(np.arange(len(found)), one.known), np.nan, found == task.yt))
        if first is None:
            names = "source" if task.origin is None else task.origin[one.source]
            mapped = estimator.transform(task.Xs[one.source], domain=names), estimator.transform(task.Xt)
            left = shift(*mapped, seed=one.seed, permutations=0, max_samples=task.shift_samples, more=False)
            first = found[task.given :], left, getattr(estimator, "choice_", None)
    assert first is not None
    return Run(np.array(right), first[0], seconds / len(right), *first[1:])


def fitted(estimator: ShallowAdapter, task: Task, rows: np.ndarray, labels: np.ndarray) -> ShallowAdapter:
    """The estimator, fitted to some rows of the source, and to the target with labels (nt,), some of them unknown."""
    if task.origin is None:
        return estimator.fit(task.Xs[rows], task.ys[rows], task.Xt, labels)
    y = np.array([*task.ys[rows], *labels], dtype=object)
    names = np.array([*task.origin[rows], *["target"] * len(task.Xt)])
    return estimator.fit(np.concatenate([task.Xs[rows], task.Xt]), y, domains=names)


def as_row(name: str, found: Run, base: Run, is_base: bool, task: Task) -> Row:
    """The row of a run, set against the baseline on the same draws and samples.

    Without draws of its own a comparison knows one source only: the intervals are then over target samples, and what
    another source would give is not known, and there is no verdict.
    """
    one_source = task.share == 1
    if task.varied:
        share = None if one_source else task.share
        accuracy = accuracy_interval(found.right, share=share, halves=task.halves)
        gain = contrast(found.right, base.right, share=share, halves=task.halves)
    else:
        each, other = found.right.mean(axis=0), base.right.mean(axis=0)  # NaN, and not scored, where a draw knew it
        accuracy, gain = accuracy_interval(each), contrast(each, other)
    gain = replace(gain, draws=1) if one_source or not task.varied else gain
    own = (None, None) if is_base else (gain, found.left)
    return Row(name, accuracy, own[0], found.seconds, own[1], found.predictions, found.right)


def oracle(classifier: ClassifierLike, task: Task) -> Run | None:
    """The classifier in cross-validation on the target with its labels; None where a class has a single sample."""
    X, start = task.Xt[task.given :], time.perf_counter()
    classes, codes, counts = np.unique(task.yt[task.given :], return_inverse=True, return_counts=True)
    folds = int(min(5, counts.min()))
    if folds < 2 or len(classes) < 2:
        return None
    split = StratifiedKFold(folds, shuffle=True, random_state=task.draws[0].seed)
    found = np.empty(len(codes), int)
    for fit, check in split.split(X, codes):
        found[check] = probabilities(fit_classifier(classifier, X[fit], codes[fit]), X[check]).argmax(axis=1)
    right = np.tile(np.concatenate([np.full(task.given, np.nan), found == codes]), (len(task.draws), 1))
    for row, one in zip(right, task.draws):
        row[one.known] = np.nan
    return Run(right, classes[found], time.perf_counter() - start, None)
