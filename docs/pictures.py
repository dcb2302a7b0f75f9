"""Make the picture of every task's puzzle, docs/images/tasks/NAME.png, from the very puzzles that networks get.

    python docs/pictures.py [NAME ...]

Crops of the photographs that ship with scikit-learn and scikit-image, 64 pixels, without any training.
"""

import sys
from pathlib import Path

import torch

from regard.core.discover import load, names
from regard.create.objective import Known
from regard.create.preview import save_preview
from regard.data.builtin import photo_crops

SIDE = 64


def main(chosen: list[str]) -> None:
    """Write the pictures of the tasks that are named, or of all."""
    folder = Path(__file__).parent / "images" / "tasks"
    folder.mkdir(parents=True, exist_ok=True)
    crops = photo_crops(60, SIDE, seed=3)
    colour = [row for row, item in enumerate(crops.items) if item.std(axis=2).mean() > 8]
    known = Known(crops.subset(colour), crops.subset(colour[:8]), symbols=False)
    images = torch.stack(
        [torch.from_numpy(crops.items[row].copy()).permute(2, 0, 1) for row in colour[:: max(1, len(colour) // 4)][:4]]
    )
    for name in chosen or names("task"):
        method = load("task", name)()
        objective = method.fitted_to(known) if hasattr(method, "fitted_to") else method
        save_preview(folder / f"{name}.png", objective, images, seed=0)
        print(folder / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
