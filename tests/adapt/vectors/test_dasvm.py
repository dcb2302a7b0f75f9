"""DASVM: the loop's steps, moons, circular validation."""

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC

from regard.adapt.contract import UNKNOWN
from regard.adapt.vectors._common import drawn_target
from regard.adapt.vectors._dasvm_loop import Costs, dasvm
from regard.adapt.vectors._svm import gram
from regard.adapt.vectors.dasvm import DASVM
from regard.core.checks import InputError


def moons(n, degrees, seed=0, noise=0.05):
    X, y = make_moons(n, noise=noise, random_state=seed)
    turn = np.deg2rad(degrees)
    return (X - [0.5, 0.25]) @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], y


def three(n=90, seed=0, by=(2.0, 0.0)):
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0], [5, 0], [0, 5.0]])
    y = np.arange(n) % 3
    return centres[y] + rng.normal(size=(n, 2)), y, centres[y] + rng.normal(size=(n, 2)) + by, y


def test_costs_are_the_schedules_of_the_paper():
    costs = Costs(10.0, 1.0, 4.0, 7)
    for i in range(10):
        assert costs.source(i) == pytest.approx(max(10 + (1 - 10) * i**2 / 7**2, 1))
    for age in range(1, 8):
        assert costs.target(np.array(age)) == pytest.approx(1 + 3 * (age - 1) ** 2 / 6**2)
    assert costs.target(np.array(50)) == 4
    assert Costs(2.0, 1.0, 3.0, 1).target(np.array(1)) == 1  # one round: no division by N - 1 = 0


def test_first_round_takes_the_samples_nearest_to_the_edge_inside_the_margin():
    Xs, ys = moons(60, 0)
    Xt, _ = moons(80, 25, seed=1)
    X, codes = np.concatenate([Xs, Xt]), np.concatenate([ys, np.full(80, -1)])
    K = gram(X, X, "rbf", 2.0)
    run = dasvm(K, codes, 60, 2, Costs(10.0, 1.0, 10.0, 1), rho=5, beta=0)
    f = SVC(C=10.0, gamma=2.0).fit(Xs, ys).decision_function(X)
    inside = np.flatnonzero((np.arange(140) >= 60) & (np.abs(f) < 1))
    expected, gone = [], []
    for side in (f > 0, f < 0):
        members = inside[side[inside]]
        expected += members[np.argsort(-np.abs(f[members]))][:5].tolist()
        count, source = min(5, len(members)), np.flatnonzero(side[:60])
        gone += source[np.argsort(-np.abs(f[source]))][:count].tolist()
    np.testing.assert_array_equal(np.flatnonzero(run.members[60:]) + 60, np.sort(expected))
    np.testing.assert_array_equal(np.flatnonzero(~run.members[:60]), np.sort(gone))
    assert run.added == [len(expected)]


def test_one_machine_for_two_classes_is_the_machines_of_both():
    """The loop for several classes with two of them: the second machine is the negative of the first."""
    Xs, ys = moons(60, 0)
    Xt, _ = moons(60, 20, seed=1)
    X, codes = np.concatenate([Xs, Xt]), np.concatenate([ys, np.full(60, -1)])
    K, costs = gram(X, X, "rbf", 2.0), Costs(10.0, 1.0, 10.0, 8)
    one = dasvm(K, codes, 60, 2, costs, 4, 0)
    swapped = dasvm(K, np.where(codes < 0, -1, 1 - codes), 60, 2, costs, 4, 0)
    np.testing.assert_array_equal(one.predicted, 1 - swapped.predicted)
    np.testing.assert_array_equal(one.members, swapped.members)


@pytest.mark.parametrize(("degrees", "most"), [(10, 0.001), (20, 0.001), (30, 0.02)])
def test_moons_turned_a_little_are_solved(degrees, most):
    Xs, ys = moons(300, 0)
    Xt, _ = moons(300, degrees, seed=1)
    new, yn = moons(1000, degrees, seed=2)
    model = DASVM().fit(Xs, ys, Xt)
    assert 1 - model.score(new, yn) <= most
    assert 1 - model.score(new, yn) <= 1 - SVC(C=10, gamma=model.gamma_).fit(Xs, ys).score(new, yn)
    assert model.circular_accuracy_ > 0.95 and model.source_left_ < 300 and model.pseudo_labelled_ > 0


