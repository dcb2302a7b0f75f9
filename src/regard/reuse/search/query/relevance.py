"""Where results stop being relevant: those that are nearer than pairs of the collection come by chance.

A score means little by itself: 0.8 is a copy in one collection and any two images in another. So each is turned into
the share of random pairs of the collection that score as much, its p-value; as n items were searched, the first r
results are kept for the largest r with p(r) <= q r / n (Benjamini and Hochberg 1995, Controlling the false discovery
rate, J. R. Stat. Soc. B 57). Where nothing is near enough, nothing is kept.

With a million items p-values below those that any sample shows matter, so the upper tail is fitted. As two vectors
come close, the share of pairs nearer than r falls as r^m, m the local dimension; its maximum-likelihood estimate is
Hill's (1975, A simple general approach to inference about the tail of a distribution, Ann. Stat. 3). So the end is
known to be at distance 0, which a generalized Pareto tail of the cosine has to guess, and guesses badly where classes
make up the tail.

Where classes make up the tail, it tells of them and not of chance. So m is estimated in several windows, from the
median pair to the nearest ones, and the steepest is carried on: where all is alike that is the last, as m grows
towards the end; where some per cent of the pairs are of one kind, it is the one before they set in.

So images of one kind are kept where there are many kinds, as copies and the same object are; where kinds are few, such
as ten digits, they make up the background and nothing stands out (with `labels`, pairs of one label are left out of
it, and the kind is kept too). The background is one for all queries: a query that is near to everything (a hub) has
too many results. P-values are no better than the fit. Of queries of noise 2 to 4 % keep something where the collection
is noise, too; a hub among them can keep all that is shown.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ....core.checks import bad, check_labels, check_matrix, check_number
from ....core.runtime import numpy_rng
from ....metrics.knn import unit

PAIRS, Q = 200_000, 0.05
LEAST = 1000  # scores below which nothing can be said about a tail
_SHARES, _TAIL = (0.5, 0.25, 0.1, 0.03, 0.01, 0.003), 50  # where windows begin; scores in the last one at least
_CLEARLY = 1.3  # times as steep as the last window: fifty scores give its slope to within 14 %
_NEAREST = 1e-3  # distances below it are rounding of single precision
_PIECE = 16_384  # pairs compared at once
_SLACK = 1e-3


@dataclass(frozen=True)
class Background:
    """How cosines of pairs that have nothing to do with one another are distributed; see `of` and `background`.

    Attributes:
        cosines: (p,) those that were sampled, rising.
        edge: the cosine where the fitted tail begins.
        share: the share of pairs above the edge.
        dimension: the tail's exponent m; 0 where there is no tail to fit, as the nearest are all alike.
    """

    cosines: np.ndarray
    edge: float
    share: float
    dimension: float

    @staticmethod
    def of(cosines: ArrayLike) -> "Background":
        """The background that these cosines are a sample of, at least 1000.

        With r = |x - y| = sqrt(2 - 2 cosine): between the edges where shares s and t of the pairs are nearer,
        m = log(s / t) / log(r_s / r_t); among the 0.3 % nearest (at least 50), m = 1 / mean(log(r_edge / r)).
        """
        values = np.asarray(cosines, np.float64)
        if (
            values.ndim != 1
            or len(values) < LEAST
            or not np.isfinite(values).all()
            or np.abs(values).max() > 1 + _SLACK
        ):
            raise bad("cosines", f"an array of shape {values.shape}", f"at least {LEAST} cosines (p,), without NaN")
        values = np.sort(values)
        many = [max(_TAIL, round(share * len(values))) for share in _SHARES]
        edges = [float(values[-one - 1]) for one in many]
        slopes = [
            _inverse(float(_log_distance(edge) - _log_distance(end)) / np.log(one / fewer))
            for edge, end, one, fewer in zip(edges, edges[1:], many, many[1:])
            if one > fewer
        ]
        slopes.append(_inverse(float(np.mean(_log_distance(edges[-1]) - _log_distance(values[-many[-1] :])))))
        steepest = int(np.argmax(slopes))
        if slopes[steepest] <= _CLEARLY * slopes[-1]:
            steepest = len(slopes) - 1
        # windows without scores of their own, in a small sample, are the last ones: the last edge is all of theirs
        at = steepest if steepest < len(slopes) - 1 else len(edges) - 1
        return Background(values, edges[at], many[at] / len(values), float(slopes[steepest]))

    def p_values(self, cosines: ArrayLike) -> np.ndarray:
        """The share of random pairs that score as much, for cosines of any shape.

        Up to the edge (1 + how many of the p sampled) / (p + 1); above it share * (r / r_edge)^m.
        """
        asked = np.asarray(cosines, np.float64)
        above = len(self.cosines) - np.searchsorted(self.cosines, asked, side="left")
        tail = self.share * np.exp(self.dimension * np.minimum(_log_distance(asked) - _log_distance(self.edge), 0))
        return np.where(asked > self.edge, tail, (1 + above) / (len(self.cosines) + 1))


def background(vectors_ND: Any, pairs: int = PAIRS, seed: int = 0, labels: ArrayLike | None = None) -> Background:
    """The background of a collection: cosines of random pairs of different items, or of all where there are few.

    O(pairs * d); 200,000 pairs of 512 numbers take about a second.

    Args:
        vectors_ND: (n, d), an array or whatever is read like one by arrays of rows; their length does not matter.
        pairs: how many are drawn, at least 1000.
        seed: of the draw.
        labels: (n,): pairs with the same one are left out, so that images of one class count as relevant.

    Raises:
        InputError: fewer than 1000 different pairs (46 items; more with labels), NaN.
    """
    check_number("pairs", pairs, LEAST, whole=True)
    count = len(vectors_ND)
    names = None if labels is None else check_labels("labels", labels, count)
    one, other = _pairs(count, pairs, seed)
    if names is not None:
        apart = names[one] != names[other]
        one, other = one[apart], other[apart]
    if len(one) < LEAST:
        kind = "pairs" if labels is None else "pairs of different labels"
        raise bad("vectors", f"{count} items, {len(one)} {kind}", f"at least {LEAST} {kind}")
    found = np.empty(len(one))
    for start in range(0, len(one), _PIECE):
        here = slice(start, start + _PIECE)
        left = unit(check_matrix("vectors", vectors_ND[one[here]]))
        right = unit(check_matrix("vectors", vectors_ND[other[here]]))
        found[here] = np.einsum("nd,nd->n", left, right)
    return Background.of(found)


@dataclass(frozen=True)
class Relevance:
    """How far down each query's results are relevant.

    Attributes:
        counts: (q,) how many of the first results are kept; 0 where nothing is relevant.
        open: (q,) whether all that were given are kept, so that there may be more: search for more of them.
        p_QK: (q, k) p-value of each result.
        adjusted_QK: (q, k) the smallest q at which it is kept, at most 1.
    """

    counts: np.ndarray
    open: np.ndarray
    p_QK: np.ndarray
    adjusted_QK: np.ndarray


def relevant(scores_QK: ArrayLike, against: Background, total: int, q: float = Q) -> Relevance:
    """Cut each query's results off where they stop being better than the background (Benjamini-Hochberg).

    Among what is kept, a share q at most is there by chance, in the mean over queries, as far as the background holds;
    and of the queries that have nothing to find, at most a share q keeps something.

    Args:
        scores_QK: (q, k) cosines of the first results, best first.
        against: the background.
        total: how many items were searched, at least k.
        q: above 0, at most 1.

    >>> at_random = Background.of(np.random.default_rng(0).normal(0, 0.1, 5000))
    >>> relevant([[0.99, 0.97, 0.31, 0.3], [0.33, 0.31, 0.3, 0.3]], at_random, total=1000).counts.tolist()
    [2, 0]
    """
    scores = check_matrix("scores", scores_QK).astype(np.float64)
    if np.abs(scores).max() > 1 + _SLACK:
        raise bad("scores", f"{scores.flat[np.abs(scores).argmax()]:g}", "cosines", "Give those of the search itself.")
    if (np.diff(scores, axis=1) > _SLACK).any():
        raise bad("scores", "scores that rise along a line", "each query's best result first")
    shown = scores.shape[1]
    check_number("total", total, shown, whole=True)
    check_number("q", q, 0, 1, open_low=True)
    p = np.maximum.accumulate(against.p_values(scores), axis=1)
    scaled = p * total / np.arange(1, shown + 1)
    adjusted = np.minimum(np.minimum.accumulate(scaled[:, ::-1], axis=1)[:, ::-1], 1)
    counts = (adjusted <= q).sum(axis=1)
    return Relevance(counts, (counts == shown) & (shown < total), p, adjusted)


def _pairs(count: int, pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if count * (count - 1) // 2 <= pairs:
        one, other = np.triu_indices(count, 1)
        return one, other
    draw = numpy_rng(seed, "background")
    one = draw.integers(0, count, pairs)
    return one, (one + draw.integers(1, count, pairs)) % count


def _log_distance(cosines: ArrayLike) -> Any:
    return np.log(np.maximum(2 - 2 * np.asarray(cosines), _NEAREST**2)) / 2


def _inverse(step: float) -> float:
    return 1 / step if step > 1e-9 else 0.0  # all alike: nothing to fit
