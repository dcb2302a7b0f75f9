"""Landmark retrieval: Oxford and Paris, and their revisited form.

Philbin et al. 2007 (Object retrieval with large vocabularies and fast spatial matching), Radenovic et al. 2018
(Revisiting Oxford and Paris, arXiv 1803.11285). Junk is neither right nor wrong: it is taken out of a ranking before
anything is counted. Average precision is the trapezoid rule, where Google Landmarks v2 (`gldv2`) and most others have
the plain sum; figures of the two do not compare.

Differs from the papers where a ranking was cut and positives are missing from it: see `oxford`.
"""

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import InputError, bad, check_number

_PROTOCOLS = {  # what counts as found, and what is taken out
    "easy": (("easy",), ("junk", "hard")),
    "medium": (("easy", "hard"), ("junk",)),
    "hard": (("hard",), ("junk", "easy")),
}


@dataclass(frozen=True, eq=False)
class LandmarkScores:
    """Scores of one protocol, query by query, so that intervals can be drawn; NaN for a query without positives.

    Attributes:
        ap_Q: (q,) average precisions by the trapezoid rule, in [0, 1].
        precision_QK: (q, k) precisions at the ranks `ks`, as `oxford` defines them.
        ks: (k,) ranks.
    """

    ap_Q: np.ndarray
    precision_QK: np.ndarray
    ks: tuple[int, ...]

    @property
    def skipped(self) -> int:
        """How many queries have no positives; they are in no mean."""
        return int(np.isnan(self.ap_Q).sum())

    @property
    def map(self) -> float:
        """Mean average precision over the queries that have positives; NaN where none has."""
        return mean_known(self.ap_Q)

    def as_dict(self) -> dict[str, float]:
        """`map`, `mp_at_K` for each k, `queries` (all of them) and `skipped`."""
        means = {f"mp_at_{k}": mean_known(column) for k, column in zip(self.ks, self.precision_QK.T)}
        return {"map": self.map, **means, "queries": len(self.ap_Q), "skipped": self.skipped}


def ap_oxford(ranks: ArrayLike, positives: int | None = None) -> float:
    """Average precision by the trapezoid rule, as the Oxford buildings code has it (Philbin et al. 2007).

    AP = 1/m * sum over j = 0, 1, ... of (j / r_j + (j + 1) / (r_j + 1)) / 2, where 0/0 is 1.

    Args:
        ranks: (p,) places r_j of the positives in the ranking, from 0, increasing, junk taken out before.
        positives: m, how many there are to find; by default as many as `ranks` has. Those not ranked add 0.

    Returns:
        A value in [0, 1]; NaN where there is nothing to find.

    Raises:
        InputError: ranks that are negative, fractional or not increasing, or more of them than positives.

    >>> ap_oxford([0, 2])     # (1 + 1) / 2 / 2 + (1/2 + 2/3) / 2 / 2
    0.791667
    """
    rank_P = np.asarray(ranks)
    if rank_P.size == 0:
        rank_P = np.zeros(0, np.int64)
    if rank_P.ndim != 1 or rank_P.dtype.kind not in "iu" or (rank_P < 0).any() or (rank_P[1:] <= rank_P[:-1]).any():
        raise bad("ranks", repr(ranks), "whole numbers from 0, each larger than the one before")
    m = len(rank_P) if positives is None else check_number("positives", positives, len(rank_P), whole=True)
    if not m:
        return float("nan")
    found = np.arange(len(rank_P))
    before = np.where(rank_P > 0, found / np.maximum(rank_P, 1), 1.0)
    return float((before + (found + 1) / (rank_P + 1)).sum() / (2 * m))


def oxford(
    rankings: Iterable[ArrayLike], ground_truth: Iterable[object], ks: Sequence[int] = (1, 5, 10)
) -> LandmarkScores:
    """Score rankings where each query has positives and junk, as on Oxford5k, Paris6k and INRIA Holidays.

    AP is `ap_oxford`. Precision at k is the share of positives among the first min(k, rank of the last positive), so
    that a perfect ranking scores 1 (Radenovic et al. 2018). Where a ranking was cut before the last positive, its rank
    is taken to be beyond k; the authors' code takes the last one that was ranked, which favours short rankings.

    Args:
        rankings: for each query the ids (text or whole numbers), best first, each at most once; an iterator is read
            one ranking at a time. A matrix has a row for each query.
        ground_truth: for each query `positives` and `junk`, collections of ids: a mapping or an object that has them.
        ks: ranks to report precision at.

    Raises:
        InputError: other numbers of rankings and queries, an id twice in a ranking or in a query's lists, or text ids
            in one and numbers in the other.

    >>> found = oxford([["a", "x", "b"]], [{"positives": ["a", "b"], "junk": ["x"]}])
    >>> found.map     # the junk between them does no harm
    1.0
    """
    return _score(rankings, ground_truth, {"": (("positives",), ("junk",))}, ks)[""]


