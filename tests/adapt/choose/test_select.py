"""Choosing without target labels: each score against a plain computation, and what the choice does."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

from regard.adapt.choose.auto import Auto, SourceOnly
from regard.adapt.choose.estimators import candidates, choose_estimator, fold_of, judge_estimator
from regard.adapt.choose.scorers import dev_risk, mean_entropy, neighbourhood_density
from regard.adapt.choose.select import SCORERS, Judged, decide
from regard.adapt.contract import UNKNOWN
from regard.adapt.domains import Domains
from regard.adapt.named import adapter
from regard.adapt.worth.run import compare
from regard.core.checks import InputError


def domains(n=90, stretch=(0.1, 5.0), move=3.0, seed=0):
    """Two classes apart along one axis; the target is stretched and moved."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    Xs, Xt = (rng.normal(size=(n, 2)) * [0.3, 1] + y[:, None] * [2, 0] for _ in range(2))
    Xt = Xt * stretch + move
    return Domains(Xs, y, Xt, np.empty(0, int), np.empty(0, int), np.zeros(n, int), ("source",)), y


def test_dev_is_the_papers_formula():
    rng = np.random.default_rng(0)
    loss, w = rng.random(50), rng.random(50) * 2
    wl = w * loss
    eta = -np.mean((wl - wl.mean()) * (w - w.mean())) / np.mean((w - w.mean()) ** 2)
    assert dev_risk(loss, w) == pytest.approx(wl.mean() + eta * w.mean() - eta)
    # the control variate takes out what the weights' own mean adds
    assert dev_risk(np.ones(50), w) == pytest.approx(1)


def test_entropy_from_certain_to_ignorant():
    assert mean_entropy(np.eye(4)) == 0
    assert mean_entropy(np.full((3, 4), 0.25)) == pytest.approx(1)
    P = np.array([[0.9, 0.1], [0.5, 0.5]])
    plain = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1) + np.log(0.5)) / 2 / np.log(2)
    assert mean_entropy(P) == pytest.approx(plain)


@pytest.mark.parametrize("chunk", [3, 1024])
def test_snd_is_the_plain_double_loop(chunk):
    P = np.random.default_rng(0).dirichlet(np.ones(3), size=20)
    total = 0.0
    for i, p in enumerate(P):
        cosines = np.array([p @ q / np.linalg.norm(p) / np.linalg.norm(q) for j, q in enumerate(P) if j != i]) / 0.05
        q = np.exp(cosines) / np.exp(cosines).sum()
        total -= (q * np.log(q)).sum()
    assert neighbourhood_density(P, chunk=chunk) == pytest.approx(total / 20)
    # what it is known to be fooled by: a collapse onto one class is as dense as can be
    assert neighbourhood_density(np.tile([[0.9, 0.1]], (20, 1))) == pytest.approx(np.log(19))


def test_folds_deal_every_class_out_evenly():
    codes = np.repeat([0, 1, 2], [30, 9, 4])
    parts = fold_of(codes, 3, seed=1)
    for label in range(3):
        counts = np.bincount(parts[codes == label], minlength=3)
        assert counts.max() - counts.min() <= 1
    assert (parts != fold_of(codes, 3, seed=2)).any()
    with pytest.raises(InputError, match="Xs: .*at least 6"):
        fold_of(codes[:5], 3)


def test_evidence_is_the_plain_cross_validation():
    data, _ = domains()
    estimator = adapter("coral", reg=1e-3, classifier="1nn")
    found = judge_estimator("coral", estimator, data, folds=3, seed=0)
    parts, right, back = fold_of(data.ys, 3, 0), [], []
    for part in range(3):
        rest, held = parts != part, parts == part
        model = clone(estimator).fit(data.Xs[rest], data.ys[rest], data.Xt)
        right.append(model.predict(data.Xs[held], "source") == data.ys[held])
        reverse = clone(estimator).fit(data.Xt, model.predict(data.Xt), data.Xs[rest])
        back.append(reverse.predict(data.Xs[held]) == data.ys[held])
    assert found.source == pytest.approx(np.mean(np.concatenate(right)))
    assert found.scores["circular"] == pytest.approx(np.mean(np.concatenate(back)))
    assert set(found.scores) == set(SCORERS) and np.isfinite(list(found.scores.values())).all()
    assert found.units["iwv"].mean() == pytest.approx(found.scores["iwv"])


