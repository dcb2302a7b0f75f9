"""Files of vectors from anywhere as arrays and a card: looked at from outside first, so that nothing large is unfolded.

An `.npz` is a zip of arrays, a `.parquet` a table; both can be small and say that they unfold to any size, and both
can hold what is no array of numbers or text. Bits that changed are found by the zip's own checksums, and in Parquet by
those that regard has written with each page.
"""

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..core.arrow import check_unfolded, column_of, is_list, matrix_of, plain_column, read_table
from ..core.checks import InputError, bad
from ..core.reading import check_plain, parsed
from ..core.records import anything as any_value
from ..core.records import check_record, either, listed, mapped, maybe, text, whole

COLUMNS = "regard_columns"  # in a Parquet file's metadata: the names of its columns

Read = tuple[dict[str, np.ndarray], dict[str, Any]]

CARD_KEYS = {
    "representation": maybe(text),
    "loaded_from": maybe(text),
    "fingerprint": maybe(text),
    "layer": maybe(either(whole(-(2**31)), text)),
    "set_aside": maybe(listed(mapped(text))),
    "cost": maybe(mapped(any_value)),
}


def load_npz(path: Path) -> Read:
    """The arrays of an `.npz` by name, and its card; nothing is read before its headers are looked at."""
    check_plain(path, "an .npz archive of plain arrays")
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(path, archive)
        with np.load(path, allow_pickle=False) as arrays_of:
            arrays = {key: arrays_of[key] for key in arrays_of.files}
    except InputError:
        raise
    except Exception as error:  # zip, header and memory errors alike
        got = f"a file that cannot be read ({str(error)[:200]})"
        raise bad(str(path), got, "an .npz archive of plain arrays") from None
    for name, array in arrays.items():
        _check_text(f"{path}: {name:.80}", array)
    card = arrays.pop("card", None)
    if card is not None and (card.ndim or card.dtype.kind not in "UT"):
        raise bad(f"{path}: card", f"an array {card.shape} of {card.dtype}", "text: a mapping as JSON")
    return arrays, _card(path, str(card) if card is not None else "{}")


def load_parquet(path: Path) -> Read:
    """The columns of a Parquet file by name, and its card."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = read_table(str(path), path)
    metadata = {key.decode(errors="replace"): value for key, value in (pq.read_metadata(path).metadata or {}).items()}
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise bad(str(path), f"the column {twice[0]!r} twice", "a different name for each column")
    _check_named(path, table.column_names, metadata)
    arrays: dict[str, np.ndarray] = {}
    for name in table.column_names:
        read = column_of if name in ("ids", "labels") else matrix_of if name == "vectors" else plain_column
        kind = table.column(name).type
        if name == "vectors" and not is_list(kind):
            raise bad(f"{path}: vectors", f"values of type {kind}", "lists of numbers, of one length")
        try:
            arrays[name] = read(f"{path}: {name}", table.column(name))
        except InputError:
            raise
        except (pa.ArrowException, OverflowError, TypeError, ValueError, MemoryError) as error:
            got = f"values of type {kind} that cannot be read ({str(error)[:120]})"
            raise bad(f"{path}: {name}", got, "text, numbers or dates") from None
    return arrays, _card(path, metadata.get("regard", b"{}"))


def check_members(path: Path, archive: zipfile.ZipFile) -> None:
    """Compare what a zip and each array's header say of their sizes, before any of it is read."""
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise bad(str(path), "a name twice in the archive", "a different name for each array")
    size, unfolded = path.stat().st_size, sum(member.file_size for member in members)
    check_unfolded(str(path), size, unfolded)
    for member in members:
        name = member.filename.removesuffix(".npy")
        where = f"{path}: {name:.80}"
        if name == member.filename:
            raise bad(where, "a file that is no array", "plain arrays")
        with archive.open(member) as file:
            shape, kind = _header(file, where)
            said, there = int(np.prod(shape, dtype=object)) * kind.itemsize, member.file_size - file.tell()
        if kind.hasobject:
            got = f"a file that cannot be read ({name} holds Python's own objects)"
            raise bad(str(path), got, "an .npz archive of plain arrays")
        if said != there:
            raise bad(where, f"an array that says {said:,} bytes and has {there:,}", "a whole array")


def _header(file: IO[bytes], where: str) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, kind = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, kind = np.lib.format.read_array_header_2_0(file)
    else:
        raise bad(where, f"an array of version {version}", "a plain array of numbers, text or dates")
    if any(isinstance(side, bool) or side < 0 for side in shape):
        raise bad(where, f"the shape {shape}", "sides of at least 0")
    return shape, kind


def _check_named(path: Path, names: list[str], metadata: dict[str, bytes]) -> None:
    """Refuse a file that lost a column that it was written with: one whose name was damaged is no further column."""
    if COLUMNS not in metadata:
        return
    known = parsed(metadata[COLUMNS], f"{path}: {COLUMNS}")
    gone = [name for name in known if name not in names] if isinstance(known, list) else [COLUMNS]
    if gone:
        raise bad(
            str(path),
            f"no column {gone[0]!r}, which it was written with",
            "the columns that were written",
            "If it was left out on purpose, write the table without its metadata (replace_schema_metadata(None)).",
        )


def _card(path: Path, said: str | bytes) -> dict[str, Any]:
    return check_record(f"{path}: card", parsed(said, f"{path}: card"), CARD_KEYS)


def _check_text(where: str, array: np.ndarray) -> None:
    """Refuse numbers that are no characters, in an array of text."""
    if array.dtype.kind == "U" and array.size:
        codes = np.ascontiguousarray(array).reshape(-1).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if int(codes.max()) > 0x10FFFF or ((codes >= 0xD800) & (codes < 0xE000)).any():
            raise bad(where, "numbers that are no characters", "text")
