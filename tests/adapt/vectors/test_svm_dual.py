"""The shared support vector machines: the dual against a plain quadratic program and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import lsq_linear, minimize
from sklearn.svm import SVC, LinearSVC

from regard.adapt.vectors._common import drawn_by_class
from regard.adapt.vectors._svm import (
    Machine,
    by_class,
    check_kernel,
    dual,
    gram,
    machine,
    margin_probabilities,
    read_gamma,
    signs,
    soft_margin,
)
from regard.core.checks import InputError


def two_clouds(n=40, d=3, apart=1.5, seed=0):
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(n) % 2, 1.0, -1.0)
    return rng.normal(size=(n, d)) + apart * y[:, None] * np.eye(d)[0], y


def objective(K, y, gain, alpha):
    return 0.5 * (alpha * y) @ K @ (alpha * y) - gain @ alpha


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
@pytest.mark.parametrize("C", [0.05, 1.0, 30.0])
def test_dual_is_the_quadratic_program(kernel, C):
    X, y = two_clouds(14)
    K, gain = gram(X, X, kernel, 0.3), 1 - y * np.linspace(-1.5, 1.5, 14)
    Q = K * np.outer(y, y)
    plain = minimize(
        lambda a: (objective(K, y, gain, a), Q @ a - gain),
        np.full(14, C / 2),
        jac=True,
        bounds=[(0, C)] * 14,
        method="L-BFGS-B",
        options={"maxiter": 20000, "maxfun": 50000, "ftol": 1e-15, "gtol": 1e-10},
    )
    solved = dual(K, y, gain, C)
    assert solved.gap < 1e-9 and solved.alpha.min() >= 0 and solved.alpha.max() <= C
    assert objective(K, y, gain, solved.alpha) <= plain.fun + 1e-9 * abs(plain.fun)
    np.testing.assert_allclose(K @ (solved.alpha * y), K @ (plain.x * y), atol=1e-4 * np.abs(K @ (plain.x * y)).max())


def test_dual_is_the_least_squares_that_it_hides():
    """With K = B'B and no upper bound in reach, the minimum is a bounded least-squares problem."""
    X, y = two_clouds(10, 12)
    K, gain = X @ X.T, np.linspace(0.2, 2, 10)
    B = np.linalg.cholesky(K * np.outer(y, y)).T
    plain = lsq_linear(B, np.linalg.solve(B.T, gain), (0, np.inf), tol=1e-14)
    np.testing.assert_allclose(dual(K, y, gain, 1e6).alpha, plain.x, atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 6), st.floats(1e-3, 1e3), st.sampled_from(["rbf", "linear"]))
def test_dual_gap_closes_and_the_objective_falls(n, d, C, kernel):
    X, y = two_clouds(n, d, seed=n)
    gain = 1 - y * X[:, 0]
    solved = dual(gram(X, X, kernel, 0.5), y, gain, C)
    path = np.array(solved.objective)
    assert solved.gap < 1e-8 and path[0] == 0
    assert (np.diff(path) <= 1e-9 * np.abs(path).max()).all()
    # the gap, by the definition of the primal objective
    K = gram(X, X, kernel, 0.5)
    reached = K @ (solved.alpha * y)
    primal = 0.5 * (solved.alpha * y) @ reached + C * np.maximum(0, gain - y * reached).sum()
    assert primal + objective(K, y, gain, solved.alpha) <= 1e-7 * max(primal, 1e-12)


def test_dual_without_anything_missing_stays_at_zero():
    X, y = two_clouds(8)
    solved = dual(gram(X, X, "rbf", 1.0), y, np.full(8, -0.1), 10.0)
    assert not solved.alpha.any() and solved.gap == 0


def test_dual_of_equal_and_of_zero_samples():
    y = np.array([1.0, -1, 1, -1])
    assert dual(np.ones((4, 4)), y, np.ones(4), 2.0).gap < 1e-8
    nothing = dual(np.zeros((4, 4)), y, np.ones(4), 2.0)  # the kernel can do nothing, so every sample is at C
    np.testing.assert_array_equal(nothing.alpha, 2.0)
    assert nothing.gap < 1e-12


@pytest.mark.parametrize("C", [0.1, 1.0])
def test_dual_is_liblinears_machine_without_a_bias(C):
    X, y = two_clouds(80, 4, apart=0.8)
    ours = X.T @ (dual(X @ X.T, y, np.ones(80), C).alpha * y)
    theirs = LinearSVC(C=C, loss="hinge", dual=True, fit_intercept=False, tol=1e-10, max_iter=1000000, random_state=0)
    np.testing.assert_allclose(ours, theirs.fit(X, y).coef_[0], atol=1e-5)


