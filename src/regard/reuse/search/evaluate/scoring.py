"""Rankings scored query by query, by the protocol of the ground truth."""

from collections.abc import Sequence

import numpy as np

from ....metrics import landmarks
from ....metrics.gldv2 import gldv2_ap_at_100
from ....metrics.retrieve import ap_at_k, ap_at_r
from .judged import GroundTruth

KS = (1, 5, 10)
# the figure by which queries are called good or bad
MAIN = {"revisited": "map_medium", "ukbench": "ns_score", "gldv2": "map_at_100"}
LARGEST = {"ns_score": 4.0}  # of figures that are no shares


def scores(ground_truth: GroundTruth, rankings: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Figures by name, (q,) each; NaN for a query that has nothing to find.

    Protocols: `oxford` (and `holidays`): average precision by the trapezoid rule and precision at 1, 5 and 10, junk
    taken out; `revisited`: these, easy, medium and hard; `gldv2`: AP at 100; `ukbench`: how many of four are among the
    first four; `market1501`: AP and the cumulative match, same camera taken out; `labels` and `pairs`: recall at 1, 5
    and 10, AP, and AP at R.

    Args:
        ground_truth: of all queries.
        rankings: for each query places in the collection, best first, each at most once.
    """
    lists = [one.lists for one in ground_truth.queries]
    if ground_truth.protocol in ("oxford", "holidays"):
        return _landmarks(landmarks.oxford(rankings, lists), "")
    if ground_truth.protocol == "revisited":
        found = landmarks.revisited(rankings, lists)
        return {key: value for name, one in found.items() for key, value in _landmarks(one, f"_{name}").items()}
    if ground_truth.protocol == "gldv2":
        cut = [ranking[:100].tolist() for ranking in rankings]
        return {"map_at_100": gldv2_ap_at_100(cut, [set(one["positives"].tolist()) for one in lists])}
    if ground_truth.protocol == "ukbench":
        # the query is one of the four, and is not taken out
        return {"ns_score": np.array([np.isin(r[:4], o["positives"]).sum() for r, o in zip(rankings, lists)], float)}
    return _plain(ground_truth, rankings)


def _landmarks(found: landmarks.LandmarkScores, ending: str) -> dict[str, np.ndarray]:
    precisions = {f"mp_at_{k}{ending}": column for k, column in zip(found.ks, found.precision_QK.T)}
    return {f"map{ending}": found.ap_Q} | precisions


def _plain(ground_truth: GroundTruth, rankings: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """One query at a time: a matrix of all marks would not fit."""
    recall = "cmc_at" if ground_truth.protocol == "market1501" else "recall_at"
    names = [*(f"{recall}_{k}" for k in KS), "map", *([] if recall == "cmc_at" else ["map_at_r"])]
    found = {name: np.full(len(rankings), np.nan) for name in names}
    for row, (query, ranking) in enumerate(zip(ground_truth.queries, rankings)):
        wanted = query.lists["positives"]
        if not len(wanted):
            continue
        kept = ranking[~np.isin(ranking, query.lists["junk"])]
        marks = np.isin(kept, wanted)
        if len(marks) < len(wanted):  # a ranking that was cut: what is missing was not found
            marks = np.append(marks, np.zeros(len(wanted) - len(marks), bool))
        for k in KS:
            found[f"{recall}_{k}"][row] = marks[:k].any()
        found["map"][row] = ap_at_k(marks[None], positives=[len(wanted)])[0]
        if "map_at_r" in found:
            found["map_at_r"][row] = ap_at_r(marks[None], positives=[len(wanted)])[0]
    return found
