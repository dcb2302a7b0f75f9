"""Two small domains, what a method of deep adaptation sees of them, and runs of a few steps."""

import copy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from regard.adapt.deep.contract import Seen
from regard.adapt.deep.run import adapt_images, adapt_images_events
from regard.data.imageset import ImageSet
from regard.learning.settings import TrainSettings
from regard.representation.representation import Representation

SETTINGS = TrainSettings(
    steps=6, batch=8, precision="fp32", device="cpu", threads=1, checkpoint_seconds=1e9, checkpoint_steps=2, log_every=2
)
OPTIONS: dict[str, Any] = {"settings": SETTINGS, "keep": "last", "backbone_lr_factor": 1.0}


def representation() -> Representation:
    """A network with batch normalisation for pictures of 8 pixels; a copy, which a test may change."""
    return copy.deepcopy(_made())


@lru_cache
def _made() -> Representation:
    found = Representation.load("random:convnet4")
    return replace(found, preprocess=replace(found.preprocess, size=8, resize=8))


def pictures(n: int, name: str, *, shift: int = 0, labels: bool = True) -> ImageSet:
    """Squares of 8 pixels of three classes, by where the light part is; a domain is lighter by `shift`."""
    rng, y = np.random.default_rng(n + shift), np.arange(n) % 3
    pixels = rng.integers(0, 60, (n, 8, 8, 3), dtype=np.uint8)
    for row, code in enumerate(y):
        pixels[row, :, 2 * code : 2 * code + 3] += 100
    ids = np.array([f"{name}{row}" for row in range(n)])
    return ImageSet(list(pixels + np.uint8(shift)), ids, np.array(["a", "b", "c"])[y] if labels else None, name=name)


def domains(n: int = 60, m: int = 21) -> tuple[ImageSet, ImageSet]:
    """A source and a lighter target."""
    return pictures(n, "s"), pictures(m, "t", shift=60)


def seen(n: int = 12, m: int = 9, d: int = 5, k: int = 3, seed: int = 0) -> Seen:
    """Features and logits that ask for gradients; no target label is known."""
    g = torch.Generator().manual_seed(seed)
    tensors = [torch.randn(*shape, generator=g) for shape in ((n, d), (m, d), (n, k), (m, k))]
    tensors[1] += 1
    features_s, features_t, logits_s, logits_t = (one.requires_grad_() for one in tensors)
    none, y = torch.zeros(m, dtype=torch.long), torch.arange(n) % k
    x_s, x_t = (torch.rand(one, 3, 8, 8, generator=g) for one in (n, m))
    found = Seen(features_s, features_t, logits_s, logits_t, y, none, none.bool(), torch.arange(m))
    return found._replace(source_images=x_s, target_images=x_t)


def run(method: str, out: Path, **options: Any) -> Any:
    """A run of a few steps, whose result is returned."""
    source, target = options.pop("domains", None) or domains()
    return adapt_images(source, target, method, representation(), out=out, **{**OPTIONS, **options})


def events(method: str, out: Path, **options: Any) -> Any:
    """The stream of such a run."""
    source, target = options.pop("domains", None) or domains()
    return adapt_images_events(source, target, method, representation(), out=out, **{**OPTIONS, **options})


def weights(folder: Path) -> bytes:
    """What a run has learned."""
    return (folder / "model.safetensors").read_bytes() + (folder / "classifier.safetensors").read_bytes()
