"""Pictures without meaning, in memory and as files, and files of pictures written by hand."""

import io
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image


def noise(n: int, height: int = 32, width: int | None = None, seed: int = 0) -> list[np.ndarray]:
    """Pictures (height, width, 3) uint8 of noise."""
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 255, (height, width or height, 3), dtype=np.uint8) for _ in range(n)]


def save_noise(folder: Path, names: Iterable[str], height: int = 32, width: int | None = None, seed: int = 0) -> Path:
    """A folder with a picture of noise under each of these names, `cat/0.png` among them; returns it."""
    names = list(names)
    for name, pixels in zip(names, noise(len(names), height, width, seed)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def as_bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file of this kind."""
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def rng(seed: int = 0) -> torch.Generator:
    """A generator of torch's."""
    return torch.Generator().manual_seed(seed)


def batch_of(n: int = 4, side: int = 32, seed: int = 0) -> torch.Tensor:
    """Images (n, 3, side, side) of noise in [0, 1]."""
    return torch.rand(n, 3, side, side, generator=rng(seed))
