"""A dense task as the learning room has it: what is augmented, which head learns, what its loss is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from ...backbones.contract import FeatureInfo
from ...backbones.encoder import Encoder
from ...backbones.pyramid import Pyramid
from ...core.checks import bad, check_choice, check_number
from ...learning.batch import Batch
from ...learning.objective import Objective
from ...learning.trainable import START, Log, Moment
from .anchors import Anchors
from .augment import Changes, augmented
from .centers import Centers, SpaceObjects
from .depth import HEADS as DEPTH
from .depth import DepthHead, limits_of
from .fast_rcnn import FastRCNN, Proposed
from .faster_rcnn import FasterRCNN
from .fcos import FCOS
from .objects import Objects
from .selective_search import SelectiveSearch
from .semantic import Semantic
from .smp_decoders import SMP
from .space_statistics import usual_of
from .targets import CLASSLESS

# heads by what they tell, the first one being the usual one
HEADS = {
    "boxes": ("faster_rcnn", "fcos", "fast_rcnn"),
    "masks": ("mask_rcnn",),
    "semantic": ("linear", "fcn", "deeplab"),
    "depth": DEPTH,
    "boxes3d": ("centers",),
}

# of tasks that learn from other changes than the usual ones. Depth: a zoom would hide how far what has no known size
# is, which the camera and the place tell. To objects in space it is another lens, and cameras of one set of pictures
# differ little
CHANGES: Mapping[str, Changes] = {"depth": Changes(zoom=(1.0, 1.0)), "boxes3d": Changes(zoom=(0.85, 1.2))}

Target: TypeAlias = Objects | Proposed | SpaceObjects | Tensor


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
    """Boxes, boxes with masks, the class of each pixel, how far away it is, or boxes in space.

    Attributes:
        what: one of `HEADS`.
        kind: the head, one of `HEADS[what]`; of `semantic` also one of `SMP`.
        size: side of the square that pictures are brought to, in pixels.
        names: the classes in the order of the outputs; of `semantic` with the background, where it is one;
            none of `depth`.
        anchors: of a head that has them; None: usual ones.
        colour: (red, green, blue) in [0, 1] of what fills the square up.
        augment: learn from changed pictures.
        search: what proposes boxes to a head that is given them, where nothing else does.
        statistics: what a task counts in the training pictures before anything learns, by name; see `train.STATISTICS`.
    """

    what: str = "boxes"
    kind: str = "faster_rcnn"
    size: int = 256
    names: tuple[str, ...] = ()
    anchors: Anchors | None = None
    colour: tuple[float, ...] = (0.5, 0.5, 0.5)
    augment: bool = True
    search: SelectiveSearch | None = None
    statistics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    main: ClassVar[str] = "ap50"  # of other tasks another: what the run's own scores say counts

    def __post_init__(self) -> None:
        check_choice("what", self.what, list(HEADS))
        check_choice("head", self.kind, [*HEADS[self.what], *(SMP if self.what == "semantic" else ())])
        check_number("size", self.size, 32, 4096, whole=True)
        if not self.names and self.what not in CLASSLESS:
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
        pyramid = Pyramid(encoder)
        return OnPyramid(pyramid, MAKERS[self.what](self, pyramid.info))

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Target]:
        """The pictures, changed in training, and what they show."""
        if self.augment and not batch.held_out:
            batch = augmented(batch, CHANGES.get(self.what, Changes()), generator, self.colour)
        return batch.images, TARGETS[self.what](self, batch)

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: Target, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """The head's, and its parts by name."""
        levels = head.levels(inputs)
        with torch.autocast(inputs.device.type, enabled=False):
            total, parts = head.inner.loss(levels, targets)
        return total, parts


def _object_head(task: Dense, info: Sequence[FeatureInfo]) -> nn.Module:
    count = len(task.names)
    if task.kind == "fcos":
        return FCOS(info, count)
    if task.kind == "fast_rcnn":
        return FastRCNN(info, count)
    return FasterRCNN(info, count, task.anchors, masks=task.what == "masks")


def _object_targets(task: Dense, batch: Batch) -> Target:
    objects = objects_of(batch)
    return Proposed(objects, batch["proposals"]) if task.kind == "fast_rcnn" else objects


# of each task: the head on the levels of a pyramid, and what of a batch its loss is told
MAKERS: Mapping[str, Callable[[Dense, Sequence[FeatureInfo]], nn.Module]] = {
    "boxes": _object_head,
    "masks": _object_head,
    "semantic": lambda task, info: Semantic(info, len(task.names), task.kind),
    "depth": lambda task, info: DepthHead(info, task.kind, limits_of(task.statistics)),
    "boxes3d": lambda task, info: Centers(info, len(task.names), usual_of(task.statistics, len(task.names))),
}
TARGETS: Mapping[str, Callable[[Dense, Batch], Target]] = {
    "boxes": _object_targets,
    "masks": _object_targets,
    "semantic": lambda task, batch: batch["semantic"],
    "depth": lambda task, batch: batch["depth"],
    "boxes3d": lambda task, batch: SpaceObjects(*(batch[name] for name in SpaceObjects._fields)),
}


def objects_of(batch: Batch) -> Objects:
    """The objects of a batch."""
    return Objects(batch["boxes"], batch["classes"], batch["ignore"], batch.get("masks"))
