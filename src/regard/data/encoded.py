"""Pictures that lie inside a Parquet file, as data sets of Hugging Face keep them: read when they are asked for.

A column of structs `bytes` and `path`, or of bytes. The file is read by row groups, of which as many are kept as fit
into 256 MB: in order, or in any order of a file that small, each group is read once.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, overload

import numpy as np

KEPT_BYTES = 256 * 2**20


class Encoded(Sequence[Any]):
    """The pictures of one column, (n,): the bytes of each as a file would hold them, or the path where it says one."""

    def __init__(self, groups: "_Groups", rows: np.ndarray) -> None:
        self._groups, self._rows = groups, rows

    @staticmethod
    def open(file: Path, column: str) -> "Encoded":
        """The pictures of a column of a Parquet file."""
        groups = _Groups(file, column)
        return Encoded(groups, np.arange(groups.starts[-1]))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> "Encoded": ...
    def __getitem__(self, place: int | slice) -> Any:
        """The bytes, or a path, of one picture; empty bytes where it holds neither that can be read."""
        if isinstance(place, slice):
            return self.take(place)
        return self._groups.picture(int(self._rows[place]))

    def take(self, rows: Any) -> "Encoded":
        """The pictures of some rows, none of which is read for it."""
        return Encoded(self._groups, self._rows[rows])


class _Groups:
    """Row groups of one file, the last used ones kept."""

    def __init__(self, file: Path, column: str) -> None:
        from pyarrow import parquet

        self._file, self._column = file, column
        self._parquet = parquet.ParquetFile(file)
        about = self._parquet.metadata
        sizes = [about.row_group(place).num_rows for place in range(about.num_row_groups)]
        self.starts = np.concatenate([[0], np.cumsum(sizes, dtype=int)]).astype(int)
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._lock = Lock()

    def picture(self, row: int) -> bytes | Path:
        """What one row holds."""
        import pyarrow as pa

        group = int(np.searchsorted(self.starts, row, side="right")) - 1
        try:
            value = self._group(group)[row - int(self.starts[group])]
            if not isinstance(value, pa.StructScalar):
                return value.as_py() or b""
            if value.is_valid and (content := value["bytes"].as_py()):
                return bytes(content)
            name = value["path"].as_py() if value.is_valid else None
        except (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError):
            return b""  # a damaged group or path costs its own pictures alone
        return self._file.parent / name if name else b""

    def _group(self, place: int) -> Any:
        with self._lock:
            if place not in self._kept:
                self._kept[place] = self._parquet.read_row_group(place, columns=[self._column]).column(0)
                while len(self._kept) > 1 and sum(one.nbytes for one in self._kept.values()) > KEPT_BYTES:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(place)
            return self._kept[place]


def picture_column(schema: Any) -> str | None:
    """The column of an Arrow schema that holds pictures: `image`, else the only one of its kind; None where none does.

    A column holds pictures if it is of structs of `bytes` and `path`, or of bytes and called image or img.
    """
    import pyarrow as pa

    def binary(kind: Any) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    found = []
    for field in schema:
        inside = {part.name: part.type for part in field.type} if pa.types.is_struct(field.type) else {}
        if set(inside) == {"bytes", "path"} and binary(inside["bytes"]):
            found.append(field.name)
        elif binary(field.type) and field.name.lower() in ("image", "img"):
            found.append(field.name)
    named = [name for name in found if name.lower() in ("image", "img")]
    return named[0] if named else found[0] if len(found) == 1 else None


def class_names(schema: Any) -> dict[str, list[str]]:
    """The names behind the whole numbers of a column, as Hugging Face notes them in the schema's metadata."""
    import json

    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: list(kind["names"]) for name, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (KeyError, TypeError, AttributeError, ValueError):
        return {}
