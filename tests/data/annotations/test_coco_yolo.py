"""COCO and YOLO: every form they are written in, what is wrong in them, and round trips between all of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from regard import open_images
from regard.core.checks import InputError
from regard.data.annotations import rle
from regard.data.annotations.coco_write import write_coco
from regard.data.annotations.compare import difference
from regard.data.annotations.faults import counted
from regard.data.annotations.masks import Masks
from regard.data.annotations.record import Annotations
from regard.data.annotations.voc import read_voc
from regard.data.annotations.voc_write import write_voc
from regard.data.annotations.yolo import read_yolo
from regard.data.annotations.yolo_write import write_yolo
from regard.data.coco import read_coco
from regard.data.imageset import ImageSet

from ._drawn import scenes


def coco_of(root: Path, annotations: list[dict[str, Any]], **more: Any) -> Path:
    root.mkdir(exist_ok=True)
    Image.new("RGB", (20, 10), (9, 9, 9)).save(root / "a.png")
    content = {
        "images": [{"id": 7, "file_name": "missing.png"}, {"id": 3, "file_name": "a.png", "width": 20, "height": 10}],
        "categories": [{"id": 90, "name": "dog"}, {"id": 4, "name": "cat"}],
        "annotations": [{"id": place, "image_id": 3, "category_id": 90} | one for place, one in enumerate(annotations)],
    }
    (root / "a.json").write_text(json.dumps(content | more))
    return root / "a.json"


def only(images: ImageSet) -> Annotations:
    assert images.annotations is not None and len(images) == 1
    return images.annotations[0]


def test_every_form_of_a_segmentation_gives_the_same_mask(tmp_path: Path) -> None:
    mask = np.zeros((10, 20), bool)
    mask[2:6, 3:9] = True
    runs = rle.encode(mask)
    forms = [
        [[3, 2, 9, 2, 9, 6, 3, 6]],
        [[3, 2, 6, 2, 6, 6, 3, 6], [6, 2, 9, 2, 9, 6, 6, 6]],
        {"size": [10, 20], "counts": rle.to_text(runs)},
        {"size": [10, 20], "counts": runs.tolist()},
    ]
    rows = [{"bbox": [3, 2, 6, 4], "segmentation": form, "iscrowd": place % 2} for place, form in enumerate(forms)]
    found = only(read_coco(coco_of(tmp_path, [*rows, {"bbox": [0, 0, 1, 1], "category_id": 4}])))
    assert found.masks is not None and found.boxes is not None and found.faults == ()
    assert all((found.masks.array(row) == mask).all() for row in range(4)) and found.masks.runs[4] is None
    assert found.boxes.crowd.tolist() == [False, True, False, True, False]
    assert found.boxes.xyxy[0].tolist() == [3, 2, 9, 6] and found.boxes.classes.tolist() == ["dog"] * 4 + ["cat"]


def test_what_is_wrong_in_a_file_is_set_aside_and_told(tmp_path: Path) -> None:
    good = {"size": [10, 20], "counts": [0, 200]}
    rows = [
        {"bbox": [-2, 0, 6, 4]},
        {"bbox": [30, 0, 6, 4]},
        {"bbox": [3, 3, 0, 4]},
        {"bbox": [float("nan"), 3, 2, 4]},
        {"bbox": [1, 2, 3]},
        {},
        {"category_id": 5, "bbox": [0, 0, 1, 1]},
        {"image_id": 99, "bbox": [0, 0, 1, 1]},
        {"bbox": [0, 0, 4, 4], "segmentation": {"size": [11, 20], "counts": [0, 220]}},
        {"bbox": [0, 0, 4, 4], "segmentation": {"size": [10, 20], "counts": [0, 100]}},
        {"bbox": [0, 0, 4, 4], "segmentation": [[1, 2, 3, 4]]},
        {"bbox": [0, 0, 4, 4], "segmentation": {"size": [10, 20], "counts": [200]}},
        {"segmentation": good},
    ]
    images = read_coco(coco_of(tmp_path, rows))
    found = only(images)
    assert found.boxes is not None and len(found.boxes) == 6
    assert found.boxes.xyxy[[0, 5]].tolist() == [[0, 0, 4, 4], [0, 0, 20, 10]]
    assert images.annotations is not None
    told = counted(images.annotations.faults())
    assert sum(count for cause, count in told.items() if cause.startswith("set aside: a mask that cannot be used")) == 3
    assert {cause: count for cause, count in told.items() if "cannot be used" not in cause} == {
        "clipped: partly outside the picture": 1,
        "set aside: a box that is no four numbers": 1,
        "set aside: a box with NaN or infinity": 1,
        "set aside: an annotation of no image of the file": 1,
        "set aside: an empty mask": 1,
        "set aside: an unknown class (5)": 1,
        "set aside: no area": 1,
        "set aside: no box, and no mask": 1,
        "set aside: outside the picture": 1,
    }
    assert images.set_aside == ({"path": "missing.png", "cause": "no such file"},)


def test_a_coco_file_opens_as_before_and_is_read_for_its_annotations_later(tmp_path: Path) -> None:
    images = open_images(coco_of(tmp_path, [{"bbox": [0, 0, 4, 4]}]))
    assert images.labels is None and images.columns == {} and images.annotations is not None
    assert images.annotations.classes == ("dog", "cat") and images.annotations[0].labels == ("dog",)
    row = {"id": 1, "file_name": "a.png", "domain": "stained"}
    (tmp_path / "b.json").write_text(json.dumps({"images": [row]}))
    assert open_images(tmp_path / "b.json").columns["domain"].tolist() == ["stained"]
    with pytest.raises(InputError, match="without annotations"):
        read_coco(tmp_path / "b.json")


@pytest.mark.parametrize("masks", ["rle", "polygons"])
def test_coco_reads_back_as_it_was_written(tmp_path: Path, masks: str) -> None:
    images = scenes(tmp_path / "a", whole=False)
    assert write_coco(images, tmp_path / "coco", masks=masks).lost == {}
    apart = difference(images, read_coco(tmp_path / "coco" / "instances.json"))
    assert apart.pixels <= 1e-4
    assert (apart.objects, apart.missing, apart.classes, apart.flags, apart.mask_pixels) == (12, 0, 0, 0, 0)
    rows = json.loads((tmp_path / "coco" / "instances.json").read_text())["annotations"]
    polygons = [one for one in rows if isinstance(one["segmentation"], list)]
    assert bool(polygons) == (masks == "polygons")


def test_objects_of_a_picture_on_its_side_are_set_aside(tmp_path: Path) -> None:
    file = coco_of(tmp_path, [{"bbox": [0, 0, 4, 4]}])
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (20, 10), (9, 9, 9)).save(tmp_path / "a.png", exif=turned)
    found = only(read_coco(file))
    assert found.size == (20, 10) and found.boxes is None
    assert [(fault.done, fault.cause.endswith("on its side")) for fault in found.faults] == [("set aside", True)]


def yolo_of(root: Path, text: str, names: str = "names: [cat, 'dog']\n") -> Path:
    (root / "images" / "train").mkdir(parents=True)
    (root / "labels" / "train").mkdir(parents=True)
    Image.new("RGB", (20, 10), (9, 9, 9)).save(root / "images" / "train" / "a.jpg")
    (root / "labels" / "train" / "a.txt").write_text(text)
    if names:
        (root / "data.yaml").write_text(names)
    return root


def test_lines_of_yolo_are_boxes_or_polygons(tmp_path: Path) -> None:
    root = yolo_of(tmp_path, "1 0.5 0.5 0.5 0.4\n\n0 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6\n")
    images = open_images(root)
    found = only(images)
    assert found.boxes is not None and found.masks is not None
    assert found.boxes.xyxy.tolist() == [[5, 3, 15, 7], [2, 2, 10, 6]]
    assert found.boxes.classes.tolist() == ["dog", "cat"] and found.masks.runs[0] is None
    assert found.masks.areas.tolist() == [0, 32] and images.annotations is not None
    assert images.annotations.classes == ("cat", "dog") and only(read_yolo(root, "train")).labels == ("cat", "dog")
    with pytest.raises(InputError, match="a folder with pictures"):
        read_yolo(root, "test")


def test_wrong_lines_of_yolo_are_set_aside_and_told(tmp_path: Path) -> None:
    lines = ["0 a b c d", "5 .5 .5 .1 .1", "0 .5 .5", "0 .5 nan .1 .1", "1.5 .5 .5 .1 .1", "0 .9 .5 .4 .2", "0 9 9 1 1"]
    images = read_yolo(yolo_of(tmp_path, "\n".join(lines)))
    assert images.annotations is not None
    assert counted(images.annotations.faults()) == {
        "clipped: partly outside the picture": 1,
        "set aside: a line of 3 numbers, neither a box nor a polygon": 1,
        "set aside: a line that is not of numbers": 1,
        "set aside: a line with NaN or infinity": 1,
        "set aside: an unknown class (1.5)": 1,
        "set aside: an unknown class (5)": 1,
        "set aside: outside the picture": 1,
    }


@pytest.mark.parametrize(
    "names, classes",
    [
        ("names:\n  0: cat\n  1: dog\n", ("cat", "dog")),
        ("names:\n- cat\n- 7\n", ("cat", "7")),
        ("", None),
    ],
)
def test_names_of_classes_are_read_in_every_form(tmp_path: Path, names: str, classes: tuple[str, ...] | None) -> None:
    images = read_yolo(yolo_of(tmp_path, "1 .5 .5 .1 .1\n", names))
    assert images.annotations is not None and images.annotations.sources[0].classes == classes
    boxes = images.annotations[0].boxes
    assert boxes is not None and boxes.classes.tolist() == [classes[1] if classes else "1"]


@pytest.mark.parametrize("names", ["names: {1: cat}", "names: [a, a]", "names: 3", "[", "names: {a: b}"])
def test_names_that_cannot_be_are_told_and_numbers_take_their_place(tmp_path: Path, names: str) -> None:
    images = read_yolo(yolo_of(tmp_path, "1 .5 .5 .1 .1\n", names))
    assert images.annotations is not None and only(images).labels == ("1",)
    assert len(images.annotations.faults()) == 1


def test_from_voc_to_coco_to_voc_to_yolo_and_back_all_stays(tmp_path: Path) -> None:
    images = scenes(tmp_path / "a", count=4)
    write_coco(images, tmp_path / "coco")
    write_voc(read_coco(tmp_path / "coco" / "instances.json"), tmp_path / "voc")
    assert write_yolo(read_voc(tmp_path / "voc"), tmp_path / "yolo").lost == {}
    write_voc(read_yolo(tmp_path / "yolo"), tmp_path / "again")
    again = read_voc(tmp_path / "again")
    apart = difference(images, again)
    assert (apart.images, apart.objects, apart.masks) == (4, 16, 16)
    assert (apart.missing, apart.classes, apart.flags, apart.mask_pixels) == (0, 0, 0, 0) and apart.pixels < 0.01
    assert difference(read_voc(tmp_path / "voc"), again).map_pixels == 0


def test_flags_of_lines_that_were_changed_since_are_not_used(tmp_path: Path) -> None:
    images = scenes(tmp_path / "a", masks=False)
    write_yolo(images, tmp_path / "yolo")
    assert (tmp_path / "yolo" / "images" / "train" / "deep" / "1.png").is_file()
    assert difference(images, read_yolo(tmp_path / "yolo")).flags == 0
    text = tmp_path / "yolo" / "labels" / "test" / "0.txt"
    text.write_text("".join(text.read_text().splitlines(keepends=True)[1:]))
    rows = read_yolo(tmp_path / "yolo").annotations
    assert rows is not None
    assert counted(rows.faults()) == {"noted: flags of other lines than the text has, which are not used": 1}


def test_crowds_are_left_out_of_yolo_and_counted(tmp_path: Path) -> None:
    file = coco_of(tmp_path / "a", [{"bbox": [0, 0, 4, 4], "iscrowd": 1}, {"bbox": [1, 1, 4, 4]}])
    written = write_yolo(read_coco(file), tmp_path / "yolo")
    assert written.objects == 1 and written.sentences() == ["1 regions of crowd left out"]
    kept = write_yolo(read_coco(file), tmp_path / "all", crowds=True)
    assert kept.objects == 2 and difference(read_coco(file), read_yolo(tmp_path / "all")).flags == 0


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_loads_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peer = pytest.importorskip("pycocotools.coco")
    images = scenes(tmp_path / "a")
    write_coco(images, tmp_path / "coco")
    write_coco(images, tmp_path / "polygons", masks="polygons")
    for name in ("coco", "polygons"):
        loaded = peer.COCO(str(tmp_path / name / "instances.json"))
        assert images.annotations is not None
        for place, found in enumerate(images.annotations, start=1):
            rows = loaded.loadAnns(loaded.getAnnIds(imgIds=[place]))
            masks = found.masks
            assert isinstance(masks, Masks)
            assert all((loaded.annToMask(one) == masks.array(row)).all() for row, one in enumerate(rows))
