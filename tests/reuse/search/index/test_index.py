"""Search by image: the right answers, a record that keeps them, and clear refusals."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from regard.core.checks import InputError, RunError
from regard.metrics.retrieve import retrieval
from regard.representation.embeddings import Embeddings
from regard.representation.representation import Representation
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.nearest.exact import top_by_product
from regard.reuse.search.query.hits import Hit
from regard.reuse.search.store import lance as store_module
from regard.reuse.search.store import versions
from regard.reuse.search.store.protocol import vectors_in


def vectors(n=30, d=6, seed=0, prefix="i", card=None):
    rng = np.random.default_rng(seed)
    labels = np.array(["cat", "dog", "emu"])[np.arange(n) % 3]
    ids = np.array([f"{prefix}{i}" for i in range(n)])
    paths = np.array([f"/photos/{name}.jpg" for name in ids])
    return Embeddings(rng.normal(size=(n, d)), ids, labels, card or {}, {"path": paths})


def ids_of(hits):
    return [[hit.id for hit in row] for row in hits]


@pytest.fixture
def index(tmp_path):
    return SearchIndex.create(tmp_path / "index", vectors())


class TestExact:
    @pytest.mark.parametrize("top", [1, 7, 50])
    @pytest.mark.parametrize("piece", [8192, 11])
    def test_equal_to_a_full_sort(self, monkeypatch, top, piece):
        monkeypatch.setattr("regard.reuse.search.nearest.exact._PIECE", piece)
        rng = np.random.default_rng(0)
        # few different values, so that many cosines are equal
        X = rng.integers(-1, 2, size=(50, 3)).astype(np.float32)
        X[0] = 0
        X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-9)
        Q = X[5:9]
        scores = Q @ X.T
        order = np.stack([np.lexsort((np.arange(50), -row)) for row in scores])[:, :top]
        rows, found = top_by_product(X, Q, top)
        assert np.array_equal(found, np.take_along_axis(scores, order, axis=1))
        assert np.array_equal(rows, order)

    def test_some_rows_only(self):
        rows, scores = top_by_product(np.eye(4), np.eye(4)[:1] + 0.1, 3, np.array([1, 3]))
        assert sorted(rows[0]) == [1, 3] and np.allclose(scores, 0.1)

    def test_nothing_to_search(self):
        rows, scores = top_by_product(np.zeros((0, 4)), np.eye(4), 3)
        assert rows.shape == scores.shape == (4, 0)


def test_search_finds_what_a_plain_loop_finds(index):
    data, queries = vectors(), np.random.default_rng(1).normal(size=(4, 6))
    hits = index.search(queries, top=5)
    for query, row in zip(queries, hits):
        cosine = [v @ query / np.linalg.norm(v) / np.linalg.norm(query) for v in data.vectors]
        order = np.argsort(cosine)[::-1][:5]
        assert [hit.id for hit in row] == [data.ids[i] for i in order]
        assert [hit.score for hit in row] == pytest.approx([cosine[i] for i in order], abs=1e-6)
        assert row[0] == Hit(row[0].id, row[0].score, f"/photos/{row[0].id}.jpg", data.labels[order[0]])
    assert hits.notes == () and hits.queries == ("0", "1", "2", "3")
    assert ids_of(index.search(queries[2], top=5)) == ids_of(hits)[2:3]


def test_the_score_of_a_ranking_is_that_of_the_metrics(index):
    data = vectors()
    hits = index.search_ids(list(data.ids), top=1)
    r1 = np.mean([row[0].label == label for row, label in zip(hits, data.labels)])
    assert r1 == retrieval(data.vectors, data.labels, ks=(1,))["recall_at_1"]


def test_vectors_are_kept_as_given(index):
    kept = vectors_in(index.store.get([f"i{i}" for i in range(30)]))
    assert np.array_equal(kept, vectors().vectors)


def test_a_query_changes_nothing(index):
    before = index.store.version, index.count()
    index.search(np.ones(6))
    index.search_ids(["i3"])
    assert (index.store.version, index.count()) == before


def test_by_id_leaves_the_query_out(index):
    hits = index.search_ids(["i3", "i9"], top=29)
    assert all(name not in row and len(row) == 29 for name, row in zip(["i3", "i9"], ids_of(hits)))
    assert hits.queries == ("i3", "i9")


def test_add_remove_update(index):
    assert index.add(vectors(5, seed=3, prefix="new")) == (5, 0)
    assert index.count() == 35 == len(index)
    target = vectors(5, seed=3, prefix="new").vectors[2]
    assert index.search(target, top=1)[0][0].id == "new2"
    assert index.remove(["new2", "i0"]) == 2
    assert index.count() == 33 and "new2" not in ids_of(index.search(target, top=33))[0]
    other = vectors(3, seed=4)  # i0 was removed, i1 and i2 are there
    assert index.add(other) == (1, 2) and index.count() == 34
    assert index.search(other.vectors[1], top=1)[0][0] == Hit("i1", pytest.approx(1), "/photos/i1.jpg", "dog")
    assert index.update(vectors(2, seed=5)) == 2
    with pytest.raises(InputError, match="ids: expected ids of the index, got 1 .* ghost0"):
        index.update(vectors(1, prefix="ghost"))
    assert index.count() == 34


def test_removing_what_is_not_there_changes_nothing(index):
    with pytest.raises(InputError, match="got 1 that are not in the index: nobody"):
        index.remove(["i1", "nobody"])
    assert index.count() == 30


def test_ids_with_quotes(index):
    name = "it's; DROP TABLE vectors --"
    index.add(Embeddings(np.ones((1, 6)), [name]))
    assert index.search(np.ones(6), top=1)[0][0] == Hit(name, pytest.approx(1), "", None)
    assert index.remove([name]) == 1 and index.count() == 30


def test_where_is_applied_before_the_ranking(index):
    hits = index.search(np.ones(6), top=10, where="label = 'dog' AND id <> 'i1'")
    assert len(hits[0]) == 9 and {hit.label for hit in hits[0]} == {"dog"}
    assert "9 image(s)" in hits.notes[0]
    assert index.search(np.ones(6), where="label = 'yak'")[0] == []


def test_more_results_than_images_says_so(index):
    hits = index.search(np.ones((2, 6)), top=99)
    assert [len(row) for row in hits] == [30, 30]
    assert hits.notes == ("99 results were asked for; the index holds 30 image(s).",)


def test_an_empty_collection(tmp_path):
    index = SearchIndex.create(tmp_path / "empty", Embeddings(np.zeros((0, 6)), []))
    hits = index.search(np.ones((2, 6)))
    assert hits == [[], []] and "holds 0 image(s)" in hits.notes[0]
    assert index.add(vectors()) == (30, 0) and len(index.search(np.ones(6))[0]) == 10
    index.remove([f"i{i}" for i in range(30)])
    assert index.search(np.ones(6)) == [[]]


def test_open_again_and_two_handles(index):
    other = SearchIndex.open(index.folder)
    assert ids_of(other.search(np.ones(6))) == ids_of(index.search(np.ones(6)))
    other.add(Embeddings(np.ones((1, 6)), ["here"]))
    assert index.search(np.ones(6), top=1)[0][0].id == "here"
    before, after = other.maintain()
    assert after < before and index.search(np.ones(6), top=1)[0][0].id == "here"
    index.remove(["here"])
    assert other.count() == 30


def test_maintain_leaves_little_more_than_the_vectors(tmp_path):
    data = vectors(2000, d=64)
    index = SearchIndex.create(tmp_path / "index", data)
    for _ in range(5):
        index.add(data)
    before, after = index.maintain()
    assert before > 4 * data.vectors.nbytes and after < 2 * data.vectors.nbytes
    assert index.count() == 2000 and index.search(data.vectors[7], top=1)[0][0].id == "i7"


def test_many_rows_are_few_versions(index, monkeypatch):
    start = index.store.version
    index.add(vectors(2500, seed=1, prefix="many"))
    assert index.store.version == start + 1
    monkeypatch.setattr(store_module, "ROWS_A_VERSION", 1000)
    assert index.add(vectors(2500, seed=2, prefix="many")) == (0, 2500)
    assert index.store.version == start + 4 and index.count() == 2530


WRITER = """
import sys, numpy as np
from regard.representation.embeddings import Embeddings
from regard.reuse.search.index.search_index import SearchIndex
index = SearchIndex.open(sys.argv[1])
for turn in range(6):
    own = np.array([f"{sys.argv[2]}{turn}_{i}" for i in range(20)] + [f"both{turn}_{i}" for i in range(20)])
    index.add(Embeddings(np.random.default_rng(turn).normal(size=(40, 6)), own))
