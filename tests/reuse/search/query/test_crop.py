"""Boxes as queries."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.reuse.search.query.crop import cut_out, read_box


def test_pixels_of_a_box(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    np.testing.assert_array_equal(cut_out(pixels, (10, 5, 30, 25)), pixels[5:25, 10:30])
    np.testing.assert_array_equal(cut_out(pixels, (0.5, 0.5, 58.5, 39.5)), pixels[:, :59])
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(cut_out(tmp_path / "a.png", (0, 0, 60, 40)), pixels)


def test_boxes_are_those_of_the_upright_picture(tmp_path: Path) -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:10, :20] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # to be shown turned by a quarter
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=turned)
    assert cut_out(tmp_path / "a.png", (30, 0, 40, 20)).min() == 255


@pytest.mark.parametrize("text", ["", "1,2,3", "a,b,c,d", "1,2,3,4,5", "10,10,5,20", "1,5,9,5"])
def test_what_is_no_box(text: str) -> None:
    with pytest.raises(InputError, match="--box"):
        read_box(text)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((-1, 0, 20, 20), "inside the image of 60x40"),
        ((0, 0, 61, 20), "inside"),
        ((0, 0, 20, 41), "inside"),
        ((0, 0, 7, 30), "at least 8x8"),
    ],
)
def test_boxes_outside_or_too_small(box: tuple, words: str) -> None:
    with pytest.raises(InputError, match=words):
        cut_out(np.zeros((40, 60, 3), np.uint8), box)
