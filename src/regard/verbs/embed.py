"""`regard.embed`: images to vectors."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.checks import bad, check_output
from ..core.runtime import peak_mib
from ..report.html import Table
from ..representation.embed import embed as run
from ..representation.embed import embed_to_file
from ..representation.embeddings import Embeddings
from ._given import Rep, given_images, told_aside
from ._result import Progress, Result, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Embedded(Result):
    """Images as vectors.

    Attributes:
        card: how they were made: representation, fingerprint, precision, cost ...
        out: the file, or None where the vectors stay in memory.
    """

    verb: ClassVar[str] = "embed"
    card: Mapping[str, Any]
    out: Path | None
    held: Embeddings | None = field(default=None)

    @cached_property
    def embeddings(self) -> Embeddings:
        """The vectors with ids, labels and columns; read from the file, where there is one."""
        if self.held is not None:
            return self.held
        assert self.out is not None  # the verb writes a file, or holds the vectors
        return Embeddings.load(self.out)

    @property
    def vectors(self) -> np.ndarray:
        """(n, d) float32."""
        return self.embeddings.vectors

    @property
    def ids(self) -> np.ndarray:
        """(n,) of the images that could be read."""
        return self.embeddings.ids

    @property
    def labels(self) -> np.ndarray | None:
        """(n,), or None where the images have none."""
        return self.embeddings.labels

    def told(self) -> Mapping[str, object]:
        """The card."""
        return {**self.card, "out": self.out}

    def shown(self) -> Iterator[str | Table]:
        """How many, where to, how fast, and what was set aside."""
        card, seconds = self.card, self.card["cost"]["seconds"]
        rate = card["images"] / max(seconds, 1e-9)
        where = "vectors in memory" if self.out is None else self.out
        yield f"{card['images']} images to {where} in {seconds:.1f} s ({rate:.0f} images/s, {card['runner']})"
        if card["from_cache"]:
            yield f"{card['from_cache']} of them were embedded before"
        yield from told_aside(card["set_aside"], "--json")

    def rows(self) -> Table:
        """A row for each image: its id, its label and columns, and its vector."""
        made = self.embeddings
        labels = {} if made.labels is None else {"label": made.labels.tolist()}
        columns = {"id": made.ids.tolist(), **labels, **{key: list(one) for key, one in made.columns.items()}}
        return Table([*columns, "vector"], list(zip(*columns.values(), list(made.vectors))))


def _also_as_before(function: Callable[..., Embedded]) -> Callable[..., Embedded]:
    """The representation may come second, and `cache=False` is `no_cache=True`, as in earlier versions."""

    @wraps(function)
    def run(images: object, *second: Any, cache: bool | None = None, **given: Any) -> Embedded:
        if len(second) > 1 or (second and "with_" in given):
            raise TypeError("embed() takes images, and then at most the representation, by place")
        given |= {"with_": second[0]} if second else {}
        return function(images, **given | ({} if cache is None else {"no_cache": not cache}))

    return run


@_also_as_before
@verb
def embed(
    images: object,
    *,
    out: str | Path | None = None,
    with_: Rep = "imagenet",
    layer: int | str | None = None,
    batch: int = 8,
    shard: str | tuple[int, int] = "0/1",
    no_cache: bool = False,
    precision: str = "auto",
    device: str = "auto",
    progress: Progress | None = None,
) -> Embedded:
    """Turn images into vectors: in one file, or in memory.

    Vectors are kept by content: a run that was stopped goes on where it was, and an image that was embedded before is
    only read again. Images that cannot be read are set aside and named. Memory does not grow with the number of images
    when the file is a .parquet.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet`, a list of paths or arrays, or (X, y) of images and
            labels. It does not take vectors.
        out: the .parquet or .npz file to write; None, which the command line does not have, keeps them in memory.
        with_: the representation (`--with`): a name, a folder, or a `Representation`.
        layer: average this map or layer instead of the pooled vector: its place, or its name (as `NAME@LAYER`).
        batch: images a call of the network.
        shard: "I/N" or (i, n): only every n-th image, from the i-th on.
        no_cache: compute every vector again.
        precision: auto | fp32 (exact) | bf16 | int8.
        device: auto | cpu | cuda | cuda:N | mps.
        progress: shows the stream of events; see `regard.verbs._result.Progress`.

    Raises:
        InputError: no images, none that can be read, unknown names, a file that cannot be written.
    """
    watch = watch_of(progress, "embed")
    if out is not None:
        check_output("--out", out, ".parquet", ".npz")
    options: dict[str, Any] = {
        "layer": layer,
        "batch": batch,
        "shard": _shard(shard),
        "cache": not no_cache,
        "precision": precision,
        "device": device,
        "watch": watch,
    }
    given, held = given_images("IMAGES", images), None
    if out is not None:
        card = embed_to_file(given, with_, out, **options)
    else:
        held = run(given, with_, **options)
        card = dict(held.card)
    seconds = card["cost"]["seconds"]
    metrics = {
        "images": card["images"],
        "set_aside": len(card["set_aside"]),
        "from_cache": card["from_cache"],
        "seconds": seconds,
        "images_per_second": round(card["images"] / max(seconds, 1e-9), 2),
        "peak_mib": round(peak_mib(), 1),
    }
    aside, notes = card["set_aside"], card.get("notes", ())
    where = None if out is None else Path(out)
    return Embedded(card=card, out=where, held=held, metrics=metrics, set_aside=aside, notes=notes)


def _shard(given: str | tuple[int, int]) -> tuple[int, int]:
    if not isinstance(given, str):
        return given
    first, _, second = given.partition("/")
    if not (first.isdigit() and second.isdigit()):
        raise bad("--shard", repr(given), "I/N, two whole numbers", "For the first of four shards: --shard 0/4.")
    return int(first), int(second)
