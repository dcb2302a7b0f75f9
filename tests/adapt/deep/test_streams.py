"""A network that is another for each domain: how both pass, what learns how fast, what is frozen, what is kept."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from helpers.adapting import domains, representation, run
from regard.adapt.deep.adapting import Adapting
from regard.adapt.deep.streams import ByDomain, in_turn, still, told, weights_of
from regard.adapt.networks.beyond_sharing import Stream
from regard.adapt.networks.residual_transfer import Residual
from regard.core.checks import InputError
from regard.core.discover import load, names
from regard.core.runtime import seeded_init
from regard.learning.freezing import Tuned
from regard.representation.classifier import read_classifier
from regard.representation.representation import Representation

EQUIPPING = [name for name in names("deep") if load("deep", name)().equips]


def pixels(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def tuned(name: str, layers: str = "all", factor: float = 0.1, **settings: Any) -> Tuned:
    objective = replace(Adapting(load("deep", name)(**settings), recipe="none"), classes=("a", "b", "c"), targets=9)
    encoder = copy.deepcopy(representation().encoder)
    with seeded_init(0):
        return Tuned(objective, encoder, objective.head(encoder), layers, factor)


class Sides(ByDomain):
    """Adds 1 to the source."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x[: self.sources] + 1, x[self.sources :]])


def test_modules_are_told_for_a_block_and_the_target_is_meant_otherwise() -> None:
    network, x = nn.Sequential(nn.Identity(), Sides()), torch.zeros(3, 1)
    with told(network, 2):
        assert network(x).tolist() == [[1], [1], [0]]
    with pytest.raises(ValueError), told(network, 3):
        raise ValueError
    assert network(x).tolist() == [[0], [0], [0]]


@pytest.mark.parametrize("momentum", [0.3, None])
def test_in_turn_each_domain_has_its_own_batch_and_only_the_target_is_remembered(momentum: float | None) -> None:
    network = nn.Sequential(Sides(), nn.BatchNorm1d(2, momentum=momentum))
    alone = copy.deepcopy(network[1])
    x_s, x_t = pixels(5)[:, 0, 0, :2], 3 * pixels(4, 1)[:, 0, 0, :2] + 1
    for _ in range(2):
        found = in_turn(network, x_s, x_t)
        expected = alone(x_t)
    assert torch.equal(found[5:], expected)
    assert torch.allclose(found[:5], nn.BatchNorm1d(2)(x_s + 1), atol=1e-6)
    assert all(torch.equal(a, b) for a, b in zip(network[1].state_dict().values(), alone.state_dict().values()))
    assert network[1].momentum == momentum


def test_one_image_is_normalised_by_what_is_remembered() -> None:
    network = nn.Sequential(nn.BatchNorm1d(2))
    network[0].running_mean.fill_(2.0)
    found = in_turn(network, torch.ones(1, 2), torch.full((1, 2), 3.0))
    assert np.allclose(found.detach(), [[-1, -1], [1, 1]], atol=1e-4) and network[0].training
    assert network[0].running_mean.tolist() == [2, 2]
    assert in_turn(network, torch.ones(0, 2), torch.ones(1, 2)).shape == (1, 2)


def test_frozen_statistics_stay_frozen() -> None:
    network = nn.Sequential(nn.BatchNorm1d(2).eval())
    with still(network):
        network(torch.ones(3, 2))
    assert not network[0].training and network[0].running_mean.tolist() == [0, 0]


@pytest.mark.parametrize("name", EQUIPPING)
def test_what_is_new_learns_at_the_heads_rate_and_the_rest_at_the_networks(name: str) -> None:
    module = tuned(name, factor=0.1)
    fresh = {id(one) for one in module.objective.fresh(module.encoder)}
    (player,) = module.players()
    assert callable(player.optimiser)
    rates: dict[int, float] = {}
    for group in player.optimiser([{"params": list(player.parameters)}], 1.0).param_groups:
        rates |= {id(one): group["lr"] for one in group["params"]}
    assert fresh and all(rates[one] == 1.0 for one in fresh)
    rest = {id(one) for one in module.encoder.parameters()} - fresh
    assert rest and all(rates[one] == 0.1 for one in rest)
    assert all(rates[id(one)] == 1.0 for one in module.head.parameters())


@pytest.mark.parametrize("name", EQUIPPING)
def test_what_is_frozen_stays_as_it_was_for_both_domains(name: str) -> None:
    module, x, start = tuned(name, "last:1"), pixels(6), representation().encoder.network
    assert isinstance(module.objective, Adapting)
    network, method = module.encoder.network, module.objective.method
    module.train()
    optimiser = torch.optim.SGD([one for one in module.parameters() if one.requires_grad], 0.1)
    for _ in range(2):
        with told(network, 3):
            z = in_turn(module.encoder, x[:3], x[3:]) if method.in_turn else module.encoder(x)
        loss = (z * x[:, 0, 0, :1]).sum() + method.penalty(network)[0]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    module.eval(), start.eval()
    with torch.no_grad():
        expected = start.blocks[2](start.blocks[1](start.blocks[0](x)))
        for sources in (0, 6):
            with told(network, sources):
                assert torch.equal(network.blocks[2](network.blocks[1](network.blocks[0](x))), expected)
        assert not torch.equal(network.blocks[3](expected), start.blocks[3](expected))
    for kind in (Stream, Residual):
        for key, _, one in weights_of(network, kind):
            assert all(parameter.requires_grad == key.startswith("blocks.3") for parameter in one.parameters())


@pytest.mark.parametrize("name", EQUIPPING)
def test_what_is_written_is_a_plain_network_that_says_what_the_run_said(name: str, tmp_path: Path) -> None:
    out, (source, target) = tmp_path / "run", domains()
    found = run(name, out, domains=(source, target))
    written, start = Representation.load(out), representation()
    assert written.encoder.state_dict().keys() == start.encoder.state_dict().keys()
    assert type(written.encoder.network) is type(start.encoder.network)
    classifier = read_classifier(out)
    codes = classifier.logits(written.embed(target.items, precision="fp32").vectors).argmax(1)
    assert np.array(classifier.classes)[codes].tolist() == found.predictions.tolist()
    assert written.card["task"]["method"]["weight"] == load("deep", name)().weight


def test_a_method_that_changes_the_network_refuses_lora_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--layers.*autodial is one"):
        run("autodial", tmp_path / "run", layers="lora:2")
    assert not (tmp_path / "run").exists()
