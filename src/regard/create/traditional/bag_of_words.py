"""Bags of visual words of dense SIFT: a vocabulary fitted to descriptors of one's own images, without labels.

Sivic and Zisserman 2003, "Video Google", ICCV; Csurka et al. 2004, ECCV workshop; with dense SIFT at several scales as
in Chatfield et al. 2011, "The devil is in the details", BMVC. Fixed descriptors (`phow`), principal axes without
whitening, k-means; which words an image has, and how often, is its vector.

What differs: the axes, which the papers do without; RootSIFT; descriptors without structure do not count.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from ...representation.pooling import bag_of_words
from ...representation.pooling._common import Projection
from ...representation.pooling._kmeans import nearest
from ...representation.pooling._rows import Rows, moments, pieces
from ._settings import Fitted


@dataclass(frozen=True)
class BagOfWords(Fitted):
    """A vocabulary of k words; vectors have parts k numbers.

    Attributes:
        k: words; thousands in the papers.
        dim: principal axes of descriptors that are kept.
        scales: sides of a descriptor's bins in pixels; a descriptor covers 5 of them.
        step: pixels from one descriptor to the next.
        colour: grey, or opponent with three times the numbers.
        contrast: least contrast of a descriptor, in grey levels from 0 to 1 a pixel.
        positions: whether a descriptor's place in the picture is a part of it.
        pyramid: parts of the picture with a histogram each, such as 1x1,2x2,3x1 (rows x columns).
        descriptors: how many to learn from, the same number of each image.
        norm: hellinger, the square roots of shares, or l1, shares.
    """

    pooling: ClassVar[str] = "bag_of_words"
    k: int = 256
    norm: Literal["hellinger", "l1"] = "hellinger"

    def fit(
        self, rows: Rows, held_out: Rows, projection: Projection | None, seed: int, device: str
    ) -> tuple[Any, dict[str, float], int]:
        """See `Fitted`; scores are the mean squared distance to the nearest word, as a share of the variance."""
        method = bag_of_words.learned(
            rows, self.k, seed, projection, self.form(), self.norm, device=device, argument="IMAGES"
        )
        known = moments(rows)
        whole = float(np.trace(known.covariance))
        scores = {
            "distance": _distance(held_out, method.centres, known.mean, device) / whole,
            "train_distance": _distance(rows, method.centres, known.mean, device) / whole,
        }
        return method, scores, 0


def _distance(rows: Rows, centres: torch.Tensor, mean: np.ndarray, device: str) -> float:
    """Mean squared distance of a row to its nearest word."""
    total = 0.0
    for x in pieces(rows, device):
        shift = torch.from_numpy(mean).to(x)
        y = x - shift
        total += float((nearest(y, centres.to(x) - shift)[1] + y.square().sum(1)).clamp_min(0).cpu().double().sum())
    return total / rows.shape[0]


Method = BagOfWords
