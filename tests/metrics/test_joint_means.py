"""Joint means: the matrix gives what `contrast` gives for one difference, and covers what it says."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.metrics.contrast import contrast
from regard.metrics.joint_means import RHO, joint_means


def scores(rng: np.random.Generator, rows: int, cells: int, images: int, luck: float = 0.0) -> np.ndarray:
    """Mistakes of cells that find the same images hard; rows have luck of their own."""
    hard = rng.normal(size=images)
    own = luck * rng.normal(size=(rows, 1, 1)) + 0.7 * rng.normal(size=(rows, cells, images))
    return (hard + own > 1).astype(float)


@pytest.mark.parametrize("luck", [0.1, 0.5])
@pytest.mark.parametrize("cuts", [5, 10])
def test_one_mean_of_halves_has_the_interval_of_contrast(luck: float, cuts: int) -> None:
    rng = np.random.default_rng(0)
    made = scores(rng, 2 * cuts, 1, 400, luck)
    found = joint_means(made[:1], made, made).interval([0, 1])
    known = contrast(made[:, 0], np.zeros((2 * cuts, 400)), halves=True)
    assert found.mean == pytest.approx(known.mean, abs=1e-12)
    assert found.half_width == pytest.approx(known.half_width, rel=0.1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("units", [1, 4])
def test_a_difference_is_no_narrower_than_in_contrast(seed: int, units: int) -> None:
    rng = np.random.default_rng(seed)
    made = scores(rng, 20, 2, 400, 0.2)
    of = np.arange(400) // units
    found = joint_means(made[:1, :1], made[:, :1], made, of).interval([0, 1, -1])
    known = contrast(made[:, 0], made[:, 1], of, halves=True)
    assert found.mean == pytest.approx(known.mean, abs=1e-12)
    assert 0.9 * known.half_width <= found.half_width <= 2.5 * known.half_width


def test_with_all_samples_luck_is_that_of_two_halves_and_goes_together_by_rho() -> None:
    rng = np.random.default_rng(1)
    made = scores(rng, 16, 1, 400, 0.5)
    found = joint_means(made[:1], made, made)
    draws = found.over_draws
    assert draws[0, 0] == pytest.approx(draws[1, 1]) and draws[0, 0] > 0
    assert draws[0, 1] == pytest.approx(RHO * draws[1, 1])


def test_luck_is_found_where_it_is() -> None:
    rng = np.random.default_rng(2)
    found = []
    for luck in 0.04 * rng.normal(size=(100, 14, 1, 1)):  # what a half's own error differs by
        made = 0.3 + luck + np.zeros((14, 1, 50))
        found.append(joint_means(made[:1], made, made).over_draws[1, 1])
    # of the mean of two halves 0.04^2 / 2; and here each cut differs by as much, of which a seventh is left
    assert np.mean(found) == pytest.approx(0.04**2 / 2 * (1 + 1 / 7), rel=0.1)


def test_few_that_agree_are_not_sure() -> None:
    right = np.zeros((6, 1, 20))
    found = joint_means(right[:1], right, right).interval([1, 0])
    assert found.mean == 0 and found.half_width > 0.05


def test_what_cannot_be_is_refused() -> None:
    one = np.zeros((4, 1, 10))
    for wrong in ((one, one[:3], one[:3]), (one, one, one[:, :, :5]), (one - 1, one, one), (one, one, one[0])):
        with pytest.raises(InputError):
            joint_means(*wrong)
    with pytest.raises(InputError, match="units"):
        joint_means(one, one, one, np.arange(3))
