"""The table of regions beside an index, and its card: derived from the index, and made again where they are lost.

Rows are regions, under the image's id and a number; each remembers the bytes of the image that it is of. The card says
what made them, and the step beside it whitens vectors before they are kept or asked for.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ....core.checks import RunError, bad
from ....core.records import listed, maybe, number, read_record, text, whole
from ....core.storage import hash_tensors, plain, write_json
from ....representation.representation import Representation
from ....representation.transform import saved
from ....representation.transform.steps import Step
from ..store.lance import LanceStore
from ..store.lock import locked
from ..store.protocol import as_rows, schema_of
from .grid import Regions

FOLDER, CARD, FORMAT = "regions", "regions.json", 1
KEYS = {"regard_regions": whole(), "levels": whole(1, 64), "dim": whole(1), "fingerprint": text, "representation": text}
KEYS |= {"parts": listed(listed(number(), 4, 4), 1), "loaded_from": maybe(text), "whitening": maybe(text)}
APART = "\t"  # between an image's id and the number of its region
AGAIN = "Take them away with --no-regions, then make them with --regions."


def has_regions(folder: Path) -> bool:
    """Whether regions are kept in the folder of an index."""
    return (folder / FOLDER / CARD).exists()


def opened(folder: Path) -> tuple[LanceStore, dict[str, Any], Step]:
    """The table, its card and its whitening; raises InputError where there is none, or of a newer format."""
    if not has_regions(folder):
        raise bad(
            "--regions",
            f"{str(folder)!r}, which has none",
            "an index with regions",
            "Make them with regard index IMAGES --update --regions.",
        )
    card = read_record(folder / FOLDER / CARD, KEYS)
    if card["regard_regions"] > FORMAT:
        raise bad("regions", f"format {card['regard_regions']}", f"format {FORMAT} or older", "Update regard.")
    step = saved.load(folder / FOLDER)
    if card.get("whitening", whitening := hash_tensors(saved.tensors_of(step))) != whitening:
        raise bad("regions", f"{str(folder / FOLDER)!r} with another whitening", "the one they were made with", AGAIN)
    return LanceStore.open(folder / FOLDER), card, step


def create(folder: Path, rep: Representation, regions: Regions, step: Step, levels: int, images: int) -> None:
    """Make an empty table; the card goes last, so that half a table is none.

    Args:
        folder: of the index.
        rep: what makes the regions, as it was loaded.
        regions: of it.
        step: the whitening.
        levels: of regions.
        images: that the whitening was learned from.
    """
    dim = step.apply(np.ones((1, regions.channels), np.float32)).shape[1]
    card = {
        "regard_regions": FORMAT,
        "levels": levels,
        "dim": dim,
        "learned_from": images,
        "fingerprint": regions.collection.fingerprint,
        "representation": rep.name,
        "loaded_from": rep.loaded_from,
        "parts": regions.parts_R4,
        "whitening": hash_tensors(saved.tensors_of(step)),
    }
    with locked(str(folder)):
        if has_regions(folder):
            raise RunError("--regions: another process made them meanwhile. Run this again.")
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        (folder / FOLDER).mkdir()
        LanceStore.create(folder / FOLDER, schema_of(dim, {"image": "text", "part": "whole"}))
        saved.save(step, folder / FOLDER)
        write_json(folder / FOLDER / CARD, card)


def drop(folder: Path) -> None:
    """Take the regions of an index away; the card goes first."""
    with locked(str(folder)):
        (folder / FOLDER / CARD).unlink(missing_ok=True)
        shutil.rmtree(folder / FOLDER, ignore_errors=True)


def check_same(card: dict[str, Any], rep: Representation, regions: Regions) -> None:
    """Refuse a representation or levels that the regions were not made with."""
    if regions.collection.fingerprint != card["fingerprint"]:
        made = f"{card['representation']} at {card['levels']} levels ({card['fingerprint'][:8]})"
        raise bad("--with", f"{rep.name}, which makes other regions", f"what made those of the index: {made}", AGAIN)
    if not np.array_equal(np.array(card["parts"]), np.array(plain(regions.parts_R4))):
        raise bad("regions", "a card with other places of them", "the card that they were made with", AGAIN)


def write(store: LanceStore, contents: dict[str, str], vectors_NRD: np.ndarray) -> None:
    """Write the regions (n, R, d) of images, named with the hash of their bytes, in place of those that are there."""
    n, many, dim = vectors_NRD.shape
    columns = {
        "id": keys(contents, many),
        "image": [name for name in contents for _ in range(many)],
        "part": [part for _ in contents for part in range(many)],
        "content": [content for content in contents.values() for _ in range(many)],
    }
    store.upsert(as_rows(store.schema, columns, vectors_NRD.reshape(n * many, dim)))


def keys(names: Iterable[str], many: int) -> list[str]:
    """The ids of all regions of images, image after image."""
    return [f"{name}{APART}{part}" for name in names for part in range(many)]
