"""The contract of dense heads: what is learned from, and in what order things are found."""

import numpy as np
import pytest
import torch
from torchvision.models.detection._utils import Matcher
from torchvision.ops import box_iou

from helpers.shapes import empty
from regard.core.checks import InputError
from regard.reuse.dense.matching import BACKGROUND, NEITHER, assigned, drawn
from regard.reuse.dense.objects import Known, Objects, best, check_objects, ranked, suppressed, within


def boxes_of(count, seed, side=60):
    draw = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=draw) * side
    return torch.cat([low, low + 2 + torch.rand(count, 2, generator=draw) * 20], 1)


def known_of(boxes, ignored=None):
    none = torch.zeros(0, 4)
    return Known(boxes, torch.zeros(len(boxes), dtype=torch.int64), none if ignored is None else ignored, None)


def test_objects_are_told_picture_by_picture_without_filling_and_without_area():
    boxes = torch.tensor([[[0.0, 0, 4, 4], [1, 1, 5, 5], [3, 3, 3, 9], [0, 0, 0, 0]]])
    classes = torch.tensor([[1, 0, 1, -1]])
    ignore = torch.tensor([[False, True, False, False]])
    masks = torch.arange(4).view(1, 4, 1, 1).expand(1, 4, 8, 8) > 0
    (one,) = Objects(boxes, classes, ignore, masks).each()
    assert one.boxes.tolist() == [[0, 0, 4, 4]] and one.classes.tolist() == [1]
    assert one.ignored.tolist() == [[1, 1, 5, 5]]
    assert one.masks is not None and one.masks.shape == (1, 8, 8) and not one.masks.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": torch.zeros(3, 3, 4)}, "boxes: expected .2, M, 4."),
        ({"classes": torch.zeros(2, 2, dtype=torch.int64)}, "classes: expected .2, 3., one for each box"),
        ({"ignore": torch.zeros(2, 4, dtype=torch.bool)}, "ignore: expected .2, 3."),
        ({"classes": torch.full((2, 3), 5)}, "classes: expected numbers from 0 to 4, or -1 .* got 5"),
        ({"masks": None}, "masks: expected a mask for each object"),
        ({"masks": torch.zeros(2, 1, 8, 8, dtype=torch.bool)}, "masks: expected .2, 3, S, S."),
    ],
)
def test_objects_that_do_not_belong_together_are_refused(change, message):
    check_objects(empty(2), 2, 5, masks=True)
    with pytest.raises(InputError, match=message):
        check_objects(empty(2)._replace(**change), 2, 5, masks=True)


def test_equal_scores_are_ordered_by_class_and_place_whatever_the_order_they_come_in():
    rng = np.random.default_rng(0)
    scores = torch.tensor(rng.choice([0.25, 0.5, 0.75], 60), dtype=torch.float32)
    classes = torch.tensor(rng.integers(0, 3, 60))
    boxes = torch.tensor(rng.integers(0, 3, (60, 4)), dtype=torch.float32)
    rows = [(-float(s), int(c), *b) for s, c, b in zip(scores, classes, boxes.tolist())]
    for _ in range(5):
        mixed = torch.tensor(rng.permutation(60))
        order = mixed[ranked(scores[mixed], classes[mixed], boxes[mixed])]
        assert [rows[place] for place in order.tolist()] == sorted(rows)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_found_is_what_a_slow_suppression_finds(seed):
    boxes = boxes_of(80, seed)
    rng = np.random.default_rng(seed)
    classes = torch.tensor(rng.integers(0, 3, 80))
    scores = torch.tensor(rng.choice(np.linspace(0, 1, 9), 80), dtype=torch.float32)
    overlap = box_iou(boxes, boxes)
    kept: list[int] = []
    for place in ranked(scores, classes, boxes).tolist():
        rivals = [other for other in kept if classes[other] == classes[place]]
        if scores[place] >= 0.3 and not any(overlap[place, other] > 0.4 for other in rivals):
            kept.append(place)
    assert best(boxes, scores, classes, least=0.3, overlap=0.4).tolist() == kept
    assert best(boxes, scores, classes, least=0.3, overlap=0.4, most=5).tolist() == kept[:5]


def test_groups_far_apart_keep_their_fractions_and_never_meet():
    boxes = torch.tensor([[0.0, 0, 1000, 1000], [0, 0, 1000, 500.01], [0, 0, 1000, 499.99]]).repeat(2, 1)
    groups = torch.tensor([0, 0, 0, 5000, 5000, 5000])
    assert suppressed(boxes, groups, 0.5).tolist() == [0, 2, 3, 5]
    assert suppressed(boxes[:0], groups[:0], 0.5).tolist() == []
    assert best(boxes[:0], boxes[:0, 0], groups[:0]).tolist() == []


@pytest.mark.parametrize("rescue", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_boxes_stand_for_objects_as_in_torchvision(seed, rescue):
    anchors, objects = boxes_of(300, seed), boxes_of(6, seed + 50)
    expected = Matcher(0.6, 0.3, allow_low_quality_matches=rescue)(box_iou(objects, anchors))
    assert torch.equal(assigned(anchors, known_of(objects), 0.6, 0.3, rescue), expected)


def test_ignored_objects_take_boxes_out_of_the_background_and_nothing_else():
    anchors, objects, ignored = boxes_of(400, 1), boxes_of(4, 2), boxes_of(3, 3)
    plain = assigned(anchors, known_of(objects), 0.5, 0.3, rescue=True)
    found = assigned(anchors, known_of(objects, ignored), 0.5, 0.3, rescue=True)
    inside = within(anchors, ignored)
    changed = (plain == BACKGROUND) & inside
    assert changed.any() and (found[changed] == NEITHER).all()
    assert torch.equal(found[~changed], plain[~changed])
    assert ((plain >= 0) & inside).any()  # these go on standing for their object
    alone = assigned(anchors, known_of(objects[:0], ignored), 0.5, 0.3)
    assert torch.equal(alone == NEITHER, inside) and bool((alone < 0).all())


def test_draws_come_from_the_generator_alone_and_are_as_many_as_asked():
    place = torch.tensor([BACKGROUND] * 50 + [3] * 20 + [NEITHER] * 30)
    before = torch.random.get_rng_state()
    first, second = (drawn(place, 32, 0.25, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first, second))
    assert len(first[0]) == 8 and len(first[1]) == 24
    assert (place[first[0]] == 3).all() and (place[first[1]] == BACKGROUND).all()
    few = drawn(place[48:52], 32, 0.25, None)
    assert [len(one) for one in few] == [2, 2]
