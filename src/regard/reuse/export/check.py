"""What is written is compared with regard in torch: on real photographs, by the runtime that will read it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from ...core.checks import RunError
from ...data.builtin import builtin
from ...data.decode import decode
from ...representation.classifier import Classifier
from ...representation.openvino_graph import cosines
from ...representation.representation import Representation
from ...representation.runner import Pixels
from .graph import frozen

LEAST_COSINE = 0.9999
TIE = 0.01  # two labels whose probabilities torch has nearer than this are as good as one another
BATCH = 3
Given = Callable[
    [np.ndarray], Sequence[np.ndarray]
]  # pictures (n, h, w, 3) uint8 to what `Graph.outputs` names, or logits


@dataclass(frozen=True)
class Agreement:
    """How an export compares with torch in fp32 on real pictures.

    Attributes:
        pictures: how many were compared, of different sizes, and some again as one batch.
        cosine: the smallest of the vectors' (of logits' where the export gives no vectors).
        same_labels: how many pictures have the same label; None without a classifier.
        ties: how many of the others torch has within 0.01 of each other, so that either label is right.
        probability: the largest difference of a probability; None without a classifier.
    """

    pictures: int
    cosine: float
    same_labels: int | None = None
    ties: int | None = None
    probability: float | None = None

    @property
    def good(self) -> bool:
        """Whether all cosines are at least 0.9999 and all labels are the same."""
        return self.cosine >= LEAST_COSINE and (
            self.same_labels is None or self.same_labels + (self.ties or 0) == self.pictures
        )

    @property
    def metrics(self) -> dict[str, float | int | None]:
        """By the names that `--json` gives them."""
        return {
            "pictures": self.pictures,
            "cosine": self.cosine,
            "same_labels": self.same_labels,
            "probability_difference": self.probability,
        }

    def as_dict(self) -> dict[str, Any]:
        """For the card."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def __str__(self) -> str:
        said = f"{self.pictures} real pictures, smallest cosine {self.cosine:.6f}"
        if self.same_labels is not None:
            said += f", {self.same_labels} labels the same, probabilities within {self.probability:.2g}"
            said += f" ({self.ties} ties)" if self.ties else ""
        return said


def pictures() -> list[np.ndarray]:
    """Photographs and digits that come with scikit-image and scikit-learn, (h, w, 3) uint8 of different sizes."""
    photos = [decode(item).permute(1, 2, 0).numpy() for item in builtin("photos").items]
    digits = [decode(item).permute(1, 2, 0).numpy() for item in builtin("digits").items[:10]]
    return [np.ascontiguousarray(picture) for picture in photos + digits]


def agreement(given: Given, rep: Representation, classifier: Classifier | None, some: Any = None) -> Agreement:
    """Compare what an export gives with torch in fp32, each picture by itself and some as one batch.

    Args:
        given: runs the export.
        rep: what was exported.
        classifier: where it has one.
        some: pictures; None: `pictures()`.
    """
    seen = pictures() if some is None else list(some)
    height, width = (min(picture.shape[at] for picture in seen[:BATCH]) for at in (0, 1))
    batch = [np.ascontiguousarray(picture[:height, :width]) for picture in seen[:BATCH]]
    found = [[np.asarray(value)[0] for value in given(picture[None])] for picture in seen]
    found += [list(row) for row in zip(*(np.asarray(value) for value in given(np.stack(batch))))]
    from scipy.special import softmax

    everything = [*seen, *batch]
    vectors = expected(rep, everything)
    own = np.stack([row[-1] for row in found])
    if classifier is None:
        return Agreement(len(everything), _least(own, vectors))
    logits = classifier.logits(vectors)
    # where only logits are given, these are compared
    said = softmax(own, axis=1) if len(found[0]) == 1 else np.stack([row[0] for row in found])
    shares = softmax(logits, axis=1)
    first, other, rows = shares.argmax(1), said.argmax(1), np.arange(len(shares))
    near = (first != other) & (shares[rows, first] - shares[rows, other] < TIE)
    least = _least(own, logits if len(found[0]) == 1 else vectors)
    apart = float(np.abs(shares - said).max())
    return Agreement(len(everything), least, int((first == other).sum()), int(near.sum()), apart)


@torch.inference_mode()
def expected(rep: Representation, some: Sequence[np.ndarray]) -> np.ndarray:
    """Vectors (n, D) of pictures (h, w, 3) uint8, as regard makes them in torch."""
    network = frozen(Pixels(rep.encoder.to("cpu"), None, rep.pooled))
    made = []
    for picture in some:
        x = rep.preprocess.apply(torch.from_numpy(picture).permute(2, 0, 1))
        made.append(network(x[None]).numpy()[0])
    vectors = np.stack(made)
    return vectors if rep.transform is None else rep.transform.apply(vectors.astype(np.float64)).astype(np.float32)


def insist(what: str, found: Agreement) -> Agreement:
    """Return an agreement that is good enough, else raise RunError."""
    if not found.good or not np.isfinite(found.cosine):
        raise RunError(
            f"{what}: what was written departs from torch ({found}); expected a cosine of at least {LEAST_COSINE} and "
            "the same labels. Nothing was kept."
        )
    return found


def _least(a: np.ndarray, b: np.ndarray) -> float:
    if a.shape != b.shape or not np.isfinite(a).all():
        raise RunError(f"the export gives shape {a.shape} or no finite numbers, expected {b.shape}. Nothing was kept.")
    return float(cosines(a.astype(np.float64), b.astype(np.float64)).min())
