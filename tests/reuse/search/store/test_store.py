"""Every store does what the plain one in memory does: the same scenario, and random operations side by side."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regard.core.checks import InputError, RunError
from regard.reuse.search.store import lance, versions
from regard.reuse.search.store.lance import LanceStore
from regard.reuse.search.store.memory import MemoryStore
from regard.reuse.search.store.protocol import as_rows, metadata_of, schema_of, vectors_in
from regard.reuse.search.store.qdrant import QdrantStore

DIM = 6
SCHEMA = schema_of(DIM, {"style": "text", "year": "whole", "good": "boolean"})
Make = Callable[[], object]


@pytest.fixture(params=["memory", "lance", "qdrant"])
def store(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "qdrant":
        yield qdrant()
    else:
        yield MemoryStore(SCHEMA) if request.param == "memory" else LanceStore.create(tmp_path / "t", SCHEMA)


def qdrant() -> QdrantStore:
    """The client's own mode in memory: no server."""
    from qdrant_client import QdrantClient

    return QdrantStore.create(QdrantClient(":memory:"), "photos", SCHEMA)


def rows(*names: str, seed: int = 0, **more: list) -> pa.Table:
    vectors = np.random.default_rng([seed, len(names)]).standard_normal((len(names), DIM)).astype(np.float32)
    return as_rows(SCHEMA, {"id": list(names), **more}, vectors)


def ids(table: pa.Table) -> set[str]:
    return set(table.column("id").to_pylist())


def test_rows_come_back_as_they_were_given(store) -> None:
    given = rows("a", "b'c", style=["flat", None], year=[1990, 2001], good=[True, None], path=["/x/a", ""])
    assert store.upsert(given) == (2, 0)
    back = store.get(["b'c", "nobody", "a"])
    assert back.column("id").to_pylist() == ["b'c", "a"]
    plain = [name for name in SCHEMA.names if name != "vector"]
    assert back.select(plain).take([1, 0]).to_pylist() == given.select(plain).to_pylist()
    # Qdrant keeps length and direction apart
    near = 1e-6 if isinstance(store, QdrantStore) else 0
    np.testing.assert_allclose(vectors_in(back), vectors_in(given)[::-1], rtol=near)
    assert store.get(["a"], ["year"]).to_pylist() == [{"year": 1990}]
    assert store.get([]).num_rows == 0 and store.get([], ["id"]).column_names == ["id"]


def test_an_id_written_again_replaces_its_row_and_keeps_its_number(store) -> None:
    store.upsert(rows("a", "b", "c"))
    before = {row["id"]: row["_rowid"] for row in store.scan(["id", "_rowid"]).to_pylist()}
    version = store.version
    assert store.upsert(rows("b", "d", seed=1, label=["new", "new"])) == (1, 1)
    assert store.version > version and store.count() == 4
    after = {row["id"]: row["_rowid"] for row in store.scan(["id", "_rowid"]).to_pylist()}
    assert before.items() <= after.items() and len(set(after.values())) == 4
    assert ids(store.scan(["id"], since=version)) == {"b", "d"}
    assert ids(store.scan(["id"], since=store.version)) == set()
    assert store.delete(["a", "a", "nobody"]) == 1 and ids(store.scan(["id"])) == {"b", "c", "d"}


