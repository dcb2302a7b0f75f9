"""A bet goes on where it was stopped, chooses its steps, and refuses what could not be scored."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.bets import LEVELS, cells
from regard.core.checks import InputError
from regard.data.scenes import scenes
from regard.studies import bet_plan
from regard.studies.bet import run_bet
from regard.studies.bet_arms import Arms
from regard.studies.bet_cells import Cell, Detectors
from regard.studies.bet_plan import Plan, Steps, estimated, within

PLAN = Plan(tasks=("rotation",), protocols=("faster_rcnn",), size=32, seeds=2, steps=Steps(2, 2), imagenet=False)
TIMED = {"convnet4": 0.01, "tf_efficientnet_lite0": 0.1}


class Stopped(BaseException):
    """Somebody stopped it."""


@pytest.fixture(scope="module")
def given():
    """Few pictures to learn from and to be scored on, drawn once."""
    train, test = scenes(12, size=32), scenes(5, size=32, family="b", most=4)
    return [replace(one, items=[np.asarray(item) for item in one.items]) for one in (train, test)]


@pytest.fixture
def drawn(monkeypatch):
    """Trainings are drawn, not done; which were asked for."""
    asked: list[tuple] = []
    every = cells(LEVELS, 2, 5)

    def pretrained(self, arm, seed):
        asked.append((arm, seed))
        yield from ()

    def trained(self, protocol, arm, seed, start):
        asked.append((protocol, arm, seed))
        made = every[arm][seed]
        made.write(self.place(protocol, arm, seed))
        yield from ()
        return made

    monkeypatch.setattr(Arms, "pretrained", pretrained)
    monkeypatch.setattr(Arms, "network", lambda self, arm, seed: None)
    monkeypatch.setattr(Detectors, "trained", trained)
    monkeypatch.setattr(bet_plan, "_timed", lambda backbone, *_: TIMED[backbone])
    return asked


def test_what_is_done_is_not_done_again_and_gives_the_same_numbers(given, drawn, tmp_path) -> None:
    def stop(events):
        for event in events:
            yield event
            if "faster_rcnn on rotation 0" in event.text:
                raise Stopped

    whole = run_bet(*given, out=tmp_path / "whole", plan=PLAN)
    drawn.clear()
    with pytest.raises(Stopped):
        run_bet(*given, out=tmp_path / "bet", plan=PLAN, watch=stop)
    first = [one for one in drawn if len(one) == 3]
    drawn.clear()
    found = run_bet(*given, out=tmp_path / "bet", plan=PLAN)
    second = [one for one in drawn if len(one) == 3]
    assert len(first) == 5 and len(second) == 3 and not set(first) & set(second)
    assert {**found.metrics, "seconds": 0} == {**whole.metrics, "seconds": 0}
    assert found.saw["supervised"]["labels"].endswith("classes of the objects")
    assert found.counts == {"train": 12, "test": 5, "unlabelled": 12}


def test_another_bet_in_the_folder_is_refused_and_named(given, drawn, tmp_path) -> None:
    run_bet(*given, out=tmp_path / "bet", plan=PLAN)
    with pytest.raises(InputError, match=r"seeds was 2, now 3"):
        run_bet(*given, out=tmp_path / "bet", plan=replace(PLAN, seeds=3))
    with pytest.raises(InputError, match="images was"):
        run_bet(given[0].subset(np.arange(11)), given[1], out=tmp_path / "bet", plan=PLAN)
    run_bet(*given, out=tmp_path / "bet", plan=PLAN, margin=0.1)  # which changes no number
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("somebody's")
    with pytest.raises(InputError, match="other files"):
        run_bet(*given, out=tmp_path / "full", plan=PLAN)


def test_parts_are_drawn_and_kept_apart(given, drawn, tmp_path) -> None:
    train, test = given
    same = replace(train, ids=np.array([*test.ids, *"abcdefg"]))
    more = scenes(3, size=32, seed=9)
    found = run_bet(same, test, out=tmp_path / "b", plan=PLAN, pretrain=more, pictures=11, test_pictures=4)
    assert found.counts == {"train": 11, "test": 4, "unlabelled": 15}
    assert "11 of the 12 annotated pictures to learn from were drawn." in found.notes
    with pytest.raises(InputError, match="--pretrain"):
        run_bet(train, test, out=tmp_path / "c", plan=PLAN, pretrain=test)
    with pytest.raises(InputError, match="other pictures"):
        run_bet(train, train, out=tmp_path / "d", plan=PLAN)
    with pytest.raises(InputError, match="--test: expected pictures with boxes"):
        run_bet(train, test.without_labels(), out=tmp_path / "e", plan=PLAN)
    with pytest.raises(InputError, match="at least 16"):
        run_bet(train.subset([0, 1]), test, out=tmp_path / "f", plan=PLAN)
    assert not any((tmp_path / name).exists() for name in "cdef")


def test_weights_of_a_scored_detector_go_and_its_numbers_stay(given, tmp_path) -> None:
    detectors = Detectors(PLAN, tmp_path, *given, "cpu", None)
    assert detectors.kept("faster_rcnn", "random", 0) is None
    path = detectors.place("faster_rcnn", "random", 0)
    [cell] = cells({"random": 0.5}, 1, 3)["random"]
    cell.write(path)
    run = tmp_path / "detect" / path.stem
    run.mkdir(parents=True)
    for name in ("model.safetensors", "head.safetensors", "metrics.json"):
        (run / name).write_text("{}")
    kept = detectors.kept("faster_rcnn", "random", 0)
    assert [one.name for one in run.iterdir()] == ["metrics.json"]
    assert isinstance(kept, Cell) and (kept.scores["ap50"] == cell.scores["ap50"]).all() and kept.ids == cell.ids
    path.write_text('{"ids": []}')
    with pytest.raises(InputError, match="ap50"):
        detectors.kept("faster_rcnn", "random", 0)


def test_minutes_set_the_steps_and_these_stay(given, drawn, tmp_path) -> None:
    plan = replace(PLAN, steps=bet_plan.BUDGETS["usual"])
    fixed, varies = estimated(plan, 12, 5)
    twice = within(plan, (fixed + 2 * varies) / 60, 12, 5)
    assert twice.steps == (400, 160)
    with pytest.raises(InputError, match="--minutes: expected at least"):
        within(plan, (fixed + 0.1 * varies) / 60, 12, 5)
    minutes = (fixed + 2 * varies) / 60
    assert run_bet(*given, out=tmp_path / "bet", plan=plan, minutes=minutes).plan.steps == (400, 160)
    TIMED["convnet4"] *= 3  # a machine that is busy later
    try:
        assert run_bet(*given, out=tmp_path / "bet", plan=plan, minutes=minutes).plan.steps == (400, 160)
    finally:
        TIMED["convnet4"] /= 3


def test_all_that_is_done_costs_more_with_more_of_it(monkeypatch) -> None:
    monkeypatch.setattr(bet_plan, "_timed", lambda backbone, *_: TIMED[backbone])
    small = sum(estimated(PLAN, 12, 5))
    for more in ({"seeds": 3}, {"imagenet": True}, {"tasks": ("rotation", "simclr")}, {"protocols": Plan.protocols}):
        assert sum(estimated(replace(PLAN, **more), 12, 5)) > small, more


@pytest.mark.parametrize(
    "wrong, word",
    [
        ({"tasks": ("labels",)}, "--tasks"),
        ({"tasks": ()}, "--tasks"),
        ({"tasks": ("rotation", "rotation")}, "--tasks"),
        ({"protocols": ("fcos",)}, "--protocols"),
        ({"features": "thawed"}, "--features"),
        ({"seeds": 0}, "--seeds"),
        ({"steps": Steps(0, 3)}, "--steps"),
        ({"size": 8}, "--size"),
        ({"backbone": "resnet19"}, "resnet19"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(wrong, word) -> None:
    with pytest.raises(InputError, match=word):
        Plan(**wrong)


def test_the_folder_can_be_given_back(given, drawn, tmp_path) -> None:
    run_bet(*given, out=tmp_path / "bet", plan=PLAN)
    moved = Path(shutil.move(tmp_path / "bet", tmp_path / "moved"))
    drawn.clear()
    run_bet(*given, out=moved, plan=PLAN)
    assert [one for one in drawn if len(one) == 3] == []
