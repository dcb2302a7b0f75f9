"""What counts as the same: every sure object of either again, of its class, within half a pixel."""

import pytest
import torch

from regard.reuse.dense.alike import Alike, compared
from regard.reuse.dense.objects import Found

BOXES = torch.tensor([[0.0, 0, 8, 8], [0, 0, 9, 9], [20, 20, 30, 40]])


def found(boxes=BOXES, scores=(0.9, 0.8, 0.2), classes=(0, 0, 1), masks=None):
    return Found(boxes, torch.tensor(scores), torch.tensor(classes), masks)


@pytest.mark.parametrize(
    ("other", "objects", "lost", "tied", "apart"),
    [
        (found(), 4, 0, 0, 0.0),
        (found(BOXES + 0.5), 4, 0, 0, 0.5),
        (found(BOXES + torch.tensor([0.0, 0, 0, 0.6])), 4, 4, 4, 0.0),
        (found(classes=(0, 1, 1)), 4, 2, 1, 0.0),
        (found(scores=(0.9, 0.29, 0.2)), 3, 0, 0, 0.0),  # one that is less sure is there all the same
        (found(BOXES[:1], (0.9,), (0,)), 3, 1, 1, 0.0),
        (found(BOXES[:0], (), ()), 2, 2, 0, 0.0),
    ],
)
def test_boxes(other, objects, lost, tied, apart):
    said = compared([found()], [other])
    assert (said.pictures, said.objects, said.lost, said.tied) == (1, objects, lost, tied)
    assert said.good == (lost == tied <= 2)
    assert said.apart == pytest.approx(apart, abs=1e-5)


def test_an_object_stands_for_one_alone():
    twice = found(torch.tensor([[0.0, 0, 8, 8]] * 2), (0.9, 0.9), (0, 0))
    once = found(torch.tensor([[0.0, 0, 8, 8], [50, 50, 60, 60]]), (0.9, 0.1), (0, 0))
    assert compared([twice], [once]).lost == 1


@pytest.mark.parametrize(
    ("objects", "lost", "tied", "good"), [(9, 2, 2, True), (99, 3, 3, False), (150, 3, 3, True), (150, 1, 0, False)]
)
def test_a_few_ties_do_not_count(objects, lost, tied, good):
    assert Alike(5, objects, lost, tied).good is good


def test_masks_and_pixels():
    masks = torch.zeros(3, 40, 40, dtype=torch.bool)
    masks[0, :8, :8] = masks[1, :9, :9] = True
    half = masks.clone()
    half[0, :4] = False
    same, other = (
        compared([found(masks=masks)], [found(masks=masks)]),
        compared([found(masks=masks)], [found(masks=half)]),
    )
    assert same.overlap == 1 and same.good and other.overlap == 0.5 and not other.good
    pixels = torch.zeros(2, 10, 20, dtype=torch.int64)
    changed = pixels.clone()
    changed[0, 0, :2] = 1
    said = compared((pixels, None), (changed, None))
    assert said.pixels == pytest.approx(0.995) and said.pictures == 2
    assert not said.joined(compared((pixels, None), (changed + 1, None))).good


def test_what_is_told_of_many():
    total = Alike(2, 10, 1, 1, 0.4, 0.01, cosine=0.9).joined(Alike(1, 5, 0, 0, 0.1, 0.2, cosine=0.8))
    assert (total.pictures, total.objects, total.lost, total.apart, total.score) == (3, 15, 1, 0.4, 0.2)
    assert str(total) == "1 of 15 objects not found again on 3 pictures, 1 of these in ties, smallest cosine 0.80000"
    assert str(Alike(4, pixels=0.75)).startswith("25.00 % of the pixels of 4 pictures told otherwise")
    assert str(Alike(4, 2, overlap=0.5)).startswith(
        "0 of 2 objects not found again on 4 pictures, masks overlap by 0.50"
    )
