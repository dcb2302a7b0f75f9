import os

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.data.decode import decode
from regard.data.folder import folder_splits, open_folder


def put(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() in (".png", ".jpg"):
            Image.new("RGB", (4, 4)).save(path)
        else:
            path.write_text("text")
    return root


def test_flat_folder_is_sorted_and_unlabelled(tmp_path):
    found = open_folder(put(tmp_path, "b.png", "a.JPG", ".hidden.png", "notes.txt", ".cache/c.png"))
    assert found.ids.tolist() == ["a.JPG", "b.png"]
    assert [item.name for item in found.items] == ["a.JPG", "b.png"]
    assert found.labels is None and found.columns == {} and found.name == tmp_path.name and not found.set_aside


def test_class_folders_give_labels_however_deep_the_images(tmp_path):
    found = open_folder(put(tmp_path, "dog/1.png", "cat/2.png", "cat/video/3.png"))
    assert found.ids.tolist() == ["cat/2.png", "cat/video/3.png", "dog/1.png"]
    assert found.labels.tolist() == ["cat", "cat", "dog"]


def test_one_loose_image_means_no_labels(tmp_path):
    assert open_folder(put(tmp_path, "cat/1.png", "dog/2.png", "3.png")).labels is None


def test_videos_with_names_of_their_own_below_each_class_are_fine(tmp_path):
    found = open_folder(put(tmp_path, "run/v1/1.png", "run/v2/1.png", "sit/v3/1.png", "sit/v4/1.png"))
    assert found.classes == ["run", "sit"]


def test_train_and_test_are_a_column_not_classes(tmp_path):
    put(tmp_path, "Train/cat/1.png", "Train/dog/2.png", "valid/cat/3.png", "test/dog/4.png")
    found = open_folder(tmp_path)
    assert dict(zip(found.ids, found.columns["split"])) == {
        "Train/cat/1.png": "train",
        "Train/dog/2.png": "train",
        "test/dog/4.png": "test",
        "valid/cat/3.png": "val",
    }
    assert found.labels.tolist() == ["cat", "dog", "dog", "cat"]
    parts = folder_splits(tmp_path)
    assert {name: part.ids.tolist() for name, part in parts.items()} == {
        "train": ["Train/cat/1.png", "Train/dog/2.png"],
        "test": ["test/dog/4.png"],
        "val": ["valid/cat/3.png"],
    }


def test_a_test_part_without_class_folders_leaves_the_train_part_its_labels(tmp_path):
    put(tmp_path, "train/cat/1.png", "train/dog/2.png", "test/3.png")
    assert open_folder(tmp_path).labels is None
    parts = folder_splits(tmp_path)
    assert parts["train"].classes == ["cat", "dog"] and parts["test"].labels is None


def test_a_class_called_train_beside_others_is_a_class(tmp_path):
    put(tmp_path, "train/1.png", "bus/2.png")
    assert open_folder(tmp_path).classes == ["bus", "train"]
    assert folder_splits(tmp_path) == {}


def test_one_folder_too_high(tmp_path):
    put(tmp_path, "data/cat/1.png", "data/dog/2.png")
    with pytest.raises(InputError, match=r"one folder, 'data', holds 2 folders \(cat, dog\).*One level too high\?"):
        open_folder(tmp_path)


def test_domains_above_classes_are_refused_with_the_way_out(tmp_path):
    put(tmp_path, "photo/cat/1.png", "photo/dog/2.png", "sketch/cat/3.png", "sketch/dog/4.png")
    with pytest.raises(InputError, match=r"\(photo, sketch\) hold only folders.*\(cat, dog\).*columns path, label"):
        open_folder(tmp_path)
    assert open_folder(tmp_path / "photo").classes == ["cat", "dog"]


def test_the_wrong_level_is_seen_below_train_and_test_too(tmp_path):
    put(tmp_path, "train/data/cat/1.png", "train/data/dog/2.png")
    with pytest.raises(InputError) as error:
        open_folder(tmp_path)
    assert repr(str(tmp_path / "train" / "data")) in str(error.value)


def test_a_single_class_is_named_when_labels_are_needed(tmp_path):
    with pytest.raises(InputError, match=r"1 class \(cat\).*too deep or too high"):
        open_folder(put(tmp_path, "cat/1.png", "cat/2.png")).need_labels()


def test_nothing_usable_says_what_was_there(tmp_path):
    with pytest.raises(InputError, match="no file at all"):
        open_folder(tmp_path)
    put(tmp_path, *(f"{number}.txt" for number in range(12)), "LICENCE")
    with pytest.raises(
        InputError, match=r"folder with images \(.*\.jpg.*got .* with 12 \.txt files, 1 suffixless file"
    ):
        open_folder(tmp_path)
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match="1 x empty file"):
        open_folder(tmp_path)


