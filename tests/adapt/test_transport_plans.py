"""Plans against POT and against hand-made cases."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from regard.adapt.transport_plans import exact, group_lasso, laplacian, lp_l1, pot, sinkhorn


def problem(ns=30, nt=25, seed=0):
    rng = np.random.default_rng(seed)
    Xs, Xt = rng.normal(size=(ns, 3)), rng.normal(size=(nt, 3)) + 1
    M = cdist(Xs, Xt, "sqeuclidean")
    a, b = rng.uniform(0.5, 1, size=ns), np.full(nt, 1 / nt)
    return Xs, Xt, M / M.max(), a / a.sum(), b, np.arange(ns) % 3


def test_import_of_pot_leaves_the_environment_as_it_is(monkeypatch):
    import os
    import sys

    before = dict(os.environ)
    for name in [name for name in sys.modules if name == "ot" or name.startswith("ot.")]:
        monkeypatch.delitem(sys.modules, name)
    assert hasattr(pot(), "emd") and dict(os.environ) == before


def test_exact_by_hand():
    M = np.array([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_allclose(exact(M, np.array([0.5, 0.5]), np.array([0.5, 0.5])), np.eye(2) / 2)
    np.testing.assert_allclose(exact(M, np.array([0.75, 0.25]), np.array([0.5, 0.5])), [[0.5, 0.25], [0, 0.25]])


@pytest.mark.parametrize("reg", [1.0, 0.05, 0.005])
def test_sinkhorn_is_pots_plan_with_the_marginals(reg):
    *_, M, a, b, _ = problem()
    plan = sinkhorn(M, a, b, reg, rounds=20000)
    np.testing.assert_allclose(plan.sum(0), b, atol=1e-8)
    np.testing.assert_allclose(plan.sum(1), a, atol=1e-8)
    theirs = pot().sinkhorn(a, b, M, reg, method="sinkhorn_log", numItermax=200_000, stopThr=1e-12)
    np.testing.assert_allclose(plan, theirs, atol=1e-6)


def test_a_small_regularisation_nears_the_exact_plan_without_leaving_the_range():
    *_, M, a, b, _ = problem()
    cost = [float(np.vdot(sinkhorn(1000 * M, a, b, reg, rounds=50000), M)) for reg in (100.0, 10.0, 1.0)]
    best = float(np.vdot(exact(M, a, b), M))
    assert cost[0] > cost[1] > cost[2] >= best - 1e-9 and cost[2] < best * 1.02


def test_group_lasso_falls_below_pot_or_meets_it():
    *_, M, a, b, codes = problem()
    plan, path = group_lasso(M, a, b, codes, 0.05, 0.1, rounds=100)
    theirs = pot().da.sinkhorn_l1l2_gl(a, codes, b, M, 0.05, eta=0.1, numItermax=100, numInnerItermax=1000)

    def objective(G):
        norms = sum(np.linalg.norm(G[codes == c], axis=0).sum() for c in range(3))
        return np.vdot(G, M) + 0.05 * (G * (np.log(np.maximum(G, 1e-300)) - 1)).sum() + 0.1 * norms

    assert (np.diff(path) < 0).all() and path[-1] == pytest.approx(objective(plan), rel=1e-6)
    assert objective(plan) <= objective(theirs) + 1e-6
    np.testing.assert_allclose(plan.sum(0), b, atol=1e-6)


def test_lp_l1_falls_and_keeps_classes_apart():
    *_, M, a, b, codes = problem()
    plan, path = lp_l1(M, a, b, codes, 0.02, 0.05, rounds=20)
    assert len(path) > 1 and (np.diff(path) <= 0).all()

    def purity(G):
        mass = np.stack([G[codes == c].sum(0) for c in range(3)])
        return (mass.max(0) / mass.sum(0)).mean()

    assert purity(plan) > purity(sinkhorn(M, a, b, 0.02))
    np.testing.assert_allclose(plan.sum(0), b, atol=1e-6)


def test_order_of_classes_does_not_matter():
    *_, M, a, b, codes = problem()
    mixed = np.random.default_rng(1).permutation(30)
    for solve in (group_lasso, lp_l1):
        plan, _ = solve(M, a, b, codes, 0.05, 0.1)
        again, _ = solve(M[mixed], a[mixed], b, codes[mixed], 0.05, 0.1)
        np.testing.assert_allclose(again, plan[mixed], atol=1e-8)


def test_laplacian_keeps_the_marginals_and_its_neighbours():
    Xs, Xt, M, a, b, _ = problem()
    plan = laplacian(M, a, b, Xs, Xt, 1.0, 0.5, 8)
    np.testing.assert_allclose(plan.sum(0), b, atol=1e-6)
    np.testing.assert_allclose(plan.sum(1), a, atol=1e-6)

    def rough(G):
        d = G @ Xt / G.sum(1, keepdims=True) - Xs
        near = cdist(Xs, Xs).argsort(axis=1)[:, 1:9]
        return np.mean([np.linalg.norm(d[i] - d[near[i]], axis=1).mean() for i in range(len(d))])

    assert rough(plan) < rough(exact(M, a, b))
    np.testing.assert_allclose(laplacian(M[:1], np.ones(1), b, Xs[:1], Xt, 1.0, 0.5, 8), b[None])


def test_mass_so_small_that_its_square_underflows_has_no_slope():
    codes, share = np.array([0, 0, 1, 1]), np.full(4, 0.25)
    M = 25.0 * (codes[:, None] != codes)  # exp(-25 / 0.05) is about 1e-217
    M[1, 0], M[3, 2] = 0.1, 0.2
    plan, path = group_lasso(M, share, share, codes, 0.05, 0.1)  # warnings are errors
    assert np.isfinite(plan).all() and np.isfinite(path).all()
    assert 0 < plan[codes[:, None] != codes].max() < 1e-150
    np.testing.assert_allclose(plan.sum(axis=0), share, atol=1e-6)