def test_many_samples_in_few_dimensions_are_solved():
    X, y = two_clouds(600, 2, apart=0.5)
    assert dual(X @ X.T, y, np.ones(600), 10.0).gap < 1e-9


def test_soft_margin_is_svc_and_a_single_sign_is_its_own_answer():
    X, y = two_clouds(50, apart=0.7)
    K, cost = gram(X, X, "rbf", 0.4), np.linspace(0.5, 2, 50)
    coef, bias = soft_margin(K, y, cost)
    model = SVC(gamma=0.4).fit(X, y, sample_weight=cost)
    np.testing.assert_allclose(K @ coef + bias, model.decision_function(X), atol=5e-3)
    coef, bias = soft_margin(K, np.ones(50), cost)
    assert not coef.any() and bias == 1


def test_soft_margin_by_trying_where_the_kernel_is_the_identity():
    """K = I: each sample has a weight of its own, so weights and bias can be tried one by one."""
    y, cost = np.array([1.0, 1, 1, -1]), np.full(4, 0.4)
    coef, bias = soft_margin(np.eye(4), y, cost)
    best = min(
        sum(min(0.5 * a * a + 0.4 * max(0, 1 - s * (s * a + b)) for a in np.linspace(0, 0.4, 81)) for s in y)
        for b in np.linspace(-1, 1, 81)
    )
    found = 0.5 * coef @ coef + 0.4 * np.maximum(0, 1 - y * (coef + bias)).sum()
    assert found <= best + 1e-3 and abs(coef.sum()) < 1e-6  # and the constraint that a bias brings


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_a_machine_drops_what_carries_nothing(kernel):
    X, _ = two_clouds(20)
    coef, bias = np.zeros((20, 2)), np.array([0.5, -1.0])
    coef[[3, 7]] = [[1, 2], [-3, 0.5]]
    lean = machine(X, coef, bias, kernel, 0.7)
    np.testing.assert_allclose(lean.margins(X), gram(X, X, kernel, 0.7) @ coef + bias, atol=1e-12)
    assert len(lean.vectors) <= 3
    constant = machine(X, np.zeros((20, 2)), bias, kernel, 0.7)
    np.testing.assert_array_equal(constant.margins(X), np.tile(bias, (20, 1)))
    assert isinstance(constant, Machine)


def test_gamma_does_not_depend_on_offset_and_follows_scale():
    X, _ = two_clouds(30)
    assert read_gamma("scale", X) == pytest.approx(1 / X.var(axis=0).sum())
    assert read_gamma("scale", X + 100) == pytest.approx(read_gamma("scale", X))
    assert read_gamma("scale", 10 * X) == pytest.approx(read_gamma("scale", X) / 100)
    assert read_gamma("scale", np.full((5, 2), 0.1)) == 1 and read_gamma(3, X) == 3
    Z = X - X.mean(axis=0)
    assert read_gamma("scale", Z) == pytest.approx(1 / (Z.shape[1] * Z.var()))  # scikit-learn's
    for wrong in (0, -1, "auto", None):
        with pytest.raises(InputError, match="gamma: "):
            read_gamma(wrong, X)
    with pytest.raises(InputError, match="kernel: .*rbf, linear"):
        check_kernel("poly")
    with pytest.raises(InputError, match="kernel: .*rbf, linear"):
        check_kernel(None)


def test_signs_margins_and_probabilities():
    codes = np.array([0, 1, 2])
    np.testing.assert_array_equal(signs(codes, 3), 2 * np.eye(3) - 1)
    np.testing.assert_array_equal(signs(codes[:2], 2), [[-1], [1]])
    margins = np.array([[-2.0], [0.5]])
    np.testing.assert_array_equal(by_class(margins), [[2, -2], [-0.5, 0.5]])
    np.testing.assert_allclose(margin_probabilities(margins)[:, 1], 1 / (1 + np.exp(-margins[:, 0])))
    np.testing.assert_allclose(margin_probabilities(np.eye(3)).sum(axis=1), 1)


def test_a_draw_keeps_every_class():
    codes = np.array([0] * 900 + [1] * 99 + [2])
    rows = drawn_by_class(codes, 100, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(codes[rows]), [90, 9, 1])
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(drawn_by_class(codes, 1000, np.random.default_rng(0)), np.arange(1000))
