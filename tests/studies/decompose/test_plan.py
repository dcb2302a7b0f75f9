"""What a decomposition asks: halves and their parts, whole things, all classes, the same for the same seed."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.studies.decompose.plan import Plan, cut, rungs

LABELS = np.repeat([0, 1, 2], [60, 30, 10])


def plan(**more: object) -> Plan:
    return Plan(LABELS, ("few", "many"), ("short", "long"), **{"capacity": 0, "cuts": 3, **more})


def test_halves_share_nothing_and_parts_of_a_half_make_it_up() -> None:
    sides = cut(LABELS, None, 4, 8, np.random.default_rng(0))
    one, two = (side[0][0] for side in sides)
    assert np.intersect1d(one, two).size == 0 and len(one) + len(two) == 100
    assert abs(len(one) - len(two)) <= 1
    for side in sides:
        for rung, parts in enumerate(side):
            assert len(parts) == 2**rung
            assert set(np.concatenate(parts)) == set(side[0][0])
            assert all(set(LABELS[rows]) == {0, 1, 2} for rows in parts)
            # 5 of class 2 in a half: of 8 parts some have one twice
            assert max(map(len, parts)) - min(map(len, parts)) <= 3


def test_parts_have_classes_in_their_shares() -> None:
    for seed in range(5):
        for side in cut(LABELS, None, 3, 4, np.random.default_rng(seed)):
            for rung, parts in enumerate(side, 1):
                for rows in parts:
                    assert np.abs(np.bincount(LABELS[rows]) - np.array([60, 30, 10]) / 2**rung).max() <= 1


def test_no_thing_is_torn_apart() -> None:
    groups = np.arange(100) // 5
    for side in cut(LABELS, groups, 2, 8, np.random.default_rng(0)):
        for parts in side:
            for rows in parts:
                assert (np.unique(groups[rows], return_counts=True)[1] == 5).all()


def test_a_class_of_one_thing_is_in_both_halves() -> None:
    labels = np.r_[np.zeros(20, int), 1, 1]
    groups = np.r_[np.arange(20), 20, 20]
    sides = cut(labels, groups, 3, 4, np.random.default_rng(0))
    assert all({20, 21} <= set(rows) for side in sides for parts in side for rows in parts)


def test_the_questions_are_all_samples_then_halves() -> None:
    asked = plan(seeds=2, pieces=2).questions()
    whole = [question for (_, rung), question in asked if rung == 0]
    assert len(whole) == 4 and all(len(one.rows) == 100 for one in whole)
    assert {one.lengths for one in whole if one.capacity == 0} == {(0, 1)}  # the member that is taken apart
    assert {one.lengths for one in whole if one.capacity == 1} == {(1,)}
    assert sorted({place for place, _ in asked if place[1] == 1}) == [(row, 1) for row in range(6)]
    quarters = [question for (_, rung), question in asked if rung == 2]
    assert len(quarters) == 6 * 2 * 2 and all(one.lengths == (1,) for one in quarters)
    again, other = plan(seeds=2, pieces=2).questions(), plan(seeds=2, pieces=2, seed=1).questions()
    assert all((one.rows == two.rows).all() for (_, one), (_, two) in zip(asked, again))
    assert any(
        len(one.rows) != len(two.rows) or (one.rows != two.rows).any() for (_, one), (_, two) in zip(asked, other)
    )


def test_too_few_samples_are_told_how_many_it_takes() -> None:
    assert rungs(np.arange(64) % 4) == (64, 32, 16, 8)
    with pytest.raises(InputError, match="got 40 images of 4 classes. A learning curve"):
        rungs(np.arange(40) % 4)
    with pytest.raises(InputError, match="a class of one image"):
        rungs(np.r_[np.zeros(50), 1])
    with pytest.raises(InputError, match="cuts"):
        plan(cuts=2)
    with pytest.raises(InputError, match="lengths"):
        Plan(LABELS, ("one",), ("long",))
