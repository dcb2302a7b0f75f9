"""What tasks on labelled pictures share: both sides opened, and the vectors of a representation, made once."""

import time

import numpy as np

from ....core.storage import hash_json
from ....core.values import group_codes
from ....data.imageset import ImageSet
from ....representation.embed import embed
from ....representation.embeddings import Embeddings
from ....reuse.dense.apart import contents
from ....reuse.pairs import open_pair
from ..contract import Asked, Sides


def labelled_sides(train: object, test: object, seed: int) -> Sides:
    """Open pictures with labels.

    Raises:
        InputError: no labels, one class, a test class that training lacks, the same picture in both sets.
    """
    split, notes, _ = open_pair(train, test, seed)
    known, judged = split.train, split.held_out
    labels, truth = known.need_labels("TRAIN"), judged.need_labels("TEST", 1)
    here, there = contents(known), contents(judged)
    things = judged.columns.get("identity")
    return Sides(
        known,
        judged,
        hash_json([list(zip(here, labels.tolist())), list(zip(there, truth.tolist()))]),
        np.array(there),
        strata=labels,
        units=None if things is None else group_codes(things, "identity"),
        least=len(known.classes),
        notes=tuple(notes),
    )


def test_vectors(asked: Asked) -> Embeddings:
    """Vectors of TEST in fp32; made once for each representation."""
    key = f"test {id(asked.representation)}"
    if key not in asked.kept:
        # the representation goes along, so that its id stands for no other
        asked.kept[key] = _embedded(asked.sides.test, asked), asked.representation
    found: Embeddings = asked.kept[key][0]
    return found


def labelled_vectors(asked: Asked) -> tuple[Embeddings, float]:
    """Vectors of the labelled pictures in fp32, and what they took, in seconds.

    All that questions about a representation may name are embedded at once, so that a comparison that goes on after a
    kill has them in the same batches, and so to the last bit.
    """
    key = f"train {id(asked.representation)}"
    if key not in asked.kept:
        began = time.perf_counter()
        known = _embedded(asked.sides.train.subset(asked.pool), asked)
        asked.kept[key] = known, (time.perf_counter() - began) / len(known), asked.representation
    known, each = asked.kept[key][:2]
    return known.subset(np.searchsorted(asked.pool, asked.rows)), each * len(asked.rows)


def _embedded(images: ImageSet, asked: Asked) -> Embeddings:
    return embed(images, asked.representation, precision="fp32", device=asked.device, cache=False)
