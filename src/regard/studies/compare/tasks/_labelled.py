"""What tasks on labelled pictures share: both sides opened, and the vectors of a representation, made once."""

import time
from typing import Any

import numpy as np

from ....core.storage import hash_json
from ....core.values import group_codes
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


def vectors(asked: Asked) -> tuple[Embeddings, Embeddings, float]:
    """Vectors in fp32 of the labelled pictures and of TEST, and what those of the labelled ones took, in seconds.

    All that questions about a representation may name are embedded at once, so that a comparison that goes on after a
    kill has them in the same batches, and so to the last bit.
    """
    key = f"vectors {id(asked.representation)}"
    if key not in asked.kept:
        settings: dict[str, Any] = {"precision": "fp32", "device": asked.device, "cache": False}
        test = embed(asked.sides.test, asked.representation, **settings)
        began, pool = time.perf_counter(), asked.sides.train.subset(asked.pool)
        known = embed(pool, asked.representation, **settings) if len(pool) else test.subset([])
        each = (time.perf_counter() - began) / max(len(pool), 1)
        # the representation goes along, so that its id stands for no other
        asked.kept[key] = known, test, each, asked.representation
    known, test, each = asked.kept[key][:3]
    return known.subset(np.searchsorted(asked.pool, asked.rows)), test, each * len(asked.rows)
