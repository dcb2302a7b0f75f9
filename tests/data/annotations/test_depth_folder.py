"""Folders of depth beside pictures: PNG in several units, arrays, 7-Scenes' layout, and what is wrong told."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.data.annotations.depth_folder import read_depth_folder
from regard.data.sources import open_images

VALUES = np.array([[1500, 0, 65535], [2000, 1, 65534]], dtype=np.uint16)
METRES = np.array([[1.5, np.nan, np.nan], [2.0, 0.001, 65.534]], dtype=np.float32)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for place in ("images/x", "depth/x"):
        (tmp_path / place).mkdir(parents=True)
    for name in "abcd":
        Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / "images/x" / f"{name}.png")
    Image.fromarray(VALUES).save(tmp_path / "depth/x/a.png")
    np.save(tmp_path / "depth/x/b.npy", np.where(np.isnan(METRES), [[0, np.inf, np.nan]], METRES))
    np.save(tmp_path / "depth/x/c_depth.npy", VALUES)
    return tmp_path


def test_each_form_gives_the_same_metres(root: Path) -> None:
    images = open_images(root)
    assert len(images) == 4 and images.annotations is not None and images.annotations.classes == ()
    for row in range(3):
        depth = images.annotations[row].depth
        assert depth is not None
        np.testing.assert_array_equal(depth.metres, METRES)
    assert images.annotations[3].depth is None and "no such file" in str(images.annotations[3].faults[0])
    again = read_depth_folder(root / "images", root / "depth", unit=0.002, none=(0,)).annotations
    assert again is not None and again[0].depth is not None
    np.testing.assert_allclose(again[0].depth.metres[0], [3.0, np.nan, 131.07])


def test_a_unit_is_read_or_told_to_be_wrong(root: Path) -> None:
    (root / "depth" / "unit.txt").write_text("0.0002\n")
    assert open_images(root).annotations[0].depth.metres[0, 0] == pytest.approx(0.3)  # type: ignore[index, union-attr]
    for wrong in ("-1", "mm", "nan"):
        (root / "depth" / "unit.txt").write_text(wrong)
        assert "unit.txt" in str(open_images(root).annotations.faults()[0])  # type: ignore[union-attr]
        with pytest.raises(InputError, match="unit"):
            read_depth_folder(root / "images", root / "depth")


def test_what_is_no_depth_of_the_picture_is_set_aside(root: Path) -> None:
    np.save(root / "depth/x/b.npy", np.ones((3, 2), np.float32))
    np.save(root / "depth/x/d.npy", np.full((2, 3), -1.0))
    (root / "depth/x/c_depth.npy").write_bytes(b"no array")
    Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(root / "depth/x/a.png")
    rows = open_images(root).annotations
    assert rows is not None and all(one.depth is None for one in rows)
    causes = " ".join(str(fault) for one in rows for fault in one.faults)
    with open(root / "depth/x/c_depth.npy", "wb") as file:
        np.savez(file, a=METRES, b=METRES)  # an archive under the name of an array
    assert rows[2].depth is None and "several arrays" in str(rows[2].faults[0])
    for cause in ("not the picture's size", "below 0", "cannot be read", "(2, 3, 3)"):
        assert cause in causes


def test_a_folder_in_the_layout_of_7_scenes_is_known(tmp_path: Path) -> None:
    for name in "ab":
        Image.fromarray(np.zeros((2, 3, 3), np.uint8)).save(tmp_path / f"{name}.color.png")
        Image.fromarray(VALUES).save(tmp_path / f"{name}.depth.png")
    images = open_images(tmp_path)
    assert images.ids.tolist() == ["a.color.png", "b.color.png"] and images.annotations is not None
    for one in images.annotations:
        assert one.depth is not None
        np.testing.assert_array_equal(one.depth.metres, METRES)


def test_exr_is_read_with_its_extra_and_named_without(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "depth/x/d.exr").write_bytes(b"no exr")
    with monkeypatch.context() as patched:
        patched.setattr("regard.data.annotations.depth_exr.find_spec", lambda name: None)
        told = open_images(root).annotations[3].faults  # type: ignore[index]
        assert "pip install 'regard[exr]'" in str(told[0])
    OpenEXR = pytest.importorskip("OpenEXR")
    assert "cannot be read" in str(open_images(root).annotations[3].faults[0])  # type: ignore[index]
    metres = METRES.copy()
    metres[1, 1], metres[0, 1] = 1e10, np.inf
    for name in ("Z", "ViewLayer.Depth.Z", "R"):
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, {name: metres}).write(str(root / "depth/x/d.exr"))
        depth = open_images(root).annotations[3].depth  # type: ignore[index]
        assert depth is not None
        np.testing.assert_array_equal(depth.metres, [[1.5, np.nan, np.nan], [2.0, np.nan, METRES[1, 2]]])
    OpenEXR.File(header, {"other": metres}).write(str(root / "depth/x/d.exr"))
    assert "with the channels other" in str(open_images(root).annotations[3].faults[0])  # type: ignore[index]
