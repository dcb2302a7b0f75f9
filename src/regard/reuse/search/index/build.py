"""A new collection made of images a thousand at a time: memory stays the same for any number, and a killed run goes on.

It grows in a hidden folder beside its place, `.NAME.partial`, which the same command finds again, and is renamed when
it is whole.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ....core.checks import InputError, RunError
from ....data.imageset import ImageSet
from ....representation.embed import Watch, embed
from ....representation.int8 import settle
from ....representation.pipeline import NothingRead
from ....representation.representation import Representation
from .atomic_replace import take_place
from .contents import with_contents
from .search_index import SearchIndex, check_target
from .update import PIECE, Updated, update


def build(
    folder: str | Path,
    images: ImageSet,
    representation: Representation | str | Path = "imagenet",
    *,
    metric: str = "cosine",
    overwrite: bool = False,
    store: str = "",
    watch: Watch | None = None,
    **embed_settings: Any,
) -> tuple[SearchIndex, Updated]:
    """Embed images and make a collection of them in a new folder; it appears atomically.

    Args:
        folder: as `SearchIndex.create` takes it.
        images: all that should be in it.
        representation: what embeds them, or its name.
        metric: as `SearchIndex.create` takes it.
        overwrite: likewise.
        store: likewise.
        watch: wraps the stream of progress events.
        embed_settings: precision, device, batch ... of `embed`.

    Raises:
        InputError: as `SearchIndex.create` and `embed`.
        RunError: another process is making this index.
    """
    target = check_target(folder, overwrite, store)
    rep = representation if isinstance(representation, Representation) else Representation.load(representation)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with alone(partial):
            # once for all images: each piece would be calibrated on its own
            given = {name: embed_settings[name] for name in ("batch", "device") if name in embed_settings}
            chosen = settle(embed_settings.get("precision", "auto"), images, rep, watch=watch, **given)
            embed_settings["precision"] = chosen
            made = chosen.fingerprint(rep.fingerprint)
            index = _begun(partial, made, metric, store) or _begin(
                partial, images, rep, metric, store, watch, embed_settings
            )
            embed_settings["precision"] = replace(chosen, note="")  # told with the first images
            done = update(index, images, rep, watch=watch, **embed_settings)
            index.maintain()
            take_place(partial, target)
    except BaseException:
        with suppress(OSError):
            target.rmdir()  # where it was made for nothing
        raise
    return SearchIndex.open(target, allow_host=store or None), done


def _begun(partial: Path, made: str, metric: str, store: str) -> SearchIndex | None:
    """What an interrupted run left, where it is of the same kind; anything else is cleared away."""
    try:
        index = SearchIndex.open(partial, allow_host=store or None)
    except InputError:
        pass
    else:
        if [index.card.get(key) for key in ("fingerprint", "metric", "store")] == [made, metric, store]:
            return index
    shutil.rmtree(partial, ignore_errors=True)
    return None


def _begin(
    partial: Path,
    images: ImageSet,
    rep: Representation,
    metric: str,
    store: str,
    watch: Watch | None,
    settings: dict[str, Any],
) -> SearchIndex:
    """A collection of the first images that can be read."""
    for start in range(0, len(images), PIECE):
        try:
            first = embed(images.subset(slice(start, start + PIECE)), rep, watch=watch, **settings)
        except NothingRead:
            if start + PIECE < len(images):
                continue
            raise
        return SearchIndex.create(partial, with_contents(first), metric=metric, store=store)
    raise InputError(f"IMAGES: {images.name} holds no images")


@contextmanager
def alone(partial: Path) -> Iterator[None]:
    """Let no other process make the same folder meanwhile; raises RunError where one does."""
    import fcntl

    path = partial.with_name(partial.name + ".lock")
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"--out: another process is making {str(partial)!r}. Wait for it.") from None
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
