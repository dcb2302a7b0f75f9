"""Tent: entropy, what of a network learns, and that the whole is a plain loop over the target in order."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers.adapting import SETTINGS, domains, representation, run
from regard.adapt.deep.adapting import Adapting
from regard.adapt.deep.batches import InOrder
from regard.adapt.deep.module import Adapted
from regard.adapt.deep.statistics import in_order
from regard.adapt.networks.tent import Method, mean_entropy, scales_and_shifts
from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.core.runtime import seeded_init
from regard.core.storage import load_tensors
from regard.learning.batch import Batch
from regard.learning.loop import training
from regard.learning.sampling import Together
from regard.learning.trainable import Player


def module() -> Adapted:
    objective = replace(Adapting(Method(), recipe="photo"), classes=("a", "b", "c"), targets=21)
    with seeded_init(0):
        encoder = copy.deepcopy(representation().encoder)
        head = objective.head(encoder)
    head["classes"].requires_grad_(False)
    return Adapted(objective, encoder, head, "all", 0.1)


def pixels() -> torch.Tensor:
    return torch.from_numpy(np.stack(domains()[1].items)).permute(0, 3, 1, 2)


def test_entropy_is_that_of_a_loop() -> None:
    logits = np.random.default_rng(0).normal(size=(6, 4))
    expected = []
    for row in logits:
        p = np.exp(row) / np.exp(row).sum()
        expected.append(-sum(one * np.log(one) for one in p))
    assert np.isclose(float(mean_entropy(torch.from_numpy(logits))), np.mean(expected))
    sure = torch.tensor([[500.0, 0.0]], requires_grad=True)
    mean_entropy(sure).backward()
    assert torch.equal(sure.grad, torch.zeros(1, 2))


def test_scales_and_shifts_of_every_normalisation_and_nothing_else() -> None:
    network = representation().encoder.network
    own = {id(one) for one in scales_and_shifts(network)}
    named = [name for name, one in network.named_parameters() if id(one) in own]
    assert named == [f"blocks.{i}.1.{kind}" for i in range(4) for kind in ("weight", "bias")]
    layers = nn.Sequential(
        *(nn.LayerNorm(3), nn.GroupNorm(1, 4), nn.InstanceNorm2d(5, affine=True), nn.BatchNorm1d(6, affine=False)),
        *(nn.Linear(7, 7), nn.Conv2d(2, 2, 1), nn.BatchNorm3d(8)),
    )
    assert [len(one) for one in scales_and_shifts(layers)] == [3, 3, 4, 4, 5, 5, 8, 8]
    transformer = make_encoder("timm:vit_tiny_patch16_224", size=32).network
    own = {id(one) for one in scales_and_shifts(transformer)}
    assert {name.split(".")[-2] for name, one in transformer.named_parameters() if id(one) in own} == {
        *("norm1", "norm2", "norm")
    }


def test_a_network_without_any_is_refused_and_layers_without_any_too() -> None:
    with pytest.raises(InputError, match="--with"):
        Method().admits(nn.Sequential(nn.Linear(2, 2)))
    Method().admits(nn.LayerNorm(2))
    with pytest.raises(InputError, match="--layers"):
        Method().players(Player("all", []), representation().encoder.network, None)
    with pytest.raises(InputError, match="--set passes"):
        Method(passes=0)
    with pytest.raises(InputError, match="--set lr"):
        Method(lr=0.0)
    assert Method(passes=3).steps(4) == 12


def test_two_passes_are_a_plain_loop_over_the_batches_in_order() -> None:
    x, ours = pixels(), module()
    settings = replace(SETTINGS, steps=6, schedule="constant", warmup=0.0)

    class Source:
        images, size, steps_per_epoch = 8, 8, 1

        def __call__(self, step: int) -> Batch:
            return Batch(torch.zeros(8, 3, 8, 8, dtype=torch.uint8), torch.zeros(8), torch.zeros(8))

    target = InOrder(lambda rows: Batch(x[rows], torch.from_numpy(rows)), 21, 8)
    assert target.steps_per_epoch == 3
    plain = module()
    list(training(ours, Together({"source": Source(), "target": target}), settings))

    plain.train()
    learning = scales_and_shifts(plain.encoder.network)
    optimiser = torch.optim.AdamW(learning, settings.lr * 0.5, weight_decay=0.0)
    for step in range(6):
        rows = [(8 * step + place) % 21 for place in range(8)]
        logits = plain.head["classes"](plain.encoder(x[rows].float() / 255))
        P = torch.softmax(logits, 1)
        loss = -(P * torch.log_softmax(logits, 1)).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    mine, its, start = ours.state_dict(), plain.state_dict(), module().state_dict()
    for name, value in its.items():
        assert torch.allclose(mine[name], value, atol=1e-6), name
    moved = {name for name in start if not torch.equal(start[name], mine[name])}
    assert moved == {n for n in start if n.split(".")[-2:-1] == ["1"] and "encoder" in n}, "normalisation alone"


def test_a_run_changes_scales_shifts_and_statistics_alone(tmp_path: Path) -> None:
    run("tent", tmp_path / "none", chosen={"weight": 0})
    found = run("tent", tmp_path / "one")
    assert found.metrics["steps"] == 3, "one pass over 21 images in batches of 8"
    none, one = (load_tensors(tmp_path / name / "model.safetensors") for name in ("none", "one"))
    same = {name for name in none if torch.equal(none[name], one[name])}
    assert {name for name in none if name not in same} == {name for name in none if name.split(".")[2] == "1"}
    none, one = (load_tensors(tmp_path / name / "classifier.safetensors") for name in ("none", "one"))
    assert all(torch.equal(none[name], one[name]) for name in none)

    network = copy.deepcopy(representation().encoder).eval()
    network.network.load_state_dict(load_tensors(tmp_path / "one" / "model.safetensors"))
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    in_order(network, lambda: (pixels().float() / 255).split(7))
    for name, value in network.state_dict().items():
        assert torch.allclose(value.float(), kept[name].float(), atol=1e-5), "statistics of the whole target"