def revisited(
    rankings: Iterable[ArrayLike], ground_truth: Iterable[object], ks: Sequence[int] = (1, 5, 10)
) -> dict[str, LandmarkScores]:
    """Score rankings by the three protocols of the revisited Oxford and Paris (Radenovic et al. 2018).

    easy: the easy images are to be found, hard ones are junk; medium: both are to be found; hard: the hard ones are,
    easy ones are junk. The images' own junk is junk in all three. The ranking is of the whole collection, without the
    queries, which are not in it; queries are cut to their boxes before they are embedded.

    Args:
        rankings: as in `oxford`; in the data set's own form, places in its list of images.
        ground_truth: for each query `easy`, `hard` and `junk`: mappings or objects (`data.groundtruth`).
        ks: ranks to report precision at.

    Returns:
        Scores under "easy", "medium" and "hard".

    Raises:
        InputError: as `oxford`.

    >>> truth = [{"easy": [3], "hard": [1], "junk": [0]}]
    >>> {name: found.map for name, found in revisited([[0, 1, 2, 3]], truth).items()}
    {'easy': 0.25, 'medium': 0.79, 'hard': 1.0}
    """
    return _score(rankings, ground_truth, _PROTOCOLS, ks)


def _score(
    rankings: Iterable[ArrayLike],
    ground_truth: Iterable[object],
    protocols: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
    ks: Sequence[int],
) -> dict[str, LandmarkScores]:
    ranks_k = np.array([check_number("ks", k, 1, whole=True) for k in ks], np.int64)
    queries = list(ground_truth)
    if not queries or (isinstance(rankings, Sized) and len(rankings) != len(queries)):
        raise _miscounted(len(rankings) if isinstance(rankings, Sized) else "rankings", len(queries))
    ap: dict[str, list[float]] = {name: [] for name in protocols}
    precision: dict[str, list[np.ndarray]] = {name: [] for name in protocols}
    parts = next(ok + junk for ok, junk in protocols.values())
    read = 0
    for read, ranking in enumerate(rankings, start=1):
        if read > len(queries):
            raise _miscounted("more", len(queries))
        lists = _lists(queries[read - 1], parts, read - 1)
        part_N = _part_of(ranking, lists, read - 1)
        for name, (ok, junk) in protocols.items():
            kept = part_N[~np.isin(part_N, [parts.index(one) for one in junk])]
            places = np.flatnonzero(np.isin(kept, [parts.index(one) for one in ok]))
            m = sum(len(lists[one]) for one in ok)
            ap[name].append(ap_oxford(places, m))
            precision[name].append(_precision(places, m, ranks_k))
    if read < len(queries):
        raise _miscounted(read, len(queries))
    return {
        name: LandmarkScores(np.array(ap[name]), np.array(precision[name]), tuple(ranks_k.tolist()))
        for name in protocols
    }


def _miscounted(got: int | str, queries: int) -> InputError:
    return bad(
        "rankings",
        f"{got} for {queries} queries",
        "one for each query, at least one",
        "A matrix has a row for each query: transpose one that has a column for each.",
    )


def _lists(query: object, parts: tuple[str, ...], row: int) -> dict[str, np.ndarray]:
    lists = {}
    for part in parts:
        found = query.get(part) if isinstance(query, Mapping) else getattr(query, part, None)
        if found is None:
            raise bad("ground_truth", f"a query (row {row}) without {part!r}", "queries with " + ", ".join(parts))
        lists[part] = _ids("ground_truth", list(found), row)
    everything = [item for ids in lists.values() for item in ids.tolist()]
    if len(set(everything)) < len(everything):
        twice = next(item for item in everything if everything.count(item) > 1)
        raise bad("ground_truth", f"{twice!r} twice in the lists of the query in row {row}", "each id once at most")
    return lists


def _part_of(ranking: ArrayLike, lists: dict[str, np.ndarray], row: int) -> np.ndarray:
    """Which of the lists each ranked id is in, (n,); -1 where in none."""
    ranked_N = _ids("rankings", ranking, row)
    ascending = np.sort(ranked_N)  # np.unique hashes, which is far slower here
    if (ascending[1:] == ascending[:-1]).any():
        raise bad("rankings", f"an id twice (row {row})", "each id once at most", "Keep its best rank.")
    part_N = np.full(len(ranked_N), -1)
    for place, ids in enumerate(lists.values()):
        if len(ids) and len(ranked_N) and (ids.dtype.kind == "U") != (ranked_N.dtype.kind == "U"):
            raise bad(
                "rankings",
                f"ids as {ranked_N.dtype} (row {row}), and as {ids.dtype} in the ground truth",
                "ids of the same kind: names in both, or places in the list of images in both",
            )
        part_N[np.isin(ranked_N, ids)] = place
    return part_N


def _ids(argument: str, values: ArrayLike, row: int) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind in "OT":
        array = np.array([str(value) for value in array.ravel()]).reshape(array.shape)
    if array.ndim == 1 and not len(array):
        return np.zeros(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iuU":
        raise bad(argument, f"{array.dtype} of shape {array.shape} (row {row})", "a list of ids: text or whole numbers")
    return array


def _precision(places: np.ndarray, m: int, ks: np.ndarray) -> np.ndarray:
    if not m:
        return np.full(len(ks), np.nan)
    depth = np.minimum(ks, places[-1] + 1) if len(places) == m else ks
    return (places[:, None] < depth).sum(axis=0) / depth


def mean_known(values: np.ndarray) -> float:
    """The mean of those that are not NaN; NaN where all are."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
