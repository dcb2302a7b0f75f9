"""One run of the loop: its numbers, its events, its ends."""

import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers.trainables import SETTINGS, N, Small, batches, equal, run, small, training, weights
from regard.core.checks import InputError, RunError
from regard.core.runtime import derive_seed, seeded_init
from regard.core.storage import load_tensors
from regard.learning.checkpoint import CHECKPOINT, read_state
from regard.learning.scored import Scores
from regard.learning.trainable import Trainable


def test_one_player_is_a_plain_loop_of_torch() -> None:
    """The same numbers as ten obvious lines, for a game without draws."""

    class Plain(Trainable):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(108, 2)

        def forward(self, at, batch, generator):
            return nn.functional.cross_entropy(self.net(batch[0].flatten(1)), batch[1]), {}

    with seeded_init(1):
        ours, slow = Plain(), Plain()
    slow.load_state_dict(ours.state_dict())
    order: list[np.ndarray] = []

    def noted(rows: np.ndarray):
        order.append(rows)
        return batches(rows)

    settings = replace(SETTINGS, schedule="constant", warmup=0.0)
    list(training(ours, noted, N, settings))
    groups = [{"params": [slow.net.weight], "weight_decay": 1e-2}, {"params": [slow.net.bias], "weight_decay": 0}]
    optimiser = torch.optim.AdamW(groups, 1e-2)
    for rows in order[:12]:
        x, y = batches(rows)
        optimiser.zero_grad()
        nn.functional.cross_entropy(slow.net(x.flatten(1)), y).backward()
        optimiser.step()
    assert torch.allclose(ours.net.weight, slow.net.weight, atol=1e-7)
    assert sorted(np.concatenate(order[:6]).tolist()) == list(range(N)), "an epoch takes each row once"
    assert np.concatenate(order[:6]).tolist() != np.concatenate(order[6:12]).tolist(), "in a new order"


def test_dropout_draws_from_the_step_and_the_global_generator_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    class Drawing(Small):
        def forward(self, at, batch, generator):
            drawn.append(float(nn.functional.dropout(torch.ones(64), 0.5).sum()))
            return super().forward(at, batch, generator)

    with seeded_init(0):
        game = Drawing()
    expected = []
    for step in range(12):
        torch.manual_seed(derive_seed(0, "dropout", step, "all", 0, 0))
        expected.append(float(nn.functional.dropout(torch.ones(64), 0.5).sum()))
    before = torch.get_rng_state()

    def slow(seed: int) -> None:
        raise AssertionError("torch.manual_seed asks after every kind of device, at each step")

    monkeypatch.setattr(torch, "manual_seed", slow)
    run(game)
    assert drawn == expected and len(set(drawn)) > 3
    assert torch.equal(torch.get_rng_state(), before)


def test_events_tell_the_run() -> None:
    game = small()
    events = run(game, evaluate=lambda: Scores({"accuracy": 0.5}), settings=replace(SETTINGS, eval_every=6))
    assert [(e.kind, e.step) for e in events] == [
        ("start", 0), ("train", 4), ("eval", 6), ("train", 8), ("train", 12), ("eval", 12), ("done", 12),
    ]  # fmt: skip
    train = events[1].values
    assert train["seen"] == 8 and train["images_per_second"] > 0 and np.isfinite(train["loss"]) and train["lr"] > 0
    assert events[1].steps == 12 and events[-1].values["seconds"] > 0
    assert game.steps == list(range(12)), "the hook comes once a step"


def test_epochs_count_whole_batches() -> None:
    assert run(small(), replace(SETTINGS, steps=None, epochs=2, batch=10))[-1].step == 2 * (N // 10)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    a, b, c = small(), small(), small()
    run(a), run(b), run(c, replace(SETTINGS, seed=1))
    assert equal(weights(a), weights(b)) and not equal(weights(a), weights(c))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    run(small())
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    class Breaks(Small):
        def forward(self, at, batch, generator):
            loss, log = super().forward(at, batch, generator)
            return loss * (float("nan") if len(self.steps) >= 6 else 1.0), log

    with seeded_init(0):
        game = Breaks()
    with pytest.raises(RunError, match=r"nan at step 6, with a learning rate of .* Lower --lr"):
        run(game, replace(SETTINGS, checkpoint_steps=1), folder=tmp_path)
    assert read_state(tmp_path / CHECKPOINT)["step"] == 6
    assert all(torch.isfinite(value).all() for value in load_tensors(tmp_path / CHECKPOINT).values())


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    class Explodes(Small):
        def after_step(self, at) -> None:
            super().after_step(at)
            if at.step == 11:
                self.average.fill_(torch.inf)

    with seeded_init(0):
        game = Explodes()
    with pytest.raises(RunError, match="average holds NaN or infinity at step 12"):
        run(game, folder=tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()


class Spread(Small):
    """Reports a spread of our choice."""

    value = 0.0

    def forward(self, at, batch, generator):
        loss, _ = super().forward(at, batch, generator)
        return loss, {"spread": self.value if len(self.steps) % 40 else self.value * 100}


def test_collapse_stops_the_run_with_advice_and_a_dip_does_not() -> None:
    settings = replace(SETTINGS, steps=60, log_every=1)
    game = Spread()
    game.value = 1e-4
    with pytest.raises(RunError, match=r"collapse: at step .* Lower --lr, use a larger --batch"):
        run(game, settings)
    low_but_alive, game.value = Spread(), 0.05
    low_but_alive.value = 0.05
    assert run(low_but_alive, settings)[-1].kind == "done"
    dips = Spread()
    dips.value = 1e-4
    # nine reports of ten steps: shorter than the patience of ten
    assert run(dips, replace(settings, steps=90, log_every=10))[-1].kind == "done"


def test_batches_are_made_ahead_and_an_error_there_ends_the_run() -> None:
    def fails(rows: np.ndarray) -> None:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(training(small(), fails, N, SETTINGS))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": None}, "expected one of the three"),
        ({"epochs": 3}, "got several"),
        ({"batch": N + 1}, f"at most {N}"),
        ({"batch": None}, "--batch"),
        ({"lr": 0.0}, "--lr: expected a number above 0"),
        ({"batch": 0}, "--batch: expected a whole number of at least 1"),
        ({"schedule": "cosin"}, "Did you mean 'cosine'"),
        ({"precision": "fp16"}, "--precision"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        run(small(), replace(SETTINGS, **change))


DISTRIBUTED = """
import sys
sys.path.insert(0, {tests!r})
from dataclasses import replace
from pathlib import Path
from torch import nn
import torch
import helpers.trainables as t
from regard.core.runtime import seeded_init
from regard.learning.trainable import Trainable

class Plain(Trainable):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(108, 2)
    def forward(self, at, batch, generator):
        return nn.functional.cross_entropy(self.net(batch[0].flatten(1)), batch[1]), {{}}

with seeded_init(1):
    game = Plain()
for event in t.training(game, t.batches, t.N, t.SETTINGS, folder=Path({folder!r})):
    pass
"""


@pytest.mark.slow
def test_two_processes_give_what_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a batch each, gradients averaged: the same numbers up to rounding."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        script = tmp_path / f"{name}.py"
        script.write_text(DISTRIBUTED.format(tests=str(Path(__file__).parents[1]), folder=str(folder)))
        if name == "one":
            runpy.run_path(str(script))
        else:
            launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
            done = subprocess.run([*launcher, str(script)], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        found.append(load_tensors(folder / CHECKPOINT))
    one, two = found
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)
