import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.data.sampling import few_shot, folds, group_codes, hold_out, one_part, split


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


GAPS = {
    "empty": ["a", "", "a", "", "b", ""],
    "blank": ["a", " ", "a", "\t", "b", ""],
    "none": ["a", None, "a", None, "b", None],
    "nan": [1.0, np.nan, 1.0, np.nan, 2.0, np.nan],
    "text of nan": ["a", "nan", "a", "NaN", "b", "None"],
    "days": np.array(["2024-05-01", "NaT", "2024-05-01", "NaT", "2024-05-02", "NaT"], "M8[D]"),
    "large": [2**62, None, 2**62, None, 2**62 + 1, None],
}


@pytest.mark.parametrize("kind", GAPS)
def test_a_gap_is_a_thing_of_its_own(kind):
    """All gaps as one thing would put strangers into one fold, and count them as one in an interval."""
    given = GAPS[kind]
    for values in (given, np.array(given, object), np.asarray(given)):
        codes = group_codes(values)
        assert len(set(codes.tolist())) == 5 and codes[0] == codes[2] != codes[4]
        assert sorted(set(codes.tolist())) == list(range(5))
    labels = np.array(["x", "y"] * 3)
    assert len(folds(labels, 2, groups=given)) == 2  # class y has only gaps: as one thing it could not be cut
    images = ImageSet(
        [np.zeros((2, 2), np.uint8)] * 6, np.array(list("ijklmn")), labels, {"identity": np.asarray(given)}
    )
    learn, held_out, notes = hold_out(images, 0.4)
    assert len(learn) + len(held_out) == 6 and notes == [
        f"No test images were named: {len(held_out)} of the training images were held out."
    ]
    assert len({"i", "k"} & set(held_out.ids)) != 1
    with pytest.raises(InputError, match="3 of 6 images without identity"):
        split(images, by="identity")


@pytest.mark.parametrize(
    "values, things",
    [
        (["007", "7", "07"], 3),
        ([2**62, 2**62 + 1, 2**62 + 2], 3),
        (np.array([7, 8, 7]), 2),
        (["caf\u00e9", "cafe\u0301", " caf\u00e9 "], 1),
        (["1", "1.0", 1], 1),
        (np.array([b"a", b"b", b"a"]), 2),
    ],
)
def test_equal_things_are_one_and_others_are_not(values, things):
    assert len(np.unique(group_codes(values))) == things


@pytest.mark.parametrize("values", [[[1], [2]], [1j, 2], [{}, {}], [2.0**60, np.nan], np.zeros((2, 2))])
def test_what_cannot_name_a_thing_is_refused(values):
    with pytest.raises(InputError, match="^identity: "):
        group_codes(values, "identity")


def parted(names):
    return ImageSet(
        [np.zeros((2, 2), np.uint8)] * len(names),
        np.array([f"i{k}" for k in range(len(names))]),
        np.array(["x", "y"] * (len(names) // 2)),
        {"split": np.array(names)},
    )


@pytest.mark.parametrize(
    "names, left",
    [
        (["train"] * 4 + ["test"] * 4, 0),
        (["Training"] * 4 + ["TEST"] * 4, 0),
        (["train"] * 4 + ["dev"] * 4, 0),
        (["train"] * 4 + ["test"] * 4 + ["val"] * 2, 2),
    ],
)
def test_the_official_parts_are_used(names, left):
    learn, held_out, notes = hold_out(parted(names), 0.25)
    assert learn.ids.tolist() == ["i0", "i1", "i2", "i3"] and held_out.ids.tolist() == ["i4", "i5", "i6", "i7"]
    assert all("column `split`" in note and ("left out" in note) == bool(left) for note in notes)
    assert one_part(parted(names), "test", "TEST")[0].ids.tolist() == held_out.ids.tolist()
    with pytest.raises(InputError, match="^by: "):
        hold_out(parted(names), by="identity")


def test_a_split_column_that_tells_no_parts_is_no_split():
    for names in (["train"] * 8, ["fold1", "fold2"] * 4, [""] * 8):
        assert "No test images" in hold_out(parted(names))[2][0]
    for odd in ("", "extra"):
        with pytest.raises(InputError, match="^split: .*train, test or val in each row"):
            hold_out(parted(["train", "train", "test", "test", odd, odd]))


@pytest.mark.parametrize("names", [["val", "test"], ["dev", "test"], ["test", "Validation"], ["val", "test", "x", ""]])
@pytest.mark.parametrize("by", [None, "split"])
def test_official_parts_without_one_to_learn_from_are_not_mixed(names, by):
    with pytest.raises(InputError, match="^split: .*no train to learn from.*TRAIN.*TEST"):
        hold_out(parted(sorted(names * 4)[:8] if len(names) == 2 else names * 2), by=by)
    assert "No test images" in hold_out(parted(["test"] * 8))[2][0]
