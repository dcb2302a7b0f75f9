"""Anchors: where they lie, and sizes from the training boxes."""

import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator

from regard.core.checks import InputError
from regard.reuse.dense.anchors import RATIOS, Anchors, anchors_from


def test_they_are_torchvisions_about_the_middles_of_cells():
    sizes, ratios, strides, cells = ((8.0, 16.0), (32.0, 64.0)), (0.25, 1.0, 4.0), (4, 8), [(3, 5), (2, 3)]
    theirs = AnchorGenerator(sizes, (ratios,) * 2)
    expected = theirs.grid_anchors([list(one) for one in cells], [[torch.tensor(one)] * 2 for one in strides])
    ours = Anchors(sizes, ratios)
    assert ours.each == 6
    for found, right, stride in zip(ours.grid(cells, strides, torch.device("cpu")), expected, strides):
        # theirs have all sizes of a ratio together, and are about a cell's corner
        cell = right.view(-1, 3, 2, 4).transpose(1, 2).reshape(-1, 4)
        assert torch.equal(found, cell + stride / 2)


def test_without_boxes_they_are_four_to_eight_cells_across():
    usual = anchors_from()
    assert usual.ratios == RATIOS and anchors_from(torch.zeros(0, 4)) == usual
    for sizes, stride in zip(usual.sizes, (4, 8, 16, 32)):
        assert all(4 * stride <= size <= 8 * stride for size in sizes)


def test_they_follow_the_boxes_in_whatever_order_these_come():
    draw = torch.Generator().manual_seed(0)
    sides = torch.stack([torch.full((200,), 12.0), torch.full((200,), 3.0)], 1) * (
        1 + torch.rand(200, 1, generator=draw)
    )
    boxes = torch.cat([torch.zeros(200, 2), sides], 1)
    found = anchors_from(boxes)
    assert found.ratios == (0.25,)  # four times as wide as high, all of them
    area = sides.prod(1).sqrt()
    assert float(area.min()) <= found.sizes[0][0] < found.sizes[0][1] <= float(area.max())
    assert found.sizes[1:] == anchors_from().sizes[1:]
    assert anchors_from(boxes[torch.randperm(200, generator=draw)]) == found
    assert len(anchors_from(boxes, (4, 8, 16, 32, 64), 3).sizes) == 5


@pytest.mark.parametrize("sizes", [((8.0,), (8.0, 16.0)), ((),), ((0.0,),)])
def test_other_numbers_of_sizes_are_refused(sizes):
    with pytest.raises(InputError, match="anchors: expected as many sizes above 0 on each level"):
        Anchors(sizes)
