"""Faster R-CNN: its losses against torchvision's, what is ignored, and eight scenes learned by heart."""

import pytest
import torch
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.roi_heads import fastrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork

from helpers.shapes import built, empty, fits, gradients, learned, levels_of, pyramid_of, scenes
from regard.core.checks import InputError
from regard.reuse.dense.anchors import anchors_from
from regard.reuse.dense.box_head import BoxHead
from regard.reuse.dense.faster_rcnn import FasterRCNN, Settings
from regard.reuse.dense.matching import BACKGROUND, assigned
from regard.reuse.dense.objects import Objects, within
from regard.reuse.dense.proposals import NEGATIVE, POSITIVE, Answers, Proposer

SIZE = 64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def trained():
    pyramid = pyramid_of()
    anchors = anchors_from(scenes()[1].boxes.flatten(0, 1), pyramid.strides)
    head = built(FasterRCNN, pyramid.info, 2, anchors, settings=Settings(width=32, kept=60, regions=96))
    told = learned(head, scenes()[1], pyramid, 100, lr=2e-3, generator=rng())
    with torch.no_grad():
        return head, pyramid, told, head.predict(pyramid(scenes()[0]), SIZE)


def test_it_learns_eight_scenes_by_heart(trained):
    _, _, told, found = trained
    assert set(told[0]) == {"loss", "objectness", "proposals", "classes", "boxes"}
    # which regions are looked at changes from step to step
    assert told[0]["loss"] > 5 * min(one["loss"] for one in told[-5:])
    assert told[0]["loss"] == pytest.approx(sum(value for name, value in told[0].items() if name != "loss"), rel=1e-5)
    for one, known in zip(found, scenes()[1].each()):
        assert fits(one, known, 0.3)


def test_a_picture_gets_the_same_answer_alone_and_in_a_batch(trained):
    head, pyramid, _, found = trained
    for place in (1, 6):
        with torch.no_grad():
            (alone,) = head.predict(pyramid(scenes()[0][place : place + 1]), SIZE)
        assert torch.equal(alone.classes, found[place].classes)
        torch.testing.assert_close(alone.boxes, found[place].boxes, rtol=0, atol=1e-3)
        torch.testing.assert_close(alone.scores, found[place].scores, rtol=0, atol=1e-3)


def test_answers_are_inside_the_picture_in_falling_order_and_none_on_one_without_objects(trained):
    head, pyramid, _, found = trained
    for one in found:
        assert one.boxes.dtype == one.scores.dtype == torch.float32 and one.classes.dtype == torch.int64
        assert one.boxes.min() >= 0 and one.boxes.max() <= SIZE and (one.scores.diff() <= 0).all()
    with torch.no_grad():
        (none,) = head.predict(pyramid(torch.full((1, 3, SIZE, SIZE), 0.25)), SIZE)
    assert none.boxes.shape == (len(none.scores), 4) and bool((none.scores < 0.5).all())


@pytest.mark.parametrize("name", ["timm:test_vit", "convnet4"])
def test_every_level_gets_a_gradient_whatever_the_network(name):
    levels, info = levels_of(name, 2)
    some = Objects(*(one[:2] for one in scenes()[1]))
    loss, gradient = gradients(built(FasterRCNN, info, 2), levels, some, generator=rng())
    assert loss > 0 and all(one > 0 for one in gradient)


@pytest.mark.parametrize("objects", [empty(2), Objects(*(one[:, :0] for one in empty(2)))])
def test_a_batch_without_objects_is_learned_from_without_nan(objects):
    levels, info = levels_of(count=2)
    loss, gradient = gradients(built(FasterRCNN, info, 2), levels, objects, generator=rng())
    assert loss > 0 and all(one > 0 for one in gradient)


def test_where_all_is_ignored_the_loss_is_0():
    levels, info = levels_of(count=2)
    whole = torch.tensor([-500.0, -500, 500, 500]).expand(2, 1, 4)
    all_ignored = Objects(whole, torch.zeros(2, 1, dtype=torch.int64), torch.ones(2, 1, dtype=torch.bool))
    assert gradients(built(FasterRCNN, info, 2), levels, all_ignored, generator=rng())[0] == 0


def test_draws_come_from_the_generator_and_the_class_of_an_ignored_object_means_nothing():
    levels, info = levels_of(count=2)
    head = built(FasterRCNN, info, 2)
    objects = Objects(*(one[:2] for one in scenes()[1]))
    ignore = objects.ignore.clone()
    ignore[1, 1] = True
    other = objects.classes.clone()
    other[1, 1] = 1 - other[1, 1]
    before = torch.random.get_rng_state()
    first, again = (head.loss(levels, objects._replace(ignore=ignore), rng(3))[0] for _ in range(2))
    assert torch.equal(first, again) and torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(head.loss(levels, objects._replace(ignore=ignore, classes=other), rng(3))[0], first)