def test_circular_validation_sees_what_helps():
    data, yt = domains()
    tried = {"source_only": SourceOnly("1nn"), "coral": adapter("coral", reg=1e-3, classifier="1nn")}
    truth = {
        name: np.mean(clone(one).fit(data.Xs, data.ys, data.Xt).predict(data.Xt) == yt) for name, one in tried.items()
    }
    assert truth["coral"] > truth["source_only"] + 0.2
    found = choose_estimator(tried, data, baseline="source_only")
    assert found.name == "coral" and found.margin.low > 0
    table = found.table()
    assert "> coral" in table and all(name in table for name in SCORERS) and "source" in table


def test_nothing_is_adapted_where_nothing_is_better():
    data, _ = domains(stretch=(1.0, 1.0), move=0.0)
    tried = {"source_only": SourceOnly("1nn"), "coral": adapter("coral"), "subspace": adapter("subspace")}
    found = choose_estimator(tried, data, baseline="source_only")
    assert found.name == "source_only" and found.margin is None


def judged(name, right, n=60):
    """A candidate that is right on so many of n samples, the same ones first."""
    units = (np.arange(n) < right).astype(float)
    return Judged(name, 1.0, {"circular": units.mean(), "entropy": units.mean()}, {"circular": units})


def test_of_candidates_that_beat_the_baseline_beyond_chance_the_preferred_one_is_taken():
    rows = [judged("source_only", 20), judged("poor", 21), judged("first", 36), judged("best", 49), judged("same", 49)]
    ranks = {"source_only": -1, "poor": 0, "first": 1, "best": 2, "same": 2}
    for given, name, right in ((None, "best", 49), (ranks, "first", 36)):
        found = decide(rows, "circular", "source_only", ranks=given)
        assert found.name == name and found.margin.low > 0
        assert found.margin.mean == pytest.approx(right / 60 - 20 / 60)
    alike = dict.fromkeys(ranks, 0)
    assert decide(rows, "circular", "source_only", ranks=alike).name == "best"  # settings of one method
    near = [judged("source_only", 47), judged("first", 48), judged("best", 49)]
    assert decide(near, "circular", "source_only", ranks=ranks).name == "source_only"
    assert decide(rows, "entropy", "source_only", ranks=ranks).name == "best"  # no units: the best score


def test_where_the_target_may_lack_classes_a_choice_says_so():
    X, y = load_digits(return_X_y=True)
    Xs, ys, Xt, yt = X[:600], y[:600].astype(str), X[600:1200], y[600:1200]
    found = Auto(methods=["coral"]).fit(Xs, ys, Xt[yt < 5]).choice_
    assert found.name == "coral" and "coral puts samples into them wrongly" in found.note
    assert found.note in found.table()
    assert Auto(methods=["coral"]).fit(Xs, ys, Xt).choice_.note == ""


def test_what_cannot_be_fitted_is_said():
    data, _ = domains()
    one = Domains(data.Xs, data.ys, data.Xt[:1], data.known, data.yt, data.origin, data.sources)
    found = choose_estimator(
        {"source_only": SourceOnly(), "subspace": adapter("subspace")}, one, baseline="source_only"
    )
    assert found.name == "source_only" and "at least 2" in found.rows[1].failed and "left out" in found.table()
    with pytest.raises(InputError, match="no candidate can be fitted: subspace: Xt"):
        choose_estimator({"subspace": adapter("subspace")}, one)
    with pytest.raises(InputError, match="by: .*circular"):
        choose_estimator({"coral": adapter("coral")}, data, by="accuracy")


def test_candidates_are_methods_or_their_grids():
    plain = candidates(["coral", "subspace"], adapter, classifier="1nn")
    assert list(plain) == ["coral", "subspace"] and plain["coral"].classifier == "1nn"
    tuned = candidates(["coral"], adapter, tune=True)
    assert len(tuned) == len(type(adapter("coral")).grid["reg"]) and tuned["coral reg=0.1"].reg == 0.1


