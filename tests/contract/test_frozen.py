"""What every learner on frozen vectors holds to; a new file in lifelong/frozen is tested the moment it exists."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from helpers.guards import random_state_untouched, unchanged
from helpers.streams import batches, close, clusters, learned
from regard.core.checks import InputError
from regard.core.discover import load, names
from regard.lifelong.learner_files import learner, load_learner, save_learner

SMALL = {"ranpac": {"n_components": 40}}
pytestmark = pytest.mark.parametrize("name", names("frozen"))
X, Y = clusters()
TEST = clusters(seed=1)[0]


def make(name, **more):
    return learner(name, **{**SMALL.get(name, {}), **more})


def same(a, b, tolerance=1e-8):
    """Both know the same classes and samples, and score alike."""
    np.testing.assert_array_equal(a.classes_, b.classes_)
    np.testing.assert_array_equal(a.counts_, b.counts_)
    close(a.decision_function(TEST), b.decision_function(TEST), tolerance)
    assert a.state().keys() == b.state().keys()
    for key, value in b.state().items():
        if key != "classes":
            close(a.state()[key], value, tolerance)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_any_order_and_any_batches_give_the_joint_fit(name, seed):
    parts = batches(len(X), np.random.default_rng(seed))
    same(learned(make(name), X, Y, parts), make(name).fit(X, Y))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_forgotten_was_never_there(name, seed):
    rng = np.random.default_rng(seed)
    gone = np.zeros(len(X), bool)
    gone[rng.permutation(len(X))[: int(rng.integers(1, 12))]] = True
    gone |= Y == rng.integers(-1, 4)  # a whole class, most of the time
    model = learned(make(name), X, Y, batches(len(X), rng))
    for rows in batches(int(gone.sum()), rng) if gone.sum() > 1 else [np.array([0])]:
        model.forget(X[gone][rows], Y[gone][rows])
    same(model, make(name).fit(X[~gone], Y[~gone]))


def test_it_learns(name):
    model = make(name).fit(X, Y)
    assert model.score(X, Y) > 0.85 and model.decision_function(TEST).shape == (len(TEST), 4)
    np.testing.assert_array_equal(model.predict(TEST), model.classes_[model.decision_function(TEST).argmax(axis=1)])


def test_class_after_class_and_sample_after_sample(name):
    by_class = [np.flatnonzero(k == Y) for k in (2, 0, 3, 1)]
    same(learned(make(name), X, Y, by_class), make(name).fit(X, Y))
    same(learned(make(name), X, Y, np.arange(len(X))[:, None]), make(name).fit(X, Y))


def test_a_class_that_went_comes_back(name):
    model = make(name).fit(X, Y)
    model.forget(X[Y == 1], Y[Y == 1])
    assert model.classes_.tolist() == [0, 2, 3] and 1 not in model.predict(X)
    same(model, make(name).fit(X[Y != 1], Y[Y != 1]))
    same(model.partial_fit(X[Y == 1], Y[Y == 1]), make(name).fit(X, Y))


def test_the_only_sample_in_which_a_feature_varies_leaves_no_trace(name):
    flat = X.copy()
    flat[:, 2] = 0.1
    odd = flat[:1] + [[0, 0, 7, 0, 0]]
    model = make(name).fit(np.vstack([flat, odd]), [*Y, 0]).forget(odd, [0])
    plain = make(name).fit(flat, Y)
    close(model.decision_function(TEST), plain.decision_function(TEST))


def test_all_forgotten_is_as_new(name):
    model = make(name).fit(X, Y).forget(X, Y)
    assert not hasattr(model, "classes_") and model.state() == {} and model.nbytes == 0
    with pytest.raises(InputError, match="nothing is learned"):
        model.predict(X)
    same(model.partial_fit(X, Y), make(name).fit(X, Y))
    wide = np.hstack([X, X])
    assert model.forget(X, Y).partial_fit(wide, Y).predict(wide[:3]).shape == (3,)


def test_one_sample_a_class_and_one_class_of_one(name):
    first = np.array([np.flatnonzero(k == Y)[0] for k in range(4)])
    model = learned(make(name), X, Y, first[:, None])  # each task is one sample
    assert np.isfinite(model.decision_function(TEST)).all() and model.counts_.tolist() == [1, 1, 1, 1]
    regression = hasattr(model, "solved_")  # whose penalty four samples cannot tell
    assert regression or model.predict(X[first]).tolist() == [0, 1, 2, 3]
    few = (Y != 2) | (np.arange(len(Y)) == first[2])
    model = make(name).fit(X[few], Y[few])
    assert model.counts_.tolist() == [9, 7, 1, 8] and np.isfinite(model.decision_function(TEST)).all()
    assert regression or model.predict(X[first[2]][None])[0] == 2
    same(model.forget(X[first[:1]], Y[first[:1]]), make(name).fit(*(a[few][1:] for a in (X, Y))))


def test_copies_count_and_leave_one_by_one(name):
    twice = make(name).fit(np.vstack([X, X]), [*Y, *Y])
    assert twice.counts_.tolist() == [18, 14, 10, 16]
    same(twice.forget(X, Y), make(name).fit(X, Y))
    equal = make(name).fit(np.repeat(X[[0, 10]], 3, axis=0), [0, 0, 0, 1, 1, 1])
    assert equal.predict(X[[0, 10]]).tolist() == [0, 1]


def test_names_of_classes_are_only_names(name):
    plain, other = make(name).fit(X, Y), np.array(["d", "bb", "a", "ccc"])
    named = learned(make(name), X, other[Y], [np.flatnonzero(k == Y) for k in range(4)])
    assert named.classes_.tolist() == ["a", "bb", "ccc", "d"]
    close(named.decision_function(TEST), plain.decision_function(TEST)[:, [2, 1, 3, 0]])
    np.testing.assert_array_equal(named.predict(TEST), other[plain.predict(TEST)])


def test_far_from_zero_no_digits_are_lost(name):
    far = X + 1e5 * (name != "fecam")  # whose length 1 is about zero
    model = learned(make(name), far, Y, np.arange(len(X))[:, None]).forget(far[:4], Y[:4])
    plain = make(name).fit(far[4:], Y[4:])
    close(model.decision_function(far), plain.decision_function(far), 1e-6)
    np.testing.assert_array_equal(model.predict(far), plain.predict(far))


def test_what_is_kept_does_not_grow_with_the_samples(name):
    model = make(name).fit(X, Y)
    size, shapes = model.nbytes, {key: value.shape for key, value in model.state().items()}
    for seed in range(5):
        model.partial_fit(*clusters((40, 40, 40, 40), seed=seed))
    assert model.nbytes == size == sum(value.nbytes for value in model.state().values())
    assert {key: value.shape for key, value in model.state().items()} == shapes


def test_goes_on_from_its_state_and_from_its_file(name, tmp_path):
    half = np.arange(len(X)) % 2 == 0
    for labels in (Y, np.array(["ä", "b", "c", "long name"])[Y], Y > 1):
        model = make(name).fit(X[half], labels[half])
        save_learner(tmp_path / "one.safetensors", model)
        again = load_learner(tmp_path / "one.safetensors")
        assert again.get_params() == model.get_params() and type(again) is load("frozen", name)
        for other in (again, type(model).from_state(model.state(), **model.get_params())):
            assert other.classes_.dtype.kind == labels.dtype.kind
            np.testing.assert_array_equal(other.decision_function(TEST), model.decision_function(TEST))
            other.partial_fit(X[~half], labels[~half])
            close(other.decision_function(TEST), make(name).fit(X, labels).decision_function(TEST))
    save_learner(tmp_path / "new.safetensors", make(name))
    assert load_learner(tmp_path / "new.safetensors").state() == {}


def test_a_state_that_cannot_be_is_refused(name):
    state, cls, more = make(name).fit(X, Y).state(), load("frozen", name), SMALL.get(name, {})
    nan, zero = state["means"].copy(), state["counts"].copy()
    nan[0, 0], zero[1] = np.nan, 0
    for change, message in (
        ({"means": nan}, "NaN"),
        ({"counts": zero}, "counts below 1"),
        ({"classes": state["classes"][::-1]}, "out of order"),
        ({"means": state["means"][:2]}, "do not match"),
        ({"other": zero}, "arrays"),
    ):
        with pytest.raises(InputError, match=message):
            cls.from_state({**state, **change}, **more)
    with pytest.raises(InputError, match="arrays"):
        cls.from_state({key: value for key, value in state.items() if key != "counts"}, **more)


def test_a_state_is_a_copy(name):
    model = make(name).fit(X, Y)
    before = model.decision_function(TEST)
    for array in model.state().values():
        array.fill(0)
    np.testing.assert_array_equal(model.decision_function(TEST), before)


@pytest.mark.parametrize("verb", ["partial_fit", "forget"])
def test_bad_batches_change_nothing(name, verb):
    model = make(name).fit(X, Y)
    before = model.decision_function(TEST)
    nan = X[:3].copy()
    nan[1, 1] = np.nan
    for rows, labels, message in (
        (X[:3, :4], Y[:3], "X: expected 5 features"),
        (nan, Y[:3], "X: expected finite numbers.*first: row 1"),
        (X[:0], Y[:0], "X: expected at least 1 rows"),
        (X[0], Y[:1], "X: expected an array"),
        (X[:3], Y[:2], "y: expected one label for each of the 3"),
        (X[:3], ["a", "b", "c"], "y: expected numbers, as the labels before, got texts"),
        (X[:3], [0, None, 1], "y: expected labels that are all known"),
        (X[:3], [0, 0.5, 1], "y: expected classes"),
        (X[:3], None, "y: expected a label for each"),
    ):
        with pytest.raises(InputError, match=message):
            getattr(model, verb)(rows, labels)
    np.testing.assert_array_equal(model.decision_function(TEST), before)


def test_what_was_never_learned_cannot_be_forgotten(name):
    model = make(name).fit(X, Y)
    before = model.decision_function(TEST)
    with pytest.raises(InputError, match="y: expected classes that were learned .*got the class '9'"):
        model.forget(X[:1], [9])
    with pytest.raises(InputError, match="y: expected at most the 9 that were learned, got 10 samples of '0'"):
        model.forget(np.vstack([X[Y == 0], X[:1]]), [0] * 10)
    with pytest.raises(InputError, match="X: expected the very vectors that were learned"):
        model.forget(X[Y == 1] + 0.01, Y[Y == 1])
    np.testing.assert_array_equal(model.decision_function(TEST), before)
    with pytest.raises(InputError, match="nothing is learned"):
        make(name).forget(X, Y)


def test_samples_that_are_too_far_out_are_told_by_the_variance_where_it_is_kept(name):
    model, strange = make(name).fit(X, Y), X[:1] * [[90, 1, 1, 1, 1]]
    if "scatter" in model.state():
        with pytest.raises(InputError, match="samples.* that were not learned"):
            model.forget(strange, Y[:1])
        same(model, make(name).fit(X, Y))
    else:  # means alone cannot tell: what is taken out is what was given
        before = model.counts_.sum()
        assert model.forget(strange, Y[:1]).counts_.sum() == before - 1


def test_one_class_has_nothing_to_be_told_from(name):
    model = make(name).partial_fit(X[Y == 0], Y[Y == 0])
    for ask in (model.predict, model.decision_function):
        with pytest.raises(InputError, match="at least 2 classes.*got 1 class known"):
            ask(X)
    assert model.partial_fit(X[Y == 3], Y[Y == 3]).predict(X[:2]).tolist() == [0, 0]
    assert model.decision_function(X).shape == (len(X), 2)


def test_bad_vectors_are_refused_at_prediction(name):
    model = make(name).fit(X, Y)
    with pytest.raises(InputError, match="X: expected 5 features"):
        model.predict(X[:, :3])
    with pytest.raises(InputError, match="X: expected finite"):
        model.predict(X * np.nan)
    with pytest.raises(InputError, match="nothing is learned"):
        make(name).predict(X)


def test_nothing_else_is_touched(name):
    rows, labels = X.astype(np.float32), Y.copy()
    rows.flags.writeable = labels.flags.writeable = False
    with random_state_untouched(), unchanged(rows, labels):
        model = make(name).partial_fit(rows, labels)
        model.predict(rows)
        model.forget(rows[:2], labels[:2]).predict(rows)
    same(model, make(name).fit(X.astype(np.float32).astype(float)[2:], Y[2:]))
    listed = make(name).fit(X.tolist(), Y.tolist())
    np.testing.assert_array_equal(listed.predict(TEST.tolist()), make(name).fit(X, Y).predict(TEST))


def test_row_by_row_equals_batch(name):
    model = make(name).fit(X, Y)
    close(np.concatenate([model.decision_function(row[None]) for row in TEST]), model.decision_function(TEST), 1e-10)


def test_clone_and_pickle(name):
    model = make(name).fit(X, Y)
    again = clone(model)
    assert again.get_params() == model.get_params() and not hasattr(again, "classes_")
    same(pickle.loads(pickle.dumps(model)), model, 0)
    with pytest.raises(InputError, match="setting of .*: expected"):
        learner(name, no_such=1)


def test_many_rows_are_taken_in_parts(name, monkeypatch):
    whole = make(name).fit(X, Y)
    monkeypatch.setattr("regard.lifelong.frozen._common.ROWS", 4)
    same(make(name).fit(X, Y).partial_fit(X, Y).forget(X, Y), whole)
