"""What a comparison takes: vectors and labels of both domains, checked against each other."""

from typing import Protocol

import numpy as np

from ...core.checks import bad, check_labels, check_matrix
from ..labels import known_labels


class Labelled(Protocol):
    """What has labels: `Embeddings`, or images that are not embedded yet."""

    @property
    def labels(self) -> np.ndarray | None:
        """Their labels (n,), or None where they are not known."""


class Vectors(Protocol):
    """What is compared: `Embeddings`, or anything with these."""

    @property
    def vectors(self) -> np.ndarray:
        """Samples (n, d)."""

    @property
    def labels(self) -> np.ndarray | None:
        """Their labels (n,), or None where they are not known."""


def checked(source: Vectors, target: Vectors) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vectors and labels of the source, then of the target; raise where the two do not fit."""
    cards = [getattr(one, "card", {}) for one in (source, target)]
    made = [card.get("fingerprint") for card in cards]
    if None not in made and (made[0] != made[1] or cards[0].get("layer") != cards[1].get("layer")):
        raise bad(
            "target", f"vectors of another representation ({made[1]})", f"the source's ({made[0]})", "Embed again."
        )
    Xs = check_matrix("source", source.vectors)
    Xt = check_matrix("target", target.vectors, columns=Xs.shape[1])
    return Xs, check_source(source, len(Xs)), Xt, check_target(source, target, len(Xt))


def check_source(source: Labelled, n: int | None = None) -> np.ndarray:
    """The source's labels, or raise: none, or one class. Needs no vectors, and so can be asked before embedding."""
    if source.labels is None:
        raise bad("source", "a source without labels", "labels to learn from")
    n = len(source.labels) if n is None else n
    return check_labels("source", known_labels("source", source.labels, n), n, min_classes=2)


def check_target(source: Labelled, target: Labelled, n: int | None = None) -> np.ndarray:
    """The target's labels to score with, or raise: none, or no class that the source has."""
    ys = check_source(source)
    if target.labels is None:
        raise bad(
            "target", "a target without labels", "labels to score with", "To predict: adapter(NAME).fit(Xs, ys, Xt)."
        )
    yt = known_labels("target", target.labels, len(target.labels) if n is None else n)
    if not np.isin(yt, ys).any():
        raise bad(
            "target",
            f"the classes {_some(yt)}, none of which the source has",
            f"some of the source's classes {_some(ys)}",
            "Name the classes of both domains alike.",
        )
    return yt


def sources_of(source: Vectors) -> np.ndarray | None:
    """The name of each source sample's domain, where the column `domain` tells several apart."""
    domains = getattr(source, "columns", {}).get("domain")
    if domains is None or len(np.unique(domains)) < 2:
        return None
    if np.isin(["source", "target"], domains).any():
        raise bad("source", "a domain named 'source' or 'target'", "other names in the column `domain`", "Rename it.")
    return np.asarray(domains).astype(str)


def _some(labels: np.ndarray) -> str:
    classes = [str(label) for label in np.unique(labels)]
    return ", ".join(classes[:8]) + (f" ... ({len(classes)} in all)" if len(classes) > 8 else "")
