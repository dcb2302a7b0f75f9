"""Boxes in space from a map of centres: a perfect map gives the truth, what is ignored, and scenes learned by heart."""

from functools import lru_cache
from math import log

import numpy as np
import pytest
import torch

from helpers.shapes import built, empty, pyramid_of
from regard.core.checks import InputError
from regard.data.scenes import KINDS, scenes
from regard.reuse.dense.centers import OUTPUTS, Centers, Settings, SpaceObjects, Usual
from regard.reuse.dense.heat import bell, heat_loss, peaks
from regard.reuse.dense.in_space import boxes_around, encode

SIZE = 64
USUAL = Usual(((0.9, 0.8, 0.8),) * 4, -3.0)


@lru_cache
def known(n: int = 8) -> tuple[torch.Tensor, SpaceObjects]:
    """Pictures of scenes and all their objects."""
    images = scenes(n, SIZE, seed=4)
    objects = [one.boxes3d for one in images.annotations]
    most = max(map(len, objects))
    found = {"boxes": torch.zeros(n, most, 4), "space": torch.zeros(n, most, 7)}
    classes, camera = torch.full((n, most), -1), torch.zeros(n, 4)
    for row, one in enumerate(objects):
        k = one.camera
        camera[row] = torch.tensor([k[0, 0], k[1, 1], k[0, 2] + 0.5, k[1, 2] + 0.5])
        middle = one.bottom - one.size[:, :1] / 2 * np.array([0, 1, 0])
        found["space"][row, : len(one)] = torch.tensor(np.concatenate([middle, one.size, one.yaw[:, None]], 1))
        found["boxes"][row, : len(one)] = boxes_around(found["space"][row, : len(one)], camera[row], SIZE)
        classes[row, : len(one)] = torch.tensor([KINDS.index(name) for name in one.classes])
    pictures = torch.stack([torch.from_numpy(item).permute(2, 0, 1) for item in images.items]).float() / 255
    ignore = torch.zeros(n, most, dtype=torch.bool)
    return pictures, SpaceObjects(found["boxes"], classes, ignore, found["space"], camera)


@pytest.fixture(scope="module")
def head():
    return built(Centers, pyramid_of().info, 4, USUAL)


