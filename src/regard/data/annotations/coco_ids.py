"""The ids that a user's own COCO file gives its images and categories, so that results can be scored against it."""

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from .coco import CocoFile
from .record import Rows


class CocoIds(NamedTuple):
    """Whole numbers, each given once.

    Attributes:
        images: one for each image.
        categories: by the name of the class.
    """

    images: Sequence[int]
    categories: dict[str, int]


def coco_ids(rows: Rows | None, images: int, classes: Sequence[str]) -> CocoIds:
    """The file's own ids where all images come from one COCO file whose ids are whole numbers, else those from 1.

    A class that the file does not list gets the next id after its largest.

    Args:
        rows: the annotations of the images; None where there are none.
        images: how many there are.
        classes: names of the model, in the order of its outputs.
    """
    counted = CocoIds(range(1, images + 1), {name: number for number, name in enumerate(classes, start=1)})
    used = [] if rows is None else np.unique(rows.where[:, 0]).tolist()
    if rows is None or len(used) != 1:
        return counted
    source = rows.sources[used[0]]
    if not isinstance(source, CocoFile):
        return counted
    given = source.ids()
    own = [one for place in rows.where[:, 1].tolist() if (one := given[place]) is not None]
    known = {name: one for name, one in source.category_ids().items() if one is not None}
    if len(set(own)) < images or len(set(known.values())) < len(source.category_ids()):
        return counted
    following = count(max(known.values(), default=0) + 1)
    return CocoIds(own, {name: known[name] if name in known else next(following) for name in classes})
