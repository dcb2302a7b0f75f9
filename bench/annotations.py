"""Six real sets of annotations read whole, and round trips through every format that can hold them.

    python bench/annotations.py --data FOLDER [--out FILE]

FOLDER holds det_bccd_voc, inst_pennfudan_coco, inst_nuclei_coco_dev, camvid_dev, rgbd_7scenes_dev and kitti3d_13frames.
Boxes go VOC -> COCO -> VOC -> YOLO -> VOC -> COCO; maps, depth and boxes in space go through their own format. What is
set aside is named. Where pycocotools is installed it loads what is written, and its masks must be the same.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish

from regard import open_images
from regard.data.annotations.compare import Difference, difference
from regard.data.annotations.convert import convert, opened
from regard.data.annotations.faults import counted
from regard.data.annotations.mask_folder import read_masks, write_masks
from regard.data.imageset import ImageSet, concatenate

CAMVID = "sky building pole road pavement tree sign fence car pedestrian bicyclist unlabelled".split()
BARS = ("missing", "classes", "flags", "mask_pixels", "map_pixels", "depth_millimetres", "space")
Row = dict[str, Any]


def main() -> int:
    """Read, convert, compare; 1 where a figure falls short."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="annotations-") as work:
        for part in (bccd, pennfudan, nuclei, camvid, scenes, kitti):
            rows += part(args.data, Path(work) / part.__name__)
    return finish("annotations", rows, args.out)


def bccd(data: Path, work: Path) -> Iterator[Row]:
    """Boxes and flags of Pascal VOC."""
    images = opened(data / "det_bccd_voc" / "BCCD")
    yield from read("bccd", images, images=364, objects=4886, set_aside=2)
    truncated = sum(int(one.boxes.truncated.sum()) for one in images.annotations or () if one.boxes is not None)
    yield {"what": "bccd: truncated objects", "value": truncated, "equals": 1131}
    yield from around("bccd", images, work)


def pennfudan(data: Path, work: Path) -> Iterator[Row]:
    """Masks of people."""
    folder = data / "inst_pennfudan_coco"
    images = opened(folder / "instances.json")
    yield from read("pennfudan", images, images=170, objects=423, set_aside=0)
    original = read_masks(folder / "images", folder / "masks", objects="person")
    yield from told("pennfudan: COCO's and the original masks", difference(images, original), pixels=0.0)
    yield from around("pennfudan", images, work)


def nuclei(data: Path, work: Path) -> Iterator[Row]:
    """Masks of nuclei, up to 151 in a picture; some overlap."""
    images = opened(data / "inst_nuclei_coco_dev" / "instances.json")
    yield from read("nuclei", images, images=130, objects=4437, set_aside=0)
    yield from around("nuclei", images, work)


def camvid(data: Path, work: Path) -> Iterator[Row]:
    """Maps of three drives, as numbers, as colours, and as VOC has them."""
    parts = []
    for folder in sorted(one for one in (data / "camvid_dev").iterdir() if one.is_dir()):
        parts.append(read_masks(folder / "images", folder / "labels", CAMVID))
    images = concatenate(parts, "camvid")
    yield from read("camvid", images, images=265, objects=0, set_aside=0)
    known = sum(int((one.semantic.values != 255).sum()) for one in images.annotations or () if one.semantic)
    yield {"what": "camvid: share of pixels of a class", "value": known / (265 * 480 * 360), "at_least": 0.9}
    write_masks(images, work / "numbers", pictures=True)
    write_masks(images, work / "colours", colours=True)
    convert(images, work / "voc", "voc")
    for name in ("numbers", "colours"):
        back = read_masks(work / name / "images", work / name / "labels")
        yield from told(f"camvid: as {name} and back", difference(images, back))
    yield from told("camvid: as VOC and back", difference(images, open_images(work / "voc")))


def scenes(data: Path, work: Path) -> Iterator[Row]:
    """Depth, poses and a camera."""
    images = opened(data / "rgbd_7scenes_dev")
    yield from read("7scenes", images, images=100, objects=0, set_aside=0)
    depths = [one.depth for one in images.annotations or () if one.depth is not None]
    poses = sum(one.pose is not None and one.intrinsics is not None for one in depths)
    yield {"what": "7scenes: pictures with depth, pose and camera", "value": poses, "equals": 100}
    share = float(np.mean([one.known.mean() for one in depths]))
    yield {"what": "7scenes: share of pixels whose depth is known", "value": share, "at_least": 0.5}
    convert(images, work / "depth", "depth")
    yield from told("7scenes: written and back", difference(images, opened(work / "depth")))