def test_columns_that_are_added_are_empty_until_they_are_written(store) -> None:
    store.upsert(rows("a", "b", style=["flat", None]))
    before = {row["id"]: row["_rowid"] for row in store.scan(["id", "_rowid"]).to_pylist()}
    version = store.version
    store.widen({"place": "text", "weight": "number", "style": "text"})
    assert metadata_of(store.schema) == {**metadata_of(SCHEMA), "place": "text", "weight": "number"}
    assert store.version > version
    assert store.get(["a"], ["style", "place", "weight"]).to_pylist() == [
        {"style": "flat", "place": None, "weight": None}
    ]
    assert store.count("place IS NULL") == 2
    wider = as_rows(store.schema, {"id": ["b", "c"], "place": ["here", None], "weight": [1.5, 2]}, np.ones((2, DIM)))
    assert store.upsert(wider) == (1, 1)
    assert ids(store.scan(["id"], "place = 'here' AND weight > 1")) == {"b"}
    assert before.items() <= {row["id"]: row["_rowid"] for row in store.scan(["id", "_rowid"]).to_pylist()}.items()
    version = store.version
    store.widen({"place": "text"})
    assert metadata_of(store.schema)["place"] == "text" and store.count("place = 'here'") == 1
    for name in ("vector", "shoot date"):
        with pytest.raises(InputError, match="columns: expected a name of letters"):
            store.widen({name: "text"})


def test_a_writer_that_does_not_know_of_new_columns_leaves_them_be(tmp_path: Path) -> None:
    one = LanceStore.create(tmp_path / "t", SCHEMA)
    other = LanceStore.open(tmp_path / "t")
    one.upsert(rows("a", "b"))
    one.widen({"place": "text"})
    one.upsert(as_rows(one.schema, {"id": ["a"], "place": ["here"]}, np.ones((1, DIM))))
    assert other.upsert(rows("a", "c", style=["flat", "flat"])) == (1, 1)
    assert one.get(["a", "c"], ["style", "place"]).to_pylist() == [
        {"style": "flat", "place": "here"},
        {"style": "flat", "place": None},
    ]
    other.widen({"place": "text", "more": "whole"})
    assert other.schema.names[-2:] == ["place", "more"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("style = 'flat'", {"a"}),
        ("year >= 1990 AND good", {"a"}),
        ("style IS NULL OR year < 1980", {"c", "d"}),
        ("id IN ('a', 'd') AND NOT year = 1990", {"d"}),
        ("label LIKE 'ca%'", {"b"}),
        ("1 = 0", set()),
    ],
)
def test_conditions(store, where: str, found: set[str]) -> None:
    more = {"style": ["flat", "line", None, "line"], "year": [1990, 2000, 2001, 1970]}
    store.upsert(rows("a", "b", "c", "d", good=[True, False, False, True], label=["dog", "cat", "x", "y"], **more))
    assert ids(store.scan(["id"], where)) == found and store.count(where) == len(found)
    assert {name for name, _ in store.search(np.ones(DIM), 10, where)} == found


@pytest.mark.parametrize("where", ["styl = 'flat'", "style = ", "DROP TABLE rows", " "])
def test_conditions_that_cannot_be_read(store, where: str) -> None:
    store.upsert(rows("a"))
    with pytest.raises(InputError, match="where: expected a condition such as"):
        store.scan(["id"], where)


def test_search_is_by_cosine(store) -> None:
    data = rows(*[f"n{i}" for i in range(30)])
    store.upsert(data)
    vectors, query = vectors_in(data), np.arange(DIM, dtype=np.float32) - 2
    cosine = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    found = store.search(query, 5)
    assert [name for name, _ in found] == [f"n{i}" for i in np.argsort(-cosine)[:5]]
    assert [score for _, score in found] == pytest.approx(np.sort(cosine)[::-1][:5], abs=1e-5)
    assert len(store.search(query, 99)) == 30


def test_tags_keep_a_version_through_maintenance(store) -> None:
    store.upsert(rows("a", "b"))
    if isinstance(store, QdrantStore):
        with pytest.raises(InputError, match="a store that keeps versions"):
            store.tag("first")
        with pytest.raises(InputError, match="a store that keeps versions"):
            store.at(1)
        return
    first = store.tag("first")
    store.delete(["a"])
    store.upsert(rows("b", "c", seed=3))
    store.maintain()
    old = store.at("first")
    assert ids(old.scan(["id"])) == {"a", "b"} and old.version == first and old.count() == 2
    np.testing.assert_array_equal(vectors_in(old.get(["b"])), vectors_in(rows("a", "b"))[1:])
    assert ids(store.scan(["id"])) == {"b", "c"}
    with pytest.raises(RunError, match="only be read"):
        old.delete(["a"])
    with pytest.raises(RunError, match="only be read"):
        old.upsert(rows("z"))
    store.tag("first")
    assert ids(store.at("first").scan(["id"])) == {"b", "c"}, "a tag can be moved"
    with pytest.raises(InputError, match="version: expected"):
        store.at("nothing")


NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=0, max_size=5, unique=True)
STEPS = st.lists(
    st.tuples(st.sampled_from(["upsert", "delete", "maintain", "since"]), NAMES, st.integers(0, 9)), max_size=6
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_random_operations_agree(tmp_path_factory: pytest.TempPathFactory, steps: list) -> None:
    stores = MemoryStore(SCHEMA), LanceStore.create(tmp_path_factory.mktemp("store") / "t", SCHEMA), qdrant()
    marks = [store.version for store in stores]
    for what, names, seed in steps:
        given = rows(*names, seed=seed, year=[seed] * len(names))
        if what == "upsert":
            assert len({store.upsert(given) for store in stores}) == 1
        elif what == "delete":
            assert len({store.delete(names) for store in stores}) == 1
        elif what == "maintain":
            for store in stores:
                store.maintain()
        else:
            assert len({frozenset(ids(s.scan(["id"], since=m))) for s, m in zip(stores, marks)}) == 1
            marks = [store.version for store in stores]
        plain, *others = [store.scan().sort_by("id") for store in stores]
        for other in others:
            assert plain.drop(["vector"]).to_pylist() == other.drop(["vector"]).to_pylist()
            np.testing.assert_allclose(vectors_in(plain), vectors_in(other), rtol=1e-5)
        assert len({store.count("year > 4") for store in stores}) == 1


def test_rows_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="ids: .* different id"):
        rows("a", "a")
    with pytest.raises(InputError, match="columns: expected columns of the index.*got colour"):
        rows("a", colour=["red"])
    with pytest.raises(InputError, match="column year: expected values of type int64"):
        rows("a", year=["yesterday"])
    with pytest.raises(InputError, match="columns: expected a name"):
        schema_of(4, {"vector": "text"})
    with pytest.raises(InputError, match="column x"):
        schema_of(4, {"x": "date"})
    assert metadata_of(SCHEMA) == {"style": "text", "year": "whole", "good": "boolean"}


def test_large_writes_and_id_lists_go_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lance, "ROWS_A_VERSION", 40)
    monkeypatch.setattr(lance, "IDS_AT_ONCE", 7)
    monkeypatch.setattr(versions, "INDEXED", 50)
    store = LanceStore.create(tmp_path / "t", SCHEMA)
    names = [f"n{i}" for i in range(100)]
    assert store.upsert(rows(*names)) == (100, 0)
    store.maintain()
    assert store.get(names[::-1]).column("id").to_pylist() == names[::-1]
    assert store.upsert(rows(*names[:3], "new")) == (1, 3)
    assert store.delete(names[10:60]) == 50 and store.count() == 51
    assert store.get(["new", "n5"], ["id"]).num_rows == 2, "ids are found through their index and beside it"


WRITER = """
import sys
sys.path.insert(0, {tests!r})
import test_store as t
store = t.LanceStore.open({folder!r})
for part in range(1000):
    names = [f"{{sys.argv[1]}}-{{part}}-{{i}}" for i in range(20)]
    store.upsert(t.rows(*names, seed=part))
    print(part, flush=True)
    if part + 1 == int(sys.argv[2]):
        break
"""


def writer(folder: Path, name: str, parts: int) -> subprocess.Popen:
    code = WRITER.format(tests=str(Path(__file__).parent), folder=str(folder))
    return subprocess.Popen([sys.executable, "-c", code, name, str(parts)], stdout=subprocess.PIPE, text=True)


