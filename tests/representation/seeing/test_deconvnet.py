import pytest
import torch
import torch.nn.functional as F
from torch import nn

from regard.core.checks import InputError
from regard.core.runtime import seeded_init, torch_rng
from regard.representation.seeing.deconvnet import deconvnet, one_unit


def images(n: int = 3, side: int = 16) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=torch_rng(0, "images", n, side))


def two_stages() -> nn.Sequential:
    with seeded_init(0):
        return nn.Sequential(
            nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(5, 7, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip


def by_hand(network: nn.Sequential, x: torch.Tensor, signal: torch.Tensor) -> torch.Tensor:
    """Unpooling by the stored places, ReLU on the signal, transposed convolution, twice."""
    first, second = network[0], network[3]
    a, one = F.max_pool2d(first(x).relu(), 2, return_indices=True)
    _, two = F.max_pool2d(second(a).relu(), 2, return_indices=True)
    unpool = nn.MaxUnpool2d(2)
    back = F.conv_transpose2d(unpool(signal, two).relu(), second.weight, padding=1)
    return F.conv_transpose2d(unpool(back, one).relu(), first.weight, padding=1)


@torch.no_grad()
def test_it_equals_unpooling_with_stored_places():
    network, x = two_stages(), images()
    made = network(x)
    unit = one_unit(made, made.amax((2, 3)).argmax(1))
    assert (unit != 0).flatten(1).sum(1).tolist() == [1, 1, 1]
    for signal in (made, unit, torch.randn(made.shape, generator=torch_rng(0, "signal"))):
        expected = by_hand(network, x, signal)
        assert expected.abs().max() > 0.01
        torch.testing.assert_close(deconvnet(network, x, signal), expected, atol=1e-6, rtol=1e-6)


def test_one_picture_gives_what_it_gives_among_others():
    network, x = two_stages(), images()
    signal = network(x).detach()
    torch.testing.assert_close(deconvnet(network, x[:1], signal[:1]), deconvnet(network, x, signal)[:1])


def test_through_an_identity_it_gives_the_image_back():
    network = nn.Sequential(
        nn.Conv2d(3, 3, 1, bias=False), nn.ReLU(), nn.BatchNorm2d(3, eps=0), nn.MaxPool2d(1), nn.Flatten(1)
    )
    with torch.no_grad():
        network[0].weight.copy_(torch.eye(3).view(3, 3, 1, 1))
    x = images()
    torch.testing.assert_close(deconvnet(network, x, lambda made: made), x, atol=1e-6, rtol=0)


def test_it_is_no_gradient_where_units_were_silent():
    """The signal is rectified; that the unit was silent stops a gradient, and not the deconvnet."""
    network = nn.Sequential(nn.Conv2d(3, 1, 1), nn.ReLU())
    with torch.no_grad():
        network[0].weight.fill_(1)
        network[0].bias.fill_(-100)
    x, signal = images(2, 4), torch.ones(2, 1, 4, 4)
    torch.testing.assert_close(deconvnet(network, x, signal), torch.ones(2, 3, 4, 4))
    assert not deconvnet(network, x, -signal).any()


class Residual(nn.Module):
    def __init__(self, call) -> None:
        super().__init__()
        self.one, self.norm, self.call = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), call

    def forward(self, x):
        return self.call(self.norm(self.one(x)) + x)


CALLS = [
    nn.ReLU(),
    nn.ReLU(inplace=True),
    F.relu,
    torch.relu,
    lambda x: x.relu_(),
    lambda x: x.clamp(min=0),
    lambda x: x.clamp_min(0),
    lambda x: torch.clip(x, 0),
]


@pytest.mark.parametrize("call", CALLS)
def test_every_way_to_call_a_relu_is_covered(call):
    with seeded_init(1):
        network = Residual(call)
        network.norm.running_var.uniform_(0.5, 2)
        network.norm.running_mean.normal_()
    network.eval()
    x, signal = images(2, 6), torch.randn(2, 3, 6, 6, generator=torch_rng(1, "signal"))
    sent = signal.relu()
    scale = (network.norm.weight / (network.norm.running_var + network.norm.eps).sqrt()).view(1, 3, 1, 1)
    expected = sent + F.conv_transpose2d(sent * scale, network.one.weight, padding=1)
    torch.testing.assert_close(deconvnet(network, x, signal), expected.detach(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("call", [nn.ReLU6(), F.relu6, nn.Hardtanh(0, 3)])
def test_a_ceiling_plays_no_part(call):
    with seeded_init(1):
        capped, plain = Residual(call), Residual(F.relu)
        plain.load_state_dict(capped.state_dict())
    x, signal = 20 * images(2, 6), torch.ones(2, 3, 6, 6)
    torch.testing.assert_close(deconvnet(capped, x, signal), deconvnet(plain, x, signal))


def test_response_normalisation_is_passed():
    with seeded_init(0):
        conv = nn.Conv2d(3, 6, 3)
    x, signal = images(2, 6), torch.ones(2, 6, 4, 4)
    normed = nn.Sequential(conv, nn.LocalResponseNorm(5, alpha=1.0), nn.ReLU())
    torch.testing.assert_close(deconvnet(normed, x, signal), deconvnet(nn.Sequential(conv, nn.ReLU()), x, signal))


class Gate(nn.Module):
    def forward(self, x):
        return x * (x > 0)


class FloatGate(nn.Module):
    def forward(self, x):
        return x.mean((2, 3)) * (x.mean((2, 3)) > 0).float()


class Part(nn.Module):
    def forward(self, x):
        x = x * 1.0
        x[:, 1:].relu_()
        return x


REFUSED = {
    "GELU": nn.GELU(),
    "SiLU": nn.SiLU(),
    "sigmoid": nn.Sigmoid(),
    "leaky ReLU": nn.LeakyReLU(),
    "hard tanh": nn.Hardtanh(),
    "layer normalisation": nn.LayerNorm(6),
    "group normalisation": nn.GroupNorm(1, 3),
    "own statistics": nn.InstanceNorm2d(3),
    "gate": Gate(),
    "product": FloatGate(),
    "Where": lambda x: torch.where(x > 0, x, 0.0),
    "Maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "Threshold": nn.Threshold(0.5, 0.0),
    "in place": Part(),
}


class Through(nn.Module):
    def __init__(self, call) -> None:
        super().__init__()
        self.one, self.call = nn.Conv2d(3, 3, 1), call

    def forward(self, x):
        return self.call(self.one(x))


@pytest.mark.parametrize("told", REFUSED)
@pytest.mark.parametrize("n", [1, 2])
def test_what_has_no_rule_is_named(told, n):
    network, x = Through(REFUSED[told]), images(n, 6)
    with pytest.raises(InputError, match=rf"deconvnet: .*{told}.* between this layer and the pixels"):
        deconvnet(network, x, lambda made: made)


def test_a_layer_without_a_gradient_is_refused():
    with pytest.raises(InputError, match="no gradient leads"):
        deconvnet(lambda x: x.detach().round(), images(2, 4), lambda made: made)


def test_a_signal_of_another_shape_is_refused():
    with pytest.raises(InputError, match="signal: expected"):
        deconvnet(two_stages(), images(), torch.ones(3, 7, 2, 2))


def test_the_network_is_given_back_as_it_was():
    network = two_stages().train()
    deconvnet(network, images(), lambda made: made)
    assert network.training and all(one.grad is None and one.requires_grad for one in network.parameters())
    assert not any(one._forward_hooks for one in network.modules())