"""


def test_two_processes_write_at_once(index):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(index.folder), name]) for name in "ab"]
    seen = []
    while any(writer.poll() is None for writer in writers):
        seen.append(len(index.search(np.ones(6), top=1000)[0]))
        time.sleep(0.02)  # the processors are theirs, who write for seconds
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen == sorted(seen)
    ids = ids_of(index.search(np.ones(6), top=1000))[0]
    assert len(ids) == len(set(ids)) == 30 + 2 * 6 * 20 + 6 * 20


def test_commit_conflicts_are_tried_again(index, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    tries = []

    def flaky():
        tries.append(1)
        if len(tries) < 4:
            raise RuntimeError("Retryable commit conflict for version 3")
        return "done"

    assert index.store._write(flaky) == "done" and len(tries) == 4

    def hopeless():
        raise RuntimeError("Commit conflict for version 3")

    with pytest.raises(RunError, match="others kept writing"):
        index.store._write(hopeless)

    def full():
        raise OSError("No space left on device")

    with pytest.raises(RunError, match="cannot be written: No space"):
        index.store._write(full)


class TestRefusals:
    def test_queries(self, index):
        for query, message in [
            (np.ones(5), "query: expected 6 dimensions of a representation from elsewhere, as the index has, got"),
            (np.full(6, np.nan), "query: expected finite numbers"),
            (np.zeros(6), "query: expected vectors with a direction"),
            (np.ones((1, 1, 6)), "query: expected an array"),
        ]:
            with pytest.raises(InputError, match=message):
                index.search(query)
        with pytest.raises(InputError, match="--top: expected a whole number of at least 1"):
            index.search(np.ones(6), top=0)
        with pytest.raises(InputError, match="not in the index: nobody"):
            index.search_ids(["nobody"])
        with pytest.raises(InputError, match="--with: expected the one that made"):
            index.search_images([np.zeros((8, 8, 3), np.uint8)])

    @pytest.mark.parametrize("where", ["colour = 'red'", "label = = 'cat'", " ", "label"])
    def test_where(self, index, where):
        with pytest.raises(InputError, match="where: expected a condition"):
            index.search(np.ones(6), where=where)

    def test_another_representation(self, tmp_path):
        made = {"representation": "imagenet", "fingerprint": "aaaa", "layer": None}
        index = SearchIndex.create(tmp_path / "index", vectors(card=made))
        other = vectors(card={"representation": "simclr", "fingerprint": "bbbb"}, prefix="o")
        layer = vectors(card=made | {"layer": 2}, prefix="o")
        for data, got in ((other, r"simclr \(bbbb\)"), (layer, r"imagenet at layer 2 \(aaaa\)")):
            for call in (index.add, index.search):
                with pytest.raises(InputError, match=rf"dimensions of imagenet \(aaaa\).* got vectors of {got}"):
                    call(data)
        with pytest.raises(InputError, match="got vectors of 4 dimensions"):
            index.add(vectors(d=4))
        assert index.count() == 30
        # vectors from elsewhere say nothing of where they are from
        assert index.add(vectors(prefix="o")) == (30, 0)

    def test_folders(self, tmp_path, index):
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "letter.txt").write_text("keep me")
        with pytest.raises(InputError, match="--out: .* holds other files"):
            SearchIndex.create(tmp_path / "mine", vectors())
        with pytest.raises(InputError, match="index: expected a folder made by regard index"):
            SearchIndex.open(tmp_path / "mine")
        with pytest.raises(InputError, match="does not exist"):
            SearchIndex.open(tmp_path / "nowhere")
        with pytest.raises(InputError, match="--out: .* holds an index"):
            SearchIndex.create(index.folder, vectors(3))
        assert index.count() == 30
        assert SearchIndex.create(index.folder, vectors(3), overwrite=True).count() == 3
        assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "mine"]

    def test_paths_of_another_number(self, tmp_path):
        with pytest.raises(InputError, match="paths: expected one for each of the 30 images, got 2 paths"):
            SearchIndex.create(tmp_path / "index", vectors(), paths=["a", "b"])
        assert not list((tmp_path / "index").iterdir())

    @pytest.mark.parametrize("what", ["_versions", "data"])
    def test_damage(self, index, what):
        for file in (index.folder / "vectors.lance" / what).iterdir():
            file.write_bytes(b"junk")
        with pytest.raises(InputError, match="index: .* damaged or missing .* Make the index again"):
            SearchIndex.open(index.folder).search(np.ones(6))

    def test_a_card_without_a_table(self, index):
        (index.folder / "vectors.lance").rename(index.folder / "elsewhere")
        with pytest.raises(InputError, match="damaged or missing"):
            SearchIndex.open(index.folder)

    def test_a_broken_card_and_a_newer_format(self, index):
        (index.folder / "card.json").write_text('{"regard_index": 99, "dim": 6}')
        with pytest.raises(InputError, match="format 99"):
            SearchIndex.open(index.folder)
        (index.folder / "card.json").write_text("{")
        with pytest.raises(InputError, match="expected a JSON file"):
            SearchIndex.open(index.folder)


def test_by_image(tmp_path):
    """An image finds itself first, under any representation, and is not added; another representation is refused."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (40, 40, 3), dtype=np.uint8) for _ in range(5)]
    representation = Representation.load("random:convnet4")
    found = representation.embed(pictures, cache=False)
    index = SearchIndex.create(tmp_path / "index", found)
    hits = index.search_images(pictures[3:], top=2, cache=False)
    assert [row[0].id for row in hits] == list(found.ids[3:]) and hits[0][0].score > 0.999
    assert index.count() == 5
    with pytest.raises(InputError, match="got vectors of random:convnet4:1"):
        index.search_images(pictures, representation="random:convnet4:1", cache=False)


