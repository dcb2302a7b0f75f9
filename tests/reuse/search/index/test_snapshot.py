"""What is kept of a large collection: the same answers, faster; whatever is wrong with it is made again."""

import json
import shutil

import numpy as np
import pytest

from regard.representation.embeddings import Embeddings
from regard.reuse.search.index import snapshot
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.nearest import strategy as strategies

DIM, N = 300, 400


@pytest.fixture(autouse=True)
def large(monkeypatch):
    """Collections are large from 100 images on."""
    monkeypatch.setattr(strategies, "EXACT", 100)


def clouds(n, seed=0):
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(9).standard_normal((40, DIM))
    return (3 * centres[draw.integers(0, 40, n)] + draw.standard_normal((n, DIM)) + 2).astype(np.float32)


def made(folder, metric="cosine", seed=0):
    names = np.array([f"image {i}" for i in range(N)])
    return SearchIndex.create(folder, Embeddings(clouds(N, seed), names), metric=metric)


def answers(folder, strategy="sketch"):
    hits = SearchIndex.open(folder).search(clouds(5, seed=3), 7, strategy=strategy)
    return [[(hit.id, hit.score) for hit in row] for row in hits]


@pytest.fixture
def reads(monkeypatch):
    """How often a store was read whole."""
    seen = []
    taken = snapshot._taken
    monkeypatch.setattr(snapshot, "_taken", lambda *given: seen.append(1) or taken(*given))
    return seen


@pytest.mark.parametrize("metric", ["cosine", "product", "euclidean"])
def test_the_second_opening_reads_nothing_and_answers_alike(tmp_path, own_cache, reads, metric):
    made(tmp_path / "index", metric)
    first = answers(tmp_path / "index")
    assert answers(tmp_path / "index") == first and len(reads) == 1
    assert answers(tmp_path / "index", "exact") and len(reads) == 1
    again = SearchIndex.open(tmp_path / "index")
    again.search(clouds(1), 1, strategy="sketch")
    assert isinstance(again._collection.vectors.base, np.memmap), "vectors are mapped, not held"


def test_answers_are_those_of_memory(tmp_path, own_cache, monkeypatch):
    made(tmp_path / "index")
    found = answers(tmp_path / "index", "exact")
    monkeypatch.setattr(strategies, "EXACT", 10_000)
    plain = answers(tmp_path / "index", "exact")
    assert [[name for name, _ in row] for row in found] == [[name for name, _ in row] for row in plain]
    np.testing.assert_allclose(
        [[s for _, s in row] for row in found], [[s for _, s in row] for row in plain], atol=1e-6
    )


def test_what_others_write_is_seen_and_kept_anew(tmp_path, own_cache, reads):
    made(tmp_path / "index")
    there = SearchIndex.open(tmp_path / "index")
    query = clouds(1, seed=8)
    there.search(query, 1, strategy="sketch")
    SearchIndex.open(tmp_path / "index").add(Embeddings(query, np.array(["new"])))
    assert there.search(query, 1, strategy="sketch")[0][0].id == "new" and len(reads) == 1
    assert (
        SearchIndex.open(tmp_path / "index").search(query, 1, strategy="sketch")[0][0].id == "new" and len(reads) == 2
    )
    SearchIndex.open(tmp_path / "index").remove(["new"])
    assert there.search(query, 1, strategy="sketch")[0][0].id != "new"
    assert SearchIndex.open(tmp_path / "index").search(query, 1, strategy="sketch")[0][0].id != "new"
    (folder,) = (own_cache / "search").iterdir()
    assert len(list(folder.iterdir())) == 3, "what is of an older version is cleared away"


def damage_cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_zero(path):
    path.write_bytes(bytes(path.stat().st_size))


def damage_gone(path):
    path.unlink()


@pytest.mark.parametrize("ending", [".vectors", ".npz", "card.json"])
@pytest.mark.parametrize("damage", [damage_cut, damage_zero, damage_gone])
def test_damage_is_seen_and_mended(tmp_path, own_cache, reads, ending, damage):
    made(tmp_path / "index")
    first = answers(tmp_path / "index")
    (folder,) = (own_cache / "search").iterdir()
    (path,) = (path for path in folder.iterdir() if path.name.endswith(ending))
    damage(path)
    assert answers(tmp_path / "index") == first and len(reads) == 2
    assert answers(tmp_path / "index") == first and len(reads) == 2


def test_a_card_that_lies_is_not_believed(tmp_path, own_cache, reads):
    made(tmp_path / "index")
    first = answers(tmp_path / "index")
    (folder,) = (own_cache / "search").iterdir()
    lies = ({"format": 0}, {"mark": "1 2 3"}, {"dim": 3}, {"stamp": "../../card"}, {"hash": "0"}, {"metric": 1})
    for change in (*lies, {"recall": 0.5}, {"many": 3}, {"version": 1}, {"version": None}):
        card = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps(card | change))
        before = len(reads)
        assert answers(tmp_path / "index") == first and len(reads) == before + 1


