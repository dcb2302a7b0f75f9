"""All of a run or a representation as one module: uint8 pictures of any size in, vectors or probabilities out."""

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ...core.checks import bad
from ...representation.classifier import Classifier
from ...representation.representation import Representation
from ...representation.runner import Pixels
from ...representation.transform.learned import LearnedWhiten
from ...representation.transform.pca import PCAWhiten
from ...representation.transform.steps import L2, Chain, Power, Step
from .resize import Prepared

LAYOUTS = ("nhwc", "nchw")
INPUT = "images"


class Exportable(Protocol):
    """What can be written: a module from uint8 pictures to what `outputs` names; `batch` is 1, or -1 for any number."""

    outputs: tuple[str, ...]
    layout: str
    batch: int

    def state_dict(self) -> dict[str, Tensor]:
        """Its weights."""
        ...

    def example(self) -> Tensor:
        """Pictures to trace with."""
        ...

    def laid_out(self, images_NHWC: np.ndarray) -> np.ndarray:
        """Pictures (n, h, w, 3) as it takes them."""
        ...


class Graph(nn.Module):
    """Preprocessing, network, pooling, transform and, where there is one, the classifier.

    Attributes:
        outputs: names of what `forward` returns: `vectors`, or `probabilities` and `vectors`.
        batch: pictures that go in at once: any number.
    """

    batch = -1

    def __init__(self, rep: Representation, classifier: Classifier | None, layout: str) -> None:
        super().__init__()
        self.layout, self.preprocess = layout, rep.preprocess
        self.prepared = Prepared(rep.preprocess)
        self.pixels = Pixels(rep.encoder, None, rep.pooled)
        self.transform = Steps(rep.transform) if rep.transform is not None else None
        self.head = _linear(classifier) if classifier is not None else None
        self.outputs = ("vectors",) if classifier is None else ("probabilities", "vectors")

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """uint8 (N, H, W, 3), or (N, 3, H, W), to what `outputs` names, each (N, ...) float32."""
        x = self.prepared(images.permute(0, 3, 1, 2) if self.layout == "nhwc" else images)
        vectors = self.pixels(x)
        if self.transform is not None:
            vectors = self.transform(vectors)
        if self.head is None:
            return vectors
        return self.head(vectors).softmax(1), vectors

    def example(self) -> Tensor:
        """Pictures of no meaning, to trace with."""
        return pictures_like(45, 60, 2, self.layout)

    def laid_out(self, images_NHWC: np.ndarray) -> np.ndarray:
        """Pictures (n, h, w, 3) in the layout that `forward` takes."""
        return reordered(images_NHWC, self.layout)


def pictures_like(height: int, width: int, count: int, layout: str) -> Tensor:
    """Waves of uint8, of no meaning, in a layout: what a graph is traced with."""
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 9 + y / 5), np.cos(y / 7), np.sin(x * y / 300)], axis=-1)
    one = torch.from_numpy((waves * 100 + 128).astype(np.uint8))
    made = torch.stack([one, *(one.flip(0),) * (count - 1)])
    return made if layout == "nhwc" else made.permute(0, 3, 1, 2).contiguous()


def reordered(images_NHWC: np.ndarray, layout: str) -> np.ndarray:
    """Pictures (n, h, w, 3) in a layout."""
    return np.ascontiguousarray(images_NHWC if layout == "nhwc" else images_NHWC.transpose(0, 3, 1, 2))


class Steps(nn.Module):
    """A representation's transform of vectors in torch, in float32."""

    def __init__(self, transform: Step) -> None:
        super().__init__()
        self.kinds: list[tuple[str, float]] = []
        for place, step in enumerate(transform.steps if isinstance(transform, Chain) else (transform,)):
            if isinstance(step, PCAWhiten | LearnedWhiten):
                turn = step.projection if isinstance(step, LearnedWhiten) else _turn(step)
                for name, value in (("turn", turn), ("mean", step.mean)):
                    self.register_buffer(f"{name}{place}", torch.from_numpy(np.array(value, np.float32)))
                self.kinds.append(("turn", 0.0))
            elif isinstance(step, L2 | Power):
                self.kinds.append((step.kind, float(getattr(step, "alpha", 0.0))))
            else:
                raise bad("transform", step.kind, "l2, power, pca_whiten or learned_whiten")

    def forward(self, vectors: Tensor) -> Tensor:
        """(N, d) to (N, dim)."""
        for place, (kind, alpha) in enumerate(self.kinds):
            if kind == "turn":
                mean, turn = getattr(self, f"mean{place}"), getattr(self, f"turn{place}")
                vectors = (vectors - mean) @ turn.transpose(0, 1)
            elif kind == "power":
                vectors = vectors.sign() * vectors.abs() ** alpha
            else:
                length = torch.sqrt((vectors * vectors).sum(1, keepdim=True))
                vectors = vectors / torch.where(length > 0, length, torch.ones_like(length))
        return vectors


def _turn(step: PCAWhiten) -> np.ndarray:
    """(dim, d): the axes, each divided by its variance to the power."""
    return step.components.astype(np.float64) * (step.eigenvalues.astype(np.float64) ** -step.power)[:, None]


def _linear(classifier: Classifier) -> nn.Linear:
    head = nn.Linear(classifier.weight.shape[1], len(classifier.classes))
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(classifier.weight))
        head.bias.copy_(torch.from_numpy(classifier.bias))
    return head


def frozen(module: nn.Module) -> Any:
    """In evaluation mode, without gradients."""
    return module.eval().requires_grad_(False)
