"""Any model is judged by its evidence: networks beside estimators, each score by hand, and never target labels."""

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
import torch

from regard.adapt.choose.auto import SourceOnly
from regard.adapt.choose.estimators import evidence_of, fold_of
from regard.adapt.choose.evidence import Evidence
from regard.adapt.choose.scorers import SCORERS, dev_risk, input_weights, mean_entropy, neighbourhood_density
from regard.adapt.choose.select import choose, judge
from regard.adapt.domains import Domains
from regard.adapt.shift.density_ratios import ratio_at
from regard.core.checks import InputError


def given(m=12, seed=0, **changes):
    """Evidence of a model that is right on two samples of three."""
    rng = np.random.default_rng(seed)
    labels = np.arange(m) % 2
    predicted = np.where(np.arange(m) % 3 == 0, 1 - labels, labels)
    Xs, Xt = rng.normal(size=(2 * m, 3)), rng.normal(size=(m, 3)) + 0.5
    full = {
        "labels": labels,
        "predicted": predicted,
        "rows": np.arange(m, 2 * m),
        "source_features": Xs,
        "target_features": Xt,
        "target_probabilities": rng.dirichlet(np.ones(2), size=m),
        "weights": np.linspace(0.5, 1.5, m),
        "reverse_predicted": labels,
    }
    return Evidence(**{**full, **changes})


