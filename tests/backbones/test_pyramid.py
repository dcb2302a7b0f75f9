"""A pyramid over a small network of each kind: its levels have the cells, the places and the values that are told."""

from functools import lru_cache
from math import ceil

import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.backbones.network_encoder import NetworkEncoder
from regard.backbones.pyramid import Pyramid, level
from regard.core.checks import InputError

ANY_SIZE = [
    "convnet4",
    "timm:test_resnet",
    "timm:test_efficientnet",
    "timm:test_convnext",
    "timm:test_vit",
    "timm:regnety_002",
    "timm:mobilenetv3_small_050",
    "timm:repghostnet_050",
    "torchvision:resnet18",
    "torchvision:squeezenet1_1",
    "torchvision:shufflenet_v2_x0_5",
    "torchvision:googlenet",
]
ONE_SIZE = ["timm:test_vit3", "timm:swin_tiny_patch4_window7_224", "timm:vit_tiny_patch16_224", "torchvision:vit_b_16"]
CHANNELS_LAST = ["torchvision:swin_t"]


@lru_cache
def pyramid_of(name):
    # one that no stride divides for a transformer of one size: its last cells lie beyond the picture
    size = {"timm:vit_tiny_patch16_224": 120, "timm:test_vit3": None}.get(name, 64)
    encoder = make_encoder(name, size=None if name == "convnet4" else size).eval()
    return encoder, Pyramid(encoder)


def pictures(height, width, count=2):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ANY_SIZE + CHANNELS_LAST + ONE_SIZE)
def test_levels_cover_the_picture_at_strides_4_to_32(name):
    encoder, pyramid = pyramid_of(name)
    shapes = [encoder.input_shape] if name in ONE_SIZE else [(128, 96), (101, 150)]
    for height, width in shapes:
        x = pictures(height, width)
        before = x.clone()
        with torch.inference_mode():
            levels = pyramid(x)
        assert [info.reduction for info in pyramid.info] == [4, 8, 16, 32] == list(pyramid.strides)
        for found, info in zip(levels, pyramid.info):
            cells = (ceil(height / info.reduction), ceil(width / info.reduction))
            assert tuple(found.shape) == (2, info.channels, *cells)
            assert bool(torch.isfinite(found).all())
        assert torch.equal(x, before)


@pytest.mark.parametrize(
    "name", ["timm:test_resnet", "timm:test_convnext", "torchvision:swin_t", "torchvision:resnet18"]
)
def test_where_a_network_has_the_strides_levels_are_its_own_maps(name):
    encoder, pyramid = pyramid_of(name)
    x = pictures(64, 96)
    with torch.inference_mode():
        for found, expected in zip(pyramid(x), encoder.maps(x)[-4:]):
            assert torch.equal(found, expected)


