"""A set of images as they look through fog, noise, a bad lens ...: `corrupted:fog:3:SOURCE`.

Each picture is corrupted when it is asked for, by a seed of its own that follows from its id.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np

from ..core.checks import bad, check_choice, check_number
from ..core.runtime import derive_seed, numpy_rng
from .corruptions import NAMES, SEVERITIES, corrupted
from .imageset import ImageSet

SIDE = 256  # pixels: a larger picture is brought to this first, as networks see it no larger
MIXED = "mixed"  # in place of a name: one of the 15 for each picture
PREFIX = "corrupted:"


def corrupted_images(images: ImageSet, name: str, severity: int = 3, seed: int = 0, side: int = SIDE) -> ImageSet:
    """The same images, corrupted, with their labels; columns `corruption` and `severity` say how.

    An id is that of the clean picture behind `corrupted/NAME/SEVERITY/`, and the clean one's id is the column
    `identity` where there is none yet. So `sampling.split(..., by="identity")` cuts as it cuts the clean ones, and no
    picture is on one side clean and on the other corrupted. Annotations are left out: some corruptions move things.

    Args:
        images: files are decoded, and brought to `side`; one that cannot be read is handed on as it is.
        name: one of `corruptions.NAMES`, or `mixed`: one of them for each picture, each as often.
        severity: 1 to 5.
        seed: of what is drawn, together with the ids.
        side: pixels; a picture whose shorter side is longer is averaged down to it before.

    Raises:
        InputError: an unknown name, a severity that is none of the five.
    """
    check_choice("name", name, (*NAMES, MIXED))
    check_number("severity", severity, min(SEVERITIES), max(SEVERITIES), whole=True)
    check_number("side", side, 8, whole=True)
    n = len(images)
    if name == MIXED:
        # a shuffled deck, so that each comes as often as another
        names = np.array(NAMES)[numpy_rng(seed, "mixed", n).permutation(n) % len(NAMES)]
    else:
        names = np.full(n, name)
    seeds = np.array([derive_seed(seed, one) for one in images.ids.tolist()])
    columns = {"identity": images.ids, **images.columns, "corruption": names, "severity": np.full(n, severity)}
    ids = np.array([f"corrupted/{name}/{severity}/{one}" for one in images.ids.tolist()], dtype=np.str_)
    pictures = _Pictures(images.items, names, int(severity), seeds, side)
    title = f"{images.name} ({name}, severity {severity})"
    return replace(images, items=pictures, ids=ids, columns=columns, name=title, annotations=None)


@dataclass(frozen=True)
class _Pictures(Sequence[Any]):
    """Corrupted pictures (H, W) or (H, W, 3) uint8, each made when it is asked for."""

    made_late = True  # ImageSet.paths asks for it

    items: Sequence[Any]
    names: np.ndarray
    severity: int
    seeds: np.ndarray
    side: int

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> "_Pictures": ...
    def __getitem__(self, place: int | slice) -> Any:
        from .decode import DecodeError, decode

        if isinstance(place, slice):
            return self.take(np.arange(len(self))[place])
        item = self.items[place]
        if not (isinstance(item, np.ndarray) and item.dtype == np.uint8 and item.ndim == 2):
            try:
                item = decode(item, short_side=self.side).permute(1, 2, 0).numpy()
            except DecodeError:
                return item  # whoever reads it next sets it aside with its cause
        item = _no_larger(item, self.side)
        return corrupted(item, str(self.names[place]), self.severity, int(self.seeds[place]))

    def take(self, rows: Any) -> "_Pictures":
        """The pictures of some of these rows, none of which is made for it."""
        kept = self.items.take(rows) if hasattr(self.items, "take") else [self.items[row] for row in rows]
        return replace(self, items=kept, names=self.names[rows], seeds=self.seeds[rows])


def _no_larger(image: np.ndarray, side: int) -> np.ndarray:
    from PIL import Image

    height, width = image.shape[:2]
    by = side / min(height, width)
    if by >= 1:
        return image
    size = max(1, round(width * by)), max(1, round(height * by))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def read_name(source: str, argument: str = "IMAGES") -> tuple[str, int, str]:
    """What `corrupted:NAME:SEVERITY:SOURCE` says: the corruption, its severity, and the source.

    >>> read_name("corrupted:fog:3:builtin:digits")
    ('fog', 3, 'builtin:digits')

    Raises:
        InputError: parts are missing, an unknown corruption, a severity that is none of the five.
    """
    parts = source.removeprefix(PREFIX).split(":", 2)
    fix = "For example corrupted:fog:3:builtin:digits."
    if len(parts) < 3 or not parts[2]:
        raise bad(argument, repr(source), "corrupted:NAME:SEVERITY:SOURCE", fix)
    check_choice(argument, parts[0], (*NAMES, MIXED))
    if parts[1] not in map(str, SEVERITIES):
        raise bad(argument, repr(parts[1]), "a severity from 1 to 5", fix)
    return parts[0], int(parts[1]), parts[2]
