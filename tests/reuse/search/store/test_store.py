"""Stores on disk and on a server: writers at once, kills, damage, large writes; what all do is in tests/contract."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from helpers.stores import DIM, SCHEMA, ids, qdrant, rows
from regard.core.checks import InputError, RunError
from regard.reuse.search.store import lance, versions
from regard.reuse.search.store.lance import LanceStore
from regard.reuse.search.store.protocol import as_rows, metadata_of, schema_of, vectors_in
from regard.reuse.search.store.qdrant import QdrantStore


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
from helpers.stores import rows
from regard.reuse.search.store.lance import LanceStore
store = LanceStore.open({folder!r})
for part in range(1000):
    names = [f"{{sys.argv[1]}}-{{part}}-{{i}}" for i in range(20)]
    store.upsert(rows(*names, seed=part))
    print(part, flush=True)
    if part + 1 == int(sys.argv[2]):
        break
"""


def writer(folder: Path, name: str, parts: int) -> subprocess.Popen:
    code = WRITER.format(tests=str(Path(__file__).parents[3]), folder=str(folder))
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
