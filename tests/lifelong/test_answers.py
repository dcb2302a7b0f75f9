"""`regard predict` answers as the method does, or says who does."""

from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import representation
from helpers.learning_tasks import learn, task
from regard.core.checks import InputError
from regard.representation.classifier import has_classifier, read_classifier
from regard.reuse.predict import predict


@pytest.mark.parametrize("method", ["icarl", "first_session"])
def test_a_method_that_answers_in_its_own_way_is_not_answered_for(method: str, tmp_path: Path) -> None:
    known = learn(task("a", "b"), representation(), method, tmp_path / "0")
    assert set(known.predict(task("a"))) <= {"a", "b"}
    with pytest.raises(InputError, match=r"does not answer by a linear classifier.*Learned.load\(RUN\).predict"):
        predict(tmp_path / "0", task("a"))
    assert not has_classifier(tmp_path / "0")
    assert np.array_equal(read_classifier(tmp_path / "0", layer=True).weight, known.classifier.weight.detach().numpy())


def test_one_that_answers_by_its_linear_layer_is(tmp_path: Path) -> None:
    known = learn(task("a", "b"), representation(), "lwf", tmp_path / "0")
    found = predict(tmp_path / "0", task("a", "b", n=12), precision="fp32", cache=False)
    assert found.labels.tolist() == known.predict(task("a", "b", n=12)).tolist()
