"""Every way in which published configurations prepare pictures, against timm's and torchvision's own transforms."""

from math import floor

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from timm.data import create_transform, resolve_data_config

from regard.backbones.libraries import torchvision as torchvision_networks
from regard.core.checks import InputError
from regard.representation.preprocess import Preprocess


def waves(height, width):
    y, x = np.mgrid[0:height, 0:width]
    parts = [np.sin(x / 9 + y / 5), np.cos(x / 13), np.sin(x * y / 900)]
    return (np.stack(parts, -1) * 120 + 128).astype(np.uint8)


PICTURES = {"wide": waves(151, 233), "tall": waves(190, 61), "large": waves(700, 531)}


def configurations():
    """One network of each distinct way to prepare pictures."""
    found = {}
    for name in timm.list_models() + timm.list_pretrained():
        config = timm.get_pretrained_cfg(name, allow_unregistered=False)
        around = tuple(config.mean) if config.crop_mode == "border" else ()
        key = (config.crop_mode, config.crop_pct, config.input_size, config.interpolation, around)
        found.setdefault(key, (name, config))
    return found


def theirs(config, picture):
    """timm's own transform, as bytes."""
    made = create_transform(**resolve_data_config({}, pretrained_cfg=config), is_training=False)(
        Image.fromarray(picture)
    )
    mean, std = (torch.tensor(config[key]).view(3, 1, 1) for key in ("mean", "std"))
    return ((made * std + mean) * 255).round()


def ours(steps, picture):
    return steps.apply(torch.from_numpy(picture).permute(2, 0, 1)).float()


def test_all_published_configurations_of_timm():
    """Some 100 distinct ones, of 3,200; each twice, with what regard writes down for timm to read, too."""
    ways = configurations()
    assert len(ways) > 80
    assert {key[0] for key in ways} >= {"center", "squash", "border"}
    assert any(key[1] > 1 for key in ways) and any(key[2][1] != key[2][2] for key in ways)
    for name, settings in ways.values():
        config = settings.to_dict()
        steps = Preprocess.for_config(config).around(config["mean"])
        written = config | steps.as_config()
        assert Preprocess.for_config(written).around(config["mean"]) == steps, name
        chosen = ["wide"] if max(config["input_size"]) > 400 else ["wide", "tall"]
        for picture in (PICTURES[one] for one in chosen):
            wanted, made = theirs(config, picture), ours(steps, picture)
            assert made.shape == wanted.shape, name
            assert (made - wanted).abs().max() <= 2, name


KEYS = [
    {"crop_mode": mode, "crop_pct": share, "input_size": size, "interpolation": kind}
    for mode in ("center", "squash", "border")
    for share, size, kind in [
        (0.875, (3, 96, 64), "bicubic"),
        (1.2, (3, 64, 64), "bilinear"),
        (1.3, (3, 50, 97), "bicubic"),
        (0.7, (3, 33, 33), "nearest"),
        (1.0, (3, 64, 80), "lanczos"),
        (0.95, (3, 40, 40), "box"),
        (0.9, (3, 40, 48), "hamming"),
    ]
]


@pytest.mark.parametrize("keys", KEYS, ids=lambda keys: "-".join(str(value) for value in keys.values()))
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_all_values_of_each_key(keys, picture):
    config = keys | {"mean": (0.2, 0.5, 0.8), "std": (0.3, 0.2, 0.1)}
    steps = Preprocess.for_config(config).around(config["mean"])
    wanted, made = theirs(config, picture), ours(steps, picture)
    assert made.shape == wanted.shape
    assert (made - wanted).abs().max() <= 2
    assert Preprocess.for_config(config | steps.as_config()).around(config["mean"]) == steps
    assert Preprocess(**steps.as_dict()) == steps


def test_what_a_configuration_does_not_say_is_as_timm_takes_it():
    """Missing, null and zero: 224 pixels, bicubic, seven eighths in the middle."""
    for config in ({}, {"crop_pct": None, "crop_mode": None, "interpolation": ""}, {"crop_pct": 0, "input_size": None}):
        filled = config | {"mean": (0.5,) * 3, "std": (0.5,) * 3}
        made = ours(Preprocess.for_config(config), PICTURES["wide"])
        assert (made - theirs(filled, PICTURES["wide"])).abs().max() <= 2


