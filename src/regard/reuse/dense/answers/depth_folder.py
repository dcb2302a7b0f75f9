"""Maps of depth: `depth/NAME.png`, 16 bits, millimetres, 0 beyond what they hold; or `NAME.npy`, metres."""

from pathlib import Path

import numpy as np
from torch import Tensor

from ....core.storage import inside
from ....data.annotations._writing import Losses, put_index, put_picture
from ..answer import Answer
from .contract import Asked

STEPS = 1000  # of a metre
FARTHEST = 65534  # of these steps: 65535 is what cameras write where they have measured nothing
LOST = "pixels farther than 16 bits of millimetres hold (65.5 m)"


def put_depth(root: Path, name: str, metres: Tensor, losses: Losses) -> Path:
    """Write a map as a PNG of millimetres, and count what it cannot hold."""
    steps = np.rint(np.asarray(metres, dtype=np.float64) * STEPS)
    far = steps > FARTHEST
    if far.any():
        losses.lost[LOST] += int(far.sum())
    return put_index(root, name, np.where(far, 0, np.maximum(steps, 1)).astype(np.uint16))


class DepthPngFolder:
    """`depth/NAME.png`; with the pictures beside them, in `images`, `regard depth train` reads them again."""

    def __init__(self, root: Path, asked: Asked) -> None:
        self.root, self.asked = root, asked

    def add(self, answer: Answer) -> None:
        """One picture."""
        assert answer.depth is not None
        put_depth(self.root, f"depth/{self.asked.places.stem(answer.row)}.png", answer.depth, self.asked.losses)
        if self.asked.pictures:
            name = self.asked.places.beside(answer.row)
            put_picture(self.asked.images.items[answer.row], self.root / "images", name)

    def close(self, whole: bool) -> None:
        """Nothing is open."""


class NpyFolder:
    """`depth/NAME.npy`, (H, W) float32 metres."""

    def __init__(self, root: Path, asked: Asked) -> None:
        self.root, self.asked = root, asked

    def add(self, answer: Answer) -> None:
        """One picture."""
        assert answer.depth is not None
        target = inside(self.root, f"depth/{self.asked.places.stem(answer.row)}.npy")
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(target, np.asarray(answer.depth, dtype=np.float32), allow_pickle=False)
        if self.asked.pictures:
            name = self.asked.places.beside(answer.row)
            put_picture(self.asked.images.items[answer.row], self.root / "images", name)

    def close(self, whole: bool) -> None:
        """Nothing is open."""
