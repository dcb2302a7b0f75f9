"""Depth: measures by hand and against a slow plain computation and scikit-learn's, what is kept out, alignment."""

import math

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_percentage_error, root_mean_squared_error

from regard.core.checks import InputError
from regard.metrics.depth import MEASURES, DepthScores, aligned, depth_errors, known_depth


def drawn(seed: int, shape: tuple[int, int] = (6, 7)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.exp(rng.normal(1, 0.5, shape))
    return truth * np.exp(rng.normal(0, 0.2, shape)), truth


def slowly(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """One pixel after another."""
    sums = dict.fromkeys((*MEASURES, "g", "gg", "square"), 0.0)
    for d, t in zip(predicted.ravel().tolist(), truth.ravel().tolist()):
        g = math.log(d / t)
        sums["abs_rel"] += abs(d - t) / t
        sums["sq_rel"] += (d - t) ** 2 / t
        sums["square"] += (d - t) ** 2
        sums["log10"] += abs(math.log10(d / t))
        sums["g"] += g
        sums["gg"] += g * g
        for k in (1, 2, 3):
            sums[f"delta{k}"] += max(d / t, t / d) < 1.25**k
    mean = {name: value / truth.size for name, value in sums.items()}
    roots = {"rmse": mean["square"] ** 0.5, "rmse_log": mean["gg"] ** 0.5}
    silog = 100 * (mean["gg"] - mean["g"] ** 2) ** 0.5
    return {name: mean[name] for name in MEASURES} | roots | {"silog": silog}


@pytest.mark.parametrize("seed", range(3))
def test_measures_equal_a_slow_computation_and_scikit_learn(seed: int) -> None:
    predicted, truth = drawn(seed)
    found = depth_errors(predicted, truth)
    assert list(found) == list(MEASURES)
    assert found == pytest.approx(slowly(predicted, truth), rel=1e-12)
    assert found["abs_rel"] == pytest.approx(mean_absolute_percentage_error(truth.ravel(), predicted.ravel()))
    assert found["rmse"] == pytest.approx(root_mean_squared_error(truth.ravel(), predicted.ravel()))


def test_four_pixels_by_hand() -> None:
    found = depth_errors([[1.0, 4.0], [2.0, 10.0]], [[1.0, 2.0], [2.5, 8.0]])
    assert found["abs_rel"] == pytest.approx((0 + 1 + 0.2 + 0.25) / 4)
    assert found["sq_rel"] == pytest.approx((0 + 4 / 2 + 0.25 / 2.5 + 4 / 8) / 4)
    assert found["rmse"] == pytest.approx(math.sqrt((0 + 4 + 0.25 + 4) / 4))
    assert found["delta1"] == 0.25 and found["delta2"] == 0.75  # 1.25 times off is not less than 1.25 times
    twice = depth_errors([[2.0, 4.0]], [[1.0, 2.0]])
    assert twice["silog"] == pytest.approx(0, abs=1e-6) and twice["rmse_log"] == pytest.approx(math.log(2))


def test_what_was_not_measured_is_kept_out() -> None:
    predicted, truth = drawn(0)
    holes = truth.copy()
    holes[0] = [0, 65535, np.nan, np.inf, -1, -np.inf, 0]
    wild = predicted.copy()
    wild[0] = [np.nan, 0, 1e9, -1, 1, 2, 3]  # nobody looks at it
    assert depth_errors(wild, holes) == depth_errors(predicted[1:], truth[1:])
    assert known_depth(holes).sum() == 35
    near = truth <= 3
    capped = depth_errors(predicted, truth, cap=3.0)
    assert capped == depth_errors(np.minimum(predicted, 3.0)[near], truth[near])
    assert np.isnan(list(depth_errors(predicted, np.zeros_like(truth)).values())).all()
    with pytest.raises(InputError, match="predicted"):
        depth_errors(wild, truth)
    with pytest.raises(InputError, match="shape"):
        depth_errors(predicted[1:], truth)
    with pytest.raises(InputError, match="alignment"):
        depth_errors(predicted, truth, alignment="scale")
    with pytest.raises(InputError, match="cap"):
        depth_errors(predicted, truth, cap=0.0)


def test_alignment_takes_away_what_it_says() -> None:
    predicted, truth = drawn(1)
    for times, plus in ((3.0, 0.0), (0.2, 0.0), (2.0, 1.5)):
        moved = times * truth + plus
        assert depth_errors(moved, truth, alignment="scale_shift")["abs_rel"] == pytest.approx(0, abs=1e-9)
        assert (depth_errors(moved, truth, alignment="median")["abs_rel"] < 1e-9) == (plus == 0)
    d, t = predicted.ravel(), truth.ravel()
    scale, shift = np.linalg.lstsq(np.stack([d, np.ones_like(d)], 1), t, rcond=None)[0]
    np.testing.assert_allclose(aligned(d, t, "scale_shift"), scale * d + shift, rtol=1e-9)
    assert np.median(aligned(d, t, "median")) == pytest.approx(np.median(t))
    assert aligned(np.full(3, 7.0), np.array([1.0, 2.0, 6.0]), "scale_shift").tolist() == [3.0, 3.0, 3.0]
    assert (aligned([1.0, 2.0, 3.0], [3.0, 0.1, 0.05], "scale_shift") >= 1e-3).all()


def test_a_picture_counts_once_whatever_its_pixels() -> None:
    scores = DepthScores()
    assert scores.add(np.full((10, 10), 2.0), np.full((10, 10), 1.0)) and scores.add([[1.0]], [[1.0]])
    assert not scores.add([[1.0]], [[0.0]])
    assert scores.images == 2 and scores.by_image().tolist() == [1.0, 0.0]
    assert scores.metrics()["abs_rel"] == 0.5
    assert scores.measured([[1, 0], [1, 3]], "abs_rel").tolist() == [1.0, 0.25]
    assert np.isnan(DepthScores().metrics()["abs_rel"])
    with pytest.raises(InputError, match="measure"):
        scores.by_image("abs")
