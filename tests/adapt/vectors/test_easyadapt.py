"""EasyAdapt and EA++: the kernel identity, blocks, and the co-regularised problem against a plain computation."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from regard.adapt.contract import UNKNOWN
from regard.adapt.vectors.easyadapt import EasyAdapt, augmented, co_regularised
from regard.core.checks import InputError


def shifted(ns=80, nt=60, d=3, seed=0, classes=2):
    rng = np.random.default_rng(seed)
    centres = 4 * rng.normal(size=(classes, d))
    ys, yt = np.arange(ns) % classes, np.arange(nt) % classes
    few = np.array(yt, dtype=object)
    few[4 * classes :] = UNKNOWN
    return centres[ys] + rng.normal(size=(ns, d)), ys, centres[yt] + rng.normal(size=(nt, d)) + 1, yt, few


def test_kernel_is_2k_within_a_domain_and_k_across():
    Xs, ys, Xt, _, few = shifted()
    model = EasyAdapt().fit(Xs, ys, Xt, few)
    S, T = model.transform(Xs, "source"), model.transform(Xt)
    np.testing.assert_allclose(S @ S.T, 2 * Xs @ Xs.T, atol=1e-12)
    np.testing.assert_allclose(T @ T.T, 2 * Xt @ Xt.T, atol=1e-12)
    np.testing.assert_allclose(S @ T.T, Xs @ Xt.T, atol=1e-12)
    np.testing.assert_array_equal(S, np.hstack([Xs, Xs, 0 * Xs]))
    np.testing.assert_array_equal(T, np.hstack([Xt, 0 * Xt, Xt]))


def test_each_source_has_a_block():
    Xs, ys, Xt, _, few = shifted()
    X, y = np.concatenate([Xs, Xt]), np.array([*ys, *few], dtype=object)
    domains = np.array([*np.where(np.arange(80) < 40, "photo", "art"), *["target"] * 60])
    model = EasyAdapt().fit(X, y, domains=domains)
    zero = 0 * Xs
    np.testing.assert_array_equal(model.transform(Xs, "art"), np.hstack([Xs, Xs, zero, zero]))
    np.testing.assert_array_equal(model.transform(Xs, "photo"), np.hstack([Xs, zero, Xs, zero]))
    np.testing.assert_array_equal(model.transform(Xs, "target"), np.hstack([Xs, zero, zero, Xs]))
    np.testing.assert_array_equal(model.transform(Xs, "source"), np.hstack([Xs, zero, zero, zero]))
    A, P = model.transform(Xs, "art"), model.transform(Xs, "photo")
    np.testing.assert_allclose(A @ P.T, Xs @ Xs.T, atol=1e-12)


def test_the_classifier_is_the_svm_of_that_kernel():
    Xs, ys, Xt, yt, few = shifted()
    X, y = np.concatenate([Xs, Xt[:8]]), np.concatenate([ys, yt[:8]])
    same = np.equal.outer(np.arange(88) < 80, np.arange(88) < 80)
    plain = SVC(kernel="precomputed", tol=1e-6).fit(X @ X.T * (1 + same), y)
    new = np.concatenate([Xt @ Xs.T, 2 * Xt @ Xt[:8].T], axis=1)
    ours = EasyAdapt(classifier=SVC(kernel="linear", tol=1e-6)).fit(Xs, ys, Xt, few)
    np.testing.assert_allclose(
        ours.classifier_.decision_function(ours.transform(Xt)), plain.decision_function(new), atol=1e-4
    )


def test_a_feature_whose_meaning_turns_round_is_learnt():
    """Feature 1 says the class in both domains, feature 2 the opposite in the target: one block cannot say that."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    sign = 2 * y - 1
    Xs = np.stack([0.5 * sign, 1.5 * sign], axis=1) + rng.normal(size=(400, 2))
    Xt = np.stack([0.5 * sign, -1.5 * sign], axis=1) + rng.normal(size=(400, 2))
    few = np.array(y, dtype=object)
    few[30:] = UNKNOWN
    both = SVC(kernel="linear").fit(np.concatenate([Xs, Xt[:30]]), np.concatenate([y, y[:30]]))
    model = EasyAdapt().fit(Xs, y, Xt, few)
    assert model.score(Xt, y) > both.score(Xt, y) + 0.3 and model.score(Xs, y, domain="source") > 0.9


def test_the_same_labelled_samples_are_one_domain():
    Xs, ys, _, _, _ = shifted()
    model = EasyAdapt().fit(Xs, ys, Xs, ys)
    np.testing.assert_array_equal(model.transform(Xs), model.transform(Xs, "source"))
    turned = EasyAdapt().fit(Xs, ys, Xs, 1 - ys)  # the same samples, other labels: two domains
    assert turned.score(Xs, 1 - ys) > 0.8 and turned.score(Xs, ys, domain="source") > 0.8


def plain_objective(W, labelled, unlabelled, classes, weight, C):
    """By rows of the augmented space: every label of an unlabelled row counts 1/classes, less what equality costs."""
    blocks, V, value = len(labelled), W.reshape(-1, classes), 0.5 * (W**2).sum()

    def entropy(row, code):
        logits = row @ V
        return np.log(np.exp(logits).sum()) - logits[code]

    for j, (X, codes) in enumerate(labelled):
        value += C * sum(entropy(row, code) for row, code in zip(augmented(X, j, blocks), codes))
    for j in range(blocks - 1):
        rows = augmented(unlabelled, j, blocks) - augmented(unlabelled, blocks - 1, blocks)
        each = C * weight / (blocks - 1)
        value += each * sum(np.mean([entropy(row, code) for code in range(classes)]) - np.log(classes) for row in rows)
    return value


