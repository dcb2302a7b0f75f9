"""Decompositions on one BLAS thread: as numpy's, and the threads are as before afterwards."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from regard.core import linalg
from regard.core.linalg import eigh, singular_values, svd


def _threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


@pytest.mark.parametrize(("n", "d"), [(1, 1), (3, 8), (40, 8), (300, 200)])
def test_they_take_a_matrix_apart(n, d):
    A = np.random.default_rng(0).normal(size=(n, d))
    U, lengths, Vt = svd(A)
    assert np.allclose(U * lengths @ Vt, A)
    assert np.allclose(singular_values(A), lengths)
    values, vectors = eigh(A.T @ A)
    assert np.allclose(vectors * values @ vectors.T, A.T @ A)
    assert np.allclose(values[::-1][: len(lengths)], lengths**2)


@pytest.mark.parametrize(("wide", "alone"), [(8, True), (4, False)])
def test_threads_inside_and_after(monkeypatch, wide, alone):
    before, seen = _threads(), []
    real = np.linalg.eigh
    monkeypatch.setattr(linalg, "WIDE", wide)
    monkeypatch.setattr(np.linalg, "eigh", lambda A: (seen.append(_threads()), real(A))[1])
    eigh(np.eye(6))
    assert seen == [[1] * len(before) if alone else before]
    assert _threads() == before
