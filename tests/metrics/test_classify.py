"""Classification scores against scikit-learn and against cases worked by hand."""

import numpy as np
import pytest
from sklearn import metrics as peer

from regard.core.checks import InputError
from regard.metrics.classify import accuracy, balanced_accuracy, confusion, per_class


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    truth = rng.choice(["a", "b", "c", "d"], size=300, p=[0.6, 0.25, 0.1, 0.05])
    predicted = np.where(rng.random(300) < 0.7, truth, rng.choice(["a", "b", "c", "d"], size=300))
    return truth, predicted


def test_equal_to_scikit_learn(answers):
    truth, predicted = answers
    assert accuracy(truth, predicted) == pytest.approx(peer.accuracy_score(truth, predicted))
    assert balanced_accuracy(truth, predicted) == pytest.approx(peer.balanced_accuracy_score(truth, predicted))
    names, counts = confusion(truth, predicted)
    assert names == ["a", "b", "c", "d"]
    assert np.array_equal(counts, peer.confusion_matrix(truth, predicted))
    expected = peer.precision_recall_fscore_support(truth, predicted)
    ours = per_class(truth, predicted)
    for i, name in enumerate(names):
        row = ours[name]
        assert [row["precision"], row["recall"], row["f1"], row["support"]] == pytest.approx(
            [column[i] for column in expected]
        )


def test_by_hand():
    truth, predicted = ["x", "x", "x", "y"], ["x", "x", "y", "z"]
    assert accuracy(truth, predicted) == 0.5
    assert balanced_accuracy(truth, predicted) == pytest.approx((2 / 3 + 0) / 2)
    names, counts = confusion(truth, predicted)
    assert names == ["x", "y", "z"] and counts.tolist() == [[2, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_what_is_unknown_is_nan_not_zero():
    rows = per_class(["x", "y"], ["x", "x"])
    assert np.isnan(rows["y"]["precision"]) and rows["y"]["recall"] == 0
    assert np.isnan(per_class(["x", "x"], ["x", "z"])["z"]["recall"])


def test_numbers_are_labels_too():
    assert accuracy([1, 2, 3], np.array([1, 2, 2])) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("truth", "predicted", "named"),
    [([], [], "ground_truth"), (["a"], ["a", "b"], "predicted"), (["1", "2"], [1, 2], "predicted")],
)
def test_bad_input(truth, predicted, named):
    with pytest.raises(InputError, match=f"^{named}: expected"):
        accuracy(truth, predicted)
