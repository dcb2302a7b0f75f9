"""Late interaction: scores by loops over items and vectors, items without vectors, pieces, and where it matched."""

from typing import Any

import numpy as np
import pytest

from helpers.arrays import unit
from regard.core.checks import InputError
from regard.reuse.search.nearest import maxsim as module
from regard.reuse.search.nearest.maxsim import maxsim, top_maxsim


def ragged(seed: int = 0, items: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    sizes = draw.integers(0, 7, items)
    sizes[[0, 5, 6, -1]] = 0
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    return draw.standard_normal((4, 8)), draw.standard_normal((offsets[-1], 8)), offsets


@pytest.mark.parametrize("piece", [1, 5, 10**6])
@pytest.mark.parametrize("mean", [False, True])
def test_scores_by_plain_loops(piece: int, mean: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PIECE", piece)
    query, x, offsets = ragged()
    found = maxsim(query, x, offsets, mean)
    for item in range(40):
        own = [unit(x[row]) for row in range(offsets[item], offsets[item + 1])]
        total = sum(max(float(unit(q) @ v) for v in own) for q in query) if own else -np.inf
        assert found[item] == pytest.approx(total / 4 if mean else total)
    assert np.isneginf(found).sum() == (np.diff(offsets) == 0).sum() >= 4


def test_best_items_and_which_vector_answered() -> None:
    query, x, offsets = ragged()
    scores = maxsim(query, x, offsets)
    found = top_maxsim(query, x, offsets, top=5)
    assert found.rows.tolist() == np.argsort(-scores, kind="stable")[:5].tolist()
    np.testing.assert_array_equal(found.scores, scores[found.rows])
    np.testing.assert_allclose(found.cosines_KL.sum(axis=1), found.scores)
    for place, item in enumerate(found.rows):
        cosine = unit(query) @ unit(x[offsets[item] : offsets[item + 1]]).T
        assert found.which_KL[place].tolist() == cosine.argmax(axis=1).tolist()
    everything = top_maxsim(query, x, offsets, top=1000)
    assert len(everything.rows) == (np.diff(offsets) > 0).sum(), "items without vectors never come"
    np.testing.assert_array_equal(top_maxsim(query, x, offsets, 3, mean=True).rows, found.rows[:3])


def test_a_part_is_found_that_the_mean_hides() -> None:
    """The item with one region that is the query's is first, though its mean vector is the farthest."""
    draw = np.random.default_rng(0)
    part, rest = np.eye(16)[:1], -np.eye(16)[:1]
    items = [unit(draw.standard_normal((6, 16))) for _ in range(20)]
    items[7] = np.concatenate([items[7][:3] + 3 * rest, part, items[7][4:] + 3 * rest])
    x, offsets = np.concatenate(items), np.arange(0, 126, 6)
    found = top_maxsim(part, x, offsets, top=1)
    assert found.rows[0] == 7 and found.which_KL[0, 0] == 3 and found.scores[0] == pytest.approx(1)
    assert np.argmin([item.mean(axis=0) @ part[0] for item in items]) == 7


def test_one_vector_each_is_the_cosine() -> None:
    query, x, _ = ragged()
    np.testing.assert_allclose(maxsim(query[:1], x, np.arange(len(x) + 1)), unit(x) @ unit(query[0]))


def test_equal_items_come_in_order_and_zeros_are_at_cosine_zero() -> None:
    x = np.array([[0.0, 0], [1, 0], [1, 0], [0, 0]])
    found = top_maxsim([[2.0, 0]], x, [0, 1, 2, 3, 4], top=4)
    assert found.rows.tolist() == [1, 2, 0, 3] and found.scores.tolist() == [1, 1, 0, 0]


def test_input_is_read_in_slices_and_not_changed() -> None:
    query, x, offsets = ragged()
    kept = x.copy()

    class Slices:
        shape = x.shape

        def __getitem__(self, part: slice) -> np.ndarray:
            assert isinstance(part, slice)
            return x[part]

    np.testing.assert_array_equal(maxsim(query, Slices(), offsets), maxsim(query, x, offsets))
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda q, x, o: (q[0], x, o), "query"),
        (lambda q, x, o: (q * 0, x, o), "query: expected vectors with a direction"),
        (lambda q, x, o: (q, x[:, :5], o), "vectors"),
        (lambda q, x, o: (q, x * np.nan, o), "NaN"),
        (lambda q, x, o: (q, x, o[:-2]), "offsets"),
        (lambda q, x, o: (q, x, o[:1]), "offsets"),
        (lambda q, x, o: (q, x, o + 0.0), "offsets"),
        (lambda q, x, o: (q, x, o[::-1]), "offsets"),
        (lambda q, x, o: (q, x, [0, 9, 3, len(x)]), "never fall"),
    ],
)
def test_wrong_input_is_named(change: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        maxsim(*change(*ragged()))


def test_wrong_top_is_named() -> None:
    with pytest.raises(InputError, match="top"):
        top_maxsim(*ragged(), top=0)
