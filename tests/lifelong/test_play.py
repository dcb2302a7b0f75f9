"""A stream is played by learners of both kinds: the matrix, what is kept, and going on after a kill."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import representation
from helpers.learning_tasks import OPTIONS
from helpers.playing import cut, stream
from regard.core.checks import InputError
from regard.data.streams.stream import Stream
from regard.data.streams.task import Task
from regard.lifelong.moving.learned import Learned
from regard.lifelong.play import Played, play, play_events
from regard.lifelong.players.contract import directions
from regard.metrics.retrieve import retrieval


@pytest.mark.parametrize("method", ["replay", "ncm"])
def test_the_matrix_by_hand_and_what_it_cost(method: str, tmp_path: Path) -> None:
    options = OPTIONS if method == "replay" else {}
    found = play(stream(cut("a again", "classify", "a", "b")), method, representation(), out=tmp_path, **options)
    assert found.tasks == ("ab", "c", "a again") and found.learned.tolist() == [0, 1, 2]
    assert found.A.shape == (3, 3) and np.isfinite(found.A).all() and found.A[0, 1] == 0, "c is not known yet"
    assert np.array_equal(found.A[:, 0], found.A[:, 2]), "the same pictures"
    assert (found.seconds >= 0).all() and (found.bytes > 0).all()
    assert found.metrics["final_accuracy"] == pytest.approx(found.A[2].mean()) and "forgetting" in found.metrics
    if method == "ncm":
        from regard.lifelong.frozen.ncm import NCM

        every = [representation().embed(task.train, precision="fp32").vectors for task in stream().tasks]
        model = NCM()
        for X, task in zip(every, stream().tasks):
            model.partial_fit(X, task.train.labels)
        tests = [
            (representation().embed(task.test, precision="fp32").vectors, task.test.labels) for task in stream().tasks
        ]
        assert found.A[1, :2].tolist() == [np.mean(model.predict(X) == y) for X, y in tests]


@pytest.mark.parametrize("method", ["der", "ridge"])
def test_a_stream_that_is_killed_in_any_task_gives_the_same_matrix(method: str, tmp_path: Path) -> None:
    options = OPTIONS if method == "der" else {}
    given = stream(cut("b", "retrieve", "a", "b"))
    whole = play(given, method, representation(), out=tmp_path / "whole", **options)
    for stop in (1, 1, 2):
        told = play_events(given, method, representation(), out=tmp_path / "killed", **options)
        count = 0
        for event in told:
            count += event.kind == ("checkpoint" if method == "der" else "played")
            if count == stop:
                break
        told.close()
    again = play(given, method, representation(), out=tmp_path / "killed", **options)
    assert np.array_equal(whole.A, again.A) and np.array_equal(whole.bytes, again.bytes)
    assert list(play_events(given, method, representation(), out=tmp_path / "killed", **options)) == []


def test_killed_in_the_third_of_five_tasks_the_matrix_and_the_looks_are_the_same(tmp_path: Path) -> None:
    parts = [("a", "b"), ("c",), ("b", "c"), ("a",), ("a", "c")]
    given = Stream("five", tuple(cut(f"t{place}", "classify", *names) for place, names in enumerate(parts)))
    options = {**OPTIONS, "looks": ["drift", "stale"]}
    whole = play(given, "replay", representation(), out=tmp_path / "whole", **options)
    told, rows = play_events(given, "replay", representation(), out=tmp_path / "killed", **options), 0
    for event in told:
        rows += event.kind == "played"
        if rows == 2 and event.kind == "checkpoint":
            break
    told.close()
    assert (tmp_path / "killed" / "tasks" / "02").exists() and not (tmp_path / "killed" / "rows" / "02.json").exists()
    again = play(given, "replay", representation(), out=tmp_path / "killed", **options)
    assert np.array_equal(whole.A, again.A) and np.array_equal(whole.bytes, again.bytes)
    assert all(np.array_equal(whole.looks[name], again.looks[name], equal_nan=True) for name in ("drift", "stale"))


def test_retrieval_is_scored_by_the_vectors_of_then(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (15, 8, 8, 3), dtype=np.uint8)
    task = cut("r", "retrieve", "a", "b", "c")
    task = Task("r", "retrieve", task.train, replace(task.test, items=list(noise)), part="p")
    given = Stream("r", (task, cut("c", "classify", "c")))
    moving = play(given, "finetune", representation(), out=tmp_path / "moving", **OPTIONS)
    frozen = play(given, "slda", representation(), out=tmp_path / "frozen")
    assert frozen.A[0, 0] == frozen.A[1, 0] and len({frozen.A[0, 0], *moving.A[:, 0]}) == 3
    for row in range(2):
        network = Learned.load(tmp_path / "moving" / "tasks" / f"0{row}").representation
        vectors = network.embed(task.test, precision="fp32", cache=False).vectors
        assert moving.A[row, 0] == retrieval(vectors, task.test.labels)["map"]


def test_vectors_of_zeros_are_alike_to_one_another_alone() -> None:
    found = directions(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]))
    assert (found @ found.T).tolist() == [[1, 0, 1], [0, 25, 0], [1, 0, 1]]


def test_what_cannot_be_played(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="learns from labels, that task 'u' lacks"):
        play(stream(cut("u", "classify", "a", labelled=False)), "ncm", representation(), out=tmp_path / "0")
    with pytest.raises(InputError, match="method: expected one of"):
        play(stream(), "nmc", representation(), out=tmp_path / "0")
    play(stream(), "ncm", representation(), out=tmp_path / "1")
    with pytest.raises(InputError, match="other settings: method was ncm, now slda"):
        play(stream(), "slda", representation(), out=tmp_path / "1")
    assert np.isfinite(Played.load(tmp_path / "1").A).all()
