import colorsys
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from regard.core.runtime import torch_rng
from regard.data import views


def batch(n=6, h=12, w=12, dtype=torch.float32):
    return torch.rand(n, 3, h, w, generator=torch_rng(7), dtype=dtype)


def rng(seed=0):
    return torch_rng(seed, "test")


STRONG = {
    "crop": lambda x, g: views.random_resized_crop(x, g),
    "flip": lambda x, g: views.horizontal_flip(x, g),
    "affine": lambda x, g: views.random_affine(x, g, 30, 0.2, (0.7, 1.4), 20),
    "erase": lambda x, g: views.random_erasing(x, g, 1.0),
    "jitter": lambda x, g: views.colour_jitter(x, g),
    "gray": lambda x, g: views.grayscale(x, g, 0.5),
    "blur": lambda x, g: views.gaussian_blur(x, g, p=1.0),
    "noise": lambda x, g: views.gaussian_noise(x, g, (0.0, 0.3)),
    "photo": lambda x, g: views.view(x, views.photo_recipe(), g),
    "small photo": lambda x, g: views.view(x, views.photo_recipe(32), g),
    "digit": lambda x, g: views.view(x, views.digit_recipe(), g),
}
IDLE = {
    "crop": lambda x, g: views.random_resized_crop(x, g, (1, 1), (x.shape[3] / x.shape[2],) * 2),
    "flip": lambda x, g: views.horizontal_flip(x, g, 0.0),
    "affine": lambda x, g: views.random_affine(x, g, 0, 0, (1, 1)),
    "erase": lambda x, g: views.random_erasing(x, g, 0.0),
    "jitter": lambda x, g: views.colour_jitter(x, g, 0, 0, 0, 0),
    "jitter of none": lambda x, g: views.colour_jitter(x, g, p=0.0),
    "gray": lambda x, g: views.grayscale(x, g, 0.0),
    "blur": lambda x, g: views.gaussian_blur(x, g, p=0.0),
    "noise": lambda x, g: views.gaussian_noise(x, g, (0.0, 0.0)),
    "recipe": lambda x, g: views.view(x, views.Recipe(), g),
}


@pytest.mark.parametrize("name", IDLE)
def test_strength_nought_changes_nothing(name):
    for shape in ((12, 12), (9, 14)):
        x = batch(4, *shape)
        kept = x.clone()
        out = IDLE[name](x, rng())
        torch.testing.assert_close(out, x, rtol=0, atol=1e-5)
        assert torch.equal(x, kept) and out.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("name", STRONG)
def test_range_type_shape_seed_and_variety(name):
    for shape, dtype in (((12, 12), torch.float32), ((9, 14), torch.float64)):
        x = batch(6, *shape, dtype)
        kept = x.clone()
        out = STRONG[name](x, rng())
        assert out.shape == x.shape and out.dtype == dtype
        assert 0 <= out.min() and out.max() <= 1 and torch.isfinite(out).all()
        assert torch.equal(x, kept)
        assert torch.equal(out, STRONG[name](x, rng()))
        assert not torch.equal(out, STRONG[name](x, rng(1)))
    same = STRONG[name](batch(1).expand(16, -1, -1, -1), rng())
    assert len({tuple(view.flatten().tolist()) for view in same}) > 1  # each image draws its own numbers


def test_nothing_touches_the_global_generator():
    before = torch.get_rng_state()
    for change in STRONG.values():
        change(batch(), rng())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("h, w, size", [(12, 12, None), (9, 14, None), (12, 12, 8)])
def test_crop_equals_a_slow_one(h, w, size):
    x = batch(5, h, w, torch.float64)
    out = views.random_resized_crop(x, rng(), (0.3, 0.9), (0.5, 2.0), size)
    g = rng()
    area, log_ratio, across, down = (torch.rand(5, generator=g).double().numpy() for _ in range(4))
    for n in range(5):
        pixels = (0.3 + 0.6 * area[n]) * h * w
        aspect = math.exp(math.log(0.5) + log_ratio[n] * math.log(4))
        ch, cw = min(h, math.sqrt(pixels / aspect)), min(w, math.sqrt(pixels * aspect))
        top, left = down[n] * (h - ch), across[n] * (w - cw)
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                y = min(max(top + (i + 0.5) * ch / out.shape[2] - 0.5, 0), h - 1)
                z = min(max(left + (j + 0.5) * cw / out.shape[3] - 0.5, 0), w - 1)
                want = slow_sample(x[n].numpy(), y, z)
                assert np.allclose(out[n, :, i, j], want, atol=1e-6)


def slow_sample(image, y, z):
    y0, z0 = int(y), int(z)
    y1, z1 = min(y0 + 1, image.shape[1] - 1), min(z0 + 1, image.shape[2] - 1)
    upper = image[:, y0, z0] * (1 - z + z0) + image[:, y0, z1] * (z - z0)
    lower = image[:, y1, z0] * (1 - z + z0) + image[:, y1, z1] * (z - z0)
    return upper * (1 - y + y0) + lower * (y - y0)


