"""The networks of 2012 to 2015: counts and map sizes of the papers, and small ones of their kind that learn."""

import pytest
import timm
import torch
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.backbones.layers import aliases
from regard.backbones.networks._chain import ResponseNorm
from regard.core.checks import InputError
from regard.core.discover import load
from regard.data.builtin import digits
from regard.data.decode import decode

PUBLISHED = "alexnet", "caffenet", "zfnet", "googlenet"
SCALED = "alexnet_scaled", "zfnet_scaled", "vgg_scaled", "googlenet_scaled", "resnet_scaled"


def shapes_alone(name, **given):
    """A network without weights: counts and shapes only."""
    with torch.device("meta"):
        network = load("backbone", name)(**given) if name in (*PUBLISHED, *SCALED) else timm.create_model(name)
    return network.eval()


def sides(name, size=224):
    """Side of the map behind each part of a chain."""
    x, found = torch.empty(1, 3, size, size, device="meta"), {}
    for part, module in shapes_alone(name).features.named_children():
        x = module(x)
        found[part] = x.shape[-1]
    return found


def count(module):
    return sum(one.numel() for one in module.parameters())


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("alexnet", 60_965_224),  # 60.97 M
        ("caffenet", 62_379_720),
        ("zfnet", 62_357_608),
        ("vgg16", 138_357_544),  # 138.36 M; of timm
        ("googlenet", 6_998_552),
        ("resnet50", 25_557_032),  # 25.56 M; of timm
    ],
)
def test_parameters_with_the_thousand_classes_of_imagenet(name, parameters):
    assert count(shapes_alone(name, num_classes=1000)) == parameters


def test_alexnet_has_the_filters_of_the_papers_section_3_5_in_its_two_groups():
    chain = shapes_alone("alexnet").features
    shapes = [tuple(one.weight.shape) for one in chain if isinstance(one, nn.Conv2d)]
    # "256 kernels of size 5 x 5 x 48", "384 kernels of size 3 x 3 x 256", "... x 192", "256 kernels ... x 192"
    assert shapes == [(96, 3, 11, 11), (256, 48, 5, 5), (384, 256, 3, 3), (384, 192, 3, 3), (256, 192, 3, 3)]
    after = {name: sides("alexnet")[name] ** 2 for name in ("relu2", "relu3", "relu4", "relu5")}
    neurons = [channels * after[name] for name, channels in zip(after, (256, 384, 384, 256))]
    assert neurons == [186_624, 64_896, 64_896, 43_264]  # the numbers under figure 2
    order = [type(one).__name__ for one in chain]
    assert order[:4] == ["Conv2d", "ReLU", "ResponseNorm", "MaxPool2d"] and order[4:8] == order[:4]
    assert order.count("ResponseNorm") == 2


@pytest.mark.parametrize(
    "name, parts, expected",
    [
        ("alexnet", "conv1 pool1 conv2 pool2 conv3 conv4 conv5 pool5", [55, 27, 27, 13, 13, 13, 13, 6]),
        ("caffenet", "conv1 pool1 conv2 pool2 conv3 conv4 conv5 pool5", [55, 27, 27, 13, 13, 13, 13, 6]),
        ("zfnet", "conv1 pool1 conv2 pool2 conv3 conv4 conv5 pool5", [110, 55, 26, 13, 13, 13, 13, 6]),
        (
            "googlenet",
            "conv1 pool1 conv2 pool2 inception3a inception3b pool3 inception4a inception4e pool4 inception5b",
            [112, 56, 56, 28, 28, 28, 14, 14, 14, 7, 7],
        ),
    ],
)
def test_maps_have_the_sizes_of_the_papers(name, parts, expected):
    found = sides(name)
    assert [found[part] for part in parts.split()] == expected


def test_alexnet_takes_the_227_pixels_of_others_to_the_same_last_map():
    assert [sides("alexnet", 227)[part] for part in ("pool1", "pool2", "conv5", "pool5")] == [27, 13, 13, 6]


def test_dropout_is_where_the_papers_have_it():
    assert shapes_alone("googlenet").drop_rate == 0.4
    for name in ("alexnet", "zfnet"):
        order = [(type(one).__name__, getattr(one, "p", None)) for one in shapes_alone(name).classifier]
        assert order == [("Linear", None), ("ReLU", None), ("Dropout", 0.5)] * 2


def test_googlenet_against_its_table_1():
    network = shapes_alone("googlenet", num_classes=1000)
    parts = {name: count(one) / 1024 for name, one in network.features.named_children()}
    table = dict(zip("3a 3b 4a 4b 4c 4d 4e 5a 5b".split(), (159, 380, 364, 437, 463, 580, 840, 1072, 1388)))
    off = {name: parts[f"inception{name}"] / said - 1 for name, said in table.items()}
    assert int(parts["reduce_conv2"] + parts["conv2"]) == 112 and int(parts["inception3a"]) == 159
    # the table is not exact: 4c (463 K for 498) and 5a (1072 K for 1019) are furthest from its own columns
    assert {name for name, share in off.items() if abs(share) > 0.02} == {"4c", "5a"}
    assert all(abs(share) < 0.08 for share in off.values())
    whole = 2.7 + 112 + sum(table.values()) + 1000
    assert abs(count(network) / 1024 / whole - 1) < 0.01
    assert [network.features.get_submodule(f"inception{name}").one[0].in_channels for name in ("3a", "4a", "5b")] == [
        192,
        480,
        832,
    ]


