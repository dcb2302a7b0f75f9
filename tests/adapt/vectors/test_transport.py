"""Transport as a method: the barycentric map, labels, class shares, new samples and subsamples."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import make_moons

from regard.adapt.contract import UNKNOWN
from regard.adapt.named import adapter
from regard.adapt.transport_plans import exact, group_lasso, pot
from regard.adapt.vectors._spreading import spread
from regard.adapt.vectors.transport import KINDS, moved, plan_labels
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
    for settings in (
        {"regularization": "l2"},
        {"reg": 0},
        {"eta": -1},
        {"alpha": 2},
        {"cost": "mean"},
        {"rounds": 0},
        {"spread": 1},
        {"normalize": "yes"},
    ):
        with pytest.raises(InputError, match=next(iter(settings))):
            adapter("transport", **settings).fit(Xs, ys, Xt)


def embeddings(n=90, d=40, seed=0):
    """Three classes as directions, of about one length; the target is turned towards a common direction."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(3, d))
    ys, yt = np.arange(n) % 3, np.arange(n) % 3
    Xs, Xt = (centres[y] + 0.7 * rng.normal(size=(n, d)) for y in (ys, yt))
    return Xs, ys, Xt + 2 * rng.normal(size=d), yt


def test_the_published_form_is_the_moved_source_alone():
    Xs, ys, Xt, yt = embeddings()
    model = adapter("transport", normalize=False, reg=0.05, spread=0).fit(Xs, ys, Xt)
    assert model.labels_ is None and len(model.classifier_[-1].classes_) == 3
    M = cdist(model.source_rows_, model.target_rows_, "sqeuclidean")
    order = [int(np.abs(Xs - row).sum(1).argmin()) for row in model.source_rows_]
    share = np.full(90, 1 / 90)
    plan, _ = group_lasso(M / np.median(M), share, share, ys[order], 0.05, 0.1)
    np.testing.assert_allclose(model.plan_, plan, atol=1e-9)
    nearest = cdist(Xt, moved(plan, model.target_rows_)).argmin(axis=1)
    np.testing.assert_array_equal(model.predict(Xt), ys[order][nearest])


def test_costs_are_between_directions_where_lengths_say_little():
    Xs, ys, Xt, _ = embeddings()
    plain = adapter("transport").fit(Xs, ys, Xt).plan_
    np.testing.assert_array_equal(adapter("transport", normalize=True).fit(Xs, ys, Xt).plan_, plain)
    assert np.abs(adapter("transport", normalize=False).fit(Xs, ys, Xt).plan_ - plain).max() > 1e-5
    first, ys, second, _ = moons()  # in two dimensions the length is half of what there is
    plain = adapter("transport").fit(first, ys, second).plan_
    np.testing.assert_array_equal(adapter("transport", normalize=False).fit(first, ys, second).plan_, plain)
    assert np.abs(adapter("transport", normalize=True).fit(first, ys, second).plan_ - plain).max() > 1e-5


def test_labels_of_the_plan_spread_and_teach():
    Xs, ys, Xt, yt = embeddings()
    for classifier in ("1nn", "linear", "svm"):
        model = adapter("transport", classifier=classifier).fit(Xs, ys, Xt)
        held = plan_labels(model.plan_, model._codes, 3)
        np.testing.assert_allclose(held.sum(axis=1), 1)
        B = model.target_rows_ / np.linalg.norm(model.target_rows_, axis=1, keepdims=True)
        np.testing.assert_allclose(model.labels_, spread(B, held, 0.9, 8), atol=1e-9)
        np.testing.assert_array_equal(model.predict(model.target_rows_), model.labels_.argmax(axis=1))
    by_hand = plan_labels(np.array([[0.2, 0.1], [0.1, 0.3], [0.1, 0.2]]), np.array([0, 1, 0]), 3)
    np.testing.assert_allclose(by_hand, [[0.75, 0.25, 0], [0.5, 0.5, 0]])


def test_spreading_puts_right_what_the_plan_mixes():
    """Classes that lie apart in the target, and a move as far as they are apart: the plan alone mixes them."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    Xs = rng.normal(size=(120, 2)) * [1.5, 0.4] + 3.0 * y[:, None] * [0, 1]
    Xt = rng.normal(size=(120, 2)) * [1.5, 0.4] + 3.0 * y[:, None] * [0.5, 0.9] + [2, 1]
    scores = [
        adapter("transport", spread=one, regularization="entropic", reg=0.5).fit(Xs, y, Xt).score(Xt, y)
        for one in (0.0, 0.9)
    ]
    assert scores[1] >= scores[0] + 0.01 and scores[1] > 0.97


def test_known_labels_stay_where_others_spread():
    Xs, ys, Xt, yt = embeddings()
    few = np.full(90, UNKNOWN, dtype=object)
    few[:6] = (yt[:6] + 1) % 3  # wrong on purpose
    model = adapter("transport").fit(Xs, ys, Xt, few)
    np.testing.assert_array_equal(model.predict(Xt[:6]), few[:6].astype(int))


def test_target_samples_that_were_not_drawn_are_classified_too():
    Xs, ys, Xt, yt = embeddings()
    few = np.full(90, UNKNOWN, dtype=object)
    few[0] = yt[0]
    model = adapter("transport", max_samples=30).fit(Xs, ys, Xt, few)
    assert len(model.labels_) == 30 and model.score(Xt, yt) > 0.9
