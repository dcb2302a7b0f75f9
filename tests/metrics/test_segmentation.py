"""mIoU and its kin against a loop over pixels, scikit-learn and cases worked by hand."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, jaccard_score

from regard.core.checks import InputError
from regard.metrics.contrast import contrast
from regard.metrics.image_resampling import image_scores
from regard.metrics.segmentation import MEASURES, SemanticScores, pixel_confusion

NAMES = ("road", "sky", "tree", "tram")


def maps(seed, images=6, size=(11, 7), classes=4):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, (images, *size))
    predicted = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, classes, truth.shape))
    return np.where(rng.random(truth.shape) < 0.1, 255, truth), predicted


def scored(truth, predicted):
    semantic = SemanticScores(NAMES)
    for one, two in zip(truth, predicted):
        semantic.add(one, two)
    return semantic


def test_equal_to_scikit_learn():
    truth, predicted = maps(0)
    known = truth != 255
    found = scored(truth.astype(np.uint8), predicted).scores()
    each = jaccard_score(truth[known], predicted[known], average=None)
    assert [found.by_class[name]["iou"] for name in NAMES] == pytest.approx(each)
    weighted = jaccard_score(truth[known], predicted[known], average="weighted")
    table = confusion_matrix(truth[known], predicted[known])
    recall = np.diag(table) / table.sum(axis=1)
    accuracy = (truth[known] == predicted[known]).mean()
    expected = dict(zip(MEASURES, (each.mean(), accuracy, recall.mean(), weighted)))
    assert found.metrics == pytest.approx(expected)
    assert (scored(truth, predicted).confusion == table).all()


def test_worked_by_hand():
    """Road: 2 of 3 found, nothing else called so. Sky: 1 of 2, and 1 that is road. Tree: never there, once said."""
    semantic = SemanticScores(NAMES)
    semantic.add([[0, 0, 0], [1, 1, 255]], [[0, 0, 1], [1, 2, 3]])
    found = semantic.scores()
    assert [found.by_class[name]["iou"] for name in NAMES[:3]] == pytest.approx([2 / 3, 1 / 3, 0])
    assert np.isnan(found.by_class["tram"]["iou"]) and semantic.absent == ("tram",)
    assert found.metrics["miou"] == pytest.approx(1 / 3)
    assert found.metrics["pixel_accuracy"] == pytest.approx(3 / 5)
    assert found.metrics["mean_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found.metrics["frequency_weighted_iou"] == pytest.approx((3 * 2 / 3 + 2 / 3) / 5)
    assert found.by_class["road"]["pixels"] == 3


def test_weights_of_pictures_are_copies_of_them():
    truth, predicted = maps(1)
    counts = np.array([0, 1, 2, 3, 1, 0])
    listed = scored(np.repeat(truth, counts, axis=0), np.repeat(predicted, counts, axis=0))
    semantic = scored(truth, predicted)
    assert semantic.scores(counts).metrics == pytest.approx(listed.scores().metrics)
    assert semantic.scores(counts).by_class["sky"] == pytest.approx(listed.scores().by_class["sky"])
    for measure in MEASURES:
        both = [listed.scores().metrics[measure], semantic.scores().metrics[measure]]
        assert semantic.measured([counts, np.ones(6)], measure) == pytest.approx(both)


def test_its_interval_over_pictures():
    semantic = scored(*maps(2, images=30))
    scores = image_scores(semantic.measured, 30)
    found = contrast(scores, np.zeros(30), largest=np.inf)
    assert found.mean == pytest.approx(semantic.scores().metrics["miou"])
    assert 0.01 < found.high - found.low < 0.2


def test_nothing_that_counts_is_not_0():
    semantic = SemanticScores(NAMES)
    assert np.isnan(list(semantic.scores().metrics.values())).all()
    semantic.add([[255]], [[0]])
    assert np.isnan(list(semantic.scores().metrics.values())).all() and semantic.absent == NAMES


@pytest.mark.parametrize(
    "truth, predicted, message",
    [
        ([[0]], [[0, 1]], "those of the truth"),
        ([[4]], [[0]], "truth: expected classes from 0 to 3, or 255"),
        ([[0]], [[255]], "predicted: expected classes from 0 to 3, got class 255 in 1 pixels"),
        ([[0.5]], [[0]], "whole numbers"),
        ([0], [0], r"\(H, W\)"),
    ],
)
def test_what_is_no_map_is_said(truth, predicted, message):
    with pytest.raises(InputError, match=message):
        pixel_confusion(truth, predicted, 4)


def test_ignored_is_no_class():
    with pytest.raises(InputError, match="no class"):
        SemanticScores(NAMES, 3)
    assert SemanticScores(NAMES, -1).ignored == -1
