"""DAN: against the maximum mean discrepancy in numpy."""

import numpy as np
import pytest
import torch

from helpers.adapting import seen
from regard.adapt.networks.dan import Method, multi_kernel_mmd2
from regard.adapt.shift.mmd import mmd2


@pytest.mark.parametrize("n, m, d", [(6, 6, 3), (3, 20, 5), (1, 1, 2), (1, 8, 1)])
def test_it_equals_the_measure_of_shift(n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(n)
    A, B = rng.normal(size=(n, d)) + 50, rng.normal(1, 2, (m, d)) + 50
    found = float(multi_kernel_mmd2(torch.from_numpy(A), torch.from_numpy(B)))
    assert np.isclose(found, mmd2(A, B, "multi"), rtol=1e-9, atol=1e-12)


def test_two_points_by_hand() -> None:
    # r^2 = 4, the mean squared distance of pooled pairs is 4: 2 - 2 mean exp(-2^-u)
    expected = 2 - 2 * np.mean([np.exp(-(2.0**-u)) for u in range(-3, 2)])
    assert np.isclose(float(multi_kernel_mmd2(torch.tensor([[0.0]]), torch.tensor([[2.0]]))), expected)


def test_steps_down_bring_the_domains_together() -> None:
    given = seen()
    x = given.target_features.detach().clone()
    start = float(multi_kernel_mmd2(given.source_features, x).detach())
    for _ in range(20):
        x = x.requires_grad_()
        (gradient,) = torch.autograd.grad(Method().loss(given._replace(target_features=x), None)[0], x)
        x = (x - gradient).detach()
    assert float(multi_kernel_mmd2(given.source_features, x).detach()) < 0.8 * start
