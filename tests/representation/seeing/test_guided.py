import pytest
import timm
import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.core.runtime import seeded_init, torch_rng
from regard.representation.seeing.guided import guided_backpropagation


def small(act=nn.ReLU) -> nn.Sequential:
    with seeded_init(0):
        return nn.Sequential(
            nn.Conv2d(3, 4, 3), act(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 2), act(), nn.Flatten(), nn.Linear(20, 2)
        )


def images(n: int = 3, side: int = 8) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=torch_rng(0, "images", n, side))


def by_hand(network: nn.Sequential, x: torch.Tensor, signal: torch.Tensor, ceiling: float = torch.inf) -> torch.Tensor:
    """Each step backwards, written out."""
    first, second, last = network[0], network[3], network[6]
    a = first(x)
    b, places = F.max_pool2d(a.clamp(0, ceiling), 2, return_indices=True)
    c = second(b)
    back = (signal @ last.weight).view_as(c)
    back = back * (back > 0) * (c > 0) * (c < ceiling)
    back = F.conv_transpose2d(back, second.weight)
    back = F.max_unpool2d(back, places, 2, output_size=a.shape[2:])
    back = back * (back > 0) * (a > 0) * (a < ceiling)
    return F.conv_transpose2d(back, first.weight)


@torch.no_grad()
@pytest.mark.parametrize("act, ceiling", [(nn.ReLU, torch.inf), (nn.ReLU6, 6.0)])
def test_it_equals_the_steps_written_out(act, ceiling):
    network, x = small(act), images()
    x = x if act is nn.ReLU else 30 * x
    signal = torch.tensor([1.0, -1.0]).repeat(3, 1)
    expected = by_hand(network, x, signal, ceiling)
    assert expected.abs().max() > 1e-3
    if act is nn.ReLU6:
        assert (network[0](x) > 6).any(), "the ceiling is met"
    torch.testing.assert_close(guided_backpropagation(network, x, signal), expected, atol=1e-6, rtol=1e-5)


def test_it_is_neither_the_gradient_nor_the_deconvnet():
    network, x = small(), images().requires_grad_()
    signal = torch.tensor([1.0, -1.0]).repeat(3, 1)
    (plain,) = torch.autograd.grad(network(x), x, signal)
    assert (guided_backpropagation(network, x, signal) - plain).abs().max() > 1e-3


class Normed(nn.Module):
    """A ReLU that no module of its own holds."""

    def __init__(self, act) -> None:
        super().__init__()
        self.one, self.act, self.two = nn.Conv2d(3, 4, 3), act, nn.Conv2d(4, 2, 3)

    def forward(self, x):
        return self.two(self.act(self.one(x)))


@pytest.mark.parametrize("act", [BatchNormAct2d(4), timm.layers.create_act_layer("relu"), F.relu, torch.relu_])
def test_activations_of_timm_and_calls_of_functions_are_covered(act):
    with seeded_init(0):
        network = Normed(act).eval()
    x, signal = images(2), torch.ones(2, 2, 4, 4)
    eps = act.eps if isinstance(act, BatchNormAct2d) else 0.0
    a = network.one(x) / (1 + eps) ** 0.5
    back = F.conv_transpose2d(signal, network.two.weight)
    back = back * (back > 0) * (a > 0) / (1 + eps) ** 0.5
    expected = F.conv_transpose2d(back, network.one.weight).detach()
    torch.testing.assert_close(guided_backpropagation(network, x, signal), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("norm", [nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.LocalResponseNorm(3, alpha=1.0)])
def test_normalisation_goes_by_its_gradient(norm):
    """Without a ReLU behind the normalisation guided backpropagation is its plain gradient."""
    with seeded_init(0):
        network = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.Conv2d(4, 2, 1)).eval()
    x, signal = images(2).requires_grad_(), torch.ones(2, 2, 6, 6)
    (plain,) = torch.autograd.grad(network(x), x, signal)
    torch.testing.assert_close(guided_backpropagation(network, x, signal), plain, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    "name, told",
    [
        ("vit_tiny_patch16_224", "12 x GELU, 12 x attention"),
        ("convnext_atto", "12 x GELU"),
        ("efficientnet_b0", "SiLU"),
        ("mobilenetv3_small_050", "hard swish"),
    ],
)
def test_a_network_with_other_activations_is_an_error(name, told):
    encoder = make_encoder(name, size=None if name.startswith("vit") else 32)
    x = images(1, encoder.input_size)
    with pytest.raises(InputError, match=f"guided: .*{told}.*plain gradient"):
        guided_backpropagation(encoder.pooled, x, lambda made: made, network=encoder)


@pytest.mark.parametrize(
    "name", ["resnet10t", "tf_efficientnet_lite0", "convnet4", "vgg11", "densenet121", "regnetx_002"]
)
def test_networks_that_rectify_are_taken(name):
    encoder = make_encoder(name, size=32 if name != "convnet4" else None)
    assert guided_backpropagation(encoder.pooled, images(2, 32), lambda made: made, network=encoder).abs().max() > 0
