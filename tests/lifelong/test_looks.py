"""Measures of the representation after each task: against the networks of then, on moving and on frozen vectors."""

from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import representation
from helpers.learning_tasks import OPTIONS
from helpers.playing import cut, stream
from regard.core.checks import InputError
from regard.lifelong.looks import LOOKS, checked_looks
from regard.lifelong.moving.learned import Learned
from regard.lifelong.play import Played, play, play_events
from regard.metrics.cka import linear_cka
from regard.metrics.retrieve import retrieval
from regard.reuse.logistic import fit_logistic


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    out = tmp_path_factory.mktemp("looks")
    return play(
        stream(cut("abc", "classify", "a", "b", "c")), "finetune", representation(), out=out, looks=True, **OPTIONS
    )


def test_each_is_what_the_networks_of_then_give(played: Played) -> None:
    tasks = stream(cut("abc", "classify", "a", "b", "c")).tasks
    nets = [Learned.load(played.folder / "tasks" / f"0{row}").representation for row in range(3)]
    train, test = (
        [[net.embed(part(task), precision="fp32", cache=False).vectors for task in tasks] for net in nets]
        for part in (lambda task: task.train, lambda task: task.test)
    )
    assert list(played.looks) == list(LOOKS)
    for row in range(3):
        for place, task in enumerate(tasks):
            y, found = task.test.labels, {name: one[row, place] for name, one in played.looks.items()}
            if place == 1:
                assert np.isnan(found["probe"]), "one class"
            else:
                model = fit_logistic(train[row][place], task.train.labels)
                assert found["probe"] == np.mean(model.predict(test[row][place]) == y)
            if place > row:
                assert np.isnan([found[name] for name in LOOKS[1:]]).all(), "not learned yet"
                continue
            now, then = test[row][place], test[place][place]
            assert found["drift"] == pytest.approx(1 - linear_cka(now, then), abs=1e-9)
            assert found["again"] == pytest.approx(retrieval(now, y)["map"])
            assert found["stale"] == pytest.approx(by_hand(now, then, y))
    assert played.looks["drift"][2, 0] > 1e-4 and not np.array_equal(played.looks["stale"], played.looks["again"])
    assert {f"final_{name}" for name in LOOKS} <= set(played.metrics)


def by_hand(queries: np.ndarray, index: np.ndarray, labels: np.ndarray) -> float:
    """Mean average precision where each image searches the others."""
    found = []
    for row, query in enumerate(queries):
        others = np.array([place for place in range(len(index)) if place != row])
        near = index[others] @ query / np.linalg.norm(index[others], axis=1)
        right = (labels[others] == labels[row])[np.argsort(-near, kind="stable")]
        found.append((right.cumsum() / (1 + np.arange(len(right))))[right].mean())
    return float(np.mean(found))


def test_killed_in_any_task_they_are_the_same(played: Played, tmp_path: Path) -> None:
    given = stream(cut("abc", "classify", "a", "b", "c"))
    for kind in ("checkpoint", "played", "checkpoint"):
        told = play_events(given, "finetune", representation(), out=tmp_path, looks=True, **OPTIONS)
        next(event for event in told if event.kind == kind)
        told.close()
    again = play(given, "finetune", representation(), out=tmp_path, looks=True, **OPTIONS)
    assert all(np.array_equal(played.looks[name], again.looks[name], equal_nan=True) for name in LOOKS)


def test_frozen_vectors_do_not_drift(tmp_path: Path) -> None:
    found = play(stream(), "ncm", representation(), out=tmp_path, looks=["stale", "drift", "probe"])
    assert list(found.looks) == ["probe", "drift", "stale"]
    assert abs(found.looks["drift"][1, 0]) < 1e-9 and found.looks["stale"][0, 0] == found.looks["stale"][1, 0]
    assert found.looks["probe"][0, 0] == found.looks["probe"][1, 0]


def test_names_and_other_runs(tmp_path: Path) -> None:
    assert checked_looks(True) == LOOKS and checked_looks(False) == () and checked_looks("again") == ("again",)
    with pytest.raises(InputError, match="looks: expected one of"):
        checked_looks(["prob"])
    plain = play(stream(), "ncm", representation(), out=tmp_path)
    assert plain.looks == {}
    with pytest.raises(InputError, match="other settings: looks"):
        play(stream(), "ncm", representation(), out=tmp_path, looks=True)
