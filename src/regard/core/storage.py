"""Safe files: safetensors and JSON, written beside and renamed, named by the hash of their content; never pickle."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from .checks import InputError, bad
from .leftovers import clear, empty, name_beside
from .reading import check_plain
from .reading import read_json as read_json


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; at the end it takes the place of `path` in one step.

    If the block raises, or the process is killed, what stood at `path` stands there still; what a killed process left
    beside it is cleared by the next one that writes there. The file gets the mode of any new file (the umask),
    whatever the library that writes it does.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    clear(path.parent)
    beside = name_beside(path)
    try:
        with open(beside, "xb") as empty:
            mode = os.fstat(empty.fileno()).st_mode
        yield beside
        with open(beside, "rb") as written:
            if os.fstat(written.fileno()).st_mode != mode:
                os.chmod(beside, mode & 0o7777)
            os.fsync(written.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def appearing(folder: str | Path) -> Iterator[Path]:
    """Give a new folder beside `folder` to write into; at the end it stands there whole, or else nothing does.

    `folder` may be there if it is empty.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    clear(folder.parent)
    beside = name_beside(folder)
    try:
        beside.mkdir()
        yield beside
        clear(folder)  # one that is there holds nothing else
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_json(path: str | Path, value: object) -> None:
    """Write JSON whole or not at all; numpy numbers and arrays become plain ones, NaN becomes null."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    with replacing(path) as beside:
        beside.write_text(text + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """Turn numpy values, paths, tuples and dataclass-free mappings into what JSON can hold.

    >>> plain({"a": np.float32(0.5), "b": (np.int64(1), float("nan")), "c": np.arange(2)})
    {'a': 0.5, 'b': [1, None], 'c': [0, 1]}
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def save_tensors(
    path: str | Path, tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None, *, seal: bool = False
) -> None:
    """Write named torch tensors as safetensors, whole or not at all.

    Args:
        path: the file.
        tensors: by name.
        metadata: text for the header.
        seal: hashes of the tensors and of the header go along, which `load_tensors` and `read_header` compare: for a
            file that no card beside it speaks for.
    """
    from safetensors.torch import save_file

    header = dict(metadata or {})
    if seal:
        header["tensors"] = hash_tensors(tensors)
        header["seal"] = hash_json(header)
    with replacing(path) as beside:
        save_file({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, beside, header)


def read_header(path: str | Path) -> dict[str, str]:
    """The text in a safetensors file's header, compared with its seal where it has one; O(1).

    Raises:
        InputError: no such file, damaged, or changed since it was sealed.
    """
    from safetensors import safe_open

    check_plain(path, "a safetensors file")
    try:
        with safe_open(path, "pt") as file:
            header = dict(file.metadata() or {})
    except Exception as error:  # the binding has errors of many types
        raise bad("file", str(path), "a safetensors file", f"It cannot be read: {error}") from None
    if ("seal" in header or "tensors" in header) and header.get("seal") != hash_json(
        {key: value for key, value in header.items() if key != "seal"}
    ):
        raise _changed(path)
    return header


def load_tensors(path: str | Path) -> dict[str, Any]:
    """Read a safetensors file as torch tensors on the CPU; say which file is broken, or changed since it was sealed."""
    from safetensors.torch import load_file

    header = read_header(path)
    try:
        tensors = load_file(path)
    except Exception as error:  # a type that torch does not have, a shape that it cannot hold ...
        raise bad("file", str(path), "a safetensors file", f"It cannot be read: {error}") from None
    if "tensors" in header and header["tensors"] != hash_tensors(tensors):
        raise _changed(path)
    return tensors


def _changed(path: str | Path) -> InputError:
    return bad("file", f"{path}, whose bytes were changed since it was written", "a file as regard wrote it")


def hash_bytes(*parts: bytes) -> str:
    """Hash of the bytes, 32 hexadecimal digits (BLAKE2b, 128 bits)."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def hash_file(path: str | Path) -> str:
    """Hash of a file's bytes, read in pieces: XXH3, 128 bits, which finds damage but is no signature.

    At some 7 GB/s weights of 230 MB cost 30 ms; by BLAKE2b it was 5 % of a run that takes its vectors from the cache.
    """
    from xxhash import xxh3_128

    with open(path, "rb") as file:
        return hashlib.file_digest(file, xxh3_128).hexdigest()


def hash_json(value: object) -> str:
    """Hash of a plain value, whatever the order of its keys."""
    return hash_bytes(json.dumps(plain(value), sort_keys=True).encode())


def hash_tensors(tensors: Mapping[str, Any]) -> str:
    """Hash of named torch tensors: names, types, shapes and bytes."""
    import torch

    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)  # as it lies there, not a copy
    return digest.hexdigest()


def inside(root: str | Path, name: str | Path) -> Path:
    """Join a name from outside to a folder, and refuse what would leave it.

    >>> inside("/data", "a/b.png").as_posix()
    '/data/a/b.png'
    >>> inside("/data", "../secret")
    Traceback (most recent call last):
    regard.core.checks.InputError: path: expected a name inside /data, got '../secret'.
    """
    base = Path(root).resolve()
    try:
        path = (base / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # NUL, too long, a loop of links
        raise bad("path", repr(str(name))[:200], f"a name inside {base}", f"{error}.") from None
    if path != base and base not in path.parents:
        raise bad("path", repr(str(name)), f"a name inside {base}")
    return path


def cache_folder() -> Path:
    """Where regenerable results are kept: $REGARD_CACHE, else the user's cache folder."""
    home = os.environ.get("REGARD_CACHE")
    if home:
        return Path(home)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "regard"


def new_folder(argument: str, path: str | Path, *, overwrite: bool = False, marker: str = "card.json") -> Path:
    """Make the folder of a result, and refuse one that holds somebody's other files."""
    folder = Path(path)
    if folder.is_file():
        raise bad(argument, f"{str(path)!r}, which is a file", "a folder")
    if not empty(folder) and not (folder / marker).exists() and not overwrite:
        raise InputError(f"{argument}: {str(path)!r} holds other files. Name a new or empty folder.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
