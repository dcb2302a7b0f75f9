"""What all writers of annotations share: where a picture goes, and what the format could not hold."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from ...core.checks import bad, check_output
from ...core.images import IMAGE_SUFFIXES
from ...core.leftovers import empty
from ...core.storage import appearing, inside
from ..imageset import ImageSet
from .faults import ASIDE
from .record import Annotations


@dataclass(frozen=True)
class Written:
    """What a writer did.

    Attributes:
        folder: what was written.
        images: how many pictures it lists.
        objects: how many objects.
        lost: what the format cannot hold, and how many of each.
        set_aside: what was wrong in what was read and so is not written, counted by cause.
    """

    folder: Path
    images: int
    objects: int
    lost: dict[str, int] = field(default_factory=dict)
    set_aside: dict[str, int] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """What was lost or left out, in words."""
        return [f"{count} {what}" for what, count in (self.lost | self.set_aside).items()]


@dataclass
class Losses:
    """Counts while a writer works."""

    lost: Counter[str] = field(default_factory=Counter)
    aside: Counter[str] = field(default_factory=Counter)
    objects: int = 0

    def read(self, found: Annotations) -> None:
        """Count what was set aside while the image's annotations were read."""
        self.aside.update(fault.cause for fault in found.faults if fault.done == ASIDE)

    def cannot(self, found: Annotations, *names: str) -> None:
        """Count parts of an image's annotations that the format has no place for."""
        for name in names:
            if getattr(found, name) is not None:
                self.lost[f"{_CALLED[name]} not written"] += 1

    def done(self, folder: Path, images: int) -> Written:
        """The report."""
        return Written(folder, images, self.objects, dict(sorted(self.lost.items())), dict(sorted(self.aside.items())))


_CALLED = {
    "boxes": "sets of boxes",
    "masks": "sets of masks",
    "semantic": "semantic maps",
    "depth": "depth maps",
    "boxes3d": "sets of boxes in space",
    "tags": "tags",
}


@contextmanager
def fresh(folder: str | Path) -> Iterator[Path]:
    """Give a folder beside `folder` to write into, which takes its place at the end; one with files is refused."""
    path = check_output("folder", folder, folder=True)
    if not empty(path):
        raise bad("folder", f"{str(folder)!r}, which holds other files", "a new or empty folder")
    with appearing(path) as beside:
        yield beside


def annotated(images: ImageSet) -> Iterator[tuple[int, str, Annotations]]:
    """Row, name of the picture with its suffix, and annotations, one image after another.

    Raises:
        InputError: images without annotations, of a size that cannot be read, or two whose names differ in the suffix.
    """
    if images.annotations is None:
        raise bad("images", f"{images.name} without annotations", "images that carry boxes or masks")
    seen: dict[str, str] = {}
    for row in range(len(images)):
        name = picture_name(images, row)
        stem = str(PurePosixPath(name).with_suffix(""))
        if seen.setdefault(stem.casefold(), name) != name:
            raise bad("images", f"{seen[stem.casefold()]!r} and {name!r}", "names that differ in more than the suffix")
        found = images.annotations[row]
        if found.size is None:
            raise bad("images", f"{images.called(row)}, whose size is not known", "pictures that can be read")
        yield row, name, found


def class_names(images: ImageSet) -> list[str]:
    """The classes of the boxes: in the files' order where these list them, then all others that are met, by name."""
    if images.annotations is None:
        return []
    listed = dict.fromkeys(name for source in images.annotations.sources for name in source.classes or ())
    met = {name for one in images.annotations if one.boxes is not None for name in one.boxes.classes.tolist()}
    return [*listed, *sorted(met - set(listed))]


def picture_name(images: ImageSet, row: int) -> str:
    """The id of an image as a relative path with a picture's suffix."""
    item, name = images.items[row], str(images.ids[row]).replace("\\", "/")
    if isinstance(item, Path):
        suffix = item.suffix
        return name if name.lower().endswith(suffix.lower()) and suffix else name + suffix
    return name if PurePosixPath(name).suffix.lower() == ".png" else f"{name}.png"


def put_picture(item: Path | np.ndarray, root: Path, name: str) -> None:
    """Copy a picture's file, or write an array as PNG, at `name` below `root`."""
    from ..decode import decode

    target = inside(root, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(item, Path) and item.suffix.lower() in IMAGE_SUFFIXES:
        shutil.copyfile(item, target)
        return
    from PIL import Image

    Image.fromarray(decode(item).permute(1, 2, 0).numpy()).save(target, format="PNG")


def put_text(root: Path, name: str, text: str) -> Path:
    """Write text at `name` below `root`."""
    target = inside(root, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target


def put_index(root: Path, name: str, values_HW: np.ndarray, palette: np.ndarray | None = None) -> Path:
    """Write numbers as a PNG: 8 bits with a palette (256, 3) where one is given, else grey of 8 or 16 bits."""
    from PIL import Image

    target = inside(root, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.ascontiguousarray(values_HW))
    if palette is not None and values_HW.dtype == np.uint8:
        image.putpalette(palette.astype(np.uint8).ravel().tolist())
    image.save(target, format="PNG")
    return target
