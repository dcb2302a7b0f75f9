"""All of a dense run as one module, from uint8 pictures of any size to boxes and masks, or to a map of classes.

Proposals, the cutting of regions and non-maximum suppression are written here once more, in operators that ONNX and
OpenVINO have and in shapes that a trace leaves open: `nms` and `roi_align` of torchvision, sorts and gathers. They
follow `proposals`, `regions`, `objects.best`, and what they give is compared with those (`dense_check`). What finds
objects takes one picture at a time, as each has its own number of them; a head for pixels takes any number.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import clip_boxes_to_image, nms, roi_align

from ..dense.answer import MAPS
from ..dense.box_head import CELLS as BOX_CELLS
from ..dense.faster_rcnn import FasterRCNN
from ..dense.fcos import FCOS
from ..dense.mask_head import CELLS as MASK_CELLS
from ..dense.mask_head import pasted
from ..dense.model import DenseModel
from ..dense.objects import CANDIDATES
from ..dense.proposals import OVERLAP
from ..dense.regions import level_of
from .graph import pictures_like, reordered
from .letterbox import Letterbox

LEAST_SIDE = 1e-2


class DenseGraph(nn.Module):
    """Letterbox, network, pyramid, head and all choices.

    Attributes:
        layout: of the input, nhwc or nchw.
        outputs: names of what `forward` returns.
        batch: pictures that go in at once: 1, or -1 for any number.
    """

    def __init__(self, model: DenseModel, layout: str) -> None:
        super().__init__()
        self.layout, self.objective = layout, model.objective
        self.letterbox = Letterbox(model.objective.size, model.objective.colour)
        self.encoder, self.head = model.encoder, model.head
        kinds = {
            "boxes": ("boxes", "scores", "classes"),
            "semantic": ("classes", "probabilities"),
            "depth": ("depth",),
        }
        self.outputs = kinds.get(model.objective.what, ("boxes", "scores", "classes", "masks"))
        self.batch = -1 if model.objective.what in MAPS else 1

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """uint8 (N, H, W, 3), or (N, 3, H, W), to what `outputs` names.

        Of one picture `boxes` (n, 4) float32 in its pixels, `scores` (n,) float32, falling, `classes` (n,) int64 and
        `masks` (n, H, W) of bool; of a semantic head `classes` (N, H, W) int64 and `probabilities` likewise float32;
        of one for depth `depth` (N, H, W) float32 metres.
        """
        x = images.permute(0, 3, 1, 2) if self.layout == "nhwc" else images
        levels = self.head.levels(self.letterbox(x) / 255)
        size, inner = self.objective.size, self.head.inner
        if self.objective.what in MAPS:
            return tuple(self.letterbox.map_out(one, x) for one in inner.predict(levels, size))
        if isinstance(inner, FCOS):
            boxes, scores, classes = _fcos(inner, levels, size)
            seen: Sequence[Tensor] = ()
        else:
            seen = inner.neck(levels)
            boxes, scores, classes = _second_look(inner, seen, size)
        own = self.letterbox.boxes_out(boxes, x)
        # not one that lies wholly in what fills the square up
        there = (own[:, 2:] > own[:, :2]).all(1).nonzero()[:, 0]
        found = (own[there], scores[there], classes[there])
        if len(self.outputs) == 3:
            return found
        masks = _masks(inner, seen, boxes[there], classes[there], size)
        return (*found, self.letterbox.map_out(masks, x))

    def example(self) -> Tensor:
        """Pictures of no meaning, to trace with."""
        return pictures_like(45, 60, max(2 * -self.batch, 1), self.layout)

    def laid_out(self, images_NHWC: Any) -> Any:
        """Pictures (n, h, w, 3) in the layout that `forward` takes."""
        return reordered(images_NHWC, self.layout)


def _fcos(inner: FCOS, levels: Sequence[Tensor], size: int) -> tuple[Tensor, Tensor, Tensor]:
    """What `FCOS.predict` finds in one picture."""
    chosen = inner.settings
    scores, boxes, classes = [], [], []
    for logits, found, central, _ in inner(levels):
        score = (logits[0].sigmoid() * central[0].sigmoid()[:, None]).sqrt().flatten()
        value, which = score.topk(min(chosen.candidates, score.shape[0]))
        cell = torch.div(which, inner.classes, rounding_mode="floor")
        scores.append(value)
        boxes.append(found[0][cell])
        classes.append(which - cell * inner.classes)
    clipped = clip_boxes_to_image(torch.cat(boxes), (size, size))
    return _best(clipped, torch.cat(scores), torch.cat(classes), size, chosen)


def _second_look(inner: FasterRCNN, seen: Sequence[Tensor], size: int) -> tuple[Tensor, Tensor, Tensor]:
    """What `FasterRCNN.predict` finds in one picture, without masks."""
    proposals = _proposals(inner, seen, size)
    logits, moves = inner.box_head.said(_cut(seen, inner.box_head.strides, proposals, BOX_CELLS))
    made = inner.box_head.coder.decode_single(moves[:, 1:].flatten(1), proposals)
    boxes = clip_boxes_to_image(made.reshape(-1, 4), (size, size))
    scores = logits.softmax(1)[:, 1:]
    classes = torch.zeros_like(scores).long() + torch.arange(inner.classes)
    return _best(boxes, scores.reshape(-1), classes.reshape(-1), size, inner.settings)


def _proposals(inner: FasterRCNN, seen: Sequence[Tensor], size: int) -> Tensor:
    """What `Proposer.propose` gives of one picture."""
    chosen = inner.settings
    boxes, scores = [], []
    for objectness, deltas, anchors in zip(*inner.proposer(seen)):
        value, which = objectness[0].topk(min(chosen.candidates, objectness.shape[1]))
        found = inner.proposer.coder.decode_single(deltas[0][which], anchors[which]).reshape(-1, 4)
        found = clip_boxes_to_image(found, (size, size))
        there = (found[:, 2:] - found[:, :2] >= LEAST_SIDE).all(1).nonzero()[:, 0]
        found, value = found[there], value[there]
        kept = nms(found, value, OVERLAP)  # within each level, as there
        boxes.append(found[kept])
        scores.append(value[kept])
    order = torch.cat(scores).sort(descending=True)[1][: chosen.looked]
    return torch.cat(boxes)[order]


def _best(boxes: Tensor, scores: Tensor, classes: Tensor, size: int, chosen: Any) -> tuple[Tensor, Tensor, Tensor]:
    """What `objects.best` chooses, but that equal scores come in any order."""
    sides = (boxes[:, 2:] - boxes[:, :2] >= LEAST_SIDE).all(1)
    there = ((scores >= chosen.least) & sides).nonzero()[:, 0]
    # one more that is nothing, so that no operator ever meets none
    boxes = torch.cat([boxes[there], boxes.new_tensor([[0.0, 0.0, 1.0, 1.0]])])
    scores = torch.cat([scores[there], scores.new_tensor([-1.0])])
    classes = torch.cat([classes[there], classes.new_tensor([0])])
    order = scores.sort(descending=True)[1][:CANDIDATES]
    boxes, scores, classes = boxes[order], scores[order], classes[order]
    kept = nms(boxes + classes[:, None].float() * (size + 1), scores, chosen.overlap)[: chosen.most]
    kept = kept[(scores[kept] >= chosen.least).nonzero()[:, 0]]
    return boxes[kept], scores[kept], classes[kept]


def _masks(inner: FasterRCNN, seen: Sequence[Tensor], boxes: Tensor, classes: Tensor, size: int) -> Tensor:
    """What `MaskBranch.predict` says of the boxes: masks (n, S, S) of bool."""
    branch = inner.mask_branch
    assert branch is not None
    boxes = torch.cat([boxes, boxes.new_tensor([[0.0, 0.0, 1.0, 1.0]])])  # for the same reason
    classes = torch.cat([classes, classes.new_tensor([0])])
    logits = branch.layers(_cut(seen, branch.strides, boxes, MASK_CELLS)).float()
    own = classes[:, None] == torch.arange(logits.shape[1])[None, :]
    cells = (logits * own[:, :, None, None].float()).sum(1).sigmoid()
    return pasted(cells, boxes, size)[:-1]


def _cut(seen: Sequence[Tensor], strides: Sequence[int], boxes: Tensor, cells: int) -> Tensor:
    """What `regions.pooled` cuts out of one picture: each box out of every level, of which its own counts."""
    level = level_of(boxes, strides)
    rows = torch.cat([torch.zeros_like(boxes[:, :1]), boxes], 1)
    parts = []
    for place, (values, stride) in enumerate(zip(seen, strides)):
        cut = roi_align(values, rows, cells, 1 / stride, sampling_ratio=2, aligned=True)
        parts.append(cut * (level == place).float()[:, None, None, None])
    return torch.stack(parts).sum(0)
