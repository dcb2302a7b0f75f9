"""Tables from disk as columns, every value as the file has it: numbers are made of text only where nothing is lost."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..core.arrow import column_of, read_table
from ..core.checks import InputError, bad
from ..core.values import EXACT, as_column, is_gap, tidy
from ._files import shown
from .encoded import Encoded, class_names, picture_column

LONGEST, PIECES = 2**20, 32  # characters of a line that are held, and of so many pieces a line is one at most
_WHOLE = re.compile(r"-?(?:0|[1-9]\d*)")  # not 007, which is a name
_NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|-?inf|nan|NaN")
_TRUTH = {"true": True, "false": False}

Pictures = tuple[Encoded, np.ndarray]  # what lies in the table itself, and the names that it gives


def read_text(file: Path, argument: str, aside: list[dict[str, str]]) -> tuple[dict[str, Any], None]:
    """The columns of a CSV or TSV file in UTF-8; comma, semicolon or tab, whichever the header has most of.

    Only an empty field is a missing one: a class may be named NA or null. A line with a field of over 131,072
    characters is set aside.

    Raises:
        InputError: another encoding, no header, or a row of another length than the header.
    """
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            header = lines.readline(LONGEST)
            lines.seek(0)
            delimiter = "\t" if file.suffix.lower() == ".tsv" else max(",;\t", key=header.count)
            spaced = f"{delimiter} " in header
            rows = csv.reader(_lines(lines), delimiter=delimiter, skipinitialspace=spaced, strict=True)
            names = next(rows, [])
            if not names:
                raise csv.Error("it is empty")
            columns: list[list[str]] = [[] for _ in names]
            while True:
                try:
                    if (row := next(rows, None)) is None:
                        break
                except csv.Error as error:
                    if "field limit" not in str(error):
                        raise
                    # what is left of the line is passed over with it
                    aside.append({"path": f"{file.name}, line {rows.line_num}", "cause": "an endless value"})
                    continue
                if not row:
                    continue
                if len(row) != len(names):
                    raise csv.Error(f"{len(row)} fields in line {rows.line_num}, {len(names)} in the header")
                for column, value in zip(columns, row):
                    column.append(value)
    except (csv.Error, UnicodeDecodeError, OSError, MemoryError) as error:
        raise bad(argument, repr(str(file)), "a CSV or TSV table in UTF-8", f"It cannot be read: {error}") from None
    _once(names, file, argument)
    return dict(zip(names, columns)), None


def _lines(file: TextIO) -> Iterator[str]:
    """Lines one by one; of a very long one the begin, which is refused as a value, and the rest passed over."""
    while line := file.readline(LONGEST):
        if len(line) == LONGEST and not line.endswith("\n"):
            for _ in range(PIECES):
                if not (rest := file.readline(LONGEST)) or rest.endswith("\n"):
                    break
            else:
                raise csv.Error(f"a line of more than {PIECES * LONGEST:,} characters")
            line += "\n"
        yield line


def read_parquet(file: Path, argument: str, aside: list[dict[str, str]]) -> tuple[dict[str, Any], Pictures | None]:
    """The columns of a Parquet file, and the pictures in it where it has some and no column `path`.

    Whole numbers become names where Hugging Face's metadata say which; -1 is a gap there. Beside pictures, columns of
    lists and structs are left out: they describe objects in a picture. Elsewhere they are refused.

    Raises:
        InputError: not a Parquet file, a file of embeddings, or a column of lists or mappings.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        schema = parquet.read_schema(file)
        _once(schema.names, file, argument)
        paths = any(name.strip().casefold() == "path" for name in schema.names)
        if "vectors" in schema.names and not paths:
            raise bad(
                argument, f"{file.name!r}, a file of embeddings", "images", "Name the images they were made from."
            )
        column = picture_column(schema)
        pictured = column is not None and not paths
        wanted = [name for name in schema.names if name not in ("vectors", column)]
        if pictured:
            wanted = [name for name in wanted if not pa.types.is_nested(schema.field(name).type)]
        table = read_table(argument, file, wanted)
        pictures = _pictures(file, schema, str(column)) if pictured else None
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        raise bad(argument, repr(str(file)), "a Parquet table", f"It cannot be read: {error}") from None
    classes = class_names(schema)
    raw: dict[str, Any] = {}
    for name in wanted:
        called = f"{argument}: the column {name!r} of {file.name!r}"
        try:
            raw[name] = column_of(called, table.column(name))
        except UnicodeDecodeError:
            # bytes that are no text stand for themselves, as in names of files, so that they cost their rows alone
            texts = table.column(name).combine_chunks()
            texts = texts.dictionary_decode() if pa.types.is_dictionary(texts.type) else texts
            some = texts.cast(pa.large_binary()).to_pylist()
            raw[name] = [one if one is None else one.decode("utf-8", "surrogateescape") for one in some]
        if name in classes:
            raw[name] = _names_of(raw[name], classes[name], f"{argument}: {name}")
    return raw, pictures


