"""Images into an index, new or there already, and out of it again: what `regard index` does, step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ....core.checks import bad
from ....data.imageset import ImageSet
from ....data.sources import open_images
from ....representation.embed import Watch
from ....representation.embeddings import Embeddings
from ....representation.int8 import alike
from ....representation.representation import Representation
from ....representation.sources import is_vectors, load_vectors
from .build import build
from .contents import facts_of, with_contents
from .metadata import note_not_kept
from .record import check_representation
from .same_files import to_remove
from .search_index import SearchIndex
from .update import update

Source = str | Path | ImageSet | Embeddings | np.ndarray | Sequence[Any]  # what `open_images` takes, or embeddings


@dataclass(frozen=True)
class Change:
    """What was done.

    Attributes:
        index: as it is now.
        done: numbers of images by what was done with them: new, changed, moved, removed ...
        set_aside: images that could not be read.
        notes: what is to be said.
    """

    index: SearchIndex
    done: Mapping[str, int]
    set_aside: Sequence[Mapping[str, str]] = field(default_factory=tuple)
    notes: Sequence[str] = ()


def make_index(
    folder: str | Path,
    images: Source,
    representation: Representation | str | Path | None = None,
    *,
    metric: str = "cosine",
    overwrite: bool = False,
    store: str = "",
    watch: Watch | None = None,
    **embed_settings: Any,
) -> Change:
    """Make a new index of images, or of embeddings; see `build` and `SearchIndex.create`."""
    settings: dict[str, Any] = {"metric": metric, "overwrite": overwrite, "store": store}
    if not _are_vectors(images):
        index, found = build(
            folder,
            open_images(_images(images)),
            representation or "imagenet",
            watch=watch,
            **settings,
            **embed_settings,
        )
        return Change(index, {"new": len(index)}, found.set_aside, found.notes)
    loaded = load_vectors(images, argument="IMAGES")
    vectors = with_contents(loaded)
    index = SearchIndex.create(folder, vectors, **settings)
    return Change(index, {"new": len(vectors)}, vectors.card.get("set_aside", ()), note_not_kept(loaded.columns))


def add_images(
    index: SearchIndex,
    images: Source,
    representation: Representation | str | Path | None = None,
    *,
    replace: bool = False,
    watch: Watch | None = None,
    **embed_settings: Any,
) -> Change:
    """Add images or embeddings to an index; same files are replaced, and with `replace` same ids, too."""
    chosen: Representation | str = "imagenet"
    if not _are_vectors(images):
        chosen = _representation(index, representation)
    embed_settings["precision"] = alike(index.card, embed_settings.get("precision", "auto"))
    loaded = load_vectors(images, chosen, argument="IMAGES", watch=watch, **embed_settings)
    vectors = with_contents(loaded)
    new, replaced = index.add(vectors, replace=replace)
    aside = vectors.card.get("set_aside", ())
    return Change(index, {"new": new, "replaced": replaced}, aside, note_not_kept(loaded.columns))


def update_images(
    index: SearchIndex,
    images: Source,
    representation: Representation | str | Path | None = None,
    *,
    watch: Watch | None = None,
    **embed_settings: Any,
) -> Change:
    """Bring an index in step with images: new ones in, moved ones renamed, gone ones out (`update.update`).

    Raises:
        InputError: embeddings, which say nothing of files; another representation than the index's.
    """
    chosen = _representation(index, representation)
    found = update(index, open_images(_images(images)), chosen, watch=watch, **embed_settings)
    done = {name: count for name, count in found.as_dict().items() if name != "set_aside"}
    return Change(index, done, found.set_aside, found.notes)


def remove_images(index: SearchIndex, images: Source) -> Change:
    """Take images out of an index: files by their place or id, embeddings by their ids."""
    if _are_vectors(images):
        loaded = images if isinstance(images, Embeddings) else Embeddings.load(str(images))
        ids = [str(name) for name in loaded.ids]
    else:
        opened = open_images(_images(images))
        paths = opened.paths.tolist()
        names = [str(name) for name in opened.ids]
        ids = to_remove(index.store, names, paths, lambda row: facts_of(opened.items[row]))
    return Change(index, {"removed": index.remove(ids)})


def check_files(argument: str, images: Source) -> None:
    """Refuse embeddings where files of images are needed."""
    if _are_vectors(images):
        got = "embeddings" if isinstance(images, Embeddings) else str(images)
        raise bad(argument, got, "a folder or table of images", "Vectors are added with --add.")


def _are_vectors(images: Source) -> bool:
    return isinstance(images, Embeddings) or is_vectors(images)


def _images(images: Source) -> Any:
    """What `open_images` takes."""
    return images


def _representation(index: SearchIndex, given: Representation | str | Path | None) -> Representation:
    """What embeds images for an index, checked; `imagenet` where its card names none."""
    named = given or index.card.get("loaded_from")
    chosen: Representation = index.representation(given) if named else Representation.load("imagenet")
    check_representation("--with", index.card, chosen)
    return chosen
