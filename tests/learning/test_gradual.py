"""Gradual unfreezing: whose turn it is, that nobody moves before it, and that a network without stages is refused."""

import pytest
import torch
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.learning.batch import Batch
from regard.learning.freezing import Tuned, check_tuning, freeze
from regard.learning.gradual import UNTIL, Gradual
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
        return nn.functional.cross_entropy(head(encoder(inputs)), targets), {}


def tuned(layers="all", unfreeze="gradual"):
    torch.manual_seed(0)
    encoder = make_encoder("convnet4")
    return Tuned(Task(), encoder, nn.Linear(encoder.num_features, 2), layers, 1.0, unfreeze=unfreeze)


def moved(game, optimiser, progress):
    """The names of the tensors of the network that a step at this share of the run changes."""
    before = {name: value.clone() for name, value in game.encoder.network.state_dict().items()}
    at = START._replace(progress=progress)
    x = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    game.train()
    game.before_step(at)
    optimiser.zero_grad()
    loss, _ = game(at, Batch(x, torch.arange(8), torch.arange(8) % 2), torch.Generator())
    loss.backward()
    game.before_update(at)
    optimiser.step()
    return {name for name, value in game.encoder.network.state_dict().items() if not torch.equal(value, before[name])}


def test_stages_begin_from_the_last_and_those_that_wait_do_not_move_at_all():
    game = tuned()
    (player,) = game.players()
    # decay would move what waits, if its optimiser saw it
    optimiser = player.make_optimiser(TrainSettings(lr=0.01, weight_decay=0.5))
    assert game.gradual.turns == 4
    for turn in range(5):
        changed = moved(game, optimiser, UNTIL * turn / 4)
        blocks = {name.split(".")[1] for name in changed}
        assert blocks == {str(3 - k) for k in range(turn)}, turn
        if turn:  # weights, and what batch normalisation counts
            assert f"blocks.{4 - turn}.0.weight" in changed and f"blocks.{4 - turn}.1.running_mean" in changed
    assert moved(game, optimiser, 1.0) >= {"blocks.0.0.weight", "blocks.3.1.bias"}


def test_with_several_processes_gradients_are_made_and_then_dropped():
    game = tuned()
    network = game.encoder.network
    game.gradual.take_turns(network, 0.0, several=True)
    assert all(one.requires_grad for one in network.parameters())
    for one in network.parameters():
        one.grad = torch.ones_like(one)
    game.gradual.hold_back(network, UNTIL / 4)
    assert {name.split(".")[1] for name, one in network.named_parameters() if one.grad is not None} == {"3"}


def test_it_is_told_by_the_share_of_the_run_alone():
    first, second = tuned(), tuned()
    for progress in (0.0, 0.1, 0.2, 0.3):
        first.before_step(START._replace(progress=progress))
    second.before_step(START._replace(progress=0.3))  # as a run that goes on
    assert first.gradual.waiting == second.gradual.waiting
    assert {name[:8] for name in first.gradual.waiting} == {"blocks.0", "blocks.1"}
    learn = [[one.requires_grad for one in game.encoder.parameters()] for game in (first, second)]
    assert learn[0] == learn[1] and not all(learn[0]) and any(learn[0])


def test_what_is_frozen_for_good_has_no_turn():
    encoder = make_encoder("convnet4")
    freeze(encoder, "last:2")
    gradual = Gradual(encoder)
    assert gradual.turns == 2
    assert {name.split(".")[1]: turn for name, turn in gradual.turn_of.items()} == {"3": 1, "2": 2}
    gradual.take_turns(encoder.network, 1.0)
    assert {name.split(".")[1] for name, one in encoder.network.named_parameters() if one.requires_grad} == {"2", "3"}


def test_patches_and_positions_come_last():
    turns = Gradual(make_encoder("timm:vit_tiny_patch16_224", size=32)).turn_of
    assert turns["norm.weight"] == turns["blocks.11.mlp.fc1.weight"] == 1
    assert turns["cls_token"] == turns["patch_embed.proj.weight"] == 13


def test_networks_and_ways_that_do_not_fit():
    with pytest.raises(InputError, match="--unfreeze: expected all or lp-ft: the stages of torchvision:alexnet"):
        Gradual(make_encoder("torchvision:alexnet", size=64))
    for layers, unfreeze, pull, message in (
        ("all", "slowly", False, "--unfreeze: expected"),
        ("head", "gradual", False, "--unfreeze gradual: expected layers that do"),
        ("head", "lp-ft", False, "--unfreeze lp-ft: expected layers that do"),
        ("head", "all", True, "--l2-sp: expected layers that do"),
        ("lora:2", "gradual", False, "--unfreeze gradual: expected all or last:N"),
        ("lora", "all", True, "--l2-sp: expected all or last:N"),
    ):
        with pytest.raises(InputError, match=message):
            check_tuning(layers, unfreeze, pull)
    check_tuning("lora:2", "lp-ft", False)
    check_tuning("last:1", "gradual", True)
