"""Small labelled vectors, cut into batches in any way: what learners of a stream are tried on."""

import numpy as np


def clusters(counts=(9, 7, 5, 8), d=5, seed=0, offset=3.0):
    """Vectors (n, d) of clusters with so many samples, and their classes 0, 1 ...; not around zero."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    spread = rng.uniform(0.5, 2, size=(len(counts), d))
    return offset + 3 * rng.normal(size=(len(counts), d))[y] + spread[y] * rng.normal(size=(len(y), d)), y


def batches(n, rng, most=6):
    """The rows 0 .. n-1 in a random order, cut at random into batches of which some hold one."""
    order = rng.permutation(n)
    cuts = np.sort(rng.choice(np.arange(1, n), min(n - 1, int(rng.integers(0, most))), replace=False))
    return np.split(order, cuts)


def learned(model, X, y, parts):
    """A learner that was given these batches, one after another."""
    for rows in parts:
        model.partial_fit(X[rows], y[rows])
    return model


def close(a, b, tolerance=1e-8):
    """Fail where scores differ by more, relative to the largest."""
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1.0, float(np.abs(b).max())))
