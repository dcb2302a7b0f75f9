"""`regard index`: a collection that can be searched."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._out import say
from ._progress import watcher
from ._shared import Device, Json, Precision, Quiet, check_machine, emit
from ._stores import AllowHost


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
    update: Annotated[
        bool,
        typer.Option(
            "--update", help="Bring the index in step with IMAGES: new ones in, moved ones renamed, gone ones out."
        ),
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take these images out of the index.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the index that is there.")] = False,
    regions: Annotated[
        bool | None,
        typer.Option(
            "--regions/--no-regions",
            help="Keep vectors of parts of images besides, for `search --regions`; or keep them no more.",
            show_default="as the index is",
        ),
    ] = None,
    metric: Annotated[str, typer.Option(help="What is similar: cosine, product or euclidean.")] = "cosine",
    store: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Where the table goes: s3://BUCKET/NAME ..., or qdrant:https://HOST:6333/NAME.",
            show_default="INDEX itself",
        ),
    ] = "",
    tag: Annotated[
        str | None, typer.Option(help="Name what the index holds now, for `search --at`.", show_default=False)
    ] = None,
    allow_host: AllowHost = None,
    precision: Precision = "auto",
    device: Device = "auto",
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a collection that can be searched by image, or change one.

    The collection keeps ids, paths, labels and vectors in one table that survives a kill and several writers. Vectors
    are kept by content besides, so that adding to a folder and indexing it again computes the new images only.
    --update looks at all of IMAGES, embeds what is new or changed, and is gone on with where it was interrupted.
    """
    from ..core.checks import InputError, check_choice, check_output
    from ..core.runtime import measured
    from ..reuse.search.index.search_index import SearchIndex
    from ..reuse.search.nearest.metric import METRICS
    from ..reuse.search.regions.table import has_regions
    from ..reuse.search.store.allowed import origin_of

    if add + update + remove + overwrite > 1:
        raise InputError("--add, --update, --remove, --overwrite: expected one of them, got several.")
    if store and (add or update or remove or overwrite):
        raise InputError("--store: expected a new index; one that is there knows where its table is.")
    if replace and not add:
        raise InputError("--replace: expected --add beside it, got none. A whole index is replaced with --overwrite.")
    if not (add or update or remove):
        check_choice("--metric", metric, METRICS)
        if store:
            origin_of(store)  # refuses an address of no known form
    check_output("--out", out, folder=True)
    check_machine(device)
    options = {"precision": precision, "device": device}
    regions = True if regions is None and has_regions(out) else regions
    done: dict[str, int] = {}
    aside: list[dict[str, str]] = []
    notes: list[str] = []
    with measured() as cost:
        if update:
            there, done, aside, notes = _updated(images, out, with_, watcher("index", quiet=quiet), options, allow_host)
        elif remove:
            there = SearchIndex.open(out, allow_host=allow_host)
            done = {"removed": there.remove(_ids(images, there))}
        else:
            there, done, aside, notes = _added(
                images,
                out,
                with_,
                watcher("index", quiet=quiet),
                options,
                add,
                replace,
                overwrite,
                metric,
                store,
                allow_host,
            )
        if add or update or remove:
            there.maintain()
        parts = _regions(there, with_, regions, watcher("regions", quiet=quiet), options)
        aside = aside + [fault for fault in (parts.set_aside if parts else ()) if fault not in aside]
        if tag is not None:
            there.tag(tag)
    names = ("new", "changed", "moved", "copied", "replaced", "removed", "unchanged", "relabelled")
    metrics = {
        "images": len(there),
        **{name: done.get(name, 0) for name in names},
        "with_regions": parts.images if parts else 0,
        "set_aside": len(aside),
        "seconds": cost.seconds,
    }

    def human() -> None:
        told = ", ".join(f"{done[name]} {name}" for name in names if name in done)
        say(f"{out}: {len(there)} images ({told})")
        if parts:
            told = f"{parts.embedded} new, {parts.carried} carried over, {parts.removed} removed"
            say(f"regions of {parts.images} images ({told})")
            if parts.note:
                say(f"note: {parts.note}")
        for note in notes:
            say(f"note: {note}")
        for fault in aside[:20]:
            say(f"set aside: {fault['path']}: {fault['cause']}")

    emit({"out": out, "set_aside": aside, "notes": notes, "metrics": metrics}, json, human)