def test_missing_folder_and_file_in_its_place(tmp_path):
    put(tmp_path, "photos/1.png")
    with pytest.raises(InputError, match="does not exist.*Did you mean"):
        open_folder(tmp_path / "photo")
    with pytest.raises(InputError, match="expected a folder"):
        open_folder(tmp_path / "photos" / "1.png")


def test_what_is_set_aside_and_why(tmp_path):
    root = put(tmp_path / "in", "good.png", "sub/also.png")
    outside = put(tmp_path / "out", "secret.png")
    (root / "empty.png").touch()
    (root / "leaves.png").symlink_to(outside / "secret.png")
    (root / "folder").symlink_to(outside)
    (root / "circle").symlink_to(root)
    (root / "broken.png").symlink_to(root / "none.png")
    (root / "fine.png").symlink_to(root / "sub" / "also.png")
    os.mkfifo(root / "pipe.png")
    found = open_folder(root)
    assert found.ids.tolist() == ["fine.png", "good.png", "sub/also.png"]
    assert {entry["path"]: entry["cause"] for entry in found.set_aside} == {
        "broken.png": "no such file",
        "circle": "a link that leaves the folder",
        "empty.png": "empty file",
        "folder": "a link that leaves the folder",
        "leaves.png": "a link that leaves the folder",
        "pipe.png": "not a file",
    }


def test_names_that_are_not_text_are_set_aside(tmp_path):
    put(tmp_path, "good.png")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:
        file.write(b"x")
    found = open_folder(tmp_path)
    assert found.ids.tolist() == ["good.png"]
    assert found.set_aside == ({"path": "caf\\udce9.png", "cause": "a name that is not UTF-8 text"},)


