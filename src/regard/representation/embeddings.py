"""Vectors with their ids, labels and card: what every verb after `embed` works on."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.checks import bad, check_labels, check_matrix, check_path
from ..core.storage import plain, replacing
from ..core.values import as_column, as_text, label_texts
from .vector_files import COLUMNS, load_npz, load_parquet

SUFFIXES = (".npz", ".parquet")
_NAMED = ("vectors", "ids", "labels")
RESERVED = (*_NAMED, "card", "file", "allow_pickle")  # what a file of embeddings or numpy's writer means by itself


@dataclass(frozen=True)
class Embeddings:
    """n vectors of one representation.

    Attributes:
        vectors: (n, d) float32, finite.
        ids: (n,) text, unique.
        labels: (n,) text as `core.values.tidy` writes it (1.0 is 1, names in NFC without spaces around), or None.
        card: how they were made: representation, fingerprint, precision, images set aside ...
        columns: further columns of length n, such as `domain`, `identity`, `split`, `path`.
    """

    vectors: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None = None
    card: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        vectors = _float32(check_matrix("vectors", self.vectors, min_rows=0))
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "ids", as_text("ids", self.ids, tidied=False))
        object.__setattr__(self, "columns", {key: as_column(key, value) for key, value in self.columns.items()})
        if len(self.ids) != len(vectors) or any(len(column) != len(vectors) for column in self.columns.values()):
            raise bad("ids and columns", "other lengths", f"one value for each of the {len(vectors)} vectors")
        nameless = int((self.ids == "").sum())
        if nameless:
            raise bad("ids", f"{nameless} of {len(vectors)} vectors without an id", "an id for each vector")
        check_columns(self.columns)
        if len(np.unique(self.ids)) != len(self.ids):
            raise bad("ids", "ids given twice", "a different id for each vector")
        if self.labels is not None:
            object.__setattr__(self, "labels", label_texts("labels", self.labels, len(vectors)))

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

    def subset(self, index: np.ndarray | Sequence[int] | slice) -> "Embeddings":
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

                pq.write_table(self.as_table(), beside, write_page_checksum=True)
            else:
                arrays = {"vectors": self.vectors, "ids": self.ids, **self.columns}
                if self.labels is not None:
                    arrays["labels"] = self.labels
                with open(beside, "wb") as file:
                    plain_arrays: Any = arrays
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
        return pa.table(columns).replace_schema_metadata(
            {"regard": json.dumps(plain(self.card)), COLUMNS: json.dumps(list(columns))}
        )

    @staticmethod
    def load(path: str | Path) -> "Embeddings":
        """Read a file of embeddings, from here or from anywhere.

        Raises:
            InputError: no such file, another format, no `vectors` (n, d) or `ids` (n,), NaN, lengths that differ,
            vectors that float32 cannot hold or tell apart, or that are no real numbers, missing ids or labels, values
            without a text.
        """
        path = check_path("embeddings", path, folder=False)
        _check_suffix("embeddings", path)
        arrays, card = load_parquet(path) if path.suffix == ".parquet" else load_npz(path)
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


def check_columns(names: Iterable[str]) -> None:
    """Refuse columns whose names a file of embeddings needs for itself."""
    taken = [name for name in names if name in RESERVED]
    if taken:
        raise bad("columns", f"a column {taken[0]!r}", "another name", f"Taken are {', '.join(RESERVED)}.")


def _float32(vectors: np.ndarray) -> np.ndarray:
    """Vectors in the type they are kept in; what float32 cannot hold is told, not made infinite."""
    if vectors.dtype == np.float32:
        return vectors
    with np.errstate(over="ignore"):
        small = vectors.astype(np.float32)
    wrong = ~np.isfinite(small).all(axis=1)
    if wrong.any():
        raise bad(
            "vectors",
            f"values above 3.4e38, too large for float32, in {int(wrong.sum())} of {len(small)} rows "
            f"(first: row {int(wrong.argmax())})",
            "numbers that float32 holds",
            "Scale the vectors.",
        )
    lost = _lost(vectors, small)
    if lost:
        raise bad(
            "vectors",
            f"numbers that float32, in which vectors are kept, cannot tell apart: {lost}",
            "numbers that float32 holds",
            "Scale the vectors, or subtract what all of them have in common.",
        )
    return small


def _lost(vectors: np.ndarray, small: np.ndarray) -> str:
    """What float32 (n, d) loses of vectors (n, d), in plain words; "" where it is only noise of the last digits.

    Lost are rows that become zero, rows that become equal though they differ by more than 1e-13 of their largest
    value (the noise of computing in float64 is below that), and vectors whose rounding (root mean square) is above 5 %
    of their spread about the mean.
    """
    gone = (vectors != 0).any(axis=1) & (small == 0).all(axis=1)
    if gone.any():
        return f"{int(gone.sum())} of {len(small)} rows become zero (first: row {int(gone.argmax())})"
    known: dict[bytes, int] = {}
    # -0 and 0 are one number
    first = np.array([known.setdefault(row.tobytes(), at) for at, row in enumerate(small + np.float32(0))], dtype=int)
    later = np.flatnonzero(first != np.arange(len(small)))
    apart = np.abs(vectors[later] - vectors[first[later]]).max(axis=1, initial=0)
    merged = later[apart > 1e-13 * np.abs(vectors[later]).max(axis=1, initial=0)]
    if len(merged):
        return f"{len(merged)} of {len(small)} rows become equal to others (first: row {int(merged[0])})"
    scale = float(np.abs(vectors).max(initial=0)) or 1.0  # so that no square overflows or vanishes
    spread = np.linalg.norm((vectors / scale) - (vectors / scale).mean(axis=0)) if len(vectors) else 0
    rounding = np.linalg.norm(vectors / scale - small / np.float64(scale))
    if spread > 1e-13 * np.sqrt(vectors.size) and rounding > 0.05 * spread:
        return "rounding moves them by more than 5 % of their spread"
    return ""


def _check_suffix(argument: str, path: Path) -> None:
    if path.suffix not in SUFFIXES:
        raise bad(argument, repr(path.name), "a file that ends in .npz or .parquet")
