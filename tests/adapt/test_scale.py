"""No method hangs, or answers something else, because the vectors lie far from 0 or have another unit.

The data are one and the same but for a common offset and a common factor, within what float64 can tell apart.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

from regard.adapt.classifier import CommonScale, fit_classifier, fit_machine, probabilities
from regard.adapt.contract import UNKNOWN
from regard.adapt.named import adapter
from regard.adapt.vectors._common import FAR, origin
from regard.core.discover import load, names

NAMES = names("adapt")
# coral adds `reg` to variances, as published: 0 for large units, the means alone for small ones
OF_THE_UNIT = {"coral"}
MOVED = [(1e-6, 0.0), (1e-3, 1.0), (1e6, 1e6), (1.0, 1e6), (1.0, 1e8)]


def two_domains(seed=0, d=6, classes=3):
    """Clusters; the target's are stretched and moved. The labels of every third target sample."""
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(classes, d))
    ys, yt = np.arange(36) % classes, np.arange(30) % classes
    Xs = centres[ys] + rng.normal(size=(36, d))
    Xt = (centres[yt] + rng.normal(size=(30, d))) * np.linspace(0.7, 1.5, d) + 2
    few = np.array([label if i % 3 == 0 else UNKNOWN for i, label in enumerate(yt)], dtype=object)
    return Xs, ys, Xt, yt, few


def fitted(name, factor, offset, **given):
    Xs, ys, Xt, yt, few = two_domains()
    model, told = adapter(name, **given), few if load("adapt", name).needs_target_labels else None
    return model.fit(factor * Xs + offset, ys, factor * Xt + offset, told), factor * Xt + offset, yt


@pytest.mark.parametrize("name", NAMES)
def test_every_method_at_every_scale_and_offset(name):
    model, Xt, yt = fitted(name, 1.0, 0.0)
    plain, accuracy = model.predict(Xt), model.score(Xt, yt)
    for factor, offset in MOVED:
        model, Xt, _ = fitted(name, factor, offset)
        assert np.isfinite(model.transform(Xt)).all()
        assert model.score(Xt, yt) >= accuracy - 0.05, (factor, offset)
        # unit rows are taken from the mean once the vectors lie far from 0: another geometry, and as good
        if name not in OF_THE_UNIT and (offset <= factor or name not in {"tca", "tjm", "jda", "easyadapt"}):
            assert np.mean(model.predict(Xt) == plain) >= 0.96, (factor, offset)


@pytest.mark.parametrize("name", ["tca", "tjm", "jda", "easyadapt"])
def test_far_from_zero_is_one_place(name):
    """However far off the vectors lie, the answer is the same."""
    first, Xt, _ = fitted(name, 1.0, 50.0)
    plain = first.predict(Xt)
    for offset in (-1e4, 1e6):
        model, moved, _ = fitted(name, 1.0, offset)
        np.testing.assert_array_equal(model.predict(moved), plain)


@pytest.mark.parametrize("classifier", ["1nn", "linear", "svm"])
@settings(max_examples=25, deadline=None)
@given(power=st.floats(-6, 6), offset=st.floats(-1e6, 1e6), seed=st.integers(0, 3))
def test_classifiers_know_no_unit_and_no_origin(classifier, power, offset, seed):
    Xs, ys, Xt, _, _ = two_domains(seed)
    factor = 10.0**power
    move = offset * factor  # beyond 1e6 spreads the digits themselves are lost
    plain = probabilities(fit_classifier(classifier, Xs, ys), Xt).argmax(axis=1)
    moved = probabilities(fit_classifier(classifier, factor * Xs + move, ys), factor * Xt + move).argmax(axis=1)
    assert np.mean(plain == moved) >= 0.96  # a sample on the very boundary may cross it


@pytest.mark.parametrize("name", ["asvm", "dasvm", "transport", "tca", "tjm", "jda"])
@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_kernels_and_costs_far_from_zero(name, kernel):
    given = {} if name == "transport" else {"kernel": kernel}
    if name == "transport":
        given = {"regularization": "none" if kernel == "rbf" else "laplace"}
    elif name in ("tca", "tjm", "jda"):
        given |= {"normalize": False}
    near, Xt, yt = fitted(name, 1.0, 100.0, **given)
    far, moved, _ = fitted(name, 1.0, 1e8, **given)
    assert far.score(moved, yt) >= near.score(Xt, yt) - 0.05


def test_features_of_variance_one_stay_as_they_are_and_constant_ones_have_no_part():
    X = np.random.default_rng(0).normal(size=(50, 4))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    assert CommonScale().fit(X).scale_ == pytest.approx(1)
    wide = np.concatenate([X, np.full((50, 3), 1e6 / 3)], axis=1)
    assert CommonScale().fit(wide).scale_ == pytest.approx(1)
    assert CommonScale().fit(np.full((5, 2), 0.1)).scale_ == 1
    np.testing.assert_allclose(CommonScale().fit(X * 7 + 3).transform(X * 7 + 3), X, atol=1e-12)


def test_steps_that_run_out_are_said():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 5)), rng.integers(0, 2, 200)
    with pytest.warns(UserWarning, match="svm: not at its end after 10 steps"):
        fit_machine(SVC(kernel="linear", max_iter=10, random_state=0), X, y)
    with pytest.warns(UserWarning, match="not at its end"):
        fit_classifier(SVC(kernel="linear", max_iter=10, random_state=0), X, y)


@pytest.mark.parametrize("outlier", [1e4, 1e12])
def test_one_vector_far_beyond_the_others_ends(outlier):
    Xs, ys, Xt, _, _ = two_domains()
    Xs[0] = outlier
    assert np.isfinite(probabilities(fit_classifier("svm", Xs, ys), Xt)).all()


def test_the_origin_moves_only_where_vectors_lie_far_from_it():
    X = np.random.default_rng(0).normal(size=(100, 9))
    assert not origin(X).any() and not origin(np.abs(X)).any()
    far = X + 1.1 * FAR
    np.testing.assert_allclose(origin(far), far.mean(axis=0))
    np.testing.assert_allclose(origin(X, always=True), X.mean(axis=0))
