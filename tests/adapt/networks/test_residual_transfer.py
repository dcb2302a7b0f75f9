"""Residual transfer: the transform and the losses by hand, rank 0 is the source network, the weights that are kept."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from helpers.adapting import representation
from regard.adapt.deep.adapting import Adapting
from regard.adapt.deep.streams import told, weights_of
from regard.adapt.networks.residual_transfer import Method, Residual, confusion, stream_loss
from regard.core.checks import InputError
from regard.core.runtime import seeded_init
from regard.learning.batch import Batch


def pixels(n: int = 3) -> Tensor:
    return torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def moved(network: nn.Module) -> None:
    """Give the residuals, which begin at 0, something."""
    for seed, (_, _, one) in enumerate(weights_of(network, Residual)):
        g = torch.Generator().manual_seed(seed)
        one.b2.data.copy_(torch.randn(one.b2.shape, generator=g) / 50)
        one.d.data.copy_(torch.randn(one.d.shape, generator=g))


@pytest.mark.parametrize("shape", ["tanh", "relu"])
def test_the_transform_is_that_of_the_paper_of_linear_layers_and_convolutions(shape: str) -> None:
    with seeded_init(0):
        for weight in (nn.Linear(6, 5).weight, nn.Conv2d(2, 5, 3).weight):
            one = Residual(weight, 3, shape)
            assert torch.equal(one(weight), weight), "it begins as the source"
            theta = weight.detach().flatten(1).numpy()
            inner = one.a1.detach().numpy().T @ theta @ one.a2.detach().numpy()
            assert one.a1.shape == (5, 3) and one.a2.shape == (theta.shape[1], 3) and one.d.shape == (3, 3)
            assert np.isclose(np.mean(inner**2), 1, rtol=1e-4)
            nn.init.normal_(one.b2)
            nn.init.normal_(one.d)
            inner += one.d.detach().numpy()
            s = np.tanh(inner) if shape == "tanh" else np.maximum(inner, 0)
            expected = one.b1.detach().numpy() @ s @ one.b2.detach().numpy().T + theta
            assert np.allclose(one(weight).detach().numpy().reshape(theta.shape), expected, atol=1e-5)
            one.sources = 1
            assert torch.equal(one(weight), weight)


def test_a_rank_above_a_layers_sides_is_cut_there() -> None:
    one = Residual(torch.ones(2, 3), 9, "tanh")
    assert (one.a1.shape, one.d.shape, one.b2.shape) == ((2, 2), (2, 3), (3, 3))


def test_the_loss_of_the_streams_is_least_at_1_and_flat_at_0() -> None:
    network, method = copy.deepcopy(representation().encoder.network), Method(rank=2, size=0.5)
    with seeded_init(0):
        method.equip(network)
    loss, log = method.penalty(network)
    assert isinstance(loss, Tensor)
    loss.backward()
    assert float(log["residual"]) == 0 and bool(torch.isfinite(loss))
    for _, _, one in weights_of(network, Residual):
        assert one.b2.grad is not None and float(one.b2.grad.abs().max()) == 0
    moved(network)
    squared = sum(
        float((one(weight) - weight).detach().double().square().sum())
        for _, weight, one in weights_of(network, Residual)
    )
    with torch.no_grad():
        loss, log = method.penalty(network)
    assert squared > 0.1 and np.isclose(float(log["residual"]), squared, rtol=1e-3)
    assert np.isclose(float(loss), 0.5 * (squared - np.log(squared)), rtol=1e-3)
    x = torch.tensor([0.5, 1.0, 2.0], requires_grad=True)
    stream_loss(x).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [-1, 0, 0.5]


def test_confusion_teaches_the_classifier_the_domains_and_the_features_the_other_way() -> None:
    with seeded_init(0):
        parts, S, T = nn.Linear(2, 1), torch.randn(3, 2).requires_grad_(), torch.randn(2, 2).requires_grad_()
    right, wrong, logits = confusion(parts, S, T)
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    assert np.isclose(float(right.detach()), (-np.log(p[:3]).mean() - np.log(1 - p[3:]).mean()) / 2, rtol=1e-5)
    assert np.isclose(float(wrong.detach()), (-np.log(1 - p[:3]).mean() - np.log(p[3:]).mean()) / 2, rtol=1e-5)
    assert torch.autograd.grad(right, S, retain_graph=True, allow_unused=True) == (None,)
    assert torch.autograd.grad(wrong, parts.weight, retain_graph=True, allow_unused=True) == (None,)
    (weight,), (features,) = torch.autograd.grad(right, parts.weight), torch.autograd.grad(wrong, S)
    # d softplus(t) / dt = p, and exchanged: the features of the source are to be told as the target's
    assert np.allclose(features, p[:3, None] / 6 * parts.weight.detach().numpy(), atol=1e-6)
    told_off = np.concatenate([(p[:3] - 1) / 6, p[3:] / 4])
    assert np.allclose(weight[0], told_off @ torch.cat([S, T]).detach().numpy(), atol=1e-6)


def test_rank_0_is_the_source_network() -> None:
    encoder, x = copy.deepcopy(representation().encoder).eval(), pixels()
    method = Method(rank=0)
    method.equip(encoder.network)
    assert method.penalty(encoder.network) == (0.0, {})
    with torch.no_grad():
        target = encoder(x)
        with told(encoder, 3):
            assert torch.equal(encoder(x), target)
    method.settle(encoder, lambda: ())
    start = representation().encoder.state_dict()
    assert all(torch.equal(value, start[name]) for name, value in encoder.state_dict().items())


def test_the_weights_that_are_kept_are_the_sources_plus_the_residual() -> None:
    encoder, x = copy.deepcopy(representation().encoder).eval(), pixels()
    method = Method(rank=2, transferred="blocks.1*, blocks.2*")
    with seeded_init(0):
        method.equip(encoder.network)
    moved(encoder.network)
    start = representation().encoder.network.state_dict()
    expected = {
        name: weight.detach() + one.residual(weight).detach().view_as(weight)
        for name, weight, one in weights_of(encoder.network, Residual)
    }
    assert sorted(expected) == ["blocks.1.0.weight", "blocks.2.0.weight"]
    with torch.no_grad():
        target = encoder(x)
        with told(encoder, 3):
            assert torch.equal(encoder(x), representation().encoder.eval()(x)), "the source's stream is as it was"
        method.settle(encoder, lambda: ())
        assert torch.allclose(encoder(x), target, atol=1e-6) and not torch.allclose(
            target, representation().encoder(x), atol=1e-4
        )
    state = encoder.network.state_dict()
    assert state.keys() == start.keys()
    for name, value in state.items():
        assert torch.equal(value, expected.get(name, start[name]))


def test_residuals_grow_towards_1_while_it_learns() -> None:
    encoder = copy.deepcopy(representation().encoder)
    objective = replace(Adapting(Method(rank=4), recipe="none"), classes=("a", "b", "c"), targets=4)
    objective.equip(encoder)
    head, g = objective.head(encoder), torch.Generator().manual_seed(0)
    batch = Batch(
        **{
            "source/images": torch.rand(6, 3, 8, 8, generator=g),
            "source/labels": torch.arange(6) % 3,
            "target/images": torch.rand(4, 3, 8, 8, generator=g),
        }
    )
    fresh = list(objective.fresh(encoder))
    assert len(fresh) == 5 * 4
    encoder.train()
    optimiser = torch.optim.Adam([*fresh, *head.parameters()], 0.01)
    seen = []
    for _ in range(12):
        loss, log = objective.loss(encoder, head, *objective.prepare(batch, g))
        seen.append(float(log["residual"]))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert seen[0] == 0 and 0.2 < seen[-1] < 5


def test_names_that_no_layer_has_and_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="--set transferred.*blocks.0.0"):
        Method(transferred="blocks.0.1").admits(representation().encoder)
    with pytest.raises(InputError, match="--set rank"):
        Method(rank=-1)
    with pytest.raises(InputError, match="--set shape"):
        Method(shape="sine")  # type: ignore[arg-type]
