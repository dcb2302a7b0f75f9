"""Convolutions as products: the same numbers as torch's, and only where they pay."""

import copy

import pytest
import torch
from torch import nn

from regard.learning import small_maps
from regard.learning.small_maps import _Product, small_maps_as_products


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "side"), [(3, 1, 1, 2), (3, 2, 1, 4), (1, 2, 0, 4), (2, 1, 0, 3), (3, 2, 0, 5)]
)
@pytest.mark.parametrize("width", [0, 1])
def test_product_and_its_gradients_equal_conv2d(kernel: int, stride: int, padding: int, side: int, width: int) -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, side, side + width, generator=draw, dtype=torch.float64, requires_grad=True)
    w = torch.randn(7, 5, kernel, kernel, generator=draw, dtype=torch.float64, requires_grad=True)
    ours, theirs = _Product.apply(x, w, stride, padding), nn.functional.conv2d(x, w, None, stride, padding)
    torch.testing.assert_close(ours, theirs)
    grad = torch.randn(theirs.shape, generator=draw, dtype=torch.float64)
    for a, b in zip(torch.autograd.grad(ours, (x, w), grad), torch.autograd.grad(theirs, (x, w), grad)):
        torch.testing.assert_close(a, b)


def step(network: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        loss = network(x).float().square().mean()
    return [loss, *torch.autograd.grad(loss, list(network.parameters()))]


def test_training_step_in_bf16_is_the_same_up_to_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(8, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1, bias=False))
    x = torch.randn(16, 8, 4, 4)
    plain = step(network, x)
    calls = []
    apply = _Product.apply
    monkeypatch.setattr(small_maps._Product, "apply", lambda *given: calls.append(1) or apply(*given))
    with small_maps_as_products(network):
        for ours, theirs in zip(step(network, x), plain):
            assert (ours - theirs).norm() < 0.02 * theirs.norm()  # a value at 0 may fall on ReLU's other side
        assert len(calls) == 2
        network(x)  # fp32
        step(network, torch.randn(2, 8, 16, 16))  # larger maps
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            network(x)
        assert len(calls) == 2
        assert network.state_dict().keys() == copy.deepcopy(network).state_dict().keys()
    assert all(type(layer) in (nn.Conv2d, nn.ReLU) for layer in network)


@pytest.mark.parametrize("odd", [{"groups": 2}, {"dilation": 2, "padding": 2}, {"padding": "same"}, {"stride": (1, 2)}])
def test_other_convolutions_are_left_to_torch(odd: dict) -> None:
    layer = nn.Conv2d(4, 4, 3, **odd)
    x = torch.randn(2, 4, 3, 4)
    with torch.autocast("cpu", torch.bfloat16):
        plain = layer(x)
        with small_maps_as_products(layer):
            torch.testing.assert_close(layer(x), plain, rtol=0, atol=0)
