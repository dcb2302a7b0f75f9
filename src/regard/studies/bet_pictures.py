"""What pretraining sees of a user's pictures: windows of them without labels, or objects with the names of classes."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.checks import bad
from ..core.runtime import numpy_rng, threads
from ..data.annotations.record import Annotations
from ..data.decode import DecodeError, decode, read, upright_size
from ..data.imageset import ImageSet
from ..metrics.box_overlap import box_overlap
from ..reuse.dense.frame import Framed

WINDOWS, MOST_WINDOWS = 16, 4096  # of a picture, and in all
CROPS, FEWEST_CROPS = 2000, 5  # in all, and of a class
AROUND = 1.2  # side of what is cut out, in sides of the box
APART = 0.1  # overlap with an object below which a place is background
NOTHING = "(background)"  # beside a single class, that there is something to tell it from


def windows(images: ImageSet, size: int, side: int, seed: int) -> ImageSet:
    """Windows of the pictures, without labels, in the scale in which a detector sees these in its squares.

    Args:
        images: annotations are not looked at.
        size: pixels that the longer side of a picture is brought to.
        side: of a window, in pixels; less where the picture has less.
        seed: of their places.

    Returns:
        Up to 16 windows of each picture, 4096 in all, as arrays.
    """
    each = max(1, min(WINDOWS, MOST_WINDOWS // len(images)))
    rows = np.sort(numpy_rng(seed, "windows").permutation(len(images))[:MOST_WINDOWS])

    def one(row: int) -> list[np.ndarray]:
        try:
            content = read(images.items[row])
            width, height = upright_size(content)
            framed = Framed(height, width, size)
            across, down = framed.shape[1], framed.shape[0]
            seen = framed.picture(decode(content, size), (0, 0, 0))[:, :down, :across]
        except DecodeError:
            return []
        rng = numpy_rng(seed, "windows", str(images.ids[row]))
        tall, wide = min(side, down), min(side, across)
        places = zip(rng.integers(0, down - tall + 1, each), rng.integers(0, across - wide + 1, each))
        cut = [seen[:, y : y + tall, x : x + wide] for y, x in places]
        return [np.ascontiguousarray(part.permute(1, 2, 0).numpy()) for part in cut]

    with ThreadPoolExecutor(threads()) as pool:
        made = [(row, place, part) for row, parts in zip(rows, pool.map(one, rows)) for place, part in enumerate(parts)]
    ids = np.array([f"{images.ids[row]}#{place}" for row, place, _ in made])
    return ImageSet([part for _, _, part in made], ids, name=f"windows of {images.name}")


@dataclass(frozen=True)
class _Place:
    """Where to cut: which picture, a box in its pixels, and what to call that."""

    row: int
    box: np.ndarray
    name: str


def crops(images: ImageSet, side: int, seed: int) -> tuple[ImageSet, list[str]]:
    """Objects cut out by their boxes, with the names of their classes: pictures of one thing, as ImageNet has them.

    A square around the box, a fifth larger, is brought to `side` pixels. Difficult objects and crowds are left out, and
    of 2000 in all every class has at most its share. Beside a single class there are as many places without objects.

    Returns:
        The labelled pictures, and notes on classes that were left out.

    Raises:
        InputError: fewer than 16 objects that can be used.
    """
    rng, found, carried = numpy_rng(seed, "crops"), list[_Place](), dict[int, Annotations]()
    assert images.annotations is not None
    for row, its_all in enumerate(images.annotations):
        its = its_all.boxes
        if its is not None and len(its):
            carried[row] = its_all
            good = ~(its.difficult | its.crowd)
            found += [_Place(row, box, name) for box, name in zip(its.xyxy[good], its.classes[good].tolist())]
    found = [found[place] for place in rng.permutation(len(found))]
    names = sorted({one.name for one in found})
    by_name = {name: [one for one in found if one.name == name] for name in names}
    few = [name for name in names if len(by_name[name]) < FEWEST_CROPS]
    kept = {name: by_name[name][: CROPS // len(names)] for name in names if name not in few}
    if len(kept) == 1:
        [(name, places)] = kept.items()
        kept[NOTHING] = _background(places, carried, rng)
    chosen = sorted((one for places in kept.values() for one in places), key=lambda one: one.row)
    if len(chosen) < 16:
        fix = f"Of a class there must be {FEWEST_CROPS}."
        raise bad("VOC", f"{len(chosen)} objects to learn classes from", "at least 16 in the part to learn from", fix)
    cut = _cut_out(images, chosen, side)
    ids = np.array([f"{images.ids[one.row]}#{place}" for place, (one, _) in enumerate(cut)])
    labels = np.array([one.name for one, _ in cut])
    notes = [
        f"supervised: the class {name} was left out, as fewer than {FEWEST_CROPS} objects show it." for name in few
    ]
    return ImageSet([pixels for _, pixels in cut], ids, labels, name=f"objects of {images.name}"), notes


def _background(places: Sequence[_Place], carried: Mapping[int, Annotations], rng: np.random.Generator) -> list[_Place]:
    """As many places as those, moved to where no object is; a picture without room gives fewer."""
    made = []
    for one in places:
        boxes, size = carried[one.row].boxes, carried[one.row].size
        if boxes is None or size is None:
            continue
        sides = one.box[2:] - one.box[:2]
        corners = rng.uniform(0, np.maximum(np.array(size[::-1]) - sides, 1), (20, 2))
        moved = np.concatenate([corners, corners + sides], axis=1)
        free = np.flatnonzero(box_overlap(moved, boxes.xyxy).max(axis=1) < APART)
        if len(free):
            made.append(_Place(one.row, moved[free[0]], NOTHING))
    return made


def _cut_out(images: ImageSet, places: Sequence[_Place], side: int) -> list[tuple[_Place, np.ndarray]]:
    """Each place with its pixels (side, side, 3); places of a picture that cannot be read are left out."""
    by_row: dict[int, list[_Place]] = {}
    for one in places:
        by_row.setdefault(one.row, []).append(one)

    def of(row: int) -> list[tuple[_Place, np.ndarray]]:
        try:
            pixels = decode(read(images.items[row]))
        except DecodeError:
            return []
        return [(one, _square(pixels, one.box, side)) for one in by_row[row]]

    with ThreadPoolExecutor(threads()) as pool:
        return [pair for pairs in pool.map(of, by_row) for pair in pairs]


def _square(pixels: Tensor, box: np.ndarray, side: int) -> np.ndarray:
    """What lies in a square around a box, of (3, H, W) uint8, as (side, side, 3); cut off at the picture's edge."""
    middle, half = (box[:2] + box[2:]) / 2, AROUND * float((box[2:] - box[:2]).max()) / 2
    height, width = pixels.shape[1:]
    left, top = (int(max(one - half, 0)) for one in middle)
    right, bottom = (int(min(np.ceil(one + half), end)) for one, end in zip(middle, (width, height)))
    part = pixels[:, top : max(bottom, top + 1), left : max(right, left + 1)].float()[None]
    made = torch.nn.functional.interpolate(part, (side, side), mode="bilinear", antialias=True)[0]
    return np.ascontiguousarray(made.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy())
