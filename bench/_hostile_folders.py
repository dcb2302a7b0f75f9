"""Damage done to whatever regard keeps: each file gone, cut, emptied, flipped, each key of its JSON wrong.

`kept` makes one of each kind, `damage` all the ways of damaging one, and `outcome` says what came of using it:
`equal`, `refused` (a sentence), or what must not be: another exception, another result, no end, too much memory. Each
use is a child that is forked after the imports, as what it does to the process is not known.
"""

import json
import os
import resource
import shutil
import signal
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

SECONDS, MEMORY = 60, 1.5 * 2**30  # a hang, and too much
DEEP = "[" * 100_000 + "]" * 100_000
# what stands in place of a value, as JSON; None: the key is gone
VALUES = (None, "null", '"text"', "7", "-1", "0.5", "true", "[]", "{}", "1" + "0" * 400, "1e999", "NaN")
VALUES += ('"\\ud800"', '"a\\u0000b"', "[[[[]]]]", DEEP, '"' + "x" * 10_000 + '"')


@dataclass(frozen=True)
class Kept:
    """Something kept, and what using it gives.

    Attributes:
        kind: what it is.
        path: the file or folder.
        use: gives bytes that tell one result from another.
        sealed: any change is found; otherwise (text of the user's own) another file is another meaning.
    """

    kind: str
    path: Path
    use: Callable[[Path], bytes]
    sealed: bool = True


@dataclass(frozen=True)
class Damage:
    """A way of damaging: `act` on a copy; `shape` where no reading of it could give another result."""

    name: str
    act: Callable[[Path], None]
    shape: bool = True


def damage(kept: Path, seed: int, flips: int = 3) -> Iterator[Damage]:
    """All ways for each file, and for each key of each JSON file (of three levels)."""
    rng = np.random.default_rng(seed)
    files = [kept] if kept.is_file() else sorted(path for path in kept.rglob("*") if path.is_file())
    for file in files:
        name = file.relative_to(kept).as_posix() if file != kept else ""
        size = file.stat().st_size

        def on(act: Callable[[Path], object], name: str = name) -> Callable[[Path], None]:
            return lambda copy: act(copy / name if name else copy) and None

        # where there is no file of decisions, none were made
        yield Damage(f"{name} gone", on(Path.unlink), bool(name) or file.suffix != ".json")
        yield Damage(f"{name} empty", on(lambda path: path.write_bytes(b"")))
        yield Damage(f"{name} a folder", on(lambda path: (path.unlink(), path.mkdir())))
        yield Damage(f"{name} a pipe", on(lambda path: (path.unlink(), os.mkfifo(path))))
        yield Damage(f"{name} zeros", on(lambda path, size=size: path.write_bytes(bytes(size))))
        noise = rng.bytes(min(size, 2**16))
        yield Damage(f"{name} noise", on(lambda path, noise=noise: path.write_bytes(noise)))
        yield Damage(f"{name} 2 GB of nothing", on(lambda path: os.truncate(path, 2**31)))
        for share in rng.random(flips):
            at = int(share * size)
            # lines of text that end early are a shorter table: nothing in it says how long it was
            told = file.suffix != ".csv"
            yield Damage(f"{name} cut at {at}", on(lambda path, at=at: os.truncate(path, at)), told)
            yield Damage(f"{name} a bit of {at} flipped", on(lambda path, at=at: _flip(path, at)), False)
        if file.suffix == ".json":
            for key, text in _json_damage(json.loads(file.read_text()), rng):
                yield Damage(f"{name}: {key}", on(lambda path, text=text: path.write_text(text)), False)


def bombs(folder: Path) -> list[tuple[str, Path]]:
    """Small files of vectors that unfold to many GB, or hold what is no vectors; made in a child."""
    said = outcome(lambda: b"" if list(_bombs(folder)) else b"none", b"")
    if said != "equal":
        raise SystemExit(f"hostile: bombs cannot be made: {said}")
    return [(path.stem, path) for path in sorted(folder.iterdir())]


def _bombs(folder: Path) -> Iterator[tuple[str, Path]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def npy(shape: str, kind: str = "<f4", data: bytes = b"") -> bytes:
        head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
        return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + data

    def zipped(name: str, **members: Any) -> tuple[str, Path]:
        with zipfile.ZipFile(folder / f"{name}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            for member, parts in members.items():
                with archive.open(f"{member}.npy", "w", force_zip64=True) as file:
                    for part in parts:
                        file.write(part)
        return name, folder / f"{name}.npz"

    ids = [npy("(2,)", "<U1", "ab".encode("utf-32-le"))]
    yield zipped("3 GB of zeros", vectors=[npy("(750000, 1024)"), *[bytes(2**20)] * 2930], ids=ids)
    yield zipped("a header of 10^12 rows", vectors=[npy("(1000000000000, 3)")], ids=ids)
    yield zipped("a negative shape", vectors=[npy("(-1, 3)")], ids=ids)
    yield zipped("a shape of truths", vectors=[npy("(True, True)", data=bytes(4))], ids=ids)
    yield zipped("objects", vectors=[npy("(2, 3)", "|O", bytes(48))], ids=ids)
    yield zipped("records", vectors=[npy("(2,)", "|V8", bytes(16))], ids=ids)
    yield zipped(
        "letters of no alphabet", vectors=[npy("(1, 2)", data=bytes(8))], ids=[npy("(1,)", "<U1", b"\xff" * 4)]
    )
    yield zipped("one number", vectors=[npy("()", data=bytes(4))], ids=ids)
    yield zipped(
        "a card of numbers", vectors=[npy("(2, 1)", data=bytes(8))], ids=ids, card=[npy("(1,)", data=bytes(4))]
    )
    for name, columns in {
        "a run of one value": {"vectors": pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2**29, np.float32)), 64)},
        "one long name in each row": {"vectors": [[1.0]] * 4000, "ids": ["x" * 10**6] * 4000},
        "ragged": {"vectors": [[1.0], [1.0, 2.0]], "ids": ["a", "b"]},
        "gaps": {"vectors": [[1.0, None], [1.0, 2.0]], "ids": ["a", "b"]},
        "an id that is null": {"vectors": [[1.0], [2.0]], "ids": ["a", None]},
        "text": {"vectors": [["1"], ["2"]], "ids": ["a", "b"]},
        "lists of lists": {"vectors": [[[1.0]], [[2.0]]], "ids": ["a", "b"]},
        "structs for ids": {"vectors": [[1.0], [2.0]], "ids": [{"a": 1}, {"a": 2}]},
        "decimals": {"vectors": pa.array([[1], [2]], pa.list_(pa.decimal128(20, 2))), "ids": ["a", "b"]},
    }.items():
        columns.setdefault("ids", [str(i) for i in range(len(columns["vectors"]))])
        path = folder / f"{name}.parquet"
        pq.write_table(pa.table(columns), path, compression="zstd")
        yield name, path


