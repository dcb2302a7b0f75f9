"""What every re-ranking holds to: each query keeps the results that it came with, in a new order, best first.

A new file in reuse/search/rerank is tested the moment it exists. The rules are those of `Reranker`.
"""

from dataclasses import asdict, is_dataclass
from typing import NamedTuple

import numpy as np
import pytest

from helpers.arrays import unit
from helpers.guards import random_state_untouched, unchanged
from regard.core.checks import InputError
from regard.core.discover import load, names
from regard.metrics.retrieve import mean_ap
from regard.reuse.search.nearest.exact import top_by_product

pytestmark = pytest.mark.parametrize("name", names("rerank"))


class Found(NamedTuple):
    """What a search gives a re-ranking."""

    query: np.ndarray
    rows: np.ndarray
    scores: np.ndarray
    vectors: np.ndarray


def found(queries: int = 3, n: int = 40, top: int = 15, d: int = 8, seed: int = 0) -> Found:
    """The nearest of some queries in a collection of four clusters."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, d))
    vectors = unit(centres[np.arange(n) % 4] + 0.7 * rng.normal(size=(n, d)))
    query = unit(centres[np.arange(queries) % 4] + 0.7 * rng.normal(size=(queries, d)))
    return Found(query, *top_by_product(vectors, query, top), vectors)


def reranked(name: str, given: Found) -> tuple[np.ndarray, np.ndarray]:
    return load("rerank", name)()(*given)


def test_settings_are_a_frozen_dataclass(name: str) -> None:
    method = load("rerank", name)
    assert is_dataclass(method) and method.__dataclass_params__.frozen and "Attributes:" in method.__doc__
    assert method(**asdict(method())) == method(), "what was written down of it makes the same again"


@pytest.mark.parametrize(("queries", "top"), [(3, 15), (1, 15), (3, 2), (1, 1)])
def test_the_same_rows_come_out_best_first(name: str, queries: int, top: int) -> None:
    given = found(queries, top=top)
    rows, scores = reranked(name, given)
    assert rows.shape == scores.shape == (queries, top)
    assert rows.dtype == given.rows.dtype and scores.dtype == np.float64
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.sort(given.rows, axis=1))
    assert np.isfinite(scores).all() and (np.diff(scores, axis=1) <= 0).all()


def test_the_same_again_and_nothing_is_changed(name: str) -> None:
    given = found()
    with random_state_untouched(), unchanged(*given):
        first, again = reranked(name, given), reranked(name, given)
    np.testing.assert_array_equal(first, again)
    for array in given:
        array.flags.writeable = False
    np.testing.assert_array_equal(reranked(name, given), first)


def test_queries_do_not_depend_on_one_another_nor_on_their_order(name: str) -> None:
    given, order = found(4), [2, 0, 3, 1]
    rows, scores = reranked(name, given)
    mixed = Found(given.query[order], given.rows[order], given.scores[order], given.vectors)
    np.testing.assert_array_equal(reranked(name, mixed), (rows[order], scores[order]))
    alone = Found(given.query[:1], given.rows[:1], given.scores[:1], given.vectors)
    np.testing.assert_array_equal(reranked(name, alone), (rows[:1], scores[:1]))


def test_where_the_collection_keeps_a_row_does_not_matter(name: str) -> None:
    given = found()
    rows, scores = reranked(name, given)
    order = np.random.default_rng(1).permutation(len(given.vectors))
    place = np.argsort(order)  # of what was at row i
    moved, same = reranked(name, Found(given.query, place[given.rows], given.scores, given.vectors[order]))
    np.testing.assert_array_equal(moved, place[rows])
    np.testing.assert_array_equal(same, scores)


def test_vectors_are_an_array_or_a_function_of_rows_and_their_length_does_not_matter(name: str) -> None:
    given = found()
    rows, scores = reranked(name, given)
    read = Found(given.query, given.rows, given.scores, lambda wanted: given.vectors[wanted])
    np.testing.assert_array_equal(reranked(name, read), (rows, scores))
    lengths = np.random.default_rng(2).uniform(0.5, 3, (len(given.vectors), 1))
    _, same = reranked(name, Found(7 * given.query, given.rows, given.scores, given.vectors * lengths))
    np.testing.assert_allclose(same, scores, atol=1e-5)


def test_single_precision_gives_almost_the_same(name: str) -> None:
    given = found()
    single = Found(*(one if one.dtype.kind == "i" else one.astype(np.float32) for one in given))
    np.testing.assert_allclose(reranked(name, single)[1], reranked(name, given)[1], atol=1e-4)


def test_copies_in_the_collection_are_no_trouble(name: str) -> None:
    vectors = np.repeat(np.eye(4), 5, axis=0)
    given = Found(vectors[:1], *top_by_product(vectors, vectors[:1], 20), vectors)
    rows, scores = reranked(name, given)
    assert set(rows[0, :5]) == set(range(5)) and np.isfinite(scores).all()


def test_what_was_in_good_order_stays_so(name: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    vectors = unit(np.eye(2)[labels] @ rng.normal(size=(2, 8)) + 0.05 * rng.normal(size=(40, 8)))
    rows, scores = top_by_product(vectors, vectors[:2], 40)
    again, _ = reranked(name, Found(vectors[:2], rows, scores, vectors))
    assert mean_ap(labels[again] == labels[:2, None]) == mean_ap(labels[rows] == labels[:2, None]) == 1


def _with(given: Found, **changes: object) -> Found:
    return given._replace(**changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: {"query": g.query * [[np.nan], [1], [1]]}, "query: .*NaN"),
        (lambda g: {"query": g.query * [[0.0], [1], [1]]}, "query: .*a vector of zeros"),
        (lambda g: {"query": g.query[0]}, "query"),
        (lambda g: {"query": g.query[:, :-1]}, "vectors: .*as the query"),
        (lambda g: {"query": g.query[:0], "rows": g.rows[:0], "scores": g.scores[:0]}, "query"),
        (lambda g: {"rows": g.rows[:, :0], "scores": g.scores[:, :0]}, "rows: .*m at least 1"),
        (lambda g: {"rows": np.repeat(g.rows[:, :1], 15, axis=1)}, "rows: .*twice"),
        (lambda g: {"rows": g.rows - 100}, "rows: .*negative"),
        (lambda g: {"rows": g.rows + 100}, "rows: .*rows of the collection"),
        (lambda g: {"rows": g.rows.astype(float)}, "rows: .*whole numbers"),
        (lambda g: {"scores": g.scores[:, :-1]}, "scores: .*as rows"),
        (lambda g: {"scores": g.scores[:, ::-1]}, "scores: .*best result first"),
        (lambda g: {"scores": g.scores + 3}, "scores: .*cosines"),
        (lambda g: {"scores": g.scores * np.nan}, "scores: .*NaN"),
        (lambda g: {"vectors": g.vectors * np.nan}, "vectors: .*NaN"),
    ],
)
def test_bad_input_says_what_and_where(name: str, change, message: str) -> None:
    given = found()
    with pytest.raises(InputError, match=message):
        reranked(name, _with(given, **change(given)))
