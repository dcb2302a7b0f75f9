"""An image and what it carries move together: shapes are rendered, moved, and compared with what they should be."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from regard.core.checks import InputError
from regard.data.annotations.boxes import Boxes
from regard.data.annotations.boxes3d import Boxes3D
from regard.data.annotations.depth import Depth
from regard.data.annotations.masks import Masks, SemanticMap
from regard.data.annotations.record import Annotations
from regard.data.joint import Pair, crop, flip, pad, resize

SIZE = (30, 40)
K = np.array([[25.0, 0, 19], [0, 25, 14], [0, 0, 1]])
Change = Callable[[torch.Tensor, Annotations], Pair]


def scene() -> Pair:
    """Two bright rectangles on black, each of its own channel, and all that can be known of them."""
    flat = np.zeros((2, *SIZE), bool)
    flat[0, 4:12, 6:18], flat[1, 10:28, 24:36] = True, True
    image = torch.zeros(3, *SIZE)
    image[:2] = torch.from_numpy(flat).float()
    masks = Masks.from_arrays(flat)
    boxes = Boxes(masks.extents, np.array(["a", "b"]), pose=np.array(["Left", "Frontal"]))
    values = np.zeros(SIZE, np.uint8)
    values[flat[0]], values[flat[1]], values[0] = 1, 2, 255
    metres = np.where(flat.any(0), 2.0, np.nan)
    camera = np.concatenate([K, [[3.0], [1], [0.01]]], axis=1)
    space = Boxes3D(
        np.array(["a", "DontCare"]), np.array([[6, 4, 18, 12], [0, 0, 3, 3]]), np.array([[1, 1, 2], [-1, -1, -1]]),
        np.array([[-0.5, 0.2, 6], [-1000] * 3]), np.array([0.7, -10]), np.array([0.4, -10]), np.array([0.0, -1]),
        np.array([1, -1]), camera,
    )  # fmt: skip
    semantic = SemanticMap(values, ("ground", "a", "b"))
    return image, Annotations(SIZE, boxes, masks, semantic, Depth(metres, K, np.eye(4)), space)


CHANGES: dict[str, Change] = {
    "half": lambda image, carried: resize(image, carried, (15, 20)),
    "wide": lambda image, carried: resize(image, carried, (30, 120)),
    "crop": lambda image, carried: crop(image, carried, 2, 4, 26, 33),
    "pad": lambda image, carried: pad(image, carried, 3, 1, 0, 7),
    "flip": flip,
    "flip, then crop": lambda image, carried: crop(*flip(image, carried), 1, 3, 28, 36),
}


@pytest.mark.parametrize("name", CHANGES)
def test_boxes_masks_maps_and_depth_lie_where_the_picture_shows_the_shapes(name: str) -> None:
    image, moved = CHANGES[name](*scene())
    assert moved.size == tuple(image.shape[1:]) and moved.boxes is not None and moved.masks is not None
    assert moved.semantic is not None and moved.depth is not None
    for row, label in enumerate(("a", "b")):
        seen = image[row].numpy() > 0.5
        assert (moved.masks.array(row) == seen).all()
        assert moved.boxes.xyxy[row] == pytest.approx(moved.masks.extents[row]) and moved.boxes.classes[row] == label
        assert ((moved.semantic.values == row + 1) == seen).all()
    assert (moved.depth.known == (image[:2].amax(0).numpy() > 0.5)).all()
    assert (moved.depth.metres[moved.depth.known] == 2).all()


@pytest.mark.parametrize("name", CHANGES)
def test_cameras_see_the_same_points_where_the_change_has_put_them(name: str) -> None:
    before = scene()
    image, moved = CHANGES[name](*before)
    assert before[1].boxes3d is not None and moved.boxes3d is not None and before[1].depth is not None
    xy = before[1].boxes3d.projected()[0]
    seen = moved.boxes3d.projected()[0]  # in coordinates whose whole numbers are the middles of pixels
    width = SIZE[1]
    want = {
        "half": (xy + 0.5) / 2 - 0.5,
        "wide": (xy + 0.5) * [3, 1] - 0.5,
        "crop": xy - [4, 2],
        "pad": xy + [3, 1],
        "flip": np.stack([width - 1 - xy[:, 0], xy[:, 1]], 1),
        "flip, then crop": np.stack([width - 1 - xy[:, 0] - 3, xy[:, 1] - 1], 1),
    }[name]
    assert seen[np.lexsort(seen.round(3).T)] == pytest.approx(want[np.lexsort(want.round(3).T)], abs=1e-3)
    assert moved.depth is not None and moved.depth.intrinsics is not None
    points = moved.depth.points()
    back = points @ moved.depth.intrinsics.T
    rows, columns = np.nonzero(moved.depth.known)
    assert back[:, :2] / back[:, 2:] == pytest.approx(np.stack([columns, rows], 1), abs=1e-6)
    spread = before[1].depth.points()
    sign = -1 if "flip" in name else 1
    assert np.sort(sign * points[:, 0])[[0, -1]] == pytest.approx(np.sort(spread[:, 0])[[0, -1]], abs=0.06)


def test_flipping_twice_gives_back_everything_but_the_cameras_place() -> None:
    image, carried = scene()
    once, (again, back) = flip(image, carried), flip(*flip(image, carried))
    assert torch.equal(again, image) and back.boxes is not None and carried.boxes is not None
    assert once[1].boxes is not None and once[1].boxes.pose.tolist() == ["Right", "Frontal"]
    assert back.boxes.pose.tolist() == ["Left", "Frontal"]
    assert (back.boxes.xyxy == carried.boxes.xyxy).all() and not back.boxes.truncated.any()
    assert back.depth is not None and back.depth.pose is None and back.depth.intrinsics == pytest.approx(K)
    assert back.boxes3d is not None and carried.boxes3d is not None
    for name in ("xyxy", "bottom", "yaw", "alpha", "camera"):
        assert getattr(back.boxes3d, name) == pytest.approx(getattr(carried.boxes3d, name), abs=1e-5)


def test_what_a_crop_cuts_is_truncated_and_what_it_leaves_out_is_gone() -> None:
    image, carried = scene()
    _, moved = crop(image, carried, 0, 0, 30, 27)
    assert moved.boxes is not None and moved.masks is not None and len(moved.masks) == 2
    assert moved.boxes.truncated.tolist() == [False, True] and moved.boxes.xyxy[1].tolist() == [24, 10, 27, 28]
    assert carried.boxes is not None and not carried.boxes.truncated.any()
    _, least = crop(image, carried, 0, 0, 30, 27, least=0.3)
    assert least.boxes is not None and least.boxes.classes.tolist() == ["a"]
    _, none = crop(image, carried, 0, 0, 4, 5)
    assert none.boxes is not None and len(none.boxes) == 0 and none.boxes3d is not None and len(none.boxes3d) == 1


def test_padding_says_nothing_and_bytes_stay_bytes() -> None:
    image, carried = scene()
    made, moved = pad((image * 255).to(torch.uint8), carried, 1, 2, 3, 4, value=7)
    assert made.dtype == torch.uint8 and made.shape == (3, 36, 44) and int(made[2, 0, 0]) == 7
    assert moved.semantic is not None and (moved.semantic.values[:2] == 255).all()
    small, _ = resize(made, moved, (18, 22))
    assert small.dtype == torch.uint8 and int(small.max()) == 255


def test_changes_that_cannot_be_are_refused() -> None:
    image, carried = scene()
    for wrong, said in (
        (lambda: crop(image, carried, 0, 0, 31, 10), "inside \\(30, 40\\)"),
        (lambda: crop(image, carried, 0, 0, 0, 10), "whole numbers"),
        (lambda: pad(image, carried, -1, 0, 0, 0), "at least 0"),
        (lambda: resize(image, carried, (0, 4)), "size: expected"),
        (lambda: flip(image[None], carried), "one image"),
        (lambda: flip(image[:, 1:], carried), "those of this one"),
    ):
        with pytest.raises(InputError, match=said):
            wrong()
