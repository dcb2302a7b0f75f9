"""Images to vectors, fast: decoding and preprocessing in threads, the network beside them, memory constant.

Threads, not worker processes: decoders give up Python's lock, one process needs no copies and cannot hang in a fork.
On a CPU the network runs in OpenVINO (`runner.py`).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.checks import bad
from ..core.events import Event
from ..core.runtime import measured
from ..core.storage import plain, replacing
from ..data.imageset import ImageSet
from .embeddings import Embeddings
from .int8 import Chosen
from .pipeline import Images, Piece, Pipeline, open_pipeline
from .runner import LayerName
from .vector_files import COLUMNS

if TYPE_CHECKING:
    from .representation import Representation

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetWriter

ROW_GROUP = 1024  # vectors held before they go to the Parquet file
Watch = Callable[[Iterable[Event]], Iterable[Event]]


def embed(
    images: Images,
    representation: "Representation | str | Path" = "imagenet",
    *,
    layer: LayerName = None,
    precision: str | Chosen = "auto",
    device: str = "auto",
    batch: int = 8,
    cache: bool = True,
    shard: tuple[int, int] = (0, 1),
    watch: Watch | None = None,
) -> Embeddings:
    """Embed images with a representation: one pass, O(n).

    Vectors are kept by content hash, so that what was embedded once (by an interrupted run, say) is not computed
    again. A picture that cannot be read, or of which every pixel is transparent, is set aside with its cause, and the
    run goes on. One of a single colour, or laid on black or grey for being white on nothing, is told of in the card's
    `notes`.

    Args:
        images: an `ImageSet`, a folder, a table, `builtin:NAME`, or a list of paths and arrays.
        representation: a `Representation`, or its name or folder.
        layer: average this map instead of taking the pooled vector: its place among the maps, or the name of a layer
            (`layer3.1`, `blocks.11`, `conv5`; see `Encoder.layer`).
        precision: auto | bf16 | fp32 (exact) | int8 (calibrated on these images) | int8:NAME (as it was for others);
            auto is bf16 on a CPU or card that has it. Or what `int8.settle` gave.
        device: auto | cpu | cuda | mps.
        batch: images a call of the network.
        cache: look vectors up in, and add them to, the cache folder.
        shard: (i, n) embeds every n-th image from the i-th on, for a run spread over machines.
        watch: wraps the stream of progress events, as a progress bar does.

    Returns:
        The embeddings, with the ids, labels and columns of the images, and a card.

    Raises:
        InputError: no images, none that can be read, unknown names.
    """
    pipeline = open_pipeline(
        images,
        representation,
        layer=layer,
        precision=precision,
        device=device,
        batch=batch,
        cache=cache,
        shard=shard,
        watch=watch,
    )
    with measured() as cost:
        pieces = list(_watched(pipeline, watch))
    kept = pipeline.images.subset(np.concatenate([piece.rows for piece in pieces]))
    vectors = np.concatenate([piece.vectors for piece in pieces])
    card = pipeline.card(len(vectors)) | {"cost": cost.as_dict()}
    return Embeddings(vectors, kept.ids, kept.labels, card, _columns(kept))


def embed_to_file(
    images: Images,
    representation: "Representation | str | Path",
    out: str | Path,
    *,
    watch: Watch | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Embed images into a `.parquet` file as the vectors come, so that memory stays the same for any number.

    Takes the settings of `embed`; `.npz`, which cannot be written in pieces, is held in memory. The file appears
    when it is whole. Returns the card, with `images`, `seconds` and `images_per_second`.
    """
    target = Path(out)
    if target.suffix not in (".npz", ".parquet"):
        raise bad("--out", repr(target.name), "a file that ends in .parquet or .npz")
    if target.suffix == ".npz":
        made = embed(images, representation, watch=watch, **more)
        made.save(target)
        seconds = float(made.card["cost"]["seconds"])
        return dict(made.card) | {"seconds": seconds, "images_per_second": len(made) / max(seconds, 1e-9)}
    pipeline = open_pipeline(images, representation, watch=watch, **more)
    with measured() as cost, replacing(target) as beside:
        card = _write_parquet(pipeline, _watched(pipeline, watch), beside)
    rate = card["images"] / max(cost.seconds, 1e-9)
    return card | {"cost": cost.as_dict(), "seconds": cost.seconds, "images_per_second": rate}


def _watched(pipeline: Pipeline, watch: Watch | None) -> Iterator[Piece]:
    if watch is None:
        yield from pipeline
        return
    handed: list[Piece] = []
    total = len(pipeline.images)

    def events() -> Iterator[Event]:
        for piece in pipeline:
            handed.append(piece)
            yield Event("embed", piece.through, total)
        for text in pipeline.sentences():
            yield Event("note", text=text)
        yield Event("done", total, total)

    for _ in watch(events()):
        yield from handed
        handed.clear()


def _columns(images: ImageSet) -> dict[str, np.ndarray]:
    return {"path": images.paths} | dict(images.columns)


def _write_parquet(pipeline: Pipeline, pieces: Iterator[Piece], path: Path) -> dict[str, Any]:
    """Write row groups as the vectors come; the card, known at the end, goes into the file's last bytes."""
    import pyarrow.parquet as pq

    writer: ParquetWriter | None = None
    written = 0
    try:
        for rows, vectors in _grouped(pieces):
            part = pipeline.images.subset(rows)
            table = Embeddings(vectors, part.ids, part.labels, {}, _columns(part)).as_table()
            writer = writer or pq.ParquetWriter(
                path, table.schema.remove_metadata(), compression="none", write_page_checksum=True
            )
            writer.write_table(table.replace_schema_metadata(None))
            written += len(rows)
        card = pipeline.card(written)
        if writer is not None:  # a pipeline without vectors raises
            writer.add_key_value_metadata({"regard": json.dumps(plain(card)), COLUMNS: json.dumps(table.column_names)})
    finally:
        if writer is not None:
            writer.close()
    return card


def _grouped(pieces: Iterator[Piece]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    waiting: list[Piece] = []
    for piece in pieces:
        waiting.append(piece)
        if sum(len(p.rows) for p in waiting) >= ROW_GROUP:
            yield np.concatenate([p.rows for p in waiting]), np.concatenate([p.vectors for p in waiting])
            waiting = []
    if waiting:
        yield np.concatenate([p.rows for p in waiting]), np.concatenate([p.vectors for p in waiting])
