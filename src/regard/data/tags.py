"""Several labels an image: `cat|sofa` in a table's column `label`, or from annotations (VOC, COCO, YOLO, masks).

In a table `|` alone says that an image has none of the labels.

Of annotations the labels of an image are its tags, or the classes of what is boxed and drawn in it; an image in which
nothing is boxed has none, which is an answer, too.
"""

import numpy as np

from ..core.checks import bad
from ..core.values import tidy
from .annotations.masks import BACKGROUND
from .imageset import ImageSet

BETWEEN = "|"


def tags_of(images: ImageSet, argument: str = "IMAGES") -> list[tuple[str, ...]]:
    """The labels of each image, sorted, each once.

    Raises:
        InputError: neither labels nor annotations that name classes.

    >>> items = [np.zeros((8, 8), np.uint8)] * 2
    >>> tags_of(ImageSet(items, np.array(["0", "1"]), np.array(["sofa|cat", "cat"])))
    [('cat', 'sofa'), ('cat',)]
    """
    need_tags(images, argument)
    if images.labels is not None:
        return [tuple(sorted({tidy(tag) for tag in str(text).split(BETWEEN)} - {""})) for text in images.labels]
    rows = images.annotations
    assert rows is not None
    found = (rows[row] for row in range(len(images)))
    # pixels of no object have a class of their own, which is no label of the image
    return [tuple(name for name in one.labels if one.tags is not None or name != BACKGROUND) for one in found]


def need_tags(images: ImageSet, argument: str = "IMAGES") -> None:
    """Raise InputError where there are neither labels nor annotations; none is read for it."""
    if images.labels is None and images.annotations is None:
        raise bad(
            argument,
            f"{images.name} without labels",
            "images with labels",
            f"Give a table with a column `label`, such as cat{BETWEEN}sofa, or a folder in the layout of VOC or a "
            "COCO file.",
        )


def tag_matrix(tags: list[tuple[str, ...]], classes: tuple[str, ...]) -> np.ndarray:
    """(n, classes) bool: which labels each image has; those that are not among the classes are left out.

    >>> tag_matrix([("a", "c"), ()], ("a", "b", "c"))
    array([[ True, False,  True],
           [False, False, False]])
    """
    places = {name: place for place, name in enumerate(classes)}
    found = np.zeros((len(tags), len(classes)), bool)
    for row, some in enumerate(tags):
        found[row, [places[tag] for tag in some if tag in places]] = True
    return found
