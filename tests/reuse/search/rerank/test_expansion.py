"""Query expansion and database-side augmentation: the formula by a plain loop, what it finds, and the checks of all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from helpers.arrays import unit
from regard.core.checks import InputError
from regard.metrics.retrieve import mean_ap
from regard.reuse.search.nearest.exact import top_by_product
from regard.reuse.search.rerank import _common, augmentation, diffusion, expansion, kreciprocal

METHODS = [expansion.Method(), augmentation.Method(), kreciprocal.Method(), diffusion.Method()]


def found(n: int = 60, queries: int = 4, dim: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Any, Any]:
    draw = np.random.default_rng(seed)
    x, query = unit(draw.standard_normal((n, dim))), unit(draw.standard_normal((queries, dim)))
    return x, query, *top_by_product(x, query, n)


@pytest.mark.parametrize("alpha", [0.0, 1.0, 3.0])
def test_expanded_query_is_the_weighted_sum(alpha: float) -> None:
    x, query, rows, scores = found()
    new = expansion.expanded(query, rows, scores, x, top=7, alpha=alpha)
    for q in range(len(query)):
        plain = query[q].copy()
        for place in range(7):
            plain += max(float(query[q] @ x[rows[q, place]]), 0.0) ** alpha * x[rows[q, place]]
        np.testing.assert_allclose(new[q], plain / np.sqrt((plain**2).sum()), atol=1e-12)


def test_average_expansion_is_the_mean_of_all_and_alpha_leaves_the_opposite_out() -> None:
    x, query = np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([[1.0, 0.0]])
    rows, scores = np.array([[0, 1]]), np.array([[0.0, -1.0]])
    np.testing.assert_allclose(expansion.expanded(query, rows, scores, x, alpha=0)[0], [0, 1], atol=1e-12)
    np.testing.assert_allclose(expansion.expanded(query, rows, scores, x, alpha=1)[0], [1, 0], atol=1e-12)


def test_new_scores_are_cosines_to_the_expanded_query_best_first() -> None:
    x, query, rows, scores = found()
    new_rows, new = expansion.Method(top=5, alpha=2)(query, rows[:, :30], scores[:, :30], x)
    asked = expansion.expanded(query, rows, scores, x, top=5, alpha=2)
    for q in range(len(query)):
        plain = {row: float(asked[q] @ x[row]) for row in rows[q, :30]}
        assert new_rows[q].tolist() == sorted(plain, key=lambda row: -plain[row])
        np.testing.assert_allclose(new[q], [plain[row] for row in new_rows[q]])
    assert (new_rows != rows[:, :30]).any()


def test_expansion_finds_more_of_a_class_than_one_image_of_it() -> None:
    draw = np.random.default_rng(1)
    centres, labels = unit(draw.standard_normal((20, 32))), np.repeat(np.arange(20), 30)
    x, query = (unit(centres[y] + 0.25 * draw.standard_normal((len(y), 32))) for y in (labels, np.arange(20)))
    rows, scores = top_by_product(x, query, len(x))

    def score(order: np.ndarray) -> float:
        return mean_ap(labels[order] == np.arange(20)[:, None])

    plain = score(rows)
    assert score(expansion.Method()(query, rows, scores, x)[0]) > plain + 0.1
    assert score(expansion.Method(alpha=0)(query, rows, scores, x)[0]) > plain + 0.1
    augmented = augmentation.augment(x)
    assert score(top_by_product(augmented, query, len(x))[0]) > plain + 0.1


@pytest.mark.parametrize(("n", "top", "alpha"), [(50, 5, 3.0), (50, 5, 0.0), (4, 10, 1.0), (1, 3, 1.0)])
def test_augmentation_by_a_plain_loop(n: int, top: int, alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation, "_PIECE", 7)
    x = 3 * found(n)[0]
    before = x.copy()
    new = augmentation.augment(x, top, alpha)
    np.testing.assert_array_equal(x, before)
    for i in range(n):
        cosine = {j: float(x[i] @ x[j]) / 9 for j in range(n) if j != i}
        plain = x[i] / 3
        for j in sorted(cosine, key=lambda j: -cosine[j])[:top]:
            plain = plain + max(cosine[j], 0.0) ** alpha * x[j] / 3
        np.testing.assert_allclose(new[i], unit(plain), atol=1e-12)


def test_augmentation_of_copies_leaves_them_and_does_not_count_a_vector_twice() -> None:
    x = np.repeat(np.eye(3), [6, 1, 1], axis=0)
    np.testing.assert_allclose(augmentation.augment(x, top=2), x)
    near, cosines = _common.others(x, np.arange(8), 3)
    assert near.shape == (8, 3) and all(row not in line for row, line in enumerate(near))
    assert (cosines[:6] == 1).all() and (cosines[6:] == 0).all()
    assert augmentation.augment(x.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__module__.rsplit(".", 1)[1])
def test_what_every_reranking_holds(method: _common.Reranker) -> None:
    x, query, rows, scores = found(80)
    kept = [array.copy() for array in (x, query, rows, scores)]
    new_rows, new = method(query, rows[:, :50], scores[:, :50], x)
    assert new_rows.shape == new.shape == (4, 50) and np.isfinite(new).all()
    assert (np.sort(new_rows, axis=1) == np.sort(rows[:, :50], axis=1)).all(), "the same results in another order"
    assert (np.diff(new, axis=1) <= 0).all()
    for before, after in zip(kept, (x, query, rows, scores)):
        np.testing.assert_array_equal(before, after)
    asked: list[int] = []

    def read(some: np.ndarray) -> np.ndarray:
        asked.extend(some.tolist())
        return 5 * x[some]

    by_reading, same = method(3 * query, rows[:, :50], scores[:, :50], read)
    np.testing.assert_array_equal(by_reading, new_rows)
    np.testing.assert_allclose(same, new, atol=1e-9)
    assert set(asked) <= set(rows[:, :50].ravel().tolist()), "only results are read"
    alone = [method(query[i : i + 1], rows[i : i + 1, :50], scores[i : i + 1, :50], x)[0][0] for i in range(4)]
    np.testing.assert_array_equal(np.stack(alone), new_rows, "a query's results depend on no other query")
    one_rows, _ = method(query, rows[:, :1], scores[:, :1], x)
    np.testing.assert_array_equal(one_rows, rows[:, :1])


WRONG: list[tuple[Callable[..., Any], str]] = [
    (lambda q, r, s, x: (q * 0, r, s, x), "query: expected vectors with a direction"),
    (lambda q, r, s, x: (q[0], r, s, x), "query"),
    (lambda q, r, s, x: (q * np.nan, r, s, x), "NaN"),
    (lambda q, r, s, x: (q[:2], r, s, x), "rows"),
    (lambda q, r, s, x: (q, r[:, :0], s[:, :0], x), "rows"),
    (lambda q, r, s, x: (q, r.astype(float), s, x), "rows"),
    (lambda q, r, s, x: (q, r * 0, s, x), "comes twice"),
    (lambda q, r, s, x: (q, r - 1, s, x), "negative row"),
    (lambda q, r, s, x: (q, r, s[:, :-1], x), "scores: expected shape"),
    (lambda q, r, s, x: (q, r, s[:, ::-1], x), "scores that rise"),
    (lambda q, r, s, x: (q, r, s * 20, x), "cosines"),
    (lambda q, r, s, x: (q, r, s * np.nan, x), "NaN"),
    (lambda q, r, s, x: (q, r, s, x[:, :-1]), "vectors: expected shape"),
    (lambda q, r, s, x: (q, r, s, x[:10]), "rows of the collection"),
    (lambda q, r, s, x: (q, r, s, x * np.nan), "NaN"),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__module__.rsplit(".", 1)[1])
@pytest.mark.parametrize(("change", "message"), WRONG)
def test_wrong_input_is_named(method: _common.Reranker, change: Callable[..., Any], message: str) -> None:
    x, query, rows, scores = found(20)
    with pytest.raises(InputError, match=message):
        method(*change(query, rows, scores, x))


def test_wrong_settings_are_named() -> None:
    x, query, rows, scores = found(20)
    with pytest.raises(InputError, match="top"):
        expansion.Method(top=0)(query, rows, scores, x)
    with pytest.raises(InputError, match="alpha"):
        augmentation.augment(x, alpha=-1)
    with pytest.raises(InputError, match="row 3"):
        augmentation.augment(np.where(np.arange(20)[:, None] == 3, 0, x))
