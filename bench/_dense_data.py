"""The three data sets of `bench/dense.py`: what is learned from, what is scored on, and how large and long."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regard import open_images
from regard.core.runtime import numpy_rng
from regard.data.annotations.mask_folder import read_masks
from regard.data.annotations.voc import read_voc
from regard.data.imageset import ImageSet

DRIVES = ("day_0006R0", "day_0016E5")  # the first is learned from, the second scored on
DRIVING = "sky building pole road pavement tree sign fence car pedestrian bicyclist".split()


@dataclass(frozen=True)
class Setting:
    """What is learned in which way.

    Attributes:
        what: boxes, masks or semantic.
        head: of ours.
        size: side of the square in pixels; of torchvision's transform the longer side.
        steps: of 8 pictures.
        measures: the first is the main one.
        peer: beside a script of torchvision's.
        folder: of the data.
    """

    what: str
    head: str
    size: int
    steps: int
    measures: tuple[str, ...]
    peer: bool
    folder: str


BATCH = 8
SETTINGS = {
    "bccd": Setting("boxes", "faster_rcnn", 128, 60, ("ap50",), True, "det_bccd_voc"),
    "pennfudan": Setting("masks", "mask_rcnn", 128, 60, ("mask_ap50", "ap50"), True, "inst_pennfudan_coco"),
    "camvid": Setting("semantic", "linear", 128, 60, ("miou",), False, "camvid_dev"),
}


def data_of(name: str, folder: Path) -> tuple[ImageSet, ImageSet]:
    """What is learned from, and the test pictures, which nothing was chosen by.

    Blood cells: 64 drawn from the list `train`, and the list `test` (72). People: 40 drawn, and the other 130. Driving:
    60 frames evenly from one day's drive, and the whole drive of another day (102).
    """
    root = folder / SETTINGS[name].folder
    if name == "bccd":
        return _drawn(read_voc(root / "BCCD", "train"), 64)[0], read_voc(root / "BCCD", "test")
    if name == "pennfudan":
        return _drawn(open_images(root / "instances.json"), 40)
    known, asked = (read_masks(root / one / "images", root / one / "labels", DRIVING) for one in DRIVES)
    return known.subset(np.linspace(0, len(known) - 1, 60).round().astype(int)), asked


def classes_of(images: ImageSet) -> tuple[str, ...]:
    """The classes of its annotations."""
    assert images.annotations is not None
    return tuple(images.annotations.classes)


def _drawn(images: ImageSet, many: int) -> tuple[ImageSet, ImageSet]:
    order = numpy_rng(0, "bench dense").permutation(len(images))
    return images.subset(np.sort(order[:many])), images.subset(np.sort(order[many:]))