def test_affine_turns_moves_zooms_and_slants_as_it_says(monkeypatch):
    def fixed(*numbers):
        given = iter(numbers)
        monkeypatch.setattr("regard.data._geometry.draw", lambda x, *_: x.new_full((len(x),), next(given)))
        return views.random_affine(x, rng())

    x = batch(2)
    torch.testing.assert_close(fixed(math.pi / 2, 0, 0, 1, 0), views.rotate90(x, 1), atol=1e-5, rtol=0)
    moved = fixed(0, 2 / 12, -1 / 12, 1, 0)  # two pixels right, one up
    torch.testing.assert_close(moved[..., :-1, 2:], x[..., 1:, :-2], atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[..., 0, 0], x[..., 1, 0], atol=1e-5, rtol=0)  # the edge is repeated
    twice = fixed(0, 0, 0, 2, 0)
    middle = F.interpolate(x, scale_factor=2, mode="bilinear")[..., 6:18, 6:18]
    torch.testing.assert_close(twice, middle, atol=1e-5, rtol=0)
    slanted = fixed(0, 0, 0, 1, math.atan(2))  # 2 pixels sideways for each row: row 5 is half a row above the middle
    torch.testing.assert_close(slanted[..., 5, 1:], x[..., 5, :-1], atol=1e-5, rtol=0)
    x = batch(2, 8, 16)
    slow = fixed(0.3, 0, 0, 1, 0)
    y, z = 4 - 3.5, 5 - 7.5  # pixel (row 4, column 5) from the middle; the picture turns counterclockwise
    source = (3.5 + math.sin(0.3) * z + math.cos(0.3) * y, 7.5 + math.cos(0.3) * z - math.sin(0.3) * y)
    assert np.allclose(slow[0, :, 4, 5], slow_sample(x[0].numpy(), *source), atol=1e-5)


def test_rotate90():
    x = batch(4)
    assert torch.equal(views.rotate90(x, 1), x.transpose(-1, -2).flip(-2))
    turned = x
    for _ in range(4):
        turned = views.rotate90(turned, 1)
    assert torch.equal(turned, x)
    k = torch.tensor([0, 1, 2, 3])
    each = views.rotate90(x, k)
    for n in range(4):
        assert np.array_equal(each[n], np.rot90(x[n].numpy(), n, (-2, -1)))
    assert torch.equal(views.rotate90(x, k + 4), each) and torch.equal(views.rotate90(x, -k), views.rotate90(x, 4 - k))
    assert views.rotate90(batch(2, 6, 9), 1).shape == (2, 3, 9, 6)


def test_flip_mirrors_a_share():
    x = batch(1).expand(2000, -1, -1, -1)
    out = views.horizontal_flip(x, rng(), 0.3)
    mirrored = (out == x.flip(-1)).flatten(1).all(1)
    assert ((out == x).flatten(1).all(1) | mirrored).all()
    assert abs(mirrored.float().mean() - 0.3) < 0.04


def test_erasing_paints_one_rectangle_of_the_right_size():
    x = batch(200, 30, 40) * 0.5 + 0.25
    out = views.random_erasing(x, rng(), 1.0, (0.1, 0.3), (0.5, 2.0), value=1.0)
    gone = (out == 1.0).all(1)
    assert torch.equal(out[~gone[:, None].expand_as(out)], x[~gone[:, None].expand_as(x)])
    rows, columns = gone.any(2), gone.any(1)
    assert torch.equal(gone, rows[:, :, None] & columns[:, None, :])
    share = gone.float().mean((1, 2))
    assert 0.05 < share.min() < 0.15 and 0.25 < share.max() < 0.36
    assert abs(views.random_erasing(x, rng(), 0.4).eq(0).flatten(1).any(1).float().mean() - 0.4) < 0.1


def test_colour_jitter_follows_its_formula():
    x = batch(4, dtype=torch.float64)
    out = views.colour_jitter(x, rng(), 0.8, 0.6, 0.4, 0.2)
    g = rng()
    _, b, c, s, t = (torch.rand(4, generator=g).double() for _ in range(5))
    for n in range(4):
        p = x[n].numpy()
        p = np.clip(p * (0.2 + 1.6 * b[n].item()), 0, 1)
        luma = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]
        factor = 0.4 + 1.2 * c[n].item()
        p = np.clip(factor * p + (1 - factor) * luma.mean(), 0, 1)
        luma = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]
        factor = 0.6 + 0.8 * s[n].item()
        p = np.clip(factor * p + (1 - factor) * luma, 0, 1)
        for i, j in ((0, 0), (3, 7), (11, 4)):
            hue, saturation, value = colorsys.rgb_to_hsv(*p[:, i, j])
            want = colorsys.hsv_to_rgb((hue + 0.4 * t[n].item() - 0.2) % 1, saturation, value)
            assert np.allclose(out[n, :, i, j], want, atol=1e-6)


