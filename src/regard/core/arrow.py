"""Columns of Arrow tables as numpy arrays, nothing rounded and nothing invented on the way."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .checks import InputError, bad
from .reading import check_plain
from .values import as_column

ROOM, FOLD = 2**30, 20  # more than so many bytes, and so many times the file's own, is a bomb and no collection
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "FLOAT": 4, "DOUBLE": 8, "INT96": 12}


def read_table(argument: str, path: Path, columns: Sequence[str] | None = None) -> Any:
    """A Parquet file as an Arrow table; what it unfolds to is looked at first, as a run of one value is a few bytes.

    Text comes as a dictionary, so that one long value that stands in each row is held once; checksums of pages are
    compared where they were written.

    Raises:
        InputError: no such file, damaged, or far larger than the file itself.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_plain(path, "a Parquet file")
    try:
        about = pq.read_metadata(path)
        size = path.stat().st_size
        check_unfolded(argument, size, _numbers_and_bytes(about, columns))
        texts = [
            field.name
            for field in about.schema.to_arrow_schema()
            if (columns is None or field.name in columns) and (_is_text(field.type))
        ]
        table = pq.read_table(
            path,
            columns=None if columns is None else list(columns),
            read_dictionary=texts,
            page_checksum_verification=True,
        )
        _validate(table)
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        raise bad(argument, repr(str(path)), "a Parquet table", f"It cannot be read: {str(error)[:200]}") from None
    check_unfolded(argument, size, sum(_unfolded(column) for column in table.columns))
    return table


def _validate(table: Any) -> None:
    """Raise ArrowInvalid where offsets or places in a dictionary lead nowhere.

    Text that is not UTF-8 passes: it is told where it is used, and there it costs its own row alone.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    bare = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
    columns = []
    for column in table.columns:
        kind = column.type
        if pa.types.is_dictionary(kind) and kind.value_type in bare:
            for piece in column.chunks:
                piece.dictionary.view(bare[kind.value_type]).validate(full=True)
                piece.indices.validate(full=True)
                if len(piece.indices) > piece.indices.null_count:
                    low_high = pc.min_max(piece.indices).as_py()
                    if low_high["min"] < 0 or low_high["max"] >= len(piece.dictionary):
                        raise pa.ArrowInvalid(f"a place {low_high} outside a dictionary of {len(piece.dictionary)}")
        else:
            columns.append(column)
    for column in columns:
        for piece in column.chunks:
            (piece.view(bare[piece.type]) if piece.type in bare else piece).validate(full=True)


def check_unfolded(argument: str, size: int, unfolded: int) -> None:
    """Refuse what says that it unfolds to far more than its own size: more than 1 GiB and 20 times as much."""
    if unfolded > max(ROOM, FOLD * size):
        got = f"a file of {size:,} bytes that unfolds to {unfolded:,}"
        raise bad(argument, got, "values as they are", "If that is meant, write the file without compression.")


def _numbers_and_bytes(about: Any, columns: Sequence[str] | None) -> int:
    """Bytes of all numbers, and of text as it lies in the file."""
    found = 0
    for part in range(about.num_row_groups):
        group = about.row_group(part)
        for one in (group.column(place) for place in range(group.num_columns)):
            if columns is None or one.path_in_schema.partition(".")[0] in columns:
                width = _WIDTHS.get(one.physical_type)
                found += one.num_values * width if width else one.total_uncompressed_size
    return found


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _unfolded(column: Any) -> int:
    """Bytes of a column of text once each row has its own; 0 of another."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = 0
    for part in column.chunks if pa.types.is_dictionary(column.type) else ():
        if _is_text(part.type.value_type):
            lengths = pc.cast(pc.binary_length(part.dictionary), pa.int64())
            found += pc.sum(pc.take(lengths, part.indices)).as_py() or 0
    return found


def column_of(argument: str, column: Any) -> np.ndarray:
    """Read one column (n,), as `core.values.as_column` gives it, or objects where they must be looked at one by one.

    Numbers without gaps keep their type; everything else comes as Python's objects, with None for a gap.

    Raises:
        InputError: values that are lists, mappings or of another kind without a text of its own.
    """
    import pyarrow as pa

    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if pa.types.is_nested(kind):
        raise bad(argument, f"values of type {kind}", "text, numbers or dates", "Drop the column, or flatten it.")
    if pa.types.is_floating(kind):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    if (pa.types.is_integer(kind) or pa.types.is_boolean(kind)) and not column.null_count:
        return np.asarray(column.to_numpy(zero_copy_only=False))
    if (pa.types.is_timestamp(kind) or pa.types.is_time64(kind)) and kind.unit == "ns":
        return _of_nanoseconds(column)
    return np.fromiter(column.to_pylist(), dtype=object, count=len(column))


def _of_nanoseconds(column: Any) -> np.ndarray:
    """Dates and times in nanoseconds (n,): Python's own, or text with nine decimals where these would round."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.time64("us") if pa.types.is_time64(column.type) else pa.timestamp("us", column.type.tz)
    counts = pc.cast(column, pa.int64()).to_pylist()
    whole = pa.array([None if count is None else count // 1000 for count in counts], pa.int64())
    found = pc.cast(whole, kind).to_pylist()
    for row, count in enumerate(counts):
        if count is not None and count % 1000:
            more = {} if pa.types.is_time64(kind) else {"sep": " "}
            text = found[row].isoformat(timespec="microseconds", **more)
            end = text.index(".") + 7  # an offset from UTC may follow
            found[row] = f"{text[:end]}{count % 1000:03d}{text[end:]}"
    return np.fromiter(found, dtype=object, count=len(found))


def matrix_of(argument: str, column: Any) -> np.ndarray:
    """Read a column of lists as an array (n, d).

    Raises:
        InputError: rows without a list, or lists of different lengths; the first such row is named.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if column.null_count:
        first = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise bad(argument, f"{column.null_count} rows without a list (first: row {first})", "a list in each row")
    if pa.types.is_fixed_size_list(column.type):
        widths = np.full(len(column), column.type.list_size)
    else:
        widths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    if len(widths) and (widths != widths[0]).any():
        row = int(np.flatnonzero(widths != widths[0])[0])
        got = f"lists of different lengths ({widths[0]} in row 0, {widths[row]} in row {row})"
        raise bad(argument, got, "lists of one length")
    values = column.flatten()
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_boolean(values.type)):
        raise bad(argument, f"lists of {values.type}", "lists of numbers")
    if values.null_count:
        row = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0]) // max(int(widths[0]), 1)
        raise bad(argument, f"{values.null_count} gaps in its lists (first: row {row})", "a number in each place")
    width = int(widths[0]) if len(widths) else getattr(column.type, "list_size", 0)
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(len(column), width)


def is_list(kind: Any) -> bool:
    """Whether a type is one of Arrow's lists."""
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def plain_column(argument: str, column: Any) -> np.ndarray:
    """A further column: lists of numbers of one length as (n, k), everything else as `as_column` gives it."""
    return matrix_of(argument, column) if is_list(column.type) else as_column(argument, column_of(argument, column))
