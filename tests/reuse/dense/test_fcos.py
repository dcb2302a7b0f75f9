"""FCOS: which cells stand for what, what is ignored, and eight scenes learned by heart."""

import pytest
import torch

from helpers.shapes import built, empty, fits, gradients, learned, levels_of, pyramid_of, scenes
from regard.reuse.dense.anchors import middles
from regard.reuse.dense.fcos import FCOS, Settings, centrality, standing
from regard.reuse.dense.matching import BACKGROUND, NEITHER
from regard.reuse.dense.objects import Known, Objects

SIZE, STRIDES = 64, (4, 8, 16, 32)
MIDDLES = [middles(SIZE // stride, SIZE // stride, stride, torch.device("cpu")) for stride in STRIDES]


def known_of(boxes, ignored=()):
    boxes = torch.tensor(boxes).view(-1, 4)
    return Known(boxes, torch.arange(len(boxes)) % 2, torch.tensor(ignored).view(-1, 4), None)


@pytest.fixture(scope="module")
def trained():
    pyramid = pyramid_of()
    head = built(FCOS, pyramid.info, 2)
    told = learned(head, scenes()[1], pyramid, 50)
    with torch.no_grad():
        return head, pyramid, told, head.predict(pyramid(scenes()[0]), SIZE)


def test_it_learns_eight_scenes_by_heart(trained):
    _, _, told, found = trained
    assert set(told[0]) == {"loss", "classes", "boxes", "centres"}
    assert told[0]["loss"] > 5 * told[-1]["loss"]
    for one, known in zip(found, scenes()[1].each()):
        assert fits(one, known, 0.3)
        assert one.boxes.min() >= 0 and one.boxes.max() <= SIZE and (one.scores.diff() <= 0).all()


def test_a_picture_gets_the_same_answer_alone_and_in_a_batch_and_none_has_none(trained):
    head, pyramid, _, found = trained
    with torch.no_grad():
        (alone,) = head.predict(pyramid(scenes()[0][5:6]), SIZE)
        (none,) = head.predict(pyramid(torch.full((1, 3, SIZE, SIZE), 0.25)), SIZE)
    assert torch.equal(alone.classes, found[5].classes)
    torch.testing.assert_close(alone.boxes, found[5].boxes, rtol=0, atol=1e-3)
    assert bool((none.scores < 0.3).all())


def test_cells_near_the_middle_stand_for_the_smallest_object_on_the_level_of_its_reach():
    boxes = [[0.0, 0, 64, 64], [20, 20, 36, 36], [4, 40, 12, 44]]
    every = standing(known_of(boxes), MIDDLES, STRIDES)
    place = 0
    for points, stride, (low, high) in zip(MIDDLES, STRIDES, ((0, 32), (32, 64), (64, 128), (128, 1e9))):
        for x, y in points.tolist():
            fitting = []
            for number, (x0, y0, x1, y1) in enumerate(boxes):
                sides = (x - x0, y - y0, x1 - x, y1 - y)
                near = max(abs(x - (x0 + x1) / 2), abs(y - (y0 + y1) / 2)) <= 1.5 * stride
                if min(sides) > 0 and near and low <= max(sides) < high:
                    fitting.append(((x1 - x0) * (y1 - y0), number))
            assert int(every[place]) == (min(fitting)[1] if fitting else BACKGROUND)
            place += 1
    assert set(every.tolist()) == {BACKGROUND, 0, 1, 2}


def test_ignored_objects_take_cells_out_of_the_background_and_nothing_else():
    objects, ignored = [[20.0, 20, 36, 36]], [[16.0, 16, 48, 40]]
    plain = standing(known_of(objects), MIDDLES, STRIDES)
    found = standing(known_of(objects, ignored), MIDDLES, STRIDES)
    points = torch.cat(MIDDLES)
    inside = ((points > torch.tensor([16.0, 16])) & (points < torch.tensor([48.0, 40]))).all(1)
    assert torch.equal(found, torch.where(inside & (plain == BACKGROUND), NEITHER, plain))


def test_an_ignored_object_changes_the_gradient_of_the_background_in_it_alone(monkeypatch):
    _, info = levels_of(count=2)
    head = built(FCOS, info, 2)
    some = Objects(*(one[:2] for one in scenes()[1]))
    boxes = torch.cat([some.boxes, torch.tensor([[[0.0, 30, 30, 62]], [[1, 1, 1, 1]]])], 1)
    classes = torch.cat([some.classes, torch.tensor([[1], [-1]])], 1)
    ignore = torch.cat([some.ignore, torch.tensor([[True], [False]])], 1)
    gradient = []
    for objects in (some._replace(masks=None), Objects(boxes, classes, ignore)):
        draw = torch.Generator().manual_seed(0)
        answers = [
            (
                torch.randn(2, len(points), 2, generator=draw, requires_grad=True),
                torch.cat([points - 5, points + 5], 1).expand(2, -1, -1).clone().requires_grad_(),
                torch.randn(2, len(points), generator=draw, requires_grad=True),
                points,
            )
            for points in MIDDLES
        ]
        monkeypatch.setattr(head, "forward", lambda _levels, answers=answers: answers)
        head.loss([torch.zeros(2, 1)], objects)[0].backward()
        gradient.append([torch.cat([one[part].grad for one in answers], 1) for part in range(3)])
    changed = torch.stack([standing(objects.each()[0], MIDDLES, STRIDES) == NEITHER, torch.zeros(340) > 0])
    assert changed.any() and (gradient[0][0][changed] != 0).all() and (gradient[1][0][changed] == 0).all()
    torch.testing.assert_close(gradient[1][0][~changed], gradient[0][0][~changed])
    torch.testing.assert_close(gradient[1][1:], gradient[0][1:])


@pytest.mark.parametrize("name", ["timm:test_vit", "convnet4"])
def test_every_level_gets_a_gradient_whatever_the_network(name):
    levels, info = levels_of(name, 2)
    some = Objects(*(one[:2] for one in scenes()[1]))
    loss, gradient = gradients(built(FCOS, info, 2, Settings(width=16, coarser=True)), levels, some)
    assert loss > 0 and all(one > 0 for one in gradient)


@pytest.mark.parametrize("objects", [empty(2), Objects(*(one[:, :0] for one in empty(2)))])
def test_a_batch_without_objects_is_learned_from_without_nan(objects):
    levels, info = levels_of(count=2)
    loss, gradient = gradients(built(FCOS, info, 2), levels, objects)
    assert loss > 0 and all(one > 0 for one in gradient)


def test_in_half_precision_losses_and_answers_are_in_single_and_near():
    levels, info = levels_of()
    head = built(FCOS, info, 2, Settings(least=0.01))
    loss, _ = head.loss(levels, scenes()[1])
    with torch.autocast("cpu", torch.bfloat16):
        near, parts = head.loss(levels, scenes()[1])
        answers = head.predict(levels, SIZE)
    assert all(one.dtype == torch.float32 for one in (near, *parts.values()))
    assert float(near.detach()) == pytest.approx(float(loss.detach()), rel=0.05)
    assert all(one.boxes.dtype == one.scores.dtype == torch.float32 for one in answers)


def test_equal_scores_are_told_by_class_and_place():
    levels, info = levels_of(count=2)
    head = built(FCOS, info, 3)
    for layer in (head.score, head.sides, head.central):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    for one in head.predict(levels, SIZE):
        assert one.scores.tolist() == [0.5] * len(one.scores) and len(one.scores) > 10
        rows = [(kind, *box) for kind, box in zip(one.classes.tolist(), one.boxes.tolist())]
        assert rows == sorted(rows)


def test_centrality_is_one_in_the_middle_and_falls_to_the_sides():
    box = torch.tensor([[0.0, 0, 10, 20]])
    points = torch.tensor([[5.0, 10], [2.5, 10], [2.5, 5], [1e-6, 10]])
    expected = torch.tensor([1, 3**-0.5, 1 / 3, 0])
    torch.testing.assert_close(centrality(box.expand(4, 4), points), expected, rtol=1e-4, atol=1e-3)
