"""A learning rate chosen by short runs: on training pictures alone, kept, and not tried twice after a stop."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from regard.core.checks import InputError, RunError
from regard.data.scenes import scenes
from regard.learning.freezing import Tuned
from regard.learning.settings import TrainSettings
from regard.representation.representation import Representation
from regard.reuse.dense import rates as room
from regard.reuse.dense.feed import DenseFeed
from regard.reuse.dense.objective import Dense
from regard.reuse.dense.rates import RATES, Choice, Tried, best_of, choose_rate
from regard.reuse.dense.train import train, train_events

SETTINGS = TrainSettings(steps=50, batch=4, precision="fp32", device="cpu", eval_every=50)
SIZE = 48


@pytest.fixture(scope="module")
def every():
    return scenes(14, size=SIZE, seed=3)


def parts_of(images, settings=SETTINGS):
    """What is to learn the classes of pixels, and the feed of its pictures."""
    encoder = Representation.load("random:convnet4").encoder
    names = ("background", *images.annotations.classes)
    objective = Dense("semantic", "linear", SIZE, names)
    feed = DenseFeed(images, SIZE, names, what=("semantic",))
    torch.manual_seed(0)
    return Tuned(objective, encoder, objective.head(encoder), "all", 1.0), feed, settings


def finished(run):
    """The events of a generator and what it returns."""
    events = []
    while True:
        try:
            events.append(next(run))
        except StopIteration as stop:
            return events, stop.value


def test_a_hopeless_rate_is_not_chosen_and_the_module_stays_as_it_was(every) -> None:
    module, feed, settings = parts_of(every)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    events, choice = finished(choose_rate(module, feed, settings, (1e-7, 3e-3)))
    assert choice.rate == 3e-3 and [one.rate for one in choice.tried] == [1e-7, 3e-3]
    low, high = choice.tried
    assert high.score > low.score + 0.05 and high.loss < low.loss
    assert "0.003" in choice.note and "on 11 of the 14 training pictures, judged on 3" in choice.note
    assert [event.values["lr"] for event in events] == [1e-7, 3e-3]
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert finished(choose_rate(module, feed, settings, (1e-7, 3e-3)))[1] == choice


def test_what_is_learned_from_and_judged_on_are_apart_also_by_identity(every) -> None:
    things = np.array([f"thing {row // 3}" for row in range(14)])
    images = replace(every, columns={**every.columns, "identity": things})
    feed = parts_of(images)[1]
    learned, judged = room._cut(feed, 0)
    assert sorted([*learned, *judged]) == list(range(14)) and len(judged) == 3
    assert not set(things[learned]) & set(things[judged])
    feed.failed[images.called(int(judged[0]))] = "damaged"
    assert int(judged[0]) not in [*room._cut(feed, 0)[0], *room._cut(feed, 0)[1]]
    one = replace(every, columns={"identity": np.full(14, "the same")})
    assert [len(part) for part in room._cut(parts_of(one)[1], 0)] == [0, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 49}, "the run has 49 steps, fewer than 50"),
        ({"steps": None, "minutes": 5.0}, "the run is bounded by minutes"),
        ({"steps": None, "epochs": 3}, "the run has 9 steps"),
    ],
)
def test_where_nothing_can_be_tried_the_middle_rate_is_taken_and_it_is_said(every, tmp_path, change, words) -> None:
    module, feed, settings = parts_of(every)
    events, choice = finished(choose_rate(module, feed, replace(settings, **change), RATES, tmp_path))
    assert not events and choice.rate == RATES[1] and not choice.tried and words in choice.note
    assert json.loads((tmp_path / "rates.json").read_text())["rate"] == RATES[1]


def test_rates_near_to_the_best_are_told_apart_by_the_loss_and_one_that_went_wrong_is_out() -> None:
    assert best_of([Tried(1.0, 0.50, 2.0), Tried(2.0, 0.493, 1.0), Tried(3.0, 0.48, 0.5)]).rate == 2.0
    assert best_of([Tried(1.0, None, 2.0), Tried(2.0, None, 1.0)]).rate == 2.0
    wrong = Tried(2.0, None, None, "NaN")
    assert best_of([Tried(1.0, 0.1, 9.0), wrong]).rate == 1.0
    assert "2: went wrong" in room._chosen(Tried(1.0, 0.1, 9.0), [Tried(1.0, 0.1, 9.0), wrong], 20, 11, 14, 3).note
    with pytest.raises(RunError, match="went wrong with each learning rate tried: NaN"):
        best_of([wrong])


def test_a_run_that_goes_wrong_is_told(every) -> None:
    module, feed, settings = parts_of(every)
    found = finished(choose_rate(module, feed, settings, (1e-3, 1e30)))[1]
    assert found.rate == 1e-3 and found.tried[1].loss is None and found.tried[1].cause


def test_a_run_keeps_its_choice_and_tries_nothing_twice(every, tmp_path, monkeypatch) -> None:
    learned, val = every.subset(np.arange(10)), every.subset(np.arange(10, 14))
    tried = []

    def counted(module, feed, learned, judged, settings):
        tried.append(settings.lr)
        return Tried(settings.lr, 0.1 * len(tried), 1.0)

    monkeypatch.setattr(room, "_try", counted)
    options = {"representation": "random:convnet4", "what": "semantic", "size": SIZE, "settings": SETTINGS}
    options |= {"out": tmp_path / "run", "rates": (1e-3, 2e-3, 4e-3)}
    stopped = train_events(learned, val, **options)
    assert [next(stopped).kind for _ in range(2)] == ["rate", "rate"]
    stopped.close()
    train(learned, val, **options)
    assert tried == [1e-3, 2e-3, 4e-3]
    card = json.loads((tmp_path / "run/card.json").read_text())
    assert card["training"]["lr"] == card["training"]["rates"]["rate"] == 4e-3
    assert [one["rate"] for one in card["training"]["rates"]["tried"]] == tried
    told = json.loads((tmp_path / "run/scores.json").read_text())["notes"]
    assert any("0.004 was chosen" in note for note in told)
    assert [event.kind for event in train_events(learned, val, **options)] == ["done"]
    with pytest.raises(InputError, match="rates"):
        train(learned, val, **{**options, "rates": (1e-3,)})
    anew = train_events(learned, val, **options, resume=False)
    assert [next(anew).kind for _ in range(4)] == ["rate", "rate", "rate", "start"]
    anew.close()
    assert tried == 2 * [1e-3, 2e-3, 4e-3]


def test_rates_that_cannot_be_are_told_before_anything_is_written(every, tmp_path) -> None:
    for rates in ((0.0,), (1e-3, 1e-3)):
        with pytest.raises(InputError, match="rates"):
            train(every, out=tmp_path / "run", representation="random:convnet4", rates=rates)
    assert not (tmp_path / "run").exists()
    module, feed, settings = parts_of(every)
    with pytest.raises(InputError, match="rates"):
        finished(choose_rate(module, feed, settings, ()))
    assert Choice(1e-3).as_dict() == {"rate": 1e-3, "tried": (), "note": ""}
