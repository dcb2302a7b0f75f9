"""AdaBN: exact statistics of any dimension, in order, and what an affine change of the input did is undone."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from regard.adapt.deep.statistics import in_order, layers_with_statistics, streaming
from regard.adapt.networks.adabn import Method
from regard.core.checks import InputError
from regard.core.runtime import seeded_init

CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def network(dimension: int = 2) -> nn.Sequential:
    """Two convolutions without borders, normalised, a vector that is normalised, and classes."""
    conv, norm = CONV[dimension], NORM[dimension]
    with seeded_init(0):
        net = nn.Sequential(
            *(conv(3, 4, 3), norm(4), nn.ReLU(), conv(4, 5, 2, bias=False), norm(5), nn.ReLU()),
            *(nn.Flatten(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(5, 6), nn.BatchNorm1d(6)),
            nn.Linear(6, 3),
        )
        for layer in layers_with_statistics(net).values():
            nn.init.uniform_(layer.weight, 0.5, 2)
            layer.eps = 1e-12  # what is added to the variance is not scaled with it
    return net.double().eval()


def data(dimension: int = 2, n: int = 23) -> Tensor:
    g = torch.Generator().manual_seed(3)
    return torch.rand(n, 3, *[5] * dimension, generator=g, dtype=torch.double)


def parts(x: Tensor, size: int = 7) -> Iterator[Tensor]:
    return iter(x.split(size))


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 7, 23])
def test_the_whole_set_as_one_batch_gives_the_same_statistics(dimension: int, size: int) -> None:
    x, net = data(dimension), network(dimension)
    in_order(net, lambda: parts(x, size))
    one = network(dimension).train()
    for layer in layers_with_statistics(one).values():
        layer.momentum = 1.0
    with torch.no_grad():
        expected = one(x)
        assert torch.allclose(net(x), expected, atol=1e-10), "what the set as one batch gives in training"
    for mine, its in zip(layers_with_statistics(net).values(), layers_with_statistics(one).values()):
        assert torch.allclose(mine.running_mean, its.running_mean, atol=1e-10)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_an_affine_change_of_the_input_is_undone_exactly(dimension: int) -> None:
    x = data(dimension)
    source, target = network(dimension), network(dimension)
    in_order(source, lambda: parts(x))
    scale = torch.tensor([3.0, 3.0, 3.0], dtype=torch.double).view(1, 3, *[1] * dimension)
    changed = scale * x + torch.tensor([5.0, -2.0, 0.5], dtype=torch.double).view_as(scale)
    target.load_state_dict(source.state_dict())
    with torch.no_grad():
        truth = source(x)
        assert not torch.allclose(source(changed), truth, atol=0.1), "it does harm"
        in_order(target, lambda: parts(changed))
        assert torch.allclose(target(changed), truth, atol=1e-8)
        assert bool((target(changed).argmax(1) == truth.argmax(1)).all()), "the source's accuracy is back"


def test_later_layers_see_inputs_that_are_normalised_already() -> None:
    """All at once, with the old statistics below, would leave the second layer's outputs off."""
    x, net = 4 * data() - 1, network()
    in_order(net, lambda: parts(x))
    with torch.no_grad():
        z = net[:4](x)
    assert torch.allclose(net[4].running_mean, z.mean((0, 2, 3))) and torch.allclose(
        net[4].running_var, z.var((0, 2, 3), correction=0)
    )


def test_a_stream_gives_the_first_layer_exactly_and_the_others_nearly_from_single_images() -> None:
    x, net, exact = data(n=200), network(), network()
    streaming(net, iter(x.split(1)))
    in_order(exact, lambda: parts(x))
    assert torch.allclose(net[1].running_mean, exact[1].running_mean, atol=1e-12)
    assert torch.allclose(net[1].running_var, exact[1].running_var, atol=1e-12)
    assert torch.allclose(net[4].running_mean, exact[4].running_mean, atol=0.1)
    assert not torch.allclose(net[4].running_mean, network()[4].running_mean, atol=0.1)


@pytest.mark.parametrize("form", ["exact", "streaming"])
def test_half_a_weight_is_half_way_in_the_first_layer_and_0_looks_at_nothing(form: str) -> None:
    x, whole, half, none = data(), network(), network(), network()
    Method(form=form).settle(whole, lambda: parts(x))
    Method(weight=0.5, form=form).settle(half, lambda: parts(x))

    def never() -> Iterator[Tensor]:
        raise AssertionError("the target is looked at")

    Method(weight=0.0, form=form).settle(none, never)
    for name in ("running_mean", "running_var"):
        old, new = getattr(none[1], name), getattr(whole[1], name)
        assert torch.allclose(getattr(half[1], name), (old + new) / 2)
    assert np.isclose(float(none[1].running_var.sum()), 4)


def test_a_layer_that_is_called_twice_gets_the_statistics_of_both_calls() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(1).eval()

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(x) + self.norm(x + 10)

    net = Twice().eval()
    in_order(net, lambda: iter([torch.tensor([[0.0]]), torch.tensor([[2.0]])]))
    assert np.isclose(float(net.norm.running_mean), 6) and np.isclose(float(net.norm.running_var), 26)


def test_a_network_without_batch_normalisation_is_refused() -> None:
    with pytest.raises(InputError, match="without batch normalisation"):
        Method().admits(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.InstanceNorm1d(2, track_running_stats=True)))
    with pytest.raises(InputError, match="from 0 to 1"):
        Method(weight=1.5)
    Method().admits(network())
