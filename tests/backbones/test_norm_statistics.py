"""Between training and evaluation: the gap of batch normalisation, and a batch of one."""

import pytest
import torch
from torch import nn

from helpers.guards import random_state_untouched
from regard.backbones.encoder import make_encoder
from regard.backbones.norm_statistics import batch_errors, statistics_gap
from regard.core.checks import InputError


def pictures(count=8, side=16, seed=0):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def flat(norm):
    return nn.Sequential(norm, nn.Flatten())


def test_the_gap_is_the_formula():
    network, x = flat(nn.BatchNorm2d(3)), pictures()
    network[0].running_mean += torch.tensor([0.5, 0.0, 1.0])
    network[0].running_var *= 2
    shape = (1, 3, 1, 1)
    mean, var = network[0].running_mean.view(shape), network[0].running_var.view(shape)
    running = ((x - mean) / (var + 1e-5).sqrt()).flatten(1)
    own = x.var((0, 2, 3), correction=0, keepdim=True)
    batch = ((x - x.mean((0, 2, 3), keepdim=True)) / (own + 1e-5).sqrt()).flatten(1)
    expected = float((batch - running).norm() / (running - running.mean(0)).norm())
    assert statistics_gap(network, x) == pytest.approx(expected, rel=1e-5)


def test_it_is_zero_where_the_running_averages_are_the_batchs_and_without_batch_normalisation():
    network, x = flat(nn.BatchNorm2d(3)), pictures()
    network[0].running_mean.copy_(x.mean((0, 2, 3)))
    network[0].running_var.copy_(x.var((0, 2, 3), correction=0))
    assert statistics_gap(network, x) < 1e-5
    assert statistics_gap(make_encoder("resnet_scaled", norm="gn:8"), pictures(side=32)) == 0
    assert statistics_gap(make_encoder("alexnet_scaled").train(), pictures(side=32)) == 0, "dropout has no part in it"


@pytest.mark.parametrize("name", ["resnet_scaled", "timm:test_efficientnet"])
def test_nothing_is_changed_by_looking(name):
    encoder = make_encoder(name, size=64).train()
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    with random_state_untouched():
        assert statistics_gap(encoder, pictures(side=64)) > 0.01
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())
    norms = [one for one in encoder.modules() if isinstance(one, nn.BatchNorm2d)]
    assert norms and all(one.training and one.track_running_stats for one in norms)


def test_what_has_no_gap_to_measure_is_refused():
    network = flat(nn.BatchNorm2d(3))
    with pytest.raises(InputError, match="at least two images"):
        statistics_gap(network, pictures(1))
    with pytest.raises(InputError, match="images that differ"):
        statistics_gap(network, torch.ones(2, 3, 4, 4))


def test_one_value_a_channel_is_told_clearly_and_other_errors_pass():
    network = make_encoder("resnet_scaled", size=16).train()
    with pytest.raises(InputError, match=r"^--batch: expected at least 2 images"), batch_errors():
        network(pictures(1))
    with pytest.raises(ValueError, match="^other$"), batch_errors():
        raise ValueError("other")
    assert make_encoder("resnet_scaled", size=16, norm="gn:8").train()(pictures(1)).shape == (1, 128)
