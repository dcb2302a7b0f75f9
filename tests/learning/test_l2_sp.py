"""L2-SP: the gradient of its penalty, where it leads on a quadratic, and what it replaces."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.learning.batch import Batch
from regard.learning.freezing import Tuned
from regard.learning.l2_sp import StartingPoint
from regard.learning.objective import Objective
from regard.learning.settings import TrainSettings
from regard.learning.trainable import START


class Task(Objective):
    """Just enough of one to have a head."""

    def head(self, encoder):
        return nn.Linear(encoder.num_features, 2)

    def prepare(self, batch, generator):
        return batch.images, batch.labels

    def loss(self, encoder, head, inputs, targets, at=START):
        return head(encoder(inputs)).square().mean(), {"other": 1.0}


def game(pull, layers="all"):
    encoder = make_encoder("convnet4")
    torch.manual_seed(0)
    return Tuned(Task(), encoder, nn.Linear(encoder.num_features, 2), layers, 1.0, l2_sp=pull)


def test_the_gradient_is_alpha_times_the_way_gone_and_beta_times_the_head():
    torch.manual_seed(0)
    network, head = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), nn.Linear(2, 2)
    start = StartingPoint(network, alpha=0.3, beta=0.7)
    before = [one.detach().clone() for one in network.parameters()]
    with torch.no_grad():
        for one in network.parameters():
            one.add_(torch.randn_like(one))
    start.penalty(network, head).backward()
    for one, was in zip(network.parameters(), before):
        assert torch.allclose(one.grad, 0.3 * (one.detach() - was), atol=1e-6)
    for one in head.parameters():
        assert torch.allclose(one.grad, 0.7 * one.detach(), atol=1e-6)


def test_on_a_quadratic_the_minimum_lies_between_the_start_and_the_other_one():
    network, head = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    w0, best, curve = 2.0, 5.0, 1.5
    nn.init.constant_(network.weight, w0)
    for alpha in (0.0, 0.5, 100.0):
        net = copy.deepcopy(network)
        start = StartingPoint(net, alpha, 0.0)
        optimiser = torch.optim.SGD(net.parameters(), 1 / (curve + alpha))
        for _ in range(50):
            optimiser.zero_grad()
            (curve / 2 * (net.weight - best).square().sum() + start.penalty(net, head)).backward()
            optimiser.step()
        assert net.weight.item() == pytest.approx((curve * best + alpha * w0) / (curve + alpha), abs=1e-5)


def test_it_is_in_the_loss_takes_the_place_of_decay_and_is_not_in_a_checkpoint():
    plain, pulled = game(None), game((2.0, 0.5))
    x = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, torch.arange(4), torch.arange(4) % 2)
    (first, _), (second, log) = (one(START, batch, torch.Generator()) for one in (plain, pulled))
    head = sum(one.detach().square().sum().item() for one in pulled.head.parameters())
    assert float(log["l2_sp"]) == pytest.approx(0.25 * head, rel=1e-5) and log["other"] == 1.0  # at the start
    assert second.item() == pytest.approx(first.item() + 0.25 * head, rel=1e-5)
    decays = [
        {group["weight_decay"] for group in one.players()[0].make_optimiser(TrainSettings(lr=0.1)).param_groups}
        for one in (plain, pulled)
    ]
    assert decays == [{0.0, 0.01}, {0.0}]
    assert plain.state_dict().keys() == pulled.state_dict().keys()


def test_only_what_learns_is_held():
    held = game((1.0, 0.0), "last:1").start.names
    assert held and all(name.startswith("blocks.3.") for name in held)


def test_a_copy_holds_to_the_same_start():
    one = game((1.0, 0.0))
    again = copy.deepcopy(one)
    with torch.no_grad():
        next(again.encoder.network.parameters()).add_(1.0)
    away = next(again.encoder.network.parameters()).numel()
    assert again.start.penalty(again.encoder.network, again.head).item() == pytest.approx(away / 2, rel=1e-4)
    assert one.start.penalty(one.encoder.network, one.head).item() == 0.0


@pytest.mark.parametrize("alpha", [-1.0, np.nan])
def test_strengths_that_cannot_be(alpha):
    with pytest.raises(InputError, match="--l2-sp"):
        StartingPoint(nn.Linear(1, 1), alpha, 0.0)
