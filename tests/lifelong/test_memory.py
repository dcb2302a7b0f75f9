"""Memories keep to their budget, and what they keep is the sample that their rule says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from helpers.guards import random_state_untouched, unchanged
from regard.core.checks import InputError
from regard.lifelong.memory import Memory, herding

RULES = ("reservoir", "balanced", "herding")


def vectors(n, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def kept_ids(memory):
    return sorted(one.id for one in memory.kept)


def p_value(hits, draws, size):
    """How likely counts (n,) so uneven are if each draw keeps `size` of the n at random, without replacement."""
    n, share = len(hits), size / len(hits)
    statistic = (n - 1) / n * np.square(hits - draws * share).sum() / (draws * share * (1 - share))
    return float(chi2.sf(statistic, n - 1))


def times_kept(rule, labels, room, draws, cut):
    """How often each of n samples is in the memory, over so many seeds."""
    hits, X = np.zeros(len(labels)), vectors(len(labels))
    for seed in range(draws):
        memory = Memory(room * (16 + 8 + 8), rule, seed)
        for part in np.split(np.arange(len(labels)), cut):
            memory.add(X[part], labels[part], ids=part.tolist())
        hits[kept_ids(memory)] += 1
    return hits


def test_a_reservoir_is_a_uniform_sample():
    hits = times_kept("reservoir", np.arange(24) % 5, 6, 1500, [1, 9, 17])
    assert hits.sum() == 1500 * 6
    assert p_value(hits, 1500, 6) > 1e-3
    late = hits + 60 * (np.arange(24) >= 18) - 20 * (np.arange(24) < 18)
    assert p_value(late, 1500, 6) < 1e-6, "a lean towards late samples would be found"


def test_of_each_class_a_balanced_memory_keeps_a_uniform_sample():
    labels = np.array([0] * 16 + [1] * 3 + [2] * 12)  # class 1 has less than its share
    hits = times_kept("balanced", labels, 13, 1500, [5, 16, 19, 25])
    assert (hits[labels == 1] == 1500).all()
    for label in (0, 2):
        assert hits[labels == label].sum() == 1500 * 5
        assert p_value(hits[labels == label], 1500, 5) > 1e-3


def test_pairs_are_together_as_often_as_chance_says():
    together, X = np.zeros((8, 8)), vectors(8)
    for seed in range(2000):
        memory = Memory(3 * 32, seed=seed)
        memory.add(X, [0] * 8, ids=range(8))
        kept = kept_ids(memory)
        together[np.ix_(kept, kept)] += 1
    pairs = together[np.triu_indices(8, 1)]
    # 3 of 8: each pair in 3/28 of the draws; 28 counts, whose spread is that of independent ones within a tenth
    statistic = np.square(pairs - 2000 * 3 / 28).sum() / (2000 * 3 / 28 * (1 - 3 / 28))
    assert 5 < statistic < 65


@settings(max_examples=40, deadline=None)
@given(
    rule=st.sampled_from(RULES),
    budget=st.integers(0, 3000),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=25),
    seed=st.integers(0, 1000),
)
def test_the_budget_is_never_exceeded(rule, budget, sizes, seed):
    rng = np.random.default_rng(seed)
    images = [rng.integers(0, 255, (size, size, 3), dtype=np.uint8) for size in sizes]
    labels, x = [f"class {k}" for k in rng.integers(0, 4, len(sizes))], vectors(len(sizes), seed=seed)
    memory, at = Memory(budget, rule, seed), 0
    while at < len(sizes):
        part = slice(at, at + int(rng.integers(1, 5)))
        memory.add(images[part], labels[part], x[part], ids=list(range(len(sizes)))[part])
        at = part.stop
        assert memory.nbytes <= budget
        held = memory.kept
        own = sum(one.item.nbytes + 7 + 8 + (16 if rule == "herding" else 0) for one in held)
        beside = len({one.label for one in held}) * (16 + 8) if rule == "herding" else 0
        assert memory.nbytes == own + beside, "what is counted is what is there"
        for one in held:
            np.testing.assert_array_equal(one.item, images[one.id])
            assert one.label == labels[one.id]
    assert memory.seen == len(sizes)
    if rng.random() < 0.5:
        assert memory.remove(range(len(sizes))) == len(held) and len(memory) == memory.nbytes == 0


def test_a_large_budget_keeps_all_and_none_keeps_nothing():
    for rule in RULES:
        for budget, wanted in ((10**6, 30), (0, 0), (10, 0)):
            memory = Memory(budget, rule)
            memory.add(vectors(30), np.arange(30) % 3)
            assert len(memory) == wanted and memory.seen == 30 and memory.nbytes <= budget
            assert memory.too_large == 30 - wanted and len(memory.draw(5)) == min(5, wanted)
            assert memory.remove(["nobody"]) == 0


def test_the_seed_decides_and_batches_do_not():
    X, y = vectors(40), np.arange(40) % 4
    for rule in ("reservoir", "balanced"):

        def kept(seed, cuts, rule=rule):
            memory = Memory(320, rule, seed)
            for part in np.split(np.arange(40), cuts):
                memory.add(X[part], y[part], ids=part.tolist())
            return kept_ids(memory)

        assert kept(3, []) == kept(3, [1, 7, 30]) == kept(3, range(1, 40))
        assert len({tuple(kept(seed, [])) for seed in range(5)}) == 5


def test_nothing_else_is_touched_and_what_is_kept_is_a_copy():
    X, y = vectors(10), np.arange(10) % 2
    for rule in RULES:
        with random_state_untouched(), unchanged(X, y):
            memory = Memory(10**4, rule)
            memory.add(X, y, ids=range(10))
            memory.draw(3)
        before = X[0, 0]
        X[0, 0] = 9
        assert [one.item[0] for one in memory.kept if one.id == 0] == [before]
        X[0, 0] = before


def test_classes_have_equal_shares_of_bytes():
    memory = Memory(10 * 24, "balanced")
    memory.add(vectors(300), np.repeat([0, 1], [280, 20]))
    assert np.bincount([one.label for one in memory.kept]).tolist() == [5, 5]
    memory.add(vectors(20), [2] * 20)
    counts = np.bincount([one.label for one in memory.kept])
    assert counts.sum() == 10 and counts.min() == 3
    plain = Memory(10 * 24)
    plain.add(vectors(300), np.repeat([0, 1], [280, 20]))
    assert np.bincount([one.label for one in plain.kept], minlength=2)[0] >= 7, "a reservoir follows the stream"


def test_herding_is_the_greedy_order_that_keeps_the_mean():
    X = vectors(9, 3)
    mean, left, order = X.mean(axis=0), list(range(9)), []
    for k in range(1, 10):
        apart = [np.linalg.norm(mean - (X[order].sum(axis=0) + X[at]) / k) for at in left]
        order.append(left.pop(int(np.argmin(apart))))
    assert herding(X, mean).tolist() == order


def test_herding_keeps_the_first_of_its_order_and_they_are_near_the_mean():
    X, room = vectors(60, 4), 6
    memory = Memory(room * (32 + 8 + 8) + 40, "herding")
    memory.add(X, [0] * 60, ids=range(60))
    assert [one.id for one in memory.kept] == herding(X, X.mean(axis=0))[:room].tolist()
    apart = np.linalg.norm(np.mean([one.item for one in memory.kept], axis=0) - X.mean(axis=0))
    by_chance = [np.linalg.norm(vectors(60, 4)[rows].mean(axis=0) - X.mean(axis=0)) for rows in _draws(60, room, 200)]
    assert apart < np.quantile(by_chance, 0.05)


def _draws(n, k, times):
    rng = np.random.default_rng(0)
    return [rng.choice(n, k, replace=False) for _ in range(times)]


def test_a_class_that_comes_back_is_herded_to_the_mean_of_all_its_samples():
    first, second = vectors(10), vectors(10, seed=1) + 5
    memory = Memory(4 * (16 + 1 + 8) + 24, "herding")
    memory.add(first, ["a"] * 10, ids=range(10))
    memory.add(second, ["a"] * 10, ids=range(10, 20))
    assert len(memory) == 4 and {one.id >= 10 for one in memory.kept} == {True, False}
    mean = np.concatenate([first, second]).mean(axis=0)
    assert np.linalg.norm(np.mean([one.item for one in memory.kept], axis=0) - mean) < 1


def test_a_users_samples_go_and_the_rest_stays():
    X = vectors(30)
    memory = Memory(12 * 32)
    memory.add(X, [0] * 30, ids=range(30))
    before = kept_ids(memory)
    assert memory.remove(range(15)) == sum(one < 15 for one in before)
    assert kept_ids(memory) == [one for one in before if one >= 15]
    assert memory.nbytes == 32 * len(memory)
    herded = Memory(10**4, "herding")
    herded.add(X, [0] * 30, ids=range(30))
    herded.remove([3, 4])
    herded.add(X[:1], [0], ids=[99])
    rest = np.concatenate([np.delete(X, [3, 4], axis=0), X[:1]])
    assert np.allclose(herded.kept[0].vector, rest[np.square(rest - rest.mean(axis=0)).sum(axis=1).argmin()])


def test_after_a_deletion_late_samples_are_not_favoured():
    """Each sample that was not deleted is kept as often, early or late."""
    hits = np.zeros(20)
    for seed in range(1500):
        memory = Memory(4 * 32, seed=seed)
        memory.add(vectors(12), [0] * 12, ids=range(12))
        memory.remove([0, 1, 2, 3])
        memory.add(vectors(8), [0] * 8, ids=range(12, 20))
        hits[kept_ids(memory)] += 1
    early, late = hits[4:12].mean(), hits[12:].mean()
    assert hits[:4].sum() == 0 and abs(early - late) < 0.1 * early


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"budget": -1}, "budget: expected a whole number of at least 0"),
        ({"budget": 1.5}, "budget: expected a whole number"),
        ({"budget": 9, "rule": "resevoir"}, "rule: expected one of reservoir, balanced, herding.*'reservoir'"),
    ],
)
def test_settings_out_of_range(given, message):
    with pytest.raises(InputError, match=message):
        Memory(**given)


def test_bad_samples_change_nothing():
    images = [np.zeros((4, 4, 3), np.uint8), np.zeros((2, 5, 3), np.uint8)]
    memory = Memory(10**4, "herding")
    for items, labels, more, message in (
        (images, [0], {}, "labels: expected one label for each of the 2"),
        (images, [0, None], {}, "labels: expected a label for each"),
        (images, [0, 1], {}, "vectors: expected a vector"),
        (images, [0, 1], {"vectors": [[1.0, np.nan], [0, 0]]}, "vectors: expected finite"),
        (images, [0, 1], {"vectors": [[1.0, 2.0]]}, "vectors: expected one for each of the 2"),
        (images, [0, 1], {"vectors": vectors(2), "ids": ["a"]}, "ids: expected one for each of the 2"),
        ([np.array([object()])], [0], {}, "items: expected arrays of numbers"),
    ):
        with pytest.raises(InputError, match=message):
            memory.add(items, labels, **more)
    assert memory.seen == 0 and memory.add([], []) is None
    memory.add(images, [0, 1], vectors(2))
    with pytest.raises(InputError, match="vectors: expected 2 dimensions as before, got 3"):
        memory.add(images, [0, 1], vectors(2, 3))
