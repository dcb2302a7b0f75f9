"""WDGRL: the penalty of the critic's gradient, the points it is taken at, who moves, and the distance that is found."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.adapting import representation, seen
from regard.adapt.deep.adapting import Adapting
from regard.adapt.deep.contract import NETWORK, PARTS
from regard.adapt.deep.module import Adapted
from regard.adapt.networks.wdgrl import Critic, Method, gradient_penalty, points_between
from regard.core.checks import InputError
from regard.core.runtime import seeded_init, torch_rng
from regard.learning.trainable import Moment

AT_CRITIC = Moment(step=3, player=PARTS)


def critic(features: int = 5, hidden: int = 7) -> Critic:
    with seeded_init(0):
        return Critic(features, hidden)


@pytest.mark.parametrize("d", [1, 2, 9])
def test_the_penalty_of_a_linear_critic_is_its_analytic_value(d: int) -> None:
    """(||w|| - 1)^2 wherever it is taken; with the derivative 2 (||w|| - 1) w / ||w|| with respect to w."""
    w = torch.from_numpy(np.random.default_rng(d).normal(size=d)).requires_grad_()
    points = torch.randn(8, d, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    found = gradient_penalty(lambda h: h @ w + 3, points)
    length = w.detach().norm()
    assert torch.isclose(found, (length - 1) ** 2)
    found.backward()
    assert torch.allclose(w.grad, 2 * (length - 1) * w.detach() / length)
    if d > 1:  # not each coordinate on its own
        assert not torch.isclose(found, ((w.abs() - 1) ** 2).mean())


def test_a_unit_slope_costs_nothing_and_the_penalty_of_a_network_is_that_of_a_loop() -> None:
    assert float(gradient_penalty(lambda h: h @ torch.tensor([0.6, 0.8]), torch.zeros(3, 2))) == pytest.approx(0)
    f, points = critic(), seen().source_features.detach()
    expected = []
    for row in points:
        h = row[None].clone().requires_grad_()
        f(h).sum().backward()
        expected.append((float(h.grad.square().sum()) ** 0.5 - 1) ** 2)
    with torch.no_grad():  # it has a gradient of its own wherever it is called
        assert np.isclose(float(gradient_penalty(f, points)), np.mean(expected), rtol=1e-5)


def test_points_lie_between_the_domains_and_the_smaller_one_goes_round() -> None:
    s, t = torch.tensor([[0.0, 0.0], [0.0, 8.0]]), torch.tensor([[4.0, 0.0], [4.0, 8.0], [4.0, 0.0]])
    found = points_between(s, t, torch.Generator().manual_seed(0))
    assert found[:, 1].tolist() == [0, 8, 0] and bool(((found[:, 0] > 0) & (found[:, 0] < 4)).all())
    assert len(set(found[:, 0].tolist())) == 3
    many = points_between(s[:1].repeat(4000, 1), t[:1], torch.Generator().manual_seed(0))[:, 0] / 4
    assert abs(float(many.mean()) - 1 / 2) < 0.02 and abs(float(many.var()) - 1 / 12) < 0.005


def test_the_losses_of_both_players_by_hand() -> None:
    given, f, method = seen(12, 9), critic(), Method(gamma=3.0)
    s, t = given.source_features, given.target_features
    with torch.no_grad():
        distance = sum(float(f(row[None])) for row in s) / 12 - sum(float(f(row[None])) for row in t) / 9
    loss, told = method.loss(given, f, Moment(player=NETWORK))
    assert np.isclose(loss.item(), distance, atol=1e-6) and told["distance"].item() == loss.item()
    loss.backward()  # the network brings f(hs) down and f(ht) up
    h = s.detach().requires_grad_()
    f(h).mean().backward()
    assert torch.allclose(s.grad, h.grad)

    between = points_between(s, t, torch_rng(int(f.seed), "between", 3))
    penalty = gradient_penalty(f, torch.cat([s, t, between]).detach())
    found, told = method.loss(given, f, AT_CRITIC)
    assert len(between) == 12 and np.isclose(found.item(), 3 * penalty.item() - distance, atol=1e-5)
    assert told["penalty"].item() == pytest.approx(penalty.item(), rel=1e-5)


def test_the_critic_moves_five_times_and_touches_nothing_of_the_network() -> None:
    objective = replace(Adapting(Method(), recipe="none"), classes=("a", "b", "c"), targets=4)
    with seeded_init(0):
        encoder = copy.deepcopy(representation().encoder).train()
        module = Adapted(objective, encoder, objective.head(encoder), "all", 0.1)
    first, second = module.players()
    assert (first.name, first.turns, second.name, second.turns) == (PARTS, 5, NETWORK, 1)
    own, others = ({id(one) for one in player.parameters} for player in (first, second))
    assert own == {id(one) for one in module.head["parts"].parameters()} and not own & others
    assert own | others == {id(one) for one in module.parameters()}

    g = torch.Generator().manual_seed(0)
    x = tuple(torch.rand(4, 3, 8, 8, generator=g) for _ in range(2))
    none = torch.zeros(4, dtype=torch.long)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    encoder.train()
    loss, told = objective.loss(encoder, module.head, x, (torch.arange(4) % 3, none, none.bool(), none), AT_CRITIC)
    loss.backward()
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items()), "statistics as well"
    assert [one.grad is None for one in second.parameters] == [True] * len(second.parameters)
    assert all(one.grad is not None for one in first.parameters)
    assert "train_accuracy" not in told and "penalty" in told
    loss, told = objective.loss(
        encoder, module.head, x, (torch.arange(4) % 3, none, none.bool(), none), Moment(player=NETWORK)
    )
    one = "network.blocks.0.1.running_mean"
    assert "train_accuracy" in told and not torch.equal(encoder.state_dict()[one], before[one])


def test_a_critic_finds_the_distance_of_a_shift() -> None:
    """Points moved by a vector of length 3 are 3 apart, in any metric space of Wasserstein's."""
    given = seen(64, 64, d=2)
    s = given.source_features.detach()
    moved = given._replace(source_features=s, target_features=s + torch.tensor([1.8, 2.4]))
    f, method = critic(2, 32), Method()
    optimiser, found = torch.optim.Adam(f.parameters(), 5e-3), []
    for step in range(300):
        loss, told = method.loss(moved, f, Moment(step=step, player=PARTS))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(float(told["distance"]))
    # the penalty lets a slope be a little longer than 1: by distance / (2 gamma) for a linear critic
    assert np.mean(found[-20:]) == pytest.approx(3 * (1 + 3 / 20), rel=0.05)


@pytest.mark.parametrize("wrong", [{"gamma": -1.0}, {"critic_steps": 0}, {"hidden": 0}])
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)