def test_hue_of_grey_black_white_and_pure_colours():
    colours = [(0, 0, 0), (1, 1, 1), (0.5, 0.5, 0.5), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1)]
    x = torch.tensor(colours, dtype=torch.float64)[:, :, None, None]
    for turn in (1 / 3, -0.5, 0.1):
        out = views.shift_hue(x, torch.full((9,), turn, dtype=torch.float64))[:, :, 0, 0]
        for got, colour in zip(out, colours):
            hue, saturation, value = colorsys.rgb_to_hsv(*colour)
            assert np.allclose(got, colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value), atol=1e-9)


def test_gray_has_three_equal_channels():
    x = batch()
    out = views.grayscale(x, rng(), 1.0)
    assert torch.equal(out[:, 0], out[:, 1]) and torch.equal(out[:, 1], out[:, 2])
    torch.testing.assert_close(out[:, :1], views.luma(x))
    white = views.grayscale(torch.ones(1, 3, 2, 2), rng(), 1.0)
    torch.testing.assert_close(white, torch.ones(1, 3, 2, 2))


def test_blur_equals_a_slow_convolution():
    x = batch(3, 10, 14, torch.float64)
    out = views.gaussian_blur(x, rng(), (0.4, 1.6), 1.0)
    g = rng()
    torch.rand(3, generator=g)
    sigma = 0.4 + 1.2 * torch.rand(3, generator=g).double()
    radius = 5  # ceil(3 * 1.6)
    for n in range(3):
        kernel = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma[n].item() ** 2))
        kernel /= kernel.sum()
        padded = np.pad(x[n].numpy(), ((0, 0), (radius, radius), (radius, radius)), mode="reflect")
        for i, j in ((0, 0), (5, 6), (9, 13)):
            window = padded[:, i : i + 2 * radius + 1, j : j + 2 * radius + 1]
            assert np.allclose(out[n, :, i, j], np.einsum("cij,i,j->c", window, kernel, kernel), atol=1e-9)


def test_blur_works_on_the_smallest_images():
    assert views.gaussian_blur(batch(2, 8, 8), rng(), (3.0, 6.0), 1.0).shape == (2, 3, 8, 8)


def test_noise_has_the_spread_it_says():
    x = torch.full((2, 3, 100, 100), 0.5)
    out = views.gaussian_noise(x, rng(), (0.05, 0.05)) - x
    assert abs(out.std() - 0.05) < 0.001 and abs(out.mean()) < 0.001


def test_two_views_are_independent_and_repeatable():
    x = batch()
    for recipe in (views.photo_recipe(), views.photo_recipe(32), views.digit_recipe()):
        first, second = views.two_views(x, recipe, rng())
        again = views.two_views(x, recipe, rng())
        assert not torch.equal(first, second)
        assert torch.equal(first, again[0]) and torch.equal(second, again[1])


def test_digits_stay_grey_and_are_never_mirrored():
    recipe = views.digit_recipe()
    assert recipe.flip == recipe.hue == recipe.saturation == recipe.gray == 0
    one_sided = torch.zeros(64, 3, 16, 16)
    one_sided[..., :5] = 1
    out = views.view(one_sided, views.Recipe(**(vars(recipe) | {"noise": 0.0})), rng())
    torch.testing.assert_close(out[:, 0], out[:, 2], atol=1e-6, rtol=0)
    assert (out[..., :8].mean((1, 2, 3)) > out[..., 8:].mean((1, 2, 3))).all()


def test_each_part_of_a_recipe_is_used():
    x = batch()
    for change in (
        {"degrees": 20.0},
        {"shear": 20.0},
        {"translate": 0.3},
        {"zoom": (0.5, 0.6)},
        {"crop": (0.3, 0.5)},
        {"flip": 1.0},
        {"brightness": 0.5, "jitter": 1.0},
        {"contrast": 0.5, "jitter": 1.0},
        {"saturation": 0.5, "jitter": 1.0},
        {"hue": 0.3, "jitter": 1.0},
        {"gray": 1.0},
        {"blur": (0.1, 0.2), "blurred": 1.0},
        {"noise": 0.1},
        {"erase": 1.0},
    ):
        assert not torch.allclose(views.view(x, views.Recipe(**change), rng()), x, atol=1e-3), change


def test_small_photos_get_the_views_of_cifar_and_keep_more_of_the_area():
    large, small = views.photo_recipe(), views.photo_recipe(64)
    assert (large.brightness, large.hue, large.crop, large.blurred) == (0.8, 0.2, (0.2, 1.0), 0.5)
    assert (small.brightness, small.hue, small.crop, small.blurred) == (0.4, 0.1, (0.4, 1.0), 0.0)
    assert views.photo_recipe(65) == large and small.gray == large.gray == 0.2
