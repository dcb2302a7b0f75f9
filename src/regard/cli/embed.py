"""`regard embed`: images to vectors."""

from pathlib import Path
from typing import Annotated

import typer

from ._out import say
from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, With, emit


def embed(
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="A folder, a table, or builtin:NAME.")],
    out: Annotated[Path, typer.Option("--out", help="The .parquet or .npz file to write.")],
    with_: With = "imagenet",
    layer: Annotated[str | None, typer.Option(help="Average this map or layer: its place, or its name.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Images a call of the network.")] = 8,
    shard: Annotated[str, typer.Option(metavar="I/N", help="Only every N-th image, from the I-th on.")] = "0/1",
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Compute every vector again.")] = False,
    precision: Precision = "auto",
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn images into vectors, in one file.

    Vectors are kept by content: a run that was stopped goes on where it was, and an image that was embedded before
    is only read again. Images that cannot be read are set aside and named. Memory does not grow with the number of
    images when the file is a .parquet.
    """
    from ..core.checks import check_output
    from ..core.runtime import peak_mib
    from ..representation.embed import embed_to_file

    check_output("--out", out, ".parquet", ".npz")
    card = embed_to_file(
        images,
        with_,
        out,
        layer=layer,
        batch=batch,
        shard=_shard(shard),
        cache=not no_cache,
        precision=precision,
        device=device,
        watch=watcher("embed", quiet=quiet),
    )
    seconds = card["cost"]["seconds"]
    rate = card["images"] / max(seconds, 1e-9)
    metrics = {
        "images": card["images"],
        "set_aside": len(card["set_aside"]),
        "from_cache": card["from_cache"],
        "seconds": seconds,
        "images_per_second": round(rate, 2),
        "peak_mib": round(peak_mib(), 1),
    }

    def human() -> None:
        say(f"{card['images']} images to {out} in {seconds:.1f} s ({rate:.0f} images/s, {card['runner']})")
        if card["from_cache"]:
            say(f"{card['from_cache']} of them were embedded before")
        for fault in card["set_aside"][:20]:
            say(f"set aside: {fault['path']}: {fault['cause']}")
        if len(card["set_aside"]) > 20:
            say(f"... and {len(card['set_aside']) - 20} more; --json names all")

    emit({**card, "out": out, "metrics": metrics}, json, human)


def _shard(text: str) -> tuple[int, int]:
    from ..core.checks import bad

    first, _, second = text.partition("/")
    if not (first.isdigit() and second.isdigit()):
        raise bad("--shard", repr(text), "I/N, two whole numbers", "For the first of four shards: --shard 0/4.")
    return int(first), int(second)
