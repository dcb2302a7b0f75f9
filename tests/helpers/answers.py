"""Answers of which everything is known, as a dense model would give them; no model is needed."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from regard.data.annotations.masks import Masks
from regard.data.imageset import ImageSet
from regard.reuse.dense.answer import Answer

NAMES = ("cat", "dog & <bird>", "vache")
MAP = ("background", *NAMES)


def pictures(folder: Path, ids: list[str], size: tuple[int, int] = (40, 56)) -> ImageSet:
    """Files with these names, of noise."""
    rng = np.random.default_rng(0)
    for name in ids:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(folder / name)
    return ImageSet([folder / name for name in ids], np.array(ids), root=folder)


def answer(row: int, what: str, size: tuple[int, int] = (40, 56), seed: int = 0, count: int = 6) -> Answer:
    """Discs, of which some overlap, from a score of .95 down to .1."""
    rng = np.random.default_rng((seed, row))
    empty = torch.zeros(0)
    if what == "semantic":
        values = torch.from_numpy(
            np.kron(rng.integers(0, len(MAP), (-(-size[0] // 8), -(-size[1] // 8))), np.ones((8, 8)))
        )
        return Answer(row, size, empty.view(0, 4), empty, empty.long(), None, values[: size[0], : size[1]].long())
    y, x = np.mgrid[: size[0], : size[1]]
    discs = [
        (x - rng.integers(6, size[1] - 6)) ** 2 + (y - rng.integers(6, size[0] - 6)) ** 2 < rng.integers(20, 120)
        for _ in range(count)
    ]
    masks = np.array(discs, dtype=bool).reshape(count, *size)
    boxes = torch.from_numpy(Masks.from_arrays(masks).extents)
    scores, classes = torch.linspace(0.95, 0.1, count), torch.from_numpy(rng.integers(0, len(NAMES), count))
    return Answer(row, size, boxes, scores, classes, torch.from_numpy(masks) if what == "masks" else None)
