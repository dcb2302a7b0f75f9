"""The bounds that a table stands between, and what a stream may bring: images again, one image, no budget."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import representation
from helpers.learning_tasks import OPTIONS, learn, weights
from helpers.playing import cut, stream
from regard.data.imageset import concatenate
from regard.data.streams.stream import Stream
from regard.data.streams.task import Task
from regard.lifelong.moving.learned import Learned
from regard.lifelong.play import play, play_events
from regard.reuse.logistic import fit_logistic


def test_joint_is_one_training_on_all_that_came(tmp_path: Path) -> None:
    given = stream(cut("a again", "classify", "a", "b"))
    found = play(given, "joint", representation(), out=tmp_path / "joint", **OPTIONS)
    both = concatenate([task.train for task in given.tasks[:2]])
    learn(both, representation(), "finetune", tmp_path / "one", classes=["a", "b", "c"])
    rows = [tmp_path / "joint" / "tasks" / f"0{row}" for row in range(3)]
    assert weights(rows[1]) == weights(tmp_path / "one") == weights(rows[2]), "the images that come back count once"
    assert Learned.load(rows[2]).number == 0 and np.isfinite(found.A).all()
    assert found.bytes.tolist() == [len(given.tasks[0].train) * 192, 30 * 192, 30 * 192]


def test_frozen_is_a_linear_layer_on_all_vectors_that_came(tmp_path: Path) -> None:
    given = stream()
    found = play(given, "frozen", representation(), out=tmp_path)
    train = concatenate([task.train for task in given.tasks])
    model = fit_logistic(representation().embed(train, precision="fp32").vectors, train.labels)
    for place, task in enumerate(given.tasks):
        X = representation().embed(task.test, precision="fp32").vectors
        assert found.A[1, place] == np.mean(model.predict(X) == task.test.labels)
    assert found.A[0, 1] == 0 and found.bytes[1] > found.bytes[0] > 0


@pytest.mark.parametrize("method", ["joint", "frozen"])
def test_a_bound_that_is_killed_gives_the_same(method: str, tmp_path: Path) -> None:
    options = OPTIONS if method == "joint" else {}
    whole = play(stream(), method, representation(), out=tmp_path / "whole", **options)
    told = play_events(stream(), method, representation(), out=tmp_path / "killed", **options)
    next(event for event in told if event.kind == "played")
    told.close()
    again = play(stream(), method, representation(), out=tmp_path / "killed", **options)
    assert np.array_equal(whole.A, again.A) and np.array_equal(whole.bytes, again.bytes)


@pytest.mark.parametrize("method", ["finetune", "ncm", "joint", "frozen"])
def test_a_first_task_of_one_image(method: str, tmp_path: Path) -> None:
    one = cut("one", "classify", "a")
    few = Task("one", "classify", one.train.subset(np.array([0])), one.test, part="p")
    options = OPTIONS if method in ("finetune", "joint") else {}
    found = play(Stream("f", (few, cut("bc", "classify", "b", "c"))), method, representation(), out=tmp_path, **options)
    assert found.A[0].tolist() == [1, 0] and np.isfinite(found.A).all(), "one class is all there is to say"


def test_a_budget_of_0_plays_as_finetuning_and_keeps_nothing(tmp_path: Path) -> None:
    found = [
        play(stream(), name, representation(), out=tmp_path / name, chosen=chosen, **OPTIONS)
        for name, chosen in (("finetune", None), ("replay", {"budget": 0}))
    ]
    assert np.array_equal(found[0].A, found[1].A) and found[1].bytes.tolist() == [0, 0]


def test_an_image_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    from regard.core.checks import InputError

    task = cut("ab", "classify", "a", "b")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    items = [*list(task.test.items)[:-1], tmp_path / "bad.png"]
    given = Stream("b", (Task("ab", "classify", task.train, replace(task.test, items=items), part="p"),))
    with pytest.raises(InputError, match="1 images of p that cannot be read"):
        play(given, "frozen", representation(), out=tmp_path / "run")
