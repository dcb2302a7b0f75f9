"""`regard index`: a collection that can be searched."""

from pathlib import Path
from typing import Annotated

import typer

from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, emit


def index(
    images: Annotated[str, typer.Argument(metavar="IMAGES", help="Images, or an embeddings file.")],
    out: Annotated[Path, typer.Option("--out", help="The index's folder.")],
    with_: Annotated[
        str | None,
        typer.Option("--with", metavar="REP", help="The representation.", show_default="imagenet, or the index's own"),
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Add to the index that is there; same files are replaced.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="With --add: same ids are replaced, even by other files.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take these images out of the index.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the index that is there.")] = False,
    precision: Precision = "auto",
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a collection that can be searched by image, or add images to one.

    The collection keeps ids, paths, labels and vectors in one table that survives a kill and several writers. Vectors
    are kept by content besides, so that adding to a folder and indexing it again computes the new images only.
    """
    from ..core.checks import InputError
    from ..core.runtime import measured
    from ..representation.sources import is_vectors, load_vectors
    from ..reuse.search.index import SearchIndex

    if add + remove + overwrite > 1:
        raise InputError("--add, --remove, --overwrite: expected one of the three, got several.")
    if replace and not add:
        raise InputError("--replace: expected --add beside it, got none. A whole index is replaced with --overwrite.")
    new = replaced = removed = 0
    with measured() as cost:
        if remove:
            from ..data.sources import open_images
            from ..representation.embeddings import Embeddings

            there = SearchIndex.open(out)
            ids = Embeddings.load(images).ids if is_vectors(images) else open_images(images).ids
            removed = there.remove([str(name) for name in ids])
        else:
            known = SearchIndex.open(out) if add else None
            chosen = with_ or (str(known.card.get("loaded_from") or "imagenet") if known else "imagenet")
            watch = watcher("embed", quiet=quiet)
            vectors = load_vectors(images, chosen, argument="IMAGES", precision=precision, device=device, watch=watch)
            if known is not None:
                there = known
                new, replaced = there.add(vectors, replace=replace)
            else:
                there, new = SearchIndex.create(out, vectors, overwrite=overwrite), len(vectors)
        if add or remove:
            there.maintain()
    aside = [] if remove else list(vectors.card.get("set_aside", ()))
    metrics = {
        "images": len(there),
        "new": new,
        "replaced": replaced,
        "removed": removed,
        "set_aside": len(aside),
        "seconds": cost.seconds,
    }

    def human() -> None:
        print(f"{out}: {len(there)} images ({new} new, {replaced} replaced, {removed} removed)")
        for fault in aside[:20]:
            print(f"set aside: {fault['path']}: {fault['cause']}")

    emit({"out": out, "set_aside": aside, "metrics": metrics}, json, human)
