"""Whether scores mean what they say: of the answers with a score of .8, are 80 % right?

    ECE = sum over bins b of n_b / n * |share right in b - mean score in b|

(Naeini et al. 2015, Obtaining well calibrated probabilities, AAAI; Guo et al. 2017, On calibration of modern neural
networks, arXiv 1706.04599; for detection, where the share right is the precision, Küppers et al. 2020, arXiv
2004.13546.) Bins are of equal width, or hold equally many answers (Nixon et al. 2019, arXiv 1904.01685). Of few answers
ECE is too high on average, as every bin differs a little by chance: compare figures of as many answers in as many bins.
It says nothing of what was missed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_choice, check_number
from .detection_answers import answers
from .detection_pairs import Pairs

KINDS = ("width", "mass")


@dataclass(frozen=True)
class Bin:
    """A row of a reliability diagram.

    Attributes:
        low: the lowest score in it; with `width`, its lower edge.
        high: the highest score in it; with `width`, its upper edge.
        count: how many answers, at least 1.
        score: their mean score.
        right: share of them that is right.
    """

    low: float
    high: float
    count: int
    score: float
    right: float

    def as_dict(self) -> dict[str, float]:
        """Plain values for JSON."""
        return asdict(self)


def answer_rows(pairs: Pairs, threshold: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,) and whether right (n,) bool of what was found in a picture, without what does not count.

    Those of several pictures are put one after another with `np.concatenate`.
    """
    found = answers(pairs, threshold)
    return pairs.scores[found.rows[found.counts]], found.right[found.counts]


def reliability(scores: ArrayLike, right: ArrayLike, bins: int = 10, kind: str = "width") -> list[Bin]:
    """Answers by score, from the lowest bin on; bins without any are left out.

    Args:
        scores: (n,) in [0, 1].
        right: (n,) bool.
        bins: how many at most.
        kind: `width`: bin k holds scores in (k / bins, (k + 1) / bins], the first also 0. `mass`: each holds n / bins
            answers, as far as equal scores, which stay together, allow.

    Raises:
        InputError: scores outside [0, 1], as logits are, NaN, or another length.

    >>> rows = reliability([0.2, 0.9, 0.9, 1.0], [False, True, False, True], bins=2)
    >>> [(one.count, one.score, one.right) for one in rows]
    [(1, 0.2, 0.0), (3, 0.9333333, 0.6666667)]
    """
    value, hit = _checked(scores, right)
    check_number("bins", bins, 1, whole=True)
    check_choice("kind", kind, KINDS)
    if not len(value):
        return []
    if kind == "width":
        edges = np.arange(bins + 1) / bins
        place = np.maximum(np.searchsorted(edges, value) - 1, 0)
    else:
        _, group, count = np.unique(value, return_inverse=True, return_counts=True)
        middle = count.cumsum() - count / 2
        place = np.floor(middle / len(value) * bins).astype(np.int64)[group]
    rows = []
    for one in np.unique(place):
        inside = place == one
        own = value[inside]
        ends = (edges[one], edges[one + 1]) if kind == "width" else (own.min(), own.max())
        rows.append(Bin(float(ends[0]), float(ends[1]), len(own), float(own.mean()), float(hit[inside].mean())))
    return rows


def calibration_error(scores: ArrayLike, right: ArrayLike, bins: int = 10, kind: str = "width") -> float:
    """Expected calibration error in [0, 1], as `reliability`; NaN where there is no answer.

    >>> calibration_error([0.75, 0.75, 0.75, 0.75], [True, True, True, False])
    0.0
    """
    return error_of(reliability(scores, right, bins, kind))


def error_of(rows: Sequence[Bin]) -> float:
    """The expected calibration error of a reliability diagram."""
    total = sum(row.count for row in rows)
    return sum(row.count * abs(row.right - row.score) for row in rows) / total if total else float("nan")


def _checked(scores: ArrayLike, right: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    value, hit = np.asarray(scores, dtype=np.float64), np.asarray(right)
    hit = hit.astype(bool) if hit.size == 0 else hit
    if value.ndim != 1 or hit.shape != value.shape or hit.dtype.kind not in "biu":
        raise bad("right", f"{hit.dtype} of shape {hit.shape}", f"right or wrong for each score, shape {value.shape}")
    if not ((value >= 0) & (value <= 1)).all():
        raise bad("scores", "NaN or a score outside [0, 1]", "probabilities", "Put logits through a sigmoid first.")
    return value, hit.astype(bool)
