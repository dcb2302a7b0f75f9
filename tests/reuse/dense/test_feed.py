"""Batches of pictures with objects, from scenes in memory and from files that are right, damaged or odd."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from regard import open_images
from regard.core.checks import InputError
from regard.data.annotations.boxes import Boxes
from regard.data.annotations.masks import Masks, SemanticMap
from regard.data.annotations.record import Annotations, Listed, Rows
from regard.data.annotations.voc_write import write_voc
from regard.data.imageset import ImageSet
from regard.data.scenes import KINDS, scenes
from regard.reuse.dense import feed as module
from regard.reuse.dense.feed import DenseFeed
from regard.reuse.dense.frame import Framed

ALL = ("boxes", "masks", "semantic")
NAMES = ("background", *KINDS)


def listed(*carried: Annotations, size: tuple[int, int] = (20, 30)) -> ImageSet:
    """Pictures of one grey each, with these annotations."""
    items = [np.full((*size, 3), 40 * row + 10, np.uint8) for row in range(len(carried))]
    ids = np.array([f"{row}.png" for row in range(len(carried))])
    return ImageSet(items, ids, annotations=Rows.of(Listed(carried)))


def same(one: Any, other: Any) -> bool:
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def test_scenes_at_their_own_size_are_what_was_rendered():
    images = scenes(6, 48, seed=3)
    feed = DenseFeed(images, 48, NAMES, what=ALL)
    batch = feed(np.array([4, 0, 2]))
    assert batch.rows.tolist() == [4, 0, 2] and not batch.held_out and not feed.failed and not feed.faults
    most = max(len(images.annotations[row].boxes) for row in (4, 0, 2))
    assert batch.images.dtype == torch.uint8 and batch["boxes"].shape == (3, most, 4)
    assert batch["masks"].shape == (3, most, 48, 48) and batch["masks"].dtype == torch.bool
    assert batch["classes"].dtype == torch.int64 and batch["semantic"].dtype == torch.int64
    for place, row in enumerate((4, 0, 2)):
        known = images.annotations[row]
        count = len(known.boxes)
        assert np.array_equal(batch.images[place].permute(1, 2, 0).numpy(), images.items[row])
        assert np.array_equal(batch["boxes"][place, :count].numpy(), known.boxes.xyxy)
        assert [NAMES[one] for one in batch["classes"][place, :count]] == known.boxes.classes.tolist()
        assert batch["ignore"][place, :count].tolist() == known.boxes.difficult.tolist()
        assert np.array_equal(batch["masks"][place, :count].numpy(), known.masks.arrays())
        assert np.array_equal(batch["semantic"][place].numpy(), known.semantic.values)
        rest = batch.replace().each(lambda value, at=place, start=count: value[at, start:] if value.ndim > 1 else value)
        assert (rest["classes"] == -1).all() and not rest["ignore"].any() and not rest["masks"].any()
        assert not rest["boxes"].any()


def test_streamed_and_kept_are_the_same_and_read_as_often_as_said(monkeypatch: pytest.MonkeyPatch):
    images = scenes(5, 40, seed=1)
    reads: list[int] = []
    true = module.decode

    def counting(item: Any, side: int | None = None) -> torch.Tensor:
        reads.append(1)
        return true(item, side)

    monkeypatch.setattr(module, "decode", counting)
    kept = DenseFeed(images, 32, NAMES, what=ALL)
    assert len(reads) == 5
    streamed = DenseFeed(images, 32, NAMES, what=ALL, memory=1000, workers=2)
    assert len(reads) == 5
    rows = np.array([3, 1, 3])
    assert same(kept(rows), streamed(rows)) and len(reads) == 7
    for one, other in zip(kept.in_order(2), streamed.in_order(2), strict=True):
        assert same(one, other) and one.held_out and other.held_out
    assert len(reads) == 12
    assert kept.framed(2) == streamed.framed(2) == Framed(40, 40, 32)


def test_a_wide_picture_is_scaled_once_and_filled_up_with_the_mean_colour():
    mask = np.zeros((1, 20, 30), bool)
    mask[0, 4:12, 6:18] = True
    semantic = SemanticMap(mask[0].astype(np.uint8), ("background", "a"))
    carried = Annotations(
        (20, 30), Boxes(np.array([[6, 4, 18, 12]]), np.array(["a"])), Masks.from_arrays(mask), semantic
    )
    feed = DenseFeed(listed(carried), 45, ("background", "a"), (0.2, 0.4, 0.6), what=ALL)
    batch = feed(np.array([0]))
    assert batch["boxes"].tolist() == [[[9, 6, 27, 18]]] and batch["classes"].tolist() == [[1]]
    assert (batch.images[0, :, :30] == 10).all()
    assert (batch.images[0, :, 30:] == torch.tensor([51, 102, 153])[:, None, None]).all()
    expected = torch.zeros(45, 45, dtype=torch.bool)
    expected[6:18, 9:27] = True
    assert torch.equal(batch["masks"][0, 0], expected)
    assert torch.equal(batch["semantic"][0, :30], expected[:30].long()) and (batch["semantic"][0, 30:] == 255).all()
    assert feed.framed(0) == Framed(20, 30, 45)


def test_difficult_crowd_small_and_unknown_objects():
    flat = np.zeros((5, 20, 30), bool)
    flat[0, 2:9, 2:9] = flat[1, 10:18, 2:9] = flat[2, 2:9, 12:19] = flat[3, 10:18, 12:19] = True
    flat[4, 0, 0] = True
    boxes = Boxes(
        Masks.from_arrays(flat).extents, np.array(["a", "a", "b", "c", "b"]),
        difficult=np.array([1, 0, 0, 0, 0]), crowd=np.array([0, 1, 0, 0, 0]),
    )  # fmt: skip
    carried = Annotations((20, 30), boxes, Masks.from_arrays(flat))
    empty = Annotations((20, 30), boxes.take([]), Masks((20, 30), ()))
    feed = DenseFeed(listed(carried, empty), 10, ("a", "b"), what=("boxes", "masks"))
    batch = feed(np.array([0, 1]))
    assert batch["classes"].tolist() == [[0, 0, 1, 1], [-1] * 4]
    assert batch["ignore"].tolist() == [[True, True, False, True], [False] * 4]
    assert feed.faults == {
        "noted: an object without a pixel in the square: it counts neither way": 1,
        "set aside: of the unknown class 'c'": 1,
    }
    assert [fault.to_dict()["path"] for fault in feed.told] == ["0.png (object 4)", "0.png (object 5)"]
    alone = feed(np.array([1]))
    assert alone["boxes"].shape == (1, 1, 4) and alone["classes"].tolist() == [[-1]] and not alone["masks"].any()


def test_objects_with_a_box_alone_count_neither_way_where_masks_are_learned():
    boxes = Boxes(np.array([[1, 1, 9, 9], [10, 1, 20, 9]]), np.array(["a", "a"]))
    runs = (None, Masks.from_arrays(np.ones((1, 20, 30), bool)).runs[0])
    images = listed(Annotations((20, 30), boxes, Masks((20, 30), runs)))
    assert DenseFeed(images, 16, "a", what=("masks",))(np.array([0]))["ignore"].tolist() == [[True, False]]
    assert DenseFeed(images, 16, "a")(np.array([0]))["ignore"].tolist() == [[False, False]]
    without = listed(Annotations((20, 30), boxes))
    with pytest.raises(InputError, match=r"0.png: its objects have no masks"):
        DenseFeed(without, 16, "a", what=("masks",))


def test_boxes_beyond_the_picture_are_cut_or_set_aside():
    boxes = Boxes(np.array([[-5, 2, 10, 9], [40, 2, 50, 9], [1, 1, 3, 3]]), np.array(["a", "a", "a"]))
    feed = DenseFeed(listed(Annotations((20, 30), boxes)), 30, ("a",))
    assert feed(np.array([0]))["boxes"].tolist() == [[[0, 2, 10, 9], [1, 1, 3, 3]]]
    assert feed.faults == {"clipped: partly outside the picture": 1, "set aside: outside the picture": 1}


def test_a_map_is_drawn_from_masks_and_unknown_classes_are_void():
    flat = np.zeros((2, 20, 30), bool)
    flat[0, 2:9, 2:9], flat[1, 10:18, 2:9] = True, True
    boxes = Boxes(Masks.from_arrays(flat).extents, np.array(["a", "z"]))
    images = listed(Annotations((20, 30), boxes, Masks.from_arrays(flat)))
    feed = DenseFeed(images, 30, ("background", "a"), what=("semantic",))
    expected = np.zeros((30, 30), int)
    expected[:20][flat[0]], expected[:20][flat[1]], expected[20:] = 1, 255, 255
    assert np.array_equal(feed(np.array([0]))["semantic"][0].numpy(), expected)
    assert "boxes" not in feed(np.array([0]))
    assert feed.faults == {"noted: pixels of the unknown class 'z': they count neither way": 1}
    with pytest.raises(InputError, match="nothing is said of the classes of its pixels"):
        DenseFeed(images, 30, ("a", "z"), what=("semantic",))


def damaged(folder: Path) -> None:
    (folder / "JPEGImages" / "1.png").write_bytes(b"no picture")


def nameless(folder: Path) -> None:
    (folder / "Annotations" / "1.xml").unlink()


@pytest.mark.parametrize(("change", "cause"), [(damaged, "not an image"), (nameless, "nothing is said of its objects")])
@pytest.mark.parametrize("memory", [1 << 30, 0])
def test_what_cannot_be_used_is_named_and_the_next_stands_in(
    tmp_path: Path, change: Callable[[Path], None], cause: str, memory: int
):
    images = scenes(3, 32, seed=2)
    for row in range(3):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.fromarray(images.items[row]).save(tmp_path / "in" / f"{row}.png")
    files = open_images(tmp_path / "in")
    write_voc(ImageSet(files.items, files.ids, root=files.root, annotations=images.annotations), tmp_path / "voc")
    good = DenseFeed(open_images(tmp_path / "voc"), 32, KINDS)
    change(tmp_path / "voc")
    found = open_images(tmp_path / "voc")
    assert len(found) == 3
    feed = DenseFeed(found, 32, KINDS, memory=memory)
    batch = feed(np.array([0, 1]))
    assert batch.rows.tolist() == [0, 2] and same(batch, good(np.array([0, 2])))
    assert [part.rows.tolist() for part in feed.in_order(2)] == [[0], [2]]
    assert list(feed.failed) == ["1.png"] and cause in feed.failed["1.png"]
    with pytest.raises(InputError, match=r"^row: .*1\.png"):
        feed.framed(1)


def test_sixteen_bits_grey_and_turned_pictures_from_coco(tmp_path: Path):
    deep = (np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 80).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    grey = ((deep.astype(int) + 128) // 257).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    lying = Image.fromarray(np.repeat(grey[..., None], 3, axis=2))
    turn = lying.getexif()
    turn[274] = 6  # a quarter turn: upright it is 24 wide and 32 high
    lying.save(tmp_path / "turned.png", exif=turn)
    names = ("deep.png", "grey.png", "turned.png")
    pictures = [{"id": row, "file_name": name} for row, name in enumerate(names)]
    objects = [{"id": row, "image_id": row, "category_id": 5, "bbox": [2, 4, 8, 16]} for row in range(3)]
    listing = {"images": pictures, "annotations": objects, "categories": [{"id": 5, "name": "it"}]}
    (tmp_path / "list.json").write_text(json.dumps(listing))
    feed = DenseFeed(open_images(tmp_path / "list.json"), 64, ("it",), (0, 0, 0))
    batch = feed(np.arange(3))
    assert not feed.failed and batch["boxes"].tolist() == [[[4, 8, 20, 40]]] * 3
    assert torch.equal(batch.images[0], batch.images[1])
    assert batch.images[0, :, :48].float().std() > 40 and not batch.images[0, :, 48:].any()
    assert feed.framed(2) == Framed(32, 24, 64) and not batch.images[2, :, :, 48:].any()


def test_a_large_photograph_is_decoded_at_a_part_and_lies_where_it_should(tmp_path: Path):
    wide = np.zeros((1203, 1601, 3), np.uint8)
    wide[400:800, 800:1200] = 255
    Image.fromarray(wide).save(tmp_path / "large.jpg", quality=95)
    files = open_images(tmp_path)
    boxes = Boxes(np.array([[800, 400, 1200, 800]]), np.array(["a"]))
    images = ImageSet(files.items, files.ids, annotations=Rows.of(Listed([Annotations((1203, 1601), boxes)])))
    batch = DenseFeed(images, 64, ("a",), (0, 0, 0))(np.array([0]))
    light = batch.images[0, 0].double() / 255
    left, top, right, bottom = batch["boxes"][0, 0].tolist()
    middle = (light.sum(0) * (torch.arange(64) + 0.5)).sum() / light.sum()
    assert abs(float(middle) - (left + right) / 2) < 0.05
    assert abs(float(light.sum()) - (right - left) * (bottom - top)) < 2


def test_annotations_of_another_picture_are_refused_with_its_name():
    other = Annotations((20, 31), Boxes(np.array([[0, 0, 5, 5]]), np.array(["a"])))
    right = Annotations((20, 30), Boxes(np.array([[0, 0, 5, 5]]), np.array(["a"])))
    feed = DenseFeed(listed(other, right), 30, ("a",))
    assert feed.failed == {"0.png": "annotations of a picture of 31x20, it has 30x20"}
    with pytest.raises(InputError, match=r"none of images can be used; the first, 0.png: annotations of"):
        DenseFeed(listed(other), 30, ("a",))
    with pytest.raises(InputError, match=r"none of images can be used"):
        DenseFeed(listed(other), 30, ("a",), memory=0)(np.array([0]))


def test_wrong_arguments_are_refused():
    images = scenes(2, 32)
    for settings, argument in (
        ({"size": 0}, "size"), ({"classes": ()}, "classes"), ({"classes": ("a", "a")}, "classes"),
        ({"what": ()}, "what"), ({"what": ("depths",)}, "what"), ({"colour": (124, 116, 104)}, "colour"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=f"^{argument}: "):
            DenseFeed(images, **({"size": 32, "classes": KINDS} | settings))
    with pytest.raises(InputError, match="^images: .* without annotations"):
        DenseFeed(images.without_labels(), 32, KINDS)
