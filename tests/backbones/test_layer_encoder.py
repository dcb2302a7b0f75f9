"""An encoder that ends at a layer: its vector, its maps, what has no part in it, and layers that cannot be."""

import copy

import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.backbones.layer_encoder import LayerEncoder
from regard.backbones.pyramid import Pyramid
from regard.core.checks import InputError


@pytest.fixture(scope="module")
def x():
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def by_hook(network, module, x):
    """What a module gives while the whole network runs."""
    kept = []
    hook = network.get_submodule(module).register_forward_hook(lambda _m, _i, output: kept.append(output.clone()))
    network(x)
    hook.remove()
    return kept[-1]


@torch.no_grad()
def test_a_map_is_averaged_and_is_the_last_map(x):
    whole = make_encoder("resnet18", size=64).eval()
    short = LayerEncoder(whole, "layer3.0")
    expected = by_hook(whole.network, "layer3.0", whole.normalise(x))
    assert torch.equal(short.last_map(x), expected) and torch.equal(short(x), expected.mean((2, 3)))
    assert short.num_features == 256 and short.ends == "layer3.0" and whole.ends == ""
    # the stages that were done before, and its own map, which comes last
    assert [info.module for info in short.feature_info] == ["act1", "layer1", "layer2", "layer3.0"]
    maps, own = short.maps(x), whole.maps(x)
    assert all(torch.equal(a, b) for a, b in zip(maps[:3], own)) and torch.equal(maps[3], expected)
    assert [(info.channels, info.reduction) for info in short.feature_info] == [(64, 2), (64, 4), (128, 8), (256, 16)]
    assert short.tokens(x).shape == (2, 16, 256)
    assert short.state_dict().keys() == whole.state_dict().keys() and short.network is whole.network


@torch.no_grad()
def test_tokens_are_averaged_without_the_class_token_and_laid_out_as_cells():
    whole = make_encoder("vit_tiny_patch16_224", size=64).eval()
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    short = LayerEncoder(whole, "blocks.2")
    tokens = by_hook(whole.network, "blocks.2", whole.normalise(x))
    assert tokens.shape == (2, 17, 192)
    assert torch.allclose(short(x), tokens[:, 1:].mean(1), atol=1e-6)
    grid = short.last_map(x)
    assert grid.shape == (2, 192, 4, 4) and torch.equal(grid[:, :, 1, 2], tokens[:, 1 + 4 + 2])


@torch.no_grad()
def test_a_vector_is_taken_as_it_is_and_has_no_cells():
    whole = make_encoder("torchvision:alexnet", size=64).eval()
    short, x = LayerEncoder(whole, "fc6"), torch.rand(1, 3, 64, 64)
    assert torch.equal(short(x), by_hook(whole.network, "body.classifier.2", whole.normalise(x)))
    assert short.num_features == 4096
    with pytest.raises(InputError, match="'fc6' of torchvision:alexnet gives a vector"):
        short.last_map(x)
    assert len(short.maps(x)) == len(short.feature_info) > 0  # of the stages before it


def test_what_comes_after_the_layer_does_not_run_and_has_no_gradients(x):
    whole = make_encoder("convnet4").train()
    short = LayerEncoder(whole, "blocks.1")
    before = whole.network.blocks[2][1].running_mean.clone()
    short.train()
    short(x).sum().backward()
    assert torch.equal(whole.network.blocks[2][1].running_mean, before)
    assert whole.network.blocks[1][1].running_mean.abs().sum() > 0
    touched = {name for name, one in whole.network.named_parameters() if one.grad is not None}
    assert touched and all(name.startswith(("blocks.0.", "blocks.1.")) for name in touched)
    beyond = {id(one) for one in short.beyond()}
    assert beyond == {id(one) for name, one in whole.network.named_parameters() if name not in touched}
    assert whole.beyond() == []


@torch.no_grad()
def test_a_copy_is_its_own(x):
    short = LayerEncoder(make_encoder("convnet4").eval(), "blocks.1")
    again = copy.deepcopy(short)
    assert torch.equal(again(x), short(x))
    next(again.network.parameters()).zero_()
    assert not torch.equal(again(x), short(x))  # it sees its own weights, and the first one does not
    again.std.mul_(2)
    assert torch.equal(again.end.normalise(x), (x - again.mean) / again.std)


def test_a_place_among_the_maps_names_a_layer():
    whole = make_encoder("convnet4")
    assert (LayerEncoder(whole, 1).ends, LayerEncoder(whole, "-2").ends) == ("blocks.1", "blocks.2")
    with pytest.raises(InputError, match="--layer: expected a whole number from 0 to 3"):
        LayerEncoder(whole, "4")


def test_layers_that_cannot_be():
    whole = make_encoder("convnet4")
    with pytest.raises(InputError, match=r"layer: expected one of .*blocks\.1"):
        LayerEncoder(whole, "block.1")
    with pytest.raises(InputError, match="expected a layer of a whole network, .* ends at 'blocks.2' already"):
        LayerEncoder(LayerEncoder(whole, "blocks.2"), "blocks.1")


@torch.no_grad()
def test_a_pyramid_of_it_has_levels_from_its_own_maps(x):
    levels = Pyramid(LayerEncoder(make_encoder("resnet18", size=64).eval(), "layer2"))(x)
    assert [tuple(one.shape[1:]) for one in levels] == [(64, 16, 16), (128, 8, 8), (128, 4, 4), (128, 2, 2)]
