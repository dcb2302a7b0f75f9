import io

import numpy as np
import pytest
from PIL import Image
from skimage.color import hsv2rgb, rgb2hsv
from skimage.measure import block_reduce

from regard.core.checks import InputError
from regard.core.runtime import numpy_rng
from regard.data.builtin import photo_crops
from regard.data.corruptions import FAMILIES, NAMES, SEVERITIES, _common, corrupted
from regard.data.corruptions.blur import defocus_blur
from regard.data.corruptions.noise import gaussian_noise, impulse_noise, shot_noise
from regard.data.corruptions.weather import fog


@pytest.fixture(scope="module")
def crops():
    return {size: photo_crops(12, size, seed=5).items for size in (8, 48, 224)}


def ramp(height, width):
    """A picture whose values are the places of its pixels, as floats."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([rows, columns], axis=2)


def test_the_fifteen_are_there():
    assert len(NAMES) == len(set(NAMES)) == 15 and SEVERITIES == (1, 2, 3, 4, 5)
    assert {family: len(names) for family, names in FAMILIES.items()} == {
        "noise": 3,
        "blur": 4,
        "weather": 4,
        "digital": 4,
    }


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bytes_and_the_picture_is_left_alone(crops, name):
    for image in (crops[48][0], crops[48][0][..., :1], crops[48][0][..., 0]):
        before = image.copy()
        first, again = corrupted(image, name, 2, seed=7), corrupted(image, name, 2, seed=7)
        assert first.dtype == np.uint8 and first.shape == image.shape and first.flags["C_CONTIGUOUS"]
        assert np.array_equal(first, again) and np.array_equal(image, before)
        assert not np.array_equal(first, image)
    still = {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"}  # draw nothing
    assert np.array_equal(corrupted(image, name, 2, seed=8), first) == (name in still)


@pytest.mark.parametrize("size", [8, 48, 224])
@pytest.mark.parametrize("name", NAMES)
def test_each_severity_is_farther_from_the_clean_picture(crops, name, size):
    images = crops[size][: 4 if size == 224 else 12]
    far = [
        np.mean([np.abs(corrupted(one, name, severity, seed=i) - one.astype(float)) for i, one in enumerate(images)])
        for severity in SEVERITIES
    ]
    assert far[0] > 0.5 and (np.diff(far) > 0).all(), np.round(far, 2)
    assert far[-1] < 128  # something of the picture is left


@pytest.mark.parametrize("name", NAMES)
def test_grey_stays_grey_in_one_channel_or_three(crops, name):
    grey = crops[48][1][..., 1]
    one = corrupted(grey, name, 4, seed=3)
    three = corrupted(np.repeat(grey[..., None], 3, axis=2), name, 4, seed=3)
    assert np.array_equal(three, np.repeat(one[..., None], 3, axis=2))


@pytest.mark.parametrize("name", ["defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "pixelate"])
@pytest.mark.parametrize("severity", [1, 5])
def test_what_moves_light_about_leaves_an_even_picture_as_it_is(name, severity):
    even = np.full((31, 40, 3), (10, 120, 255), np.uint8)
    assert np.array_equal(corrupted(even, name, severity), even)
    assert np.array_equal(corrupted(even, "elastic_transform", severity), even)
    assert np.array_equal(corrupted(even, "contrast", severity), even)


@pytest.mark.parametrize("shape", [(8, 8), (8, 500, 3), (500, 8, 3), (9, 13, 1), (400, 350, 3)])
def test_any_size_is_corrupted(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for name in NAMES:
        assert corrupted(image, name, 5).shape == shape


def test_black_and_white_pictures_come_through():
    for value in (0, 255):
        for name in NAMES:
            assert corrupted(np.full((16, 16, 3), value, np.uint8), name, 5).shape == (16, 16, 3)
    assert not corrupted(np.zeros((16, 16), np.uint8), "shot_noise", 5).any()
    assert corrupted(np.zeros((64, 64), np.uint8), "fog", 3).std() > 10


def test_noise_is_as_strong_as_it_says():
    grey = np.full((448, 448, 1), 0.5, np.float32)
    small = np.full((56, 56, 100), 0.5, np.float32)  # a quarter of the side: half the noise
    assert gaussian_noise(grey, 5, numpy_rng(0)).std() == pytest.approx(0.38, rel=0.02)
    assert gaussian_noise(small, 5, numpy_rng(0)).std() == pytest.approx(0.19, rel=0.02)
    shot = shot_noise(grey, 3, numpy_rng(0))
    assert shot.mean() == pytest.approx(0.5, rel=0.01) and shot.var() == pytest.approx(0.5 / 12, rel=0.02)
    assert shot_noise(small, 3, numpy_rng(0)).var() == pytest.approx(0.5 / 12 / 4, rel=0.02)
    salted = impulse_noise(grey, 4, numpy_rng(0))
    assert (salted == 0).mean() == pytest.approx(0.085, rel=0.05) and (salted == 1).mean() == pytest.approx(
        0.085, rel=0.05
    )


def test_moved_copies_are_those_of_a_plain_computation():
    x = np.random.default_rng(1).random((12, 15, 2)).astype(np.float32)
    wide = np.pad(x, ((4, 4), (4, 4), (0, 0)), mode="symmetric")
    whole = 0.25 * wide[4 - 2 : 16 - 2, 4 + 1 : 19 + 1] + 0.75 * wide[4:16, 4 - 3 : 19 - 3]
    found = _common.moved(x, np.array([2.0, 0.0]), np.array([-1.0, 3.0]), np.array([1.0, 3.0]))
    assert np.allclose(found, whole, atol=1e-5)
    # half a pixel down is the mean of the pixel and the one above it
    half = _common.moved(x, np.array([0.5]), np.array([0.0]), np.ones(1))
    assert np.allclose(half, (wide[4:16, 4:19] + wide[3:15, 4:19]) / 2, atol=1e-5)


def test_a_point_out_of_focus_is_a_disc_of_the_papers_radius():
    point = np.zeros((224, 224), np.uint8)
    point[112, 112] = 255
    made = defocus_blur((point / 255.0).astype(np.float32)[..., None], 5, numpy_rng(0))[..., 0]
    far = np.hypot(*np.mgrid[-112:112, -112:112])
    assert made.sum() == pytest.approx(1, abs=1e-4) and np.abs(made[far > 11.5]).max() < 1e-6
    assert np.allclose(made[far < 8.5] * np.pi * 10**2, 1, atol=0.03)


def test_taken_and_zoomed_take_from_the_right_places():
    places = ramp(20, 30)
    down, right = np.full((20, 30), 1.5), np.full((20, 30), -2.0)
    found = _common.taken(places, down, right)
    assert np.allclose(found[:15, 5:, 0], places[:15, 5:, 0] + 1.5) and np.allclose(
        found[:, 5:, 1], places[:, 5:, 1] - 2
    )
    assert np.allclose(found[:, 0, 1], 2)  # mirrored at the edge
    wide = _common.zoomed(places, 2.0)
    assert np.allclose(wide[..., 0], (places[..., 0] + 9.5) / 2) and np.allclose(
        wide[..., 1], (places[..., 1] + 14.5) / 2
    )


def test_brightness_is_that_of_hsv(crops):
    image = crops[48][0]
    plain = rgb2hsv(image)
    plain[..., 2] = np.clip(plain[..., 2] + 0.3, 0, 1)
    assert np.abs(corrupted(image, "brightness", 3).astype(int) - np.round(hsv2rgb(plain) * 255)).max() <= 1


def test_contrast_and_large_pixels_are_those_of_a_plain_computation(crops):
    image = crops[48][2].astype(float)
    mean = image.mean(axis=(0, 1))
    assert np.abs(corrupted(crops[48][2], "contrast", 3) - (mean + 0.2 * (image - mean))).max() <= 0.51
    squares = block_reduce(image, (4, 4, 1), np.mean).repeat(4, axis=0).repeat(4, axis=1)
    assert np.abs(corrupted(crops[48][2], "pixelate", 5) - squares).max() <= 0.51


def test_jpeg_is_of_the_papers_quality_at_its_size_and_finer_below(crops):
    def plain(image, quality):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    assert np.array_equal(corrupted(crops[224][0], "jpeg_compression", 4), plain(crops[224][0], 10))
    # steps of 500 % at 224 pixels are 500 % sqrt(48 / 224) = 231 % at 48, which is quality 22
    assert np.array_equal(corrupted(crops[48][0], "jpeg_compression", 4), plain(crops[48][0], 22))


def test_fog_takes_contrast_and_adds_clouds():
    black, white = (fog(np.full((64, 64, 1), value, np.float32), 5, numpy_rng(0)) for value in (0, 1))
    assert np.allclose(white - black, 1 / 4, atol=1e-6) and black.min() >= 0 and white.max() <= 1 + 1e-6


def test_clouds_are_smooth_and_their_layers_fit():
    rng = np.random.default_rng(0)
    found = _common.clouds((224, 300), 1.75, rng)
    assert found.shape == (224, 300) and found.min() == 0 and found.max() == pytest.approx(1)
    assert np.abs(np.diff(found, axis=0)).mean() < 0.2 * np.abs(found[:100] - found[-100:]).mean()
    assert _common.layer_size(np.zeros((8, 4, 1))) == (448, 224)
    assert _common.layer_size(np.zeros((8, 8000, 1))) == (4, 4096)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "fogg"}, "^name: expected one of 15 names, got 'fogg'. Did you mean 'fog'"),
        ({"severity": 0}, "^severity: expected a whole number from 1 to 5, got 0"),
        ({"severity": 6}, "^severity: "),
        ({"severity": 2.5}, "^severity: "),
        ({"image": np.zeros((7, 20), np.uint8)}, "^image: expected sides of 8 to 65,500, got 20x7 pixels"),
        ({"image": np.zeros((20, 20), np.float32)}, "^image: expected uint8 .* got type float32"),
        ({"image": np.zeros((20, 20, 4), np.uint8)}, r"^image: .* shape \(20, 20, 4\)"),
        ({"image": np.zeros((2, 20, 20, 3), np.uint8)}, "^image: "),
    ],
)
def test_what_cannot_be_corrupted_is_refused(change, message):
    given = {"image": np.zeros((20, 20, 3), np.uint8), "name": "fog", "severity": 3, **change}
    with pytest.raises(InputError, match=message):
        corrupted(**given)
