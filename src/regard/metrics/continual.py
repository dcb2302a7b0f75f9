"""What a learner kept of a stream of tasks, from one matrix: A[t, j] is its score on task j after it learned task t.

Scores are any for which larger is better: accuracy, mAP or recall at 1 of retrieval, mIoU. Forgetting of retrieval is
forgetting of a matrix of retrieval scores. NaN says that a cell was not measured, and these rules hold everywhere:

- the end is the last row in which anything was measured, and tasks that were learned by then count;
- a column without any measured cell (a task that this learner cannot be scored on) is left out;
- where another cell is needed and was not measured, the result is NaN; a maximum is over what was measured.

Three definitions of forgetting are in use and give different numbers for one matrix; each has a name of its own here.

Lopez-Paz and Ranzato 2017, Gradient episodic memory for continual learning, NeurIPS. Chaudhry, Dokania, Ajanthan and
Torr 2018, Riemannian walk for incremental learning, ECCV. Rebuffi, Kolesnikov, Sperl and Lampert 2017, iCaRL, CVPR.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad

NAN = float("nan")


def final_accuracy(A: ArrayLike, learned: ArrayLike | None = None, weights: ArrayLike | None = None) -> float:
    """Mean score at the end: 1/T sum_j A[T, j] (Lopez-Paz and Ranzato 2017, ACC).

    Args:
        A: (rows, tasks) scores, NaN where not measured.
        learned: (tasks,) the row after which each task is learned; None: row j for task j. Streams of small chunks have
            more rows than tasks.
        weights: (tasks,) such as the number of test images, for the share of all of them; None: tasks count alike.

    Raises:
        InputError: no matrix of finite numbers and NaN, or others that do not fit it.

    >>> final_accuracy([[0.9, 0.1], [0.6, 0.8]])
    0.7
    """
    scores, rows, end = _checked(A, learned)
    return _mean(scores[end], _known(scores) & (rows <= end), _weights(weights, scores.shape[1]))


def incremental_average(A: ArrayLike, learned: ArrayLike | None = None, weights: ArrayLike | None = None) -> float:
    """Mean over time of the mean score on what was seen: 1/T sum_t 1/t sum_{j <= t} A[t, j] (Rebuffi et al. 2017).

    One term for each learned task, at the row where it is learned; the first is one of them. Arguments and errors as in
    `final_accuracy`.

    >>> incremental_average([[0.9, 0.1], [0.6, 0.8]])
    0.8
    """
    scores, rows, end = _checked(A, learned)
    heavy, known = _weights(weights, scores.shape[1]), _known(scores)
    at = np.unique(rows[known & (rows <= end)])
    return float(np.mean([_mean(scores[row], known & (rows <= row), heavy) for row in at])) if len(at) else NAN


def forgetting(A: ArrayLike, learned: ArrayLike | None = None) -> float:
    """Forgetting by Chaudhry et al. 2018: 1/(T-1) sum_{j < T} (max_{l < T} A[l, j] - A[T, j]).

    The maximum is over all rows before the last, also those before task j was learned. Negative where the end is better
    than anything before it. NaN with one task. Arguments and errors as in `final_accuracy`.

    >>> forgetting([[0.9, 0.1, 0.1], [0.7, 0.8, 0.2], [0.5, 0.9, 0.6]])
    0.15
    """
    scores, rows, end = _checked(A, learned)
    return _mean(_best(scores, 0, end) - scores[end], _known(scores) & (rows < end))


def forgetting_from_best(A: ArrayLike, learned: ArrayLike | None = None) -> float:
    """Forgetting as Mammoth, PyCIL and PILOT count it: 1/(T-1) sum_{j < T} (max_{j <= l <= T} A[l, j] - A[T, j]).

    The maximum includes the last row, so that what improved counts as 0 and never as negative: at least as large as
    the other two on a matrix that is measured from each task's learning on. Arguments and errors as in
    `final_accuracy`.

    >>> forgetting_from_best([[0.9, 0.1, 0.1], [0.7, 0.8, 0.2], [0.5, 0.9, 0.6]])
    0.2
    """
    scores, rows, end = _checked(A, learned)
    return _mean(_best(scores, rows, end + 1) - scores[end], _known(scores) & (rows < end))


def forgetting_from_first(A: ArrayLike, learned: ArrayLike | None = None) -> float:
    """Forgetting as Avalanche counts it: 1/(T-1) sum_{j < T} (A[j, j] - A[T, j]), which is minus `backward_transfer`.

    Arguments and errors as in `final_accuracy`.

    >>> forgetting_from_first([[0.9, 0.1, 0.1], [0.7, 0.8, 0.2], [0.5, 0.9, 0.6]])
    0.15
    """
    return 0.0 - backward_transfer(A, learned)  # never -0


def backward_transfer(A: ArrayLike, learned: ArrayLike | None = None) -> float:
    """What later tasks did to earlier ones: 1/(T-1) sum_{j < T} (A[T, j] - A[j, j]).

    Lopez-Paz and Ranzato 2017, BWT. Above 0: later tasks helped. Arguments and errors as in
    `final_accuracy`.

    >>> backward_transfer([[0.9, 0.1, 0.1], [0.7, 0.8, 0.2], [0.5, 0.9, 0.6]])
    -0.15
    """
    scores, rows, end = _checked(A, learned)
    return _mean(scores[end] - _when_learned(scores, rows, end), _known(scores) & (rows < end))


def forward_transfer(A: ArrayLike, baseline: ArrayLike, learned: ArrayLike | None = None) -> float:
    """What earlier tasks did for one that is not learned yet: 1/(T-1) sum_{j > 1} (A[j-1, j] - b_j).

    Lopez-Paz and Ranzato 2017, FWT. Where a task is learned in several rows (chunks), A[j-1, j] is the row
    at which the task before it is learned.

    Args:
        A: as in `final_accuracy`, measured above the diagonal too.
        baseline: (tasks,) scores of the untrained model.
        learned: as in `final_accuracy`.

    Raises:
        InputError: as in `final_accuracy`, or a baseline of another length.

    >>> forward_transfer([[0.9, 0.3], [0.6, 0.8]], [0.1, 0.1])
    0.2
    """
    scores, rows, end = _checked(A, learned)
    base = _row("baseline", baseline, scores.shape[1])
    before = np.array([max((row for row in rows if row < own), default=-1) for own in rows])
    counted = _known(scores) & (before >= 0) & (rows <= end)
    return _mean(scores[np.maximum(before, 0), np.arange(len(rows))] - base, counted)


def intransigence(A: ArrayLike, joint: ArrayLike, learned: ArrayLike | None = None) -> float:
    """How far the learner stays behind when a task is new: 1/T sum_j (a*_j - A[j, j]).

    Chaudhry et al. 2018, whose I_k is the k-th term. Below 0: earlier tasks helped with new ones.

    Args:
        A: as in `final_accuracy`.
        joint: (tasks,) a*_j, the score on task j of a model that learned tasks 1 to j together.
        learned: as in `final_accuracy`.

    Raises:
        InputError: as in `final_accuracy`, or a joint row of another length.

    >>> intransigence([[0.9, 0.1], [0.6, 0.7]], [0.9, 0.9])
    0.1
    """
    scores, rows, end = _checked(A, learned)
    best = _row("joint", joint, scores.shape[1])
    return _mean(best - _when_learned(scores, rows, end), _known(scores) & (rows <= end))


def over_time(measure: Callable[..., float], A: ArrayLike, learned: ArrayLike | None = None) -> np.ndarray:
    """A measure after each row, (rows,): of the matrix as it was then; NaN where that row was not measured.

    >>> over_time(forgetting, [[0.9, 0.1, 0.1], [0.7, 0.8, 0.2], [0.5, 0.9, 0.6]]).round(2).tolist()
    [nan, 0.2, 0.15]
    """
    scores, rows, _ = _checked(A, learned)
    known = np.isfinite(scores).any(axis=1)
    return np.array([measure(scores[: row + 1], rows) if known[row] else NAN for row in range(len(scores))])


def summary(
    A: ArrayLike,
    learned: ArrayLike | None = None,
    *,
    baseline: ArrayLike | None = None,
    joint: ArrayLike | None = None,
) -> dict[str, float]:
    """All of them by name; `forward_transfer` and `intransigence` where what they need is given.

    >>> sorted(summary([[0.9, 0.1], [0.6, 0.8]]))[:3]
    ['backward_transfer', 'final_accuracy', 'forgetting']
    """
    kept = (final_accuracy, incremental_average, backward_transfer)
    lost = (forgetting, forgetting_from_best, forgetting_from_first)
    found = {measure.__name__: measure(A, learned) for measure in (*kept, *lost)}
    if baseline is not None:
        found["forward_transfer"] = forward_transfer(A, baseline, learned)
    if joint is not None:
        found["intransigence"] = intransigence(A, joint, learned)
    return found


def _checked(A: ArrayLike, learned: ArrayLike | None) -> tuple[np.ndarray, np.ndarray, int]:
    """The matrix (rows, tasks), the row after which each task is learned, and the last row that was measured."""
    scores = np.array(A, dtype=np.float64)
    if scores.ndim != 2 or not scores.size:
        raise bad("A", f"shape {scores.shape}", "a matrix (rows, tasks): a row for each task that was learned")
    if np.isinf(scores).any():
        raise bad("A", "infinity", "numbers, and NaN where a score was not measured")
    n, tasks = scores.shape
    if learned is None:
        if n > tasks:
            raise bad("learned", f"nothing, with {n} rows and {tasks} tasks", "the row after which each is learned")
        rows = np.arange(tasks)
    else:
        rows = np.asarray(learned)
        if rows.shape != (tasks,) or rows.dtype.kind not in "iu" or (rows < 0).any():
            raise bad("learned", f"{rows.dtype} of shape {rows.shape}", f"({tasks},) whole numbers of at least 0")
    measured = np.flatnonzero(np.isfinite(scores).any(axis=1))
    if not len(measured):
        raise bad("A", "NaN in each cell", "a score that was measured")
    return scores, rows, int(measured[-1])


def _row(argument: str, given: ArrayLike, tasks: int) -> np.ndarray:
    row = np.array(given, dtype=np.float64)
    if row.shape != (tasks,) or np.isinf(row).any():
        raise bad(argument, f"shape {row.shape}", f"({tasks},) scores, one for each task")
    return row


def _weights(given: ArrayLike | None, tasks: int) -> np.ndarray:
    heavy = np.ones(tasks) if given is None else _row("weights", given, tasks)
    if not (heavy > 0).all():
        raise bad("weights", heavy.tolist(), "numbers above 0, such as how many images each task is tested on")
    return heavy


def _known(scores: np.ndarray) -> np.ndarray:
    """Which tasks were measured anywhere, (tasks,) of bool; the others are left out."""
    return np.isfinite(scores).any(axis=0)


def _best(scores: np.ndarray, first: np.ndarray | int, stop: int) -> np.ndarray:
    """The largest measured score of each task in rows first to stop - 1; NaN where none was measured there."""
    at = np.arange(len(scores))[:, None]
    inside = np.where((at >= first) & (at < stop) & np.isfinite(scores), scores, -np.inf).max(axis=0)
    return np.where(np.isfinite(inside), inside, NAN)


def _when_learned(scores: np.ndarray, rows: np.ndarray, end: int) -> np.ndarray:
    """The score of each task at the row where it is learned; of those that are not yet, any."""
    found: np.ndarray = scores[np.minimum(rows, end), np.arange(len(rows))]
    return found


def _mean(values: np.ndarray, counted: np.ndarray, heavy: np.ndarray | None = None) -> float:
    """The mean of the tasks that count; NaN where there is none."""
    if not counted.any():
        return NAN
    return float(np.average(values[counted], weights=None if heavy is None else heavy[counted]))
