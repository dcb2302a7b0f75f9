"""From one format to another: whatever can be opened, written as VOC, COCO, YOLO, masks, depth or KITTI."""

from collections.abc import Callable
from pathlib import Path

from ...core.checks import bad, check_choice
from ..imageset import ImageSet
from ._writing import Written
from .coco_write import write_coco
from .depth_png import write_depth
from .kitti import read_kitti, write_kitti
from .mask_folder import write_masks
from .voc_write import write_voc
from .yolo_write import write_yolo

WRITERS: dict[str, Callable[..., Written]] = {
    "voc": write_voc,
    "coco": write_coco,
    "yolo": write_yolo,
    "masks": write_masks,
    "depth": write_depth,
    "kitti": write_kitti,
}


def convert(source: ImageSet | str | Path, folder: str | Path, to: str, *, pictures: bool = True) -> Written:
    """Read annotations in whatever format they are, and write them in another.

    What the other format cannot hold is counted in the answer's `lost`, and what was wrong in the source in its
    `set_aside`; neither is silent.

    Args:
        source: images with annotations; a VOC, YOLO, KITTI or 7-Scenes folder, or a COCO file.
        folder: where to write; new or empty.
        to: voc, coco, yolo, masks, depth or kitti.
        pictures: copy the pictures too.

    Raises:
        InputError: a source without annotations, another format, or a folder that holds files.

    See also the writers (`write_voc` ...), which have further settings.
    """
    check_choice("to", to, WRITERS)
    images = source if isinstance(source, ImageSet) else opened(source)
    if images.annotations is None:
        raise bad("source", f"{images.name} without annotations", "a VOC, YOLO or KITTI folder, or a COCO file")
    return WRITERS[to](images, folder, pictures=pictures)


def opened(source: str | Path) -> ImageSet:
    """Images with annotations, from a folder or file of any format that says by its layout what it is."""
    from ..sources import open_images

    path = Path(source).expanduser()
    if (path / "image_2").is_dir() and (path / "label_2").is_dir():
        return read_kitti(path)
    return open_images(source, argument="source")
