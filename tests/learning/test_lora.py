"""LoRA on a transformer and a convolutional network: the same function at first, few weights learn, merged exactly."""

import copy

import pytest
import torch
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.learning.lora import add_lora, merge

NETWORKS = ["timm:test_vit", "timm:test_resnet", "timm:test_efficientnet", "convnet4"]


def built(name):
    return make_encoder(name, size=64).eval()


def pictures():
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def learned(encoder, steps=5):
    """Move everything that learns."""
    optimiser = torch.optim.AdamW([one for one in encoder.parameters() if one.requires_grad], 1e-2)
    for _ in range(steps):
        optimiser.zero_grad()
        encoder(pictures()).square().mean().backward()
        optimiser.step()


@pytest.mark.parametrize("name", NETWORKS)
def test_it_begins_as_the_same_function_learns_by_few_weights_and_is_merged_into_plain_ones(name):
    encoder = built(name)
    plain, before = encoder.state_dict(), encoder(pictures())
    plain = {key: value.clone() for key, value in plain.items()}
    layers = add_lora(encoder, rank=2)
    assert torch.equal(encoder(pictures()), before)
    learning = {key: one for key, one in encoder.named_parameters() if one.requires_grad}
    assert len(learning) == 2 * len(layers) and all("parametrizations.weight.0." in key for key in learning)
    whole = sum(value.numel() for value in plain.values())
    assert sum(one.numel() for one in learning.values()) < whole / 3
    learned(encoder)
    after = encoder(pictures())
    assert (after - before).abs().max() > 0.05 * before.abs().max()
    for key, value in encoder.state_dict().items():
        old = plain.get(key.replace("parametrizations.weight.original", "weight"))
        assert old is None or torch.equal(value, old), "the network's own weights stay"
    assert merge(encoder) == layers and merge(encoder) == []
    torch.testing.assert_close(encoder(pictures()), after, rtol=1e-5, atol=1e-6)
    # plain again: the weights go into a fresh network
    assert set(encoder.state_dict()) == set(plain)
    fresh = built(name)
    assert [type(one) for one in fresh.modules()] == [type(one) for one in encoder.modules()]
    fresh.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(fresh(pictures()), after, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(6, 5), nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.Conv2d(4, 8, 3, groups=4), nn.Conv2d(1, 1, 1)],
)
def test_the_sum_is_the_papers(layer):
    x = torch.randn(2, 6) if isinstance(layer, nn.Linear) else torch.randn(2, layer.in_channels, 7, 7)
    twin = copy.deepcopy(layer)
    add_lora(layer, rank=2, alpha=6)
    low = layer.parametrizations["weight"][0]
    assert low.down.shape[0] == low.up.shape[1] == min(2, twin.weight[0].numel(), len(twin.weight))
    nn.init.normal_(low.up)
    with torch.no_grad():
        twin.weight += 6 / 2 * torch.einsum("or,ri->oi", low.up, low.down).view_as(twin.weight)
    torch.testing.assert_close(layer(x), twin(x), rtol=1e-5, atol=1e-6)


def test_layers_are_chosen_by_name_and_drawn_from_the_seed():
    before = torch.random.get_rng_state()
    encoders = [built("timm:test_vit") for _ in range(3)]
    layers = [add_lora(encoder, names=["*.qkv"], seed=seed) for encoder, seed in zip(encoders, (1, 1, 2))]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert layers[0] and all(name.endswith(".qkv") for name in layers[0])
    drawn = [[one for key, one in encoder.named_parameters() if key.endswith(".down")] for encoder in encoders]
    assert all(torch.equal(a, b) for a, b in zip(drawn[0], drawn[1]))
    assert not torch.equal(drawn[0][0], drawn[2][0])
    assert len(drawn[0]) == len(layers[0])


def test_in_torchvisions_attention_the_layer_that_is_never_called_learns_too():
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    x = torch.randn(3, 5, 8)
    assert add_lora(attention) == ["out_proj"]
    attention(x, x, x)[0].square().mean().backward()
    assert attention.out_proj.parametrizations["weight"][0].up.grad.abs().max() > 0
    assert attention.in_proj_weight.grad is None


def test_what_cannot_be_adapted_is_refused():
    encoder = built("convnet4")
    with pytest.raises(InputError, match=r"names: expected names of linear layers or convolutions, got \['qkv'\]"):
        add_lora(encoder, names=["qkv"])
    assert all(one.requires_grad for one in encoder.parameters())  # nothing has changed
    with pytest.raises(InputError, match="rank: expected a whole number of at least 1, got 0"):
        add_lora(encoder, rank=0)
    add_lora(encoder)
    with pytest.raises(
        InputError, match="module: expected a plain one, got one whose .* is adapted already. Merge it first."
    ):
        add_lora(encoder)
