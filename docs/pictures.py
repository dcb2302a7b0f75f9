"""Make the picture of every task's puzzle, docs/images/tasks/NAME.png, from the very puzzles that networks get.

    python docs/pictures.py [NAME ...]

Crops of the photographs that ship with scikit-learn and scikit-image, 64 pixels, without any training. `verification`
is docs/images/verification.jpg: a turned part of a photograph, found in the whole by its points.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from regard.core.discover import load, names
from regard.data.builtin import photo_crops, photos
from regard.learning.objective import Split
from regard.learning.preview import save_preview
from regard.reuse.search.verify.draw import draw
from regard.reuse.search.verify.features import extract
from regard.reuse.search.verify.geometry import verify

SIDE = 64


def verification(folder: Path) -> None:
    """A part of a photograph, turned, darker and smaller, beside the photograph with the box where it lies."""
    photo = Image.open(next(path for path in photos().items if Path(str(path)).stem == "astronaut")).convert("RGB")
    part = photo.rotate(25, Image.Resampling.BICUBIC).crop((110, 110, 330, 390)).resize((176, 224))
    query, whole = np.asarray(part) // 3 * 2, np.asarray(photo)
    found = verify(extract(query), extract(whole))
    Image.fromarray(draw(query, whole, found, height=400, lines=40)).save(folder / "verification.jpg", quality=85)


def main(chosen: list[str]) -> None:
    """Write the pictures of the tasks that are named, or of all."""
    if not chosen or "verification" in chosen:
        verification(Path(__file__).parent / "images")
    if chosen == ["verification"]:
        return
    folder = Path(__file__).parent / "images" / "tasks"
    folder.mkdir(parents=True, exist_ok=True)
    crops = photo_crops(60, SIDE, seed=3)
    colour = [row for row, item in enumerate(crops.items) if item.std(axis=2).mean() > 8]
    known = Split(crops.subset(colour), crops.subset(colour[:8]), symbols=False)
    images = torch.stack(
        [torch.from_numpy(crops.items[row].copy()).permute(2, 0, 1) for row in colour[:: max(1, len(colour) // 4)][:4]]
    )
    for name in chosen or names("task"):
        method = load("task", name)()
        objective = method.configure(known) if hasattr(method, "configure") else method
        save_preview(folder / f"{name}.png", objective, images, seed=0)
        print(folder / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
