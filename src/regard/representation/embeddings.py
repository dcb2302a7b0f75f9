"""Vectors with their ids, labels and card: what every verb after `embed` works on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import bad, check_labels, check_matrix, check_path
from ..core.storage import plain, replacing

SUFFIXES = (".npz", ".parquet")
_NAMED = ("vectors", "ids", "labels")
RESERVED = (*_NAMED, "card", "file", "allow_pickle")  # what a file of embeddings or numpy's writer means by itself


@dataclass(frozen=True)
class Embeddings:
    """n vectors of one representation.

    Attributes:
        vectors: (n, d) float32, finite.
        ids: (n,) text, unique.
        labels: (n,) text, or None.
        card: how they were made: representation, fingerprint, precision, images set aside ...
        columns: further columns of length n, such as `domain`, `identity`, `split`, `path`.
    """

    vectors: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None = None
    card: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        vectors = check_matrix("vectors", self.vectors, min_rows=0).astype(np.float32, copy=False)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "ids", np.asarray(self.ids).astype(np.str_))
        if len(self.ids) != len(vectors) or any(len(column) != len(vectors) for column in self.columns.values()):
            raise bad("ids and columns", "other lengths", f"one value for each of the {len(vectors)} vectors")
        check_columns(self.columns)
        if len(np.unique(self.ids)) != len(self.ids):
            raise bad("ids", "ids given twice", "a different id for each vector")
        if self.labels is not None:
            object.__setattr__(self, "labels", check_labels("labels", self.labels, len(vectors)).astype(np.str_))

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    def need_labels(self, argument: str, min_classes: int = 2) -> np.ndarray:
        """Return the labels, or say that they are needed and how to give them."""
        if self.labels is None:
            raise bad(
                argument,
                "vectors without labels",
                "labels",
                "Embed class folders or a table with a `label` column, or add `labels` (n,) to the file.",
            )
        return check_labels(argument, self.labels, len(self), min_classes=min_classes)

    def subset(self, index: Any) -> "Embeddings":
        """The rows at `index` (whole numbers or a mask), in that order."""
        rows = np.arange(len(self))[index]
        return Embeddings(
            self.vectors[rows],
            self.ids[rows],
            None if self.labels is None else self.labels[rows],
            self.card,
            {key: column[rows] for key, column in self.columns.items()},
        )

    def save(self, path: str | Path) -> Path:
        """Write `.npz` or `.parquet` with `vectors`, `ids`, `labels`, the columns and the card, whole or not at all."""
        path = Path(path)
        _check_suffix("out", path)
        with replacing(path) as beside:
            if path.suffix == ".parquet":
                import pyarrow.parquet as pq

                pq.write_table(self.as_table(), beside)
            else:
                arrays = {"vectors": self.vectors, "ids": self.ids, **self.columns}
                if self.labels is not None:
                    arrays["labels"] = self.labels
                with open(beside, "wb") as file:
                    plain_arrays: Any = {key: _without_objects(value) for key, value in arrays.items()}
                    np.savez(file, card=np.array(json.dumps(plain(self.card))), **plain_arrays)
        return path

    def as_table(self) -> Any:
        """An Arrow table: `id`s as text, `vectors` as lists of fixed length, the card in the schema's metadata."""
        import pyarrow as pa

        flat = pa.array(np.ascontiguousarray(self.vectors).reshape(-1))
        columns = {"ids": pa.array(self.ids.tolist(), pa.string())}
        columns["vectors"] = pa.FixedSizeListArray.from_arrays(flat, self.dim)
        if self.labels is not None:
            columns["labels"] = pa.array(self.labels.tolist(), pa.string())
        columns |= {key: pa.array(np.asarray(column).tolist()) for key, column in self.columns.items()}
        return pa.table(columns).replace_schema_metadata({"regard": json.dumps(plain(self.card))})

    @staticmethod
    def load(path: str | Path) -> "Embeddings":
        """Read a file of embeddings, from here or from anywhere.

        Raises:
            InputError: no such file, another format, no `vectors` (n, d) or `ids` (n,), NaN, lengths that differ.
        """
        path = check_path("embeddings", path, folder=False)
        _check_suffix("embeddings", path)
        arrays, card = _load_parquet(path) if path.suffix == ".parquet" else _load_npz(path)
        missing = [name for name in ("vectors", "ids") if name not in arrays]
        if missing:
            raise bad(
                str(path),
                f"columns {', '.join(sorted(arrays)) or '(none)'}",
                f"`{missing[0]}` among its columns",
                "An embeddings file holds `vectors` (n, d), `ids` (n,) and, where known, `labels` (n,).",
            )
        columns = {key: value for key, value in arrays.items() if key not in _NAMED}
        return Embeddings(arrays["vectors"], arrays["ids"], arrays.get("labels"), card, columns)


def check_columns(names: Any) -> None:
    """Refuse columns whose names a file of embeddings needs for itself."""
    taken = [name for name in names if name in RESERVED]
    if taken:
        raise bad("columns", f"a column {taken[0]!r}", "another name", f"Taken are {', '.join(RESERVED)}.")


def _without_objects(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return array.astype(np.str_) if array.dtype == object else array


def _check_suffix(argument: str, path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise bad(argument, repr(path.name), "a file that ends in .npz or .parquet")


def _load_npz(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except Exception as error:  # zip, header and pickle errors alike
        raise bad(str(path), f"a file that cannot be read ({error})", "an .npz archive of plain arrays") from error
    card = arrays.pop("card", None)
    return arrays, json.loads(str(card)) if card is not None else {}


def _load_parquet(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise bad(str(path), f"a file that cannot be read ({error})", "a Parquet file") from error
    arrays: dict[str, np.ndarray] = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
            lengths = {len(row) for row in column[:1]} | (set() if not len(column) else {len(column[-1])})
            width = next(iter(lengths), 0)
            values = column.flatten().to_numpy(zero_copy_only=False)
            if width * len(column) != len(values):
                raise bad(f"{path}: {name}", "lists of different lengths", "vectors of one length")
            arrays[name] = values.reshape(len(column), width)
        elif name == "labels" and column.null_count == len(column):
            continue
        else:
            arrays[name] = np.array(column.to_pylist())
    metadata = (pq.read_metadata(path).metadata or {}).get(b"regard")
    return arrays, json.loads(metadata) if metadata else {}
