"""The collection in memory: in step with its store, searched exactly or through the sketch, by any metric."""

import numpy as np
import pytest

from regard.reuse.search.index.collection import Collection
from regard.reuse.search.index.growable import Growable
from regard.reuse.search.nearest import strategy as strategies
from regard.reuse.search.nearest.metric import prepared, prepared_queries, scores
from regard.reuse.search.store.memory import MemoryStore
from regard.reuse.search.store.protocol import as_rows, schema_of

DIM = 300


def clouds(n: int, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(9).standard_normal((40, DIM))
    return (3 * centres[draw.integers(0, 40, n)] + draw.standard_normal((n, DIM)) + 2).astype(np.float32)


def rows(names: list[str], vectors: np.ndarray):
    return as_rows(schema_of(DIM), {"id": names}, vectors)


def in_step(collection: Collection, truth: dict[str, np.ndarray]) -> None:
    assert len(collection) == len(truth)
    names, vectors = list(truth), np.stack(list(truth.values()))
    query = clouds(1, seed=5)
    places, sums, _ = collection.search(prepared_queries("cosine", query), 5)
    cosine = vectors @ query[0] / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    assert [collection.ids[place] for place in places[0]] == [names[i] for i in np.argsort(-cosine)[:5]]
    np.testing.assert_allclose(sums[0], np.sort(cosine)[::-1][:5], atol=1e-5)


def test_sync_takes_in_what_others_wrote() -> None:
    store, vectors = MemoryStore(schema_of(DIM)), clouds(60)
    names = [f"n{i}" for i in range(60)]
    store.upsert(rows(names[:40], vectors[:40]))
    collection, truth = Collection.of_store(store), dict(zip(names[:40], vectors[:40]))
    in_step(collection, truth)
    store.upsert(rows(names[40:], vectors[40:]))
    store.upsert(rows(names[3:5], -vectors[3:5]))
    store.delete(names[10:13])
    truth |= dict(zip(names[40:], vectors[40:])) | dict(zip(names[3:5], -vectors[3:5]))
    truth = {name: value for name, value in truth.items() if name not in names[10:13]}
    collection.sync(store)
    in_step(collection, truth)
    store.delete(names[50:])
    store.upsert(rows(["again", names[50]], vectors[:2]))  # as many came as went
    collection.sync(store)
    in_step(
        collection, {k: v for k, v in truth.items() if k not in names[50:]} | {"again": vectors[0], "n50": vectors[1]}
    )
    assert "n51" not in collection and "again" in collection


def test_only_what_is_new_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore(schema_of(DIM))
    store.upsert(rows([f"n{i}" for i in range(50)], clouds(50)))
    collection, read = Collection.of_store(store), []
    scan = store.scan
    monkeypatch.setattr(store, "scan", lambda *given, **more: read.append(scan(*given, **more)) or read[-1])
    collection.sync(store)
    assert not read
    store.upsert(rows(["new"], clouds(1, seed=2)))
    collection.sync(store)
    assert [table.num_rows for table in read] == [1]


@pytest.mark.parametrize("metric", ["cosine", "product", "euclidean"])
@pytest.mark.parametrize("strategy", ["exact", "sketch"])
def test_every_metric_finds_what_a_plain_sort_finds(metric: str, strategy: str) -> None:
    x, queries = clouds(2500), clouds(6, seed=3)
    collection = Collection(DIM, metric)
    collection.put([f"n{i}" for i in range(2500)], x)
    collection.drop(["n7", "n8"])
    asked = prepared_queries(metric, queries)
    places, sums, taken = collection.search(asked, 10, strategy=strategy)
    assert taken == strategy
    x64, q64 = x.astype(float), queries.astype(float)
    plain = {
        "cosine": (q64 @ x64.T) / np.linalg.norm(x64, axis=1) / np.linalg.norm(q64, axis=1)[:, None],
        "product": q64 @ x64.T,
        "euclidean": -np.linalg.norm(q64[:, None] - x64, axis=2),
    }[metric]
    plain[:, [7, 8]] = -np.inf
    np.testing.assert_allclose(scores(metric, sums, asked)[:, 0], plain.max(axis=1), rtol=1e-3)
    hits = [len(set(found) & set(np.argsort(-row)[:10])) for found, row in zip(places, plain)]
    assert sum(hits) == 60 if strategy == "exact" else sum(hits) >= 57


def test_filters_and_gone_images_are_never_found() -> None:
    collection = Collection(DIM)
    x = clouds(3000)
    collection.put([f"n{i}" for i in range(3000)], x)
    collection.drop([f"n{i}" for i in range(0, 3000, 2)])
    among = collection.places([f"n{i}" for i in range(1500)])
    assert (among % 2 == 1).all() and len(among) == 750
    for strategy in ("exact", "sketch"):
        places, _, _ = collection.search(prepared_queries("cosine", x[[9, 11]]), 20, among, strategy)
        assert set(places.ravel()) <= set(among) and places[0, 0] == 9 and places[1, 0] == 11


def test_recall_is_measured_and_candidates_grow_until_it_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    collection = Collection(DIM)
    collection.put([f"n{i}" for i in range(4000)], clouds(4000))
    assert collection.recall is None
    monkeypatch.setattr(strategies, "first_candidates", lambda images: 12)
    collection.search(prepared_queries("cosine", clouds(1, seed=2)), 3, strategy="sketch")
    assert collection.recall is not None and collection.many > 12
    collection.many = 12
    assert collection.measure() < collection.recall <= 1


def test_adding_to_a_sketched_collection() -> None:
    collection = Collection(DIM)
    x = clouds(3000)
    collection.put([f"n{i}" for i in range(3000)], x)
    collection.search(prepared_queries("cosine", x[:1]), 1, strategy="sketch")
    collection.put(["new", "n5"], clouds(2, seed=8))
    places, sums, _ = collection.search(prepared_queries("cosine", clouds(2, seed=8)), 1, strategy="sketch")
    assert [collection.ids[place] for place in places[:, 0]] == ["new", "n5"] and sums.min() > 0.999


def test_more_results_than_a_tenth_come_from_the_exact_way() -> None:
    collection = Collection(DIM)
    collection.put([f"n{i}" for i in range(1000)], clouds(1000))
    places, _, taken = collection.search(prepared_queries("cosine", clouds(1)), 500, strategy="sketch")
    assert taken == "exact" and places.shape == (1, 500)
    assert collection.search(prepared_queries("cosine", clouds(1)), 10_001)[0].shape == (1, 1000)


def test_stacked_rows_equal_one_array() -> None:
    draw = np.random.default_rng(0)
    whole = draw.standard_normal((57, 4)).astype(np.float32)
    stacked = Growable(whole[:20].copy())
    for start, end in ((20, 21), (21, 40), (40, 57)):
        stacked.append(whole[start:end])
    assert stacked.shape == (57, 4) and len(stacked) == 57
    for piece in (slice(0, 10), slice(15, 30), slice(30, 57), slice(20, 20)):
        np.testing.assert_array_equal(stacked[piece], whole[piece])
    picked = draw.integers(0, 57, 30)
    np.testing.assert_array_equal(stacked[picked], whole[picked])
    half = Growable(whole.astype(np.float16))
    assert half[3:5].dtype == np.float32 == half[np.array([1])].dtype
    np.testing.assert_array_equal(stacked.all(), whole)


def test_lengths_of_prepared_vectors() -> None:
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    assert prepared("cosine", x)[0].tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]
    assert prepared("euclidean", x)[1].tolist() == [-12.5, 0] and prepared("product", x)[1] is None
