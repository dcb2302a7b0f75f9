"""Cuts by group that keep every class on two sides: against trying every cut."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.core.checks import InputError
from regard.data._complete import completed, lacking
from regard.data.imageset import ImageSet
from regard.data.sampling import folds, split
from regard.reuse.logistic import fit_logistic, held_out_rows


@st.composite
def spanning(draw):
    """Labels and groups of up to 12 samples, where groups span classes."""
    groups = draw(st.integers(2, 6))
    of = np.array(draw(st.lists(st.integers(0, groups - 1), min_size=4, max_size=12)))
    y = np.array(draw(st.lists(st.integers(0, 3), min_size=len(of), max_size=len(of))))
    return y, np.unique(of, return_inverse=True)[1]


def complete_cuts(y, of, n):
    """Every cut of the groups into n sides, none empty, with every class on two of them."""
    per = [np.unique(of[y == c]) for c in np.unique(y)]
    for sides in product(range(n), repeat=int(of.max()) + 1):
        if len(set(sides)) == n and all(len({sides[g] for g in one}) > 1 for one in per):
            yield np.array(sides)


@settings(max_examples=80, deadline=None)
@given(data=spanning(), n=st.integers(2, 3), seed=st.integers(0, 9))
def test_folds_find_a_complete_cut_wherever_there_is_one(data, n, seed):
    y, of = data
    if min(len(np.unique(of[y == c])) for c in np.unique(y)) < n:
        with pytest.raises(InputError, match="folds: .*at most"):
            folds(y, n, seed, groups=of)
        return
    if next(complete_cuts(y, of, n), None) is None:
        with pytest.raises(InputError, match="groups: .*every class in every training part"):
            folds(y, n, seed, groups=of)
        return
    parts = folds(y, n, seed, groups=of)
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(len(y)))
    for train, test in parts:
        assert set(y[train]) == set(y) and len(test) and not set(of[train]) & set(of[test])


@settings(max_examples=80, deadline=None)
@given(data=spanning(), seed=st.integers(0, 9))
def test_the_cut_found_is_the_nearest_but_for_a_tenth(data, seed):
    y, of = data
    sides = np.random.default_rng(seed).integers(0, 2, of.max() + 1)
    size = 1 + np.bincount(of)
    costs = [int(size[cut != sides].sum()) for cut in complete_cuts(y, of, 2)]
    found = completed(sides, y, of, 2)
    assert (found is None) == (not costs)
    if found is not None:
        assert not len(lacking(found, y, of)) and len(set(found)) == 2
        moved_first = size[found != sides].sum()
        short = lacking(sides, y, of)
        touched = np.isin(np.arange(of.max() + 1), of[np.isin(y, short)])
        inside = [size[cut != sides].sum() for cut in complete_cuts(y, of, 2) if not (cut != sides)[~touched].any()]
        assert moved_first <= 1.1 * min(inside or costs) + 1e-9


@settings(max_examples=80, deadline=None)
@given(data=spanning(), seed=st.integers(0, 9))
def test_cross_validation_never_loses_a_class_nor_tears_a_group(data, seed):
    """Where no cut is complete, a group that a class needs is always learnt from."""
    y, of = data
    held = held_out_rows(y, of, 3, seed)
    for rows in held:
        rest = np.setdiff1d(np.arange(len(y)), rows)
        assert len(rows) and set(y[rest]) == set(y) and not set(of[rest]) & set(of[rows])
    everything = np.concatenate([*held, np.empty(0, int)])
    assert len(np.unique(everything)) == len(everything)
    if next(complete_cuts(y, of, 2), None) is not None and len(np.unique(of)) == 2:
        assert len(everything) == len(y)


@settings(max_examples=40, deadline=None)
@given(data=spanning(), seed=st.integers(0, 9))
def test_split_by_a_column_finds_a_cut_wherever_there_is_one(data, seed):
    y, of = data
    images = ImageSet(
        [np.zeros((2, 2, 3), np.uint8)] * len(y),
        np.array([f"{i}" for i in range(len(y))]),
        np.array([f"c{c}" for c in y]),
        columns={"identity": np.array([f"g{g}" for g in of])},
    )
    if next(complete_cuts(y, of, 2), None) is None:
        with pytest.raises(InputError, match="all on one side"):
            split(images, 0.4, seed, by="identity")
        return
    train, test = split(images, 0.4, seed, by="identity")
    assert set(train.labels) == set(test.labels) == set(images.labels)
    assert not set(train.columns["identity"]) & set(test.columns["identity"])


def test_identities_that_span_two_classes_each():
    """A chain of three classes over four identities: half of the draws used to lose a class, and then scored .67."""
    y, of = np.repeat([1, 1, 0, 0, 2, 2], 4), np.repeat(list("abbccd"), 4)
    X = np.eye(3)[y] * 3 + np.random.default_rng(0).normal(size=(24, 3)) * 0.1
    for seed in range(12):
        assert all(len(np.unique(y[train])) == 3 for train, _ in folds(y, 2, seed, groups=of))
        assert fit_logistic(X, y, groups=of, seed=seed).cv_accuracy == 1


def test_a_ring_of_three_has_no_cut_and_is_said():
    y, of = np.array([0, 0, 1, 1, 2, 2]), np.array(list("abbcca"))
    with pytest.raises(InputError, match="groups that span classes"):
        folds(y, 2, groups=of)
    # cross-validation keeps a group to learn from, and holds out the two others
    held = held_out_rows(y, of, 2, 0)
    assert len(held) == 2 and all(set(np.delete(y, rows)) == {0, 1, 2} for rows in held)


def test_where_stratification_will_do_nothing_moves():
    rng = np.random.default_rng(0)
    of = rng.integers(0, 300, 2000)
    y = rng.integers(0, 5, 2000)
    sides = np.arange(of.max() + 1) % 4
    assert completed(sides, y, of, 4) is sides


def test_many_rare_classes_in_many_groups():
    rng = np.random.default_rng(0)
    of, y = rng.integers(0, 900, 6000), rng.integers(0, 30, 6000)
    y[:200] = 30 + np.arange(200) // 2  # a hundred classes of two samples
    of[:200] = rng.permutation(900)[:200]
    parts = folds(y, 2, 0, groups=of)
    assert all(len(np.unique(y[train])) == 130 for train, _ in parts)
    assert 0.45 < len(parts[0][1]) / 6000 < 0.55
