"""What every public estimator of adaptation holds to with data frames, `set_output` and scikit-learn's checks.

The methods that learn classes go through `test_adapters.py` besides; here they stand beside the regressors.
"""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from regard.adapt.choose.auto import Auto, SourceOnly
from regard.adapt.classifier import CommonScale
from regard.adapt.contract import UNKNOWN
from regard.adapt.named import adapter
from regard.adapt.regression import AdaptedRegressor
from regard.core.checks import InputError
from regard.core.discover import load, names

REGRESSORS = {f"regressor on {n}": AdaptedRegressor(n) for n in names("adapt") if load("adapt", n).admits_regression}
METHODS = {name: adapter(name) for name in names("adapt")}
BESIDE = {"auto": Auto(methods=("coral", "subspace"), folds=2), "source_only": SourceOnly()}
ALL = {**METHODS, **BESIDE, **REGRESSORS}
COLUMNS = ["a", "b", "c", "d"]
# InputError, a ValueError, where scikit-learn asks for TypeError: misuse is told from faults by one type
NOT_OURS = {"check_dtype_object"}


@pytest.fixture(params=ALL)
def estimator(request):
    return clone(ALL[request.param])


def frames(estimator, n=40):
    """Source and target frames, their labels (or values), and the labels that the estimator may see."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    Xs, Xt = (pd.DataFrame(rng.normal(size=(n, 4)) + 4 * y[:, None] * [1, -1, 0, 0], columns=COLUMNS) for _ in "st")
    Xt = Xt * [2, 3, 1, 1] + 1
    few = np.array([label if i < 8 else UNKNOWN for i, label in enumerate(y)], dtype=object)
    needs = getattr(type(estimator), "needs_target_labels", False)
    if is_regressor(estimator):
        y = y + 0.1 * np.arange(n)
    return Xs, y, Xt, few if needs else None


def test_columns_in_another_order_are_refused(estimator):
    Xs, y, Xt, few = frames(estimator)
    model = estimator.fit(Xs, y, Xt, few)
    assert list(model.feature_names_in_) == COLUMNS
    for call in (model.predict, model.transform, lambda X: model.score(X, y)):
        with pytest.raises(InputError, match="same order"):
            call(Xt[["c", "a", "d", "b"]])
        with pytest.raises(InputError, match="unseen at fit time"):
            call(Xt.rename(columns={"a": "z"}))
    with pytest.raises(InputError, match="same order"):
        clone(model).fit(Xs, y, Xt[["b", "a", "c", "d"]], few)
    np.testing.assert_array_equal(model.predict(Xt), clone(model).fit(Xs, y, Xt, few).predict(Xt))


def test_unfitted_is_said(estimator):
    for call in (estimator.predict, estimator.transform, lambda X: estimator.score(X, [0, 1])):
        with pytest.raises(NotFittedError):
            call(np.zeros((2, 2)))
    with pytest.raises(NotFittedError):
        estimator.get_feature_names_out()


def test_fit_transform_maps_each_row_by_its_own_domain(estimator):
    Xs, y, Xt, few = frames(estimator)
    X, domains = pd.concat([Xs, Xt]), np.repeat(["lab", "field"], len(y))
    known = np.array([*y, *(few if few is not None else [UNKNOWN] * len(y))], dtype=object)
    Z = estimator.fit_transform(X, known, domains=domains, target="field")
    two = clone(estimator).fit(Xs, y, Xt, few)
    np.testing.assert_allclose(Z[: len(y)], two.transform(Xs, "source"), atol=1e-8)
    np.testing.assert_allclose(Z[len(y) :], two.transform(Xt), atol=1e-8)
    np.testing.assert_allclose(two.transform(X, np.repeat(["source", "target"], len(y))), Z, atol=1e-8)


def test_columns_that_come_out_have_names_and_set_output_takes_them(estimator):
    Xs, y, Xt, few = frames(estimator)
    plain = clone(estimator).fit(Xs, y, Xt, few)
    found = plain.get_feature_names_out()
    assert len(found) == len(set(found)) == plain.transform(Xt).shape[1]
    framed = clone(estimator).set_output(transform="pandas").fit(Xs, y, Xt, few)
    Z = framed.transform(Xt)
    assert isinstance(Z, pd.DataFrame) and list(Z.columns) == list(found) and Z.index.equals(Xt.index)
    np.testing.assert_allclose(Z, plain.transform(Xt))
    np.testing.assert_array_equal(framed.predict(Xt), plain.predict(Xt))
    with sklearn.config_context(transform_output="pandas"):
        np.testing.assert_allclose(clone(estimator).fit(Xs, y, Xt, few).predict(Xt), plain.predict(Xt))
    kept = {"coral", "transport", "weighting", "sourceonly"}
    inner = getattr(plain, "adapter_", plain)
    if type(inner).__name__.lower() in kept:
        assert list(found) == COLUMNS
    make_pipeline(StandardScaler(), clone(estimator)).set_output(transform="default")


@pytest.mark.filterwarnings("ignore")  # the checks fit without a target, of which fit warns
@pytest.mark.parametrize("which", ["regressor on coral", "regressor on tca", "regressor on weighting", "common scale"])
def test_scikit_learn_estimator_checks(which):
    failed, passed = {}, 0
    estimator = CommonScale() if which == "common scale" else clone(ALL[which])
    for one, check in estimator_checks_generator(estimator):
        try:
            check(one)
            passed += 1
        except Exception as error:
            if type(error).__name__ != "SkipTest":  # what scikit-learn itself skips, for lack of array_api
                failed[getattr(check, "func", check).__name__] = error
    assert set(failed) <= NOT_OURS, failed
    assert passed > 40