def test_auto_is_an_adapter_like_the_others():
    data, yt = domains()
    model = Auto(["coral", "subspace"]).fit(data.Xs, data.ys, data.Xt)
    assert model.choice_.name == "coral" and model.score(data.Xt, yt) > 0.9
    np.testing.assert_array_equal(model.predict(data.Xt), model.chosen_.predict(data.Xt))
    order = np.random.default_rng(0).permutation(len(yt))
    again = clone(model).fit(data.Xs[order], data.ys[order], data.Xt[order])
    np.testing.assert_array_equal(again.predict_proba(data.Xt), model.predict_proba(data.Xt))
    named = clone(model).fit(data.Xs, np.array(["x", "y"])[data.ys], data.Xt)
    assert set(named.predict(data.Xt)) == {"x", "y"} and named.choice_.name == "coral"
    np.testing.assert_allclose(model.transform(data.Xs, "source"), model.chosen_.transform(data.Xs, "source"))
    tuned = Auto(["coral"], tune=True, baseline=False).fit(data.Xs, data.ys, data.Xt)
    assert tuned.choice_.name.startswith("coral reg=") and len(tuned.choice_.rows) == 5
    pooled = clone(model).fit(
        np.concatenate([data.Xs, data.Xt]),
        np.array([*data.ys, *[UNKNOWN] * len(yt)], dtype=object),
        domains=["a"] * 45 + ["b"] * 45 + ["target"] * 90,
    )
    assert pooled.sources_ == ("a", "b") and pooled.score(data.Xt, yt) > 0.8
    with pytest.raises(InputError, match="Did you mean 'coral'"):
        Auto(["corall"]).fit(data.Xs, data.ys, data.Xt)


def test_auto_never_sees_target_labels():
    data, yt = domains()

    class Vectors:
        def __init__(self, X, y):
            self.vectors, self.labels = X, y

    right = compare(Vectors(data.Xs, data.ys), Vectors(data.Xt, yt), ["coral"], auto=True)
    wrong = compare(Vectors(data.Xs, data.ys), Vectors(data.Xt, np.roll(yt, 1)), ["coral"], auto=True)
    assert right.choice.name == wrong.choice.name
    np.testing.assert_array_equal(right.row("auto").predictions, wrong.row("auto").predictions)
    assert right.regret is not None and right.metrics()["auto_regret"] == right.regret
    assert "auto took" in right.table()


def test_a_collapsed_model_is_no_better_than_guessing():
    data, _ = domains()

    class Collapsed(KNeighborsClassifier):
        def predict_proba(self, X):
            return np.tile([[0.99, 0.01]], (len(X), 1))

    found = judge_estimator("collapsed", SourceOnly(Collapsed()), data)
    assert found.scores["circular"] == pytest.approx(0.5) and found.source == pytest.approx(0.5)
    assert found.scores["entropy"] > 0.9  # which alone would have praised it


def test_auto_chooses_among_the_candidates_it_is_given():
    """Names, or named estimators with settings of their own; the rows of the choice carry exactly these names."""
    data, y = domains()
    by_name = Auto(methods=["coral", "subspace"]).fit(data.Xs, y, data.Xt)
    assert [row.name for row in by_name.choice_.rows] == ["source_only", "coral", "subspace"]
    mine = {"weak coral": adapter("coral", reg=1e6), "my coral": adapter("coral", reg=1e-3, classifier="1nn")}
    model = Auto(methods=mine, baseline=False).fit(data.Xs, y, data.Xt)
    assert [row.name for row in model.choice_.rows] == ["weak coral", "my coral"]
    assert model.chosen_.get_params() == mine[model.choice_.name].get_params()
    assert not hasattr(mine["my coral"], "classes_")  # a clone was fitted
    tuned = Auto(methods={"mine": adapter("coral", classifier="1nn")}, tune=True, baseline=False)
    rows = tuned.fit(data.Xs, y, data.Xt).choice_.rows
    assert rows[0].name == "mine reg=1.0" and len(rows) == 5
    assert tuned.chosen_.classifier == "1nn"
    needs = {"asvm": adapter("asvm"), "coral": adapter("coral")}  # asvm has no target labels to learn from
    left = Auto(methods=needs, baseline=False).fit(data.Xs, y, data.Xt)
    assert [row.name for row in left.choice_.rows] == ["coral"]
    for wrong in ({"x": "coral"}, {"auto": Auto()}, {"x": KNeighborsClassifier()}):
        with pytest.raises(InputError, match="methods: .*an unfitted adapter"):
            Auto(methods=wrong).fit(data.Xs, y, data.Xt)
    with pytest.raises(InputError, match="can do without target labels"):
        Auto(methods=["asvm"], baseline=False).fit(data.Xs, y, data.Xt)