class Network(torch.nn.Module):
    """A small network with batch normalisation; `adapted`: the target's own statistics (AdaBN), as a deep method."""

    def __init__(self, adapted, seed=0):
        super().__init__()
        self.adapted = adapted
        rng = torch.Generator().manual_seed(seed)
        self.norm = torch.nn.BatchNorm1d(2, affine=False)
        self.hidden, self.head = torch.nn.Linear(2, 8), torch.nn.Linear(8, 2)
        for layer in (self.hidden, self.head):
            torch.nn.init.normal_(layer.weight, std=0.5, generator=rng)
            torch.nn.init.zeros_(layer.bias)

    def forward(self, x):
        features = torch.tanh(self.hidden(self.norm(x)))
        return features, self.head(features)

    def learn(self, Xs, ys, steps=60):
        optimizer = torch.optim.Adam(self.parameters(), lr=0.05)
        x, y = torch.from_numpy(Xs).float(), torch.from_numpy(ys)
        for _ in range(steps):
            loss = torch.nn.functional.cross_entropy(self.train()(x)[1], y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return self

    def says(self, X, own=False):
        """Features and probabilities; `own`: normalised by the statistics of X."""
        with torch.no_grad():
            features, logits = self.train(own and self.adapted)(torch.from_numpy(X).float())
        return features.double().numpy(), logits.double().softmax(dim=1).numpy()


def network_evidence(adapted, Xs, ys, Xt, held):
    """What a deep method hands in: no estimator, no fold, no target label."""
    rest = np.setdiff1d(np.arange(len(Xs)), held)
    network = Network(adapted).learn(Xs[rest], ys[rest])
    source_features, P = network.says(Xs)
    target_features, P_target = network.says(Xt, own=True)
    back = Network(adapted).learn(Xt, P_target.argmax(axis=1))
    return Evidence(
        labels=ys[held],
        predicted=P[held].argmax(axis=1),
        rows=held,
        losses=-np.log(P[held, ys[held]]),
        source_features=source_features,
        target_features=target_features,
        target_probabilities=P_target,
        reverse_predicted=back.says(Xs, own=True)[1][held].argmax(axis=1),
    ), P_target


def two_domains(n=120, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    Xs, Xt = (rng.normal(size=(n, 2)) * [0.4, 1] + y[:, None] * [2, 0] for _ in "st")
    return Xs, y, Xt * [0.3, 4.0] + [4, 3]


def test_a_network_is_chosen_by_its_own_evidence():
    Xs, y, Xt = two_domains()
    held = np.arange(len(y))[::3]
    found = {name: network_evidence(adapted, Xs, y, Xt, held) for name, adapted in (("plain", False), ("adabn", True))}
    truth = {name: np.mean(P.argmax(axis=1) == y) for name, (_, P) in found.items()}
    assert truth["adabn"] > truth["plain"] + 0.3
    evidence = {name: one for name, (one, _) in found.items()}
    choice = choose(evidence, baseline="plain")
    assert choice.name == "adabn" and choice.margin.low > 0
    assert set(choice.rows[0].scores) == set(SCORERS)  # all that the evidence admits


def test_networks_and_estimators_stand_in_one_table():
    Xs, y, Xt = two_domains()
    data = Domains(Xs, y, Xt, np.empty(0, int), np.empty(0, int), np.zeros(len(y), int), ("source",))
    parts = fold_of(y, 3)
    shallow = list(evidence_of(SourceOnly("1nn"), data, parts))
    deep = [network_evidence(True, Xs, y, Xt, np.flatnonzero(parts == part))[0] for part in range(3)]
    choice = choose({"source_only": shallow, "adabn": deep}, baseline="source_only")
    assert choice.name == "adabn" and [row.name for row in choice.rows] == ["source_only", "adabn"]
    # folds are put into the order of the source's rows, whatever order they come in
    turned = judge("adabn", deep[::-1])
    np.testing.assert_array_equal(turned.units["circular"], choice.rows[1].units["circular"])


def test_each_scorer_reads_the_evidence():
    one = given()
    others = np.arange(12)
    both = np.concatenate([one.source_features, one.target_features])
    axes = np.linalg.svd(both - both.mean(axis=0))[2].T
    Zs, Zt = ((X - both.mean(axis=0)) @ axes for X in (one.source_features, one.target_features))
    w = ratio_at(Zs[others], Zt)(Zs[one.rows])
    right = one.predicted == one.labels
    plain = {
        "circular": 1.0,
        "iwv": np.mean(one.weights * right),
        "dev": 1 - dev_risk(1.0 - right, w),
        "entropy": 1 - mean_entropy(one.target_probabilities),
        "snd": neighbourhood_density(one.target_probabilities),
    }
    found = judge("one", one)
    assert found.scores == pytest.approx(plain) and found.source == pytest.approx(np.mean(right))
    assert set(found.units) == {"circular", "iwv"}
    # without weights they come from the features, with mean 1; losses of one's own take the place of right and wrong
    assert judge("one", given(weights=None), ["iwv"]).scores["iwv"] == pytest.approx(np.mean(w / w.mean() * right))
    losses = np.linspace(0, 2, 12)
    assert judge("one", given(losses=losses), ["dev"]).scores["dev"] == pytest.approx(1 - dev_risk(losses, w))
    few = given(source_features=None, target_features=None, losses=losses)
    assert judge("one", few, ["dev"]).scores["dev"] == pytest.approx(1 - dev_risk(losses, few.weights))


def test_weights_of_inputs_have_mean_1():
    Xs, _, Xt = two_domains()
    assert input_weights(Xs, Xt).mean() == pytest.approx(1)


def test_target_labels_cannot_get_in():
    names = {one.name for one in fields(Evidence)}
    assert {name for name in names if "target" in name} == {"target_features", "target_probabilities"}
    one = given()
    with pytest.raises(TypeError, match="target_labels"):
        given(target_labels=np.zeros(12))
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        one.target_labels = np.zeros(12)
    with pytest.raises((FrozenInstanceError, AttributeError)):
        one.target_probabilities = np.eye(2)
    with pytest.raises(InputError, match="target_probabilities"):  # labels in the place of probabilities
        given(target_probabilities=np.array([0, 1, 1]))
    with pytest.raises(InputError, match="target_probabilities"):
        given(target_probabilities=np.full((12, 2), 0.7))


def test_what_is_missing_is_said():
    bare = given(reverse_predicted=None, source_features=None, target_features=None, weights=None)
    with pytest.raises(InputError, match="evidence of deep: expected reverse_predicted, got none of it for circular"):
        choose({"deep": bare})
    with pytest.raises(InputError, match="source_features and target_features or weights"):
        judge("deep", bare, ["dev"])
    choice = choose({"deep": bare, "full": given(seed=1)}, by="entropy")
    assert set(choice.rows[1].scores) == {"entropy", "snd"}  # what every candidate's evidence admits
    with pytest.raises(InputError, match="evidence: expected that of at least one"):
        choose({})
    with pytest.raises(InputError, match="evidence of deep: expected an Evidence"):
        choose({"deep": []})


def test_candidates_are_judged_on_the_same_samples():
    with pytest.raises(InputError, match="other source samples for b than for a"):
        choose({"a": given(), "b": given(rows=np.arange(12))})
    with pytest.raises(InputError, match="other source samples for b than for a"):
        choose({"a": given(), "b": given(labels=np.zeros(12, int))})
    with pytest.raises(InputError, match="held out in two folds"):
        judge("a", [given(), given()])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"predicted": np.zeros(5)}, "predicted: expected one value for each of the 12"),
        ({"rows": np.zeros(12, int)}, "rows: expected the row numbers"),
        ({"rows": np.arange(12) + 20}, "rows: expected row numbers of the 24 source_features"),
        ({"weights": np.full(12, np.nan)}, "weights: expected finite numbers"),
        ({"losses": -np.ones(12)}, "losses: expected finite numbers"),
        ({"target_features": None}, "features: expected source_features and target_features"),
        ({"target_features": np.zeros((4, 2))}, "target_features"),
        ({"labels": np.zeros((12, 2))}, "labels: expected a label for each"),
    ],
)
def test_what_does_not_fit_is_refused(wrong, said):
    with pytest.raises(InputError, match=said):
        given(**wrong)
