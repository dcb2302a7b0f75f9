"""What is wrong with each wrong answer of a detector: six kinds of error (Bolya et al. 2020, TIDE, arXiv 2008.08115).

With f = .5, b = .1, s the largest overlap of a wrong answer with true objects of its class and o with those of others,
the first that holds:

    localisation     b <= s < f: the right class, not well placed
    classification   o >= f: well placed, another class
    duplicate        s >= f: what it overlaps with is taken by a surer one
    background       s <= b and o <= b: nothing is there
    both             else: ill placed, another class

and `missed` are true objects that nothing has, and that no localisation or classification error points at. Objects that
are ignored are no error, and an answer that has one is none.
"""

from dataclasses import dataclass

import numpy as np

from ..core.checks import check_number
from .detection_answers import answers
from .detection_pairs import Pairs
from .greedy_match import FREE

KINDS = ("classification", "localisation", "both", "duplicate", "background", "missed")
FOREGROUND, BACKGROUND = 0.5, 0.1
NO_ERROR = -1
_CLASS, _PLACE, _BOTH, _DOUBLE, _NOTHING, _MISSED = range(len(KINDS))


@dataclass(frozen=True)
class Judged:
    """The answers of one picture, from the surest on.

    Attributes:
        rows: (n,) which found objects of the `Pairs` they are.
        right: (n,) bool.
        kind: (n,) places in `KINDS`, -1 where there is no error.
        truth: (n,) the true object that it has, or that the error is about; -1 where none.
        found: (m,) bool, true objects that count and that an answer has.
        missed: (m,) bool.
    """

    rows: np.ndarray
    right: np.ndarray
    kind: np.ndarray
    truth: np.ndarray
    found: np.ndarray
    missed: np.ndarray


def judge(pairs: Pairs, foreground: float = FOREGROUND, background: float = BACKGROUND) -> Judged:
    """Sort the errors of one picture.

    Args:
        pairs: what was found and what is there.
        foreground: overlap from which on something is found.
        background: overlap up to which nothing is there, below `foreground`.

    Raises:
        InputError: overlaps that are not 0 <= background < foreground <= 1.

    >>> from regard.metrics.detection_pairs import box_pairs
    >>> found = judge(box_pairs([[0, 0, 9, 9], [0, 0, 9, 3]], [0.9, 0.8], [1, 0], [[0, 0, 9, 9]], [0]))
    >>> [KINDS[kind] for kind in found.kind], found.missed.tolist()
    (['classification', 'localisation'], [False])
    """
    check_number("foreground", foreground, 0, 1, open_low=True)
    check_number("background", background, 0, float(np.nextafter(foreground, 0)))
    given = answers(pairs, foreground)
    counts, truth = ~pairs.ignore, given.truth.copy()
    found = np.zeros(len(counts), dtype=bool)
    found[truth[given.right]] = True
    kind = np.full(len(truth), NO_ERROR)
    wrong = np.flatnonzero(given.wrong)
    if counts.any():
        rows, there = given.rows[wrong], np.flatnonzero(counts)
        overlap = pairs.overlap[np.ix_(rows, there)]
        same = pairs.classes[rows][:, None] == pairs.truth_classes[there]
        own, own_at = _largest(np.where(same, overlap, -1.0))
        other, other_at = _largest(np.where(same, -1.0, overlap))
        tests = [
            (_PLACE, (own >= background) & (own < foreground) & (own > 0), own_at),
            (_CLASS, other >= foreground, other_at),
            (_DOUBLE, own >= foreground, own_at),
            (_NOTHING, (own <= background) & (other <= background), np.full(len(rows), FREE)),
            (_BOTH, np.ones(len(rows), dtype=bool), other_at),
        ]
        kind[wrong] = np.select([test for _, test, _ in tests], [one for one, _, _ in tests])
        at = np.select([test for _, test, _ in tests], [place for _, _, place in tests])
        truth[wrong] = np.where(at == FREE, FREE, there[at])
    else:
        kind[wrong] = _NOTHING
    pointed = np.zeros(len(counts), dtype=bool)
    pointed[truth[(kind == _PLACE) | (kind == _CLASS)]] = True
    return Judged(given.rows, given.right, kind, truth, found, counts & ~found & ~pointed)


def _largest(overlap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest of each row (r,), and where it is."""
    at = overlap.argmax(axis=1)
    return overlap[np.arange(len(overlap)), at], at
