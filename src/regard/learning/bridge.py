"""Vectors of pictures that a run learned from, before and after: by what it started from, and by what it became.

An index of the old representation is brought to the new one by a map (`lifelong.translate`), which is learned from
pictures that have both vectors. Training moved the network by its own pictures, and these tell best where to; when a
run ends both networks are at hand. So it leaves `bridge.safetensors` in its folder: `old` (n, d), `new` (n, e), and
`content` (n, 16), the hashes of the pictures, by which one that is in the index as well is known. No picture can be
read from it, but whether a given one was learned from can, as from `learned.json`.
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
        brought = f"the new representation brings vectors of {len(self.contents)} pictures that it was tuned on"
        return f"{brought}: {taught} of them taught the map, too" if taught else f"{brought}: of no use here"


def some_of(items: Sequence[Any], most: int, seed: int) -> list[Any]:
    """At most so many pictures, drawn by a seed."""
    return [items[row] for row in numpy_rng(seed, "bridge").permutation(len(items))[:most]]


def write_bridge(folder: Path, old: Representation, new: Representation, items: Sequence[Any], **settings: Any) -> int:
    """Embed pictures with both representations and keep their vectors, as halves (float16) where these hold them.

    Args:
        folder: of the run.
        old: what it started from.
        new: what it became.
        items: pictures as an `ImageSet` has them; where vectors are so long that they would take over 16 MB, the last
            are left out.
        settings: precision, device ... of `embed`.

    Returns:
        How many there are.
    """
    some = ImageSet(list(items), np.arange(len(items)).astype(str))
    was, now, rows = both(some, old, new, settings)
    many = max(LARGEST // (2 * (was.shape[1] + now.shape[1])), 1)
    was, now, rows = was[:many], now[:many], rows[:many]
    hashes = [bytes.fromhex(content_hash(read(some.items[row]))) for row in rows]
    tensors = {"old": _short(was), "new": _short(now), "content": torch.from_numpy(_bytes(hashes))}
    save_tensors(folder / BRIDGE, tensors, {"from": old.fingerprint, "to": new.fingerprint})
    return len(rows)


def read_bridge(new: Representation, old: str) -> Bridge | None:
    """What a representation brings from another one; None where it brings nothing from that.

    Args:
        new: the representation.
        old: fingerprint of the other.

    Raises:
        InputError: a file that was damaged or is no such one.
    """
    folder = new.folder
    if folder is None or not (folder / BRIDGE).is_file():
        return None
    header = read_header(folder / BRIDGE)
    if (header.get("from"), header.get("to")) != (old, new.fingerprint):
        return None
    checksums.check_results(folder, new.card, [BRIDGE])
    tensors = load_tensors(folder / BRIDGE)
    kinds = {"old": torch.float, "new": torch.float, "content": torch.uint8}
    rows = {len(one) for one in tensors.values() if one.ndim == 2}
    if tensors.keys() != kinds.keys() or any(one.ndim != 2 for one in tensors.values()) or len(rows) != 1:
        raise bad("--with", str(folder / BRIDGE), "old and new vectors and contents of as many pictures")
    was, now = (tensors[key].float().numpy() for key in ("old", "new"))
    if not (np.isfinite(was).all() and np.isfinite(now).all()) or tensors["content"].dtype != torch.uint8:
        raise bad("--with", str(folder / BRIDGE), "finite vectors, and hashes as bytes")
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


def _short(vectors: np.ndarray) -> torch.Tensor:
    half = torch.from_numpy(vectors).half()
    return half if half.isfinite().all() else torch.from_numpy(vectors).float()


def _bytes(hashes: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1).copy()
