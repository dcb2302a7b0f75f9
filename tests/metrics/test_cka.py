"""Linear CKA against its definition, what it does not see, and where it says nothing."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.metrics.cka import linear_cka


@pytest.mark.parametrize(("n", "d", "e"), [(40, 5, 3), (6, 50, 20), (6, 3, 50)])
def test_it_is_hsic_of_centred_grams(n: int, d: int, e: int) -> None:
    rng = np.random.default_rng(n)
    X, Y = rng.normal(size=(n, d)), rng.normal(size=(n, e))
    H = np.eye(n) - 1 / n
    K, L = H @ X @ X.T @ H, H @ Y @ Y.T @ H
    assert linear_cka(X, Y) == pytest.approx(np.trace(K @ L) / np.sqrt(np.trace(K @ K) * np.trace(L @ L)), abs=1e-12)
    assert linear_cka(X, Y) == pytest.approx(linear_cka(Y, X), abs=1e-12)


def test_turns_shifts_and_one_factor_are_not_seen_but_a_stretch_is() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 4))
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    assert linear_cka(X, 5 * X @ turn + 3) == pytest.approx(1, abs=1e-12)
    assert linear_cka(X, X * [10, 1, 1, 1]) < 0.9


def test_where_it_says_nothing_and_what_is_refused() -> None:
    X = np.random.default_rng(0).normal(size=(5, 2))
    assert np.isnan(linear_cka(X, np.full((5, 3), 0.1))) and np.isnan(linear_cka(X[:1], X[:1]))
    with pytest.raises(InputError, match="Y: .*5, one for each image"):
        linear_cka(X, X[:4])
    with pytest.raises(InputError, match="X"):
        linear_cka(X * np.nan, X)
