"""A ground truth from names as Market-1501 gives them: who is seen, by which camera."""

from pathlib import Path

import numpy as np

from ....core.checks import InputError
from ....data.groundtruth import names
from ....data.sources import open_images
from ..index.collection import Collection
from .judged import GroundTruth, Judged


def by_people(collection: Collection, folder: str | Path | None) -> GroundTruth:
    """Each query asks for the same person by other cameras; query images are in a folder of their own."""
    if folder is None:
        raise InputError("--queries: expected the folder of the query images (query/), got none.")
    opened = open_images(folder, argument="--queries")
    asked = names.market1501([Path(str(name)).name for name in opened.ids])
    there = collection.places(collection.ids)
    gallery = names.market1501([Path(collection.ids[place]).name for place in there])
    who, where = np.array(gallery.identities), np.array(gallery.cameras)
    queries = []
    for item, name, identity, camera in zip(opened.items, asked.names, asked.identities, asked.cameras):
        same = (who == identity) & (identity > 0)  # -1 is junk and 0 a distractor: neither is a person
        # the same person by the same camera, and what the data set calls junk, count neither way
        lists = {"positives": there[same & (where != camera)], "junk": there[(same & (where == camera)) | (who == -1)]}
        group = str(identity) if identity > 0 else name
        queries.append(Judged(name, None, item if isinstance(item, Path) else None, None, lists, group))
    return GroundTruth("market1501", queries)
