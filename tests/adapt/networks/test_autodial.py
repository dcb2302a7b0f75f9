"""AutoDIAL: mixtures by hand, a normalisation for each domain at 1, a share that stays in its interval."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import Tensor, nn

from helpers.adapting import representation
from regard.adapt.deep.adapting import Adapting
from regard.adapt.deep.streams import told
from regard.adapt.networks.autodial import Aligned, Method, mean_entropy, mixed_statistics
from regard.core.checks import InputError
from regard.core.runtime import seeded_init
from regard.learning.batch import Batch

NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def images(dimension: int = 2, n: int = 5, m: int = 3, channels: int = 4) -> Tensor:
    """A source and a target that is somewhere else and wider."""
    g = torch.Generator().manual_seed(dimension)
    x = torch.randn(n + m, channels, *[3] * dimension, generator=g)
    x[n:] = 2 * x[n:] + 3
    return x


def layer(dimension: int = 2, alpha: float = 1.0, momentum: float | None = 0.1) -> Aligned:
    norm = NORM[dimension](4, momentum=momentum)
    with seeded_init(0):
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.normal_(norm.bias)
    found = Aligned(norm)
    found.alpha.data.fill_(alpha)
    return found


@pytest.mark.parametrize("alpha", [0.5, 0.8, 1.0])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_statistics_are_those_of_all_numbers_with_the_weights_of_the_mixture(dimension: int, alpha: float) -> None:
    x = images(dimension).double()
    means, variances = mixed_statistics(x, 5, alpha)
    values = x.movedim(1, -1).reshape(-1, 4).numpy()
    first = np.arange(len(values)) < 5 * 3**dimension
    for row, own in enumerate((alpha, 1 - alpha)):
        w = np.where(first, own / first.sum(), (1 - own) / (~first).sum())
        for c in range(4):
            mean = sum(w * values[:, c])
            assert np.isclose(float(means[row, c]), mean)
            assert np.isclose(float(variances[row, c]), sum(w * (values[:, c] - mean) ** 2))


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_at_1_each_domain_has_a_normalisation_of_its_own(dimension: int, momentum: float | None) -> None:
    both, x = layer(dimension, 1.0, momentum), images(dimension)
    source, target = copy.deepcopy(both.norm), copy.deepcopy(both.norm)
    for _ in range(2):
        with told(both, 5):
            found = both(x)
        expected = torch.cat([source(x[:5]), target(x[5:])])
        x = x + 1
    assert torch.allclose(found, expected, atol=1e-5)
    for name, value in target.state_dict().items():
        assert torch.allclose(both.norm.state_dict()[name], value, atol=1e-6), "running statistics are the target's"


def test_at_a_half_two_domains_of_one_size_are_normalised_as_one_batch() -> None:
    both, x = layer(alpha=0.5), images(n=4, m=4)
    one = copy.deepcopy(both.norm)
    with told(both, 4):
        assert torch.allclose(both(x), one(x), atol=1e-5)
    assert torch.allclose(both.norm.running_mean, one.running_mean, atol=1e-6)


def test_the_share_has_the_gradient_of_finite_differences() -> None:
    both, x = layer(), images()
    goal = x.sin()

    def loss(alpha: float) -> Tensor:
        both.alpha.data.fill_(alpha)
        with told(both, 5):
            return (both(x) * goal).sum()

    (given,) = torch.autograd.grad(loss(0.7), both.alpha)
    step = 1e-2
    expected = float((loss(0.7 + step) - loss(0.7 - step)).detach()) / (2 * step)
    assert abs(expected) > 1 and np.isclose(float(given), expected, rtol=1e-2)


def test_outside_training_and_without_a_second_domain_it_is_the_layer_that_was_there() -> None:
    both, x = layer(alpha=0.6), images()
    one = copy.deepcopy(both.norm)
    assert torch.equal(both(x), one(x)), "nothing is told: all are of one domain"
    both.eval(), one.eval()
    with told(both, 5):
        assert torch.equal(both(x), one(x))


def test_what_a_layer_does_after_normalising_it_still_does() -> None:
    both, x = Aligned(BatchNormAct2d(4)), images()
    with told(both, 5):
        found = both(x)
    with torch.no_grad():
        expected = torch.cat([nn.BatchNorm2d(4)(x[:5]), nn.BatchNorm2d(4)(x[5:])]).relu()
    assert torch.allclose(found, expected, atol=1e-5) and bool((found == 0).any())


@pytest.mark.parametrize("sign", [1, -1])
def test_the_share_stays_between_a_half_and_1_however_it_is_pulled(sign: int) -> None:
    encoder = copy.deepcopy(representation().encoder)
    objective = replace(Adapting(Method(), recipe="none"), classes=("a", "b", "c"), targets=4)
    objective.equip(encoder)
    head = objective.head(encoder)
    shares = list(objective.fresh(encoder))
    assert len(shares) == 4 and all(float(one.detach()) == 1 for one in shares)
    optimiser = torch.optim.SGD(shares, 0.3)
    g = torch.Generator().manual_seed(0)
    batch = Batch(
        **{
            "source/images": torch.rand(6, 3, 8, 8, generator=g),
            "source/labels": torch.arange(6) % 3,
            "target/images": 0.5 * torch.rand(4, 3, 8, 8, generator=g),
        }
    )
    encoder.train()
    outside = []
    for _ in range(4):
        loss, log = objective.loss(encoder, head, *objective.prepare(batch, g))
        assert all(0.5 <= float(one.detach()) <= 1 for one in shares) and 0.5 <= float(log["alpha"]) <= 1
        loss.backward()
        for one in shares:
            assert one.grad is not None
            one.grad = torch.full_like(one.grad, sign)  # not its own sign: rounding turns that where it is nearly 0
        optimiser.step()
        outside += [not 0.5 <= float(one.detach()) <= 1 for one in shares]
    assert len(outside) == 16 and sum(outside) >= 12, "they were pulled out of it"
    encoder.eval()
    Method().settle(encoder, lambda: ())
    assert encoder.state_dict().keys() == representation().encoder.state_dict().keys()


def test_settling_changes_nothing_of_what_the_network_says() -> None:
    encoder, x = copy.deepcopy(representation().encoder), images(2, 3, 2, 3)
    Method().equip(encoder.network)
    encoder.train()
    with told(encoder, 3), torch.no_grad():
        encoder(x)
    encoder.eval()
    with torch.no_grad():
        before = encoder(x)
        Method().settle(encoder, lambda: ())
        assert torch.equal(encoder(x), before)
    assert not any(isinstance(one, Aligned) for one in encoder.modules())


def test_entropy_by_hand_and_what_cannot_be_adapted_is_refused() -> None:
    P = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    expected = np.mean([-sum(row * np.log(row)) for row in P])
    assert np.isclose(float(mean_entropy(torch.from_numpy(np.log(P)) + 3)), expected)
    with pytest.raises(InputError, match="without batch normalisation"):
        Method().admits(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)))
    Method().admits(representation().encoder)
