"""Records of annotations: what they refuse, how image sets carry them, what joining and choosing keep."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data.annotations.boxes import Boxes, RawBox, sound_boxes
from regard.data.annotations.boxes3d import Boxes3D
from regard.data.annotations.depth import Depth
from regard.data.annotations.faults import counted
from regard.data.annotations.masks import Masks, SemanticMap, drawn
from regard.data.annotations.record import Annotations, Listed, Rows
from regard.data.imageset import ImageSet, concatenate


def box(*xyxy: float, name: str = "cat") -> Boxes:
    return Boxes(np.array([xyxy]), np.array([name]))


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Boxes(np.zeros((2, 3)), np.array(["a", "b"])), "boxes \\(n, 4\\)"),
        (lambda: box(5, 0, 2, 9), "which has no area"),
        (lambda: box(0, 0, np.nan, 9), "NaN"),
        (lambda: Boxes(np.array([[0, 0, 1, 1]]), np.array([])), "no class"),
        (lambda: Boxes(np.array([[0, 0, 1, 1]]), np.array(["a"]), difficult=np.array([True, False])), "difficult"),
        (lambda: Boxes(np.array([[0, 0, 1, 1]]), np.array(["a"]), crowd=np.array(["yes"])), "True or False"),
        (lambda: Masks((4, 4), (np.array([3, 4]),)), "counts"),
        (lambda: Masks.from_arrays(np.full((1, 4, 4), 7)), "True and False"),
        (lambda: SemanticMap(np.full((4, 4), 3, np.uint8), ("a", "b")), "3 in 16 pixels"),
        (lambda: SemanticMap(np.zeros((4, 4), np.float32), ("a", "b")), "uint8 or uint16"),
        (lambda: Depth(np.zeros((4, 4))), "metres above 0"),
        (lambda: Depth(np.ones((4, 4)), intrinsics=np.ones((2, 2))), "intrinsics"),
        (lambda: Depth(np.ones((4, 4))).points(), "camera's matrix"),
        (lambda: Annotations((4, 4), box(0, 0, 1, 1), Masks((4, 4), ())), "a box for each mask"),
        (lambda: Annotations((4, 4), depth=Depth(np.ones((5, 4)))), "those of the picture"),
        (lambda: ImageSet([np.zeros((2, 2), np.uint8)], np.array(["a"]), annotations=Rows.of(Listed([]))), "of 1, one"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()  # type: ignore[operator]


def test_boxes_of_a_file_are_clipped_or_set_aside_and_told_of() -> None:
    raw = [
        RawBox((0, 0, 4, 4), "a"),
        RawBox((-2, 1, 3, 9), "b", truncated=True),
        RawBox((20, 1, 30, 3), "c"),
        RawBox((3, 3, 3, 5), "d"),
        RawBox((float("nan"), 0, 1, 1), "e"),
        RawBox((0, 0, 1e300, 4), "f"),
    ]
    boxes, kept, faults = sound_boxes(raw, (8, 10), "x.xml")
    assert kept == [0, 1, 5] and boxes.classes.tolist() == ["a", "b", "f"]
    assert boxes.truncated.tolist() == [False, True, False]
    assert boxes.xyxy.tolist() == [[0, 0, 4, 4], [0, 1, 3, 8], [0, 0, 10, 4]]
    assert boxes.areas.tolist() == [16, 21, 40]
    assert counted(faults) == {
        "clipped: partly outside the picture": 2,
        "set aside: a box with NaN or infinity": 1,
        "set aside: no area": 1,
        "set aside: outside the picture": 1,
    }
    assert faults[1].to_dict() == {"path": "x.xml (object 3)", "cause": "outside the picture", "done": "set aside"}


def test_a_box_far_outside_an_unknown_picture_stays() -> None:
    boxes, kept, faults = sound_boxes([RawBox((-5, 0, 5000, 4), "a")], None, "x.xml")
    assert kept == [0] and not faults and boxes.xyxy.tolist() == [[-5, 0, 5000, 4]]


def test_rows_follow_the_images_through_subset_and_concatenate() -> None:
    def images(names: list[str]) -> ImageSet:
        rows = Rows.of(Listed([Annotations((4, 4), box(0, 0, 1, 1, name=name)) for name in names]))
        return ImageSet([np.zeros((4, 4, 3), np.uint8)] * len(names), np.array(names), annotations=rows)

    both = concatenate([images(["cat", "dog"]), images(["cow"])])
    turned = both.subset([2, 0])
    assert turned.annotations is not None and [one.labels for one in turned.annotations] == [("cow",), ("cat",)]
    assert turned.annotations.classes == ("cat", "cow")
    assert turned.annotations.several_labels().tolist() == [[False, True], [True, False]]
    assert turned.without_labels().annotations is None
    bare = ImageSet([np.zeros((4, 4, 3), np.uint8)], np.array(["bare"]))
    assert concatenate([turned, bare]).annotations is None
    with pytest.raises(InputError, match="the id 'cat' in two sets"):
        concatenate([both, turned])


def test_reading_waits_until_a_row_is_asked_for() -> None:
    class Source:
        classes = ("a",)
        read_rows: list[int] = []

        def __len__(self) -> int:
            return 3

        def read(self, row: int) -> Annotations:
            self.read_rows.append(row)
            return Annotations(tags=("a",))

        def general(self) -> list:
            return []

    source = Source()
    items = [np.zeros((4, 4, 3), np.uint8)] * 3
    images = ImageSet(items, np.array(["a", "b", "c"]), annotations=Rows.of(source)).subset([1, 2])
    assert images.annotations is not None and images.annotations.classes == ("a",) and source.read_rows == []
    assert images.annotations[1].labels == ("a",) and source.read_rows == [2]


def test_objects_make_a_semantic_map_later_ones_above() -> None:
    flat = np.zeros((2, 3, 4), bool)
    flat[0, :, :2], flat[1, 1] = True, True
    found = drawn(Masks.from_arrays(flat), ["dog", "cat"], ["cat", "dog"])
    assert found.values.tolist() == [[2, 2, 0, 0], [1, 1, 1, 1], [2, 2, 0, 0]]
    assert found.pixels() == {"background": 4, "cat": 4, "dog": 4}


def test_depth_and_camera_give_points_in_space() -> None:
    metres = np.full((3, 4), np.nan)
    metres[2, 3] = 2.0
    found = Depth(metres, np.array([[10.0, 0, 1], [0, 20, 1], [0, 0, 1]]))
    assert found.known.sum() == 1
    assert found.points() == pytest.approx(np.array([[(3 - 1) / 10 * 2, (2 - 1) / 20 * 2, 2.0]]))


def test_corners_of_a_box_in_space_turn_about_its_foot() -> None:
    zeros = np.zeros(1)
    camera = np.array([[100.0, 0, 50, 0], [0, 100, 40, 0], [0, 0, 1, 0]])
    found = Boxes3D(
        np.array(["Car"]), np.array([[0, 0, 1, 1]]), np.array([[1.5, 2, 4]]), np.array([[1, 2, 10]]),
        np.array([np.pi / 2]), zeros, zeros, zeros, camera,
    )  # fmt: skip
    corners = found.corners()[0]
    assert corners[:, 1] == pytest.approx([2] * 4 + [0.5] * 4)
    assert corners.min(axis=0) == pytest.approx([0, 0.5, 8], abs=1e-5) and corners.max(axis=0) == pytest.approx(
        [2, 2, 12]
    )
    seen = found.projected()[0]
    assert seen[0] == pytest.approx(100 * corners[0, :2] / corners[0, 2] + [50, 40])
