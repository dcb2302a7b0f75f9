"""SI: the path integral by hand and along a run, and what becomes of it."""

from pathlib import Path

import pytest
import torch
from torch import nn

from helpers.learning_tasks import learn, representation, task
from regard.core.checks import InputError
from regard.lifelong.moving.contract import Finished
from regard.lifelong.training.si import Method


def test_hand_worked() -> None:
    method = Method(weight=2.0, damping=0.5)
    notes = method.start({"classes.bias": torch.zeros(2)})
    for gradient, moved in (([-1.0, 1.0], [0.5, 0.5]), ([-2.0, 0.0], [0.5, 0.0])):
        method.step(notes, "classes.bias", torch.tensor(gradient), torch.tensor(moved))
    assert notes["path.classes.bias"].tolist() == [1.5, -0.5]
    now = {"classes.bias": torch.tensor([1.0, 0.5, 0.0])}
    # a third class came: the task before it knew two
    notes = {name: torch.cat([one, torch.zeros(1)]) for name, one in notes.items()}
    before = {"omega.classes.bias": torch.tensor([1.0, 0.25])}
    given = Finished(1, nn.Identity(), nn.Linear(1, 3), now, lambda: [], lambda: [], before, notes, 0)
    kept = method.after_task(given)
    assert kept["omega.classes.bias"].tolist() == pytest.approx([1 + 1.5 / 1.5, 0.25 + 0, 0])
    further = {"classes.bias": torch.tensor([2.0, 0.5, 9.0])}
    assert float(method.penalty(further, kept)) == pytest.approx(2 * 2.0 * 1)


def test_of_plain_descent_the_path_is_what_the_loss_fell_by() -> None:
    # loss (w - 3)^2 from 0 to 3 in small steps: the integral is 9, whatever the way
    method, w = Method(), torch.zeros(1)
    notes = method.start({"w": w.clone()})
    for _ in range(4000):
        gradient = 2 * (w - 3)
        moved = -0.002 * gradient
        method.step(notes, "w", gradient, moved)
        w = w + moved
    assert float(notes["path.w"]) == pytest.approx(9, rel=0.01)


def test_a_run_takes_the_path_down_and_later_tasks_are_held(tmp_path: Path) -> None:
    first = learn(task("a", "b"), representation(), "si", tmp_path / "0", chosen={"weight": 1e6})
    omega = {name: one for name, one in first.kept.items() if name.startswith("omega.")}
    assert omega.keys() == {name.replace("centre", "omega") for name in first.kept if name.startswith("centre.")}
    assert all(bool((one >= 0).all()) for one in omega.values()) and sum(float(one.sum()) for one in omega.values()) > 0
    for name, one in first.representation.encoder.named_parameters():
        assert torch.equal(first.kept[f"centre.encoder.{name}"], one.detach())
    second = learn(task("c"), first, "si", tmp_path / "1", chosen={"weight": 1e6})
    assert all(bool((second.kept[name][: len(one)] >= one).all()) for name, one in omega.items()), "it only grows"
    assert len(second.kept["omega.classes.bias"]) == 3


def test_no_damping_is_refused() -> None:
    with pytest.raises(InputError, match="--set damping"):
        Method(damping=0.0)
