import math

import numpy as np
import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.backbones.networks.phow import COLOURS, Phow
from regard.core.checks import InputError


def noise(height: int = 22, width: int = 27) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))


def smooth(plane: np.ndarray, sigma: float) -> np.ndarray:
    """The Gaussian, pixel after pixel."""
    reach, (height, width) = math.ceil(4 * sigma), plane.shape
    steps = range(-reach, reach + 1)
    weights = {(a, b): math.exp(-(a * a + b * b) / (2 * sigma**2)) for a in steps for b in steps}
    made = np.zeros_like(plane)
    for y in range(height):
        for x in range(width):
            for (a, b), weight in weights.items():
                made[y, x] += weight * plane[min(max(y + a, 0), height - 1), min(max(x + b, 0), width - 1)]
    return made / sum(weights.values())


def plainly(picture, colour, row, column, scale, step, root):
    """One descriptor by the formula, and its contrast: of the cell (row, column) of a picture (3, H, W)."""
    g = smooth(np.tensordot(np.array(colour), picture.numpy().astype(float), 1), scale / 6)
    height, width = g.shape
    h, window = np.zeros((4, 4, 8)), np.zeros((4, 4))
    u, v = step * column + (step - 1) / 2, step * row + (step - 1) / 2
    for i in range(4):
        for j in range(4):
            window[i, j] = math.exp(-((i - 1.5) ** 2 + (j - 1.5) ** 2) / 8)
    for y in range(height):
        for x in range(width):
            dx = (g[y, min(x + 1, width - 1)] - g[y, max(x - 1, 0)]) / 2
            dy = (g[min(y + 1, height - 1), x] - g[max(y - 1, 0), x]) / 2
            angle = math.atan2(dy, dx) % (2 * math.pi) * 8 / (2 * math.pi)
            low = math.floor(angle)
            for o, share in ((low % 8, 1 - (angle - low)), ((low + 1) % 8, angle - low)):
                for i in range(4):
                    for j in range(4):
                        a, b = scale * (i - 1.5), scale * (j - 1.5)
                        near = max(0, 1 - abs(y - v - a) / scale) * max(0, 1 - abs(x - u - b) / scale) / scale**2
                        h[i, j, o] += math.hypot(dx, dy) * share * near * window[i, j]
    contrast, h = np.linalg.norm(h) / np.linalg.norm(window), h.ravel()
    h = np.minimum(h / np.linalg.norm(h), 0.2)
    return (np.sqrt(h / h.sum()) if root else h / np.linalg.norm(h)), contrast


@pytest.mark.parametrize(
    ("scales", "step", "root"), [((4, 6), 4, True), ((5,), 3, False)], ids=["two scales", "odd bin and step"]
)
def test_descriptors_are_those_of_the_formula(scales, step, root):
    picture = noise()
    with torch.inference_mode():
        found = Phow(scales, step, root=root).forward_features(picture)
    assert found.shape == (1, 128 * len(scales), -(-22 // step), -(-27 // step))
    # in the middle, and where a patch reaches over the border
    for place, (row, column) in enumerate(((2, 3), (0, 0), (found.shape[2] - 1, found.shape[3] - 1))):
        scale = scales[place % len(scales)]
        expected, _ = plainly(picture[0], COLOURS["grey"][0], row, column, scale, step, root)
        part = found[0, 128 * scales.index(scale) :][:128, row, column]
        np.testing.assert_allclose(part, expected, atol=1e-5)


def test_opponent_colours_stand_side_by_side_at_each_scale():
    picture = noise(14, 15)
    with torch.inference_mode():
        found = Phow((3, 4), colour="opponent").forward_features(picture)
    assert found.shape == (1, 2 * 384, 4, 4)
    for place, scale, channel in ((384, 4, 0), (128, 3, 1), (256, 3, 2)):
        expected, _ = plainly(picture[0], COLOURS["opponent"][channel], 1, 2, scale, 4, True)
        np.testing.assert_allclose(found[0, place : place + 128, 1, 2], expected, atol=1e-5)
    grey = picture.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    with torch.inference_mode():
        without = Phow((3,), colour="opponent").forward_features(grey)
    assert not without[:, :256].any() and without[:, 256:].any(), "a grey picture has no colours"


def test_the_contrast_is_that_of_a_slope_and_faint_descriptors_are_zeros():
    slope = 0.01 * torch.arange(64.0).expand(1, 3, 64, 64)
    with torch.inference_mode():
        for least, there in ((0.0099, True), (0.0101, False)):
            found = Phow((4, 8), contrast=least).forward_features(slope)
            assert bool(found[0, :, 8, 8].any()) is there
        picture = 0.05 * noise()
        _, contrast = plainly(picture[0], COLOURS["grey"][0], 2, 3, 4, 4, True)
        for least, there in ((0.99 * contrast, True), (1.01 * contrast, False)):
            assert bool(Phow((4,), contrast=least).forward_features(picture)[0, :, 2, 3].any()) is there


def test_descriptors_of_a_cell_have_length_one_and_light_does_not_matter():
    network, x = Phow(contrast=1e-4), noise(64, 64)
    with torch.inference_mode():
        found = network.forward_features(x).unflatten(1, (network.per_cell, 128))
        assert torch.allclose(found.norm(dim=2), found.new_ones(1), atol=1e-5)
        other = network.forward_features(0.5 * x + 0.3).unflatten(1, (5, 128))
        assert torch.allclose(found, other, atol=1e-4)
        assert not network.forward_features(torch.full_like(x, 0.4)).any()


def test_one_scale_of_bins_of_four_is_dense_sift_but_for_the_smoothing(monkeypatch):
    monkeypatch.setattr("regard.backbones.networks.phow.smoothed", lambda planes, sigma: planes)
    x = noise(48, 64)
    with torch.inference_mode():
        own = Phow((4,), contrast=1e-6).forward_features(x)
        assert torch.allclose(own, make_encoder("dense_sift").last_map(x), atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scales": ()}, "scales: expected different sides of a bin"),
        ({"scales": (4, 4)}, "scales: expected different sides"),
        ({"scales": (1,)}, "scales: expected a whole number from 2"),
        ({"step": 0}, "step: expected"),
        ({"colour": "hsv"}, "colour: expected one of grey, opponent"),
        ({"contrast": -1}, "contrast: expected"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Phow(**settings)
