"""First-session adaptation: the network moves once, and then all is the frozen learner's."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.learning_tasks import learn, representation, task
from regard.core.checks import InputError
from regard.core.discover import load
from regard.lifelong.training.first_session import Method


def test_only_the_first_task_moves_weights_and_later_ones_are_the_frozen_learner(tmp_path: Path) -> None:
    first = learn(task("a", "b"), representation(), "first_session", tmp_path / "0")
    second = learn(task("c"), first, "first_session", tmp_path / "1")
    begun = representation().encoder.state_dict()
    after, later = (one.representation.encoder.state_dict() for one in (first, second))
    assert begun.keys() == after.keys() and any(not torch.equal(begun[name], after[name]) for name in begun)
    assert all(torch.equal(after[name], later[name]) for name in after)
    sets = (task("a", "b"), task("c"), task("a", "b", "c"))
    vectors = [first.representation.embed(images, precision="fp32").vectors for images in sets]
    codes = [
        np.array([["a", "b", "c"].index(name) for name in images.labels]) for images in (task("a", "b"), task("c"))
    ]
    model = load("frozen", "slda")()
    for X, y in zip(vectors, codes):
        model.partial_fit(X, y)
    assert np.allclose(second.scores(task("a", "b", "c")), model.decision_function(vectors[2]), rtol=1e-3, atol=1e-2)
    assert second.nbytes["kept_bytes"] == model.nbytes


def test_one_class_is_all_that_there_is_to_say(tmp_path: Path) -> None:
    first = learn(task("a"), representation(), "first_session", tmp_path / "0", chosen={"learner": "ncm"})
    assert first.scores(task("b")).tolist() == [[0.0]] * 10


def test_settings() -> None:
    assert Method(rank=8).layers(0, "all") == "lora:8" and Method(rank=0).layers(0, "last:2") == "last:2"
    with pytest.raises(InputError, match="--set learner"):
        Method(learner="sldaa")
