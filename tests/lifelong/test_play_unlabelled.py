"""Streams without any labels, played by methods that learn from images alone."""

from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import representation
from helpers.playing import MIXED, cut, mixed
from regard.core.checks import InputError
from regard.core.storage import hash_tensors
from regard.data.streams.stream import Stream
from regard.lifelong.play import play, play_events
from regard.lifelong.players.choose import play_methods
from regard.lifelong.unlabelled.task import learn_unlabelled
from regard.representation.representation import Representation


def stream() -> Stream:
    """Two tasks that share a class."""
    kinds = {"ab": "retrieve", "bc": "classify"}
    return Stream("u", tuple(cut(name, kind, *name, labelled=False) for name, kind in kinds.items()))


def network(folder: Path) -> str:
    return hash_tensors(Representation.load(folder).encoder.state_dict())


@pytest.mark.parametrize("method", ["finetune", "pfr"])
def test_each_task_is_that_of_learning_without_labels(method: str, tmp_path: Path) -> None:
    chosen = {"hidden": 8} if method == "pfr" else {}
    found = play(stream(), method, representation(), out=tmp_path / "run", chosen=chosen, **MIXED)
    before: object = representation()
    for row, task in enumerate(stream().tasks):
        learn_unlabelled(
            task.train,
            before,
            method,
            out=tmp_path / str(row),
            chosen=chosen,
            settings=MIXED["settings"],
            first=not row,
        )
        before = tmp_path / str(row)
        assert network(tmp_path / str(row)) == network(tmp_path / "run" / "tasks" / f"0{row}")
    assert np.isfinite(found.A).all() and (found.bytes > 0).all() == (method == "pfr")


def test_killed_it_gives_the_same(tmp_path: Path) -> None:
    whole = play(stream(), "cassle", representation(), out=tmp_path / "whole", chosen={"hidden": 8}, **MIXED)
    for kind in ("checkpoint", "played", "checkpoint"):
        told = play_events(stream(), "cassle", representation(), out=tmp_path / "killed", chosen={"hidden": 8}, **MIXED)
        next(event for event in told if event.kind == kind)
        told.close()
    again = play(stream(), "cassle", representation(), out=tmp_path / "killed", chosen={"hidden": 8}, **MIXED)
    assert np.array_equal(whole.A, again.A, equal_nan=True) and np.array_equal(whole.bytes, again.bytes)


def test_where_a_task_has_labels_they_are_refused(tmp_path: Path) -> None:
    assert play_methods(stream()) == ["cassle", "finetune", "frozen", "lfl", "pfr"]
    with pytest.raises(InputError, match="'cassle', which learns from images alone, and task 'ab' has labels"):
        play(mixed(), "cassle", representation(), out=tmp_path, **MIXED)