def test_ids_do_not_depend_on_how_the_root_is_written(tmp_path, monkeypatch):
    put(tmp_path, "a/1.png", "b/2.png")
    (tmp_path.parent / "link").unlink(missing_ok=True)
    (tmp_path.parent / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    for root in (".", str(tmp_path) + "/", tmp_path.parent / "link"):
        assert np.array_equal(open_folder(root).ids, ["a/1.png", "b/2.png"])
        assert not open_folder(root).set_aside


@pytest.mark.parametrize(
    "left",
    ["@eaDir/a.jpg", "__MACOSX", "#recycle", "$RECYCLE.BIN", "@Recycle", ".thumbnails", ".ipynb_checkpoints"]
    + ["System Volume Information", "__pycache__", "lost+found", ".picasaoriginals", ".AppleDouble"],
)
def test_what_servers_and_programs_left_is_no_class(tmp_path, left):
    put(tmp_path, "cat/1.png", "dog/2.png", f"{left}/1.png", f"cat/{left}/1.png")
    found = open_folder(tmp_path)
    assert found.ids.tolist() == ["cat/1.png", "dog/2.png"] and found.classes == ["cat", "dog"]


@pytest.mark.parametrize("photographs", ["images", "Images", "imgs", "leftImg8bit", "JPEGImages"])
@pytest.mark.parametrize(
    "masks",
    ["masks", "labels", "Annotations", "SegmentationClass", "SegmentationClassPNG", "SegmentationObject"]
    + ["SegmentationClassVisualization", "gtFine", "ground_truth", "Groundtruth", "gt", "gt_masks", "label_maps"],
)
def test_masks_beside_photographs_are_no_class(tmp_path, photographs, masks):
    put(tmp_path, f"{photographs}/1.jpg", f"{photographs}/2.jpg", f"{masks}/1.png", f"{masks}/2.png")
    found = open_folder(tmp_path)
    assert found.ids.tolist() == [f"{photographs}/1.jpg", f"{photographs}/2.jpg"] and found.labels is None


@pytest.mark.parametrize(
    "names, split, labels",
    [
        (["images/train/1.jpg", "images/val/2.jpg"], ["train", "val"], None),
        (["train/images/1.jpg", "val/images/2.jpg"], ["train", "val"], None),
        (["train/images/1.jpg", "test/images/2.jpg", "train/masks/1.png", "test/masks/2.png"], ["test", "train"], None),
        (["train/1.jpg", "test/2.jpg", "train_masks/1.png"], ["test", "train"], None),
        (["images/train/1.jpg", "images/val/2.jpg", "masks/train/1.png", "masks/val/2.png"], ["train", "val"], None),
        (["leftImg8bit/train/a/1.png", "gtFine/train/a/1_gtFine_labelIds.png"], ["train"], ["a"]),
        (["images/cat/1.jpg", "images/dog/2.jpg", "masks/cat/1.png"], None, ["cat", "dog"]),
        (["images/1.jpg", "images/2.jpg"], None, None),
    ],
)
def test_parts_photographs_and_masks_in_any_order(tmp_path, names, split, labels):
    found = open_folder(put(tmp_path, *names))
    assert ("split" in found.columns) == (split is not None)
    assert split is None or found.columns["split"].tolist() == split
    assert (None if found.labels is None else found.labels.tolist()) == labels
    assert not any("mask" in name or "gtFine" in name for name in found.ids)


@pytest.mark.parametrize("masks", ["masks", "labels", "SegmentationClass", "ground_truth", "train_masks"])
def test_masks_beside_classes_are_refused(tmp_path, masks):
    put(tmp_path, "cat/1.png", "dog/2.png", f"{masks}/1.png", f"{masks}/2.png")
    with pytest.raises(InputError, match=f"{masks} holds masks or other annotations.*Name the folder"):
        open_folder(tmp_path)


def test_classes_that_only_sound_like_masks_are_classes(tmp_path):
    for number, names in enumerate((["labels/1.png", "bottles/2.png"], ["mask/1.png", "no_mask/1.png"])):
        found = open_folder(put(tmp_path / str(number), *names))
        assert found.classes == sorted(name.split("/")[0] for name in names)
    with pytest.raises(InputError, match="SegmentationClass, SegmentationObject hold masks"):
        open_folder(put(tmp_path / "2", "SegmentationClass/1.png", "SegmentationObject/1.png"))


def test_masks_beside_their_photograph_are_set_aside(tmp_path):
    put(
        tmp_path,
        "benign/a (1).png",
        "benign/a (1)_mask.png",
        "benign/a (1)_mask_1.png",
        "normal/2.png",
        "normal/2_seg.png",
    )
    put(tmp_path, "normal/lone_mask.png")
    found = open_folder(tmp_path)
    assert found.ids.tolist() == ["benign/a (1).png", "normal/2.png", "normal/lone_mask.png"]
    assert {entry["cause"] for entry in found.set_aside} == {"by its name a mask of a (1)", "by its name a mask of 2"}


@pytest.mark.parametrize(
    "folders",
    ["train test", "dev test train", "Training Validation", "train2017 val2017", "train_images test_images"]
    + ["training_set test_set", "seg_train seg_test", "TRAIN VALID", "test1 train1", "Development Testing"],
)
def test_parts_in_any_writing_are_a_column(tmp_path, folders):
    put(tmp_path, *(f"{folder}/{label}/1.png" for folder in folders.split() for label in ("cat", "dog")))
    found = open_folder(tmp_path)
    assert found.classes == ["cat", "dog"] and set(found.columns["split"]) <= {"train", "test", "val"}
    assert len(set(found.columns["split"])) == len(folders.split()) == len(folder_splits(tmp_path))


@pytest.mark.parametrize("others", [["extra"], ["unlabeled"], ["cat", "dog"]])
def test_parts_beside_other_folders_are_refused(tmp_path, others):
    put(tmp_path, "train/1.png", "test/2.png", *(f"{name}/3.png" for name in others))
    with pytest.raises(InputError, match=r"\(test, train\) lie beside others.*Name one of them"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ["cat/train/1.png", "cat/test/2.png", "dog/train/3.png", "dog/test/4.png"],
        ["cat/train/1.png", "dog/test/2.png"],
        ["cat/dev/1.png", "dog/train/2.png"],
    ],
)
def test_parts_below_the_classes_are_refused(tmp_path, names):
    with pytest.raises(InputError, match="One level too high"):
        open_folder(put(tmp_path, *names))