@pytest.mark.parametrize(
    "key, value",
    [
        ("interpolation", "random"),
        ("interpolation", "spline"),
        ("crop_mode", "corner"),
        ("crop_pct", -1.0),
        ("crop_pct", "all"),
        ("input_size", (1, 28, 28)),
        ("input_size", (4, 64, 64)),
    ],
)
def test_a_value_that_cannot_be_honoured_is_refused_by_its_key(key, value):
    with pytest.raises(InputError, match=key):
        Preprocess.for_config({"input_size": (3, 64, 64), key: value})


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_v2_l", "inception_v3", "vit_h_14", "swin_v2_t"])
def test_torchvisions_weights_are_given_pictures_as_their_own_transforms_do(name):
    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    crop, resize = preset.crop_size[0], preset.resize_size[0]
    config = {
        "input_size": (3, crop, crop),
        "crop_pct": crop / resize,
        "interpolation": preset.interpolation.value,
    }
    for picture in PICTURES.values():
        mean, std = (torch.tensor(value).view(3, 1, 1) for value in (preset.mean, preset.std))
        wanted = ((preset(Image.fromarray(picture)) * std + mean) * 255).round()
        assert (ours(Preprocess.for_config(config), picture) - wanted).abs().max() <= 2


def test_the_shares_of_torchvisions_weights_lose_no_pixel():
    for name in torchvision_networks.names():
        preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
        crop, resize = preset.crop_size[0], preset.resize_size[0]
        assert floor(crop / (crop / resize)) == resize, name


@pytest.mark.parametrize("size", [7, 24, 97, 224, (64, 48), (33, 97)])
def test_every_resize_survives_timms_arithmetic(size):
    """A quotient that is rounded up would lose a pixel in timm's `floor`: one in 35 of all pairs."""
    for more in range(-5, 200, 3):
        height, width = size if isinstance(size, tuple) else (size, size)
        share = height / max(1, height + more)
        steps = Preprocess(size, (floor(height / share), floor(width / share)))
        assert Preprocess.for_config(steps.as_config()) == steps


def test_a_bordered_picture_stands_in_the_networks_mean_colour():
    steps = Preprocess(20, 20, mode="border").around((0.5, 0.25, 1.0))
    made = steps.apply(torch.zeros(3, 10, 40, dtype=torch.uint8))
    assert made[:, 0, 0].tolist() == [128, 64, 255] and made[:, 10, 10].tolist() == [0, 0, 0]
    assert Preprocess(20, 16).around((0.5, 0.25, 1.0)).fill == (0, 0, 0)  # as torchvision's CenterCrop has it
    assert Preprocess(20, 20, mode="border").apply(torch.zeros(3, 1, 900, dtype=torch.uint8)).shape == (3, 20, 20)


def test_nearest_is_decoded_whole():
    assert Preprocess(64, 70, "nearest").decode_side is None
    assert Preprocess((64, 48), (96, 72)).decode_side == 96


@pytest.mark.parametrize("kind", ["bilinear", "bicubic"])
def test_thin_pictures_are_those_of_pillow_on_every_processor(kind):
    resample = Image.Resampling[kind.upper()]
    for high, wide in [(1, 1), (2, 1), (3, 2), (64, 1), (300, 3), (3, 300), (500, 5)]:
        pixels = np.random.default_rng(high).integers(0, 256, (high, wide, 3), np.uint8)
        for side in (1, 2, 16):  # one column wide, as `border` makes a picture that is very high
            found = Preprocess((side, 1), (side, 1), kind, "squash").apply(torch.from_numpy(pixels).permute(2, 0, 1))
            exact = np.asarray(Image.fromarray(pixels).resize((1, side), resample)).transpose(2, 0, 1)
            assert np.array_equal(found.numpy(), exact), (high, wide, side)
