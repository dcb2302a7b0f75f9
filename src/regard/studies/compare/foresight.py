"""What could have been said without training: transferability of each arm beside what it reached, and their ranks.

On the vectors of the labelled pictures of TRAIN: LogME, the shrunk H-score and k-NN; LEEP for an arm whose folder holds
a classifier, which is asked about the same pictures. How well they rank the arms is told by Kendall's tau and
Spearman's rho to what the arms reached on TEST; with fewer than four arms that says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...representation.embed import embed
from ...reuse.transfer_scores import TITLES, transfer_scores
from .arms import Entrant
from .contract import Sides

FEWEST = 4  # arms, from which ranks are compared


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
        heads = () if entrant.drawn is not None else None
        found[name] = transfer_scores(rep, vectors, labels, heads)
    return Foresight(found)
