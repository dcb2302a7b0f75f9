"""The loss of an angle beside von Mises' density, and what it is least at."""

import numpy as np
import pytest
import torch
from scipy.stats import vonmises

from regard.reuse.dense.von_mises import von_mises_loss


def points(angles: torch.Tensor) -> torch.Tensor:
    return torch.stack([angles.sin(), angles.cos()], -1)


@pytest.mark.parametrize("k", [0.01, 1.0, 30.0, 500.0])
def test_the_loss_is_the_logarithm_of_the_density(k: float):
    true = torch.linspace(-3, 3, 9, dtype=torch.float64)
    found = von_mises_loss(k * points(torch.full((9,), 0.7, dtype=torch.float64)), points(true))
    wanted = -vonmises.logpdf(true.numpy(), k, loc=0.7) - np.log(2 * np.pi)
    assert found.numpy() == pytest.approx(wanted, rel=1e-6, abs=1e-5)


def test_what_is_told_of_angles_that_differ_is_their_mean_direction_and_their_spread():
    rng = np.random.default_rng(0)
    angles = torch.from_numpy(vonmises.rvs(6.0, loc=2.0, size=4000, random_state=rng))
    told = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([told], max_iter=50)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = von_mises_loss(told.expand(len(angles), 2), points(angles)).mean()
        value.backward()
        return value

    optimizer.step(loss)
    assert told.grad is not None and torch.isfinite(told.grad).all()  # also where it began, at no length
    mean = points(angles).mean(0)
    one, other = torch.atan2(told[0], told[1]).item(), torch.atan2(mean[0], mean[1]).item()
    assert one == pytest.approx(other, abs=1e-4) and one == pytest.approx(2.0, abs=0.05)
    assert told.norm().item() == pytest.approx(6.0, rel=0.1)


def test_angles_that_are_spread_evenly_are_told_as_not_known():
    even = points(torch.linspace(0, 2 * np.pi, 13)[:-1])
    told = torch.tensor([1.0, 2.0], requires_grad=True)
    von_mises_loss(told.expand(12, 2), even).mean().backward()
    slope = told.grad / told.detach()
    assert slope[0] > 0 and slope[1].item() == pytest.approx(slope[0].item(), rel=1e-4)  # straight to no length
