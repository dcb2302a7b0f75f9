"""A mask for each object: the branch of Mask R-CNN.

Paper: He, Gkioxari, Dollár, Girshick 2017, Mask R-CNN, ICCV.

The idea: a small convolutional network looks at the object's region and says for each of 28 x 28 cells, for each class
apart from the others, whether it belongs to the object.

What differs: two convolutions of 32 channels, not four of 256. Cells are cut out of masks and put back into the picture
at exact places, without rounding: a mask whose box and cells fall together with pixels comes back as it was.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.ops import roi_align

from .box_head import Regions
from .objects import Found, Known
from .regions import pooled

CELLS = 14  # of a region's map; its mask has twice as many


class MaskBranch(nn.Module):
    """Masks of regions.

    Args:
        inputs: channels of the levels.
        strides: of the levels that regions are taken from, in pixels.
        classes: how many there are.
        width: channels of the convolutions.
        depth: how many convolutions.
    """

    def __init__(self, inputs: int, strides: Sequence[int], classes: int, width: int = 32, depth: int = 2) -> None:
        super().__init__()
        self.strides = tuple(strides)
        layers: list[nn.Module] = []
        for place in range(depth):
            layers += [nn.Conv2d(width if place else inputs, width, 3, padding=1), nn.ReLU()]
        last = width if depth else inputs
        layers += [nn.ConvTranspose2d(last, width, 2, 2), nn.ReLU(), nn.Conv2d(width, classes, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, levels: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Logits (n, classes, 28, 28) of all boxes."""
        return self.layers(pooled(levels, self.strides, boxes, CELLS)).float()

    def loss(self, levels: Sequence[Tensor], shown: Regions, known: Sequence[Known]) -> Tensor:
        """Binary cross-entropy of the cells of the right class, where the object's mask is known (not empty)."""
        wanted, classes, boxes = [], [], []
        for box, place, one in zip(shown.boxes, shown.place, known):
            assert one.masks is not None
            there = one.masks.flatten(1).any(1)[place]
            place = place[there]
            boxes.append(box[there])
            wanted.append(cut(one.masks, box[there], place, 2 * CELLS))
            classes.append(one.classes[place])
        logits, which = self(levels, boxes), torch.cat(classes)
        own = logits[torch.arange(len(which), device=which.device), which]
        said = binary_cross_entropy_with_logits(own, torch.cat(wanted), reduction="sum")
        return said / max(own.numel(), 1)

    def predict(self, levels: Sequence[Tensor], found: Sequence[Found], size: int) -> list[Found]:
        """The same with a mask for each."""
        return self.found(self(levels, [one.boxes for one in found]), found, size)

    def found(self, logits: Tensor, found: Sequence[Found], size: int) -> list[Found]:
        """The same from what `forward` said of what was found."""
        counts, which = [len(one.boxes) for one in found], torch.cat([one.classes for one in found])
        own = logits[torch.arange(len(which), device=which.device), which].sigmoid().split(counts)
        return [replace(one, masks=pasted(cells, one.boxes, size)) for one, cells in zip(found, own)]


def cut(masks: Tensor, boxes: Tensor, place: Tensor, cells: int) -> Tensor:
    """The cells (n, cells, cells), 0 or 1, of masks (m, S, S) inside boxes (n, 4): 1 where half of a cell is covered.

    Args:
        masks: of the objects.
        boxes: one for each result.
        place: whose mask each box looks at, (n,).
        cells: across a box.
    """
    if not len(boxes):
        return boxes.new_zeros(0, cells, cells)
    rows = torch.cat([place[:, None].to(boxes), boxes], 1)
    return (roi_align(masks[:, None].to(boxes), rows, cells, aligned=True)[:, 0] >= 0.5).to(boxes)


def pasted(cells: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Put cells (n, k, k) of boxes (n, 4) into pictures: masks (n, size, size).

    A pixel whose middle lies in the box belongs to the mask where the bilinear interpolation of the cells about it is
    at least .5; as that is separable, it is two products of matrices.

    >>> whole = pasted(torch.ones(1, 4, 4), torch.tensor([[1.0, 2, 4, 4]]), 5)
    >>> whole.int().tolist()[0]
    [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 1, 1, 1, 0], [0, 1, 1, 1, 0], [0, 0, 0, 0, 0]]
    """
    count = cells.shape[1]
    middle = torch.arange(size, device=boxes.device) + 0.5
    sides = []
    for low, high in ((boxes[:, 1:2], boxes[:, 3:4]), (boxes[:, 0:1], boxes[:, 2:3])):
        at = (middle - low) / (high - low).clamp(min=1e-6) * count
        near = (at - 0.5).clamp(0, count - 1)[..., None] - torch.arange(count, device=boxes.device)
        sides.append((1 - near.abs()).clamp(min=0) * ((at >= 0) & (at < count))[..., None])
    with torch.autocast(boxes.device.type, enabled=False):
        # a hair below one half: what is exactly half a pixel's is so on every machine
        return sides[0] @ cells.to(boxes) @ sides[1].transpose(1, 2) >= 0.5 - 1e-6
