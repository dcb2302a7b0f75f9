"""Overlaps of boxes, masks and run lengths against plain loops."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.metrics import mask_overlap as module
from regard.metrics.box_overlap import box_areas, box_overlap
from regard.metrics.detection_pairs import box_pairs, mask_pairs, run_pairs
from regard.metrics.mask_overlap import mask_areas, mask_overlap, run_overlap


def masks(seed, n, size=(9, 13)):
    rng = np.random.default_rng(seed)
    return rng.random((n, *size)) < rng.random((n, 1, 1))


def runs_of(mask):
    flat = mask.ravel(order="F").astype(np.int8)
    return np.diff(np.r_[0, np.flatnonzero(np.diff(np.r_[0, flat, 1 - flat[-1]]))])


def loop(found, truth, crowd):
    table = np.zeros((len(found), len(truth)))
    for i, one in enumerate(found):
        for j, two in enumerate(truth):
            whole = one.sum() if crowd[j] else (one | two).sum()
            table[i, j] = (one & two).sum() / whole if whole else 0
    return table


def test_masks_and_run_lengths_equal_a_plain_loop(monkeypatch):
    found, truth = masks(0, 6), masks(1, 5)
    found[0], truth[0], truth[1] = False, False, True
    crowd = np.array([False, True, False, True, False])
    expected = loop(found, truth, crowd)
    assert mask_overlap(found, truth, crowd) == pytest.approx(expected, abs=1e-12)
    runs = [runs_of(one) for one in found], [runs_of(one) for one in truth]
    assert run_overlap(*runs, crowd) == pytest.approx(expected, abs=1e-12)
    monkeypatch.setattr(module, "_AT_ONCE", 50)  # few pixels at a time
    assert mask_overlap(found, truth, crowd) == pytest.approx(expected, abs=1e-12)


def test_boxes_are_masks_of_their_pixels():
    rng = np.random.default_rng(2)
    corners = rng.integers(0, 12, (40, 2, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1) + 1], axis=1)
    y, x = np.mgrid[:13, :13]
    left, top, right, bottom = boxes.T[..., None, None]
    pixels = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    crowd = rng.random(20) < 0.5
    assert box_overlap(boxes[:20], boxes[20:], crowd) == pytest.approx(loop(pixels[:20], pixels[20:], crowd))
    assert box_areas(boxes) == pytest.approx(mask_areas(pixels))


def test_edges():
    assert box_overlap([[0, 0, 2, 2]], [[2, 0, 4, 2], [0, 0, 0, 9], [5, 5, 9, 9]]).tolist() == [[0, 0, 0]]  # they touch
    assert box_overlap([[1, 1, 1, 1]], [[0, 0, 2, 2]], [True]).tolist() == [[0]]  # no area, and no 0 / 0
    assert box_overlap([], [[0, 0, 1, 1]]).shape == (0, 1) and box_overlap([[0, 0, 1, 1]], []).shape == (1, 0)
    assert mask_overlap(np.zeros((0, 4, 4), bool), masks(0, 2)).shape == (0, 2)
    assert run_overlap([], [np.array([4])]).shape == (0, 1)


def test_pairs_of_boxes_masks_and_runs_agree():
    shapes = np.zeros((2, 8, 8), dtype=bool)
    shapes[0, 1:5, 2:6], shapes[1, 2:5, 2:6] = True, True
    boxes = np.array([[2, 1, 6, 5], [2, 2, 6, 5]])
    made = [
        box_pairs(boxes[:1], [0.5], [3], boxes[1:], [3], crowd=[True]),
        mask_pairs(shapes[:1], [0.5], [3], shapes[1:], [3], crowd=[True]),
        run_pairs([runs_of(shapes[0])], [0.5], [3], [runs_of(shapes[1])], [3], crowd=[True]),
    ]
    for one in made:
        assert one.overlap.tolist() == [[0.75]] and one.ignore.tolist() == [True]
        assert (one.areas.tolist(), one.truth_areas.tolist()) == ([16], [12])
    assert box_pairs(boxes, [1, 0], [0, 0], boxes, [0, 0], truth_areas=[5, 6]).truth_areas.tolist() == [5, 6]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: box_overlap([[0, 0, 1]], []), "boxes \\(n, 4\\)"),
        (lambda: box_overlap([[5, 5, 2, 2]], []), "x, y, width, height"),
        (lambda: box_overlap([[0, 0, 1, np.nan]], []), "finite"),
        (lambda: box_overlap([], [[0, 0, 1, 1]], [True, False]), "crowd: expected True or False for each of the 1"),
        (lambda: mask_overlap(np.zeros((1, 3, 3)), np.zeros((1, 3, 3))), "masks of bool"),
        (lambda: mask_overlap(masks(0, 1), masks(0, 1, (3, 3))), "height and width of the found ones"),
        (lambda: run_overlap([np.array([4])], [np.array([5])]), "the 4 of the other masks"),
        (lambda: run_overlap([np.array([4, -1])], []), "whole numbers of pixels"),
        (lambda: box_pairs([[0, 0, 1, 1]], [], [0], [], []), "one for each of the 1 found objects"),
        (lambda: box_pairs([[0, 0, 1, 1]], [np.nan], [0], [], []), "finite numbers"),
        (lambda: box_pairs([[0, 0, 1, 1]], [1.0], [-1], [], []), "Drop rows of padding"),
        (lambda: box_pairs([[0, 0, 1, 1]], [1.0], [0], [], [0]), "truth_classes: expected one for each of the 0"),
        (lambda: box_pairs([], [], [], [[0, 0, 1, 1]], [0], truth_areas=[np.nan]), "square pixels"),
    ],
)
def test_what_cannot_be_compared_is_said(call, message):
    with pytest.raises(InputError, match=message):
        call()
