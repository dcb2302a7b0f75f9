"""Boxes and pixels: a short training gives scores by picture whose mean is the measure; several tasks make a map."""

import numpy as np
import pytest

import regard
from regard.core.discover import load
from regard.data.scenes import scenes
from regard.representation.representation import Representation
from regard.reuse.dense.model import DenseModel
from regard.reuse.dense.scoring import score
from regard.studies.compare.contract import Asked
from regard.studies.compare.tasks._dense import scored

TRAIN, TEST = scenes(8, size=48), scenes(4, size=48, seed=1, family="b")


@pytest.mark.parametrize(
    "name, way", [("segment", "frozen"), ("detect", "finetuned"), ("depth", "frozen"), ("boxes3d", "frozen")]
)
def test_scores_by_picture_have_the_measure_as_their_mean(name, way, tmp_path):
    task = load("compare", name)
    sides = task.open(TRAIN, TEST, 0)
    asked = Asked(sides, Representation.load("random:convnet4"), np.arange(6), 0, way, steps=2, size=48)
    found = task.answer(asked, tmp_path)
    model, main = DenseModel.load(tmp_path / "run"), task.measures[0].name
    value = score(model, TEST, interval=False).metrics[main]
    assert found.scores[main].shape == (4,) and found.scores[main].mean() == pytest.approx(value)
    assert scored(model, TEST)[main].tolist() == found.scores[main].tolist()
    assert asked.representation.fingerprint == Representation.load("random:convnet4").fingerprint  # as it was
    heads = sum(one.numel() for one in model.head.parameters())
    assert found.parameters >= heads and (found.parameters == heads) == (way == "frozen")


def test_all_tasks_that_fit_make_a_map(tmp_path, monkeypatch):
    monkeypatch.setattr("regard.studies.compare.compare.names", lambda kind: ["classify", "segment"])
    found = regard.compare(
        TRAIN,
        TEST,
        task="all",
        with_=["random:convnet4:1", "random"],
        way="frozen,finetuned",
        seeds=3,
        labels=[8],
        steps=1,
        size=32,
        out=tmp_path / "out",
    )
    assert [one.way for one in found.found.readings] == ["frozen", "finetuned"]
    assert any(note.startswith("classify was left out: TRAIN") for note in found.notes)
    assert "segment, fine-tuned" in (tmp_path / "out" / "transfer-map.svg").read_text()
