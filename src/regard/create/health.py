"""What is looked at while training goes on: have the features collapsed, and what do they know of the labels?"""

import numpy as np

from ..backbones.encoder import Encoder
from ..learning.batches import Feed
from ..learning.objective import Split
from ..learning.scores import feature_scores
from ..representation.preprocess import Preprocess


class Health:
    """The features' health and, where labels are known, an online k-NN: what is looked at while training goes on."""

    def __init__(self, encoder: Encoder, feed: Feed, held_out: Feed, known: Split, preprocess: Preprocess) -> None:
        self.encoder, self.held_out, self.known, self.labels = encoder, held_out, None, None
        several = feed.labels is not None and feed.labels.ndim == 2
        if known.train.labels is None or known.held_out.labels is None or several:
            return
        rows = np.unique(np.linspace(0, len(known.train) - 1, 2000).astype(int))
        self.known = feed if len(rows) == len(known.train) else Feed(known.train.subset(rows), preprocess)
        self.labels = known.train.labels[rows], known.held_out.labels

    def scores(self) -> dict[str, float]:
        """As `feature_scores`."""
        return feature_scores(self.encoder, self.held_out, self.known, self.labels)
