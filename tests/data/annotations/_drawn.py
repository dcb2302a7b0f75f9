"""Rendered pictures with annotations that are known exactly; no data set is needed."""

from pathlib import Path

import numpy as np
from PIL import Image

from regard.data.annotations.boxes import Boxes
from regard.data.annotations.masks import Masks
from regard.data.annotations.record import Annotations, Listed, Rows
from regard.data.imageset import ImageSet

SIZE = (40, 56)
CLASSES = ("cat", "dog", "tree")


def scene(seed: int, *, masks: bool = True, whole: bool = True, flags: bool = True) -> tuple[np.ndarray, Annotations]:
    """A picture (H, W, 3) with four shapes, one with a hole and one in two pieces, and what it carries."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    centres = rng.integers(8, [SIZE[1] - 8, SIZE[0] - 8], (4, 2))
    disc = [(x - a) ** 2 + (y - b) ** 2 for a, b in centres]
    shapes = [
        disc[0] < 40,
        (disc[1] < 60) & (disc[1] > 12),
        (np.abs(x - centres[2][0]) < 4) & (np.abs(y - centres[2][1]) > 1) & (np.abs(y - centres[2][1]) < 6),
        (np.abs(x - centres[3][0]) < 7) & (np.abs(y - centres[3][1]) < 3),
    ]
    pixels = rng.integers(0, 60, (*SIZE, 3)).astype(np.uint8)
    for shape in shapes:
        pixels[shape] = rng.integers(100, 255, 3)
    made = Masks.from_arrays(np.array(shapes))
    corners = made.extents + (0 if whole else np.array([0.25, 0.5, 0.25, 0.4], dtype=np.float32))
    drawn = {name: rng.random(4) < 0.5 for name in ("difficult", "truncated", "occluded")} if flags else {}
    boxes = Boxes(
        np.minimum(corners, [SIZE[1], SIZE[0]] * 2),
        rng.choice(CLASSES, 4),
        pose=np.array(["Left", "", "Frontal", "Unspecified"] if flags else [""] * 4),
        **drawn,
    )
    return pixels, Annotations(SIZE, boxes, made if masks else None)


def scenes(folder: Path, count: int = 3, **options: bool) -> ImageSet:
    """Some of them as files in a folder, two in a folder of their own below it, with a column `split`."""
    (folder / "deep").mkdir(parents=True)
    found = [scene(seed, **options) for seed in range(count)]
    ids = [f"{'deep/' if place % 2 else ''}{place}.png" for place in range(count)]
    for name, (pixels, _) in zip(ids, found):
        Image.fromarray(pixels).save(folder / name)
    split = {"split": np.array(["train" if place else "test" for place in range(count)])}
    rows = Rows.of(Listed([one for _, one in found]))
    return ImageSet([folder / name for name in ids], np.array(ids), None, split, "scenes", annotations=rows)
