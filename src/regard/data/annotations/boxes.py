"""Boxes around objects, in pixels of the upright picture, with what Pascal VOC and COCO say of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from ...core.checks import bad
from .faults import ASIDE, CLIPPED, Fault

FLAGS = ("difficult", "truncated", "occluded", "crowd")
OUTSIDE, PARTLY, NO_AREA, NO_NUMBER = (
    "outside the picture",
    "partly outside the picture",
    "no area",
    "a box with NaN or infinity",
)
_SLACK = 1e-3  # pixels by which float32 and printed decimals may pass the edge without being told of

_FAR = 1e9  # pixels: no picture is so large


def _none() -> np.ndarray:
    return np.zeros(0, dtype=bool)


@dataclass(frozen=True)
class Boxes:
    """n boxes of one image.

    Attributes:
        xyxy: (n, 4) float32, left, top, right, bottom in pixels; half-open, so that a box of one pixel in the corner is
            (0, 0, 1, 1) and width is right - left.
        classes: (n,) text.
        difficult: (n,) bool, VOC's: not to be counted where it is missed. All False if not given, as the other flags.
        truncated: (n,) bool, the object goes on outside the box.
        occluded: (n,) bool, part of it is hidden.
        crowd: (n,) bool, COCO's `iscrowd`: a region of many objects that are not told apart.
        pose: (n,) text, VOC's, such as Frontal; empty where it is not said.
    """

    xyxy: np.ndarray
    classes: np.ndarray
    difficult: np.ndarray = field(default_factory=_none)
    truncated: np.ndarray = field(default_factory=_none)
    occluded: np.ndarray = field(default_factory=_none)
    crowd: np.ndarray = field(default_factory=_none)
    pose: np.ndarray = field(default_factory=_none)

    def __post_init__(self) -> None:
        xyxy = np.asarray(self.xyxy, dtype=np.float32)
        xyxy = xyxy.reshape(0, 4) if xyxy.size == 0 else xyxy
        if xyxy.ndim != 2 or xyxy.shape[1] != 4:
            raise bad("xyxy", f"shape {xyxy.shape}", "boxes (n, 4): left, top, right, bottom in pixels")
        n = len(xyxy)
        if not np.isfinite(xyxy).all():
            raise bad("xyxy", "NaN or infinity", "finite numbers of pixels")
        if (xyxy[:, 2:] <= xyxy[:, :2]).any():
            row = int(np.argmax((xyxy[:, 2:] <= xyxy[:, :2]).any(axis=1)))
            raise bad(
                "xyxy",
                f"box {row} of {xyxy[row].tolist()}, which has no area",
                "left < right and top < bottom",
                "Are they x, y, width, height? COCO's are; add x and y to the last two.",
            )
        object.__setattr__(self, "xyxy", xyxy)
        object.__setattr__(self, "classes", _column("classes", self.classes, n, np.str_))
        for name in FLAGS:
            object.__setattr__(self, name, _column(name, getattr(self, name), n, np.bool_))
        object.__setattr__(self, "pose", _column("pose", self.pose, n, np.str_))

    def __len__(self) -> int:
        return len(self.xyxy)

    def take(self, rows: np.ndarray | Sequence[int]) -> "Boxes":
        """The boxes of these rows (whole numbers or a mask), in that order."""
        index = np.arange(len(self))[np.asarray(rows, dtype=None if len(rows) else np.intp)]
        return Boxes(**{one.name: getattr(self, one.name)[index] for one in fields(self)})

    @property
    def areas(self) -> np.ndarray:
        """(n,) float64, width times height in pixels."""
        wide = self.xyxy.astype(np.float64)
        return (wide[:, 2] - wide[:, 0]) * (wide[:, 3] - wide[:, 1])


def _column(name: str, values: np.ndarray, n: int, kind: type) -> np.ndarray:
    given = np.asarray(values)
    if not given.size and n:  # not given
        if name == "classes":
            raise bad("classes", "no class", f"one for each of the {n} boxes")
        return np.zeros(n, dtype=kind)
    if given.shape != (n,) and given.size:
        raise bad(name, f"shape {given.shape}", f"one value for each of the {n} boxes")
    if kind is np.bool_ and given.size and given.dtype.kind not in "biu":
        raise bad(name, f"values of type {given.dtype}", "True or False")
    return given.reshape(n).astype(kind)


@dataclass(frozen=True)
class RawBox:
    """A box as a file has it, before it is believed: its corners may be anything."""

    xyxy: tuple[float, float, float, float]
    name: str
    difficult: bool = False
    truncated: bool = False
    occluded: bool = False
    crowd: bool = False
    pose: str = ""


def corners_of(xyxy: np.ndarray) -> tuple[float, float, float, float]:
    """A row of four numbers as plain ones."""
    left, top, right, bottom = (float(one) for one in xyxy)
    return left, top, right, bottom


def sound_boxes(
    raw: Sequence[RawBox], size: tuple[int, int] | None, path: str, places: Sequence[int] | None = None
) -> tuple[Boxes, list[int], list[Fault]]:
    """The boxes that can be used, which rows of `raw` they are, and what is wrong with the others.

    A box that is partly outside a picture of `size` (height, width) is clipped and told of; one that is wholly outside,
    has no area or no numbers is set aside.

    Args:
        raw: as the file has them.
        size: of the picture; None where it is not known, and then nothing is outside.
        path: the file, for messages.
        places: the number of each in the file, where they are not 0 to n - 1.
    """
    kept, boxes, faults = [], [], []
    for row, one in enumerate(raw):
        place = row if places is None else places[row]
        found, cause = _clipped(one.xyxy, size)
        if found is None:
            faults.append(Fault(path, cause, ASIDE, place))
            continue
        if cause:
            faults.append(Fault(path, cause, CLIPPED, place))
        kept.append(row)
        boxes.append(replace(one, xyxy=found))
    return _made(boxes), kept, faults


def _made(raw: Sequence[RawBox]) -> Boxes:
    flags = {name: np.array([getattr(one, name) for one in raw], dtype=bool) for name in FLAGS}
    return Boxes(
        np.array([one.xyxy for one in raw], dtype=np.float32).reshape(-1, 4),
        np.array([one.name for one in raw], dtype=np.str_),
        pose=np.array([one.pose for one in raw], dtype=np.str_),
        **flags,
    )


def _clipped(
    xyxy: tuple[float, float, float, float], size: tuple[int, int] | None
) -> tuple[tuple[float, float, float, float] | None, str]:
    corners = np.array(xyxy, dtype=np.float64)
    if not np.isfinite(corners).all() or (size is None and np.abs(corners).max() > _FAR):
        return None, NO_NUMBER
    if size is not None:
        most = np.array([size[1], size[0]] * 2, dtype=np.float64)
        inside = np.clip(corners, 0, most)
    else:
        inside = corners
    if (corners[2:] <= corners[:2]).any():
        return None, NO_AREA
    narrow = inside.astype(np.float32)
    if (narrow[2:] <= narrow[:2]).any():
        return None, OUTSIDE if (inside[2:] <= inside[:2]).any() else NO_AREA
    left, top, right, bottom = inside.tolist()
    return (left, top, right, bottom), PARTLY if np.abs(inside - corners).max() > _SLACK else ""
