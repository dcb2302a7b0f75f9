"""Beyond sharing weights: the relation and the MMD by hand, streams that learn apart, what is shared, what is kept."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.adapting import representation
from regard.adapt.deep.adapting import Adapting
from regard.adapt.deep.streams import told, weights_of
from regard.adapt.networks.beyond_sharing import STEEP, Method, Stream, gaussian_mmd2, steep
from regard.core.checks import InputError
from regard.learning.batch import Batch


def batch(n: int = 6, m: int = 4) -> Batch:
    g = torch.Generator().manual_seed(0)
    return Batch(
        **{
            "source/images": torch.rand(n, 3, 8, 8, generator=g),
            "source/labels": torch.arange(n) % 3,
            "target/images": 0.5 * torch.rand(m, 3, 8, 8, generator=g),
        }
    )


@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_the_discrepancy_is_that_of_a_plain_loop(sigma: float) -> None:
    rng = np.random.default_rng(0)
    S, T = rng.normal(size=(4, 3)), rng.normal(size=(5, 3)) + 1
    Z = np.concatenate([S, T])
    pairs = [sum((a - b) ** 2) for i, a in enumerate(Z) for j, b in enumerate(Z) if i != j]
    wide = sigma or np.mean(pairs)

    def k(A: np.ndarray, B: np.ndarray) -> float:
        return float(np.mean([[np.exp(-sum((a - b) ** 2) / wide) for b in B] for a in A]))

    found = gaussian_mmd2(torch.from_numpy(S), torch.from_numpy(T), sigma)
    assert np.isclose(float(found), k(S, S) + k(T, T) - 2 * k(S, T))


def test_the_relation_is_that_of_a_plain_loop_and_affine_weights_are_free() -> None:
    network = copy.deepcopy(representation().encoder.network)
    method = Method(relation=0.5, related="blocks.1.*")
    method.equip(network)
    with torch.no_grad():
        assert float(method.penalty(network)[0]) == 0, "the streams begin as one"
    found = {name: (target, one) for name, target, one in weights_of(network, Stream)}
    assert sorted(found) == ["blocks.1.0.weight", "blocks.1.1.bias", "blocks.1.1.weight"]
    g, expected = torch.Generator().manual_seed(0), 0.0
    for target, one in found.values():
        one.scale.data.fill_(1.5)
        one.offset.data.fill_(-0.25)
        noise = torch.randn(target.shape, generator=g) / target.numel() ** 0.5
        target.data.copy_(1.5 * one.source.detach() - 0.25 + noise)
        expected += np.exp(sum(float(value) ** 2 for value in noise.flatten())) - 1
    with torch.no_grad():
        loss, log = method.penalty(network)
    assert np.isclose(float(loss), 0.5 * expected, rtol=1e-4) and float(log["weights_apart"]) > 1
    for target, one in found.values():
        target.data.copy_(1.5 * one.source.detach() - 0.25)
    with torch.no_grad():
        assert abs(float(method.penalty(network)[0])) < 1e-5


def test_the_exponential_goes_on_as_its_tangent() -> None:
    x = torch.tensor([0.5, STEEP, STEEP + 2], requires_grad=True)
    value = steep(x)
    value.sum().backward()
    top = np.exp(STEEP)
    assert np.allclose(value.detach(), [np.exp(0.5) - 1, top - 1, 3 * top - 1], rtol=1e-5)
    assert x.grad is not None and np.allclose(x.grad, [np.exp(0.5), top, top], rtol=1e-5)


def test_streams_are_one_at_first_then_learn_apart_and_the_target_is_kept() -> None:
    encoder = copy.deepcopy(representation().encoder)
    objective = replace(Adapting(Method(related="blocks.0*"), recipe="none"), classes=("a", "b", "c"), targets=4)
    objective.equip(encoder)
    head, g = objective.head(encoder), torch.Generator().manual_seed(0)
    x = batch()["target/images"]
    encoder.eval()
    with torch.no_grad(), told(encoder, 4):
        assert torch.equal(encoder(x), representation().encoder.eval()(x))
    encoder.train()
    optimiser = torch.optim.SGD([*encoder.parameters(), *head.parameters()], 0.05)
    statistics = encoder.network.blocks[3][1].running_mean.clone()
    for _ in range(3):
        loss, log = objective.loss(encoder, head, *objective.prepare(batch(), g))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert float(log["weights_apart"]) > 0 and not torch.equal(encoder.network.blocks[3][1].running_mean, statistics)
    encoder.eval()
    with torch.no_grad():
        target = encoder(x)
        with told(encoder, 4):
            assert not torch.allclose(encoder(x), target, atol=1e-6)
        kept = {name: one.clone() for name, one, _ in weights_of(encoder.network, Stream)}
        Method().settle(encoder, lambda: ())
        assert torch.equal(encoder(x), target)
    state = encoder.network.state_dict()
    assert state.keys() == representation().encoder.network.state_dict().keys()
    assert len(kept) == 3 and all(torch.equal(state[name], value) for name, value in kept.items())


def test_names_that_no_layer_has_are_refused() -> None:
    encoder = representation().encoder
    with pytest.raises(InputError, match="--set related.*blocks.0.0"):
        Method(related="block.*").admits(encoder)
    Method(related="blocks.3.0, fc*").admits(encoder)
    with pytest.raises(InputError, match="--set relation"):
        Method(relation=-1.0)
