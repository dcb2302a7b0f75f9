"""The average of the weights: against the sum written out; early stopping; both after a kill."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from regard.core.checks import InputError
from regard.core.events import Event
from regard.core.storage import hash_file, load_tensors
from regard.create.run import train, train_events
from regard.data.builtin import builtin
from regard.learning.averaging import Average, decay_at
from regard.learning.loop import training
from regard.learning.scored import Scores
from regard.learning.settings import TrainSettings
from regard.learning.trainable import Trainable


class Line(Trainable):
    """One weight that is drawn to 1, a normalisation, and a counter that is not averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.norm = nn.BatchNorm1d(1)
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, at, batch, generator):
        self.norm(batch)
        return ((self.weight - 1) ** 2).sum() + 0 * self.norm.weight.sum(), {}


class Rows:
    images, size, steps_per_epoch = 8, 4, 2

    def __call__(self, step: int) -> torch.Tensor:
        return torch.full((4, 1), float(step)) + torch.arange(4.0)[:, None]


def test_the_average_is_the_sum_written_out() -> None:
    module, seen = Line(), [0.0, 1.0, 4.0, -2.0]
    average = Average(module, 0.25)
    wanted = 0.0
    for step, value in enumerate(seen):
        with torch.no_grad():
            module.weight.fill_(value)
            module.norm.running_mean.fill_(2 * value)
            module.frozen.fill_(value)
        average.update(module, step)
        keep = min(0.25, (1 + step) / (10 + step))
        wanted = keep * wanted + (1 - keep) * value
    assert [decay_at(step, 0.25) for step in range(4)] == pytest.approx([0.1, 2 / 11, 0.25, 0.25])
    assert set(average.values) == {"weight", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"}
    with average.standing_in(module):
        assert module.weight.item() == pytest.approx(wanted)
        assert float(module.norm.running_mean) == pytest.approx(2 * wanted)
        assert module.frozen.item() == -2
    assert module.weight.item() == -2 and float(module.norm.running_mean) == -4


def run(folder: Path | None, scores: list[float], stop: int | None = None, **more) -> tuple[Line, list[Event]]:
    torch.manual_seed(0)
    module, events, rest = Line(), [], iter(scores)
    settings = TrainSettings(steps=8, lr=0.1, precision="fp32", device="cpu", eval_every=1, checkpoint_steps=1, **more)
    asked = []

    def evaluate() -> Scores:
        asked.append(module.weight.item())
        return Scores({"accuracy": next(rest)})

    stream = training(module, Rows(), settings, evaluate=evaluate, folder=folder)
    for event in stream:
        events.append(event)
        if stop is not None and event.kind == "checkpoint" and event.step == stop:
            break
    stream.close()
    module.asked = asked
    return module, events


def test_the_average_is_scored_kept_as_best_and_given_at_the_end(tmp_path: Path) -> None:
    plain, _ = run(None, [0.1] * 8)
    module, _ = run(tmp_path, [0.1, 0.2, 0.9, 0.3, 0.3, 0.3, 0.3, 0.3], ema=0.9)
    wanted, course = 0.0, []
    for step, value in enumerate(plain.asked):
        keep = min(0.9, (1 + step) / (10 + step))
        wanted = keep * wanted + (1 - keep) * value
        course.append(wanted)
    assert module.asked == pytest.approx(course, abs=1e-6), "what is scored is the average"
    assert module.weight.item() == pytest.approx(course[-1], abs=1e-6) != plain.weight.item()
    best = load_tensors(tmp_path / "best.safetensors")["module/weight"]
    assert float(best) == pytest.approx(course[2], abs=1e-6)


def test_a_run_with_an_average_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole", [0.1] * 8, ema=0.9)
    run(tmp_path / "stopped", [0.1] * 8, stop=3, ema=0.9)
    again, events = run(tmp_path / "stopped", [0.1] * 8, ema=0.9)
    assert events[0].step == 3
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    finished, _ = run(tmp_path / "stopped", [], ema=0.9)
    assert torch.equal(finished.weight, whole.weight), "killed after its last step"


def test_a_run_ends_after_so_many_scorings_without_a_better_one(tmp_path: Path) -> None:
    scores = [0.1, 0.5, 0.4, 0.6, 0.6, 0.5, 0.9, 0.9]
    _, events = run(tmp_path / "whole", scores, patience=2)
    assert events[-1].kind == "done" and events[-1].step == 6
    assert [event.text for event in events if event.kind == "note"] == ["stopped early at step 6"]
    assert [event.step for event in events if event.kind == "checkpoint"][-1] == 6, "it is saved where it ends"
    # killed in between, and after the end: the count goes on
    run(tmp_path / "stopped", scores, stop=5, patience=2)
    _, events = run(tmp_path / "stopped", scores[5:], patience=2)
    assert events[0].step == 5 and events[-1].step == 6
    _, events = run(tmp_path / "stopped", [], patience=2)
    assert [event.kind for event in events] == ["start", "done"]
    _, events = run(None, scores, patience=3)
    assert events[-1].step == 8, "the score at 7 is better than that at 4"


def test_a_score_that_nothing_tells_is_no_better_one() -> None:
    _, events = run(None, [0.5, np.nan, np.nan, 0.9, 0.9, 0.9, 0.9, 0.9], patience=2)
    assert events[-1].step == 3


def test_settings_that_are_not_given_leave_a_run_what_it_was() -> None:
    told = TrainSettings(steps=4, eval_every=3).recipe()
    assert not {"ema", "patience", "eval_every"} & set(told)
    assert TrainSettings(steps=4, patience=3, eval_every=2, ema=0.9).recipe() == told | {
        "patience": 3, "eval_every": 2, "ema": 0.9,
    }  # fmt: skip


@pytest.mark.parametrize("wrong", [{"ema": 1.0}, {"ema": 0}, {"ema": -1}, {"patience": 0}, {"patience": 1.5}])
def test_numbers_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--{next(iter(wrong))}"):
        TrainSettings(**wrong)


def test_a_whole_run_with_all_of_it_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    images = builtin("digits").subset(np.arange(60))
    settings = TrainSettings(
        steps=12, batch=8, precision="fp32", device="cpu", checkpoint_steps=1, eval_every=2, ema=0.8, patience=3
    )
    options = {"settings": settings, "balanced": True, "keep": "best", "method": {"mixup": 0.4, "cutmix": 1.0}}
    train(images, "labels", out=tmp_path / "whole", **options)
    stream = train_events(images, "labels", out=tmp_path / "stopped", **options)
    for event in stream:
        if event.kind == "checkpoint" and event.step == 3:
            break
    stream.close()
    again = train(images, "labels", out=tmp_path / "stopped", **options)
    for name in ("model.safetensors", "head.safetensors", "held_out.safetensors"):
        assert hash_file(tmp_path / "whole" / name) == hash_file(tmp_path / "stopped" / name)
    assert again.card["training"]["ema"] == 0.8 and again.card["training"]["balanced"] is True
