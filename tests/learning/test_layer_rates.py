"""Layer-wise rates: which stage a weight is in, at which rate it learns, that nothing changes where none is asked."""

import pytest
import torch
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.learning.freezing import Tuned
from regard.learning.layer_rates import stages_above
from regard.learning.objective import Objective
from regard.learning.settings import TrainSettings
from regard.learning.trainable import START

SETTINGS = TrainSettings(steps=1, lr=0.1)


class Task(Objective):
    """Just enough of one to have a head."""

    def head(self, encoder):
        return nn.Linear(encoder.num_features, 2)

    def prepare(self, batch, generator):
        return batch.images, batch.labels

    def loss(self, encoder, head, inputs, targets, at=START):
        return head(encoder(inputs)).square().mean(), {}


def tuned(name="convnet4", layers="all", decay=0.5, factor=0.2):
    encoder = make_encoder(name)
    return Tuned(Task(), encoder, nn.Linear(encoder.num_features, 2), layers, factor, 0, decay)


def rates(module):
    """Of each parameter by name."""
    (player,) = module.players()
    named = {id(value): name for name, value in module.named_parameters()}
    groups = player.make_optimiser(SETTINGS).param_groups
    found = [(named[id(value)], group["lr"]) for group in groups for value in group["params"]]
    assert len(dict(found)) == len(found)
    return dict(found)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("convnet4", {"blocks.0.0.weight": 3, "blocks.2.1.bias": 1, "blocks.3.1.bias": 0}),
        ("resnet18", {"conv1.weight": 4, "bn1.bias": 4, "layer1.0.conv1.weight": 3, "layer4.1.bn2.weight": 0}),
        (
            "timm:vit_tiny_patch16_224",
            {"cls_token": 12, "pos_embed": 12, "patch_embed.proj.weight": 12, "blocks.0.norm1.weight": 11}
            | {"blocks.11.mlp.fc2.bias": 0, "norm.weight": 0},
        ),
        # maps come from blocks 0, 1, 2, 4 and 6: what lies between is the next one's
        ("timm:tf_efficientnet_lite0", {"conv_stem.weight": 5, "blocks.3.0.conv_pw.weight": 1, "conv_head.weight": 0}),
    ],
)
def test_which_stage_a_weight_is_in(name, wanted):
    encoder = make_encoder(name)
    found = stages_above(encoder)
    assert set(found) == {one for one, _ in encoder.network.named_parameters()}
    assert {one: found[one] for one in wanted} == wanted


def test_each_stage_has_the_next_ones_rate_times_the_decay():
    found = rates(tuned())
    assert found["head.weight"] == found["head.bias"] == 0.1
    for name, rate in found.items():
        if name.startswith("encoder."):
            block = int(name.split(".")[3])
            assert rate == pytest.approx(0.1 * 0.2 * 0.5 ** (3 - block)), name
    assert len({rate for rate in found.values()}) == 5


def test_a_decay_of_one_changes_nothing():
    for decay in (1.0, 1):
        (player,) = tuned(decay=decay).players()
        groups = player.make_optimiser(SETTINGS).param_groups
        assert [group["lr"] for group in groups] == [0.1, pytest.approx(0.02)] * 2  # matrices, then vectors


def test_with_frozen_stages_and_with_matrices_of_low_rank():
    found = rates(tuned(layers="last:2"))
    assert {name.split(".")[3] for name in found if name.startswith("encoder.")} == {"2", "3"}
    assert found["encoder.network.blocks.2.0.weight"] == pytest.approx(0.01)
    low = rates(tuned(layers="lora:2"))
    downs = {name: rate for name, rate in low.items() if name.endswith(".down")}
    assert len(downs) == 4
    for name, rate in downs.items():
        assert rate == pytest.approx(0.1 * 0.2 * 0.5 ** (3 - int(name.split(".")[3])))


def test_a_step_moves_early_stages_less():
    module = tuned(decay=0.1, factor=1.0)
    before = {name: value.detach().clone() for name, value in module.named_parameters()}
    (player,) = module.players()
    optimiser = player.make_optimiser(SETTINGS)
    x = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    module.objective.loss(module.encoder, module.head, x, None)[0].backward()
    optimiser.step()
    moved = {name: float((value.detach() - before[name]).abs().max()) for name, value in module.named_parameters()}
    steps = [moved[f"encoder.network.blocks.{block}.0.weight"] for block in range(4)]
    # Adam's first step is the rate itself
    assert all(a < b / 5 for a, b in zip(steps, steps[1:], strict=False))


def test_what_cannot_be_is_told():
    for decay in (0, -1, 1.5):
        with pytest.raises(InputError, match="--layer-decay: expected a number above 0 and at most 1"):
            tuned(decay=decay)
    encoder = make_encoder("convnet4")
    encoder.feature_info = []
    with pytest.raises(InputError, match="--layer-decay: expected 1: the stages of .*convnet4 are not modules"):
        stages_above(encoder)