@pytest.mark.parametrize("metric", ["cosine", "product", "euclidean"])
@pytest.mark.parametrize("strategy", ["sketch", "exact"])
@pytest.mark.parametrize("change", [1e-3, -1.0, 0.0, "bit", "turned"])
def test_vectors_that_were_changed_are_read_from_the_store(tmp_path, own_cache, reads, metric, strategy, change):
    made(tmp_path / "index", metric)
    first = answers(tmp_path / "index", strategy)
    assert answers(tmp_path / "index", strategy) == first and len(reads) == 1
    (folder,) = (own_cache / "search").iterdir()
    (path,) = folder.glob("*.vectors")
    vectors = np.memmap(path, np.float32, "r+", shape=(N, DIM))
    best = [int(name.split()[1]) for row in first for name, _ in row]  # in the order in which they were written
    spots = set(snapshot.numpy_rng(0, "spots").integers(0, N, snapshot.SPOTS).tolist())
    changed = [row for row in best if row not in spots]  # those are compared at opening
    assert len(changed) > 5
    if change == "bit":
        vectors.view(np.uint32)[changed, 7] ^= 1 << 22
    elif change == "turned":
        vectors[changed] = vectors[changed, ::-1]
    else:
        vectors[changed] *= np.float32(change)
    vectors.flush()
    again = answers(tmp_path / "index", strategy)
    assert [[name for name, _ in row] for row in again] == [[name for name, _ in row] for row in first]
    np.testing.assert_allclose([[s for _, s in r] for r in again], [[s for _, s in r] for r in first], rtol=1e-6)
    assert answers(tmp_path / "index", strategy) == first and len(reads) == 2, "made anew"


def test_a_changed_vector_of_an_image_that_is_gone_is_no_hindrance(tmp_path, own_cache):
    made(tmp_path / "index")
    there = SearchIndex.open(tmp_path / "index")
    name = there.search(clouds(1, seed=3), 1, strategy="sketch")[0][0].id
    (path,) = own_cache.glob("search/*/*.vectors")
    vectors = np.memmap(path, np.float32, "r+", shape=(N, DIM))
    again = SearchIndex.open(tmp_path / "index")
    again.collection()
    SearchIndex.open(tmp_path / "index").remove([name])
    vectors[int(name.split()[1])] = 9
    vectors.flush()
    hits = again.search(clouds(1, seed=3), 5, strategy="exact")[0]
    assert len(hits) == 5 and name not in [hit.id for hit in hits]


def test_an_index_that_was_moved_or_copied(tmp_path, own_cache):
    made(tmp_path / "index")
    first = answers(tmp_path / "index")
    shutil.copytree(tmp_path / "index", tmp_path / "copy")
    (tmp_path / "index").rename(tmp_path / "moved")
    assert answers(tmp_path / "moved") == answers(tmp_path / "copy") == first
    query = clouds(1, seed=8)
    SearchIndex.open(tmp_path / "copy").add(Embeddings(query, np.array(["new"])))
    SearchIndex.open(tmp_path / "moved").add(Embeddings(-query, np.array(["new"])))
    for name, sign in (("copy", 1), ("moved", -1)):
        assert SearchIndex.open(tmp_path / name).search(sign * query, 1, strategy="sketch")[0][0].score > 0.999


def test_another_index_under_the_same_name_and_number(tmp_path, own_cache):
    """A backup put back, say: as many versions, other vectors."""
    made(tmp_path / "index")
    first = answers(tmp_path / "index")
    made(tmp_path / "other", seed=1)
    shutil.rmtree(tmp_path / "index")
    (tmp_path / "other").rename(tmp_path / "index")
    again = answers(tmp_path / "index")
    assert again != first and again == answers(tmp_path / "index", "sketch")


def test_where_nothing_can_be_written_memory_does(tmp_path, monkeypatch, reads):
    made(tmp_path / "index")
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path / "file"))
    first = answers(tmp_path / "index")
    assert first == answers(tmp_path / "index") and len(reads) == 2


def test_a_full_disk_leaves_nothing_behind(tmp_path, own_cache, monkeypatch):
    made(tmp_path / "index")
    monkeypatch.setattr(snapshot.np, "memmap", lambda *_, **__: (_ for _ in ()).throw(OSError("no space left")))
    assert answers(tmp_path / "index")
    (folder,) = (own_cache / "search").iterdir()
    assert list(folder.iterdir()) == []


def test_a_version_of_the_past_is_searched_as_it_was(tmp_path, own_cache):
    index = made(tmp_path / "index")
    index.tag("before")
    query = clouds(1, seed=8)
    index.add(Embeddings(query, np.array(["new"])))
    assert index.search(query, 1, strategy="sketch")[0][0].id == "new"
    assert SearchIndex.open(tmp_path / "index", "before").search(query, 1, strategy="sketch")[0][0].id != "new"
