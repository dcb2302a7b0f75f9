"""Tasks of a few steps that are learned from images alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from helpers.adapting import SETTINGS, pictures
from regard.data.imageset import ImageSet
from regard.lifelong.unlabelled.task import learn_unlabelled, learn_unlabelled_events
from regard.representation.representation import Representation

SHORT = replace(SETTINGS, steps=4, checkpoint_steps=2, log_every=2)
ONE, OTHER = pictures(40, "one", labels=False), pictures(40, "other", shift=60, labels=False)
FILES = ("model.safetensors", "head.safetensors")


def options(method: str, **more: Any) -> dict[str, Any]:
    """Those of a short run; what foretells is small."""
    chosen = {} if method == "finetune" else {"hidden": 8}
    return {"settings": SHORT, **more, "chosen": chosen | more.get("chosen", {})}


def learn(images: ImageSet, before: Any, method: str, out: Path, **more: Any) -> Representation:
    """A task of a few steps."""
    return learn_unlabelled(images, before, method, out=out, **options(method, **more))


def events(images: ImageSet, before: Any, method: str, out: Path, **more: Any) -> Any:
    """The stream of such a task."""
    return learn_unlabelled_events(images, before, method, out=out, **options(method, **more))


def left(folder: Path) -> list[bytes]:
    """The network and the head that a task left."""
    return [(folder / name).read_bytes() for name in FILES]
