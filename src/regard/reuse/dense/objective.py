"""A dense task as the learning room has it: what is augmented, which head learns, what its loss is."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...backbones.pyramid import Pyramid
from ...core.checks import bad, check_choice, check_number
from ...learning.batch import Batch
from ...learning.objective import Objective
from ...learning.trainable import START, Log, Moment
from .anchors import Anchors
from .augment import Changes, augmented
from .fast_rcnn import FastRCNN, Proposed
from .faster_rcnn import FasterRCNN
from .fcos import FCOS
from .objects import Objects
from .selective_search import SelectiveSearch
from .semantic import Semantic
from .smp_decoders import SMP

# heads by what they tell, the first one being the usual one
HEADS = {
    "boxes": ("faster_rcnn", "fcos", "fast_rcnn"),
    "masks": ("mask_rcnn",),
    "semantic": ("linear", "fcn", "deeplab"),
}


class OnPyramid(nn.Module):
    """A dense head and the pyramid that it stands on; the pyramid's network is not a part of it.

    Attributes:
        pyramid: of the encoder.
        inner: the head.
    """

    def __init__(self, pyramid: Pyramid, inner: nn.Module) -> None:
        super().__init__()
        self.pyramid, self.inner = pyramid, inner

    def levels(self, images_NCHW: Tensor) -> list[Tensor]:
        """The maps of images in [0, 1], in single precision whatever the network runs in: boxes need it."""
        return [level.float() for level in self.pyramid(images_NCHW)]


@dataclass(frozen=True)
class Dense(Objective):
    """Boxes, boxes with masks, or the class of each pixel.

    Attributes:
        what: `boxes`, `masks` or `semantic`.
        kind: the head, one of `HEADS[what]`; of `semantic` also one of `SMP`.
        size: side of the square that pictures are brought to, in pixels.
        names: the classes in the order of the outputs; of `semantic` with the background, where it is one.
        anchors: of a head that has them; None: usual ones.
        colour: (red, green, blue) in [0, 1] of what fills the square up.
        augment: learn from changed pictures.
        search: what proposes boxes to a head that is given them, where nothing else does.
    """

    what: str = "boxes"
    kind: str = "faster_rcnn"
    size: int = 256
    names: tuple[str, ...] = ()
    anchors: Anchors | None = None
    colour: tuple[float, ...] = (0.5, 0.5, 0.5)
    augment: bool = True
    search: SelectiveSearch | None = None

    main: ClassVar[str] = "ap50"  # of `semantic` miou: what the run's own scores say counts

    def __post_init__(self) -> None:
        check_choice("what", self.what, list(HEADS))
        check_choice("head", self.kind, [*HEADS[self.what], *(SMP if self.what == "semantic" else ())])
        check_number("size", self.size, 32, 4096, whole=True)
        if not self.names:
            raise bad("names", self.names, "at least one class")

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return self.names

    @property
    def needs_labels(self) -> bool:
        """Annotations are."""
        return True

    def head(self, encoder: Encoder) -> OnPyramid:
        """The head on the encoder's pyramid.

        Raises:
            InputError: a network without maps.
        """
        pyramid, count = Pyramid(encoder), len(self.names)
        inner: nn.Module
        if self.what == "semantic":
            inner = Semantic(pyramid.info, count, self.kind)
        elif self.kind == "fcos":
            inner = FCOS(pyramid.info, count)
        elif self.kind == "fast_rcnn":
            inner = FastRCNN(pyramid.info, count)
        else:
            inner = FasterRCNN(pyramid.info, count, self.anchors, masks=self.what == "masks")
        return OnPyramid(pyramid, inner)

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Objects | Proposed | Tensor]:
        """The pictures, changed in training, and what they show."""
        if self.augment and not batch.held_out:
            batch = augmented(batch, Changes(), generator, self.colour)
        if self.kind == "fast_rcnn":
            return batch.images, Proposed(objects_of(batch), batch["proposals"])
        return batch.images, batch["semantic"] if self.what == "semantic" else objects_of(batch)

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: Objects | Proposed | Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """The head's, and its parts by name."""
        levels = head.levels(inputs)
        with torch.autocast(inputs.device.type, enabled=False):
            total, parts = head.inner.loss(levels, targets)
        return total, parts


def objects_of(batch: Batch) -> Objects:
    """The objects of a batch."""
    return Objects(batch["boxes"], batch["classes"], batch["ignore"], batch.get("masks"))
