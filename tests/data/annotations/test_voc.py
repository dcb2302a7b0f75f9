"""Pascal VOC: corners counted from 1, flags, poses, masks, parts; what is wrong is told; what harms is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard import open_images
from regard.core.checks import InputError
from regard.data.annotations.boxes import Boxes
from regard.data.annotations.compare import difference
from regard.data.annotations.faults import counted
from regard.data.annotations.masks import Masks
from regard.data.annotations.record import Annotations, Listed, Rows
from regard.data.annotations.voc import read_voc
from regard.data.annotations.voc_map import palette
from regard.data.annotations.voc_write import write_voc
from regard.data.imageset import ImageSet

from ._drawn import scenes

OBJECT = (
    "<object><name>{}</name>{}<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)


def folder_of(root: Path, xml: str, size: tuple[int, int] = (20, 10)) -> Path:
    for name in ("JPEGImages", "Annotations"):
        (root / name).mkdir(parents=True)
    Image.new("RGB", size, (9, 9, 9)).save(root / "JPEGImages" / "a.png")
    (root / "Annotations" / "a.xml").write_text(xml)
    return root


def test_corners_are_counted_from_one_and_both_inside(tmp_path: Path) -> None:
    said = "<pose>Left</pose><difficult>1</difficult><truncated>0</truncated><occluded>1</occluded>"
    part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part>"
    first = OBJECT.format("dog", said, 1, 1, 20, 10).replace("</object>", part + "</object>")
    xml = "<annotation>" + first + OBJECT.format("cat", "", 3, 4.5, 3, 6) + "</annotation>"
    images = read_voc(folder_of(tmp_path, xml))
    assert images.annotations is not None
    found = images.annotations[0]
    assert found.boxes is not None and found.faults == () and found.size == (10, 20)
    assert found.boxes.xyxy.tolist() == [[0, 0, 20, 10], [2, 3.5, 3, 6]]
    assert found.boxes.classes.tolist() == ["dog", "cat"] and found.labels == ("cat", "dog")
    assert found.boxes.difficult.tolist() == found.boxes.occluded.tolist() == [True, False]
    assert found.boxes.pose.tolist() == ["Left", ""] and not found.boxes.truncated.any()


def test_what_is_wrong_is_clipped_or_set_aside_and_told(tmp_path: Path) -> None:
    rows = [("a", 0, 1, 30, 5), ("b", 50, 1, 60, 5), ("c", 7, 7, 7, 7), ("d", 9, 1, 3, 5), ("e", "nan", 1, 3, 5)]
    objects = "".join(OBJECT.format(name, "", *corners) for name, *corners in rows)
    objects += OBJECT.format(" ", "", 1, 1, 2, 2) + OBJECT.format("g", "", "left", 1, 2, 2)
    xml = f"<annotation><size><width>30</width><height>10</height></size>{objects}</annotation>"
    images = read_voc(folder_of(tmp_path, xml))
    assert images.annotations is not None
    boxes = images.annotations[0].boxes
    assert boxes is not None and boxes.xyxy.tolist() == [[0, 0, 20, 5]]
    assert counted(images.annotations.faults()) == {
        "clipped: partly outside the picture": 1,
        "noted: a size of 30x10, where the picture has 20x10": 1,
        "set aside: a box with NaN or infinity": 2,
        "set aside: no area": 2,
        "set aside: no class": 1,
        "set aside: outside the picture": 1,
    }


@pytest.mark.parametrize(
    "xml, cause",
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "DOCTYPE"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "DOCTYPE"),
        ("<annotation><object>", "no element|cannot be read"),
        ("", "cannot be read"),
        ('<?xml version="1.0" encoding="no-such"?><annotation/>', "cannot be read"),
    ],
)
def test_xml_that_harms_or_is_none_costs_its_image_alone(tmp_path: Path, xml: str, cause: str) -> None:
    images = read_voc(folder_of(tmp_path, xml))
    assert images.annotations is not None
    found = images.annotations[0]
    assert found.boxes is None and [fault.path for fault in found.faults] == ["a.xml"]
    with pytest.raises(AssertionError, match=cause):
        raise AssertionError(found.faults[0].cause)


def test_masks_are_the_objects_of_the_xml_in_its_order(tmp_path: Path) -> None:
    xml = "<annotation>" + "".join(OBJECT.format("cat", "", 1, 1, 5, 5) for _ in range(2)) + "</annotation>"
    root = folder_of(tmp_path, xml)
    values = np.zeros((10, 20), np.uint8)
    values[:3, :3], values[5, 5], values[9, 9] = 2, 255, 7
    classes = np.zeros((10, 20), np.uint8)
    classes[:3, :3], classes[5, 5], classes[9] = 8, 255, 77
    for name, numbers in (("SegmentationObject", values), ("SegmentationClass", classes)):
        (root / name).mkdir()
        image = Image.fromarray(numbers)
        image.putpalette(palette().ravel().tolist())
        image.save(root / name / "a.png")
    images = open_images(root)
    assert images.annotations is not None and images.labels is None
    found = images.annotations[0]
    assert found.masks is not None and found.masks.runs[0] is None
    assert (found.masks.array(1) == (values == 2)).all()
    assert found.semantic is not None and found.semantic.pixels() == {"background": 170, "cat": 9}
    assert counted(found.faults) == {
        "set aside: a mask of object 7 of 2": 1,
        "set aside: an unknown class (77) in 20 pixels": 1,
    }
    Image.fromarray(palette()[values]).save(root / "SegmentationObject" / "a.png")  # as colours
    again = images.annotations[0].masks
    assert again is not None and (again.array(1) == (values == 2)).all()
    Image.new("L", (20, 11)).save(root / "SegmentationObject" / "a.png")
    assert "set aside: a mask of 20x11 pixels, not the picture's size" in counted(images.annotations[0].faults)


def test_what_is_written_reads_back_the_same(tmp_path: Path) -> None:
    images = scenes(tmp_path / "a")
    written = write_voc(images, tmp_path / "voc")
    assert written.images == 3 and written.objects == 12 and written.lost == {}
    back = read_voc(tmp_path / "voc")
    apart = difference(images, back)
    assert (apart.missing, apart.pixels, apart.classes, apart.flags, apart.masks, apart.mask_pixels) == (
        0,
        0,
        0,
        0,
        12,
        0,
    )
    assert read_voc(tmp_path / "voc", "train").ids.tolist() == ["deep/1.png", "2.png"]
    assert back.annotations is not None
    semantic = back.annotations[0].semantic
    assert semantic is not None and set(semantic.pixels()) <= {"background", "cat", "dog", "tree"}
    with pytest.raises(InputError, match="a list in ImageSets: test, train"):
        read_voc(tmp_path / "voc", "val")
    with pytest.raises(InputError, match="holds other files"):
        write_voc(images, tmp_path / "voc")


def test_boxes_between_pixels_move_by_half_a_pixel_at_most(tmp_path: Path) -> None:
    images = scenes(tmp_path / "a", masks=False, whole=False)
    written = write_voc(images, tmp_path / "voc", pictures=True)
    assert written.lost["boxes moved to whole pixels"] == 12
    apart = difference(images, read_voc(tmp_path / "voc"))
    assert apart.missing == 0 and 0 < apart.pixels <= 0.5 and apart.flags == 0


def test_masks_that_overlap_and_more_than_254_of_them_stay_whole(tmp_path: Path) -> None:
    pixels = np.zeros((30, 40, 3), np.uint8)
    flat = np.zeros((300, 30, 40), bool)
    for place in range(300):
        flat[place, place // 40 * 2 : place // 40 * 2 + 3, place % 40] = True
    made = Masks.from_arrays(flat)
    boxes = Boxes(made.extents, np.full(300, "x"), crowd=np.arange(300) == 5)
    rows = Rows.of(Listed([Annotations((30, 40), boxes, made)]))
    images = ImageSet([pixels], np.array(["a"]), annotations=rows)
    write_voc(images, tmp_path / "voc")
    apart = difference(images, read_voc(tmp_path / "voc"))
    assert (apart.objects, apart.missing, apart.pixels, apart.flags, apart.mask_pixels) == (300, 0, 0, 0, 0)


def test_class_names_that_xml_cannot_hold_are_refused(tmp_path: Path) -> None:
    boxes = Boxes(np.array([[0, 0, 2, 2]]), np.array(["a\x01"]))
    rows = Rows.of(Listed([Annotations((4, 4), boxes)]))
    images = ImageSet([np.zeros((4, 4, 3), np.uint8)], np.array(["a"]), annotations=rows)
    with pytest.raises(InputError, match="text that XML can hold"):
        write_voc(images, tmp_path / "voc")
    assert not (tmp_path / "voc").exists()
