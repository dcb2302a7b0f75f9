import json
import os
from pathlib import Path

import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.data.sources import open_images


def picture(path, colour="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), colour).save(path)
    return path


def listed(file, names, **more):
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [name if isinstance(name, dict) else {"id": row, "file_name": name} for row, name in enumerate(names)]
    file.write_text(json.dumps({"images": rows, "annotations": [], **more}))
    return file


@pytest.mark.parametrize(
    "file, where",
    [
        ("annotations/instances_Train.json", "images/Train"),
        ("annotations/instances_train.json", "images/Train"),
        ("annotations/instances_Train.json", "images/train"),
        ("annotations/instances_default.json", "images/default"),
        ("annotations/instances_train2017.json", "train2017"),
        ("annotations/instances_train2017.json", "images/train2017"),
        ("annotations/image_info_test-dev2017.json", "test2017"),
        ("annotations/person_keypoints_val2017.json", "images/val2017"),
        ("train/_annotations.coco.json", "train"),
        ("result.json", "images"),
        ("labels.json", "data"),
        ("annotations.json", "images/anything"),
    ],
)
def test_images_are_found_where_exports_put_them(tmp_path, file, where):
    for name in "ab":
        picture(tmp_path / where / f"{name}.jpg")
    found = open_images(listed(tmp_path / file, ["a.jpg", "b.jpg"]))
    assert found.ids.tolist() == ["a.jpg", "b.jpg"] and not found.set_aside
    assert all(item.parent == tmp_path / where for item in found.items)


@pytest.mark.parametrize("there", [range(25, 60), [59], range(0, 60, 7), [0]])
def test_a_part_of_the_images_is_enough(tmp_path, there):
    names = [f"{row:03d}.jpg" for row in range(60)]
    for row in there:
        picture(tmp_path / "train2017" / names[row])
    found = open_images(listed(tmp_path / "annotations" / "instances_train2017.json", names))
    assert found.ids.tolist() == [names[row] for row in there]
    assert {entry["path"] for entry in found.set_aside} == set(names) - set(found.ids)
    assert {entry["cause"] for entry in found.set_aside} == {"no such file"}


def test_none_of_the_images(tmp_path):
    with pytest.raises(InputError, match=r"'c.json', none of whose 2 images can be used \(2 x no such file\).*'a.jpg'"):
        open_images(listed(tmp_path / "c.json", ["a.jpg", "b.jpg"]))


def test_another_part_s_images_of_the_same_names_are_not_taken(tmp_path):
    """Frames of two videos have the same names: the part that the file is named by, or nothing."""
    picture(tmp_path / "images" / "Train" / "frame_0.jpg")
    for name in ("frame_0.jpg", "frame_1.jpg"):
        picture(tmp_path / "images" / "Val" / name)
    found = open_images(listed(tmp_path / "annotations" / "instances_Train.json", ["frame_0.jpg", "frame_1.jpg"]))
    assert found.items == [tmp_path / "images" / "Train" / "frame_0.jpg"]
    assert found.set_aside == ({"path": "frame_1.jpg", "cause": "no such file"},)


def test_a_file_of_several_parts(tmp_path):
    names = ["a.jpg", "b.jpg", "both.jpg"]
    for where, name in (("one", "a.jpg"), ("two", "b.jpg"), ("one", "both.jpg"), ("two", "both.jpg")):
        picture(tmp_path / "images" / where / name)
    found = open_images(listed(tmp_path / "annotations" / "merged.json", names))
    assert [item.relative_to(tmp_path).as_posix() for item in found.items] == ["images/one/a.jpg", "images/two/b.jpg"]
    assert found.set_aside == ({"path": "both.jpg", "cause": "the same name in several folders"},)


@pytest.mark.parametrize(
    "name",
    [
        "images/a.jpg",
        "images\\a.jpg",
        "./images/a.jpg",
        "/data/upload/1/a.jpg",
        "/data/local-files/?d=some%20where/a.jpg",
        "../../label-studio/data/media/upload/1/a.jpg",
        "C:\\Users\\me\\label-studio\\upload\\1\\a.jpg",
        "s3://bucket/folder/a.jpg",
        "https://server/data/upload/1/a.jpg",
    ],
)
def test_paths_of_label_studio(tmp_path, name):
    picture(tmp_path / "images" / "a.jpg")
    found = open_images(listed(tmp_path / "result.json", [name]))
    assert found.items == [tmp_path / "images" / "a.jpg"] and found.ids[0].endswith("a.jpg")
    # by the last part alone two images cannot be told apart
    if name.startswith(("/", "..", "C:", "s3", "http")):
        with pytest.raises(InputError, match="2 x a path that leaves the folder"):
            open_images(listed(tmp_path / "result.json", [name, "/other/a.jpg"]))


def test_a_relative_path_is_not_answered_by_another_folder(tmp_path):
    picture(tmp_path / "images" / "b" / "1.jpg")
    found = open_images(listed(tmp_path / "c.json", ["a/1.jpg", "b/1.jpg"]))
    assert found.ids.tolist() == ["b/1.jpg"] and found.set_aside[0]["path"] == "a/1.jpg"


def test_images_alone_without_annotations(tmp_path):
    picture(tmp_path / "test2017" / "1.jpg")
    file = tmp_path / "annotations" / "image_info_test2017.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"images": [{"id": 1, "file_name": "1.jpg"}], "categories": []}))
    assert open_images(file).ids.tolist() == ["1.jpg"]


def test_lvis_names_its_images_by_address(tmp_path):
    picture(tmp_path / "train2017" / "1.jpg")
    rows = [{"id": 1, "coco_url": "http://images.cocodataset.org/train2017/1.jpg"}]
    assert open_images(listed(tmp_path / "annotations" / "lvis_v1_train.json", rows)).ids.tolist() == [
        "train2017/1.jpg"
    ]


@pytest.mark.parametrize("names", [["a.jpg", "b.jpg", "a.jpg"], ["a.jpg", "a.jpg"], ["x/a.jpg", "x/a.jpg", "x/a.jpg"]])
def test_a_name_given_twice_is_told_with_the_file(tmp_path, names):
    picture(tmp_path / "images" / "a.jpg")
    with pytest.raises(
        InputError, match=r"^TRAIN: .*1 file name\(s\) twice in 'instances_Train.json' \(first: '(x/)?a.jpg'"
    ):
        open_images(listed(tmp_path / "annotations" / "instances_Train.json", names), argument="TRAIN")


def test_links_may_not_leave_the_folder(tmp_path):
    secret = picture(tmp_path / "secret" / "s.jpg")
    picture(tmp_path / "set" / "images" / "a.jpg")
    (tmp_path / "set" / "images" / "b.jpg").symlink_to(secret)
    (tmp_path / "set" / "images" / "sub").symlink_to(secret.parent)
    (tmp_path / "set" / "images" / "c.jpg").symlink_to(tmp_path / "set" / "images" / "a.jpg")
    found = open_images(listed(tmp_path / "set" / "c.json", ["a.jpg", "b.jpg", "sub/s.jpg", "c.jpg"]))
    assert found.ids.tolist() == ["a.jpg", "c.jpg"]
    assert {entry["cause"] for entry in found.set_aside} == {"a path that leaves the folder"}


def test_no_file_is_looked_at_twice(tmp_path, monkeypatch):
    names = [f"{row}.jpg" for row in range(40)]
    for name in names[:10]:
        picture(tmp_path / "images" / name)
    file, looked = listed(tmp_path / "c.json", names), []
    stat, resolve = Path.stat, Path.resolve
    monkeypatch.setattr(Path, "stat", lambda path, **more: looked.append(path) or stat(path, **more))
    monkeypatch.setattr(Path, "resolve", lambda path, **more: looked.append(path) or resolve(path, **more))
    assert len(open_images(file)) == 10
    assert sorted(os.path.basename(path) for path in looked if path.suffix == ".jpg") == sorted(names[:10])


@pytest.mark.parametrize(
    "file, there, right",
    [
        ("instances_small_train", ["small_train", "train"], "small_train"),
        ("instances_small_train", ["images/small_train", "images/train"], "images/small_train"),
        ("instances_small_train", ["images/small_train", "train"], "images/small_train"),
        ("instances_my_set", ["my_set"], "my_set"),
        ("person_keypoints_val_2017", ["val_2017", "2017"], "val_2017"),
        ("image_info_unlabeled_test", ["unlabeled_test", "test"], "unlabeled_test"),
        ("instances_small_train", ["train"], "train"),
    ],
)
def test_the_part_is_the_longest_end_of_the_name_that_a_folder_has(tmp_path, file, there, right):
    for where in there:
        picture(tmp_path / where / "a.jpg")
    found = open_images(listed(tmp_path / "annotations" / f"{file}.json", ["a.jpg"]))
    assert found.items == [tmp_path / right / "a.jpg"]


@pytest.mark.parametrize("where", ["images", "train", "images/train"])
@pytest.mark.parametrize(
    "written, there",
    [
        ("caf\u00e9.jpg", "cafe\u0301.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("\u00e9/a.jpg", "e\u0301/a.jpg"),
        ("a.jpg ", "a.jpg"),
        (" caf\u00e9.jpg", "cafe\u0301.jpg"),
    ],
)
def test_a_name_is_found_as_in_a_table(tmp_path, written, there, where):
    picture(tmp_path / where / there)
    found = open_images(listed(tmp_path / "annotations" / "instances_train.json", [written]))
    assert found.items == [tmp_path / where / there] and found.ids.tolist() == [written.strip()]


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg", "./a.jpg"],
        ["x/a.jpg", "x\\a.jpg"],
        ["x/a.jpg", "x/./a.jpg"],
        ["x/a.jpg", "x//a.jpg"],
        ["a.jpg", "a.jpg "],
        ["\u00e9.jpg", "e\u0301.jpg"],
    ],
)
def test_one_file_under_two_spellings_is_told(tmp_path, names):
    for name in ("a.jpg", "x/a.jpg", "\u00e9.jpg"):
        picture(tmp_path / "images" / name)
    with pytest.raises(InputError, match=r"1 file name\(s\) twice in 'c.json' \(first: ") as error:
        open_images(listed(tmp_path / "c.json", names))
    assert repr(names[0]) in str(error.value) and repr(names[1]) in str(error.value)