@pytest.mark.parametrize(("sources", "classes"), [(1, 2), (2, 3)])
def test_ea_plus_plus_minimises_the_problem_of_augmented_rows(sources, classes):
    rng = np.random.default_rng(0)
    labelled = [(rng.normal(size=(6, 2)), np.arange(6) % classes) for _ in range(sources + 1)]
    unlabelled = rng.normal(size=(5, 2))
    W, path = co_regularised(labelled, unlabelled, classes, 0.7, C=2.0, tolerance=1e-8)

    def objective(flat):
        return plain_objective(flat.reshape(W.shape), labelled, unlabelled, classes, 0.7, 2.0)

    assert objective(W.ravel()) == pytest.approx(path[-1], rel=1e-10)
    assert np.abs(approx_fprime(W.ravel(), objective, 1e-6)).max() < 1e-4
    assert (np.diff(path) <= 1e-10).all() and path[-1] < path[0]


def test_without_unlabelled_samples_it_is_logistic_regression_on_the_blocks():
    rng = np.random.default_rng(0)
    labelled = [(rng.normal(size=(30, 3)), np.arange(30) % 3) for _ in range(2)]
    W, _ = co_regularised(labelled, np.empty((0, 3)), 3, 1.0, tolerance=1e-8)
    rows = np.concatenate([augmented(X, j, 2) for j, (X, _) in enumerate(labelled)])
    plain = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=5000)
    plain.fit(rows, np.concatenate([codes for _, codes in labelled]))
    np.testing.assert_allclose(W.reshape(-1, 3), plain.coef_.T, atol=1e-5)


def test_an_unlabelled_sample_costs_nothing_only_where_the_hypotheses_agree():
    rng = np.random.default_rng(0)
    labelled = [(rng.normal(size=(20, 3)), np.arange(20) % 2) for _ in range(2)]
    unlabelled = rng.normal(size=(50, 3))
    apart = []
    for weight in (0.0, 0.1, 1.0, 100.0):
        W, _ = co_regularised(labelled, unlabelled, 2, weight)
        logits = unlabelled @ (W[1] - W[2])
        apart.append(np.abs(logits[:, 0] - logits[:, 1]).mean())
    assert apart[0] > apart[1] > apart[2] > apart[3] and apart[3] < 0.05 * apart[0]


def test_unlabelled_samples_help_where_few_labels_mislead():
    """Many features that say nothing and four labels: the target's own block fits noise unless it is held."""
    gains = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        y = np.arange(300) % 2
        signal = (2 * y - 1)[:, None] * np.r_[1.0, 1.0, np.zeros(28)]
        Xs, Xt = signal[:60] + rng.normal(size=(60, 30)), signal + rng.normal(size=(300, 30))
        few = np.array(y, dtype=object)
        few[4:] = UNKNOWN
        scores = [
            EasyAdapt(unlabelled=True, unlabelled_weight=w, classifier="linear").fit(Xs, y[:60], Xt, few).score(Xt, y)
            for w in (0.0, 1.0)
        ]
        gains.append(scores[1] - scores[0])
    assert np.mean(gains) > 0.01 and min(gains) > -0.02


@pytest.mark.parametrize("classes", [2, 3])
def test_ea_plus_plus_as_a_method(classes):
    Xs, ys, Xt, yt, few = shifted(classes=classes)
    X, y = np.concatenate([Xs, Xt]), np.array([*ys, *few], dtype=object)
    domains = np.array([*np.where(np.arange(80) < 40, "photo", "art"), *["target"] * 60])
    model = EasyAdapt(unlabelled=True, classifier="linear").fit(X, y, domains=domains)
    assert model.score(Xt, yt) > 0.75 and model.weights_.shape == (4, 4, classes)
    np.testing.assert_allclose(model.predict_proba(Xs, "photo").sum(axis=1), 1)
    assert np.isfinite(model.predict_proba(Xs, "source")).all()
    path = np.array(model.objective_)
    assert len(path) > 3 and (np.diff(path) <= 1e-9 * path[0]).all()
    again = model.set_params(unlabelled=False).fit(X, y, domains=domains)
    assert not hasattr(again, "weights_") and hasattr(again, "classifier_")


def test_ea_plus_plus_does_not_depend_on_units():
    Xs, ys, Xt, _, few = shifted()
    units = np.array([1e-3, 1.0, 1e4])
    first, second = (
        EasyAdapt(unlabelled=True, classifier="linear").fit(Xs * u, ys, Xt * u, few).predict_proba(Xt * u)
        for u in (1.0, units)
    )
    np.testing.assert_allclose(first, second, atol=1e-6)
    Xs[:, 1] = Xt[:, 1] = 0.1
    model = EasyAdapt(unlabelled=True, classifier="linear").fit(Xs, ys, Xt, few)
    assert np.isfinite(model.predict_proba(Xt)).all()


def test_every_target_label_known():
    Xs, ys, Xt, yt, _ = shifted()
    assert EasyAdapt(unlabelled=True, classifier="linear").fit(Xs, ys, Xt, yt).score(Xt, yt) > 0.8


@pytest.mark.parametrize("classifier", ["svm", "1nn", LogisticRegression()], ids=str)
def test_unlabelled_rows_need_the_linear_classifier(classifier):
    Xs, ys, Xt, _, few = shifted()
    with pytest.raises(InputError, match="classifier: .*'linear' with unlabelled=True"):
        EasyAdapt(unlabelled=True, classifier=classifier).fit(Xs, ys, Xt, few)
    with pytest.raises(InputError, match="unlabelled_weight: "):
        EasyAdapt(unlabelled_weight=-1.0).fit(Xs, ys, Xt, few)
