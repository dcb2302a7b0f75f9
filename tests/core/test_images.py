import numpy as np
import pytest

from regard.core.checks import InputError
from regard.core.images import as_rgb


def test_every_kind_of_pixels_becomes_rgb():
    grey = np.array([[0, 128, 255]], np.uint8)
    np.testing.assert_array_equal(as_rgb(grey), np.repeat(grey[..., None], 3, 2))
    np.testing.assert_array_equal(as_rgb(grey / 255.0), as_rgb(grey))
    np.testing.assert_array_equal(as_rgb(grey.astype(np.uint16) * 257), as_rgb(grey))
    np.testing.assert_array_equal(as_rgb(grey > 100)[..., 0], [[0, 255, 255]])


def test_alpha_is_laid_on_white():
    pixels = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 51]]], np.uint8)
    np.testing.assert_array_equal(as_rgb(pixels), [[[255, 255, 255], [10, 20, 30], [204, 204, 204]]])


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((2, 2, 5), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 3), np.uint8), np.full((2, 2), 7.0),
     np.full((2, 2), np.nan), np.zeros((2, 2), np.int64)],
)  # fmt: skip
def test_what_is_no_picture_is_refused(pixels):
    with pytest.raises(InputError, match="image"):
        as_rgb(pixels)
