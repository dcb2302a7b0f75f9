"""Boundary F against scikit-image's boundaries, distances between all pixels, and cases worked by hand."""

import numpy as np
import pytest
from skimage.segmentation import find_boundaries

from regard.core.checks import InputError
from regard.metrics.boundary import BoundaryScores, class_boundary_f, mask_boundary, mask_boundary_f


def blobs(seed, size=(30, 40)):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    mask = np.zeros(size, dtype=bool)
    for _ in range(3):
        mask |= (y - rng.integers(size[0])) ** 2 + (x - rng.integers(size[1])) ** 2 < rng.integers(9, 90)
    return mask


def plainly(truth, found, reach):
    a, b = np.argwhere(truth), np.argwhere(found)
    near = ((a[:, None] - b[None]) ** 2).sum(axis=2) <= reach**2
    recall, precision = near.any(axis=1).mean(), near.any(axis=0).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0


def test_boundaries_equal_scikit_images():
    for seed in range(5):
        mask = blobs(seed)
        assert (mask_boundary(mask) == find_boundaries(mask, connectivity=1, mode="inner", background=0)).all()


def test_f_equals_distances_between_all_pixels():
    values = []
    for seed in range(8):
        one, two = blobs(seed), blobs(seed + 100)
        for share in (0.0, 0.03, 0.1):  # the diagonal is 50 pixels: 1, 2 and 5 pixels
            reach = {0.0: 1, 0.03: 2, 0.1: 5}[share]
            values.append(mask_boundary_f(one, two, share=share))
            assert values[-1] == pytest.approx(plainly(mask_boundary(one), mask_boundary(two), reach))
    assert len(set(values)) > 15


def test_worked_by_hand():
    """A bar of 5 pixels, all boundary: 5 of 10 found ones are there and 5 far off. Precision 1/2, recall 1."""
    truth, found = np.zeros((2, 30, 40), dtype=bool)
    truth[10, 5:10] = True
    found[10, 5:10], found[25, 5:10] = True, True
    assert mask_boundary_f(truth, found, share=0.04) == pytest.approx(2 * 0.5 / 1.5)
    assert mask_boundary_f(truth, np.roll(truth, 2, axis=0), share=0.04) == 1.0
    assert mask_boundary_f(truth, np.roll(truth, 3, axis=0), share=0.04) == 0.0
    assert mask_boundary_f(truth, np.zeros_like(truth)) == mask_boundary_f(np.zeros_like(truth), truth) == 0.0
    assert np.isnan(mask_boundary_f(np.zeros_like(truth), np.ones_like(truth)))  # edges of the picture are none


def test_classes_and_what_does_not_count():
    truth = np.zeros((30, 40), dtype=int)
    truth[:, 20:], truth[:5] = 1, 2
    predicted = truth.copy()
    assert class_boundary_f(truth, predicted, 4) == pytest.approx([1, 1, 1, np.nan], nan_ok=True)
    predicted[25:, :10] = 3  # said and not there
    found = class_boundary_f(truth, predicted, 4)
    assert found[3] == 0 and found[0] < 1 and found[1] == 1
    truth[24:, :11] = 255  # all of it is not known
    assert class_boundary_f(truth, predicted, 4) == pytest.approx([1, 1, 1, np.nan], nan_ok=True)


def test_means_over_pictures_then_classes_and_weights():
    truth, rng = np.zeros((3, 30, 40), dtype=int), np.random.default_rng(0)
    truth[0, :, 20:], truth[1, :, 10:], truth[2, 9:20, 9:20] = 1, 1, 2
    predicted = np.roll(truth, rng.integers(0, 4), axis=2)
    predicted[1] = 0
    each = np.stack([class_boundary_f(*pair, 3) for pair in zip(truth, predicted)])
    judge = BoundaryScores(["a", "b", "c"])
    for pair in zip(truth, predicted):
        judge.add(*pair)
    found = judge.scores()
    assert found.by_class["b"] == {"boundary_f": pytest.approx(each[:2, 1].mean()), "images": 2}
    assert found.metrics["boundary_f"] == pytest.approx(np.nanmean(each, axis=0).mean())
    assert each[1, 1] == 0
    assert judge.measured([[1, 0, 1], [1, 1, 1]])[1] == found.metrics["boundary_f"] != judge.measured([1, 0, 1])[0]
    assert judge.measured([0, 2, 0])[0] == 0
    assert np.isnan(BoundaryScores(["a"]).scores().metrics["boundary_f"])


def test_misuse_is_said():
    mask = np.zeros((3, 3), dtype=bool)
    with pytest.raises(InputError, match="mask of bool"):
        mask_boundary_f(mask.astype(int), mask)
    with pytest.raises(InputError, match="that of the truth"):
        mask_boundary_f(mask, mask[:2])
    with pytest.raises(InputError, match="share"):
        mask_boundary_f(mask, mask, share=-1)
    with pytest.raises(InputError, match="that of the mask"):
        mask_boundary(mask, mask[:2])
