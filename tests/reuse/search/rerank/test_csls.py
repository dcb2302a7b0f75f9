"""CSLS: the paper's formula by a plain loop, hubs that are taken down, and what the re-ranking does of it."""

import numpy as np
import pytest

from helpers.arrays import unit
from regard.core.checks import InputError
from regard.representation.embeddings import Embeddings
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.nearest.exact import top_by_product
from regard.reuse.search.rerank.csls import Method, csls, nearness


def sides(q=5, n=12, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(q, d))), unit(rng.normal(size=(n, d)))


@pytest.mark.parametrize("k", [1, 3, 50])
def test_all_queries_at_once_are_the_papers_formula(k):
    query, vectors = sides()
    found = csls(3 * query, vectors * np.arange(1, 13)[:, None], k)
    for i, q in enumerate(query):
        for j, x in enumerate(vectors):
            rq = np.mean(sorted((float(q @ y) for y in vectors), reverse=True)[:k])
            rx = np.mean(sorted((float(x @ p) for p in query), reverse=True)[:k])
            assert found[i, j] == pytest.approx(2 * q @ x - rq - rx)


def test_a_hub_is_no_answer_any_more():
    """Items are the queries turned away a little; the mean of all is nearer to some queries than their own."""
    query, _ = sides(q=40, d=20)
    query = unit(query + 0.18)
    own = unit(query + 0.22 * np.random.default_rng(1).normal(size=query.shape))
    vectors = np.concatenate([own, query.mean(axis=0)[None]])
    cosines = query @ unit(vectors).T
    plain, scaled = (np.mean(one.argmax(axis=1) == np.arange(40)) for one in (cosines, csls(query, vectors)))
    assert scaled > plain + 0.1
    rows, scores = top_by_product(unit(vectors), query, 41)
    again, _ = Method(queries=query)(query, rows, scores, vectors)
    np.testing.assert_array_equal(again[:, 0], csls(query, vectors).argmax(axis=1))


def test_of_all_results_the_re_ranking_is_the_published_form():
    query, vectors = sides()
    rows, scores = top_by_product(vectors, query, 12)
    again, new = Method(neighbours=3, queries=7 * query)(query, rows, scores, vectors)
    whole = csls(query, vectors, 3)
    np.testing.assert_array_equal(again, np.argsort(-whole, axis=1))
    np.testing.assert_allclose(new, -np.sort(-whole, axis=1))
    some, _ = Method(neighbours=3, queries=query)(query, rows[:, :4], scores[:, :4], vectors)
    np.testing.assert_array_equal(np.sort(some), np.sort(rows[:, :4]))


def test_one_query_alone_keeps_its_order():
    query, vectors = sides()
    rows, scores = top_by_product(vectors, query, 12)
    again, _ = Method()(query, rows, scores, vectors)
    np.testing.assert_array_equal(again, rows)


def test_a_search_hands_over_the_queries_asked_together(tmp_path):
    query, vectors = sides(q=12, n=30, d=8)
    query, vectors = unit(query + 0.5), unit(vectors + 0.4)
    index = SearchIndex.create(tmp_path / "i", Embeddings(vectors, np.array([f"{i:02d}" for i in range(30)])))
    found = index.search(query, 30, rerank=("csls",))
    order = np.argsort(-csls(query, vectors), axis=1)
    same = [[int(hit.id) for hit in hits] == line.tolist() for hits, line in zip(found, order)]
    assert np.mean(same) > 0.9  # vectors are kept in half precision, where two may change places
    plain = index.search(query, 30)
    assert [[h.id for h in hits] for hits in found] != [[h.id for h in hits] for hits in plain]


def test_bad_settings_and_input():
    query, vectors = sides()
    np.testing.assert_allclose(nearness(np.array([[0.1, 0.5, 0.3]]), 2), [0.4])
    with pytest.raises(InputError, match="neighbours"):
        Method(neighbours=0)
    with pytest.raises(InputError, match="neighbours"):
        csls(query, vectors, 0)
    with pytest.raises(InputError, match="vectors"):
        csls(query, vectors[:, :3])
    rows, scores = top_by_product(vectors, query, 5)
    with pytest.raises(InputError, match="queries"):
        Method(queries=query[:, :3])(query, rows, scores, vectors)