def answers_of(proposer, seed=0):
    """Drawn answers for two pictures, whose gradients can be asked for."""
    cells = [(16, 16), (8, 8), (4, 4), (2, 2)]
    anchors = proposer.anchors.grid(cells, proposer.strides, torch.device("cpu"))
    draw = rng(seed)
    objectness = [torch.randn(2, len(one), generator=draw, requires_grad=True) for one in anchors]
    deltas = [(torch.randn(2, len(one), 4, generator=draw) * 0.3).requires_grad_() for one in anchors]
    return Answers(objectness, deltas, anchors)


def test_losses_of_proposals_are_torchvisions():
    proposer = built(Proposer, 8, (4, 8, 16, 32), anchors_from())
    theirs = RegionProposalNetwork(AnchorGenerator(), proposer.head, POSITIVE, NEGATIVE, 10**6, 0.5, {}, {}, 0.7)
    answers, known = answers_of(proposer), scenes()[1].each()[1:3]
    anchors = [torch.cat(answers.anchors)] * 2
    labels, matched = theirs.assign_targets_to_anchors(anchors, [{"boxes": one.boxes} for one in known])
    objectness, moved = torch.cat(answers.objectness, 1), torch.cat(answers.deltas, 1)
    right = theirs.compute_loss(
        objectness.flatten(), moved.view(-1, 4), labels, theirs.box_coder.encode(matched, anchors)
    )
    found = proposer.loss(answers, known, 10**6, None)
    torch.testing.assert_close(found["objectness"], right[0])
    torch.testing.assert_close(found["proposals"], right[1])


def test_an_ignored_object_changes_the_gradient_of_the_background_in_it_alone():
    proposer = built(Proposer, 8, (4, 8, 16, 32), anchors_from())
    plain = scenes()[1].each()[1:3]
    ignored = torch.tensor([[30.0, 2, 62, 34]])
    with_it = [plain[0]._replace(ignored=ignored), plain[1]]
    gradient, counts = [], []
    for known in (plain, with_it):
        answers = answers_of(proposer)
        sum(proposer.loss(answers, known, 10**6, None).values()).backward()
        anchors = torch.cat(answers.anchors)
        places = [assigned(anchors, one, POSITIVE, NEGATIVE, rescue=True) for one in known]
        counts.append(sum(int((one >= BACKGROUND).sum()) for one in places))
        # the losses are means over the anchors that count
        gradient.append(torch.cat([one.grad for one in answers.objectness], 1) * counts[-1])
    inside = within(anchors, ignored)
    background = assigned(anchors, plain[0], POSITIVE, NEGATIVE, rescue=True) == BACKGROUND
    changed = torch.stack([inside & background, torch.zeros_like(inside)])
    assert counts[0] - counts[1] == int(changed.sum()) > 0
    assert (gradient[0][changed] != 0).all() and (gradient[1][changed] == 0).all()
    torch.testing.assert_close(gradient[1][~changed], gradient[0][~changed])


def test_losses_of_regions_are_torchvisions():
    head = built(BoxHead, 8, (4, 8), 2)
    levels = [torch.randn(2, 8, 16 // 2**place, 16 // 2**place, generator=rng(place)) for place in range(2)]
    known = scenes()[1].each()[1:3]
    low = torch.rand(2, 40, 2, generator=rng()) * 30
    proposals = list(torch.cat([low, low + 4 + torch.rand(2, 40, 2, generator=rng(1)) * 30], 2))
    found, shown = head.loss(levels, proposals, known, 10**6)
    labels, right, order = [], [], []
    for boxes, one in zip(proposals, known):
        every = torch.cat([boxes, one.boxes])
        place = assigned(every, one, 0.5, 0.5)
        labels.append(torch.where(place >= 0, one.classes[place.clamp(min=0)] + 1, 0))
        right.append(head.coder.encode_single(one.boxes[place.clamp(min=0)], every))
        order.append(every)
    logits, moves = head(levels, order)
    expected = fastrcnn_loss(logits, moves.flatten(1), labels, right)
    torch.testing.assert_close(found["classes"], expected[0])
    torch.testing.assert_close(found["boxes"], expected[1])
    assert [len(one) for one in shown.boxes] == [int((one > 0).sum()) for one in labels]


def test_equal_scores_are_told_by_class_and_place():
    levels, info = levels_of(count=2)
    head = built(FasterRCNN, info, 3)
    for layer in (head.box_head.predictor.cls_score, head.box_head.predictor.bbox_pred):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    for one in head.predict(levels, SIZE):
        assert one.scores.tolist() == [0.25] * len(one.scores) and len(one.scores) > 10
        rows = [(kind, *box) for kind, box in zip(one.classes.tolist(), one.boxes.tolist())]
        assert rows == sorted(rows)


def test_what_does_not_fit_is_refused():
    _, info = levels_of(count=2)
    with pytest.raises(InputError, match="classes: expected a whole number of at least 1, got 0"):
        FasterRCNN(info, 0)
    with pytest.raises(InputError, match="anchors: expected for 5, as the neck has, got sizes for 4 levels"):
        FasterRCNN(info, 2, anchors_from(), settings=Settings(coarser=True))
