import json

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.data.sources import open_images


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (9, 8, 7)).save(path)
    return path


def test_every_kind_of_source(tmp_path):
    path = picture(tmp_path / "cat" / "a.png")
    picture(tmp_path / "dog" / "b.png")
    folder = open_images(str(tmp_path))
    assert folder.classes == ["cat", "dog"]
    assert open_images(folder) is folder
    assert open_images(path).items == [path]
    assert open_images([str(path)]).ids.tolist() == [path.as_posix()]
    (tmp_path / "t.csv").write_text("path\ncat/a.png\n")
    assert open_images(tmp_path / "t.csv").ids.tolist() == ["cat/a.png"]
    assert len(open_images("builtin:digits")) == 1797


def test_pixels_in_a_list(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    half = np.full((2, 2, 3), 0.5, np.float32)
    opened = Image.open(picture(tmp_path / "a.png"))
    found = open_images([grey, half, opened, Image.new("CMYK", (2, 2))])
    assert found.ids.tolist() == ["image/0000", "image/0001", "image/0002", "image/0003"]
    assert np.array_equal(found.items[0][..., 1], grey)
    assert [item.dtype for item in found.items] == [np.uint8] * 4
    assert found.items[1].max() == 128 and found.items[2][0, 0].tolist() == [9, 8, 7]
    assert found.items[3].tolist() == np.full((2, 2, 3), 255).tolist()  # no ink
    assert len(open_images(np.zeros((5, 4, 4, 3), np.uint8))) == 5


def test_pil_images_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert open_images([Image.open(tmp_path / "a.jpg")]).items[0].shape == (6, 4, 3)


@pytest.mark.parametrize(
    "source, message",
    [
        ([], "an empty list"),
        (7, "a int"),
        (b"bytes", "a bytes"),
        ([3], r"IMAGES\[0\]: expected a path, an array"),
        ([np.full((2, 2, 3), 7.0)], r"IMAGES\[0\].*Divide 8-bit values by 255"),
        ([np.zeros((2, 2), np.uint8), "a.png"], "either paths or pixels"),
        (np.zeros((4, 4, 3), np.uint8), r"\(4, 4, 3\).*Put one image in a list"),
        (["none.png"], "none can be used.*no such file"),
        ("none", "does not exist"),
        ("builtin:digit", "Did you mean 'digits'"),
    ],
)
def test_what_is_wrong_is_said(source, message):
    with pytest.raises(InputError, match=message):
        open_images(source)


def test_files_of_other_kinds(tmp_path):
    for name, message in {
        "e.npz": "a file of embeddings",
        "a.zip": "Unpack it",
        "a.docx": "expected a folder, a table",
        "a.json": "a JSON file",
    }.items():
        (tmp_path / name).write_bytes(b"?")
        with pytest.raises(InputError, match=message):
            open_images(tmp_path / name)


def test_the_argument_is_named(tmp_path):
    with pytest.raises(InputError, match="^TRAIN: "):
        open_images(tmp_path, argument="TRAIN")


def test_voc_layout_leaves_the_masks_out(tmp_path):
    picture(tmp_path / "JPEGImages" / "1.jpg")
    picture(tmp_path / "SegmentationClass" / "1.png")
    (tmp_path / "Annotations").mkdir()
    found = open_images(tmp_path)
    assert found.ids.tolist() == ["1.jpg"] and found.labels is None and found.name == tmp_path.name


@pytest.mark.parametrize("where", ["annotations", "images", "annotations/images", "train"])
def test_coco_finds_its_images(tmp_path, where):
    picture(tmp_path / where / "sub" / "1.png")
    content = {"images": [{"id": 1, "file_name": "sub/1.png"}, {"id": 2, "file_name": "2.png"}], "annotations": []}
    file = tmp_path / "annotations" / "instances_train.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))
    found = open_images(file)
    assert found.ids.tolist() == ["sub/1.png"] and found.labels is None
    assert found.set_aside == ({"path": "2.png", "cause": "no such file"},)


def test_coco_cannot_point_outside(tmp_path):
    secret = picture(tmp_path / "secret.png")
    picture(tmp_path / "in" / "1.png")
    names = ["1.png", "../secret.png", str(secret)]
    file = tmp_path / "in" / "c.json"
    file.write_text(json.dumps({"images": [{"file_name": name} for name in names], "annotations": []}))
    found = open_images(file)
    assert found.ids.tolist() == ["1.png"]
    assert {entry["cause"] for entry in found.set_aside} == {"a path that leaves the folder"}


@pytest.mark.parametrize("content", [[], {}, {"images": []}, {"images": [{"id": 1}], "annotations": []}])
def test_json_that_is_not_coco(tmp_path, content):
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="a COCO file|file name for each"):
        open_images(tmp_path / "c.json")
