"""Which pixels an object covers (instances), and which class each pixel is of (a semantic map)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.checks import bad
from . import rle

IGNORE = 255
IGNORE_16 = 65535
BACKGROUND = "background"


@dataclass(frozen=True)
class Masks:
    """The masks of n objects of one image, kept as run lengths: a mask of a whole photograph takes a few hundred bytes.

    Attributes:
        size: height and width of the upright picture.
        runs: for each object its run lengths as `rle.encode` gives them, or None where it has a box alone.
    """

    size: tuple[int, int]
    runs: tuple[np.ndarray | None, ...]

    def __post_init__(self) -> None:
        height, width = self.size
        if min(height, width) < 1:
            raise bad("size", self.size, "height and width of at least 1")
        object.__setattr__(self, "size", (int(height), int(width)))
        runs = tuple(None if one is None else rle.checked(one, self.size) for one in self.runs)
        object.__setattr__(self, "runs", runs)

    @classmethod
    def from_arrays(cls, masks_NHW: np.ndarray) -> "Masks":
        """Of an array (n, H, W) of True and False (or 0 and 1)."""
        masks = np.asarray(masks_NHW)
        if masks.ndim != 3 or masks.dtype.kind not in "biu" or (masks.size and masks.max() > 1):
            raise bad("masks", f"{masks.dtype} of shape {masks.shape}", "True and False, (n, H, W)")
        return cls((masks.shape[1], masks.shape[2]), tuple(rle.encode(one) for one in masks))

    def __len__(self) -> int:
        return len(self.runs)

    def array(self, row: int) -> np.ndarray:
        """The mask (H, W) of bool of one object; empty where it has none."""
        runs = self.runs[row]
        return np.zeros(self.size, dtype=bool) if runs is None else rle.decode(runs, self.size)

    def arrays(self) -> np.ndarray:
        """All of them, (n, H, W) of bool."""
        found = np.zeros((len(self), *self.size), dtype=bool)
        for row in range(len(self)):
            found[row] = self.array(row)
        return found

    def take(self, rows: np.ndarray | Sequence[int]) -> "Masks":
        """The masks of these rows (whole numbers or a mask), in that order."""
        index = np.arange(len(self))[np.asarray(rows, dtype=None if len(rows) else np.intp)]
        return Masks(self.size, tuple(self.runs[row] for row in index))

    @property
    def areas(self) -> np.ndarray:
        """(n,) pixels covered; 0 where there is no mask."""
        return np.array([0 if one is None else rle.area(one) for one in self.runs], dtype=np.int64)

    @property
    def extents(self) -> np.ndarray:
        """(n, 4) float32, the smallest box around each mask; zeros where it is empty or there is none."""
        boxes = [None if one is None else rle.extent(one, self.size[0]) for one in self.runs]
        return np.array([one or (0, 0, 0, 0) for one in boxes], dtype=np.float32).reshape(-1, 4)


@dataclass(frozen=True)
class SemanticMap:
    """The class of each pixel of one image.

    Attributes:
        values: (H, W) uint8 or uint16, the place of the class in `classes`, or `ignore`.
        classes: their names.
        ignore: the value of pixels that are of no class and count neither way: 255, or 65535 where there are more than
            255 classes.
    """

    values: np.ndarray
    classes: tuple[str, ...]
    ignore: int = IGNORE

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.ndim != 2 or values.dtype not in (np.uint8, np.uint16):
            raise bad("values", f"{values.dtype} of shape {values.shape}", "uint8 or uint16, (H, W)")
        if len(self.classes) > self.ignore:
            raise bad("ignore", self.ignore, f"a value above those of the {len(self.classes)} classes")
        known = (values < len(self.classes)) | (values == self.ignore)
        if not known.all():
            odd = int(values[~known][0])
            most = len(self.classes) - 1
            raise bad("values", f"{odd} in {int((~known).sum())} pixels", f"0 to {most}, or {self.ignore}")
        object.__setattr__(self, "classes", tuple(map(str, self.classes)))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.values.shape[0]), int(self.values.shape[1])

    def pixels(self) -> dict[str, int]:
        """How many pixels are of each class that is there."""
        counts = np.bincount(self.values.ravel(), minlength=len(self.classes))
        return {name: int(count) for name, count in zip(self.classes, counts) if count}


def drawn(masks: Masks, classes: Sequence[str], names: Sequence[str]) -> SemanticMap:
    """The semantic map that objects make: 0 is the background, then `names`; a later object lies over an earlier one.

    Args:
        masks: n of them.
        classes: (n,) the class of each.
        names: the classes of the map, background left out.
    """
    kind = np.uint8 if len(names) < IGNORE else np.uint16
    values = np.zeros(masks.size, dtype=kind)
    place = {name: number for number, name in enumerate(names, start=1)}
    for row, name in enumerate(classes):
        if masks.runs[row] is not None:
            values[masks.array(row)] = place[str(name)]
    return SemanticMap(values, (BACKGROUND, *names), IGNORE if kind is np.uint8 else IGNORE_16)