def test_a_replacement_that_fails_or_is_killed_leaves_the_old_index(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    old, new = (Embeddings(rng.normal(size=(n, 4)), np.arange(n)) for n in (5, 9))
    SearchIndex.create(tmp_path / "index", old)
    real = os.replace

    def failing(source, target):
        if str(source).endswith(".tmp") and str(target).endswith("index"):
            raise OSError("no space")
        return real(source, target)

    monkeypatch.setattr("regard.reuse.search.index.search_index.os.replace", failing)
    with pytest.raises(OSError, match="no space"):
        SearchIndex.create(tmp_path / "index", new, overwrite=True)
    monkeypatch.undo()
    assert len(SearchIndex.open(tmp_path / "index")) == 5
    # as a kill between the two renames leaves it
    (tmp_path / "index").rename(tmp_path / ".index.123.old")
    assert len(SearchIndex.open(tmp_path / "index")) == 5
    SearchIndex.create(tmp_path / "index", new, overwrite=True)
    assert len(SearchIndex.open(tmp_path / "index")) == 9
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_many_queries_are_taken_in_pieces(monkeypatch):
    from regard.reuse.search.nearest import exact

    rng = np.random.default_rng(0)
    collection, queries = rng.normal(size=(60, 5)), rng.normal(size=(23, 5))
    whole = exact.top_by_product(collection, queries, 4)
    monkeypatch.setattr(exact, "_QUERIES", 7)
    parts = exact.top_by_product(collection, queries, 4)
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_allclose(whole[1], parts[1])


def test_paths_of_ids(tmp_path):
    made = Embeddings(np.eye(3), np.array(["a", "b", "c"]))
    index = SearchIndex.create(tmp_path / "index", made, paths=["/x/a.png", "/x/b.png", ""])
    assert index.paths(["b", "c"]) == ["/x/b.png", ""]
    with pytest.raises(InputError, match="not in the index"):
        index.paths(["d"])


def clouds(n=3000, d=300):
    draw = np.random.default_rng(4)
    centres = 3 * draw.standard_normal((30, d))
    made = centres[draw.integers(0, 30, n)] + draw.standard_normal((n, d))
    years = 1990 + np.arange(n) % 20
    return Embeddings(made, np.array([f"n{i}" for i in range(n)]), columns={"year": years, "style": years.astype(str)})


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return SearchIndex.create(tmp_path_factory.mktemp("large") / "index", clouds())


@pytest.mark.parametrize("strategy", ["sketch", "ivf"])
def test_other_ways_find_nearly_the_same_and_say_how_nearly(large, strategy):
    if strategy == "ivf":
        large.store.index_vectors()
    names = [f"n{i}" for i in range(0, 200, 20)]
    exact, found = large.search_ids(names, strategy="exact"), large.search_ids(names, strategy=strategy)
    assert (exact.strategy, exact.recall, found.strategy) == ("exact", 1.0, strategy)
    assert 0.9 < found.recall <= 1
    same = sum(len({h.id for h in a} & {h.id for h in b}) for a, b in zip(exact, found))
    assert same >= 92, "of 100"
    where = large.search_ids(names, where="year = 1995 AND style = '1995'", strategy=strategy)
    assert all(int(hit.id[1:]) % 20 == 5 for row in where for hit in row) and len(where[0]) == 10


def test_conditions_on_further_columns(large):
    hits = large.search(clouds().vectors[7], 3, "year BETWEEN 1996 AND 1998")
    assert hits[0][0].id == "n7" and all(6 <= int(hit.id[1:]) % 20 <= 8 for hit in hits[0])
    with pytest.raises(InputError, match="where"):
        large.search(clouds().vectors[7], 3, "yeer > 3")


@pytest.mark.parametrize("metric", ["euclidean", "product"])
def test_other_metrics(tmp_path, metric):
    data = vectors()
    index = SearchIndex.create(tmp_path / "index", data, metric=metric)
    query = np.arange(6.0) - 2
    plain = data.vectors @ query if metric == "product" else -np.linalg.norm(data.vectors - query, axis=1)
    found = SearchIndex.open(index.folder).search(query, 5)[0]
    assert [hit.id for hit in found] == [f"i{i}" for i in np.argsort(-plain)[:5]]
    assert [hit.score for hit in found] == pytest.approx(np.sort(plain)[::-1][:5], rel=1e-4)
    with pytest.raises(InputError, match="--search: expected exact or sketch"):
        index.search(query, strategy="ivf")
    with pytest.raises(InputError, match="--metric: expected one of"):
        SearchIndex.create(tmp_path / "other", data, metric="manhattan")


def test_a_tag_is_gone_back_to(index):
    index.tag("first")
    index.remove(["i0", "i1"])
    index.add(vectors(5, seed=3, prefix="new"))
    index.maintain()
    old = SearchIndex.open(index.folder, "first")
    assert old.count() == 30 and index.count() == 33
    assert old.search_ids(["i0"], 3)[0] and not any(hit.id.startswith("new") for hit in old.search(np.ones(6), 40)[0])
    with pytest.raises(RunError, match="only be read"):
        old.add(vectors(1, prefix="x"))


def test_an_older_format_is_said(index):
    from regard.core.storage import read_json, write_json

    write_json(index.folder / "card.json", read_json(index.folder / "card.json") | {"regard_index": 1})
    with pytest.raises(InputError, match="Make the index again, with --overwrite"):
        SearchIndex.open(index.folder)


@pytest.mark.parametrize(
    "change", [{"dim": 5}, {"dim": None}, {"metric": "product"}, {"layer": 2}, {"fingerprint": "0"}, {"checksum": "0"}]
)
def test_a_card_that_was_changed_is_refused(index, change):
    from regard.core.storage import read_json, write_json

    path = index.folder / "card.json"
    write_json(path, read_json(path) | change)
    with pytest.raises(InputError, match=r"card\.json', which was changed"):
        SearchIndex.open(index.folder)


def test_where_things_are_may_be_changed_in_a_card_and_earlier_ones_have_no_checksum(index):
    from regard.core.storage import read_json, write_json

    path = index.folder / "card.json"
    write_json(path, read_json(path) | {"loaded_from": "/elsewhere"})
    assert len(SearchIndex.open(index.folder)) == 30
    write_json(path, {key: value for key, value in read_json(path).items() if key != "checksum"})
    assert len(SearchIndex.open(index.folder)) == 30


@pytest.mark.parametrize("left", [2, 1])
def test_an_index_whose_newest_version_is_gone_is_not_an_empty_one(index, left):
    index.add(vectors(3, prefix="x"))
    newest_first = sorted(index.folder.glob("vectors.lance/_versions/*.manifest"))
    assert len(newest_first) == 3
    for manifest in newest_first[:-left]:
        manifest.unlink()
    with pytest.raises(InputError, match=f"version 3, .* is gone .*; {left} is the newest there.*Make the index again"):
        SearchIndex.open(index.folder)


def test_an_index_that_was_moved_is_read_where_it_is(index, tmp_path):
    there = tmp_path / "elsewhere" / "renamed"
    there.parent.mkdir()
    index.folder.rename(there)
    assert SearchIndex.open(there).search_ids(["i3"], 2)[0]
    with pytest.raises(InputError, match="no longer there|damaged or missing"):
        index.search(np.ones(6))


def test_a_very_large_table_gets_an_index_of_its_own(large, monkeypatch):
    monkeypatch.setattr(versions, "SKETCH", 100)
    monkeypatch.setattr(versions, "INDEXED", 100)
    large.maintain()
    assert "vector" in {index.columns[0] for index in large.store._table.list_indices()}
    hits = large.search_ids(["n7"], strategy="ivf")
    assert hits.strategy == "ivf" and 0.9 < hits.recall <= 1
    large.maintain()  # and keeps it
    assert {index.columns[0] for index in large.store._table.list_indices()} == {"id", "content", "vector"}
