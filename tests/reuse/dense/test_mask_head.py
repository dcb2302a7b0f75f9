"""The mask branch: cells are cut and pasted exactly, unknown masks do not count, eight scenes are learned by heart."""

import pytest
import torch

from helpers.shapes import built, empty, gradients, levels_of, scenes
from regard.core.checks import InputError
from regard.reuse.dense.box_head import Regions
from regard.reuse.dense.faster_rcnn import FasterRCNN, Settings
from regard.reuse.dense.mask_head import MaskBranch, cut, pasted
from regard.reuse.dense.neck import Neck
from regard.reuse.dense.objects import Found

SIZE = 64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def slowly(cells, box, size):
    """Bilinear interpolation of the cells about the middle of each pixel that lies in the box."""
    count, found = cells.shape[0], torch.zeros(size, size, dtype=torch.bool)
    for row in range(size):
        for column in range(size):
            down = (row + 0.5 - float(box[1])) / float(box[3] - box[1]) * count
            across = (column + 0.5 - float(box[0])) / float(box[2] - box[0]) * count
            if not (0 <= down < count and 0 <= across < count):
                continue
            down, across = (min(max(one - 0.5, 0), count - 1) for one in (down, across))
            top, left = min(int(down), count - 2), min(int(across), count - 2)
            a, b = down - top, across - left
            part = cells[top : top + 2, left : left + 2].double()
            value = (1 - a) * ((1 - b) * part[0, 0] + b * part[0, 1]) + a * ((1 - b) * part[1, 0] + b * part[1, 1])
            found[row, column] = bool(value >= 0.5)
    return found


def test_cells_are_pasted_where_a_slow_interpolation_puts_them():
    draw = rng()
    low = torch.rand(6, 2, generator=draw) * 20 - 4
    boxes = torch.cat([low, low + 3 + torch.rand(6, 2, generator=draw) * 20], 1)
    cells = torch.rand(6, 7, 7, generator=draw)
    found = pasted(cells, boxes, 24)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(pasted(cells, boxes, 24), found)
    for one, box, mask in zip(cells, boxes, found):
        assert torch.equal(mask, slowly(one, box, 24)) and mask.any()


@pytest.mark.parametrize("times", [1, 2])
def test_where_cells_are_pixels_or_four_a_mask_comes_back_as_it_was(times):
    box = torch.tensor([[3.0, 5, 3 + 8 * times, 5 + 8 * times]])
    inside = torch.ones(1, 8, 8, dtype=torch.bool) if times == 2 else torch.rand(1, 8, 8, generator=rng()) > 0.5
    mask = torch.zeros(1, 30, 30, dtype=torch.bool)
    mask[0, 5 : 5 + 8 * times, 3 : 3 + 8 * times] = inside[0].repeat_interleave(times, 0).repeat_interleave(times, 1)
    cells = cut(mask, box, torch.zeros(1, dtype=torch.int64), 8)
    assert torch.equal(cells.bool(), inside)
    assert torch.equal(pasted(cells, box, 30), mask)


def test_the_masks_of_scenes_survive_28_cells():
    for known in scenes()[1].each():
        cells = cut(known.masks, known.boxes, torch.arange(len(known.boxes)), 28)
        back = pasted(cells, known.boxes, SIZE)
        both, either = (back & known.masks).sum((1, 2)), (back | known.masks).sum((1, 2))
        assert (both / either > 0.97).all()


def test_it_learns_eight_scenes_by_heart():
    levels, info = levels_of()
    known = scenes()[1].each()
    neck = built(Neck, info, 32)
    branch = built(MaskBranch, 32, (4, 8, 16, 32), 2)
    shown = Regions([one.boxes for one in known], [torch.arange(len(one.boxes)) for one in known])
    optimiser = torch.optim.AdamW([*neck.parameters(), *branch.parameters()], 3e-3)
    told = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = branch.loss(neck(levels), shown, known)
        loss.backward()
        optimiser.step()
        told.append(float(loss.detach()))
    assert told[0] > 5 * told[-1]
    found = [Found(one.boxes, torch.ones(len(one.boxes)), one.classes) for one in known]
    with torch.no_grad():
        answers = branch.predict(neck(levels), found, SIZE)
    for one, right in zip(answers, known):
        both, either = (one.masks & right.masks).sum((1, 2)), (one.masks | right.masks).sum((1, 2))
        assert (both / either > 0.7).all()


def test_an_object_without_a_mask_counts_neither_way():
    levels, info = levels_of()
    seen = built(Neck, info, 32)(levels)
    branch = built(MaskBranch, 32, (4, 8, 16, 32), 2)
    known = scenes()[1].each()[:2]
    unknown = known[1]._replace(masks=known[1].masks.clone())
    unknown.masks[1] = False
    places = [torch.arange(1), torch.arange(2)]
    boxes = [one.boxes for one in known]
    found = branch.loss(seen, Regions(boxes, places), [known[0], unknown])
    expected = branch.loss(seen, Regions([boxes[0], boxes[1][:1]], [places[0], places[1][:1]]), known)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["timm:test_resnet", "timm:test_vit"])
def test_in_the_whole_head_it_is_learned_and_each_object_found_has_a_mask(name):
    levels, info = levels_of(name)
    head = built(FasterRCNN, info, 2, masks=True, settings=Settings(width=32, kept=30, looked=10, least=0.01))
    loss, gradient = gradients(head, levels, scenes()[1], generator=rng())
    assert loss > 0 and all(one > 0 for one in gradient)
    assert float(head.loss(levels, scenes()[1], rng())[1]["mask"]) > 0
    for one in head.predict(levels, SIZE):
        assert one.masks.shape == (len(one.boxes), SIZE, SIZE) and one.masks.dtype == torch.bool
        # no pixel whose middle is outside its box
        rows, columns = one.masks.any(2), one.masks.any(1)
        middle = torch.arange(SIZE) + 0.5
        assert not (rows & ((middle < one.boxes[:, 1:2]) | (middle > one.boxes[:, 3:4]))).any()
        assert not (columns & ((middle < one.boxes[:, 0:1]) | (middle > one.boxes[:, 2:3]))).any()


def test_in_half_precision_losses_and_answers_are_in_single_and_near():
    levels, info = levels_of()
    head = built(FasterRCNN, info, 2, masks=True, settings=Settings(width=32, looked=10, least=0.01))
    loss, parts = head.loss(levels, scenes()[1], rng())
    with torch.autocast("cpu", torch.bfloat16):
        near, others = head.loss(levels, scenes()[1], rng())
        answers = head.predict(levels, SIZE)
    assert all(one.dtype == torch.float32 for one in (near, *others.values()))
    assert float(near.detach()) == pytest.approx(float(loss.detach()), rel=0.05) and set(others) == set(parts)
    assert all(one.boxes.dtype == one.scores.dtype == torch.float32 for one in answers)


def test_without_objects_there_is_nothing_to_learn_and_nothing_to_paste():
    levels, info = levels_of(count=2)
    head = built(FasterRCNN, info, 2, masks=True, settings=Settings(width=32, least=1.0))
    loss, _ = gradients(head, levels, empty(2), generator=rng())
    assert loss > 0 and float(head.loss(levels, empty(2), rng())[1]["mask"]) == 0
    for one in head.predict(levels, SIZE):
        assert one.masks.shape == (0, SIZE, SIZE) and one.boxes.shape == (0, 4)
    with pytest.raises(InputError, match="masks: expected a mask for each object"):
        head.loss(levels, empty(2)._replace(masks=None))
