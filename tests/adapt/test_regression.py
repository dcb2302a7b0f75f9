"""Regression on adapted vectors."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV

from regard.adapt.contract import UNKNOWN
from regard.adapt.regression import AdaptedRegressor
from regard.adapt.vectors.coral import Coral
from regard.core.checks import InputError
from regard.core.discover import load, names

ADMITTED = [name for name in names("adapt") if load("adapt", name).admits_regression]


def data(n=150, seed=0):
    """A value that depends on two features; the target is stretched and moved."""
    rng = np.random.default_rng(seed)
    Xs, Xt = rng.normal(size=(n, 4)), rng.normal(size=(n - 30, 4))
    truth = [2 * X[:, 0] - X[:, 1] for X in (Xs, Xt)]
    return Xs, truth[0], Xt * [3, 0.5, 1, 1] + 4, truth[1]


@pytest.mark.parametrize("name", ADMITTED)
def test_every_method_that_admits_it_regresses(name):
    Xs, ys, Xt, yt = data()
    model = AdaptedRegressor(name).fit(Xs, ys, Xt)
    assert np.isfinite(model.predict(Xt)).all() and model.score(Xs, ys, domain="source") > 0.1
    order = np.random.default_rng(0).permutation(len(Xs))
    again = AdaptedRegressor(name).fit(Xs[order], ys[order], Xt[::-1])
    np.testing.assert_allclose(again.predict(Xt), model.predict(Xt), atol=1e-8)
    np.testing.assert_allclose(
        np.concatenate([model.predict(row[None]) for row in Xt[:9]]), model.predict(Xt[:9]), atol=1e-8
    )
    few = np.full(len(yt), UNKNOWN, dtype=object)
    few[:20] = yt[:20] + 100
    told = clone(model).fit(Xs, ys, Xt, few)
    assert np.abs(told.predict(Xt) - model.predict(Xt)).max() > 1


def test_coral_undoes_the_shift():
    Xs, ys, Xt, yt = data()
    plain = LinearRegression().fit(Xs, ys)
    model = AdaptedRegressor(Coral(reg=1e-6), LinearRegression()).fit(Xs, ys, Xt)
    assert model.score(Xt, yt) > 0.9 > 0 > plain.score(Xt, yt)


def test_pooled_form_equals_two_sets_and_masks_are_unknown():
    Xs, ys, Xt, yt = data()
    few = np.array([*yt[:5], *[UNKNOWN] * (len(yt) - 5)], dtype=object)
    two = AdaptedRegressor("coral").fit(Xs, ys, Xt, few)
    mixed = np.random.default_rng(0).permutation(len(Xs) + len(Xt))
    X, y = np.concatenate([Xs, Xt])[mixed], np.array([*ys, *few], dtype=object)[mixed]
    domains = np.array(["lab"] * len(Xs) + ["field"] * len(Xt))[mixed]
    pooled = AdaptedRegressor("coral").fit(X, y, domains=domains, target="field")
    np.testing.assert_allclose(pooled.predict(Xt), two.predict(Xt))
    np.testing.assert_allclose(pooled.predict(Xt, "field"), two.predict(Xt))
    masked = np.ma.array(yt, mask=np.arange(len(yt)) >= 5)
    np.testing.assert_allclose(AdaptedRegressor("coral").fit(Xs, ys, Xt, masked).predict(Xt), two.predict(Xt))


def test_grid_search_over_the_adapter():
    Xs, ys, Xt, yt = data()
    X, y = np.concatenate([Xs, Xt]), np.array([*ys, *yt[:30], *[UNKNOWN] * (len(yt) - 30)], dtype=object)
    domains = np.array(["source"] * len(Xs) + ["target"] * len(Xt))
    train, test = np.r_[: len(Xs), len(Xs) + 30 : len(X)], np.arange(len(Xs), len(Xs) + 30)
    search = GridSearchCV(AdaptedRegressor(Coral()), {"adapter__reg": [1e-6, 100.0]}, cv=[(train, test)], refit=False)
    search.fit(X, y, domains=domains)
    first, second = search.cv_results_["mean_test_score"]
    assert first > second


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.full(150, np.nan)}, "ys: .*finite.*UNKNOWN"),
        ({"y": ["a"] * 150}, "ys: .*numbers"),
        ({"y": np.zeros(9)}, "ys: .*150 samples"),
        ({"y": [UNKNOWN] * 150}, "a value for every source sample"),
        ({"Xt": np.zeros((5, 2))}, "Xt: .*4 features"),
        ({"adapter": "asvm"}, "adapter: .*one of"),
        ({"adapter": "corall"}, "Did you mean 'coral'"),
        ({"regressor": "forest"}, "regressor: "),
    ],
)
def test_bad_input(change, message):
    Xs, ys, Xt, _ = data()
    settings = {key: change.pop(key) for key in ("adapter", "regressor") if key in change}
    with pytest.raises(InputError, match=message):
        AdaptedRegressor(**settings).fit(**{"X": Xs, "y": ys, "Xt": Xt} | change)


def test_bad_scores_and_domains():
    Xs, ys, Xt, yt = data()
    model = AdaptedRegressor().fit(Xs, ys, Xt)
    with pytest.raises(InputError, match="domain"):
        model.predict(Xt, "elsewhere")
    with pytest.raises(InputError, match="known values"):
        model.score(Xt, [UNKNOWN, *yt[1:]])
