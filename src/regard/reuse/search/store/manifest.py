"""Whether all of a table lies in its own folder: a version may name other places to read its data from.

LanceDB reads a shallow copy from where it was copied, which a version's manifest names (field 18 of the message, its
base paths): any folder, bucket or server. regard makes no such table, so one that is handed over is refused unread.

Source: https://github.com/lancedb/lance/blob/main/protos/table.proto (Manifest, BasePath)
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from ....core.checks import InputError, bad

BASE_PATHS = 18
FUNCTIONS = b"embedding_functions"  # a table may ask LanceDB to embed by a service of somebody's


def check_own(place: str, table: str) -> None:
    """Read the manifests of all versions of a table in a folder. O(bytes of the manifests).

    Raises:
        InputError: one names other places, or cannot be read.
    """
    if "://" in place:
        return
    for path in sorted((Path(place) / f"{table}.lance").rglob("*.manifest")):
        try:
            fields = set(_fields(path.read_bytes()))
        except FileNotFoundError:
            continue  # cleared away meanwhile
        except (ValueError, IndexError, struct.error) as error:
            raise _refused(place, f"damaged or missing ({path.name}: {error})") from None
        if BASE_PATHS in fields:
            raise _refused(place, f"elsewhere: {path.name} names other places to read from, and nothing was read there")


def check_schema(place: str, schema: pa.Schema) -> None:
    """Refuse a table that has LanceDB call something to make vectors."""
    if FUNCTIONS in (schema.metadata or {}):
        raise _refused(place, "to be embedded by LanceDB, with a function that is not regard's")


def _fields(data: bytes) -> Iterator[int]:
    """The numbers of a manifest's fields; at the end of the file stand its place, two versions and LANC."""
    if data[-4:] != b"LANC":
        raise ValueError("its end is not that of a manifest")
    (start,) = struct.unpack_from("<Q", data, len(data) - 16)
    (size,) = struct.unpack_from("<I", data, start)
    at, end = start + 4, start + 4 + size
    if end > len(data):
        raise ValueError("it is cut short")
    while at < end:
        key, at = _number(data, at)
        yield key >> 3
        if key & 7 == 2:
            length, at = _number(data, at)
            at += length
        elif key & 7 == 0:
            _, at = _number(data, at)
        elif key & 7 in (1, 5):
            at += 8 if key & 7 == 1 else 4
        else:
            raise ValueError(f"a field of the unknown kind {key & 7}")
    if at != end:
        raise ValueError("a field goes beyond its end")


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number without an end")


def _refused(place: str, why: str) -> InputError:
    return bad(
        "index",
        f"{place!r}, whose table is {why}",
        "a folder made by regard index",
        "Make the index again from the images or the embeddings file, or put a copy back.",
    )
