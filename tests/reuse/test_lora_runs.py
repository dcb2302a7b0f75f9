"""`layers="lora"` in whole runs: few weights learn, the folder is an ordinary one, a stopped run goes on the same."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from helpers.trainables import equal, weights
from regard.backbones.encoder import make_encoder
from regard.backbones.network_encoder import NetworkEncoder
from regard.core.checks import InputError
from regard.core.storage import load_tensors, read_json
from regard.data.builtin import builtin
from regard.data.scenes import scenes
from regard.learning.freezing import Tuned, freeze
from regard.learning.lora import LowRank
from regard.learning.objective import Objective
from regard.learning.settings import TrainSettings
from regard.learning.trainable import START
from regard.representation.representation import Representation
from regard.reuse.dense.train import train_events
from regard.reuse.finetune import classify, finetune_events

SETTINGS = TrainSettings(steps=4, batch=4, lr=1e-2, precision="fp32", device="cpu", checkpoint_steps=2, eval_every=2)


class Squares(Objective):
    """Just enough of one to train a head."""

    def head(self, encoder):
        return nn.Linear(encoder.num_features, 2)

    def prepare(self, batch, generator):
        return batch.images, batch.labels

    def loss(self, encoder, head, inputs, targets, at=START):
        return head(encoder(inputs)).square().mean(), {}


def game(name="timm:test_resnet", layers="lora:2", seed=0):
    encoder = make_encoder(name, size=64)
    return Tuned(Squares(), encoder, nn.Linear(encoder.num_features, 2), layers, 0.5, seed)


def test_the_matrices_and_the_head_learn_and_are_added_in_the_end():
    one = game()
    learning = {name for name, value in one.named_parameters() if value.requires_grad}
    assert {name.rpartition(".")[2] for name in learning if name.startswith("encoder.")} == {"down", "up"}
    assert {name for name in learning if name.startswith("head.")} == {"head.weight", "head.bias"}
    (player,) = one.players()
    assert {id(value) for value in player.parameters} == {id(v) for v in one.parameters() if v.requires_grad}
    optimiser = player.make_optimiser(SETTINGS)
    rates = {group["lr"] for group in optimiser.param_groups}
    assert rates == {SETTINGS.lr, SETTINGS.lr * 0.5}
    one.train()
    norms = [module for module in one.encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and not any(module.training for module in norms) and one.head.training
    x = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    trial = copy.deepcopy(one)  # as rates and precisions are tried
    assert equal(weights(trial), weights(one)) and {type(each) for each in trial.modules()} >= {LowRank}
    before = {name: value.clone() for name, value in make_encoder("timm:test_resnet", size=64).state_dict().items()}
    for _ in range(3):
        optimiser.zero_grad()
        one.objective.loss(one.encoder, one.head, x, None)[0].backward()
        optimiser.step()
    learned = one.encoder(x)
    assert torch.equal(trial.encoder(x), make_encoder("timm:test_resnet", size=64).eval()(x))
    one.settle()
    after = one.encoder.state_dict()
    assert set(after) == set(before)
    torch.testing.assert_close(one.encoder(x), learned, rtol=1e-4, atol=1e-5)
    layers = {name for name, module in one.encoder.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}
    for name, value in after.items():
        changed = not torch.equal(value, before[name])
        assert not changed or (name.endswith(".weight") and name.removesuffix(".weight") in layers), name
    assert any(not torch.equal(value, before[name]) for name, value in after.items())


def test_the_rank_is_as_asked_and_the_draws_are_the_seeds():
    ranks = {layers: game(layers=layers) for layers in ("lora", "lora:1", "lora:8")}
    for layers, rank in (("lora", 4), ("lora:1", 1), ("lora:8", 8)):
        downs = [v for name, v in ranks[layers].encoder.named_parameters() if name.endswith(".down")]
        assert max(len(one) for one in downs) == rank, layers
    drawn = [
        [v for name, v in game(seed=seed).encoder.named_parameters() if name.endswith(".down")] for seed in (3, 3, 4)
    ]
    assert all(torch.equal(a, b) for a, b in zip(drawn[0], drawn[1], strict=True))
    assert not torch.equal(drawn[0][0], drawn[2][0])


class Bare(nn.Module):
    """A network of one bare parameter."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return x.mean((2, 3)) * self.scale


def test_what_cannot_be_adapted_is_told():
    config = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    bare = NetworkEncoder("mylib:bare", Bare(), config, 32)
    with pytest.raises(InputError, match="--layers: expected all or head: mylib:bare has no linear layers"):
        freeze(bare, "lora")
    for layers in ("lora:0", "lora:", "lora:x", "lora:-1", "lora:1.5"):
        with pytest.raises(InputError, match="--layers: expected lora, or lora:R with R of at least 1, got"):
            freeze(make_encoder("convnet4"), layers)
    with pytest.raises(InputError, match="--layers: expected all, head, last:N .* or lora:R"):
        freeze(make_encoder("convnet4"), "low")


def stopped(events, at=2):
    for event in events:
        if event.kind == "checkpoint" and event.step == at:
            break
    events.close()


@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_tuned_folder_is_an_ordinary_one_and_a_stopped_run_ends_the_same(tmp_path, keep):
    every = builtin("digits")
    train, test = every.subset(np.arange(40)), every.subset(np.arange(1000, 1020))
    start = Representation.load("random:convnet4")
    options = {"layers": "lora:2", "settings": SETTINGS, "keep": keep, "method": {"recipe": "none"}}
    assert [*finetune_events(train, test, start, out=tmp_path / "whole", **options)][-1].kind == "done"
    stopped(finetune_events(train, test, start, out=tmp_path / "cut", **options))
    [*finetune_events(train, test, start, out=tmp_path / "cut", **options)]
    for file in ("model.safetensors", "classifier.safetensors"):
        assert equal(load_tensors(tmp_path / "whole" / file), load_tensors(tmp_path / "cut" / file))
    found = Representation.load(tmp_path / "whole")
    assert found.encoder.state_dict().keys() == start.encoder.state_dict().keys()
    assert found.fingerprint != start.fingerprint and found.card["training"]["layers"] == "lora:2"
    # the figures are those of the weights that were written
    told = read_json(tmp_path / "whole/predictions.json")
    _, probabilities, classes = classify(tmp_path / "whole", test, precision="fp32", cache=False)
    assert [classes[place] for place in probabilities.argmax(1)] == told["predictions"]


def test_a_dense_run_does_the_same(tmp_path):
    every = scenes(14, size=64, seed=3)
    parts = every.subset(np.arange(8)), every.subset(np.arange(8, 14))
    start = Representation.load("random:convnet4")
    options = {"what": "semantic", "head": "linear", "size": 64, "layers": "lora:2", "settings": SETTINGS}
    [*train_events(*parts, start, out=tmp_path / "whole", **options)]
    stopped(train_events(*parts, start, out=tmp_path / "cut", **options))
    [*train_events(*parts, start, out=tmp_path / "cut", **options)]
    for file in ("model.safetensors", "head.safetensors"):
        assert equal(load_tensors(tmp_path / "whole" / file), load_tensors(tmp_path / "cut" / file))
    found = Representation.load(tmp_path / "whole").encoder.state_dict()
    before = start.encoder.state_dict()
    changed = {name for name, value in found.items() if not torch.equal(value, before[name])}
    assert changed and found.keys() == before.keys()
    assert all(name.endswith(".0.weight") for name in changed), "convolutions alone, not normalisation"