def typed(argument: str, values: list[str]) -> np.ndarray:
    """A column of text as numbers or truth values, where all are and nothing is lost by it; else the text.

    >>> typed("n", ["1", "", "2"]).tolist(), typed("n", ["007", "7"]).tolist()
    ([1.0, nan, 2.0], ['007', '7'])
    >>> typed("n", ["1.50", "2.0"]).tolist(), typed("n", ["1.10", "1.1"]).tolist()
    ([1.5, 2.0], ['1.10', '1.1'])
    """
    stripped = [value.strip() for value in values]
    there = [value for value in stripped if value]
    if not there:
        return np.full(len(values), np.nan)
    if len(there) == len(values) and all(value.lower() in _TRUTH for value in there):
        return np.array([_TRUTH[value.lower()] for value in there])
    if not all(map(_NUMBER.fullmatch, there)):
        return np.array(values, dtype=np.str_)
    whole = [int(value) for value in there if _WHOLE.fullmatch(value)]
    if len(whole) == len(there):
        return as_column(argument, [int(value) if value else None for value in stripped])
    if any(abs(value) > EXACT for value in whole):
        return np.array(values, dtype=np.str_)
    numbers = np.array([float(value) if value else np.nan for value in stripped])
    known = numbers[~np.isnan(numbers)]
    different = {tidy(value) for value in there if value.lower() != "nan"}
    too_large = np.isinf(known).any() and not any(value.endswith("inf") for value in there)
    if len(np.unique(known)) < len(different) or too_large:
        return np.array(values, dtype=np.str_)  # 1.10 and 1.1, 1e3 and 1000: codes that numbers would make one
    return numbers


def _pictures(file: Path, schema: Any, column: str) -> Pictures:
    import pyarrow as pa
    from pyarrow import parquet

    items = Encoded.open(file, column)
    if not pa.types.is_struct(schema.field(column).type):
        return items, np.full(len(items), "")
    rows = parquet.ParquetFile(file).read(columns=[f"{column}.path"]).column(0)
    names = (name.decode("utf-8", "surrogateescape") for name in _bytes_of(rows))
    return items, np.array([shown(name) for name in names], dtype=np.str_)


def _bytes_of(rows: Any) -> list[bytes]:
    """The names in a column of structs `path`, (n,), as bytes: they may be no text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pc.struct_field(rows, "path")
    return [name or b"" for name in names.cast(pa.large_binary()).to_pylist()]


def _names_of(codes: np.ndarray, names: list[str], argument: str) -> np.ndarray:
    found = []
    for code in codes.tolist():
        if not is_gap(code) and not -1 <= int(code) < len(names):
            raise bad(argument, f"class {code}", f"whole numbers from 0 to {len(names) - 1}, or -1")
        found.append("" if is_gap(code) or code < 0 else names[int(code)])
    return np.array(found, dtype=np.str_)


def _once(names: list[str], file: Path, argument: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise bad(argument, f"the column {twice[0]!r} twice in {file.name!r}", "a different name for each column")
