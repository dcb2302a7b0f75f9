"""Transport as a method: the barycentric map, labels, class shares, new samples and subsamples."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import make_moons

from regard.adapt.contract import UNKNOWN
from regard.adapt.named import adapter
from regard.adapt.transport_plans import exact, pot
from regard.adapt.vectors.transport import KINDS, moved
from regard.core.checks import InputError


def moons(angle=30, n=60, seed=0):
    turn = np.deg2rad(angle)
    R = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    Xs, ys = make_moons(n, noise=0.05, random_state=seed)
    Xt, yt = make_moons(n, noise=0.05, random_state=seed + 1)
    return Xs - [0.5, 0.25], ys, (Xt - [0.5, 0.25]) @ R, yt


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_follows_the_turn(kind):
    Xs, ys, Xt, yt = moons()
    model = adapter("transport", regularization=kind).fit(Xs, ys, Xt)
    assert model.score(Xt, yt) > 0.85
    np.testing.assert_allclose(model.plan_.sum(), 1)
    order = [int(np.abs(Xs - row).sum(1).argmin()) for row in model.source_rows_]
    np.testing.assert_allclose(model.transform(Xs[order], "source"), moved(model.plan_, model.target_rows_), atol=1e-9)
    np.testing.assert_array_equal(model.transform(Xt), Xt)


def test_the_exact_map_is_pots():
    Xs, ys, Xt, _ = moons()
    model = adapter("transport", regularization="none", cost="none").fit(Xs, ys, Xt)
    theirs = pot().da.EMDTransport().fit(Xs=Xs, Xt=Xt)
    np.testing.assert_allclose(model.transform(Xs, "source"), theirs.transform(Xs=Xs), atol=1e-8)


def test_equal_domains_stay_in_place():
    Xs, ys, _, _ = moons()
    for kind in KINDS:
        model = adapter("transport", regularization=kind).fit(Xs, ys, Xs.copy())
        np.testing.assert_allclose(model.transform(Xs, "source"), Xs)


def test_new_source_samples_move_as_their_nearest():
    Xs, ys, Xt, _ = moons()
    model = adapter("transport").fit(Xs, ys, Xt)
    new = Xs[:5] + 1e-6
    np.testing.assert_allclose(
        model.transform(new, "source") - new, model.transform(Xs[:5], "source") - Xs[:5], atol=1e-8
    )


@pytest.mark.parametrize("kind", ["none", "entropic", "group_lasso"])
def test_known_target_labels_forbid_other_classes(kind):
    Xs, ys, Xt, yt = moons(angle=80)
    few = np.full(60, UNKNOWN, dtype=object)
    few[:40] = yt[:40]
    plain = adapter("transport", regularization=kind, reg=0.01).fit(Xs, ys, Xt)
    told = adapter("transport", regularization=kind, reg=0.01).fit(Xs, ys, Xt, few)
    source = [int(ys[np.abs(Xs - row).sum(1).argmin()]) for row in told.source_rows_]
    target = [int(np.abs(Xt - row).sum(1).argmin()) for row in told.target_rows_]
    wrong = np.array([[s != yt[t] and t < 40 for t in target] for s in source])
    assert told.plan_[wrong].sum() < 0.02 < plain.plan_[wrong].sum()


def test_class_shares_move_the_mass():
    rng = np.random.default_rng(0)
    ys, yt = np.repeat([0, 1], 50), np.repeat([0, 1], [80, 20])
    centres = np.array([[0.0, 0.0], [6.0, 0.0]])
    Xs, Xt = centres[ys] + rng.normal(size=(100, 2)), centres[yt] + rng.normal(size=(100, 2)) + [0, 3]
    for shares in ("estimated", [0.8, 0.2]):
        model = adapter("transport", regularization="none", class_shares=shares).fit(Xs, ys, Xt)
        of_first = np.array([Xs[np.abs(Xs - row).sum(1).argmin(), 0] < 3 for row in model.source_rows_])
        assert model.plan_[of_first].sum() == pytest.approx(0.8, abs=0.03)
        assert model.score(Xt, yt) > 0.97
    # with equal shares mass of the first class must go to the second
    assert adapter("transport", regularization="none").fit(Xs, ys, Xt).score(Xt, yt) < 0.97
    with pytest.raises(InputError, match="class_shares"):
        adapter("transport", class_shares=[1.0]).fit(Xs, ys, Xt)
    with pytest.raises(InputError, match="class_shares"):
        adapter("transport", class_shares="guessed").fit(Xs, ys, Xt)


def test_a_draw_is_near_the_whole():
    Xs, ys, Xt, yt = moons(n=400)
    whole = adapter("transport").fit(Xs, ys, Xt)
    drawn = adapter("transport", max_samples=150).fit(Xs, ys, Xt)
    assert len(drawn.source_rows_) <= 150 and len(drawn.target_rows_) == 150
    assert drawn.score(Xt, yt) > whole.score(Xt, yt) - 0.03


def test_costs_do_not_depend_on_the_unit():
    Xs, ys, Xt, _ = moons()
    first, second = (adapter("transport").fit(unit * Xs, ys, unit * Xt) for unit in (1.0, 1000.0))
    np.testing.assert_allclose(second.plan_.sum(0), first.plan_.sum(0), atol=1e-9)
    assert np.vdot(first.plan_, cdist(first.source_rows_, first.target_rows_, "sqeuclidean")) * 1e6 == pytest.approx(
        np.vdot(second.plan_, cdist(second.source_rows_, second.target_rows_, "sqeuclidean")), rel=1e-6
    )


def test_one_target_sample_takes_all():
    Xs, ys, Xt, _ = moons()
    model = adapter("transport").fit(Xs, ys, Xt[:1])
    np.testing.assert_allclose(model.transform(Xs, "source"), np.tile(Xt[0], (60, 1)), atol=1e-9)
    np.testing.assert_allclose(exact(np.ones((3, 1)), np.full(3, 1 / 3), np.ones(1)), np.full((3, 1), 1 / 3))


def test_bad_settings():
    Xs, ys, Xt, _ = moons()
    for settings in ({"regularization": "l2"}, {"reg": 0}, {"eta": -1}, {"alpha": 2}, {"cost": "mean"}, {"rounds": 0}):
        with pytest.raises(InputError, match=next(iter(settings))):
            adapter("transport", **settings).fit(Xs, ys, Xt)
