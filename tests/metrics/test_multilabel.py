"""Average precision of labels: against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from regard.core.checks import InputError
from regard.metrics.multilabel import label_precisions, mean_label_precision, permutation_p


@pytest.mark.parametrize("digits", [0, 1, 8])
def test_it_is_scikit_learns_also_where_scores_are_equal(digits: int) -> None:
    rng = np.random.default_rng(digits)
    truth, scores = rng.random((50, 7)) < 0.3, rng.normal(size=(50, 7)).round(digits)
    found = label_precisions(truth, scores)
    wanted = [average_precision_score(truth[:, one], scores[:, one]) for one in range(7)]
    assert found == pytest.approx(wanted, abs=1e-12)
    assert mean_label_precision(truth, scores) == pytest.approx(np.mean(wanted))


def test_labels_that_no_image_has_are_not_counted() -> None:
    truth = np.array([[1, 0], [0, 0]])
    assert mean_label_precision(truth, [[2, 5], [1, 6]]) == 1
    assert np.isnan(mean_label_precision(np.zeros((2, 2)), np.zeros((2, 2))))
    with pytest.raises(InputError, match="scores"):
        label_precisions(truth, np.zeros((2, 3)))
    with pytest.raises(InputError, match="NaN"):
        label_precisions(truth, np.full((2, 2), np.nan))


def test_p_values_of_guesses_are_even_and_of_knowledge_small() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(60):
        truth = rng.random((30, 3)) < 0.5
        found.append(permutation_p(truth, rng.normal(size=(30, 3)), rng, 99))
    assert 0.35 < np.mean(found) < 0.65 and np.mean(np.array(found) <= 0.1) < 0.25
    truth = rng.random((30, 3)) < 0.5
    assert permutation_p(truth, truth + 0.5 * rng.normal(size=(30, 3)), rng, 99) == 0.01
