"""The parts of an error as a verb: vectors or networks, the folder that goes on, the page, what it refuses."""

import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import pictures
from regard import decompose
from regard.core.checks import InputError
from regard.representation.embeddings import Embeddings
from regard.studies.decompose.networks import NetworkLearner
from regard.studies.decompose.plan import Question


def vectors(n: int, seed: int, identity: int = 1) -> Embeddings:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    x = rng.normal(size=(n, 8)).astype(np.float32) + 1.2 * np.eye(3, 8)[y]
    names = np.array([f"{seed}-{row // identity}" for row in range(n)])
    return Embeddings(x, np.array([f"{seed}/{row}" for row in range(n)]), y.astype(str), columns={"identity": names})


ASKED = {"axes": "2,4,8", "capacity": 4, "steps": 20, "cuts": 3}


def test_the_folder_the_page_and_what_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = vectors(240, 0), vectors(600, 1)
    found = decompose(train, test, **ASKED, out=tmp_path / "out")
    metrics, told = found.metrics, found.to_dict()
    assert metrics["train"] == 240 and metrics["test"] == 600
    assert 0 < metrics["error_low"] < metrics["error"] < metrics["error_high"] < 1
    assert told["capacity"] == "4 axes" and told["length"] == "20 steps"
    assert [one["capacity"] for one in told["by_size"]] == ["2 axes", "4 axes", "8 axes"]
    assert list(told["by_length"]) == ["2 steps", "6 steps", "20 steps", "60 steps", "200 steps", "optimum"]
    assert set(told["verdicts"]) == {"approximation", "estimation", "optimisation"}
    assert sum(one["mean"] for one in told["parts"].values()) == pytest.approx(metrics["error"], abs=0.02)
    page = unescape((tmp_path / "out" / "report.html").read_text())
    plain = re.sub(r"<[^>]*>", " ", page)
    for name, one in told["parts"].items():
        assert name in plain and (f"{100 * one['mean']:.1f}" in plain or not one["told"])
    assert page.count("<svg class=") == 4 and "Bottou and Bousquet" in plain and "E + a ((N + s) / (n + s))^α" in plain
    kept = json.loads((tmp_path / "out" / "decomposition.json").read_text())
    assert kept["finished"] and kept["metrics"]["error"] == metrics["error"]
    cells = len(list((tmp_path / "out" / "cells").iterdir()))

    def never(*_: object) -> None:
        raise AssertionError("it was known")

    with monkeypatch.context() as patch:
        patch.setattr("regard.studies.decompose.vectors.LinearLearner.__call__", never)
        again = decompose(train, test, **ASKED, out=tmp_path / "out")
    assert {**again.metrics, "seconds": 0} == {**metrics, "seconds": 0}
    decompose(train, test, **{**ASKED, "cuts": 4}, out=tmp_path / "out")
    assert len(list((tmp_path / "out" / "cells").iterdir())) > cells
    with pytest.raises(InputError, match="--out.*other settings"):
        decompose(vectors(240, 5), test, **ASKED, out=tmp_path / "out")


def test_things_with_several_images_are_what_counts() -> None:
    found = decompose(vectors(240, 0, identity=2), vectors(300, 1, identity=10), **ASKED)
    assert found.metrics["test"] == 30
    alone = decompose(vectors(240, 0, identity=2), vectors(300, 1), **ASKED)
    assert alone.metrics["test"] == 300 and alone.metrics["error"] == found.metrics["error"]


def test_one_member_is_its_own_largest() -> None:
    found = decompose(vectors(120, 0), vectors(120, 1), axes=[8], cuts=3, steps=20)
    assert found.metrics["approximation"] == 0 and any("largest" in str(note) for note in found.notes)
    assert not any("capacity" in line for line in found.found.advice)


def test_networks_learn_from_nothing_and_never_see_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = pictures(48, "s"), pictures(24, "v")
    learner = NetworkLearner(train, test, ("lenet",), (2, 40), 32, "cpu")
    rows = np.arange(0, 48, 2)
    answers = learner(Question(rows, 0, (0, 1), 3))
    assert answers.shape == (2, 24) and set(answers.ravel()) <= {0.0, 1.0}
    assert (answers == learner(Question(rows, 0, (0, 1), 3))).all()
    assert answers[1].mean() <= answers[0].mean()

    asked: list[Question] = []

    def answer(self: NetworkLearner, question: Question) -> np.ndarray:
        asked.append(question)
        rng = np.random.default_rng(0)
        return (rng.random((len(question.lengths), 24)) < 4 / len(question.rows)).astype(float)

    monkeypatch.setattr(NetworkLearner, "__call__", answer)
    found = decompose(train, test, backbone=["lenet", "convnet4"], steps=2, cuts=3, device="cpu")
    assert found.family == "networks of 32 pixels, trained from nothing"
    assert found.found.plan.capacities == ("lenet", "convnet4") and found.found.plan.lengths == ("2 steps", "6 steps")
    assert sum(len(one.rows) == 48 for one in asked) == 4  # two seeds of each network


@pytest.mark.parametrize(
    "given, words",
    [
        ({"capacity": 5}, "--capacity.*2, 4, 8|--axes"),
        ({"capacity": "big"}, "number of axes"),
        ({"axes": "2,90"}, "--axes.*8"),
        ({"backbone": "lenet", "axes": "2"}, "--backbone"),
        ({"backbone": "lenet,lenet"}, "images|each network once"),
        ({"cuts": 2}, "--cuts"),
        ({"steps": 0}, "--steps"),
    ],
)
def test_what_cannot_be_is_refused(given: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        decompose(vectors(120, 0), vectors(120, 1), **given)


def test_the_same_samples_in_both_are_refused() -> None:
    train = vectors(120, 0)
    with pytest.raises(InputError, match="in train too"):
        decompose(train, train.subset(np.arange(60)), cuts=3)
    with pytest.raises(InputError, match="not split here"):
        decompose(train, cuts=3)