def _regions(there: Any, with_: str | None, wanted: bool | None, watch: Any, options: dict[str, Any]) -> Any:
    """Bring the regions in step with the index where they are wanted; what that did, or None."""
    from ..reuse.search.regions.step import in_step
    from ..reuse.search.regions.table import drop

    if wanted is False:
        drop(there.folder)
        return None
    return in_step(there, with_, watch=watch, **options) if wanted else None


def _ids(images: str, there: Any) -> list[str]:
    """The ids that the index has for the images that are named."""
    from ..data.sources import open_images
    from ..representation.embeddings import Embeddings
    from ..representation.sources import is_vectors
    from ..reuse.search.index.contents import facts_of
    from ..reuse.search.index.same_files import to_remove

    if is_vectors(images):
        return [str(name) for name in Embeddings.load(images).ids]
    opened = open_images(images)
    paths = [str(item.absolute()) if isinstance(item, Path) else "" for item in opened.items]
    return to_remove(there.store, [str(name) for name in opened.ids], paths, lambda row: facts_of(opened.items[row]))


def _updated(
    images: str, out: Path, with_: str | None, watch: Any, options: dict[str, Any], allow_host: list[str] | None
) -> tuple[Any, Any, Any, Any]:
    from ..core.checks import bad
    from ..data.sources import open_images
    from ..representation.representation import Representation
    from ..representation.sources import is_vectors
    from ..reuse.search.index.record import check_representation
    from ..reuse.search.index.search_index import SearchIndex
    from ..reuse.search.index.update import update

    if is_vectors(images):
        raise bad("--update", images, "a folder or table of images", "Vectors are added with --add.")
    there = SearchIndex.open(out, allow_host=allow_host)
    chosen = there.representation(with_) if with_ or there.card.get("loaded_from") else Representation.load("imagenet")
    check_representation("--with", there.card, chosen)
    found = update(there, open_images(images), chosen, watch=watch, **options)
    done = {k: v for k, v in found.as_dict().items() if k != "set_aside"}
    return there, done, list(found.set_aside), list(found.notes)


def _added(
    images: str,
    out: Path,
    with_: str | None,
    watch: Any,
    options: dict[str, Any],
    add: bool,
    replace: bool,
    overwrite: bool,
    metric: str,
    store: str,
    allow_host: list[str] | None,
) -> tuple[Any, Any, Any, Any]:
    from ..data.sources import open_images
    from ..representation.int8 import alike
    from ..representation.representation import Representation
    from ..representation.sources import is_vectors, load_vectors
    from ..reuse.search.index.build import build
    from ..reuse.search.index.contents import with_contents
    from ..reuse.search.index.metadata import note_not_kept
    from ..reuse.search.index.record import check_representation
    from ..reuse.search.index.search_index import SearchIndex

    chosen: Any = with_ or "imagenet"
    if not add and not is_vectors(images):
        opened = open_images(images)
        there, found = build(
            out, opened, chosen, metric=metric, overwrite=overwrite, store=store, watch=watch, **options
        )
        return there, {"new": len(there)}, list(found.set_aside), list(found.notes)
    known = SearchIndex.open(out, allow_host=allow_host) if add else None
    if known is not None and not is_vectors(images):
        named = with_ or known.card.get("loaded_from")
        chosen = known.representation(with_) if named else Representation.load("imagenet")
        check_representation("--with", known.card, chosen)
    if known is not None:
        options = options | {"precision": alike(known.card, options["precision"])}
    loaded = load_vectors(images, chosen, argument="IMAGES", watch=watch, **options)
    notes = list(note_not_kept(loaded.columns))
    vectors = with_contents(loaded)
    aside = list(vectors.card.get("set_aside", ()))
    if known is not None:
        new, replaced = known.add(vectors, replace=replace)
        return known, {"new": new, "replaced": replaced}, aside, notes
    there = SearchIndex.create(out, vectors, metric=metric, overwrite=overwrite, store=store)
    return there, {"new": len(vectors)}, aside, notes
