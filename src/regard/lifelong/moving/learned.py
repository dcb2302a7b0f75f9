"""What is known after a task, in the task's folder: a representation, its classifier, the memory, what is kept.

Beside what every run folder holds there are `kept.safetensors`, what the method keeps for later tasks, with the method
and its settings in the header, and `memory.safetensors` where there is a memory. Both are sealed.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...backbones.modes import evaluating
from ...core.checks import bad
from ...core.discover import load
from ...core.reading import parsed
from ...core.storage import hash_json, load_tensors, plain, read_header, save_tensors
from ...data.imageset import ImageSet
from ...learning.batches import Feed
from ...learning.module import channels_last
from ...representation.classifier import read_classifier
from ...representation.representation import Representation
from ..memory import Memory
from ..memory_files import load_memory, save_memory
from .contract import LearnMethod, Tensors

KEPT, MEMORY = "kept.safetensors", "memory.safetensors"


@dataclass(frozen=True, eq=False)
class Learned:
    """What a learner is after a task.

    Attributes:
        representation: its encoder with the card.
        classifier: features to one logit a class.
        classes: in the order in which they came: that of the logits.
        method: with its settings.
        number: of the last task, from 0.
        memory: None where the method has none.
        kept: what the method keeps beside it.
        mark: hash of memory and kept, for whoever goes on from here.
    """

    representation: Representation
    classifier: nn.Linear
    classes: tuple[str, ...]
    method: LearnMethod
    number: int
    memory: Memory | None
    kept: Tensors
    mark: str

    @staticmethod
    def load(folder: str | Path) -> "Learned":
        """Read a task's folder.

        Raises:
            InputError: no such folder, one that is not finished, or files that were changed.
        """
        folder = Path(folder)
        if not (folder / KEPT).is_file():
            raise bad("folder", str(folder), "the folder of a task that was learned, such as RUN/tasks/00")
        head, header = read_classifier(folder, layer=True), read_header(folder / KEPT)
        representation = Representation.load(folder)
        classifier = linear_of(torch.from_numpy(head.weight), torch.from_numpy(head.bias))
        method = load("learn", header["method"])(**parsed(header["settings"], folder / KEPT))
        memory = load_memory(folder / MEMORY) if (folder / MEMORY).exists() else None
        mark = [header["seal"], read_header(folder / MEMORY)["seal"] if memory is not None else ""]
        kept = load_tensors(folder / KEPT)
        return Learned(
            representation, classifier, head.classes, method, int(header["number"]), memory, kept, hash_json(mark)
        )

    @property
    def nbytes(self) -> dict[str, int]:
        """Bytes that are kept for later tasks beside the network: of the memory, the method, and an old network."""
        old = sum(one.nbytes for one in self.representation.encoder.state_dict().values())
        return {
            "memory_bytes": 0 if self.memory is None else self.memory.nbytes,
            "kept_bytes": sum(one.nbytes for one in self.kept.values()),
            "old_network_bytes": old if self.method.needs_old and self.method.remembers else 0,
        }

    def scores(self, images: ImageSet) -> np.ndarray:
        """(n, K) scores in the order of `classes`, on the device that the network is on."""
        feed = Feed(images, self.representation.preprocess)
        network, found = self.representation.encoder, []
        for x, _ in told_of(feed, next(network.parameters()).device):
            features, logits = said_of(network, self.classifier, x)
            found.append(self.method.scores(features, logits, self.kept).cpu())
        return torch.cat(found).numpy()

    def predict(self, images: ImageSet) -> np.ndarray:
        """(n,) names of classes."""
        return np.array(self.classes)[self.scores(images).argmax(axis=1)]


def save_kept(folder: Path, name: str, method: LearnMethod, number: int, kept: Tensors, memory: Memory | None) -> None:
    """Write what a task leaves for the next one."""
    told = {"method": name, "settings": json.dumps(plain(asdict(method))), "number": str(number)}
    save_tensors(folder / KEPT, kept, told, seal=True)
    if memory is not None:
        save_memory(folder / MEMORY, memory)


def linear_of(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A linear layer with these weights (K, D) and (K,)."""
    made = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        made.weight.copy_(weight)
        made.bias.copy_(bias)
    return made


def told_of(feed: Feed, device: Any, size: int = 128) -> Iterator[tuple[Tensor, Tensor]]:
    """All images as they are, (n, 3, H, W) in [0, 1], with the places of their labels (0 where there are none)."""
    for batch in feed.in_order(size):
        x = channels_last(batch.images.to(device).float() / 255)
        labels = batch.get("labels")
        yield x, torch.zeros(len(x), dtype=torch.long, device=device) if labels is None else labels.to(device)


@torch.no_grad()
def said_of(network: nn.Module, classifier: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Features (n, D) and logits (n, K), float32, in evaluation mode."""
    with evaluating(network):
        features = network(x).float()
    return features, classifier(features).float()
