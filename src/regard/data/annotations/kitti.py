"""KITTI's text of objects in space (Geiger et al. 2012): a line for each object, a calibration for each picture.

A line is: class, truncated (0 to 1), occluded (0 to 3), alpha, the box in the picture (left, top, right, bottom in
pixels from 0), height, width, length, x, y, z of the middle of the lower side in metres, and the turn about y. The
camera is P2 of the calibration, whose picture is in `image_2`.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from ...core.checks import InputError, bad, check_path
from ...core.reading import read_bytes
from ..imageset import ImageSet
from ._reading import picture_size
from ._writing import Losses, Written, annotated, fresh, put_picture, put_text
from .boxes import RawBox, corners_of, sound_boxes
from .boxes3d import DONT_CARE, Boxes3D
from .faults import ASIDE, NOTED, Fault
from .record import Annotations, Rows

_MOST = 2**22  # bytes
_COLUMNS = 15  # of a line; results have a score after them


def read_kitti(folder: str | Path) -> ImageSet:
    """The pictures of a folder in KITTI's layout with their objects.

    `boxes3d` has all lines in their order. `boxes` has the boxes in the picture: what is truncated or occluded at all
    is marked so, and regions of DontCare are crowds.

    Args:
        folder: with `image_2`, `label_2` and, if you like, `calib`.

    Raises:
        InputError: no such folder, or no picture.
    """
    from ..folder import open_folder

    root = check_path("folder", folder, folder=True)
    found = open_folder(check_path("folder", root / "image_2", folder=True), argument="folder")
    items = [item for item in found.items if isinstance(item, Path)]
    rows = Rows.of(KittiFolder(root, items))
    return ImageSet(
        items, found.ids, None, {}, root.resolve().name, found.set_aside, found.notes, found.root, annotations=rows
    )


class KittiFolder:
    """The objects of a folder in KITTI's layout, one text an image."""

    def __init__(self, root: Path, items: Sequence[Path]) -> None:
        self.root, self.items = root, items

    def __len__(self) -> int:
        return len(self.items)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """None: no file lists them."""
        return None

    def general(self) -> list[Fault]:
        """Nothing: a folder has no file as a whole."""
        return []

    def read(self, row: int) -> Annotations:
        """Of one picture."""
        size, cause = picture_size(self.items[row])
        pictures, item = self.root / "image_2", self.items[row]
        within = item.relative_to(pictures) if item.is_relative_to(pictures) else Path(item.name)
        name = within.with_suffix(".txt").as_posix()
        faults = [Fault(self.items[row].name, cause, NOTED)] if cause else []
        camera = self._camera(name, faults)
        file = self.root / "label_2" / name
        if not file.is_file():
            return Annotations(size, faults=(*faults, Fault(name, "no such file", NOTED)), camera=camera)
        try:
            lines = [one for one in read_bytes(file, "KITTI's text", _MOST).decode("utf-8").splitlines() if one.strip()]
        except (InputError, UnicodeDecodeError) as error:
            return Annotations(size, faults=(*faults, Fault(name, str(error))))
        rows = []
        for place, line in enumerate(lines):
            try:
                rows.append((place, line.split()[0], _numbers(line)))
            except ValueError as error:
                faults.append(Fault(name, str(error), ASIDE, place))
        found = _boxes3d([(label, numbers) for _, label, numbers in rows], camera)
        raw = [
            RawBox(
                corners_of(found.xyxy[one]),
                str(found.classes[one]),
                truncated=bool(found.truncated[one] > 0),
                occluded=bool(0 < found.occluded[one] < 3),
                crowd=not found.known[one],
            )
            for one in range(len(found))
        ]
        boxes, _, wrong = sound_boxes(raw, size, name, [place for place, _, _ in rows])
        return Annotations(size, boxes, boxes3d=found, faults=(*faults, *wrong))

    def _camera(self, name: str, faults: list[Fault]) -> np.ndarray | None:
        file = self.root / "calib" / name
        if not file.is_file():
            return None
        try:
            return read_calibration(file)["P2"].reshape(3, 4)
        except (InputError, KeyError, ValueError):
            faults.append(Fault(f"calib/{name}", "a calibration without a P2 of 12 numbers"))
            return None