def test_killed_five_times_in_the_middle_of_adds_every_acknowledged_row_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    LanceStore.create(folder, SCHEMA)
    acknowledged: set[str] = set()
    for life in range(5):
        process = writer(folder, f"life{life}", 1000)
        assert process.stdout is not None
        done = [int(process.stdout.readline()) for _ in range(3)]
        time.sleep(0.01 * life)
        os.kill(process.pid, signal.SIGKILL)
        done += [int(line) for line in process.stdout.read().split()]
        process.stdout.close()
        process.wait()
        acknowledged |= {f"life{life}-{part}-{i}" for part in done for i in range(20)}
        store = LanceStore.open(folder)
        found = ids(store.scan(["id"]))
        assert acknowledged <= found
        # what was being written comes whole or not at all
        assert all(sum(name.startswith(f"life{life}-{part}-") for name in found) in (0, 20) for part in range(200))
    assert vectors_in(store.scan()).shape == (store.count(), DIM)
    store.maintain()
    assert acknowledged <= ids(LanceStore.open(folder).scan(["id"]))


def test_three_processes_add_at_once_and_all_rows_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    LanceStore.create(folder, SCHEMA)
    processes = [writer(folder, name, 10) for name in "abc"]
    assert [process.wait() for process in processes] == [0, 0, 0]
    for process in processes:
        process.stdout.close()  # type: ignore[union-attr]
    expected = {f"{name}-{part}-{i}" for name in "abc" for part in range(10) for i in range(20)}
    assert ids(LanceStore.open(folder).scan(["id"])) == expected


def test_twenty_rounds_of_changes_leave_no_more_than_half_again_of_the_live_data(tmp_path: Path) -> None:
    live = LanceStore.create(tmp_path / "fresh", wide := schema_of(256))
    vectors = np.random.default_rng(0).standard_normal((2000, 256)).astype(np.float32)
    names = [f"n{i}" for i in range(2000)]
    store = LanceStore.create(tmp_path / "t", wide)
    store.upsert(as_rows(wide, {"id": names}, vectors))
    for turn in range(20):
        part = slice(50 * turn, 50 * turn + 300)
        store.upsert(as_rows(wide, {"id": names[part]}, vectors[part] + turn))
        store.delete(names[part][:50])
    before, after = store.maintain()
    left = store.scan()
    live.upsert(left.select(wide.names))
    assert store.count() == 1000 and before > 3 * after
    assert after <= 1.5 * lance.size_of(str(tmp_path / "fresh")) and after <= 1.5 * (1000 * 256 * 4)


def test_a_qdrant_collection_is_opened_by_name() -> None:
    store = qdrant()
    store.upsert(rows("a", style=["flat"]))
    again = QdrantStore.open(store._client, "photos")
    assert again.schema == SCHEMA and again.get(["a"], ["style"]).to_pylist() == [{"style": "flat"}]
    assert again.recall() == 1
    with pytest.raises(InputError, match="expected a new name"):
        QdrantStore.create(store._client, "photos", SCHEMA)
    with pytest.raises(InputError, match="no collection 'other'"):
        QdrantStore.open(store._client, "other")
    store._client.delete_collection("photos")
    with pytest.raises(RunError, match="cannot be reached"):
        store.count()


def test_damage_is_said(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path / "t", SCHEMA)
    store.upsert(rows("a"))
    for file in (tmp_path / "t").rglob("*.manifest"):
        file.write_bytes(b"no manifest")
    with pytest.raises(InputError, match="damaged or missing"):
        LanceStore.open(tmp_path / "t").scan()
    with pytest.raises(InputError, match="damaged or missing"):
        LanceStore.open(tmp_path / "nowhere")


def test_a_store_opened_before_a_fork_can_be_read_after_it(tmp_path: Path) -> None:
    store = LanceStore.create(tmp_path / "t", SCHEMA)
    store.upsert(rows("a", "b"))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_count, (str(tmp_path / "t"),)) == 2


def _count(folder: str) -> int:
    return LanceStore.open(folder).count()
