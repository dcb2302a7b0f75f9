"""A ground truth from a column of the collection: images with one value belong together."""

from collections.abc import Mapping

import numpy as np

from ....core.checks import bad
from ....core.runtime import numpy_rng
from ..index.collection import Collection
from .judged import GroundTruth, Judged
from .things import things_of


def by_column(
    name: str, collection: Collection, column: Mapping[str, np.ndarray], sample: int, seed: int
) -> GroundTruth:
    """Each image asks for the others with its value; of more than `sample` so many are drawn."""
    if name not in column:
        raise bad("GROUNDTRUTH", f"column {name!r}", f"a column of the index: {', '.join(column)}")
    there = collection.places(collection.ids)
    codes, things = things_of(column[name][there])
    if not things:
        raise bad("GROUNDTRUTH", f"a column {name!r} without values", "labels", "Index class folders, or a table.")
    if len(things) < 2:
        raise bad("GROUNDTRUTH", f"a column {name!r} with one value", "at least two: else every result is right")
    # a blank is no thing: such an image asks for nothing, and among the results it is a wrong one
    of = {int(place): int(code) for place, code in zip(there, codes) if code >= 0}
    order = np.argsort(codes, kind="stable")  # the blank ones come first
    members = np.split(there[order], np.searchsorted(codes[order], np.arange(len(things))))[1:]
    asked = [place for place, code in of.items() if len(members[code]) > 1]
    if len(asked) > sample:
        asked = np.sort(numpy_rng(seed, "queries").choice(asked, sample, replace=False)).tolist()
    return GroundTruth(
        "labels",
        [
            Judged(
                collection.ids[place],
                place,
                None,
                None,
                {"positives": np.setdiff1d(members[of[place]], [place]), "junk": np.array([place])},
                # pictures of one thing are right or wrong together; classes are not things
                collection.ids[place] if name == "label" else things[of[place]],
            )
            for place in asked
        ],
    )
