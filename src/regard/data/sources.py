"""Whatever a user names as images becomes one image set: folder, table, VOC, COCO, built-in set, or a list.

This is the public edge: what cannot be used is refused here with what came, what was expected and what to do.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import InputError, bad, check_path
from ..core.heard import by_the_way
from ..core.images import IMAGE_SUFFIXES, as_rgb
from ._files import causes, problem, shown
from .corrupted import PREFIX, corrupted_images, read_name
from .imageset import ImageSet

_BUILTIN = "builtin:"
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".rar", ".7z")
_ACCEPTED = "a folder, a table (.csv .tsv .parquet), a COCO file (.json), an image, or builtin:NAME"


def open_images(source: ImageSet | str | Path | np.ndarray | Sequence[Any], *, argument: str = "IMAGES") -> ImageSet:
    """Open images from wherever they are.

    Args:
        source: a folder (of images, of class folders, in the layout of VOC, KITTI or 7-Scenes), a table with a column
            `path`, a COCO file, one image file, `builtin:NAME`, `corrupted:NAME:SEVERITY:SOURCE` (such as
            `corrupted:fog:3:pictures/test`: the same images, corrupted), an image set as it is, a list of paths,
            arrays or PIL images, or an array (N, H, W, 3).
        argument: what to call it in messages.

    Raises:
        InputError: nothing there that can be used as images.
    """
    if isinstance(source, ImageSet):
        return source
    if isinstance(source, str) and source.startswith(_BUILTIN):
        from .builtin import builtin

        return builtin(source.removeprefix(_BUILTIN))
    if isinstance(source, str) and source.startswith(PREFIX):
        name, severity, clean = read_name(source, argument)
        return corrupted_images(open_images(clean, argument=argument), name, severity)
    if isinstance(source, str | Path):
        path = check_path(argument, source)
        found = _folder(path, argument) if path.is_dir() else _file(path, argument)
        for sentence in found.sentences():
            by_the_way(sentence)
        return found
    if isinstance(source, np.ndarray) and source.ndim != 4:
        raise bad(argument, f"an array of shape {source.shape}", "(N, H, W, 3)", "Put one image in a list: [image].")
    if isinstance(source, Sequence | np.ndarray) and not isinstance(source, bytes):
        return _listed(source, argument)
    raise bad(argument, f"a {type(source).__name__}", f"{_ACCEPTED}, or a list of paths, arrays or PIL images")


def _folder(path: Path, argument: str) -> ImageSet:
    from .folder import open_folder

    beside = ("Annotations", "ImageSets", "SegmentationClass", "SegmentationClassPNG", "SegmentationObject")
    if (path / "JPEGImages").is_dir() and any((path / name).is_dir() for name in beside):
        # VOC: beside the photographs lie masks, which are no images to learn from; one photograph has many labels
        voc = open_folder(path / "JPEGImages", argument=argument)
        from .annotations.voc import with_voc

        return with_voc(replace(voc, labels=None, columns={}, name=path.resolve().name), path)
    if (path / "image_2").is_dir():
        from .annotations.kitti import read_kitti

        return read_kitti(path)
    from .annotations.depth_png import holds_depth, read_depth

    if holds_depth(path):
        return read_depth(path)
    found = open_folder(path, argument=argument)
    from .annotations.depth_folder import with_depth
    from .annotations.mask_folder import with_masks
    from .annotations.yolo import looks_like_yolo, with_yolo

    return with_yolo(found, path) if looks_like_yolo(path) else with_depth(with_masks(found, path), path)


def _file(path: Path, argument: str) -> ImageSet:
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return _listed([path], argument)
    if suffix == ".json":
        from .coco import open_coco

        return open_coco(path, argument)
    if suffix in (".npz", ".npy"):
        raise bad(
            argument,
            f"{str(path)!r}, a file of embeddings or arrays",
            "images, which this verb needs",
            "Name the images they were made from.",
        )
    from .tables import TABLE_SUFFIXES, open_table

    if suffix in TABLE_SUFFIXES:
        return open_table(path, argument=argument)
    fix = "Unpack it and name the folder." if suffix in _ARCHIVES else ""
    raise bad(argument, repr(str(path)), _ACCEPTED, fix)


def _checked(items: Sequence[Path], ids: Sequence[str], name: str, argument: str) -> ImageSet:
    """An image set of the files that are there."""
    aside, kept = [], []
    for row, (item, its) in enumerate(zip(items, ids)):
        cause = problem(item)
        if cause:
            aside.append({"path": shown(its), "cause": cause})
        else:
            kept.append(row)
    if not kept:
        raise bad(
            argument,
            f"{len(items)} files of which none can be used ({causes(tuple(aside))})",
            "images",
            f"The first was looked for at {str(items[0])!r}.",
        )
    return ImageSet(
        [items[row] for row in kept], np.array([ids[row] for row in kept]), name=name, set_aside=tuple(aside)
    )


def _listed(source: Sequence[Any] | np.ndarray, argument: str) -> ImageSet:
    items = list(source)
    if not items:
        raise bad(argument, "an empty list", "at least one image")
    if all(isinstance(item, str | Path) for item in items):
        paths = [Path(item).expanduser() for item in items]
        return _checked(paths, [path.as_posix() for path in paths], "images", argument)
    if any(isinstance(item, str | Path) for item in items):
        raise bad(argument, "paths and pixels in one list", "either paths or pixels")
    pixels = [_pixels(item, f"{argument}[{place}]") for place, item in enumerate(items)]
    return ImageSet(pixels, np.array([f"image/{place:04d}" for place in range(len(pixels))]))


def _pixels(item: Any, argument: str) -> np.ndarray:
    from PIL import Image

    from .decode import DecodeError, decode_pillow

    if isinstance(item, np.ndarray):
        return as_rgb(item, argument)
    if isinstance(item, Image.Image):
        try:
            return decode_pillow(item)
        except DecodeError as error:
            raise InputError(f"{argument}: {error}") from error
    raise bad(argument, f"a {type(item).__name__}", "a path, an array (H, W, 3) or a PIL image")
