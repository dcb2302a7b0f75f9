"""What holds for every learner whose encoder moves, found by its file name."""

import copy
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.guards import random_state_untouched
from helpers.learning_tasks import SHORT, events, learn, left, representation, seen, stream, task, weights
from regard.core.checks import InputError, RunError
from regard.core.discover import load, names, summary
from regard.learning.method_settings import setting_names, typed_settings
from regard.lifelong.moving.contract import Keeping, LearnMethod
from regard.lifelong.moving.learned import Learned
from regard.lifelong.moving.task import task_folder

NAMES = names("learn")
KEEPING = [name for name in NAMES if issubclass(load("learn", name), Keeping)]
MEMORIES = [name for name in NAMES if load("learn", name)().memory(0) is not None]


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What plain fine-tuning learns of two tasks."""
    out = tmp_path_factory.mktemp("plain")
    stream("finetune", out, task("a", "b"), task("c"))
    return [weights(task_folder(out, number)) for number in range(2)]


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_a_frozen_dataclass_that_text_can_set(name: str) -> None:
    method = load("learn", name)
    assert is_dataclass(method) and method.__dataclass_params__.frozen
    assert all(f"{one}:" in method.__doc__ for one in setting_names(method)), "each is explained"
    assert method(**typed_settings(method, {f.name: str(f.default) for f in fields(method)})) == method()
    assert summary("learn", name).endswith(".")


@pytest.mark.parametrize("name", KEEPING)
def test_a_weight_below_0_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="--set weight"):
        load("learn", name)(weight=-0.1)


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_finite_and_leave_the_random_state_alone(name: str) -> None:
    given, method = seen(), load("learn", name)()
    with random_state_untouched():
        loss = method.taught(given) + method.loss(given)[0]
    loss.backward()
    assert torch.isfinite(loss) and given.logits.grad is not None and torch.isfinite(given.logits.grad).all()
    nothing = given._replace(memory=None)
    assert torch.isfinite(method.taught(nothing) + method.loss(nothing)[0])
    nan = given._replace(logits=given.logits * np.nan)
    assert torch.isnan(method.taught(nan)), "a run of it stops"


@pytest.mark.parametrize("name", KEEPING)
def test_weight_0_is_finetuning_to_the_bit_and_the_default_is_not(
    name: str, tmp_path: Path, finetuned: list[bytes]
) -> None:
    stream(name, tmp_path / "none", task("a", "b"), task("c"), chosen={"weight": 0})
    assert [weights(task_folder(tmp_path / "none", number)) for number in range(2)] == finetuned
    stream(name, tmp_path / "some", task("a", "b"), task("c"))
    assert weights(task_folder(tmp_path / "some", 1)) != finetuned[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_task_that_is_stopped_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    first = learn(task("a", "b"), representation(), name, tmp_path / "0")
    whole = learn(task("c", "a"), first, name, tmp_path / "whole")
    told = events(task("c", "a"), tmp_path / "0", name, tmp_path / "stopped")
    for event in told:
        if event.kind == "checkpoint":
            break
    told.close()
    assert not (tmp_path / "stopped" / "card.json").exists() or not whole.method.trains(1)
    again = learn(task("c", "a"), first, name, tmp_path / "stopped")
    assert left(tmp_path / "whole") == left(tmp_path / "stopped")
    assert whole.mark == again.mark and whole.classes == ("a", "b", "c"), "one that came back keeps its place"
    assert [event.kind for event in events(task("c", "a"), first, name, tmp_path / "whole")] == ["done"]


@pytest.mark.parametrize("name", NAMES)
def test_one_image_then_one_class_then_one_that_comes_back(name: str, tmp_path: Path) -> None:
    one = task("a").subset(np.array([0]))
    last = stream(name, tmp_path, one, task("c"), task("a", "b"))
    assert last.classes == ("a", "c", "b") and last.number == 2
    scores = last.scores(task("a", "b", "c"))
    assert scores.shape == (30, 3) and not np.isnan(scores).any()
    assert set(last.predict(task("a"))) <= {"a", "b", "c"}


@pytest.mark.parametrize("name", MEMORIES)
@pytest.mark.parametrize("budget", [0, 100, 2000])
def test_the_memory_keeps_its_budget_also_where_nothing_fits(name: str, budget: int, tmp_path: Path) -> None:
    last = stream(name, tmp_path, task("a", "b"), task("c"), chosen={"budget": budget})
    assert last.memory is not None and last.nbytes["memory_bytes"] == last.memory.nbytes <= budget
    assert bool(len(last.memory)) == (budget == 2000)
    assert np.isfinite(last.scores(task("a"))).any(axis=1).all()


@pytest.mark.parametrize("name", NAMES)
def test_not_a_number_stops_the_task(name: str, tmp_path: Path) -> None:
    broken = representation()
    broken = replace(broken, encoder=copy.deepcopy(broken.encoder))
    with torch.no_grad():
        next(broken.encoder.parameters()).fill_(np.nan)
    with pytest.raises(RunError, match="loss: nan"):
        learn(task("a", "b"), broken, name, tmp_path / "0")
    assert not (tmp_path / "0" / "card.json").exists()


def test_what_cannot_be_is_refused_by_name(tmp_path: Path) -> None:
    first = learn(task("a", "b"), representation(), "ewc", tmp_path / "0")
    with pytest.raises(InputError, match="method.*as the task before was learned with"):
        learn(task("c"), first, "ewc", tmp_path / "1", chosen={"weight": 2.0})
    with pytest.raises(InputError, match="ties weights"):
        learn(task("c"), first, "ewc", tmp_path / "1", layers="lora:2")
    with pytest.raises(InputError, match="without labels"):
        learn(replace(task("c"), labels=None), first, "ewc", tmp_path / "1")
    with pytest.raises(InputError, match="classes.*'c'"):
        learn(task("c"), first, "ewc", tmp_path / "1", classes=["d"])
    with pytest.raises(InputError, match="holds a run with other settings"):
        learn(task("b"), representation(), "ewc", tmp_path / "0")
    with pytest.raises(InputError, match="folder of a task"):
        Learned.load(tmp_path / "nothing")


def test_the_classifier_grows_at_its_end_and_old_logits_stay(tmp_path: Path) -> None:
    first = learn(task("b", "a"), representation(), "finetune", tmp_path / "0", classes=["b", "a"])
    assert first.classes == ("b", "a")
    still = replace(SHORT, steps=1, lr=1e-12, warmup=0.0, weight_decay=0.0)
    second = learn(task("c"), first, "finetune", tmp_path / "1", settings=still, layers="head")
    assert second.classes == ("b", "a", "c")
    before, now = first.scores(task("a", "b")), second.scores(task("a", "b"))
    assert now.shape[1] == 3 and np.allclose(before, now[:, :2], atol=1e-5)


def test_a_method_that_ties_weights_and_does_not_say_how_is_refused_where_it_is_defined() -> None:
    with pytest.raises(TypeError, match="weighs and has no `penalty`"):
        type("Method", (LearnMethod,), {"weighs": True})
