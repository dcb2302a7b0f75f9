"""What could have been said without training: transferability of each arm beside what it reached, and their ranks.

On the vectors of the labelled pictures of TRAIN: LogME, the shrunk H-score and k-NN; LEEP for an arm whose folder holds
a classifier, which is asked about the same pictures. How well they rank the arms is told by Kendall's tau and
Spearman's rho to what the arms reached on TEST; with fewer than four arms that says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...metrics.transferability import h_score, knn_score, leep, logme
from ...representation.classifier import has_classifier, read_classifier
from ...representation.embed import embed
from .arms import Entrant
from .contract import Sides

FEWEST = 4  # arms, from which ranks are compared
TITLES = {"logme": "LogME", "h_score": "H-score", "knn": "k-NN", "leep": "LEEP"}


@dataclass(frozen=True)
class Foresight:
    """Scores of arms without training.

    Attributes:
        scores: by arm and name (logme, h_score, knn, leep); None where it cannot be told.
    """

    scores: Mapping[str, Mapping[str, float | None]]

    def ranked(self, reached: Mapping[str, float]) -> dict[str, dict[str, float | None]]:
        """By name: `n` arms, `kendall` and `spearman` to what was reached; these are None with fewer than four."""
        from scipy.stats import kendalltau, spearmanr

        found: dict[str, dict[str, float | None]] = {}
        for name in TITLES:
            told = {arm: one[name] for arm, one in self.scores.items() if one.get(name) is not None}
            arms = [arm for arm in reached if arm in told]
            x, y = ([float(side[arm] or 0.0) for arm in arms] for side in (told, reached))
            ranks: dict[str, float | None] = {"n": len(arms), "kendall": None, "spearman": None}
            if len(arms) >= FEWEST and len(set(x)) > 1 and len(set(y)) > 1:
                ranks |= {"kendall": float(kendalltau(x, y).statistic), "spearman": float(spearmanr(x, y).statistic)}
            found[name] = ranks
        return found

    def as_dict(self, reached: Mapping[str, float]) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"scores": {arm: dict(one) for arm, one in self.scores.items()}, "ranks": self.ranked(reached)}


def foresee(entrants: Mapping[str, Entrant], sides: Sides, rows: np.ndarray, device: str) -> Foresight | None:
    """Score every arm without training on the labelled pictures at `rows` of TRAIN; None where there are no labels."""
    known = sides.train.subset(rows)
    if known.labels is None or len(known.classes) < 2:
        return None
    labels, found = known.need_labels("TRAIN"), {}
    for name, entrant in entrants.items():
        rep = entrant.of_seed(0)
        vectors = embed(known, rep, precision="fp32", device=device, cache=False).vectors
        scores: dict[str, float | None] = {
            "logme": logme(vectors, labels),
            "h_score": h_score(vectors, labels),
            "knn": knn_score(vectors, labels),
            "leep": None,
        }
        if entrant.drawn is None and rep.loaded_from and has_classifier(rep.loaded_from):
            plain = rep.pooled is None and rep.transform is None
            head = read_classifier(rep.loaded_from)
            if plain and head.weight.shape[1] == vectors.shape[1]:
                p = head.probabilities(vectors).astype(np.float64)
                scores["leep"] = leep(p / p.sum(axis=1, keepdims=True), labels)
        found[name] = scores
    return Foresight(found)
