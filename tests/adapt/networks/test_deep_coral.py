"""Deep CORAL: against numpy's covariances."""

import numpy as np
import pytest
import torch

from helpers.adapting import seen
from regard.adapt.networks.deep_coral import Method, coral_loss
from regard.core.checks import InputError


@pytest.mark.parametrize("n, m, d", [(5, 9, 3), (40, 2, 6)])
def test_it_equals_the_distance_of_numpys_covariances(n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(n, d)), rng.normal(2, 3, (m, d))
    expected = np.linalg.norm(np.cov(A.T) - np.cov(B.T)) ** 2 / (4 * d**2)
    assert np.isclose(float(coral_loss(torch.from_numpy(A), torch.from_numpy(B))), expected, rtol=1e-12)


def test_its_gradient_is_that_of_the_paper() -> None:
    # equations 4 and 5 of the paper, with the covariances' difference G: (x - mean) G / (d^2 (n - 1)), and less than 0
    given = seen(6, 4)
    xs, xt = given.source_features, given.target_features
    coral_loss(xs, xt).backward()
    A, B = xs.detach().double().numpy(), xt.detach().double().numpy()
    G = np.cov(A.T) - np.cov(B.T)
    d = A.shape[1]
    assert np.allclose(xs.grad, (A - A.mean(0)) @ G / (d**2 * 5), atol=1e-6)
    assert np.allclose(xt.grad, -(B - B.mean(0)) @ G / (d**2 * 3), atol=1e-6)


def test_a_shift_of_a_domain_and_equal_domains_cost_nothing() -> None:
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0), dtype=torch.double)
    assert float(coral_loss(x, x + 7)) < 1e-20 < float(coral_loss(x, 2 * x))


def test_logits_are_aligned_unless_features_are_asked_for() -> None:
    for of, other in (("logits", "features"), ("features", "logits")):
        given = seen()
        Method(of=of).loss(given, None)[0].backward()
        assert getattr(given, f"source_{of}").grad is not None and getattr(given, f"source_{other}").grad is None
    with pytest.raises(InputError, match="Did you mean 'logits'"):
        Method(of="logit")  # type: ignore[arg-type]
