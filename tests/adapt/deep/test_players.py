"""Statistics that are kept, one image alone, rows in order, and signs where several move."""

import copy

import numpy as np
import torch
from torch import nn

from helpers.adapting import representation
from regard.adapt.deep.adapting import _features
from regard.adapt.deep.batches import InOrder
from regard.adapt.deep.signs import signs
from regard.adapt.deep.statistics import kept_statistics, stored_statistics
from regard.core.events import Event


def test_kept_statistics_change_no_output_and_no_buffer() -> None:
    x = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0)) + 2
    net = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, momentum=None), nn.BatchNorm2d(3)).train()
    net[2].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with kept_statistics(net):
        found = net(x)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(found, net(x)), "and afterwards it is as before"
    after = net.state_dict()
    assert after["0.num_batches_tracked"] == 1 and not torch.equal(after["1.running_mean"], before["1.running_mean"])
    assert torch.equal(after["2.running_mean"], before["2.running_mean"])


def test_one_image_alone_goes_by_what_is_stored() -> None:
    encoder = copy.deepcopy(representation().encoder).train()
    x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    alone = _features(encoder, x[:1])
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert torch.equal(alone, encoder.eval()(x[:1])) and encoder.network.training is False
    encoder.train()
    with stored_statistics(encoder):
        both = encoder(x)
    assert torch.allclose(both[:1], alone, atol=1e-6) and encoder.network.blocks[0][1].training
    assert not torch.allclose(_features(encoder, x)[:1], alone, atol=1e-6)


def test_rows_in_order_go_round_and_all_batches_are_of_one_size() -> None:
    batches = InOrder(lambda rows: rows.tolist(), 7, 3)
    assert batches.steps_per_epoch == 3
    assert [batches(step) for step in range(5)] == [[0, 1, 2], [3, 4, 5], [6, 0, 1], [2, 3, 4], [5, 6, 0]]


def test_a_constant_adversary_that_is_a_player_of_its_own_is_told_of() -> None:
    quiet = [Event("train", 1, 1, {"parts/domain_spread": 1e-5, "network/domain_spread": 1e-6})]
    assert "same of every image" in signs(quiet, np.eye(3))[0]
    loud = [Event("train", 1, 1, {"parts/domain_spread": 0.5, "network/domain_spread": 1e-6})]
    assert not signs(loud, np.eye(3))