def kitti(data: Path, work: Path) -> Iterator[Row]:
    """Boxes in space: what is written is KITTI's text letter for letter, and fits its boxes in the picture."""
    folder = data / "kitti3d_13frames"
    images = opened(folder)
    yield from read("kitti", images, images=13, objects=81, set_aside=0)
    convert(images, work / "kitti", "kitti")
    yield from told("kitti: written and back", difference(images, opened(work / "kitti")))
    same = sum(
        file.read_text().split() == (work / "kitti" / "label_2" / file.name).read_text().split()
        for file in sorted((folder / "label_2").glob("*.txt"))
    )
    yield {"what": "kitti: texts that are the same word for word", "value": same, "equals": 13}
    apart = [one for row in images.annotations or () for one in _apart(row.boxes3d, row.size)]
    yield {"what": "kitti: median gap of projected corners and box", "value": float(np.median(apart)), "at_most": 3}


def _apart(boxes: Any, size: Any) -> list[float]:
    """Mean gap (pixels) of the extent of each object's eight corners, cut at the picture, and its box."""
    seen = boxes.projected()
    gaps = []
    for corners, box, known, truncated in zip(seen, boxes.xyxy, boxes.known, boxes.truncated):
        if known and not truncated and np.isfinite(corners).all():
            extent = np.clip([*corners.min(0), *corners.max(0)], 0, [size[1] - 1, size[0] - 1] * 2)
            gaps.append(float(np.abs(extent - box).mean()))
    return gaps


def read(name: str, found: ImageSet, *, images: int, objects: int, set_aside: int) -> Iterator[Row]:
    """Rows: how much there is, and what was set aside or clipped, of a set that is read whole."""
    assert found.annotations is not None
    rows = list(found.annotations)
    count = sum(len(one.boxes) for one in rows if one.boxes is not None)
    faults = found.annotations.faults()
    yield {"what": f"{name}: images", "value": len(found), "equals": images}
    if objects:
        yield {"what": f"{name}: objects", "value": count, "equals": objects}
        masks = sum(sum(run is not None for run in one.masks.runs) for one in rows if one.masks is not None)
        yield {"what": f"{name}: masks", "value": masks}
    aside = [fault for fault in faults if fault.done == "set aside"]
    yield {"what": f"{name}: set aside", "value": len(aside) + len(found.set_aside), "equals": set_aside}
    for cause, number in counted(faults).items():
        yield {"what": f"{name}: {cause}", "value": number}
    for fault in aside[:5]:
        said = fault.to_dict()
        yield {"what": f"{name}: {said['path']}: {said['cause']}", "value": 1}


def around(name: str, images: ImageSet, work: Path) -> Iterator[Row]:
    """Rows of the round trip: each step against the first reading."""
    found, lost = images, 0
    for step, form in enumerate(("voc", "coco", "voc", "yolo", "voc", "coco")):
        folder = work / f"{step}-{form}"
        lost += sum(convert(found, folder, form).lost.values())
        if form == "coco":
            yield from peer(f"{name}: {step + 1} coco", folder / "instances.json", found)
        found = opened(folder / "instances.json" if form == "coco" else folder)
        yield from told(f"{name}: {step + 1} {form}", difference(images, found))
    yield {"what": f"{name}: lost on the way", "value": lost, "at_most": 0}


def told(name: str, apart: Difference, pixels: float = 1.0) -> Iterator[Row]:
    """Rows of a difference: all that differs must be none, and boxes at most a pixel apart."""
    yield {"what": f"{name}: boxes apart", "value": apart.pixels, "unit": "px", "at_most": pixels}
    found = apart.to_dict()
    wrong = sum(found[one] for one in BARS)
    yield {"what": f"{name}: other differences", "value": wrong, "at_most": 0}


def peer(name: str, file: Path, images: ImageSet) -> Iterator[Row]:
    """A row of masks that pycocotools reads otherwise; none where it is not installed."""
    try:
        from pycocotools.coco import COCO
    except ImportError:
        return
    import contextlib
    import io
    import warnings

    warnings.filterwarnings("ignore", "__array__ implementation")
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = COCO(str(file))
    wrong = 0
    for place, one in enumerate(images.annotations or (), start=1):
        rows = loaded.loadAnns(loaded.getAnnIds(imgIds=[place]))
        wrong += one.boxes is None or len(rows) != len(one.boxes)
        if one.masks is not None:
            wrong += sum(bool((loaded.annToMask(row) != one.masks.array(k)).any()) for k, row in enumerate(rows))
    yield {"what": f"{name}: masks that pycocotools reads otherwise", "value": wrong, "at_most": 0}


if __name__ == "__main__":
    sys.exit(main())
