"""A stream of three small tasks, what a method that learns them sees of a batch, and tasks of a few steps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from helpers.adapting import SETTINGS, pictures, representation
from regard.core.storage import hash_tensors, load_tensors, read_header
from regard.data.imageset import ImageSet
from regard.lifelong.moving.contract import Replayed, Seen
from regard.lifelong.moving.learned import Learned
from regard.lifelong.moving.task import learn_task, learn_task_events, task_folder

SHORT = replace(SETTINGS, steps=4, checkpoint_steps=2, log_every=2)
OPTIONS: dict[str, Any] = {"settings": SHORT, "backbone_lr_factor": 1.0, "recipe": "none"}


def task(*classes: str, n: int = 30) -> ImageSet:
    """Squares of 8 pixels of some of three classes."""
    every = pictures(n, "t")
    return every.subset(np.isin(every.labels, classes))


def seen(n: int = 6, m: int = 5, old: int = 2, k: int = 4, d: int = 3, seed: int = 0) -> Seen:
    """A batch of the classes that are not old, and a memory of those that are; the network asks for gradients."""
    g = torch.Generator().manual_seed(seed)
    tensors = [torch.randn(*shape, generator=g).requires_grad_() for shape in ((n, d), (m, d), (n, k), (m, k))]
    place, kept = torch.arange(k), torch.full((m, k), torch.nan)
    kept[:, :old] = torch.randn(m, old, generator=g)
    old_logits = [torch.randn(count, old, generator=g) for count in (n, m)]
    memory = Replayed(tensors[1], tensors[3], torch.arange(m) % old, kept, old_logits[1])
    labels = old + torch.arange(n) % (k - old)
    old_features, by_old = torch.randn(n, d, generator=g), tensors[0] @ torch.randn(d, old, generator=g)
    here = place < old, place >= old
    return Seen(tensors[0], tensors[2], labels, *here, old_logits[0], memory, old_features, by_old)


def learn(images: ImageSet, before: Any, method: str, out: Path, **options: Any) -> Learned:
    """A task of a few steps."""
    return learn_task(images, before, method, out=out, **{**OPTIONS, **options})


def events(images: ImageSet, before: Any, method: str, out: Path, **options: Any) -> Any:
    """The stream of such a task."""
    return learn_task_events(images, before, method, out=out, **{**OPTIONS, **options})


def stream(method: str, out: Path, *tasks: ImageSet, **options: Any) -> Learned:
    """Task after task, each in its folder, from a small network."""
    before: Any = representation()
    for number, images in enumerate(tasks):
        before = learn(images, before, method, task_folder(out, number), **options)
    return before


def left(folder: Path) -> list[Any]:
    """All that a task leaves for the next one: of each file the hash of its tensors, and its header."""
    files = [folder / f"{name}.safetensors" for name in ("model", "classifier", "kept", "memory")]
    return [(file.name, hash_tensors(load_tensors(file)), read_header(file)) for file in files if file.exists()]


def weights(folder: Path) -> bytes:
    """Network and classifier."""
    return (folder / "model.safetensors").read_bytes() + (folder / "classifier.safetensors").read_bytes()
