"""What pretraining sees: windows without labels, and objects with the names of their classes."""

from dataclasses import replace

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data.annotations.boxes import Boxes
from regard.data.annotations.record import Annotations, Rows
from regard.data.imageset import ImageSet
from regard.studies.bet_pictures import NOTHING, crops, windows


class Known:
    """Annotations as they are given."""

    classes = None

    def __init__(self, rows: list[Boxes]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, row: int) -> Annotations:
        return Annotations((60, 80), self.rows[row])

    def general(self) -> list:
        return []


COLOURS = {"red": (250, 0, 0), "blue": (0, 0, 250)}


def pictures(classes: tuple[str, ...], count: int = 10, **flags) -> ImageSet:
    """Grey pictures of 60 x 80, with a square of each class in its own colour."""
    items, rows = [], []
    for number in range(count):
        pixels = np.full((60, 80, 3), 120, np.uint8)
        boxes = []
        for place, name in enumerate(classes):
            x, y = 5 + 40 * place, 10 + number
            pixels[y : y + 20, x : x + 20] = COLOURS[name]
            boxes.append((x, y, x + 20, y + 20))
        items.append(pixels)
        given = {name: np.full(len(boxes), value) for name, value in flags.items()}
        rows.append(Boxes(np.array(boxes, np.float32), np.array(classes), **given))
    return ImageSet(items, np.array([f"{n}.png" for n in range(count)]), annotations=Rows.of(Known(rows)))


def test_windows_have_the_scale_of_the_detector_and_no_labels() -> None:
    made = windows(pictures(("red",)), size=40, side=16, seed=0)
    assert len(made) == 160 and made.labels is None and made.annotations is None
    assert {one.shape for one in made.items} == {(16, 16, 3)}
    # 80 pixels become 40, so a square of 20 becomes one of 10: no window is red all over
    red = [(np.asarray(one)[..., 0] > 230).sum() for one in made.items]
    assert 60 < max(red) <= 110
    again = windows(pictures(("red",)), size=40, side=16, seed=0)
    assert all((a == b).all() for a, b in zip(made.items, again.items))
    assert any((a != b).any() for a, b in zip(made.items, windows(pictures(("red",)), 40, 16, seed=1).items))


def test_crops_show_the_objects_of_their_class() -> None:
    made, notes = crops(pictures(("red", "blue")), side=24, seed=0)
    assert made.labels is not None and not notes and len(made) == 20
    for pixels, name in zip(made.items, made.labels.tolist()):
        assert pixels.shape == (24, 24, 3)
        assert abs(pixels[8:16, 8:16].mean((0, 1)) - COLOURS[name]).max() < 3
        assert abs(pixels[0, 0].astype(int) - 120).max() < 30  # a little of what is around


def test_a_single_class_is_told_from_the_background() -> None:
    made, _ = crops(pictures(("red",)), side=24, seed=0)
    assert made.classes == [NOTHING, "red"]
    nothing = [one for one, name in zip(made.items, made.labels.tolist()) if name == NOTHING]  # type: ignore[union-attr]
    assert len(nothing) >= 6 and max((np.asarray(one)[..., 0] > 230).mean() for one in nothing) < 0.25


def test_rare_classes_and_difficult_objects_are_left_out() -> None:
    both, red = pictures(("red", "blue"), 3), pictures(("red",), 16)
    rows = [*both.annotations, *red.annotations]  # type: ignore[misc]
    known = Known([one.boxes for one in rows])  # type: ignore[misc]
    mixed = ImageSet([*both.items, *red.items], np.arange(19).astype(str), annotations=Rows.of(known))
    made, notes = crops(mixed, 16, 0)
    assert made.classes == [NOTHING, "red"] and "blue" in notes[0]
    with pytest.raises(InputError, match="16"):
        crops(pictures(("red", "blue"), 10, difficult=True), 16, 0)


def test_what_cannot_be_read_is_passed_over(tmp_path) -> None:
    given = pictures(("red", "blue"), 9)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    given = replace(given, items=[broken, *given.items[1:]])
    assert len(windows(given, 40, 16, 0)) == 8 * 16 and len(crops(given, 16, 0)[0]) == 16
