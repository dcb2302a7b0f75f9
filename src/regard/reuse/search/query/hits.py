"""What a search gives: for each query its hits, best first."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..verify.geometry import Verification

MATCHES = 100  # of a verification that are given as plain values


@dataclass(frozen=True)
class Hit:
    """One result: which image, how similar, where it is and what it is called.

    Attributes:
        id: the image.
        score: of the search, or of the last re-ranking by vectors; by cosine -1 to 1.
        path: "" where it is not known.
        label: None where it is not known.
        stages: the score that the search and each re-ranking gave.
        verified: what spatial verification says (`verify.geometry.Verification`), where it looked.
        region: where the region lies that answers best (left, top, right, bottom in pixels), of a search by regions.
        chance: the share of results as good as this one that come by chance (`relevance.relevant`), where asked for.
    """

    id: str
    score: float
    path: str = ""
    label: str | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    verified: Verification | None = None
    region: tuple[float, float, float, float] | None = None
    chance: float | None = None

    @property
    def name(self) -> str:
        """The name of the image's file, or its id where the index knows of no file."""
        return Path(self.path).name or str(self.id)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON: of a verification whether it holds, the inliers, the box found in the hit, matches.

        Matches are x and y in the query, then in the hit, at most 100, evenly picked.
        """
        seen = self.verified
        box = seen.box.round(1).tolist() if seen is not None and seen.accepted and seen.box is not None else None
        about = {} if seen is None else {"verified": seen.accepted, "inliers": seen.inliers, "box": box}
        if seen is not None and box is not None:
            held = seen.matches_xy[seen.inlier_mask]
            some = np.unique(np.linspace(0, len(held) - 1, min(MATCHES, len(held))).round().astype(int))
            about["matches"] = held[some].round(1).tolist()
        plain = {"id": self.id, "score": self.score, "path": self.path, "label": self.label}
        plain |= {} if self.region is None else {"region": [round(value, 1) for value in self.region]}
        plain |= {} if self.chance is None else {"chance": self.chance}
        return plain | ({"stages": dict(self.stages)} if self.stages else {}) | about


class Hits(list[list[Hit]]):
    """The results of each query, best first.

    Attributes:
        queries: their names.
        notes: what is to be said.
        strategy: how they were found: exact | sketch | ivf.
        recall: the share of the true ten nearest that the strategy finds in this collection, as measured; 1 if exact.
    """

    queries: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    strategy: str = "exact"
    recall: float = 1.0
