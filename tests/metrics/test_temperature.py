"""Temperature scaling: against a grid, and against a truth that is known."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.metrics.score_calibration import calibration_error
from regard.metrics.temperature import fit_temperature, log_loss, probabilities


def drawn(n: int = 4000, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from their softmax."""
    rng = np.random.default_rng(seed)
    z = 2 * rng.normal(size=(n, classes))
    return z, (z + rng.gumbel(size=z.shape)).argmax(1)


@pytest.mark.parametrize("by", [0.5, 1.0, 4.0])
def test_what_logits_were_multiplied_by_is_found(by: float) -> None:
    z, truth = drawn()
    assert fit_temperature(by * z, truth) == pytest.approx(by, rel=0.1)
    rng = np.random.default_rng(1)
    several = rng.random(z.shape) < 1 / (1 + np.exp(-z))
    assert fit_temperature(by * z, several) == pytest.approx(by, rel=0.1)


def test_it_is_the_best_of_a_grid_and_changes_no_answer() -> None:
    z, truth = drawn(200)
    best = fit_temperature(3 * z, truth)
    grid = np.exp(np.linspace(np.log(0.05), np.log(20), 4000))
    assert log_loss(3 * z, truth, best) <= min(log_loss(3 * z, truth, t) for t in grid[::40]) + 1e-9
    assert (probabilities(3 * z, best).argmax(1) == z.argmax(1)).all()


def test_log_loss_is_the_slow_sum() -> None:
    z, truth = drawn(20)
    p = np.exp(z / 2) / np.exp(z / 2).sum(1, keepdims=True)
    assert log_loss(z, truth, 2.0) == pytest.approx(-np.mean(np.log(p[np.arange(20), truth])))
    assert probabilities(z, 2.0) == pytest.approx(p)
    several = z > 0.3
    q = 1 / (1 + np.exp(-z))
    assert log_loss(z, several) == pytest.approx(-np.mean(np.where(several, np.log(q), np.log(1 - q))))
    assert probabilities(z, several=True) == pytest.approx(q)


def test_calibration_gets_better_on_images_that_were_not_fitted_on() -> None:
    z, truth = drawn(6000)
    temperature = fit_temperature(5 * z[:3000], truth[:3000])

    def error(t: float) -> float:
        p = probabilities(5 * z[3000:], t)
        return calibration_error(p.max(1), p.argmax(1) == truth[3000:], 15)

    assert error(temperature) < 0.05 < 0.15 < error(1.0)


def test_what_cannot_be_fitted_is_refused() -> None:
    for z, truth in (([[1.0, 2.0]], [0, 1]), (np.zeros((0, 2)), np.zeros(0, int)), ([[np.nan, 0]], [0])):
        with pytest.raises(InputError):
            fit_temperature(z, truth)
    separable = np.array([[0.5, 0], [0, 0.5]])
    assert fit_temperature(separable, [0, 1]) == pytest.approx(0.05, rel=0.05), "the search has ends"
