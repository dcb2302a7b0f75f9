"""What a CPU computes, a CUDA device computes too: the loop, vectors, a pretext task, fine-tuning, a resumed run.

`pytest -m cuda` runs them where there is one. `REGARD_TEST_DEVICE=cpu pytest -m cuda` runs the same checks, CPU against
CPU, so that the tests themselves are tried where there is none; `mps` and `cuda:1` work as well.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers.arrays import cosines
from helpers.trainables import N, batches, training
from regard.core.runtime import seeded_init
from regard.create.run import train, train_events
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.learning.settings import TrainSettings
from regard.learning.trainable import Player, Trainable
from regard.representation.embed import embed
from regard.representation.representation import Representation
from regard.reuse.finetune import classify, finetune, finetune_events

DEVICE = os.environ.get("REGARD_TEST_DEVICE", "cuda")
pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(DEVICE.startswith("cuda") and not torch.cuda.is_available(), reason="no CUDA device"),
]
SETTINGS = TrainSettings(steps=24, batch=8, lr=1e-2, precision="fp32", device="cpu", checkpoint_steps=1, clip=0.5)
LEARN = TrainSettings(steps=60, batch=32, lr=5e-3, precision="fp32", device="cpu")


@pytest.fixture(autouse=True)
def full_fp32() -> Iterator[None]:
    """Convolutions and products in fp32 as a CPU computes them: TF32 keeps ten bits of the mantissa."""
    places = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = False
    yield
    for place, value in zip(places, before):
        place.allow_tf32 = value


@pytest.fixture(scope="module")
def digits() -> tuple[ImageSet, ImageSet]:
    every = builtin("digits")
    return every.subset(np.arange(0, 320)), every.subset(np.arange(1000, 1200))


class Duel(Trainable):
    """Two players, normalisation, a buffer that a hook moves; no draws, which differ between devices."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device
        self.net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        self.head, self.critic = nn.Linear(64, 2), nn.Linear(64, 1)
        self.register_buffer("average", torch.zeros(2, 64))

    def players(self):
        return [
            Player("head", [*self.net.parameters(), *self.head.parameters()]),
            Player("critic", list(self.critic.parameters()), optimiser="sgd"),
        ]

    def forward(self, at, batch, generator):
        x, y = batch
        assert generator.device.type == x.device.type == torch.device(self.device).type
        if at.player == "critic":
            return (self.critic(self.net(x))[:, 0] - y).square().mean(), {}
        return nn.functional.cross_entropy(self.head(self.net(x)), y), {"seen": len(x)}

    def after_step(self, at) -> None:
        self.average.lerp_(self.head.weight.detach(), 0.1)


def duel(device: str) -> Duel:
    with seeded_init(0):
        return Duel(device)


def close(a: nn.Module, b: nn.Module, tolerance: float) -> None:
    ours, others = a.state_dict(), b.state_dict()
    assert ours.keys() == others.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value.cpu(), others[name].cpu(), rtol=tolerance, atol=tolerance, msg=name)


def test_the_loop_ends_with_the_weights_of_a_cpu() -> None:
    here, there = duel("cpu"), duel(DEVICE)
    told = [list(training(one, batches, N, replace(SETTINGS, device=one.device))) for one in (here, there)]
    assert [(e.kind, e.step) for e in told[0]] == [(e.kind, e.step) for e in told[1]]
    close(here, there, 1e-3)


def test_a_loop_that_stopped_goes_on_there(tmp_path: Path) -> None:
    settings, whole, again = replace(SETTINGS, device=DEVICE), duel(DEVICE), duel(DEVICE)
    list(training(whole, batches, N, settings))
    for event in training(duel(DEVICE), batches, N, settings, folder=tmp_path):
        if event.kind == "checkpoint" and event.step == 11:
            break
    told = list(training(again, batches, N, settings, folder=tmp_path))
    assert told[0].step == 11 and told[-1].step == SETTINGS.steps
    close(whole, again, 1e-5)


@pytest.mark.parametrize("name", ["random:convnet4", "random:resnet18", "random:vit_tiny_patch16_224"])
def test_vectors_are_those_of_a_cpu(digits, name: str) -> None:
    images, representation = digits[1].subset(np.arange(40)), Representation.load(name)
    here = embed(images, representation, precision="fp32", device="cpu", cache=False).vectors
    there = embed(images, representation, precision="fp32", device=DEVICE, cache=False).vectors
    low = embed(images, representation, precision="bf16", device=DEVICE, cache=False).vectors
    assert cosines(here, there).min() > 0.9999
    assert cosines(here, low).min() > 0.99


@pytest.mark.parametrize("task", ["rotation", "simclr"])
def test_a_pretext_task_learns_as_on_a_cpu_and_goes_on(digits, tmp_path: Path, task: str) -> None:
    images = digits[0]
    settings = replace(LEARN, device=DEVICE, checkpoint_steps=20)
    train(images, task, out=tmp_path / "cpu", settings=LEARN)
    train(images, task, out=tmp_path / "there", settings=settings)
    for event in train_events(images, task, out=tmp_path / "stopped", settings=settings):
        if event.kind == "checkpoint" and event.step == 40:
            break
    train(images, task, out=tmp_path / "stopped", settings=settings)
    cpu, there, stopped = (Representation.load(tmp_path / name) for name in ("cpu", "there", "stopped"))
    # the draws of a device are its own: what is learned is alike, not equal
    scores = [one.card["scores"]["online_knn"] for one in (cpu, there)]
    assert abs(scores[0] - scores[1]) < 0.15, scores
    close(there.encoder.network, stopped.encoder.network, 1e-2)
    # and what was made there is used here
    vectors = [embed(digits[1], there, precision="fp32", device=d, cache=False).vectors for d in ("cpu", DEVICE)]
    assert cosines(*vectors).min() > 0.9999


def test_fine_tuning_answers_as_on_a_cpu_and_goes_on(digits, tmp_path: Path) -> None:
    start, method = Representation.load("random:convnet4"), {"recipe": "none"}
    settings = replace(LEARN, device=DEVICE, checkpoint_steps=20)
    here = finetune(*digits, start, out=tmp_path / "here", settings=LEARN, method=method)
    there = finetune(*digits, start, out=tmp_path / "there", settings=settings, method=method)
    stopped = finetune_events(*digits, start, out=tmp_path / "cut", settings=settings, method=method)
    for event in stopped:
        if event.kind == "checkpoint" and event.step == 40:
            break
    stopped.close()
    again = finetune(*digits, start, out=tmp_path / "cut", settings=settings, method=method)
    accuracies = [one.metrics["accuracy"] for one in (here, there, again)]
    assert min(accuracies) > 0.5 and np.ptp(accuracies) < 0.05, accuracies
    answers = [
        classify(tmp_path / "cut", digits[1], device=device, precision="fp32", cache=False)[1].argmax(1)
        for device in ("cpu", DEVICE)
    ]
    assert np.mean(answers[0] == answers[1]) > 0.99
