"""ITML: its projections against the conditions of the minimum and a general solver, its map against differences."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.neighbors import KNeighborsClassifier

from regard.adapt.contract import UNKNOWN
from regard.adapt.named import adapter
from regard.adapt.vectors.itml import draw_pairs, hinges, logdet, unit
from regard.core.checks import InputError

HARD = 1e8  # a gamma at which nothing may slack


def constraints(n=12, d=3, seed=5):
    """Differences, which are similar, u and l: broken by the Euclidean metric, kept by another one."""
    rng = np.random.default_rng(seed)
    V, similar = rng.normal(size=(n, d)) * [1, 2, 0.5][:d], np.arange(n) % 2 == 0
    kept_by = quadratic(V, np.diag([2, 0.3, 1][:d]))
    u, l = 1.1 * kept_by[similar].max(), 0.9 * kept_by[~similar].min()  # noqa: E741
    assert (quadratic(V, np.eye(d)) > u)[similar].any()
    return V, similar, u, l


def quadratic(V, W):
    return np.einsum("nd,de,ne->n", V, W, V)


def domains(seed=0, n=80, known=3, d=6, noise=6.0):
    """Two classes that one direction tells apart; the others are loud and say nothing. A label for a few."""
    rng = np.random.default_rng(seed)
    ys, yt = np.arange(n) % 2, np.arange(n) % 2
    scale = np.r_[1, np.full(d - 1, noise)]
    Xs = rng.normal(size=(n, d)) * scale + 4 * ys[:, None] * np.eye(d)[0]
    Xt = rng.normal(size=(n, d)) * scale + 4 * yt[:, None] * np.eye(d)[0] + 1
    few = np.array(yt, dtype=object)
    few[2 * known :] = UNKNOWN
    return Xs, ys, Xt, yt, few


def nearest(Xs, ys, Xt, yt, few):
    """Accuracy of plain 1NN on the source and the known target samples, on the other target samples."""
    is_known = np.array([label is not UNKNOWN for label in few])
    model = KNeighborsClassifier(1).fit(np.r_[Xs, Xt[is_known]], np.r_[ys, yt[is_known]])
    return model.score(Xt[~is_known], yt[~is_known])


@pytest.mark.parametrize("gamma", [0.01, 0.3, 1.0, 7.0, HARD])
@pytest.mark.parametrize("seed", [5, 6])
def test_the_conditions_of_the_minimum_hold(gamma, seed):
    V, similar, u, l = constraints(seed=seed)  # noqa: E741
    W, m, passes = logdet(V, similar, u, l, gamma, 20_000, 1e-12)
    s, b = np.where(similar, 1.0, -1.0), np.where(similar, u, l)
    np.testing.assert_array_equal(W, W.T)
    assert np.linalg.eigvalsh(W).min() > 0 and (m >= 0).all() and (m > 0).any() and passes > 3
    # stationary in W
    np.testing.assert_allclose(np.linalg.inv(W), np.eye(3) + (V * (s * m)[:, None]).T @ V, atol=1e-9)
    # stationary in the slack, feasible, and a multiplier only where the constraint is tight
    held_to = 1 / (1 / b - s * m / gamma)
    p = quadratic(V, W)
    assert (held_to > 0).all() and (s * (p - held_to) <= 1e-6 * held_to).all()
    np.testing.assert_allclose(p[m > 1e-9], held_to[m > 1e-9], rtol=1e-5)
    if gamma == HARD:
        assert (p[similar] <= u * (1 + 1e-5)).all() and (p[~similar] >= l * (1 - 1e-5)).all()


@pytest.mark.parametrize("gamma", [0.3, 1.0, 7.0])
def test_it_is_the_minimum_that_a_general_solver_finds(gamma):
    V, similar, u, l = constraints(n=6, d=2, seed=0)  # noqa: E741
    W, _, _ = logdet(V, similar, u, l, gamma, 20_000, 1e-12)
    s, b, lower = np.where(similar, 1.0, -1.0), np.where(similar, u, l), np.tril_indices(2)

    def metric(x):
        L = np.zeros((2, 2))
        L[lower] = x[:3]
        return L @ L.T

    def objective(x):
        A, slack = metric(x), np.exp(x[3:])
        return np.trace(A) - np.linalg.slogdet(A)[1] + gamma * (slack / b - np.log(slack / b)).sum()

    found = minimize(
        objective,
        np.r_[1, 0, 1, np.log(quadratic(V, np.eye(2)))],
        method="SLSQP",
        constraints={"type": "ineq", "fun": lambda x: s * (np.exp(x[3:]) - quadratic(V, metric(x)))},
        options={"maxiter": 1000, "ftol": 1e-14},
    )
    assert found.success
    np.testing.assert_allclose(W, metric(found.x), atol=2e-4)


def test_no_weight_or_no_violation_leaves_the_identity():
    V, similar, u, l = constraints()  # noqa: E741
    W, m, _ = logdet(V, similar, u, l, 1e-10)
    np.testing.assert_allclose(W, np.eye(3), atol=1e-7)
    lengths = (V * V).sum(axis=1)
    W, m, passes = logdet(V, similar, lengths.max() + 1, lengths.min() / 2, HARD)
    np.testing.assert_array_equal(W, np.eye(3))
    assert (m == 0).all() and passes == 1
    # the smaller the weight, the nearer to it
    away = [np.abs(logdet(V, similar, u, l, g, 2000, 1e-9)[0] - np.eye(3)).max() for g in (1e-3, 1e-2, 0.1, 1.0)]
    assert (np.diff(away) > 0).all()


def test_order_sign_and_unit_of_the_pairs_do_not_matter():
    V, similar, u, l = constraints()  # noqa: E741
    W, _, _ = logdet(V, similar, u, l, 1.0, 20_000, 1e-12)
    mixed = np.random.default_rng(1).permutation(len(V))
    flipped = V[mixed] * np.where(np.arange(len(V)) % 3, 1, -1)[:, None]
    np.testing.assert_allclose(logdet(flipped, similar[mixed], u, l, 1.0, 20_000, 1e-12)[0], W, atol=1e-8)
    np.testing.assert_allclose(logdet(9 * V, similar, 81 * u, 81 * l, 1.0, 20_000, 1e-12)[0], W, atol=1e-8)


def test_constraints_that_contradict_stay_finite():
    V = np.tile([1.0, 2.0], (4, 1))
    W, m, _ = logdet(V, np.array([True, False, True, False]), 0.1, 100.0, 1.0, 500)
    assert np.isfinite(W).all() and np.linalg.eigvalsh(W).min() > 0 and np.isfinite(m).all()


@pytest.mark.parametrize("similar", [True, False])
def test_pairs_are_all_of_their_kind_and_all_there_are_or_a_draw(similar):
    rng = np.random.default_rng(0)
    ys, yt = rng.integers(0, 4, 30), rng.integers(1, 6, 12)  # classes on one side only, on either
    every = {(i, j) for i in range(30) for j in range(12) if (ys[i] == yt[j]) == similar}
    s, t = draw_pairs(ys, yt, similar, 10**6, rng)
    assert len(s) == len(every) and set(zip(s.tolist(), t.tolist())) == every
    s, t = draw_pairs(ys, yt, similar, 20, rng)
    drawn = set(zip(s.tolist(), t.tolist()))
    assert len(s) == len(drawn) == 20 and drawn <= every
    # each pair is as likely as any other
    hits = np.zeros((30, 12))
    for _ in range(2000):
        np.add.at(hits, draw_pairs(ys, yt, similar, 20, rng), 1)
    share = hits[hits > 0] / (2000 * 20 / len(every))
    assert (hits > 0).sum() == len(every) and 0.5 < share.min() and share.max() < 1.5


def test_pairs_of_large_domains_are_drawn_without_a_table():
    rng = np.random.default_rng(0)
    ys, yt = rng.integers(0, 100, 200_000), rng.integers(0, 100, 100_000)  # a table would have 2e10 entries
    for similar in (True, False):
        s, t = draw_pairs(ys, yt, similar, 500, rng)
        assert len(s) == 500 and ((ys[s] == yt[t]) == similar).all()


def test_the_metric_of_the_model_is_symmetric_and_is_what_it_maps_by():
    Xs, ys, Xt, _, few = domains()
    model = adapter("itml").fit(Xs, ys, Xt, few)
    np.testing.assert_array_equal(model.metric_, model.metric_.T)
    assert np.linalg.eigvalsh(model.metric_).min() > 0
    u, l = model.bounds_  # noqa: E741
    assert 0 < u < l
    V = Xs[:5] - Xt[:5]
    Z = model.transform(Xs[:5], "source") - model.transform(Xt[:5])
    np.testing.assert_allclose((Z * Z).sum(axis=1), quadratic(V @ model.axes_, model.metric_))


def test_a_tiny_gamma_keeps_distances_and_the_unit_does_not_matter():
    Xs, ys, Xt, yt, few = domains()
    plain = adapter("itml", gamma=1e-9).fit(Xs, ys, Xt, few)
    Z, far = plain.transform(Xt), ((Xt[:, None] - Xt) ** 2).sum(axis=-1)
    near = ((Z[:, None] - Z) ** 2).sum(axis=-1)
    np.testing.assert_allclose(near / near.max(), far / far.max(), atol=1e-6)
    first = adapter("itml", asymmetric=True).fit(Xs, ys, Xt, few)
    second = adapter("itml", asymmetric=True).fit(1e3 * Xs, ys, 1e3 * Xt, few)
    one, two = (m.transform(c * Xs, "source") @ m.transform(c * Xt).T for m, c in ((first, 1), (second, 1e3)))
    np.testing.assert_allclose(two, one, atol=1e-3)


def test_loud_directions_are_learnt_to_be_ignored():
    gains = []
    for seed in range(5):
        Xs, ys, Xt, yt, few = domains(seed)
        model = adapter("itml").fit(Xs, ys, Xt, few)
        gains.append(model.score(Xt[6:], yt[6:]) - nearest(Xs, ys, Xt, yt, few))
    assert np.mean(gains) > 0.15 and min(gains) > 0


def test_labels_that_contradict_and_equal_samples():
    """The same samples under two classes, and domains that are one and the same."""
    X = np.repeat(np.arange(4.0), 3)[:, None] * [1, 2]
    y = np.arange(12) % 2
    model = adapter("itml").fit(X, y, X, y)
    assert np.isfinite(model.transform(X)).all() and np.isfinite(model.metric_).all()


def test_the_gradient_of_the_asymmetric_form():
    rng = np.random.default_rng(0)
    S, T, similar = rng.normal(size=(15, 3)), rng.normal(size=(15, 3)), np.arange(15) % 2 == 0
    W = np.eye(3) + 0.3 * rng.normal(size=(3, 3))
    value, slope = hinges(W, S, T, similar, 0.7, -0.2, 2.0)
    slow = 0.5 * np.sum((W - np.eye(3)) ** 2)
    for s, t, same in zip(S, T, similar):
        slow += 2.0 * (max(0.7 - s @ W @ t, 0) if same else max(s @ W @ t + 0.2, 0)) ** 2
    assert value == pytest.approx(slow)
    for i in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[i] = 1e-6
        high, low = (hinges(W + sign * step, S, T, similar, 0.7, -0.2, 2.0)[0] for sign in (1, -1))
        assert slope[i] == pytest.approx((high - low) / 2e-6, rel=1e-5, abs=1e-6)


def test_the_asymmetric_objective_falls_to_its_minimum():
    Xs, ys, Xt, _, few = domains()
    model = adapter("itml", asymmetric=True).fit(Xs, ys, Xt, few)
    assert len(model.objective_) > 3 and (np.diff(model.objective_) <= 0).all()
    assert model.n_passes_ == len(model.objective_) - 1
    least, most = model.bounds_
    assert most < least
    # all pairs, as there are fewer than max_constraints of either kind
    is_known = np.array([label is not UNKNOWN for label in few])
    s, t = np.divmod(np.arange(len(Xs) * is_known.sum()), is_known.sum())
    S, T = unit((Xs - model.mean_) @ model.axes_)[s], unit((Xt[is_known] - model.mean_) @ model.axes_)[t]
    value, slope = hinges(model.metric_, S, T, ys[s] == few[is_known][t], least, most, 1.0)
    assert value == pytest.approx(model.objective_[-1]) and np.abs(slope).max() < 1e-3 * value
    assert not hasattr(model.set_params(asymmetric=False).fit(Xs, ys, Xt, few), "objective_")


def test_without_weight_the_asymmetric_map_is_the_identity_of_unit_rows():
    Xs, ys, Xt, _, few = domains()
    model = adapter("itml", asymmetric=True, C=1e-9).fit(Xs, ys, Xt, few)
    np.testing.assert_allclose(model.metric_, np.eye(6), atol=1e-6)
    Z = model.transform(Xs, "source")
    np.testing.assert_allclose(Z, model.transform(Xs), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(Z, axis=1), 1)
    np.testing.assert_array_equal(unit(np.zeros((2, 3))), np.zeros((2, 3)))


def test_a_rotation_between_the_domains_needs_the_asymmetric_form():
    """A metric is one for both domains and cannot turn one of them; a map of the source can."""
    metric, turned, plain = [], [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        centres = np.array([[4, 0, 0], [0, 4, 0], [0, 0, 4], [-4, -4, 0.0]])
        turn = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0.0]])  # the first class lies where the second was
        ys, yt = np.arange(80) % 4, np.arange(120) % 4
        Xs, Xt = centres[ys] + rng.normal(size=(80, 3)), (centres[yt] + rng.normal(size=(120, 3))) @ turn
        few = np.array(yt, dtype=object)
        few[12:] = UNKNOWN
        sides = {"source": (Xs, ys), "target": (Xt[12:], yt[12:])}
        for asymmetric, scores in ((False, metric), (True, turned)):
            model = adapter("itml", asymmetric=asymmetric).fit(Xs, ys, Xt, few)
            # of the source alone, so that known target samples do not answer in its place
            Z = {side: model.transform(X, side) for side, (X, _) in sides.items()}
            scores.append(KNeighborsClassifier(1).fit(Z["source"], ys).score(Z["target"], yt[12:]))
        plain.append(KNeighborsClassifier(1).fit(Xs, ys).score(Xt[12:], yt[12:]))
    assert np.mean(turned) > 0.8 and np.mean(turned) > np.mean(metric) + 0.3
    assert np.mean(plain) < 0.5


@pytest.mark.parametrize("settings", [{}, {"asymmetric": True}, {"max_constraints": 30}])
def test_order_of_rows_and_seed(settings):
    Xs, ys, Xt, _, few = domains()
    first = adapter("itml", **settings).fit(Xs, ys, Xt, few)
    rng = np.random.default_rng(1)
    s, t = rng.permutation(len(Xs)), rng.permutation(len(Xt))
    second = adapter("itml", **settings).fit(Xs[s], ys[s], Xt[t], few[t])
    np.testing.assert_array_equal(first.metric_, second.metric_)
    other = adapter("itml", **settings, random_state=1).fit(Xs, ys, Xt, few)
    assert np.array_equal(other.metric_, first.metric_) == ("max_constraints" not in settings)


def test_few_axes_and_bad_settings():
    Xs, ys, Xt, yt, few = domains()
    assert adapter("itml", n_components=2).fit(Xs, ys, Xt, few).transform(Xt).shape == (80, 2)
    for settings in (
        {"gamma": 0},
        {"C": -1},
        {"tolerance": 0},
        {"n_components": 0},
        {"max_constraints": 1},
        {"passes": 0},
    ):
        with pytest.raises(InputError, match=next(iter(settings))):
            adapter("itml", **settings).fit(Xs, ys, Xt, few)
    with pytest.raises(InputError, match="samples that differ"):
        adapter("itml").fit(np.ones((10, 3)), np.arange(10) % 2, np.ones((4, 3)), [0, 1, 0, 1])
