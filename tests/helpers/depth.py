"""Rendered scenes as folders of pictures and of depth."""

from pathlib import Path

import numpy as np
from PIL import Image

from regard.data.scenes import scenes


def depth_folder(root: Path, n: int, size: int = 32, **more: object) -> Path:
    """Write images/K.png, and depth/K.png in millimetres with a hole, and return the folder."""
    images = scenes(n, size=size, **more)  # type: ignore[arg-type]
    assert images.annotations is not None
    for place in ("images", "depth"):
        (root / place).mkdir(parents=True)
    for row, item in enumerate(images.items):
        depth = images.annotations[row].depth
        assert depth is not None
        values = (1000 * depth.metres).round().astype(np.uint16)
        values[:2, :3] = 0
        Image.fromarray(np.asarray(item)).save(root / "images" / f"{row}.png")
        Image.fromarray(values).save(root / "depth" / f"{row}.png")
    return root
