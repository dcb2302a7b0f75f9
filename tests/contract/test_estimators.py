"""What every public estimator of adaptation holds to with data frames, `set_output` and scikit-learn's checks.

They are found by walking over the package. Those that learn classes go through `test_adapters.py` besides; here they
stand beside the regressors.
"""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import regard.adapt
from helpers.classes import public_classes
from regard.adapt.contract import UNKNOWN, ShallowAdapter
from regard.core.checks import InputError
from regard.core.discover import load, names

FOUND = public_classes(regard.adapt, BaseEstimator)
QUICK = {"Auto": {"methods": ("coral", "subspace"), "folds": 2}}  # settings under which a test takes no minutes
UNDER_A_REGRESSOR = [name for name in names("adapt") if load("adapt", name).admits_regression]


def instances():
    """Every estimator of two domains by name: once, or once for each method that it can be built on."""
    made = {}
    for name, cls in FOUND.items():
        if cls is ShallowAdapter or "Xt" not in signature(cls.fit).parameters:
            continue
        if "adapter" in signature(cls).parameters:
            made |= {f"{name} on {method}": cls(method) for method in UNDER_A_REGRESSOR}
        else:
            made[name] = cls(**QUICK.get(name, {}))
    # methods of other packages
    return made | {name: load("adapt", name)() for name in names("adapt") if load("adapt", name) not in FOUND.values()}


ALL = instances()
PLAIN = {name: cls() for name, cls in FOUND.items() if "Xt" not in signature(cls.fit).parameters}
# those of which scikit-learn's checks take seconds: a map, components, weights; classifiers are in test_adapters.py
REGRESSORS = [name for name in ALL if name.endswith((" on coral", " on tca", " on weighting"))]
COLUMNS = ["a", "b", "c", "d"]
# InputError, a ValueError, where scikit-learn asks for TypeError: misuse is told from faults by one type
NOT_OURS = {"check_dtype_object"}


def test_the_walk_finds_what_there_is():
    assert {"Auto", "SourceOnly", "AdaptedRegressor", "CommonScale", "Coral", "ShallowAdapter"} <= set(FOUND)
    covered = {type(one) for one in (*ALL.values(), *PLAIN.values())}
    assert set(FOUND.values()) - covered == {ShallowAdapter}
    assert PLAIN.keys() == {"CommonScale"} and len(REGRESSORS) == 3


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
@pytest.mark.parametrize("which", [*PLAIN, *REGRESSORS])
def test_scikit_learn_estimator_checks(which):
    failed, passed = {}, 0
    estimator = clone({**PLAIN, **ALL}[which])
    for one, check in estimator_checks_generator(estimator):
        try:
            check(one)
            passed += 1
        except Exception as error:
            if type(error).__name__ != "SkipTest":  # what scikit-learn itself skips, for lack of array_api
                failed[getattr(check, "func", check).__name__] = error
    assert set(failed) <= NOT_OURS, failed
    assert passed > 40