def test_response_normalisation_is_the_formula_of_the_paper():
    x = torch.randn(2, 7, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 30
    expected = torch.empty_like(x)
    for channel in range(7):
        near = x[:, max(0, channel - 2) : channel + 3]
        expected[:, channel] = x[:, channel] / (2 + 1e-4 * near.square().sum(1)) ** 0.75
    assert torch.allclose(ResponseNorm()(x), expected, atol=1e-12)
    assert torch.allclose(nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)(x), expected, atol=1e-12)


@pytest.mark.parametrize("name", [*PUBLISHED, *SCALED])
def test_the_least_size_that_is_told_is_the_least_that_goes_through(name):
    network = shapes_alone(name)
    least = network.default_cfg["min_input_size"][1]
    assert network(torch.empty(1, 3, least, least, device="meta")).shape[0] == 1
    if least > 8:  # the least that can be asked for
        with pytest.raises(RuntimeError):
            network(torch.empty(1, 3, least - 1, least - 1, device="meta"))


@pytest.mark.parametrize(
    "name, size, least", [("alexnet_scaled", 14, 15), ("googlenet", 30, 31), ("torchvision:squeezenet1_1", 12, 17)]
)
def test_a_size_that_is_too_small_is_answered_with_the_least(name, size, least):
    with pytest.raises(InputError, match=rf"^--size: .* got {size} pixels. It is made for .* give --size {least}\."):
        make_encoder(name, size=size)
    assert make_encoder(name, size=least).input_size == least


def test_names_without_a_prefix_are_ours():
    assert make_encoder("googlenet", size=64).name == "timm:googlenet"
    theirs = make_encoder("torchvision:googlenet", size=64).network
    assert any(isinstance(one, nn.BatchNorm2d) for one in theirs.modules())
    with torch.device("meta"):
        ours = load("backbone", "googlenet")()
    assert not any(isinstance(one, nn.BatchNorm2d) for one in ours.modules())


@pytest.mark.parametrize("name", ["alexnet", "caffenet", "zfnet", "alexnet_scaled", "zfnet_scaled", "vgg_scaled"])
def test_layers_have_the_names_of_the_papers(name):
    network = shapes_alone(name)
    found, modules = aliases(network), dict(network.named_modules())
    wanted = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"]
    assert all(isinstance(modules[found[one]], nn.ReLU) for one in wanted)
    assert isinstance(modules[found["pool5"]], nn.MaxPool2d)
    if "vgg" in name:
        assert found["conv5"] == found["conv5_3"] == "features.relu5_3"
    else:
        assert {one: found[one] for one in found if one[:4] == "conv"} == {
            f"conv{place}": f"features.relu{place}" for place in range(1, 6)
        }


def test_a_layer_is_behind_its_relu_and_before_its_response_normalisation():
    encoder = make_encoder("alexnet_scaled").eval()
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    chain = encoder.network.features
    with torch.inference_mode():
        first = chain.conv1(encoder.normalise(x)).relu()
        assert torch.equal(encoder.layer("conv1")(x), first)
        second = chain.conv2(chain.pool1(chain.norm1(first))).relu()
        assert torch.equal(encoder.layer("conv2")(x), second)
        assert torch.equal(encoder.layer("fc7")(x), encoder(x))


@pytest.mark.parametrize("name", SCALED)
@pytest.mark.parametrize("size", [16, 32, 64])
def test_scaled_networks_take_small_images(name, size):
    encoder = make_encoder(name, size=size).eval()
    x = torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        vectors, maps = encoder(x), encoder.maps(x)
    assert vectors.shape == (3, encoder.num_features) and torch.isfinite(vectors).all()
    assert vectors.std() > 1e-3, "the signal goes through all layers"
    assert maps[0].shape[-1] in (size, size // 2)


@pytest.mark.parametrize("name", SCALED)
def test_scaled_networks_learn(name):
    images = digits()
    rows = range(32)
    x = torch.stack([decode(images.items[row]) for row in rows]).float() / 255
    x = nn.functional.interpolate(x, 16, mode="bilinear")
    y = torch.from_numpy(images.need_labels("digits")[:32].astype(int))
    encoder = make_encoder(name, size=16).train()
    with torch.random.fork_rng():
        torch.manual_seed(0)  # of the last layer and of dropout
        network = nn.Sequential(encoder, nn.Linear(encoder.num_features, 10))
        optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
        for _ in range(240 if name == "vgg_scaled" else 60):  # the deepest without normalisation is the slowest
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(x), y).backward()
            optimiser.step()
    with torch.no_grad():
        right = (network.eval()(x).argmax(1) == y).float().mean()
    assert right > 0.8
