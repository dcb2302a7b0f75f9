"""Depth in PNG of 16 bits, in the layout of 7-Scenes (Shotton et al. 2013): millimetres, 0 and 65535 for none.

NAME.color.jpg (or .png) is the picture, NAME.depth.png its depth, NAME.pose.txt the camera's place (4x4, to the world),
and `camera-intrinsics.txt` (3x3) the camera of all of them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...core.checks import InputError, bad, check_number, check_path
from ...core.images import IMAGE_SUFFIXES
from ...core.reading import read_bytes
from ..imageset import ImageSet
from ._reading import picture_size
from ._writing import Losses, Written, annotated, fresh, put_index, put_picture, put_text
from .depth import Depth
from .depth_values import NONE, metres_of
from .faults import ASIDE, NOTED, Fault
from .record import Annotations, Rows

INTRINSICS = "camera-intrinsics.txt"
_COLOUR, _DEPTH, _POSE = ".color", ".depth.png", ".pose.txt"


def read_depth(folder: str | Path, *, unit: float = 0.001, none: Sequence[int] = NONE) -> ImageSet:
    """The pictures of a folder in the layout of 7-Scenes, with depth, intrinsics and poses.

    Args:
        folder: with NAME.color.jpg, NAME.depth.png and, if you like, NAME.pose.txt and camera-intrinsics.txt.
        unit: metres of one step: 0.001 for millimetres, 1/256 for KITTI's, 1/5000 for TUM's.
        none: the values that mean that the depth is not known.

    Raises:
        InputError: no such folder, or no picture in it.
    """
    root = check_path("folder", folder, folder=True)
    check_number("unit", unit, 0, open_low=True)
    items = sorted(
        file for file in root.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.stem.endswith(_COLOUR)
    )
    if not items:
        raise bad("folder", repr(str(folder)), f"pictures named NAME{_COLOUR}.jpg or NAME{_COLOUR}.png")
    rows = Rows.of(DepthFolder(root, items, unit, tuple(none)))
    ids = np.array([item.name for item in items])
    return ImageSet(items, ids, name=root.resolve().name, root=root, annotations=rows)


def holds_depth(folder: Path) -> bool:
    """Whether a folder has this layout: a NAME.depth.png and its NAME.color picture."""
    first = next(folder.glob(f"*{_DEPTH}"), None)
    if first is None:
        return False
    stem = first.name.removesuffix(_DEPTH) + _COLOUR
    return any((folder / (stem + suffix)).is_file() for suffix in IMAGE_SUFFIXES)


class DepthFolder:
    """The depth of a folder, one picture an image."""

    def __init__(self, root: Path, items: Sequence[Path], unit: float, none: tuple[int, ...]) -> None:
        self.root, self.items, self.unit, self.none = root, items, unit, none

    def __len__(self) -> int:
        return len(self.items)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """None: depth has no classes."""
        return ()

    def general(self) -> list[Fault]:
        """What is wrong with the intrinsics."""
        return self._matrix(INTRINSICS, (3, 3))[1]

    def _matrix(self, name: str, shape: tuple[int, int]) -> tuple[np.ndarray | None, list[Fault]]:
        file = self.root / name
        if not file.is_file():
            return None, []
        try:
            words = read_bytes(file, "numbers", 2**16).decode("ascii").split()
            found = np.array([float(word) for word in words])
        except (InputError, ValueError):
            return None, [Fault(name, "a matrix that cannot be read", ASIDE)]
        if found.size != shape[0] * shape[1] or not np.isfinite(found).all():
            return None, [Fault(name, f"no matrix of {shape[0]}x{shape[1]} numbers", ASIDE)]
        return found.reshape(shape), []

    def read(self, row: int) -> Annotations:
        """Of one picture."""
        item = self.items[row]
        stem = item.stem.removesuffix(_COLOUR)
        size, cause = picture_size(item)
        faults = [Fault(item.name, cause, NOTED)] if cause else []
        pose, wrong = self._matrix(stem + _POSE, (4, 4))
        faults += wrong
        file = self.root / (stem + _DEPTH)
        try:
            metres = metres_of(file, size, self.unit, self.none)
        except InputError as error:
            return Annotations(size, faults=(*faults, Fault(file.name, str(error))))
        depth = Depth(metres, self._matrix(INTRINSICS, (3, 3))[0], pose)
        return Annotations(size, depth=depth, faults=tuple(faults))


def write_depth(images: ImageSet, folder: str | Path, *, pictures: bool = True, unit: float = 0.001) -> Written:
    """Write depth in the layout of 7-Scenes, rounded to whole units; 0 where it is not known.

    Args:
        images: with depth; one camera for all of them.
        folder: where to write; new or empty.
        pictures: copy the pictures too.
        unit: metres of one step.

    Raises:
        InputError: images without annotations, or of several cameras.
    """
    check_number("unit", unit, 0, open_low=True)
    losses, camera = Losses(), None
    with fresh(folder) as root:
        for row, name, found in annotated(images):
            losses.read(found)
            losses.cannot(found, "boxes", "masks", "semantic", "boxes3d", "tags")
            stem, _, suffix = name.rpartition(".")
            stem = stem.removesuffix(_COLOUR)
            if pictures:
                put_picture(images.items[row], root, f"{stem}{_COLOUR}.{suffix}")
            if found.depth is None:
                continue
            steps = np.round(np.where(found.depth.known, found.depth.metres, 0).astype(np.float64) / unit)
            far = int(((steps >= NONE[1]) | (found.depth.known & (steps < 1))).sum())
            if far:
                losses.lost["pixels nearer or farther than 16 bits hold"] += far
            put_index(root, stem + _DEPTH, np.where(steps < NONE[1], steps, 0).astype(np.uint16))
            losses.objects += 1
            if found.depth.pose is not None:
                put_text(root, stem + _POSE, _text(found.depth.pose))
            if found.depth.intrinsics is not None:
                if camera is not None and not np.array_equal(camera, found.depth.intrinsics):
                    raise bad("images", "pictures of several cameras", "one camera for a folder")
                camera = found.depth.intrinsics
        if camera is not None:
            put_text(root, INTRINSICS, _text(camera))
    return losses.done(Path(folder), len(images))


def _text(matrix: np.ndarray) -> str:
    return "".join(" ".join(f"{value:.18e}" for value in row) + "\n" for row in matrix)
