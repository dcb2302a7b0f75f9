"""A dense model in stages: what is arithmetic alone, for whoever runs it fastest, and what is chosen between them.

The first stage goes from pictures to maps and to what the head says of every anchor or cell; two more look at regions
that were cut out, for boxes and for masks. Proposals, the cutting of regions, non-maximum suppression and the putting
of masks into pictures stay what they are in the heads. Run by torch the stages are the model, to the last bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .box_head import CELLS as BOX_CELLS
from .box_head import BoxHead
from .depth import DepthHead
from .faster_rcnn import FasterRCNN
from .fcos import FCOS
from .mask_head import CELLS as MASK_CELLS
from .mask_head import MaskBranch
from .objective import OnPyramid
from .objects import Found
from .proposals import Answers
from .regions import pooled
from .semantic import Semantic

Told = list[Found] | tuple[Tensor, ...]  # what `predict` of a head gives
Stage = Callable[[Tensor], Sequence[Tensor]]
Begun = Callable[[], Sequence[Tensor]]  # waits for a stage that was started


class First(nn.Module):
    """Pictures (N, 3, S, S), in [0, 1] or in bytes, to what the head chooses from, as a flat tuple of tensors.

    Of Faster and Mask R-CNN the neck's levels, then objectness, then moves; of FCOS logits, boxes and centrality; of
    a semantic head the class of each pixel and its probability; of one for depth that.
    """

    def __init__(self, encoder: nn.Module, head: OnPyramid) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head  # the encoder's name is in those of its layers, in a trace

    def forward(self, images_NCHW: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        if not images_NCHW.is_floating_point():
            images_NCHW = images_NCHW.float() / 255
        levels, inner = self.head.levels(images_NCHW), self.head.inner
        if isinstance(inner, FasterRCNN):
            seen = inner.neck(levels)
            said = inner.proposer(seen)
            return (*seen, *said.objectness, *said.deltas)
        if isinstance(inner, FCOS):
            logits, boxes, central, _ = zip(*inner(levels))
            return (*logits, *boxes, *central)
        assert isinstance(inner, Semantic | DepthHead)
        return inner.predict(levels, int(images_NCHW.shape[2]))


class Boxes(nn.Module):
    """Cut regions (n, C, 7, 7) to logits (n, classes + 1) and moves (n, classes + 1, 4)."""

    def __init__(self, head: BoxHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        return self.head.said(cells)


class Masks(nn.Module):
    """Cut regions (n, C, 14, 14) to logits (n, classes, 28, 28)."""

    def __init__(self, branch: MaskBranch) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, cells: Tensor) -> tuple[Tensor]:
        """See the class."""
        return (self.branch.layers(cells).float(),)


@dataclass(frozen=True)
class Parts:
    """The stages of a model, as modules."""

    first: First
    boxes: Boxes | None = None
    masks: Masks | None = None

    @property
    def width(self) -> int:
        """Channels of cut regions."""
        return int(self.first.head.inner.neck.width)


def in_stages(head: OnPyramid) -> bool:
    """Whether a head is one of those that are taken apart here."""
    return isinstance(head.inner, FasterRCNN | FCOS | Semantic | DepthHead)


def parts_of(encoder: nn.Module, head: OnPyramid) -> Parts:
    """The stages of a network with its head."""
    first, inner = First(encoder, head), head.inner
    if not isinstance(inner, FasterRCNN):
        return Parts(first)
    masks = None if inner.mask_branch is None else Masks(inner.mask_branch)
    return Parts(first, Boxes(inner.box_head), masks)


@dataclass(frozen=True)
class Staged:
    """A model whose stages are run by whoever is named here; called, it gives what the head's `predict` gives.

    Attributes:
        head: the head with its choices.
        first: runs the first stage.
        boxes: runs that of boxes, where there is one.
        masks: that of masks.
        started: starts the first stage, which goes on while other things are done; None: it is run when it is asked.
    """

    head: OnPyramid
    first: Stage
    boxes: Stage | None = None
    masks: Stage | None = None
    started: Callable[[Tensor], Begun] | None = None

    @torch.no_grad()
    def __call__(self, images_NCHW: Tensor) -> Told:
        """What is in each of N squares (3, S, S) in [0, 1]."""
        return self.chosen(self.first(images_NCHW), int(images_NCHW.shape[2]))

    def begin(self, images_NCHW: Tensor) -> Begun:
        """Start the first stage, where it can be; what comes back waits for what it says."""
        return self.started(images_NCHW) if self.started else partial(self.first, images_NCHW)

    @torch.no_grad()
    def chosen(self, said: Sequence[Tensor], size: int) -> Told:
        """The answer that follows from what the first stage said, of squares of `size` pixels."""
        inner: Any = self.head.inner
        if isinstance(inner, FasterRCNN):
            return self._regions(inner, said, size)
        if isinstance(inner, FCOS):
            count = len(inner.neck.strides)
            levels = list(zip(said[:count], said[count : 2 * count], said[2 * count :]))
            return inner.chosen(levels, size)
        # of whole numbers, which are classes, a runtime may give narrower ones
        return tuple(one if one.is_floating_point() else one.long() for one in said)

    def _regions(self, inner: FasterRCNN, said: Sequence[Tensor], size: int) -> list[Found]:
        assert self.boxes is not None
        chosen, count = inner.settings, len(inner.neck.strides)
        seen, objectness, deltas = (list(said[at * count : (at + 1) * count]) for at in range(3))
        cells = [(int(one.shape[2]), int(one.shape[3])) for one in seen]
        anchors = inner.proposer.anchors.grid(cells, inner.proposer.strides, seen[0].device)
        answers = Answers(objectness, deltas, anchors)
        proposals = inner.proposer.propose(answers, size, chosen.candidates, chosen.looked)
        cut = pooled(seen, inner.box_head.strides, proposals, BOX_CELLS)
        logits, moves = self.boxes(cut)
        found = inner.box_head.found(logits, moves, proposals, size, chosen.least, chosen.overlap, chosen.most)
        if inner.mask_branch is None or self.masks is None:
            return found
        cut = pooled(seen, inner.mask_branch.strides, [one.boxes for one in found], MASK_CELLS)
        return inner.mask_branch.found(self.masks(cut)[0], found, size)


def by_torch(encoder: nn.Module, head: OnPyramid) -> Staged:
    """All stages in torch, as they are."""
    parts = parts_of(encoder, head)
    return Staged(head, parts.first, parts.boxes, parts.masks)
