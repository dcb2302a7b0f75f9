"""TrAdaBoost against the paper's algorithm, written plainly."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from regard.adapt.contract import UNKNOWN
from regard.adapt.domains import value_order
from regard.adapt.named import adapter
from regard.core.checks import InputError


def data(ns=80, nt=60, known=16, seed=0):
    rng = np.random.default_rng(seed)
    ys, yt = np.arange(ns) % 2, np.arange(nt) % 2
    Xs = rng.normal(size=(ns, 2)) + ys[:, None] * [2, 0]
    Xs[:20] = Xs[:20] @ [[0, 1], [1, 0]]  # a part of the source that misleads
    Xt = rng.normal(size=(nt, 2)) + yt[:, None] * [2, 0.5]
    few = np.array(yt, dtype=object)
    few[known:] = UNKNOWN
    return Xs, ys, Xt, yt, few


def stump():
    return DecisionTreeClassifier(max_depth=1, random_state=0)


@pytest.mark.parametrize("rounds", [1, 5, 10])
def test_two_classes_are_the_papers_algorithm(rounds):
    Xs, ys, Xt, yt, few = data()
    model = adapter("tradaboost", rounds=rounds, classifier=stump()).fit(Xs, ys, Xt, few)
    s = value_order(Xs, ys, np.zeros(80, int))
    codes = np.r_[yt[:16], np.full(44, -1)]
    t = value_order(Xt, codes)
    t = t[codes[t] >= 0]
    X, y, n = np.r_[Xs[s], Xt[t]], np.r_[ys[s], yt[t]], 80
    w, votes, betas = np.ones(len(y)), [], []
    beta = 1 / (1 + np.sqrt(2 * np.log(n) / rounds))
    for _ in range(rounds):
        p = w / w.sum()
        h = stump().fit(X, y, sample_weight=p * len(p))
        miss = np.abs(h.predict(X) - y)
        e = (w[n:] * miss[n:]).sum() / w[n:].sum()
        e = min(max(e, 1e-4), 0.49)
        b = e / (1 - e)
        w[:n] *= beta ** miss[:n]
        w[n:] *= b ** -miss[n:]
        votes.append(h)
        betas.append(b)
    half = len(votes) // 2
    left = np.prod([b ** -h.predict(Xt).astype(float) for h, b in zip(votes[half:], betas[half:])], axis=0)
    right = np.prod([b**-0.5 for b in betas[half:]])
    # at equality the paper says 1, and the most probable class the first
    sure = np.abs(np.log(left) - np.log(right)) > 1e-9
    np.testing.assert_array_equal(model.predict(Xt)[sure], (left >= right).astype(int)[sure])
    assert sure.mean() > 0.9 or rounds < 5
    np.testing.assert_allclose(model.source_weight_[s], w[:n] / w[:n].mean())


def test_misleading_source_samples_lose_weight():
    Xs, ys, Xt, yt, few = data(ns=200, nt=100, known=60)
    Xs[:20], ys[:20] = Xs[:20] - [4, 0], 1  # of class 1, where the target has class 0
    model = adapter("tradaboost", rounds=10).fit(Xs, ys, Xt, few)
    assert model.source_weight_[:20].mean() < 0.7 * model.source_weight_[20:].mean()
    assert len(model.errors_) == 10


def test_several_classes():
    rng = np.random.default_rng(0)
    centres = 4 * rng.normal(size=(4, 3))
    ys, yt = np.arange(120) % 4, np.arange(80) % 4
    Xs, Xt = centres[ys] + rng.normal(size=(120, 3)) + 1, centres[yt] + rng.normal(size=(80, 3))
    few = np.array(yt, dtype=object)
    few[12:] = UNKNOWN
    model = adapter("tradaboost").fit(Xs, ys, Xt, few)
    assert model.score(Xt, yt) > 0.9 and model.predict_proba(Xt).shape == (80, 4)


def test_target_labels_that_contradict_the_source_win():
    rng = np.random.default_rng(0)
    ys = np.arange(100) % 2
    Xs = rng.normal(size=(100, 2)) + 4 * ys[:, None]
    few = np.array(1 - ys, dtype=object)
    few[60:] = UNKNOWN
    assert adapter("tradaboost", rounds=20).fit(Xs, ys, Xs + 0.1, few).score(Xs + 0.1, 1 - ys) > 0.9


def test_bad_settings():
    Xs, ys, Xt, _, few = data()
    with pytest.raises(InputError, match="rounds"):
        adapter("tradaboost", rounds=0).fit(Xs, ys, Xt, few)
    with pytest.raises(InputError, match="sample weights"):
        adapter("tradaboost", classifier="1nn").fit(Xs, ys, Xt, few)
    with pytest.raises(InputError, match="yt: expected the labels of some target samples"):
        adapter("tradaboost").fit(Xs, ys, Xt)