@pytest.mark.parametrize("name", ["timm:test_resnet", "timm:test_vit", "torchvision:swin_t"])
def test_pictures_are_normalised_once_and_filled_up_with_the_mean_colour(name):
    encoder, pyramid = pyramid_of(name)
    x, seen = pictures(70, 90), []
    first = next(module for module in encoder.network.modules() if isinstance(module, torch.nn.Conv2d))
    hook = first.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        pyramid(x)
    hook.remove()
    mean, std = (torch.tensor(encoder.config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    assert len(seen) == 1 and torch.equal(seen[0][:, :, :70, :90], (x - mean) / std)
    assert not seen[0][:, :, 70:].any() and not seen[0][:, :, :, 90:].any()


@pytest.mark.parametrize("name", [name for name in ANY_SIZE if "googlenet" not in name] + CHANNELS_LAST)
def test_a_cell_looks_at_the_pixels_that_its_stride_says(name):
    """Of a picture with a spot the cell that changes most is where the spot is, also far from the first cell."""
    _, pyramid = pyramid_of(name)
    plain = torch.full((1, 3, 210, 330), 0.5)
    for row, column in ((40, 40), (40, 296), (168, 200)):
        spotted = plain.clone()
        spotted[:, :, row - 8 : row + 8, column - 8 : column + 8] = pictures(16, 16, 1)
        with torch.inference_mode():
            changes = [(a - b).abs().sum(1)[0] for a, b in zip(pyramid(spotted), pyramid(plain))]
        for change, stride in zip(changes, pyramid.strides):
            weight = change * (change > change.max() / 2)
            i, j = (torch.arange(count) + 0.5 for count in weight.shape)
            centre = (weight.sum(1) @ i / weight.sum() * stride, weight.sum(0) @ j / weight.sum() * stride)
            assert abs(centre[0] - row) < 16 + stride / 2 and abs(centre[1] - column) < 16 + stride / 2


def test_a_plain_transformers_levels_are_its_last_map_resampled():
    encoder, pyramid = pyramid_of("timm:test_vit")
    x = pictures(64, 96)
    with torch.inference_mode():
        last, levels = encoder.maps(x)[-1], pyramid(x)
    assert torch.equal(levels[2], last)
    up = torch.nn.functional.interpolate(last, scale_factor=4, mode="bilinear", align_corners=False)
    assert torch.allclose(levels[0], up, atol=1e-5)
    assert torch.allclose(levels[3], torch.nn.functional.avg_pool2d(last, 2), atol=1e-5)
    assert {info.module for info in pyramid.info} == {encoder.feature_info[-1].module}


def test_cells_of_convolutions_without_padding_are_put_in_place():
    """A map of 3 cells at stride 8 in the middle of 32 pixels: cells begin at pixel 4, and the border is repeated."""
    ramp = torch.tensor([8.0, 16.0, 24.0]).view(1, 1, 1, 3)  # each cell tells where its centre is
    assert level(ramp, 8, 8, (0, 4), (1, 4)).flatten().tolist() == [8, 12, 20, 24]
    assert level(ramp, 8, 16, (0, 0), (1, 2)).flatten().tolist() == [12, 24]


def test_a_transformer_of_one_size_keeps_its_cells_where_they_look():
    """120 pixels are 7 patches of 16 from the first pixel on; the last 8 pixels are seen by none."""
    encoder, pyramid = pyramid_of("timm:vit_tiny_patch16_224")
    with torch.inference_mode():
        x = pictures(120, 120)
        levels, last = pyramid(x), encoder.maps(x)[-1]
    assert last.shape[2:] == (7, 7) and levels[2].shape[2:] == (8, 8)
    assert torch.allclose(levels[2][:, :, :7, :7], last, atol=1e-5)
    assert torch.allclose(levels[2][:, :, 7, :7], last[:, :, 6], atol=1e-5)


def test_what_cannot_be_is_said():
    _, fixed = pyramid_of("timm:swin_tiny_patch4_window7_224")
    with pytest.raises(InputError, match=r"64 x 64, the one size that timm:swin.* got 64 x 96 pixels.*make_encoder"):
        fixed(pictures(64, 96))
    with pytest.raises(InputError, match=r"images: expected float images \(N, 3, H, W\)"):
        fixed(torch.rand(3, 64, 64))
    for strides in ((), (8, 4), (4, 4), (0.5,)):
        with pytest.raises(InputError, match="strides: expected whole numbers"):
            Pyramid(fixed.encoder, strides)
    with pytest.raises(InputError, match="gives no plain maps"):
        flat = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())
        Pyramid(NetworkEncoder("timm:flat", flat, {"mean": (0.5,) * 3, "std": (0.5,) * 3}, 32))


def test_other_strides_can_be_asked_for():
    encoder, _ = pyramid_of("timm:test_resnet")
    wide = Pyramid(encoder, (2, 8, 64))
    with torch.inference_mode():
        assert [tuple(one.shape[2:]) for one in wide(pictures(65, 128))] == [(33, 64), (9, 16), (2, 2)]