@pytest.mark.parametrize("root", ["/data/local-files/?d=ds/", "/srv/ds/", "C:\\ds\\", "s3://bucket/ds/", "../../ds/"])
def test_paths_of_a_server_are_found_by_their_longest_end(tmp_path, root):
    for name in ("x/a.jpg", "y/a.jpg", "a.jpg"):
        picture(tmp_path / "images" / name)
    found = open_images(listed(tmp_path / "result.json", [f"{root}x/a.jpg", f"{root}y/a.jpg"]))
    assert found.ids.tolist() == ["x/a.jpg", "y/a.jpg"] and not found.set_aside
    assert found.items == [tmp_path / "images" / name for name in found.ids]


@pytest.mark.parametrize("root", ["", "images/"])
def test_a_part_whose_folder_has_none_of_the_images_takes_no_other_part_s(tmp_path, root):
    picture(tmp_path / f"{root}small_train" / "b.jpg")
    picture(tmp_path / f"{root}train" / "a.jpg")
    with pytest.raises(InputError, match="none of whose 1 images"):
        open_images(listed(tmp_path / "annotations" / "instances_small_train.json", ["a.jpg"]))


def test_a_folder_called_like_the_file_may_hold_its_masks(tmp_path):
    picture(tmp_path / "annotations" / "panoptic_val2017" / "a.png")
    picture(tmp_path / "val2017" / "a.jpg")
    found = open_images(listed(tmp_path / "annotations" / "panoptic_val2017.json", ["a.jpg"]))
    assert found.items == [tmp_path / "val2017" / "a.jpg"]
