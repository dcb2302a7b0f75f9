"""Layers by name: what a hook takes is what a slow walk through the network gives, and the hook is gone after."""

import pytest
import timm
import torch
import torchvision

from regard.backbones.encoder import make_encoder
from regard.backbones.layers import aliases, layer_names
from regard.core.checks import InputError


def pictures(side, count=2):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "name, size, layer, layout",
    [
        ("convnet4", None, "blocks.2", "NCHW"),
        ("timm:test_resnet", 64, "layer3.0", "NCHW"),
        ("timm:test_vit", None, "blocks.3", "NTC"),
        ("timm:test_vit", None, "norm", "NTC"),
        ("timm:swin_tiny_patch4_window7_224", 56, "layers.1", "NCHW"),
        ("timm:test_convnext", 64, "stages.1.blocks.0.mlp.fc1", "NCHW"),
        ("timm:test_convnext", 64, "stages.1.blocks.0.conv_dw", "NCHW"),
        ("torchvision:resnet18", 64, "layer3.1", "NCHW"),
        ("torchvision:resnet18", 64, "body.avgpool", "NCHW"),
        ("torchvision:swin_t", 64, "features.3.0.mlp.0", "NCHW"),
        ("torchvision:vit_b_16", 32, "encoder.layers.encoder_layer_0", "NTC"),
        ("convnet4", None, "fc", "NC"),
    ],
)
def test_any_module_by_its_own_name_in_the_layout_that_is_said(name, size, layer, layout):
    encoder = make_encoder(name, size=size).eval()
    x = pictures(encoder.input_size)
    found = encoder.layer(layer)
    with torch.inference_mode():
        given, mean = found(x), found.mean(x)
    assert (found.layout, given.ndim) == (layout, len(layout))
    assert given.shape[0] == 2 and given.shape[found.layout.index("C")] == found.channels
    assert mean.shape == (2, found.channels)
    if layout == "NCHW":
        assert given.shape[2] == given.shape[3]  # a map of a square, so that its channels lie in the second axis
    assert not any(module._forward_hooks for module in encoder.modules())


def test_values_are_the_modules_own_even_where_the_next_one_works_in_place():
    encoder = make_encoder("convnet4").eval()
    x = pictures(32)
    chain = encoder.network.blocks[0]
    with torch.inference_mode():
        convolved = chain[0](encoder.normalise(x))
        normalised = chain[1](convolved)  # the ReLU behind it writes over it
        assert torch.equal(encoder.layer("blocks.0.0")(x), convolved)
        assert torch.equal(encoder.layer("blocks.0.1")(x), normalised) and bool((normalised < 0).any())


@pytest.mark.parametrize("name, layer", [("timm:test_vit", "blocks.3"), ("torchvision:vit_b_16", "encoder")])
def test_the_average_of_a_transformers_block_is_that_of_its_map(name, layer):
    encoder = make_encoder(name, size=32).eval()
    x = pictures(32)
    with torch.inference_mode():
        expected = encoder.maps(x)[3 if "test_vit" in name else -1].mean((2, 3))
        assert torch.allclose(encoder.layer(layer).mean(x), expected, atol=1e-6)


def test_names_of_alexnet_are_behind_the_relu():
    encoder = make_encoder("torchvision:alexnet", size=64).eval()
    x, body = pictures(64), encoder.network.body
    known = "conv1 pool1 conv2 pool2 conv3 conv4 conv5 pool5 fc6 fc7".split()
    assert list(aliases(encoder.network)) == known
    with torch.inference_mode():
        features, at = encoder.normalise(x), {}
        for place, module in enumerate(body.features):
            features = at[place] = module(features).clone()
        hidden = body.avgpool(features).flatten(1)
        places = dict(conv1=1, pool1=2, conv2=4, pool2=5, conv3=7, conv4=9, conv5=11, pool5=12)
        for name, place in places.items():
            assert torch.equal(encoder.layer(name)(x), at[place])
        fc6 = body.classifier[1](hidden).relu()
        assert torch.equal(encoder.layer("fc6")(x), fc6)
        assert torch.equal(encoder.layer("fc7")(x), body.classifier[4](fc6).relu())
        assert torch.equal(encoder.layer("fc7")(x), encoder(x))
        assert encoder.layer("fc7").layout == "NC"


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_names_of_vgg_count_blocks(library):
    with torch.device("meta"):  # no weights: names alone
        network = timm.create_model("vgg16") if library == "timm" else torchvision.models.vgg16()
    found = aliases(network)
    blocks = [2, 2, 3, 3, 3]
    convolutions = [f"conv{block + 1}_{one + 1}" for block, count in enumerate(blocks) for one in range(count)]
    assert set(found) == {*convolutions, *(f"{k}{b}" for k in ("conv", "pool") for b in range(1, 6)), "fc6", "fc7"}
    assert found["conv5"] == found["conv5_3"] and found["conv1"] == found["conv1_2"]
    modules = dict(network.named_modules())
    assert all(isinstance(modules[found[name]], torch.nn.ReLU) for name in [*convolutions, "fc6", "fc7"])
    assert all(isinstance(modules[found[f"pool{block}"]], torch.nn.MaxPool2d) for block in range(1, 6))
    assert found["conv5_3"] == "features.29" and found["pool5"] == "features.30"


def test_a_wrong_name_is_answered_with_at_most_five_near_ones():
    encoder = make_encoder("timm:test_resnet", size=64)
    with pytest.raises(InputError, match=r"layer: expected one of the \d+ layers .* got 'layer3.O'. Such as '") as told:
        encoder.layer("layer3.O")
    assert "'layer3.0'" in str(told.value) and str(told.value).count("'") // 2 - 1 <= 5
    with pytest.raises(InputError, match="Such as"):
        encoder.layer("zzzz")
    assert not aliases(encoder.network) and "layer3.0" in layer_names(encoder.network)


def test_a_module_without_a_row_for_each_picture_is_refused():
    encoder = make_encoder("timm:swin_tiny_patch4_window7_224", size=56)
    with pytest.raises(InputError, match=r"attn'.* for 2 pictures"):
        encoder.layer("layers.0.blocks.0.attn")
    with pytest.raises(InputError, match="'blocks' gives no tensor of its own"):
        make_encoder("convnet4").layer("blocks")  # a list of modules, which nobody calls
