"""Learners in files: what is written is read, and what was changed or is something else is refused."""

import json

import numpy as np
import pytest
import torch

from helpers.streams import clusters
from regard.core.checks import InputError
from regard.core.storage import read_header, save_tensors
from regard.lifelong.frozen._common import Learner
from regard.lifelong.frozen.slda import SLDA
from regard.lifelong.learner_files import load_learner, save_learner

X, Y = clusters()


def test_priors_keep_their_labels(tmp_path):
    for labels, priors in (
        (Y, {k: 1.0 + k for k in range(4)}),
        (np.array(list("abcd"))[Y], dict(zip("abcd", [1, 2, 3, 4]))),
    ):
        model = SLDA(0.1, priors).fit(X, labels)
        save_learner(tmp_path / "one", model)
        again = load_learner(tmp_path / "one")
        assert again.priors == priors
        np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))


def test_changed_bytes_and_other_files_are_refused(tmp_path):
    save_learner(tmp_path / "one", SLDA(0.1).fit(X, Y))
    told = read_header(tmp_path / "one")
    assert told["method"] == "slda" and json.loads(told["classes"]) == [0, 1, 2, 3]
    data = bytearray((tmp_path / "one").read_bytes())
    data[-1] ^= 1
    (tmp_path / "changed").write_bytes(data)
    (tmp_path / "short").write_bytes(data[: len(data) // 2])
    (tmp_path / "text").write_text("a note")
    save_tensors(tmp_path / "weights", {"a": torch.zeros(2)})
    for name, message in (
        ("changed", "bytes were changed"),
        ("short", "a safetensors file"),
        ("text", "a safetensors file"),
        ("weights", "expected a learner, as save_learner writes it"),
        ("none", "none"),
    ):
        with pytest.raises(InputError, match=message):
            load_learner(tmp_path / name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "sdla"}, "frozen: expected one of .*Did you mean 'slda'"),
        ({"settings": '{"shrinkage": 7}'}, "shrinkage: expected a number from 0 to 1"),
        ({"settings": '{"colour": 1}'}, "colour"),
        ({"classes": "[0, 1]"}, "do not match"),
        ({"classes": "0, 1"}, "other: "),
        ({"labels": "words"}, "words"),
    ],
)
def test_a_header_that_does_not_fit_is_told(tmp_path, change, message):
    model = SLDA(0.1).fit(X, Y)
    save_learner(tmp_path / "one", model)
    told = {key: value for key, value in read_header(tmp_path / "one").items() if key not in ("seal", "tensors")}
    arrays = {key: torch.from_numpy(value) for key, value in model.state().items() if key != "classes"}
    save_tensors(tmp_path / "other", arrays, {**told, **change}, seal=True)
    with pytest.raises(InputError, match=message):
        load_learner(tmp_path / "other")


def test_a_learner_that_has_no_name_cannot_be_written(tmp_path):
    class Own(Learner):
        def _scores(self, model, Z):
            return Z

    with pytest.raises(InputError, match="model: expected a learner of regard.lifelong.frozen.*got Own"):
        save_learner(tmp_path / "own", Own())
    assert not (tmp_path / "own").exists()
