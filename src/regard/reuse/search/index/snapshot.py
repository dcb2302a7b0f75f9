"""A large collection as it is searched, kept in the cache folder: opened in a blink instead of read whole.

Never the record: what is kept belongs to one version of one table in one place, and whatever does not fit exactly, is
cut short or cannot be read is made again from the store. Where nothing can be written, memory is used instead. The
vectors lie in a file that is mapped, not read, so that memory holds the sketch, the ids and what is looked at. All but
the vectors is compared with a checksum when it is opened, and each vector when it is looked at (`kept_sums.py`).
"""

import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ....core.runtime import numpy_rng
from ....core.storage import cache_folder, hash_bytes, hash_json, inside, read_json, replacing, write_json
from ..nearest.metric import prepared
from ..nearest.sketch import Sketch
from ..store.lance import LanceStore
from ..store.protocol import ROW, dim_of, vectors_in
from .collection import Collection
from .snapshot_checksums import Compared, sums_of

FORMAT = 2
SMALL = ("ids", "numbers", "bias", "mean", "words", "sums")
SPOTS = 64  # vectors whose bits are compared with the kept ones


def opened(store: LanceStore, metric: str) -> Collection:
    """The collection of a store: as it was kept, or read from the store and kept for the next time.

    What is kept goes under a hash of the store's place: 4 n d bytes and a sixteenth of that. O(n) without reading it.
    """
    folder = cache_folder() / "search" / hash_bytes(str(Path(store.place).resolve()).encode())[:16]
    found = _load(folder, store, metric)
    return found if found is not None else _read(folder, store, metric)


def _load(folder: Path, store: LanceStore, metric: str) -> Collection | None:
    """What was kept, where it is of just this version and whole; else None."""
    try:
        card = read_json(folder / "card.json")
        wanted = {"format": FORMAT, "mark": store.mark, "metric": metric, "dim": dim_of(store.schema)}
        if not wanted["mark"] or any(card[key] != value for key, value in wanted.items()):
            return None
        with open(inside(folder, f"{card['stamp']}.npz"), "rb") as file, np.load(file, allow_pickle=False) as small:
            ids, numbers, bias, mean, words, sums = arrays = [small[name] for name in SMALL]
        if _hash(arrays, card) != card["hash"]:
            return None
        shape = len(numbers), card["dim"]
        path = inside(folder, f"{card['stamp']}.vectors")
        if path.stat().st_size != 4 * shape[0] * shape[1]:
            return None
        vectors = np.memmap(path, np.float32, "r", shape=shape)
        sketch = Sketch.again(mean, words)
        names = ids.tobytes().decode().split("\0")

        def again(places: np.ndarray) -> np.ndarray:
            with suppress(OSError):
                (folder / "card.json").unlink()
            return _from_store(store, metric, [names[place] for place in places], card["dim"])

        spots = numpy_rng(0, "spots").integers(0, shape[0], SPOTS)
        if not np.array_equal(sketch.encode(vectors[spots]), words[:, spots]):
            return None
        compared = Compared(sums, again)
        found = Collection.again(names, vectors, numbers, bias, metric, card["version"], compared)
        found.sketch, found.recall, found.many = sketch, card["recall"], card["many"]
        return found
    except Exception:
        return None  # damage shows itself in many ways; whatever it was, it is made again


def _from_store(store: LanceStore, metric: str, names: list[str], dim: int) -> np.ndarray:
    """Vectors (k, d) of these ids, prepared; zeros for one that is gone meanwhile, which no search gives any more."""
    rows = store.get(names, ["id", "vector"])
    place, vectors = {name: row for row, name in enumerate(names)}, np.zeros((len(names), dim), np.float32)
    if rows.num_rows:
        vectors[[place[name] for name in rows.column("id").to_pylist()]] = prepared(metric, vectors_in(rows))[0]
    return vectors


def _read(folder: Path, store: LanceStore, metric: str) -> Collection:
    """Read the store as it is now, one pass, and keep it where that is possible."""
    mark, now = store.mark, store.at(store.version)
    n, dim, stamp = now.count(), dim_of(store.schema), secrets.token_hex(6)
    path = folder / f"{stamp}.vectors"
    sums: list[np.ndarray] = []
    try:
        if not mark:
            raise OSError("what has no mark is not kept")
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder).free < 2 * 4 * n * dim:
            raise OSError("no room")
        with open(path, "wb") as file:  # written, not mapped: a full disk is an error then, and no crash

            def write(start: int, part: np.ndarray) -> None:
                file.write(np.ascontiguousarray(part).data)
                sums.append(sums_of(part))

            small = _taken(now, metric, write)
        vectors: np.ndarray = np.memmap(path, np.float32, "r", shape=(n, dim))
    except OSError:
        with suppress(OSError):
            path.unlink()
        mark, vectors = "", np.empty((n, dim), np.float32)

        def hold(start: int, part: np.ndarray) -> None:
            vectors[start : start + len(part)] = part

        small = _taken(now, metric, hold)
    found = Collection.again(small[0], vectors, *small[1:], metric, now.version)
    found.tune()
    if mark:
        with suppress(OSError):
            _keep(folder, stamp, found, np.concatenate(sums), mark)
    return found


def _taken(
    store: LanceStore, metric: str, put: Callable[[int, np.ndarray], None]
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Hand the prepared vectors to `put(start, rows)` piece by piece; the ids, row numbers and biases."""
    ids: list[str] = []
    numbers, biases = [], []
    for piece in store.pieces(["id", ROW, "vector"]):
        vectors, bias = prepared(metric, vectors_in(piece))
        put(len(ids), vectors)
        ids += piece.column("id").to_pylist()
        numbers.append(piece.column(ROW).to_numpy().astype(np.int64))
        biases.append(np.zeros(0, np.float32) if bias is None else bias)
    return ids, np.concatenate(numbers), np.concatenate(biases)


def _keep(folder: Path, stamp: str, found: Collection, sums: np.ndarray, mark: str) -> None:
    """Write the small arrays, then the card, which names them; then clear away what it named before."""
    assert found.sketch is not None
    ids = np.frombuffer("\0".join(found.ids).encode(), np.uint8)
    arrays = [ids, found.numbers, found.bias, found.sketch.mean, found.sketch.words, sums]
    with replacing(folder / f"{stamp}.npz") as beside, open(beside, "wb") as file:
        np.savez(file, allow_pickle=False, **dict(zip(SMALL, arrays)))
    card = {"format": FORMAT, "mark": mark, "metric": found.metric, "dim": found.vectors.shape[1]}
    card |= {"version": found.version, "stamp": stamp, "recall": found.recall, "many": found.many}
    write_json(folder / "card.json", card | {"hash": _hash(arrays, card)})
    for old in folder.iterdir():
        if old.suffix in (".vectors", ".npz") and not old.name.startswith(stamp):
            with suppress(OSError):  # another process may have it open, where that matters
                old.unlink()


def _hash(arrays: list[np.ndarray], card: dict[str, Any]) -> str:
    said = hash_json({key: value for key, value in card.items() if key != "hash"})
    return hash_bytes(said.encode(), *(np.ascontiguousarray(one).tobytes() for one in arrays))
