"""A first look at a set of images: what can be read, how large it is, whether it has colour, which are held out."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from ..core.checks import InputError
from ..core.storage import hash_bytes, hash_json
from ..data.decode import DecodeError, content_hash, decode, read
from ..data.imageset import ImageSet

LEAST_IMAGES, LEAST_SIDE = 16, 8


@dataclass(frozen=True)
class Look:
    """What a first look at a set found.

    Attributes:
        images: those that can be used; `set_aside` names the others and why.
        hashes: (n,) hash of each one's bytes, in the same order.
        side: median of the short sides of the images looked at, in pixels.
        grey: none of them has colour.
    """

    images: ImageSet
    hashes: np.ndarray
    side: int
    grey: bool

    @property
    def content(self) -> str:
        """Hash of the set: of its images' hashes, whatever their order."""
        return hash_json(sorted(self.hashes.tolist()))

    @property
    def symbols(self) -> bool:
        """Small pictures without colour: digits, letters, signs."""
        return self.grey and self.side <= 64


def look(images: ImageSet, sample: int = 512) -> Look:
    """Read every file once for its hash, and decode up to `sample` of them, spread over the set, for size and colour.

    Unreadable files and pictures under 8 pixels are set aside. Of a set larger than the sample the rest is decoded
    only in training, where a picture that fails is replaced by the next one and named at the end.

    Raises:
        InputError: fewer than 16 different images are left, or each is of one colour.
    """
    chosen = set(np.unique(np.linspace(0, len(images) - 1, sample).astype(int)).tolist()) if len(images) else set()

    def one(row: int) -> tuple[str, str, tuple[int, bool, bool] | None]:
        try:
            content = read(images.items[row])
            name = content_hash(content)
            if row not in chosen:
                return name, "", None
            pixels = decode(content)
        except DecodeError as error:
            return "", str(error), None
        side = min(pixels.shape[1:])
        if side < LEAST_SIDE:
            return (
                "",
                f"{pixels.shape[2]}x{pixels.shape[1]} pixels, at least {LEAST_SIDE}x{LEAST_SIDE} are needed",
                None,
            )
        flat = bool((pixels == pixels[:, :1, :1]).all())
        grey = bool((pixels[0] == pixels[1]).all() and (pixels[1] == pixels[2]).all())
        return name, "", (side, grey, flat)

    with ThreadPoolExecutor(images.readers) as pool:
        found = list(pool.map(one, range(len(images))))
    aside = [{"path": images.called(row), "cause": why} for row, (_, why, _) in enumerate(found) if why]
    good = np.array([row for row, (_, why, _) in enumerate(found) if not why], int)
    hashes = np.array([found[row][0] for row in good], dtype="<U32")
    seen = [facts for _, _, facts in found if facts]
    different = len(np.unique(hashes))
    if different < LEAST_IMAGES:
        causes = "; ".join(f"{a['path']}: {a['cause']}" for a in aside[:3])
        raise InputError(
            f"images: expected at least {LEAST_IMAGES} different images to learn from, got {different} "
            f"(of {len(images)} in {images.name}, {len(aside)} of them unusable{': ' + causes if causes else ''}). "
            "Give more images, or use a representation that is trained already, such as imagenet."
        )
    if all(flat for _, _, flat in seen):
        raise InputError(f"images: each picture of {images.name} is of one colour; there is nothing to learn from")
    kept = images.subset(good)
    kept = replace(kept, set_aside=(*images.set_aside, *aside))
    side = int(np.median([side for side, _, _ in seen]))
    return Look(kept, hashes, side, all(grey for _, grey, _ in seen))


def pick_size(side: int) -> int:
    """The input's side for pictures whose short side is `side`: 32, 64, 128 or 224 pixels.

    Pictures of 8 pixels are enlarged to 32, since networks halve their input several times.

    >>> [pick_size(side) for side in (8, 32, 96, 150, 3000)]
    [32, 32, 64, 128, 224]
    """
    return 32 if side <= 32 else 64 if side <= 96 else 128 if side <= 192 else 224


def split_by_hash(hashes: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows held out, by the hash of each image: the same images are held out on every machine.

    Copies of one image always fall on the same side. At least 8 and at most 2,048 images are held out.
    """
    names = np.array([hash_bytes(f"held out|{name}".encode()) for name in hashes])
    wanted = min(max(round(len(hashes) * share), 8), 2048, len(hashes) // 2)
    last = np.sort(names)[wanted - 1]
    out = names <= last
    return np.flatnonzero(~out), np.flatnonzero(out)
