"""Where a detector is looked at: the answers from one score on, the precision at each recall, how bad a picture is."""

from dataclasses import replace

import numpy as np

from .average_precision import POINTS
from .detection_kinds import KINDS, NO_ERROR, Judged
from .detection_pairs import Pairs
from .greedy_match import by_score

UNKNOWN = 0.5  # the threshold where no answer is right, so that none is better than another
RECALLS = POINTS["coco"]
_ABOUT = [KINDS.index(kind) for kind in ("localisation", "classification")]


def weight(pairs: Pairs, judged: Judged) -> float:
    """How much is wrong in one picture; 0 where all is found with a score of 1 and nothing else.

        sum of s^2 over wrong answers + sum of (1 - e^2) over objects that count

    with s an answer's score and e that of the surest answer that has the object or is an error about its place or class
    (0 where there is none). That is the number of errors at a threshold t, averaged over t in [0, 1] with density 2 t,
    so that sure errors weigh more.
    """
    square, counts = pairs.scores[judged.rows] ** 2, ~pairs.ignore
    about = judged.right | np.isin(judged.kind, _ABOUT)
    surest = np.zeros(len(counts))
    np.maximum.at(surest, judged.truth[about], square[about])
    return float(square[judged.kind != NO_ERROR].sum() + (1 - surest[counts]).sum())


def surer(pairs: Pairs, threshold: float) -> Pairs:
    """The same picture without answers below a score."""
    kept = pairs.scores >= threshold
    found = {name: getattr(pairs, name)[kept] for name in ("scores", "classes", "areas", "overlap")}
    return replace(pairs, **found)


def best_threshold(scores: np.ndarray, right: np.ndarray, objects: int) -> float:
    """The score from which on F1 is largest, the highest of equals; .5 where no answer is right.

    >>> best_threshold(np.array([0.9, 0.8, 0.3]), np.array([True, True, False]), 3)
    0.8
    """
    order = by_score(scores)
    hits, ranked = right[order].cumsum(), scores[order]
    if not len(order) or not hits[-1]:
        return UNKNOWN
    last = np.append(ranked[1:] < ranked[:-1], True)  # equal scores come together
    f1 = np.where(last, 2 * hits / (np.arange(1, len(order) + 1) + objects), -1.0)
    return float(ranked[f1.argmax()])


def precision_at(right: np.ndarray, wrong: np.ndarray, objects: int) -> np.ndarray:
    """Precision (101,) at the recalls whose mean is COCO's AP, of answers sorted by falling score; NaN without objects.

    >>> precision_at(np.array([True, False, True]), np.array([False, True, False]), 2)[[0, 50, 51, 100]].tolist()
    [1.0, 1.0, 0.6666667, 0.6666667]
    """
    if not objects:
        return np.full(len(RECALLS), np.nan)
    true, false = right.cumsum(), wrong.cumsum()
    whole = np.maximum(true + false, 1)
    best = np.append(np.maximum.accumulate((true / whole)[::-1])[::-1], 0.0)  # 0 where a recall is not reached
    return best[np.searchsorted(true / objects, RECALLS)]