def outcome(use: Callable[[], bytes], wanted: bytes | None) -> str:
    """Use something in a child, and say what came of it: `equal`, `refused`, or what is wrong."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        answer = b""
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            resource.setrlimit(resource.RLIMIT_AS, (2**36, 2**36))
            answer = b"=" + use()
        except BaseException as error:
            kind = type(error).__name__
            refused = any(one.__name__ in ("InputError", "RunError") for one in type(error).__mro__)
            answer = (b"r" if refused else b"!") + f"{kind}: {error}".encode(errors="replace")[:2000]
        finally:
            os.write(write, answer[:4000])
            os._exit(0)
    os.close(write)
    end, parts = time.monotonic() + SECONDS, []
    os.set_blocking(read, False)
    while time.monotonic() < end:
        try:
            piece = os.read(read, 4096)
        except BlockingIOError:
            time.sleep(0.005)
            continue
        if not piece:
            break
        parts.append(piece)
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(read)
    _, _, used = os.wait4(pid, 0)
    said = b"".join(parts)
    if not said:
        return "hang" if time.monotonic() >= end else "died"
    if used.ru_maxrss * 1024 > MEMORY and wanted != b"":
        return f"memory: {used.ru_maxrss / 2**20:.1f} GiB"
    if said[:1] == b"=":
        return "equal" if wanted is None or said[1:] == wanted else "different"
    return "refused" if said[:1] == b"r" else f"raw {said[1:].decode(errors='replace')}"


def answer(use: Callable[[], bytes]) -> bytes:
    """What a use gives, in a child, so that no library has begun threads here."""
    path = Path(os.environ["REGARD_CACHE"]) / f"answer{time.monotonic_ns()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    said = outcome(lambda: path.write_bytes(use()).to_bytes(8, "big"), None)
    if said != "equal":
        raise SystemExit(f"hostile: an undamaged one cannot be used: {said}")
    found = path.read_bytes()
    path.unlink()
    return found


def damaged(kept: Kept, ways: list[Damage], work: Path, wanted: bytes) -> Iterator[tuple[str, str]]:
    """Each way on a fresh copy: its name, and the outcome."""
    for way in ways:
        copy = work / kept.path.name
        (shutil.copytree if kept.path.is_dir() else shutil.copyfile)(kept.path, copy)
        try:
            way.act(copy)
            said = outcome(lambda copy=copy: kept.use(copy), wanted)
        finally:
            shutil.rmtree(copy) if copy.is_dir() else copy.unlink(missing_ok=True)
        if said == "different" and not kept.sealed and not way.shape:
            said = "another meaning"
        yield f"{kept.kind}: {way.name}", said


def told(*values: Any) -> bytes:
    """A hash of arrays, text and plain values: equal only where all are."""
    digest = blake2b(digest_size=16)
    for value in values:
        digest.update(
            value.tobytes() if isinstance(value, np.ndarray) and value.dtype.kind == "f" else repr(value).encode()
        )
    return digest.digest()


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    if data:
        data[at % len(data)] ^= 1 << (at % 8)
    path.write_bytes(data)


def _json_damage(value: Any, rng: np.random.Generator) -> Iterator[tuple[str, str]]:
    """(what was done, the text): each key with each value; a key twice; nothing but a list."""
    yield "a list", "[]"
    yield "too deep", DEEP
    if not isinstance(value, dict):
        return
    for path in _paths(value, 3):
        for text in VALUES:
            yield f"{'/'.join(map(str, path))} {'gone' if text is None else text[:12]}", _with(value, path, text)
    first = next(iter(value), None)
    if first is not None:
        yield "a key twice", json.dumps(value)[:-1] + f", {json.dumps(first)}: 1}}"


def _paths(value: Any, depth: int) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict) and depth:
        for key in value:
            yield (key,)
            yield from ((key, *rest) for rest in _paths(value[key], depth - 1))


def _with(value: Any, path: tuple[Any, ...], text: str | None) -> str:
    mark = "\ue000here\ue000"
    copy = json.loads(json.dumps(value))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if text is None:
        del inner[path[-1]]
        return json.dumps(copy)
    inner[path[-1]] = mark
    return json.dumps(copy).replace(json.dumps(mark), text)