def perfect(head: Centers, objects: SpaceObjects) -> list:
    """What the head finds where its maps say what they should."""
    heat, _, cells, wanted, _ = head.targets(objects, (SIZE // 4, SIZE // 4))
    told = torch.zeros(len(heat), OUTPUTS, SIZE // 4, SIZE // 4)
    told[cells[:, 0], :-1, cells[:, 1], cells[:, 2]] = wanted
    told[:, -1] = -6
    return [head.found(heat[row], told[row], objects.camera[row], SIZE) for row in range(len(heat))]


def test_perfect_maps_give_the_truth(head):
    _, objects = known()
    count = 0
    for row, found in enumerate(perfect(head, objects)):
        there = torch.where(objects.classes[row] >= 0)[0]
        classes, space = objects.classes[row][there], objects.space[row][there]
        seen = encode(space, objects.camera[row], head.sizes[classes], head.depth)[0]
        cells = (seen // 4).int()
        for place in range(len(there)):
            apart = (cells - cells[place]).abs().amax(1)
            apart[place] = 99
            if not ((seen[place] >= 0) & (seen[place] < SIZE)).all():
                continue  # its middle is out of sight
            if (apart == 0).any() or ((apart <= 1) & (classes == classes[place])).any():
                continue  # two in one cell, or of a class in cells that touch, are one peak
            same = found.space[found.classes == classes[place]]
            assert (same - space[place]).abs().amax(1).min() < 1e-4
            count += 1
        assert (found.scores > 0.99).any() and (found.scores.diff() <= 0).all()
    assert count > 15


def test_scenes_are_learned_by_heart():
    pictures, objects = known(4)
    pyramid = pyramid_of()
    with torch.no_grad():
        levels = pyramid(pictures)
    head = built(Centers, pyramid.info, 4, USUAL, Settings(width=32, depth=1))
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
    told = []
    for _ in range(80):
        total, parts = head.loss(levels, objects)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        told.append({name: float(value.detach()) for name, value in parts.items()})
    assert set(told[0]) == {"heat", "place", "depth", "size", "angle"}
    assert told[-1]["heat"] < 0.2 * told[0]["heat"] and told[-1]["angle"] < 0.7 * told[0]["angle"]
    assert told[-1]["place"] < told[0]["place"] and told[-1]["depth"] < told[0]["depth"] - 0.3
    with torch.no_grad():
        found = head.predict(levels, SIZE, objects.camera)
        (alone,) = head.predict([level[2:3] for level in levels], SIZE, objects.camera[2:3])
    assert torch.equal(alone.classes, found[2].classes)
    torch.testing.assert_close(alone.space, found[2].space, rtol=0, atol=1e-3)
    for one in found:
        assert one.boxes.min() >= 0 and one.boxes.max() <= SIZE and (one.scores.diff() <= 0).all()


def test_in_half_precision_objects_are_found_in_single_precision(head):
    pictures, objects = known(2)
    levels = [level.detach() for level in pyramid_of()(pictures)]
    with torch.no_grad():
        plain = head.predict(levels, SIZE, objects.camera)
        with torch.autocast("cpu", torch.bfloat16):
            halved = head.predict(levels, SIZE, objects.camera)
    for one, other in zip(plain, halved):
        assert other.scores.dtype == torch.float32 and len(one.scores) > 0
        assert torch.equal(one.scores, other.scores) and torch.equal(one.space, other.space)


def test_a_camera_with_a_longer_lens_makes_the_same_picture_farther_away(head):
    pictures, objects = known(1)
    logits, told = head(pyramid_of()(pictures), objects.camera)
    logits = logits.detach().sigmoid()
    logits[0, 0, 5, 5] = 1.0
    near, far = (
        head.found(logits[0], told[0].detach(), objects.camera[0] * torch.tensor([by, by, 1, 1]), SIZE) for by in (1, 2)
    )
    assert torch.allclose(far.space[:, 2], 2 * near.space[:, 2])
    assert torch.allclose(far.space[:, :2], near.space[:, :2], atol=1e-4)  # twice as far and half the angle


def test_ignored_objects_teach_nothing_and_are_no_background(head):
    pictures, objects = known(2)
    ignored = SpaceObjects(
        objects.boxes, objects.classes, torch.ones_like(objects.ignore), objects.space, objects.camera
    )
    heat, counts, cells, _, _ = head.targets(ignored, (16, 16))
    assert heat.max() == 0 and len(cells) == 0
    for row in range(2):
        boxes = objects.boxes[row][objects.classes[row] >= 0]
        middles = (torch.arange(16) + 0.5) * 4
        inside = torch.zeros(16, 16, dtype=torch.bool)
        for left, top, right, bottom in boxes:
            rows, columns = (middles >= top) & (middles < bottom), (middles >= left) & (middles < right)
            inside |= rows[:, None] & columns
        assert torch.equal(counts[row, 0], ~inside)
    total, parts = head.loss(pyramid_of()(pictures), ignored)
    assert torch.isfinite(total) and parts["depth"] == 0 and parts["angle"] == 0
    nothing = empty(2)
    none = SpaceObjects(nothing.boxes, nothing.classes, nothing.ignore, torch.zeros(2, 3, 7), objects.camera)
    assert torch.isfinite(head.loss(pyramid_of()(pictures), none)[0])


def test_every_weight_learns(head):
    pictures, objects = known(4)
    levels = pyramid_of()(pictures)
    head.zero_grad()
    head.loss(levels, objects)[0].backward()
    for name, weight in head.named_parameters():
        # of the neck's smoothing only that of the finest level, which is the one that is read
        unread = name.startswith("neck.smooth") and not name.startswith("neck.smooth.0")
        assert unread or (weight.grad is not None and bool(torch.isfinite(weight.grad).all())), name


def test_a_bell_is_one_in_its_cell_and_as_wide_as_its_box():
    near = bell(torch.tensor([[3.7, 2.1]]), torch.tensor([[20.0, 4.0]]), (6, 8))[0]
    assert near[2, 3] == 1 and near.max() == 1 and (near == 1).sum() == 1
    wide, least = 20 * 0.54 / 6, 0.4
    assert near[2, 5] == pytest.approx(np.exp(-4 / (2 * wide**2))) == near[2, 1]
    assert near[3, 3] == pytest.approx(np.exp(-1 / (2 * least**2)), rel=1e-5)


def test_the_loss_of_the_map_by_hand():
    logits = torch.tensor([log(0.8 / 0.2), log(0.4 / 0.6), 0.0]).view(1, 1, 1, 3)
    target = torch.tensor([1.0, 0.5, 0.0]).view(1, 1, 1, 3)
    counts = torch.tensor([True, True, False]).view(1, 1, 1, 3)
    wanted = -(0.2**2) * log(0.8) - 0.4**2 * 0.5**4 * log(0.6)
    assert float(heat_loss(logits, target, counts)) == pytest.approx(wanted, rel=1e-5)


def test_peaks_are_in_falling_order_and_of_equals_the_first_in_reading_order():
    heat = torch.zeros(2, 4, 5)
    heat[0, 0, 0], heat[0, 0, 1], heat[0, 3, 4], heat[1, 1, 1], heat[1, 2, 0] = 0.5, 0.5, 0.5, 0.7, 0.7
    heights, classes, cells = peaks(heat, 10, 0.1)
    assert heights.tolist() == pytest.approx([0.7, 0.5, 0.5]) and classes.tolist() == [1, 0, 0]
    assert cells.tolist() == [[1, 1], [0, 0], [3, 4]]
    assert peaks(heat, 1, 0.1)[2].tolist() == [[1, 1]] and not len(peaks(heat, 9, 0.8)[0])
    flat = torch.full((1, 3, 3), 0.4)
    assert peaks(flat, 9, 0.1)[2].tolist() == [[0, 0]]


def test_what_does_not_belong_together_is_refused(head):
    pictures, objects = known(2)
    levels = pyramid_of()(pictures)
    with pytest.raises(InputError, match="^camera: "):
        head(levels, objects.camera[:1])
    with pytest.raises(InputError, match="^usual: "):
        Centers(pyramid_of().info, 3, USUAL)
    with pytest.raises(InputError, match="^boxes: "):
        head.loss([level[:1] for level in levels], objects)
    assert Settings().most == 50
