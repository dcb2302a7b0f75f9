"""Heads for pixels: their loss by hand, cells beyond the picture, pictures apart, eight scenes learned by heart."""

import pytest
import torch
from torch.nn.functional import interpolate

from helpers.shapes import built, gradients, learned, levels_of, pyramid_of, scenes
from regard.backbones.contract import FeatureInfo
from regard.core.checks import InputError
from regard.reuse.dense.semantic import Semantic

KINDS = ["linear", "fcn", "deeplab"]
SIZE = 64


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_eight_scenes_by_heart(kind):
    images, _, right = scenes()
    pyramid = pyramid_of()
    pyramid.encoder.train()
    head = built(Semantic, pyramid.info, 3, kind, 32)
    told = learned(head, right, pyramid, 30, lr=2e-3)
    assert told[0]["loss"] > 5 * told[-1]["loss"] and told[0]["loss"] == told[0]["pixels"]
    pyramid.encoder.eval()
    with torch.no_grad():
        classes, scores = head.predict(pyramid(images), SIZE)
        alone, _ = head.predict(pyramid(images[3:4]), SIZE)
    assert classes.shape == scores.shape == right.shape and classes.dtype == torch.int64
    assert scores.min() > 1 / 3 - 1e-6 and scores.max() <= 1
    assert (alone[0] == classes[3]).float().mean() > 0.999
    assert head.training  # predicting does not change it


def test_it_finds_what_it_learned():
    levels, info = levels_of()
    head = built(Semantic, info, 3, "fcn", 32)
    optimiser = torch.optim.AdamW(head.parameters(), 5e-3)
    for _ in range(60):
        optimiser.zero_grad()
        head.loss(levels, scenes()[2])[0].backward()
        optimiser.step()
    found, right = head.predict(levels, SIZE)[0], scenes()[2]
    for kind in range(3):
        both, either = ((found == kind) & (right == kind)).sum(), ((found == kind) | (right == kind)).sum()
        assert both / either > 0.7


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["timm:test_vit", "convnet4"])
def test_every_level_that_it_looks_at_gets_a_gradient(kind, name):
    levels, info = levels_of(name, 2)
    loss, gradient = gradients(built(Semantic, info, 3, kind, 16), levels, scenes()[2][:2])
    assert loss > 0
    assert [one > 0 for one in gradient] == ([True, False, True, False] if kind == "deeplab" else [True] * 4)


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_that_are_not_known_count_neither_way(kind):
    levels, info = levels_of(count=2)
    right = scenes()[2][:2].clone()
    right[:, :20] = 255
    head = built(Semantic, info, 3, kind, 16).eval()
    loss, _ = head.loss(levels, right)
    chances = head.logits(levels, SIZE).softmax(1)
    known = chances.gather(1, right.clamp(max=2)[:, None])[:, 0][right != 255]
    torch.testing.assert_close(loss, -known.log().mean())
    assert gradients(head, levels, torch.full_like(right, 255))[0] == 0  # and they are finite


def test_the_linear_head_is_a_linear_map_of_all_levels_brought_to_the_finest():
    levels, info = levels_of(count=2)
    head = built(Semantic, info, 3).eval()
    for norm in head.layers.norm:
        torch.nn.init.normal_(norm.running_mean, generator=torch.Generator().manual_seed(0))
    size = tuple(levels[0].shape[2:])
    every = torch.cat([interpolate(one, size, mode="bilinear", align_corners=False) for one in levels], 1)
    mean = torch.cat([norm.running_mean for norm in head.layers.norm])[:, None, None]
    weight = torch.cat([score.weight for score in head.layers.score], 1)
    expected = torch.nn.functional.conv2d((every - mean) / (1 + 1e-5) ** 0.5, weight, head.layers.score[0].bias)
    torch.testing.assert_close(head.layers(levels), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_cells_beyond_the_picture_are_cut_off(kind):
    info = [FeatureInfo(4, stride, "") for stride in (4, 8, 16, 32)]
    levels = [torch.randn(1, 4, *cells) for cells in ((18, 18), (9, 9), (5, 5), (3, 3))]  # 70 pixels
    head = built(Semantic, info, 2, kind, 16)
    whole = head.logits(levels, 72)
    assert torch.equal(head.logits(levels, 70), whole[:, :, :70, :70])
    assert head.predict(levels, 70)[0].shape == (1, 70, 70)


def test_what_does_not_fit_is_refused():
    levels, info = levels_of(count=2)
    head = built(Semantic, info, 2)
    with pytest.raises(InputError, match="semantic: expected 0 to 1, or 255 for not known, got 2"):
        head.loss(levels, scenes()[2][:2])
    with pytest.raises(InputError, match="semantic: expected .2, S, S., as there are 2 pictures"):
        head.loss(levels, scenes()[2][:3])
    with pytest.raises(InputError, match="head: expected one of linear, fcn, deeplab"):
        Semantic(info, 2, "lineal")
