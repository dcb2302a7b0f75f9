"""The base class, by small methods of each kind that the contract must carry."""

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from regard.adapt.classifier import fit_classifier, make_classifier, probabilities
from regard.adapt.contract import UNKNOWN, Domains, ShallowAdapter
from regard.adapt.labels import read_labels
from regard.core.checks import InputError


class Weighted(ShallowAdapter):
    """Weighs source samples: only those with a positive first feature count."""

    def __init__(self, classifier="linear"):
        self.classifier = classifier

    def _align(self, data: Domains):
        return (data.Xs[:, 0] > 0).astype(float)


class Blocks(ShallowAdapter):
    """Tells its sources apart: writes which domain a row came from."""

    def __init__(self, classifier="1nn"):
        self.classifier = classifier

    def _align(self, data):
        self.seen_ = data

    def _map(self, X, domain):
        return np.column_stack([X, np.full(len(X), [*self.seen_.sources, "target"].index(domain))])


class Majority(ShallowAdapter):
    """A classifier of its own, without one on top, that has no use for target labels."""

    uses_target_labels = False

    def _learn(self, data):
        self.share_ = np.bincount(data.ys) / len(data.ys)

    def _proba(self, X, domain):
        return np.tile(self.share_, (len(X), 1))


def test_source_weights_reach_the_classifier_and_the_caller():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    y = np.where(X[:, 0] > 0, X[:, 1] > 0, X[:, 1] < 0)  # the two halves contradict each other
    model = Weighted().fit(X, y, X[:10])
    np.testing.assert_array_equal(model.source_weight_, X[:, 0] > 0)  # in the caller's order
    right = X[:, 0] > 0
    assert (model.predict(X)[right] == y[right]).mean() > 0.9 > (model.predict(X)[~right] == y[~right]).mean()
    with pytest.raises(InputError, match="takes sample weights, got '1nn'"):
        Weighted(classifier="1nn").fit(X, y, X[:10])


def test_sources_by_name():
    X = np.arange(12.0)[:, None]
    y = np.array([0, 1] * 4 + [UNKNOWN] * 4, dtype=object)
    domains = ["amazon"] * 4 + ["webcam"] * 4 + ["dslr"] * 4
    model = Blocks().fit(X, y, domains=domains, target="dslr")
    assert model.sources_ == ("amazon", "webcam") and model.target_ == "dslr"
    assert model.transform(X, domain=domains)[:, 1].tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert model.transform(X[:1], "webcam").tolist() == [[0, 1]]
    data = model.seen_
    np.testing.assert_array_equal(np.array(data.sources)[data.origin] == "webcam", data.Xs[:, 0] >= 4)
    two = Blocks().fit(X[:8], y[:8], X[8:])
    assert two.transform(X[:1], "source").tolist() == [[0, 0]] and two.transform(X[:1]).tolist() == [[0, 1]]


def test_data_that_a_method_gets():
    X = np.arange(6.0)[:, None]
    model = Blocks().fit(X[:4], ["a", "b", "a", "b"], X[4:], [UNKNOWN, "b"])
    data = model.seen_
    assert data.Xt[data.known].tolist() == [[5.0]] and model.classes_[data.yt].tolist() == ["b"]
    assert dict(zip(data.Xs[:, 0], model.classes_[data.ys])) == {0: "a", 1: "b", 2: "a", 3: "b"}


def test_a_target_class_that_the_source_lacks_can_be_predicted():
    X = np.array([[0.0], [1.0], [2.0], [9.0]])
    model = Blocks().fit(X[:2], ["a", "b"], X[2:], ["b", "new"])
    assert model.classes_.tolist() == ["a", "b", "new"]
    assert model.predict(X[3:]).tolist() == ["new"]


def test_a_method_without_a_classifier_on_top():
    X = np.arange(6.0)[:, None]
    model = Majority().fit(X, [0, 1, 1, 1, 0, 1], X)
    assert model.predict(X).tolist() == [1] * 6 and not hasattr(model, "source_weight_")
    with pytest.raises(InputError, match="no use for them"):
        Majority().fit(X, [0, 1, 1, 1, 0, 1], X, [0] * 6)


def test_unfitted_columns_and_masks():
    X = np.arange(6.0)[:, None]
    with pytest.raises(NotFittedError):
        Blocks().predict(X)
    with pytest.warns(DataConversionWarning):
        Blocks().fit(X, np.arange(6)[:, None] % 2, X)
    known, labels = read_labels("y", np.ma.array([-1, 0, 5], mask=[0, 1, 0]), 3)
    assert known.tolist() == [True, False, True] and labels.tolist() == [-1, 5]
    assert read_labels("y", None, 2)[0].tolist() == [False, False]
    assert read_labels("y", [None, 3], 2)[1].dtype.kind == "i"
    with pytest.raises(InputError, match="NaN stands"):
        read_labels("y", [1, float("nan"), 2], 3)
    assert sorted(["b", UNKNOWN, "a"]) == ["a", "b", UNKNOWN] and repr(UNKNOWN) == "UNKNOWN"


@pytest.mark.parametrize(
    "classifier", ["1nn", "linear", "svm", GaussianNB(), RidgeClassifier(), DecisionTreeClassifier(random_state=0)]
)
@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_agree_with_the_classifier(classifier, classes):
    rng = np.random.default_rng(0)
    codes = np.arange(60) % classes
    Z = rng.normal(size=(60, 5)) + 3 * np.eye(5)[codes]
    model = fit_classifier(classifier, Z, codes)
    found = probabilities(model, Z)
    assert found.shape == (60, classes)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(found.argmax(axis=1), model.predict(Z))


def test_what_is_no_classifier():
    with pytest.raises(InputError, match="Did you mean 'linear'"):
        make_classifier("liner")
    with pytest.raises(InputError, match="a scikit-learn classifier"):
        make_classifier(GaussianNB)
