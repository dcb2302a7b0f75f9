"""What a network says of held-out source images and of the target: the evidence by which it may be chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ...backbones.encoder import evaluating
from ...learning.module import channels_last
from ..choose.evidence import Evidence
from ..choose.scorers import SCORERS
from ..classifier import fit_classifier

SIZE = 256


@dataclass(frozen=True, eq=False)
class Said:
    """Features (n, D) and class probabilities (n, K) of n images."""

    features: np.ndarray
    probabilities: np.ndarray

    @property
    def codes(self) -> np.ndarray:
        """(n,) the most probable class."""
        return self.probabilities.argmax(axis=1)


@torch.no_grad()
def said(encoder: nn.Module, classes: nn.Module, feed: Any) -> Said:
    """What an encoder and its classifier say of the images of a feed, in order; float64."""
    device, z, p = next(encoder.parameters()).device, [], []
    with evaluating(encoder), evaluating(classes):
        for batch in feed.in_order(SIZE):
            found = encoder(channels_last(batch.images.to(device).float() / 255))
            z.append(found.float().cpu())
            p.append(torch.softmax(classes(found).float(), 1).cpu())
    P = torch.cat(p).double().numpy()
    return Said(torch.cat(z).double().numpy(), P / P.sum(axis=1, keepdims=True))


def evidence_of(
    held: Said, labels: np.ndarray, target: Said, source: Said | None = None, scorers: Sequence[str] = tuple(SCORERS)
) -> Evidence:
    """Put together what the scorers read.

    `circular` reads a second model of the same kind, taught by the target's predicted labels. To train a second
    network for each candidate would cost as much as all candidates, so the second model is a linear classifier on
    the features of the first.

    Args:
        held: of source images that were not learned from.
        labels: (m,) their codes.
        target: of the target.
        source: of source images that were learned from; the density ratio is learned from them. None: from `held`.
        scorers: which will be asked.
    """
    m = len(labels)
    before = np.zeros((0, held.features.shape[1])) if source is None else source.features
    wants = {name for scorer in scorers for group in SCORERS[scorer].needs for name in group}
    features = "source_features" in wants
    return Evidence(
        labels=labels,
        predicted=held.codes,
        rows=np.arange(m),
        losses=(held.codes != labels).astype(float),
        source_features=np.concatenate([held.features, before]) if features else None,
        target_features=target.features if features else None,
        target_probabilities=target.probabilities,
        reverse_predicted=_back(held, target) if "reverse_predicted" in wants else None,
    )


def _back(held: Said, target: Said) -> np.ndarray:
    there, codes = np.unique(target.codes, return_inverse=True)
    if len(there) == 1:
        return np.full(len(held.features), there[0])
    return there[fit_classifier("linear", target.features, codes).predict(held.features)]
