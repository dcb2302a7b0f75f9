import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.data.sampling import few_shot, folds, split


def make(labels, identity=None, start=0):
    n = len(labels)
    columns = {} if identity is None else {"identity": np.array(identity).astype(str)}
    pixels = np.zeros((2, 2), np.uint8)
    return ImageSet([pixels] * n, np.array([f"i{start + k}" for k in range(n)]), np.array(labels), columns)


def test_shares_hold_in_every_class_and_nothing_is_lost():
    images = make(["a"] * 40 + ["b"] * 10 + ["c"] * 2)
    train, test = split(images, 0.25)
    assert [int((test.labels == name).sum()) for name in "abc"] == [10, 2, 1]
    assert sorted([*train.ids, *test.ids]) == sorted(images.ids)
    assert train.name == "images (train)" and test.name == "images (test)"


def test_the_split_is_fixed_by_ids_not_by_order():
    images = make(["a", "b"] * 30)
    mixed = images.subset(np.random.default_rng(0).permutation(60))
    assert set(split(images)[1].ids) == set(split(mixed)[1].ids)
    assert set(split(images)[1].ids) != set(split(images, seed=1)[1].ids)
    # a golden value: a change of the hash would silently move everybody's test sets
    assert split(make(["a"] * 8), 0.5)[1].ids.tolist() == ["i3", "i4", "i5", "i7"]


def test_one_image_more_moves_at_most_one_of_its_class_and_none_of_another():
    before = set()
    for n in range(4, 80):
        test = split(make(["b"] * 6 + ["a"] * n), 0.3)[1]
        now = set(test.ids[test.labels == "a"])
        if before:
            old = {f"i{6 + k}" for k in range(n - 1)}
            assert len((before ^ now) & old) <= 1
        before = now
    assert len({tuple(split(make(["b"] * 6 + ["a"] * n), 0.3)[1].ids[:2]) for n in (4, 9, 30)}) == 1


def test_no_identity_on_both_sides():
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(60), rng.integers(1, 9, 60))
    images = make(np.where(identity % 2, "a", "b"), identity)
    train, test = split(images, 0.25, by="identity")
    assert not set(train.columns["identity"]) & set(test.columns["identity"])
    for name in "ab":
        assert abs((test.labels == name).sum() / (images.labels == name).sum() - 0.25) < 0.05


def test_identities_with_several_labels_stay_together():
    identity = np.repeat(np.arange(20), 4)
    images = make(["a", "b", "c", "d"] * 20, identity)
    train, test = split(images, 0.25, by="identity")
    assert not set(train.columns["identity"]) & set(test.columns["identity"])
    assert len(test) == 20 and test.classes == ["a", "b", "c", "d"]


def test_unlabelled_images_can_be_split():
    train, test = split(make(["a"] * 12).without_labels(), 0.25)
    assert len(test) == 3 and test.labels is None


@pytest.mark.parametrize("test", [0, 1, 1.5, -0.1, float("nan"), "half"])
def test_shares_out_of_range(test):
    with pytest.raises(InputError, match="^test: "):
        split(make(["a"] * 8), test)


def test_what_cannot_be_split_is_said():
    with pytest.raises(InputError, match="1 in class 'b', all on one side"):
        split(make(["a"] * 8 + ["b"]))
    with pytest.raises(InputError, match="identity: .*got 1 in class 'b'"):
        split(make(["a"] * 8 + ["b"] * 4, [*range(8), 9, 9, 9, 9]), by="identity")
    with pytest.raises(InputError, match="Did you mean 'identity'"):
        split(make(["a"] * 8, range(8)), by="identiti")
    with pytest.raises(InputError, match="none is available"):
        split(make(["a"] * 8), by="identity")
    with pytest.raises(InputError, match="2 of 4 images without identity"):
        split(make(["a"] * 4, ["x", "", "y", ""]), by="identity")


def test_few_shot_draws_k_of_each_and_smaller_k_a_part():
    labels = np.array(["b", "a", "c"] * 20)
    five, two = few_shot(labels, 5, seed=3), few_shot(labels, 2, seed=3)
    assert np.unique(labels[five], return_counts=True)[1].tolist() == [5, 5, 5]
    assert set(two) < set(five) and (np.diff(five) > 0).all()
    assert not np.array_equal(five, few_shot(labels, 5, seed=4))
    with pytest.raises(InputError, match="at most 20, all that class 'a' has"):
        few_shot(labels, 21)
    with pytest.raises(InputError, match="^k: "):
        few_shot(labels, 0)


def test_few_shot_is_fair():
    labels = np.array(["a"] * 10 + ["b"] * 5)
    drawn = np.bincount(np.concatenate([few_shot(labels, 2, seed) for seed in range(400)]), minlength=15)
    assert np.allclose(drawn[:10], 80, atol=30) and np.allclose(drawn[10:], 160, atol=40)


def test_folds_cover_everything_once_and_keep_groups_whole():
    labels = np.array(["a"] * 20 + ["b"] * 10)
    seen = np.concatenate([test for _, test in folds(labels, 5)])
    assert sorted(seen) == list(range(30))
    for train, test in folds(labels, 5, seed=1):
        assert (labels[test] == "b").sum() == 2 and not set(train) & set(test)
    groups = np.repeat(np.arange(15), 2)
    for train, test in folds(labels, 3, groups=groups):
        assert not set(groups[train]) & set(groups[test]) and len(train) + len(test) == 30
    assert [test.tolist() for _, test in folds(labels, 5)] == [test.tolist() for _, test in folds(labels, 5)]
    assert [test.tolist() for _, test in folds(labels, 5)] != [test.tolist() for _, test in folds(labels, 5, seed=1)]


def test_too_many_folds():
    with pytest.raises(InputError, match="at most 3, the samples that class 'b' has"):
        folds(["a"] * 9 + ["b"] * 3, 5)
    with pytest.raises(InputError, match="at most 2, the groups that class 'a' has"):
        folds(["a"] * 4, 3, groups=[1, 1, 2, 2])
    with pytest.raises(InputError, match="^folds: "):
        folds(["a"] * 4, 1)
