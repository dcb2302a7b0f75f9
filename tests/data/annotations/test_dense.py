"""Folders of masks, depth, and KITTI's text: read, written, converted, and what is wrong in them told."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard import open_images
from regard.core.checks import InputError
from regard.data.annotations.class_table import ClassTable
from regard.data.annotations.compare import difference
from regard.data.annotations.convert import convert
from regard.data.annotations.depth_png import read_depth, write_depth
from regard.data.annotations.faults import counted
from regard.data.annotations.kitti import read_calibration, read_kitti, write_kitti
from regard.data.annotations.mask_folder import read_masks, write_masks
from regard.data.annotations.record import Annotations
from regard.data.imageset import ImageSet

from ._drawn import SIZE, scenes

NAMES = ("sky", "road", "void")


def masks_of(root: Path, values: np.ndarray) -> Path:
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    Image.new("RGB", (6, 4), (9, 9, 9)).save(root / "images" / "a.jpg")
    Image.fromarray(values).save(root / "labels" / "a.png")
    return root


def first(images: ImageSet) -> Annotations:
    assert images.annotations is not None
    return images.annotations[0]


def numbers() -> np.ndarray:
    values = np.zeros((4, 6), np.uint8)
    values[1], values[2], values[3, :2], values[3, 2] = 1, 2, 255, 9
    return values


def test_numbers_become_classes_and_what_is_no_class_counts_neither_way(tmp_path: Path) -> None:
    root = masks_of(tmp_path, numbers())
    images = read_masks(root / "images", root / "labels", NAMES)
    found = first(images)
    assert found.semantic is not None and found.semantic.classes == ("sky", "road") and found.labels == ("road", "sky")
    assert found.semantic.values.tolist() == [[0] * 6, [1] * 6, [255] * 6, [255] * 3 + [0] * 3]
    assert counted(found.faults) == {"set aside: pixels of an unknown class (1)": 1}
    opened = open_images(root)
    assert opened.labels is None and first(opened).labels == ("0", "1", "2", "9")
    (root / "classes.txt").write_text("sky\nroad\nvoid\n")
    assert first(open_images(root)).labels == ("road", "sky")


@pytest.mark.parametrize(
    "name, text",
    [
        ("classes.csv", "name,r,g,b\nsky,0,0,200\nroad,90,0,0\nvoid,0,0,0\n"),
        ("class_dict.csv", "name, r, g, b\nsky, 0, 0, 200\nroad, 90, 0, 0\nvoid, 0, 0, 0\n"),
        ("label_colors.txt", "0 0 200\tsky\n90 0 0\t\troad\n0 0 0 void\n"),
        ("labelmap.txt", "# label:color\nsky:0,0,200::\nroad:90,0,0::\nvoid:0,0,0::\n"),
    ],
)
def test_colours_become_classes_by_every_table(tmp_path: Path, name: str, text: str) -> None:
    colours = np.zeros((4, 6, 3), np.uint8)
    colours[0], colours[1], colours[3, 5] = (0, 0, 200), (90, 0, 0), (1, 2, 3)
    root = masks_of(tmp_path, colours)
    (root / name).write_text(text)
    found = first(read_masks(root / "images", root / "labels"))
    assert found.semantic is not None and found.semantic.pixels() == {"sky": 6, "road": 6}
    assert counted(found.faults) == {"set aside: pixels of an unknown class (1)": 1}


def test_masks_that_cannot_be_cost_their_image_alone(tmp_path: Path) -> None:
    root = masks_of(tmp_path, np.zeros((5, 6), np.uint8))
    found = first(read_masks(root / "images", root / "labels"))
    assert [fault.cause for fault in found.faults] == ["a mask of 6x5 pixels, not the picture's size"]
    (root / "labels" / "a.png").write_bytes(b"none")
    assert "cannot be read" in first(read_masks(root / "images", root / "labels")).faults[0].cause
    (root / "labels" / "a.png").unlink()
    assert [fault.done for fault in first(read_masks(root / "images", root / "labels")).faults] == ["noted"]
    Image.new("RGB", (6, 4)).save(root / "labels" / "a.png")
    assert "a picture of colours" in first(read_masks(root / "images", root / "labels")).faults[0].cause
    (root / "classes.csv").write_text("name,r,g,b\nsky,0,0,900\n")
    with pytest.raises(InputError, match="from 0 to 255"):
        read_masks(root / "images", root / "labels")
    assert open_images(root).annotations is not None
    with pytest.raises(InputError, match="each name once"):
        ClassTable(("a", "a"))


def test_numbers_of_objects_become_masks_and_boxes(tmp_path: Path) -> None:
    values = np.zeros((4, 6), np.uint8)
    values[1:3, 1:3], values[3, 5] = 4, 2
    root = masks_of(tmp_path, values)
    found = first(read_masks(root / "images", root / "labels", objects="person"))
    assert found.boxes is not None and found.boxes.xyxy.tolist() == [[5, 3, 6, 4], [1, 1, 3, 3]]
    assert found.masks is not None and (found.masks.array(1) == (values == 4)).all() and found.labels == ("person",)


@pytest.mark.parametrize("colours", [False, True])
def test_maps_read_back_as_they_were_written(tmp_path: Path, colours: bool) -> None:
    root = masks_of(tmp_path / "a", numbers())
    images = read_masks(root / "images", root / "labels", NAMES)
    write_masks(images, tmp_path / "b", colours=colours)
    back = read_masks(tmp_path / "b" / "images", tmp_path / "b" / "labels")
    assert difference(images, back).map_pixels == 0
    assert back.annotations is not None and back.annotations.faults() == []
    convert(images, tmp_path / "voc", "voc")
    assert difference(images, open_images(tmp_path / "voc")).map_pixels == 0


def depth_of(root: Path) -> tuple[Path, np.ndarray]:
    root.mkdir()
    values = np.arange(24, dtype=np.uint16).reshape(4, 6) * 300
    values[3, 5] = 65535
    for name in ("b", "a"):
        Image.new("RGB", (6, 4), (9, 9, 9)).save(root / f"{name}.color.jpg")
        Image.fromarray(values).save(root / f"{name}.depth.png")
    (root / "a.pose.txt").write_text("1 0 0 2\n0 1 0 3\n0 0 1 4\n0 0 0 1\n")
    (root / "camera-intrinsics.txt").write_text("5 0 3\n0 5 2\n0 0 1\n")
    return root, values


def test_depth_is_in_metres_and_not_known_where_the_file_says_so(tmp_path: Path) -> None:
    root, values = depth_of(tmp_path / "a")
    images = read_depth(root)
    assert images.ids.tolist() == ["a.color.jpg", "b.color.jpg"]
    found = first(images).depth
    assert found is not None and found.intrinsics is not None and found.pose is not None
    assert found.pose[:3, 3].tolist() == [2, 3, 4] and found.known.sum() == 22
    assert found.metres[found.known] == pytest.approx(values[found.known] / 1000)
    assert images.annotations is not None and images.annotations.faults() == []
    written = convert(root, tmp_path / "b", "depth")
    assert written.objects == 2 and written.lost == {}
    assert difference(images, read_depth(tmp_path / "b")).depth_millimetres == 0
    tums = read_depth(root, unit=1 / 5000, none=(0,))
    assert first(tums).depth is not None and first(tums).depth.known.sum() == 23  # type: ignore[union-attr]
    assert write_depth(read_depth(root, unit=0.1), tmp_path / "far").lost == {
        "pixels nearer or farther than 16 bits hold": 40
    }


def test_depth_that_cannot_be_is_set_aside(tmp_path: Path) -> None:
    root, _ = depth_of(tmp_path / "a")
    Image.new("I;16", (6, 5)).save(root / "a.depth.png")
    (root / "b.depth.png").unlink()
    (root / "a.pose.txt").write_text("1 0 0\n")
    (root / "camera-intrinsics.txt").write_text("5 0 x")
    rows = read_depth(root).annotations
    assert rows is not None
    causes = [fault.cause for fault in rows.faults()]
    assert "a matrix that cannot be read" in causes and "no matrix of 4x4 numbers" in causes
    assert "a depth map of 6x5 pixels, not the picture's size" in causes and len(causes) == 4
    with pytest.raises(InputError, match="NAME.color.jpg"):
        read_depth(tmp_path)


LINES = """Car 0.00 0 1.85 3.00 1.00 29.50 18.25 1.67 1.87 3.69 -16.53 2.39 58.49 1.57
Pedestrian 0.80 2 -1.67 25.00 3.00 32.00 19.00 1.50 0.60 0.80 1.00 1.50 8.00 -1.60
DontCare -1 -1 -10 0.00 0.00 4.00 4.00 -1 -1 -1 -1000 -1000 -1000 -10
"""


def kitti_of(root: Path, text: str = LINES) -> Path:
    for name in ("image_2", "label_2", "calib"):
        (root / name).mkdir(parents=True)
    Image.new("RGB", (32, 20), (9, 9, 9)).save(root / "image_2" / "000001.png")
    (root / "label_2" / "000001.txt").write_text(text)
    (root / "calib" / "000001.txt").write_text("P2: 7e2 0 6 4.5e1 0 7e2 1.8 -3e-1 0 0 1 4e-3\nR0_rect: 1 0 0\n")
    return root


def test_kitti_is_read_and_written_letter_for_letter(tmp_path: Path) -> None:
    root = kitti_of(tmp_path / "a")
    images = read_kitti(root)
    found = first(images)
    assert found.boxes3d is not None and found.boxes is not None and found.faults == ()
    assert found.boxes3d.known.tolist() == [True, True, False] and found.labels == ("Car", "Pedestrian")
    assert found.boxes3d.camera is not None and found.boxes3d.camera[0].tolist() == [700, 0, 6, 45]
    assert found.boxes.truncated.tolist() == [False, True, False] == found.boxes.occluded.tolist()
    assert found.boxes.crowd.tolist() == [False, False, True]
    written = write_kitti(images, tmp_path / "b")
    assert written.objects == 3 and (tmp_path / "b" / "label_2" / "000001.txt").read_text() == LINES
    assert difference(images, read_kitti(tmp_path / "b")).space == 0
    assert convert(root, tmp_path / "coco", "coco").lost == {"sets of boxes in space not written": 1}
    assert read_calibration(root / "calib" / "000001.txt")["R0_rect"].tolist() == [1, 0, 0]


def test_wrong_lines_of_kitti_are_set_aside_and_told(tmp_path: Path) -> None:
    good = LINES.splitlines()[0].split()
    rows = [good[:12], [*good[:3], "x", *good[4:]], [*good[:8], "0.00", *good[9:]], ["Car", "nan", *good[2:]], good]
    root = kitti_of(tmp_path / "a", "\n".join(" ".join(row) for row in rows))
    (root / "calib" / "000001.txt").write_text("P2: 1 2 3")
    found = first(read_kitti(root))
    assert found.boxes3d is not None and len(found.boxes3d) == 1 and found.boxes3d.camera is None
    assert counted(found.faults) == {
        "set aside: a calibration without a P2 of 12 numbers": 1,
        "set aside: a line of 12 columns, where there should be 15": 1,
        "set aside: a line that is not of numbers": 1,
        "set aside: a line with NaN or infinity": 1,
        "set aside: height, width or length of 0 or less": 1,
    }


def test_convert_says_what_it_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="to: expected one of voc, coco"):
        convert(kitti_of(tmp_path / "a"), tmp_path / "b", "pascal")
    (tmp_path / "bare").mkdir()
    Image.new("RGB", (32, 20)).save(tmp_path / "bare" / "a.png")
    with pytest.raises(InputError, match="without annotations"):
        convert(tmp_path / "bare", tmp_path / "b", "voc")
    images = scenes(tmp_path / "s")
    assert convert(images, tmp_path / "c", "coco", pictures=False).images == 3
    assert not (tmp_path / "c" / "images").exists() and first(images).size == SIZE
