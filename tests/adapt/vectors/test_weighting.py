"""Weighting as a method: any classifier with weights, covariate shift and label shift."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from regard.adapt.choose.auto import SourceOnly
from regard.adapt.named import adapter
from regard.adapt.shift.density_ratios import density_ratio
from regard.adapt.vectors.weighting import RATIOS
from regard.core.checks import InputError


def covariate_shift(seed=0):
    """The boundary is bent; the target is where a straight line must lie otherwise than for the whole source."""
    rng = np.random.default_rng(seed)
    Xs, Xt = rng.uniform(-3, 3, size=(500, 2)), rng.normal(size=(300, 2)) * 0.5 + [2, 2]

    def label(X):
        return (X[:, 1] > X[:, 0] ** 2 / 2).astype(int)

    return Xs, label(Xs), Xt, label(Xt)


@pytest.mark.parametrize("ratio", ["kmm", "kliep", "ulsif", "logistic"])
def test_a_straight_line_is_fitted_where_the_target_is(ratio):
    Xs, ys, Xt, yt = covariate_shift()
    plain = SourceOnly("linear").fit(Xs, ys, Xt).score(Xt, yt)
    model = adapter("weighting", ratio=ratio, C=1.0).fit(Xs, ys, Xt)
    assert model.score(Xt, yt) > plain + 0.1
    assert 10 < model.effective_samples_ < 400 and model.source_weight_.mean() == pytest.approx(1)


def test_weights_are_the_ratio_in_the_callers_order():
    Xs, ys, Xt, _ = covariate_shift()
    model = adapter("weighting", ratio="ulsif").fit(Xs, ys, Xt)
    assert model.source_weight_[np.linalg.norm(Xs - 2, axis=1) < 1].mean() > 3
    assert model.source_weight_[Xs[:, 0] < -1].mean() < 0.2
    half = adapter("weighting", ratio="logistic", flatten=0.5, C=1.0).fit(Xs, ys, Xt)
    full = density_ratio(Xs, Xt, C=1.0)
    np.testing.assert_allclose(half.source_weight_, np.sqrt(full) / np.sqrt(full).mean(), rtol=1e-3)


def test_label_shift_is_undone():
    rng = np.random.default_rng(0)
    ys, yt = rng.choice(2, 1000), rng.choice(2, 1000, p=[0.9, 0.1])
    Xs, Xt = rng.normal(size=(1000, 2)) + 1.5 * ys[:, None], rng.normal(size=(1000, 2)) + 1.5 * yt[:, None]
    plain = SourceOnly("linear").fit(Xs, ys, Xt).score(Xt, yt)
    model = adapter("weighting", ratio="label").fit(Xs, ys, Xt)
    np.testing.assert_allclose(model.target_shares_, [0.9, 0.1], atol=0.04)
    assert model.score(Xt, yt) > plain + 0.02
    assert len(np.unique(model.source_weight_.round(9))) == 2


@pytest.mark.parametrize("classifier", [DecisionTreeClassifier(random_state=0), LogisticRegression(), "svm"])
def test_any_classifier_that_takes_weights(classifier):
    Xs, ys, Xt, yt = covariate_shift()
    assert adapter("weighting", ratio="kliep", classifier=classifier).fit(Xs, ys, Xt).score(Xt, yt) > 0.6


def test_bad_settings():
    Xs, ys, Xt, _ = covariate_shift()
    assert set(RATIOS) == {"logistic", "kmm", "kliep", "ulsif", "label"}
    for settings in ({"ratio": "klip"}, {"flatten": 2}, {"shares": "guess"}):
        with pytest.raises(InputError, match=next(iter(settings))):
            adapter("weighting", **settings).fit(Xs, ys, Xt)
    with pytest.raises(InputError, match="sample weights"):
        adapter("weighting", classifier="1nn").fit(Xs, ys, Xt)
