"""A table is as it was left, or it is said: versions that are gone, files that were changed, lists that are none."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from regard.core.checks import InputError
from regard.core.storage import read_json
from regard.reuse.search.store import intact
from regard.reuse.search.store.lance import LanceStore
from regard.reuse.search.store.protocol import as_rows, schema_of

SCHEMA = schema_of(6, {})


def rows(*names: str) -> pa.Table:
    vectors = np.random.default_rng(len(names)).standard_normal((len(names), 6)).astype(np.float32)
    return as_rows(SCHEMA, {"id": list(names)}, vectors)


def written(folder: Path) -> Path:
    """A table of four versions, the last but one tagged."""
    store = LanceStore.create(folder, SCHEMA)
    store.upsert(rows("a", "b", "c"))
    store.upsert(rows("d"))
    store.tag("before")
    store.delete(["b"])
    return folder


def manifests(folder: Path) -> list[Path]:
    """Newest first, as newer tables count down."""
    return sorted(folder.glob("vectors.lance/_versions/*.manifest"))


def flip(path: Path, share: float, bit: int) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[int(share * len(damaged))] ^= 1 << bit
    path.write_bytes(bytes(damaged))


@pytest.mark.parametrize("left", [3, 2, 1])
def test_a_version_that_is_gone_is_said_and_no_older_state_is_shown(tmp_path: Path, left: int) -> None:
    folder = written(tmp_path / "t")
    for path in manifests(folder)[:-left]:
        path.unlink()
    with pytest.raises(InputError, match=f"version 4, .* is gone .*; {left} is the newest .*put a copy back"):
        LanceStore.open(folder)
    with pytest.raises(InputError, match="version 4, .* is gone"):
        LanceStore.open(folder, 1)
    (folder / "files.json").unlink()  # as the message says
    assert LanceStore.open(folder).version == left


def test_older_versions_that_are_gone_are_nobodys_loss(tmp_path: Path) -> None:
    folder = written(tmp_path / "t")
    manifests(folder)[2].unlink()
    manifests(folder)[-1].unlink()
    assert LanceStore.open(folder).count() == 3 and LanceStore.open(folder, "before").count() == 4


@pytest.mark.parametrize("kind", ["_versions/*.manifest", "data/*", "_deletions/*"])
@pytest.mark.parametrize("damage", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999, "half", "empty", "zeros", "other"])
def test_a_file_of_a_table_that_was_changed_is_named(tmp_path: Path, kind: str, damage: float | str) -> None:
    folder = written(tmp_path / "t")
    files = sorted(folder.glob(f"vectors.lance/{kind}"))
    path, whole = files[0], files[0].read_bytes()
    if isinstance(damage, float):
        flip(path, damage, 3)
    else:
        other = files[-1].read_bytes() if len(files) > 1 else whole[::-1]
        path.write_bytes(
            {"half": whole[: len(whole) // 2], "empty": b"", "zeros": bytes(len(whole))}.get(damage, other)
        )
    with pytest.raises(InputError, match="index: .* damaged or missing .* Make the index again"):
        LanceStore.open(folder)
    path.write_bytes(whole)
    assert LanceStore.open(folder).count() == 3


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 4}', '{"version": 4, "files": {"x": 1}}', "\x00"])
def test_a_list_of_files_that_is_none(tmp_path: Path, text: str) -> None:
    folder = written(tmp_path / "t")
    (folder / "files.json").write_text(text)
    with pytest.raises(InputError, match=r"damaged or missing \(files\.json cannot be read.*delete files\.json"):
        LanceStore.open(folder)


def test_a_table_of_an_earlier_version_has_no_list_until_it_is_written(tmp_path: Path) -> None:
    folder = written(tmp_path / "t")
    (folder / "files.json").unlink()
    store = LanceStore.open(folder)
    store.upsert(rows("e"))
    manifests(folder)[0].unlink()
    with pytest.raises(InputError, match="version 5, .* is gone"):
        LanceStore.open(folder)


def test_a_list_that_is_behind_is_of_a_writer_that_was_killed(tmp_path: Path) -> None:
    folder = written(tmp_path / "t")
    before = (folder / "files.json").read_bytes()
    LanceStore.open(folder).upsert(rows("e"))
    (folder / "files.json").write_bytes(before)
    assert LanceStore.open(folder).count() == 4
    flip(next(folder.glob("vectors.lance/_deletions/*")), 0.5, 0)
    with pytest.raises(InputError, match="_deletions/.* is not as it was written"):
        LanceStore.open(folder)


def test_maintenance_keeps_the_list_in_step(tmp_path: Path) -> None:
    folder = written(tmp_path / "t")
    store = LanceStore.open(folder)
    for name in "efgh":
        store.upsert(rows(name))
    store.maintain()
    listed = read_json(folder / "files.json")["files"]
    assert all((folder / "vectors.lance" / name).is_file() for name in listed) and store.count() == 7
    flip(max(folder.glob("vectors.lance/data/*"), key=lambda path: path.stat().st_mtime_ns), 0.4, 2)
    with pytest.raises(InputError, match="data/.* is not as it was written"):
        LanceStore.open(folder)


def test_a_large_table_is_compared_when_it_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path / "t")
    monkeypatch.setattr(intact, "AT_ONCE", 100)
    store = LanceStore.open(folder)
    assert sum(piece.num_rows for piece in store.pieces(["id", "vector"])) == 3 and store.scan().num_rows == 3
    assert sum(piece.num_rows for piece in LanceStore.open(folder, 2).pieces(["id", "vector"])) == 3, "an older one"
    for path in folder.glob("vectors.lance/data/*"):
        flip(path, 0.3, 1)
    whole = LanceStore.open(folder)
    for read in (lambda: list(whole.pieces(["id", "vector"])), whole.scan, lambda: whole.scan(["vector"])):
        with pytest.raises(InputError, match="data/.* is not as it was written"):
            read()
    manifests(folder)[0].write_bytes(manifests(folder)[0].read_bytes()[:-1])
    with pytest.raises(InputError, match="damaged or missing"):
        LanceStore.open(folder)
