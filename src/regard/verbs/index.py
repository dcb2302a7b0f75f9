"""`regard.index`: a collection that can be searched."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.checks import InputError, bad, check_choice, check_output
from ..core.runtime import measured
from ..report.html import Table
from ..reuse.search.index.change import (
    Change,
    Source,
    add_images,
    check_files,
    make_index,
    remove_images,
    update_images,
)
from ..reuse.search.index.search_index import SearchIndex
from ..reuse.search.nearest.metric import METRICS
from ..reuse.search.regions.step import Stepped, in_step
from ..reuse.search.regions.table import drop, has_regions
from ..reuse.search.store.allowed import origin_of
from ._given import SHOWN, Rep, at_layer, check_machine, given_source
from ._result import Progress, Result, verb, watch_of

DONE = ("new", "changed", "moved", "copied", "replaced", "removed", "unchanged", "relabelled")


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Indexed(Result):
    """What was done with an index.

    Attributes:
        out: its folder.
        search_index: the index as it is now; further methods: `SearchIndex`.
        done: numbers of images by what was done with them.
        regions: what was done with the regions; None where there are none.
    """

    verb: ClassVar[str] = "index"
    out: Path
    search_index: SearchIndex
    done: Mapping[str, int]
    regions: Stepped | None

    def told(self) -> Mapping[str, object]:
        """The folder."""
        return {"out": self.out}

    def shown(self) -> Iterator[str | Table]:
        """How many images there are, what was done, what is to be said, what was set aside."""
        told = ", ".join(f"{self.done[name]} {name}" for name in DONE if name in self.done)
        yield f"{self.out}: {self.metrics['images']} images ({told})"
        if self.regions is not None:
            parts = self.regions
            told = f"{parts.embedded} new, {parts.carried} carried over, {parts.removed} removed"
            yield f"regions of {parts.images} images ({told})"
            if parts.note:
                yield f"note: {parts.note}"
        for note in self.notes:
            yield f"note: {note}"
        for fault in self.set_aside[:SHOWN]:
            yield f"set aside: {fault['path']}: {fault['cause']}"


@verb
def index(
    images: Source,
    out: str | Path,
    *,
    with_: Rep | None = None,
    layer: str | int | None = None,
    add: bool = False,
    replace: bool = False,
    update: bool = False,
    remove: bool = False,
    overwrite: bool = False,
    regions: bool | None = None,
    metric: str = "cosine",
    store: str = "",
    tag: str | None = None,
    allow_host: str | Sequence[str] | None = None,
    precision: str = "auto",
    device: str = "auto",
    progress: Progress | None = None,
) -> Indexed:
    """Make a collection that can be searched by image, or change one.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet`, a list of paths or arrays, or vectors: `Embeddings`,
            a file of them, or an array (n, d). With `update` it does not take vectors, which say nothing of files.
        out: the index's folder.
        with_: the representation; by default imagenet, or the index's own.
        layer: end it at this layer, by its name or the place of its map; the same as `NAME@LAYER`.
        add: add to the index that is there; same files are replaced.
        replace: with `add`: same ids are replaced, even by other files.
        update: bring the index in step with the images: new ones in, moved ones renamed, gone ones out.
        remove: take these images out of the index.
        overwrite: replace the index that is there.
        regions: keep vectors of parts of images besides, or keep them no more; by default as the index is.
        metric: what is similar: cosine | product | euclidean.
        store: where the table goes, if not into the folder: s3://BUCKET/NAME ..., or qdrant:https://HOST:6333/NAME.
        tag: name what the index holds now, for `search(..., at=)`.
        allow_host: where the index's table may be, if not in its folder.
        precision: auto | fp32 | bf16 | int8.
        device: auto | cpu | cuda | cuda:N | mps.
        progress: shows the stream of events; see `regard.verbs._result.Progress`.

    Raises:
        InputError: several of add, update, remove and overwrite; an index that is not there, or one that is; images
            of another representation, or none that can be read.
    """
    _check(metric, store, add=add, replace=replace, update=update, remove=remove, overwrite=overwrite)
    folder = check_output("--out", out, folder=True)
    check_machine(device)
    if layer is not None:
        if with_ is None and (add or update or remove):
            raise bad(
                "--layer", repr(layer), "--with beside it", "An index that is there knows its own representation."
            )
        with_ = at_layer(with_ or "imagenet", layer)
    options: dict[str, Any] = {"precision": precision, "device": device}
    regions = True if regions is None and has_regions(folder) else regions
    source = given_source("IMAGES", images) if isinstance(images, np.ndarray | tuple) else images
    embedding = options | {"watch": watch_of(progress, "index")}
    with measured() as cost:
        if update:
            check_files("--update", source)
            change = update_images(_open(out, allow_host), source, with_, **embedding)
        elif remove:
            change = remove_images(_open(out, allow_host), source)
        elif add:
            change = add_images(_open(out, allow_host), source, with_, replace=replace, **embedding)
        else:
            settings: dict[str, Any] = {"metric": metric, "overwrite": overwrite, "store": store}
            change = make_index(out, source, with_, **settings, **embedding)
        if add or update or remove:
            change.index.maintain()
        change, parts = _in_regions(change, with_, regions, options | {"watch": watch_of(progress, "regions")})
        if tag is not None:
            change.index.tag(tag)
    metrics = {
        "images": len(change.index),
        **{name: change.done.get(name, 0) for name in DONE},
        "with_regions": parts.images if parts else 0,
        "set_aside": len(change.set_aside),
        "seconds": cost.seconds,
    }
    told: dict[str, Any] = {"metrics": metrics, "notes": change.notes, "set_aside": change.set_aside}
    return Indexed(out=Path(out), search_index=change.index, done=change.done, regions=parts, **told)


def _check(metric: str, store: str, *, replace: bool, **asked: bool) -> None:
    """Refuse what does not go together, before anything is read."""
    if sum(asked.values()) > 1:
        raise InputError("--add, --update, --remove, --overwrite: expected one of them, got several.")
    if store and any(asked.values()):
        raise InputError("--store: expected a new index; one that is there knows where its table is.")
    if replace and not asked["add"]:
        raise InputError("--replace: expected --add beside it, got none. A whole index is replaced with --overwrite.")
    if not (asked["add"] or asked["update"] or asked["remove"]):
        check_choice("--metric", metric, METRICS)
        if store:
            origin_of(store)  # refuses an address of no known form


def _open(out: str | Path, allow_host: str | Sequence[str] | None) -> SearchIndex:
    return SearchIndex.open(out, allow_host=allow_host)


def _in_regions(
    change: Change, with_: Rep | None, wanted: bool | None, settings: dict[str, Any]
) -> tuple[Change, Stepped | None]:
    """Bring the regions in step with the index where they are wanted; what was set aside there joins the rest."""
    if wanted is False:
        drop(change.index.folder)
    if not wanted:
        return change, None
    parts = in_step(change.index, with_, **settings)
    more = [fault for fault in parts.set_aside if fault not in change.set_aside]
    return replace(change, set_aside=[*change.set_aside, *more]), parts