def test_circular_validation_tells_a_failure():
    Xs, ys = moons(300, 0)
    Xt, yt = moons(300, 70, seed=1)
    model = DASVM().fit(Xs, ys, Xt)
    assert model.score(Xt, yt) < 0.5 and model.circular_accuracy_ < 0.7
    assert not hasattr(DASVM(circular=False).fit(Xs, ys, Xt), "circular_accuracy_")
    assert not hasattr(model.set_params(circular=False).fit(Xs, ys, Xt), "circular_accuracy_")


def test_probabilities_are_of_the_adapted_machine():
    Xs, ys = moons(200, 0)
    Xt, yt = moons(200, 30, seed=1)
    model = DASVM().fit(Xs, ys, Xt)
    found = model.predict_proba(Xt)
    of_source = SVC(C=10, gamma=model.gamma_).fit(Xs, ys).decision_function(Xt)
    assert np.abs(found[:, 1] - 1 / (1 + np.exp(-of_source))).max() > 0.1
    np.testing.assert_allclose(found[:, 1], 1 / (1 + np.exp(-model.machine_.margins(Xt)[:, 0])))
    assert np.mean(found.argmax(axis=1) == yt) > np.mean((of_source > 0) == yt)


def test_three_classes_gain_over_the_machines_of_the_source():
    gains = []
    for seed in range(5):
        Xs, ys, Xt, yt = three(150, seed)
        model = DASVM().fit(Xs, ys, Xt)
        plain = OneVsRestClassifier(SVC(C=10, gamma=model.gamma_)).fit(Xs, ys)
        gains.append(model.score(Xt, yt) - plain.score(Xt, yt))
        assert model.circular_accuracy_ > 0.9 and model.pseudo_labelled_ > 30
    assert min(gains) >= 0 and np.mean(gains) > 0.01


def test_known_target_labels_stay_and_help():
    Xs, ys = moons(200, 0)
    Xt, yt = moons(200, 50, seed=1)
    few = np.array(yt, dtype=object)
    few[20:] = UNKNOWN
    blind, told = DASVM().fit(Xs, ys, Xt), DASVM().fit(Xs, ys, Xt, few)
    assert told.score(Xt, yt) > blind.score(Xt, yt) + 0.2
    X, codes = np.concatenate([Xs, Xt]), np.concatenate([ys, yt[:20], np.full(180, -1)])
    run = dasvm(gram(X, X, "rbf", 2.0), codes, 200, 2, Costs(10.0, 1.0, 10.0, 30), 10, 0)
    assert run.members[200:220].all()


def test_every_class_keeps_a_sample():
    Xs, ys, Xt, _ = three(by=(30.0, 30.0))
    model = DASVM(rho=1.0, rounds=50).fit(Xs, ys, Xt)
    assert np.isfinite(model.predict_proba(Xt)).all() and model.source_left_ >= 1


def test_large_sets_are_thinned_and_known_labels_kept():
    Xs, ys = moons(300, 0)
    Xt, yt = moons(400, 20, seed=1)
    few = np.array(yt, dtype=object)
    few[30:] = UNKNOWN
    model = DASVM(max_samples=60).fit(Xs, ys, Xt, few)
    assert len(model.machine_.vectors) <= 120 and model.score(Xt, yt) > 0.9
    rows = drawn_target(np.where(np.arange(400) < 30, yt, -1), 60, np.random.default_rng(0))
    assert len(rows) == 60 and set(range(30)) <= set(rows.tolist())


def test_ends_where_no_candidate_is_left():
    Xs, ys = moons(100, 0)
    model = DASVM(rounds=100).fit(Xs, ys, Xs)
    assert len(model.added_) < 50
    assert len(DASVM(rounds=2).fit(Xs, ys, moons(100, 40)[0]).added_) <= 2
    assert DASVM(beta=1.0).fit(Xs, ys, moons(100, 40)[0]).added_ == []  # everything counts as few


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"C": 0}, "C: .*above 0"),
        ({"C_target": 20.0}, "C_target: .*at most 10"),
        ({"C_target_max": 0.5}, "C_target_max: .*at least 1"),
        ({"rho": 0}, "rho: "),
        ({"rounds": 0}, "rounds: "),
        ({"beta": 2}, "beta: "),
        ({"kernel": "poly"}, "kernel: "),
        ({"max_samples": 0}, "max_samples: "),
    ],
)
def test_settings_out_of_range(setting, message):
    Xs, ys, Xt, _ = three()
    with pytest.raises(InputError, match=message):
        DASVM(**setting).fit(Xs, ys, Xt)
