"""What labels say of a representation without training it: LogME, H-score, k-NN, and LEEP where it has a classifier."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..metrics.transferability import h_score, knn_score, leep, logme
from ..representation.classifier import has_classifier, read_classifier
from ..representation.representation import Representation

TITLES = {"logme": "LogME", "h_score": "H-score", "knn": "k-NN", "leep": "LEEP"}


def transfer_scores(
    rep: Representation, vectors: np.ndarray, labels: np.ndarray, heads: Sequence[str | Path] | None = None
) -> dict[str, float | None]:
    """Score the vectors (n, d) that a representation made of n labelled pictures.

    Args:
        rep: what made them, without a cut of its own.
        vectors: in fp32.
        labels: (n,), two classes at least.
        heads: folders of which the first with a classifier is asked, one on these vectors; None: that of `rep`.

    Returns:
        By the names of `TITLES`, larger is better; `leep` is None where no folder holds a classifier.
    """
    scores: dict[str, float | None] = {
        "logme": logme(vectors, labels),
        "h_score": h_score(vectors, labels),
        "knn": knn_score(vectors, labels),
        "leep": None,
    }
    folders = [rep.loaded_from] * bool(rep.loaded_from) if heads is None else heads
    folder = next((one for one in folders if has_classifier(one)), None)
    if folder is not None and rep.pooled is None and rep.transform is None and not rep.encoder.ends:
        head = read_classifier(folder)
        if head.weight.shape[1] == vectors.shape[1]:
            p = head.probabilities(vectors).astype(np.float64)
            scores["leep"] = leep(p / p.sum(axis=1, keepdims=True), labels)
    return scores