def test_the_same_class_in_two_forms_is_one(tmp_path):
    forms = ["caf\u00e9", "cafe\u0301", " caf\u00e9"]
    found = open_folder(put(tmp_path, *(f"{name}/{number}.png" for number, name in enumerate(forms)), "the/3.png"))
    assert found.classes == ["caf\u00e9", "the"] and all(item.exists() for item in found.items)


@pytest.mark.parametrize("suffix", ["jfif", "JFIF", "jif", "jpe", "pjpeg", "dib", "apng", "j2k"])
def test_other_suffixes_of_images(tmp_path, suffix):
    kind = {"dib": "BMP", "apng": "PNG", "j2k": "JPEG2000"}.get(suffix, "JPEG")
    Image.new("RGB", (40, 40), "red").save(tmp_path / f"a.{suffix}", kind)
    found = open_folder(tmp_path)
    assert len(found) == 1 and tuple(decode(found.items[0]).shape) == (3, 40, 40)


@pytest.mark.parametrize(
    "photographs, masks",
    [
        ("image", "mask"),
        ("image", "label"),
        ("images", "mask"),
        ("img_dir/train", "ann_dir/train"),
        ("CameraRGB", "CameraSeg"),
        ("CameraRGB", "CameraDepth"),
        ("input", "target"),
        ("inputs", "outputs"),
        ("images", "overlays"),
        ("original", "segmentation"),
        ("Photos", "Label"),
        ("training/image_2", "training/semantic"),
        ("training/image_2", "training/instance"),
        ("training/image_2", "training/semantic_rgb"),
        ("train", "train_mask"),
        ("rgb", "depth"),
    ],
)
def test_masks_by_names_that_classes_could_have_are_left_out_beside_photographs(tmp_path, photographs, masks):
    found = open_folder(put(tmp_path, *(f"{folder}/{n}.png" for folder in (photographs, masks) for n in (1, 2))))
    assert found.ids.tolist() == [f"{photographs}/1.png", f"{photographs}/2.png"] and found.labels is None


@pytest.mark.parametrize("names", ["mask no_mask", "label blank", "target other", "rgb grey", "image text", "seg cat"])
def test_such_names_are_classes_where_no_photographs_lie_beside_them(tmp_path, names):
    put(tmp_path, *(f"{name}/{number}.png" for name in names.split() for number in (1, 2)))
    assert open_folder(tmp_path).classes == sorted(names.split())


@pytest.mark.parametrize(
    "folders",
    [
        "train/a train/b holdout",
        "train/cat train/dog unlabeled",
        "train/cat train/dog unlabelled",
        "bounding_box_train bounding_box_test query",
        "train query gallery",
        "query gallery",
        "train_A train_B test_A",
        "trainA trainB testA testB",
        "val/a val/b extra",
        "test held-out",
    ],
)
def test_parts_by_other_names_are_no_classes(tmp_path, folders):
    put(tmp_path, *(f"{folder}/1.png" for folder in folders.split()))
    for opened in (open_folder, folder_splits):
        with pytest.raises(InputError, match="parts of a set by their names.*lie beside others.*Name one of them"):
            opened(tmp_path)


@pytest.mark.parametrize("folders", ["train bus gallery", "trains buses", "query cat", "tests dog"])
def test_classes_that_only_sound_like_parts_are_classes(tmp_path, folders):
    assert open_folder(put(tmp_path, *(f"{name}/1.png" for name in folders.split()))).classes == sorted(folders.split())


@pytest.mark.parametrize(
    "left",
    [
        "@__thumb",
        "@tmp",
        "@sharebin",
        "@anything",
        "Network Trash Folder",
        "Temporary Items",
        "TheVolumeSettingsFolder",
    ],
)
def test_what_other_servers_left_is_no_class(tmp_path, left):
    put(tmp_path, "cat/1.png", "dog/2.png", f"{left}/1.png", f"cat/{left}/1.png")
    assert open_folder(tmp_path).ids.tolist() == ["cat/1.png", "dog/2.png"]