def read_calibration(file: str | Path) -> dict[str, np.ndarray]:
    """The matrices of a file of calibration by name (P0 to P3, R0_rect, Tr_velo_to_cam ...), flat, as it has them.

    Raises:
        InputError: no such file, or no such text.
    """
    try:
        lines = read_bytes(file, "KITTI's calibration", _MOST).decode("ascii").splitlines()
        pairs = [line.split(":", 1) for line in lines if line.strip()]
        found = {name.strip(): np.array([float(word) for word in numbers.split()]) for name, numbers in pairs}
    except (ValueError, UnicodeDecodeError) as error:
        raise bad("file", f"{file} ({str(error)[:100]})", "KITTI's calibration, `P2: 12 numbers` and so on") from None
    if not all(np.isfinite(one).all() for one in found.values()):
        raise bad("file", f"{file} with NaN", "KITTI's calibration")
    return found


def _numbers(line: str) -> list[float]:
    """What follows the class, checked; raises ValueError with the cause in plain words."""
    words = line.split()
    if len(words) not in (_COLUMNS, _COLUMNS + 1):
        raise ValueError(f"a line of {len(words)} columns, where there should be {_COLUMNS}")
    try:
        numbers = [float(word) for word in words[1:_COLUMNS]]
    except ValueError:
        raise ValueError("a line that is not of numbers") from None
    if not np.isfinite(numbers).all():
        raise ValueError("a line with NaN or infinity")
    if words[0] != DONT_CARE and min(numbers[7:10]) <= 0:
        raise ValueError("height, width or length of 0 or less")
    return numbers


def _boxes3d(rows: Sequence[tuple[str, list[float]]], camera: np.ndarray | None) -> Boxes3D:
    table = np.array([numbers for _, numbers in rows], dtype=np.float64).reshape(-1, _COLUMNS - 1)
    return Boxes3D(
        classes=np.array([label for label, _ in rows], dtype=np.str_),
        truncated=table[:, 0],
        occluded=table[:, 1],
        alpha=table[:, 2],
        xyxy=table[:, 3:7],
        size=table[:, 7:10],
        bottom=table[:, 10:13],
        yaw=table[:, 13],
        camera=camera,
    )


def write_kitti(images: ImageSet, folder: str | Path, *, pictures: bool = True) -> Written:
    """Write a folder in KITTI's layout, numbers to a hundredth as KITTI has them, the camera as P2.

    Args:
        images: with boxes in space.
        folder: where to write; new or empty.
        pictures: copy the pictures too.

    Raises:
        InputError: images without annotations, or a class with spaces in its name.
    """
    losses = Losses()
    with fresh(folder) as root:
        for row, name, found in annotated(images):
            losses.read(found)
            losses.cannot(found, "masks", "semantic", "depth", "tags")
            stem = str(PurePosixPath(name).with_suffix(""))
            if pictures:
                put_picture(images.items[row], root / "image_2", name)
            if found.boxes3d is None:
                losses.cannot(found, "boxes")
                continue
            put_text(
                root, f"label_2/{stem}.txt", "".join(line_of(found.boxes3d, one) for one in range(len(found.boxes3d)))
            )
            losses.objects += len(found.boxes3d)
            if found.boxes3d.camera is not None:
                numbers = " ".join(f"{value:.12e}" for value in found.boxes3d.camera.ravel())
                put_text(root, f"calib/{stem}.txt", f"P2: {numbers}\n")
    return losses.done(Path(folder), len(images))


def line_of(boxes: Boxes3D, row: int) -> str:
    """One object as a line of KITTI's text, which ends it.

    Raises:
        InputError: a class with spaces in its name.
    """
    name = str(boxes.classes[row])
    if not name or name.split() != [name]:
        raise bad("classes", repr(name), "names without spaces, as KITTI's lines have spaces between columns")
    cares = bool(boxes.known[row])
    first = f"{name} {boxes.truncated[row]:.2f}" if cares else f"{name} {boxes.truncated[row]:.0f}"
    numbers = [boxes.alpha[row], *boxes.xyxy[row], *boxes.size[row], *boxes.bottom[row], boxes.yaw[row]]
    texts = [f"{value:.2f}" for value in numbers]
    if not cares:  # KITTI writes what is not known as whole numbers
        texts = [text if 1 <= place <= 4 else f"{value:.0f}" for place, (text, value) in enumerate(zip(texts, numbers))]
    return f"{first} {boxes.occluded[row]} {' '.join(texts)}\n"
