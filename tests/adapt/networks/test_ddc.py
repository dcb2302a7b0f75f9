"""DDC: the distance of means, by hand, against the measure of shift, and its gradient."""

import numpy as np
import pytest
import torch

from helpers.adapting import seen
from regard.adapt.networks.ddc import Method, linear_mmd2
from regard.adapt.shift.mmd import mmd2


@pytest.mark.parametrize("n, m, d", [(6, 6, 3), (3, 20, 5), (1, 1, 2), (1, 8, 1)])
def test_it_equals_the_measure_of_shift(n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(n)
    A, B = rng.normal(size=(n, d)) + 50, rng.normal(1, 2, (m, d)) + 50
    found = float(linear_mmd2(torch.from_numpy(A), torch.from_numpy(B)))
    assert np.isclose(found, mmd2(A, B, "linear"), rtol=1e-9)
    # all pairs of the linear kernel
    A, B = A - 50, B - 50
    assert np.isclose(found, (A @ A.T).mean() + (B @ B.T).mean() - 2 * (A @ B.T).mean())


def test_its_gradient_moves_all_images_of_a_domain_alike() -> None:
    given = seen(12, 9)
    loss, told = Method().loss(given, None)
    loss.backward()
    between = (given.source_features.mean(0) - given.target_features.mean(0)).detach()
    assert torch.allclose(given.source_features.grad, (2 * between / 12).expand(12, 5))
    assert torch.allclose(given.target_features.grad, (-2 * between / 9).expand(9, 5))
    assert given.target_logits.grad is None and float(told["mmd2"]) == float(loss.detach())


def test_the_weight_is_the_papers() -> None:
    assert Method().weight == 0.25 and {Method().schedule(p) for p in (0.0, 0.5, 1.0)} == {1.0}
