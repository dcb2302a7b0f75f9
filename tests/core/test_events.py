import json

import pytest

from regard.core.event_log import logged, read_log
from regard.core.events import Event, last


def test_log_round_trip_and_cut_line(tmp_path):
    path = tmp_path / "run" / "events.jsonl"
    events = [Event("train", 1, 3, {"loss": 0.5}), Event("train", 2, 3, {"loss": float("nan")}), Event("done", 3, 3)]
    assert list(logged(events, path)) == events
    assert json.loads(path.read_text().splitlines()[1])["loss"] is None
    with open(path, "a") as file:
        file.write('{"kind": "tra')  # a kill in the middle of a line
    read = read_log(path)
    assert [event.kind for event in read] == ["train", "train", "done"]
    assert read[0] == events[0]


def test_a_resumed_run_overwrites_its_steps(tmp_path):
    path = tmp_path / "events.jsonl"
    list(logged([Event("train", 1, 2, {"loss": 9.0})], path))
    list(logged([Event("train", 1, 2, {"loss": 1.0})], path))
    assert [event.values["loss"] for event in read_log(path)] == [1.0]


def test_what_nothing_tells_becomes_null():
    line = Event("done", 3, 3, {"ap50": None, "loss": float("inf"), "ap": 0.5}).as_json()  # as a score may be
    assert json.loads(line) == {"kind": "done", "step": 3, "steps": 3, "ap50": None, "loss": None, "ap": 0.5}


def test_last():
    assert last([Event("a", 1), Event("b", 2), Event("a", 3)], "a").step == 3
    with pytest.raises(LookupError):
        last([], "a")


def test_a_line_cut_short_does_not_take_the_next_one_with_it(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"kind": "train", "st')
    list(logged([Event("start", 0, 3)], path))
    assert [event.kind for event in read_log(path)] == ["start"]
