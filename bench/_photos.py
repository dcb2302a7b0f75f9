"""JPEGs of about one megapixel, cut from the photographs that ship with scikit-learn and scikit-image."""

from pathlib import Path

import numpy as np
from PIL import Image

from regard.data.builtin import builtin


def make_jpegs(folder: Path, n: int, megapixels: float = 1.0, seed: int = 0) -> list[Path]:
    """Write n different crops, brought to `megapixels`, quality 88; those already there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [Image.open(item).convert("RGB") for item in builtin("photos").items]
    rng = np.random.default_rng(seed)
    paths = []
    for index in range(n):
        source = sources[index % len(sources)]
        width, height = (int(side * rng.uniform(0.5, 1.0)) for side in source.size)
        left, top = (int(rng.integers(0, whole - part + 1)) for whole, part in zip(source.size, (width, height)))
        path = folder / f"{index:05}.jpg"
        if not path.exists():
            scale = (megapixels * 1e6 / (width * height)) ** 0.5
            crop = source.crop((left, top, left + width, top + height))
            crop.resize((int(width * scale), int(height * scale)), Image.Resampling.BICUBIC).save(path, quality=88)
        paths.append(path)
    return paths
