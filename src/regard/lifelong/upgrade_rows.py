"""Rows of an index with new vectors: all of them in a table beside, or some of them in their place."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..core.checks import InputError, RunError
from ..reuse.search.store.lance import ROWS_A_VERSION, LanceStore
from ..reuse.search.store.protocol import MARKS, dim_of, marked, metadata_of, schema_of, vectors_in
from .embedded_again import Again
from .translate import Translation


def fill(
    folder: Path,
    store: LanceStore,
    again: Again,
    translation: Translation | None,
    through: Callable[[np.ndarray], np.ndarray],
) -> int | None:
    """Write every row of a table into a new one in a folder, with its new vector. O(n d e), memory that of a piece.

    Args:
        folder: of the new table.
        store: the old table.
        again: the images that were embedded; the others are translated.
        translation: None where all were embedded.
        through: what old vectors go through before the translation.

    Returns:
        The version of the old table that was read; None where somebody wrote to it meanwhile.

    Raises:
        RunError: an image that was neither embedded nor can be translated, as it is new there.
    """
    dim = len(next(iter(again.vectors.values())))
    table = LanceStore.create(folder, marked(schema_of(dim, metadata_of(store.schema))))
    version, waiting, many = store.version, list[pa.Table](), 0
    for piece in store.pieces([name for name in table.schema.names if name not in MARKS]):
        waiting.append(_moved(table.schema, piece, again, translation, through))
        many += piece.num_rows
        if many >= ROWS_A_VERSION:
            table.upsert(pa.concat_tables(waiting))
            waiting, many = [], 0
    if waiting:
        table.upsert(pa.concat_tables(waiting))
    table.maintain()
    return version if store.version == version else None


def freshen(store: LanceStore, again: Again) -> int:
    """Give rows the vectors that were embedded for them, in their place, and say so; how many there were.

    Rows that were taken out meanwhile stay out, and those of other files now keep what they have.
    """
    rows = store.get(list(again.vectors))
    keep = [again.fits(*pair) for pair in zip(rows.column("id").to_pylist(), rows.column("content").to_pylist())]
    rows = rows.filter(pa.array(keep, pa.bool_()))
    if rows.num_rows:
        store.upsert(_moved(store.schema, rows, again, None))
    return int(rows.num_rows)


def _moved(
    schema: pa.Schema,
    rows: pa.Table,
    again: Again,
    translation: Translation | None,
    through: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> pa.Table:
    """The same rows with new vectors and marks."""
    ids, contents = rows.column("id").to_pylist(), rows.column("content").to_pylist()
    fresh = np.array([again.fits(name, content) for name, content in zip(ids, contents)], bool)
    old = vectors_in(rows)
    vectors, errors = np.zeros((len(ids), dim_of(schema)), np.float32), np.zeros(len(ids))
    if not fresh.all():
        if translation is None:
            raise RunError("index: images came to it while it was upgraded. Run the same command again.")
        given = through(old[~fresh])
        vectors[~fresh] = translation.apply(given)
        errors[~fresh] = translation.error_of(given)
        if not np.isfinite(vectors).all():
            raise InputError("INDEX: its vectors cannot be translated: NaN or infinity came out.")
    if fresh.any():
        vectors[fresh] = [again.vectors[name] for name, new in zip(ids, fresh) if new]
    made = {
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1]),
        "translated": pa.array(~fresh),
        "translation_error": pa.array(errors),
    }
    columns = [made[name] if name in made else rows.column(name) for name in schema.names]
    return pa.table(columns, schema=schema)
