"""What exchanging a trained network's normalisation costs, before it learns again."""

import numpy as np

from ..backbones.encoder import Encoder, evaluating
from ..data.imageset import ImageSet
from ..learning.batches import Feed
from ..learning.module import features_of
from ..learning.objective import Split
from ..metrics.knn import knn_predict
from ..representation.representation import Representation

MOST = 2000  # images of each kind that are looked at
NOTE = (
    "--norm {}: nearest neighbours named {:.1%} of the test images right before the exchange and {:.1%} after it, "
    "before any training."
)


def swap_cost(start: Representation, encoder: Encoder, known: Split) -> dict[str, float]:
    """How well nearest neighbours among the training images name the test images, without any training.

    Args:
        start: with the normalisation that it came with.
        encoder: its copy with the other one, as yet untrained.
        known: training and test images with labels; up to 2,000 of each are looked at.

    Returns:
        `knn_before_norm` and `knn_after_norm`, shares in [0, 1].
    """
    train, test = (_some(images) for images in (known.train, known.held_out))
    feeds = [Feed(images, start.preprocess) for images in (train, test)]
    found = {}
    for name, one in (("knn_before_norm", start.encoder), ("knn_after_norm", encoder)):
        with evaluating(one):
            vectors = [features_of(one, feed).cpu().numpy() for feed in feeds]
        near = knn_predict(vectors[0], np.asarray(train.need_labels("TRAIN")), vectors[1])
        found[name] = float(np.mean(near == test.need_labels("TEST", 1)))
    return found


def _some(images: ImageSet) -> ImageSet:
    rows = np.unique(np.linspace(0, len(images) - 1, min(MOST, len(images))).astype(int))
    return images.subset(rows)
