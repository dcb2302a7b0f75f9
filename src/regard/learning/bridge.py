"""Vectors of a run's pictures, before and after: by what it started from, and by what it became.

An index of the old representation is brought to the new one by a map (`lifelong.translate`), which is learned from
pictures that have both vectors. Training moved the network by its own pictures, and these tell best where to; when a
run ends both networks are at hand. So it leaves `bridge.safetensors` in its folder: `old` (n, d), `new` (n, e), and
`content` (n, 16), the hashes of the pictures, by which one that is in the index as well is known. The file holds no
picture, but who has it can tell whether a given one is among them. It may be deleted: nothing else needs it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.checks import bad
from ..core.runtime import numpy_rng
from ..core.storage import load_tensors, read_header, save_tensors
from ..data.decode import content_hash, read
from ..data.imageset import ImageSet
from ..representation import checksums
from ..representation.embed import embed
from ..representation.representation import Representation

BRIDGE = "bridge.safetensors"
MOST = 2000  # pictures: from more a map learns little, and each costs two passes of a network
LARGEST = 16 << 20  # bytes of both vectors; very long ones are of fewer pictures
KEY = "bridge"  # in the card: how many pictures, and the file's checksum
HASH = 16  # bytes
FLOATS = (torch.half, torch.float)
AGAIN = "Copy the folder again, or delete that file, and name the pictures with --also."


@dataclass(frozen=True)
class Bridge:
    """What was kept.

    Attributes:
        old: (n, d) vectors by what the run started from.
        new: (n, e) by what it became.
        contents: (n,) hashes of the pictures.
    """

    old: np.ndarray
    new: np.ndarray
    contents: tuple[str, ...]

    def vectors(self, without: Collection[str]) -> tuple[np.ndarray, np.ndarray]:
        """Old and new vectors of the pictures whose content is none of `without`."""
        kept = [row for row, one in enumerate(self.contents) if one not in without]
        return self.old[kept], self.new[kept]

    def told(self, taught: int) -> str:
        """What became of it, for a reader: how many of its pictures taught a map."""
        brought = f"the new representation brings vectors of {len(self.contents)} pictures of the set it was tuned on"
        return f"{brought}: {taught} of them taught the map, too" if taught else f"{brought}: of no use here"


def some_of(items: Sequence[Any], most: int, seed: int) -> list[Any]:
    """At most so many pictures, drawn by a seed."""
    return [items[row] for row in numpy_rng(seed, "bridge").permutation(len(items))[:most]]


def write_bridge(
    folder: Path, old: Representation, new: Representation, items: Sequence[Any], **settings: Any
) -> dict[str, Any]:
    """Embed pictures with both representations and keep their vectors, as halves (float16) where these hold them.

    Args:
        folder: of the run.
        old: what it started from.
        new: what it became.
        items: pictures as an `ImageSet` has them; where vectors are so long that they would take over 16 MB, the last
            are left out.
        settings: precision, device ... of `embed`.

    Returns:
        What the card of the run says of it, as `bridge`.
    """
    some = ImageSet(list(items), np.arange(len(items)).astype(str))
    was, now, rows = both(some, old, new, settings)
    kept = {"old": _short(was), "new": _short(now)}
    many = max(LARGEST // sum(one.element_size() * one.shape[1] for one in kept.values()), 1)
    rows = rows[:many]
    hashes = b"".join(bytes.fromhex(content_hash(read(some.items[row]))) for row in rows)
    content = np.frombuffer(hashes, np.uint8).reshape(len(rows), HASH).copy()
    tensors = {name: one[:many] for name, one in kept.items()} | {"content": torch.from_numpy(content)}
    save_tensors(folder / BRIDGE, tensors, {"from": old.fingerprint, "to": new.fingerprint})
    return {"pictures": len(rows), "checksum": checksums.checksum(folder / BRIDGE)}


def read_bridge(new: Representation, old: str) -> Bridge | None:
    """What a representation brings from another one; None where it brings nothing from that.

    Args:
        new: the representation.
        old: fingerprint of the other.

    Raises:
        InputError: a file that was damaged, or is no such one.
    """
    folder = new.folder
    if folder is None or not (folder / BRIDGE).is_file():
        return None
    header = read_header(folder / BRIDGE)
    if (header.get("from"), header.get("to")) != (old, new.fingerprint):
        return None
    told = new.card.get(KEY)
    checksums.check_file(folder, BRIDGE, str(told.get("checksum")) if isinstance(told, Mapping) else "")
    tensors = load_tensors(folder / BRIDGE)
    kinds = {"old": FLOATS, "new": FLOATS, "content": (torch.uint8,)}
    right = tensors.keys() == kinds.keys() and all(
        one.ndim == 2 and one.dtype in kinds[key] and len(one) == len(tensors["old"]) for key, one in tensors.items()
    )
    if not right or tensors["content"].shape[1] != HASH:
        raise bad("--with", str(folder / BRIDGE), "old and new vectors and hashes of as many pictures", AGAIN)
    was, now = (tensors[key].float().numpy() for key in ("old", "new"))
    if not (np.isfinite(was).all() and np.isfinite(now).all()):
        raise bad("--with", f"{folder / BRIDGE} with NaN or infinity", "finite vectors", AGAIN)
    return Bridge(was, now, tuple(bytes(row).hex() for row in tensors["content"].numpy()))


def both(
    images: ImageSet, old: Representation, new: Representation, settings: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Vectors (n, d) and (n, e) of pictures by two representations, and the rows of those that both can read."""
    made = [embed(images, rep, **settings) for rep in (old, new)]
    places = [{name: row for row, name in enumerate(one.ids.tolist())} for one in made]
    rows = [row for row, name in enumerate(images.ids.tolist()) if all(name in place for place in places)]
    names = images.ids[rows].tolist()
    was, now = (one.vectors[[place[name] for name in names]] for one, place in zip(made, places))
    return was, now, rows


def _short(vectors_ND: np.ndarray) -> torch.Tensor:
    """As halves, where that moves no vector by more than a thousandth of its largest number."""
    whole = torch.from_numpy(vectors_ND).float()
    half = whole.half()
    moved = (half.float() - whole).abs().amax(1)
    return half if bool((moved <= 1e-3 * whole.abs().amax(1)).all()) else whole
