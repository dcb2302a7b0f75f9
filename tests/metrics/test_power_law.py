"""Power laws: exact ones are found, intervals are those of a search over all curves, doubt makes them wide."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.metrics.power_law import ALPHAS, SHIFTS, fit_power_laws

SIZES = np.array([800.0, 400, 200, 100, 50])


def curve(E: float, a: float, alpha: float) -> np.ndarray:
    return E + a * (800 / SIZES) ** alpha


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.4])
def test_an_exact_curve_is_found(alpha: float) -> None:
    found = fit_power_laws([SIZES], curve(0.1, 0.02, alpha), 1e-6 * np.eye(5))  # a tenth of a point
    assert found.fits and found.shape[0] == pytest.approx([alpha, 0], rel=0.02)
    assert found.limit()[0] == pytest.approx(0.1, abs=2e-3)
    assert found.lack()[0] == pytest.approx(0.02, abs=2e-3)
    assert found.at(800)[0] == pytest.approx(0.12, abs=1e-4)


@pytest.mark.parametrize("noise", [0.002, 0.01])
def test_the_ends_are_those_of_a_search_over_all_curves(noise: float) -> None:
    rng = np.random.default_rng(0)
    mean = curve(0.08, 0.03, 0.8) + noise * rng.normal(size=5) / 2
    wide = noise**2 * (np.eye(5) + 0.5)
    found, precision = fit_power_laws([SIZES], mean, wide), np.linalg.inv(wide)
    values = np.linspace(0, 0.2, 1001)
    for place, (_, low, high) in enumerate((found.limit(), found.lack())):
        inside = []
        for alpha in np.geomspace(*ALPHAS, 200):
            for shift in SHIFTS:
                columns = np.ones(5), ((800 * (1 + shift)) / (SIZES + 800 * shift)) ** alpha
                mine, other = columns[place], columns[1 - place]
                rest = mean - values[:, None] * mine  # what the other parameter, of at least 0, has to explain
                best = np.maximum(rest @ precision @ other / (other @ precision @ other), 0)
                off = rest - best[:, None] * other
                inside += values[np.einsum("ij,jk,ik->i", off, precision, off) <= found.misfit + 1].tolist()
        assert (low, high) == pytest.approx((min(inside), max(inside)), abs=0.02 * (high - low) + 2e-4)


def test_of_two_curves_what_they_share_does_not_blur_the_difference() -> None:
    mean = np.concatenate([curve(0.1, 0.02, 1), curve(0.06, 0.02, 1)])
    alone = 0.01**2 * np.eye(10)
    together = alone + 0.05**2  # an easy test set is easy for both
    narrow, wide = (fit_power_laws([SIZES, SIZES], mean, one) for one in (alone, together))
    (value, low, high), (_, low2, high2) = narrow.between(0, 1), wide.between(0, 1)
    assert value == pytest.approx(0.04, abs=2e-3)
    assert high2 - low2 < 1.3 * (high - low)
    limit = wide.limit(0)
    assert limit[2] - limit[1] > 1.5 * (high2 - low2)


def test_two_curves_are_as_each_alone_where_they_share_nothing() -> None:
    mean = np.concatenate([curve(0.1, 0.02, 1), curve(0.06, 0.03, 0.6)])
    both = fit_power_laws([SIZES, SIZES], mean, 0.004**2 * np.eye(10))
    for place in (0, 1):
        one = fit_power_laws([SIZES], mean[5 * place : 5 * place + 5], 0.004**2 * np.eye(5))
        assert both.limit(place) == pytest.approx(one.limit(), abs=2e-3)


def test_a_line_that_tells_little_leaves_much_open() -> None:
    sure, vague = (fit_power_laws([SIZES], curve(0.1, 0.02, 0.5), s**2 * np.eye(5)) for s in (0.0005, 0.02))
    assert sure.limit()[2] - sure.limit()[1] < 0.03
    assert vague.limit()[1] == 0.0 and vague.limit()[2] > 0.1


def test_what_is_no_power_law_is_told() -> None:
    bump = np.array([0.1, 0.11, 0.3, 0.12, 0.13])
    assert not fit_power_laws([SIZES], bump, 0.005**2 * np.eye(5)).fits
    assert not fit_power_laws([SIZES], curve(0.1, 0.02, 1)[::-1].copy(), 0.005**2 * np.eye(5)).fits  # it rises


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(InputError, match="4 or more"):
        fit_power_laws([SIZES[:3]], np.zeros(3), np.eye(3))
    with pytest.raises(InputError, match="shapes"):
        fit_power_laws([SIZES], np.zeros(4), np.eye(5))
    with pytest.raises(InputError, match="one or two"):
        fit_power_laws([SIZES] * 3, np.zeros(15), np.eye(15))
