"""Whitening against loops over pairs and scikit-learn's shrinkage; what is kept on disk comes back as it was."""

import itertools
import json

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA

from regard.core.checks import InputError
from regard.core.runtime import numpy_rng
from regard.representation.transform import _covariance, saved, whitening
from regard.representation.transform.learned import LearnedWhiten
from regard.representation.transform.pca import PCAWhiten
from regard.representation.transform.saved import chain_of, load, save
from regard.representation.transform.steps import L2, Chain, Power
from regard.representation.transform.whitening import fit_whitening


def rows(n=60, d=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 3


def things(groups=30, each=3, d=12, seed=0):
    """Pictures of things; along two axes those of one thing differ by more than the things do."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(groups), each)
    noise = rng.normal(size=(groups * each, d)) * np.array([8, 8] + [0.1] * (d - 2))
    return rng.normal(size=(groups, d))[labels] + noise + 5, labels


class TestSmallSteps:
    def test_l2(self):
        X = rows().astype(np.float32)
        X[3] = 0
        found = L2().apply(X)
        assert np.allclose(np.linalg.norm(found, axis=1), np.arange(60) != 3) and found.dtype == np.float32

    def test_power_keeps_the_sign(self):
        assert Power(0.5).apply([[9.0, -4.0, 0.0]]).tolist() == [[3.0, -2.0, 0.0]]
        assert np.allclose(Power(1.0).apply(rows()), rows())

    @pytest.mark.parametrize("alpha", [0, 1.5, float("nan")])
    def test_power_out_of_range(self, alpha):
        with pytest.raises(InputError, match="alpha: expected a number above 0 and at most 1"):
            Power(alpha)


class TestPCAWhiten:
    def test_full_whitening_makes_the_covariance_the_identity(self):
        found = PCAWhiten.fit(rows(), shrinkage=0).apply(rows())
        assert np.allclose(found.mean(axis=0), 0, atol=1e-5)
        assert np.allclose(found.T @ found / 60, np.eye(5), atol=1e-5)

    def test_equal_to_scikit_learn_up_to_signs(self):
        peer = PCA(3, whiten=True).fit(rows())
        found = PCAWhiten.fit(rows(), 3, shrinkage=0)
        theirs = peer.transform(rows()) * np.sqrt(60 / 59)  # it divides by n - 1
        assert np.allclose(np.abs(found.apply(rows())), np.abs(theirs), atol=1e-4)

    @pytest.mark.parametrize("piece", [8192, 7])
    @pytest.mark.parametrize("n, d", [(60, 5), (15, 40)])
    def test_the_shrunk_covariance_is_ledoit_and_wolfs(self, monkeypatch, piece, n, d):
        monkeypatch.setattr(_covariance, "_ROWS", piece)
        X = rows(n, d)
        found = PCAWhiten.fit(X, floor=0)
        ours = found.components.T @ np.diag(found.eigenvalues) @ found.components
        assert np.allclose(ours, ledoit_wolf(X)[0], rtol=1e-4, atol=1e-4 * np.abs(ours).max())
        assert found.components.shape == (d, d)

    def test_shrinkage_by_hand(self):
        C = np.cov(rows().T, bias=True)
        found = PCAWhiten.fit(rows(), shrinkage=0.3)
        expected = np.linalg.eigvalsh(0.7 * C + 0.3 * np.trace(C) / 5 * np.eye(5))[::-1]
        assert np.allclose(found.eigenvalues, expected, rtol=1e-5)

    def test_power_0_only_turns_and_a_quarter_is_half_way(self):
        turned, half, full = (PCAWhiten.fit(rows(), power=p).apply(rows()) for p in (0, 0.25, 0.5))
        gaps = np.linalg.norm(rows()[0] - rows()[1])
        assert np.linalg.norm(turned[0] - turned[1]) == pytest.approx(gaps, rel=1e-5)
        assert np.allclose(half**2, np.abs(turned * full), rtol=1e-3, atol=1e-6)

    def test_the_first_axes_are_the_same_whatever_their_number(self):
        assert np.allclose(
            PCAWhiten.fit(rows(), 2).apply(rows()), PCAWhiten.fit(rows()).apply(rows())[:, :2], atol=1e-5
        )

    def test_default_number_of_axes(self):
        X = rows(40, 50)
        assert len(PCAWhiten.fit(X).components) == 50
        assert len(PCAWhiten.fit(X, shrinkage=0).components) == 10
        assert len(PCAWhiten.fit(rows(), shrinkage=0).components) == 5

    def test_axes_below_the_floor_are_left_out(self):
        X = np.random.default_rng(0).normal(size=(200, 3)) * [10, 1, 1e-5]
        assert len(PCAWhiten.fit(X, shrinkage=0).components) == 2
        assert len(PCAWhiten.fit(X, shrinkage=0, floor=0.05).components) == 1

    def test_few_rows_do_not_blow_small_axes_up(self):
        """Along no axis does a vector grow by more than ten times what it does along the largest one."""
        X = rows(12, 100)
        found = PCAWhiten.fit(X)
        assert found.eigenvalues.max() / found.eigenvalues.min() < 100

    def test_float32_stays_and_agrees(self):
        found = PCAWhiten.fit(rows())
        single = found.apply(rows().astype(np.float32))
        assert single.dtype == np.float32 and np.allclose(single, found.apply(rows()), atol=1e-4)

    def test_neither_input_nor_order_of_rows_matters(self):
        X = rows()
        before, found = X.copy(), PCAWhiten.fit(X).apply(X)
        assert np.array_equal(X, before)
        assert np.allclose(PCAWhiten.fit(X[::-1]).apply(X), found, atol=1e-4)

    @pytest.mark.parametrize(
        "X, settings, message",
        [
            (rows(9), {}, "vectors: expected at least 10 rows"),
            (rows(20, 30), {"dim": 20, "shrinkage": 0}, "vectors: expected more than dim = 20, got 20 rows"),
            (rows(), {"dim": 6}, "dim: expected a whole number from 1 to 5"),
            (rows(), {"power": 2}, "power: expected a number from 0 to 1"),
            (rows(), {"shrinkage": 1.1}, "shrinkage: expected a number from 0 to 1"),
            (rows(), {"shrinkage": "often"}, "shrinkage: expected a number from 0 to 1, got 'often'"),
            (np.full((20, 3), 0.1), {}, "vectors: expected vectors that differ, got rows that are all equal"),
            (rows() * np.nan, {}, "vectors: expected finite numbers"),
            (rows()[0], {}, r"vectors: expected an array \(n, d\)"),
        ],
    )
    def test_what_cannot_be_fitted(self, X, settings, message):
        with pytest.raises(InputError, match=message):
            PCAWhiten.fit(X, **settings)

    def test_vectors_of_another_length(self):
        with pytest.raises(InputError, match="vectors: expected 5 features"):
            PCAWhiten.fit(rows()).apply(rows(d=4))


def scatter_of_pairs(X, labels):
    """Sum over all pairs of the same thing of (a - b)(a - b)^T, and their number."""
    total, count = np.zeros((X.shape[1], X.shape[1])), 0
    for i, j in itertools.combinations(range(len(X)), 2):
        if labels[i] == labels[j]:
            total += np.outer(X[i] - X[j], X[i] - X[j])
            count += 1
    return total, count


class TestLearnedWhiten:
    @pytest.mark.parametrize("piece", [8192, 7])
    @pytest.mark.parametrize("sizes", [[2] * 20, [1, 5, 2, 4, 3, 6, 2]])
    def test_differences_of_all_pairs_become_white(self, monkeypatch, piece, sizes):
        monkeypatch.setattr(_covariance, "_ROWS", piece)
        labels = np.repeat(np.arange(len(sizes)), sizes)
        order = np.random.default_rng(1).permutation(len(labels))
        X, labels = rows(len(labels), 4)[order], labels[order].astype(str)
        found = LearnedWhiten.fit(X, labels, shrinkage=0).apply(X)
        scatter = scatter_of_pairs(found, labels)[0]
        assert np.allclose(scatter, scatter[0, 0] * np.eye(4), atol=1e-4 * scatter[0, 0])
        spread = np.cov(found.T)
        # the axes are the principal ones of what is left, the largest first
        assert np.allclose(spread, np.diag(np.sort(np.diag(spread))[::-1]), atol=1e-4 * spread.max())

    def test_shrinkage_of_pairs_is_ledoit_and_wolfs_of_their_differences(self):
        """With pairs alone the differences are independent rows, about a mean of 0."""
        labels = np.repeat(np.arange(12), 2)
        X = rows(24, 5)
        differences = X[::2] - X[1::2]
        shrunk = ledoit_wolf(differences, assume_centered=True)[0]
        map_of = LearnedWhiten.fit(X, labels).projection
        product = map_of @ shrunk @ map_of.T
        assert np.allclose(product, product[0, 0] * np.eye(5), atol=1e-4 * product[0, 0])

    def test_of_many_things_the_shrinkage_is_what_other_things_ask_for(self):
        """Against the plain computation over a grid: the likelihood of the differences in each fold, by the others'."""
        labels = np.repeat(np.arange(16), 2)
        X = rows(32, 6)
        found = LearnedWhiten.fit(X, labels).projection
        differences = X[::2] - X[1::2]
        fold = numpy_rng(0, "things").permutation(16) % 4

        def cost(share, k):
            C = differences[fold != k].T @ differences[fold != k] / 12
            C = (1 - share) * C + share * np.trace(C) / 6 * np.eye(6)
            held = differences[fold == k].T @ differences[fold == k] / 4
            return np.linalg.slogdet(C)[1] + np.trace(np.linalg.solve(C, held))

        share = min(_covariance.SHARES, key=lambda one: sum(cost(one, k) for k in range(4)))
        assert np.allclose(found, LearnedWhiten.fit(X, labels, shrinkage=share).projection)
        order = np.random.default_rng(1).permutation(32)
        assert np.allclose(found, LearnedWhiten.fit(X[order], labels[order]).projection, atol=1e-5)

    def test_finds_things_that_plain_vectors_do_not(self):
        X, labels = things()
        Y, asked = things(seed=1)

        def right(vectors):
            cosine = L2().apply(vectors) @ L2().apply(vectors).T
            np.fill_diagonal(cosine, -2)
            return (asked[cosine.argmax(axis=1)] == asked).mean()

        plain, learned = right(Y - Y.mean(axis=0)), right(LearnedWhiten.fit(X, labels).apply(Y))
        assert plain < 0.5 and learned > 0.9

    def test_the_first_axes_are_the_same_whatever_their_number(self):
        X, labels = things()
        whole = LearnedWhiten.fit(X, labels).apply(X)
        assert np.allclose(LearnedWhiten.fit(X, labels, 2).apply(X), whole[:, :2], atol=1e-4)

    @pytest.mark.parametrize(
        "groups, settings, message",
        [
            (np.arange(60), {}, "labels: expected at least 10 rows more than groups, got 60 rows in 60 groups"),
            (np.arange(60) // 2, {"dim": 9}, "dim: expected a whole number from 1 to 5"),
            (np.arange(59), {}, "labels: expected one label for each of the 60 samples"),
        ],
    )
    def test_what_cannot_be_fitted(self, groups, settings, message):
        with pytest.raises(InputError, match=message):
            LearnedWhiten.fit(rows(), groups, **settings)

    def test_pairs_that_do_not_differ(self):
        X = np.repeat(rows(30), 2, axis=0)
        with pytest.raises(InputError, match="rows that are all equal"):
            LearnedWhiten.fit(X, np.repeat(np.arange(30), 2))
        X[::2, 0] += np.arange(30)
        with pytest.raises(InputError, match="directions in which no two of a group differ"):
            LearnedWhiten.fit(X, np.repeat(np.arange(30), 2), shrinkage=0)


class TestFitWhitening:
    def test_is_length_one_whitening_length_one(self):
        X = rows()
        found = fit_whitening(X, dim=3)
        by_hand = L2().apply(PCAWhiten.fit(L2().apply(X), 3, power=0.25).apply(L2().apply(X)))
        assert np.allclose(found.apply(X), by_hand) and [step.kind for step in found.steps] == [
            "l2",
            "pca_whiten",
            "l2",
        ]
        X, labels = things()
        by_hand = L2().apply(LearnedWhiten.fit(L2().apply(X), labels).apply(L2().apply(X)))
        assert np.allclose(fit_whitening(X, labels).apply(X), by_hand)

    def test_a_large_collection_is_drawn_from_by_whole_groups(self, monkeypatch):
        monkeypatch.setattr(whitening, "_MOST", 30)
        X, labels = things()
        seen = {}
        monkeypatch.setattr(
            LearnedWhiten, "fit", staticmethod(lambda X, groups, dim: seen.update(X=X, groups=groups) or Power())
        )
        fit_whitening(X, labels, seed=4)
        assert len(seen["X"]) == 30 and (np.bincount(seen["groups"])[np.unique(seen["groups"])] == 3).all()
        first = seen["X"]
        fit_whitening(X, labels, seed=5)
        assert not np.array_equal(seen["X"], first)
        fit_whitening(X, np.arange(90) // 45, seed=4)  # a group larger than what is drawn is taken whole
        assert len(seen["X"]) == 45
        whole = fit_whitening(rows(25)).state()["1.pca_whiten.mean"]
        assert np.allclose(whole, L2().apply(rows(25)).mean(axis=0), atol=1e-6)
        fewer = fit_whitening(rows(60)).state()["1.pca_whiten.mean"]
        assert not np.allclose(fewer, L2().apply(rows(60)).mean(axis=0), atol=1e-6)


def chains():
    X, labels = things()
    return {
        "l2": L2(),
        "power": Power(0.3),
        "pca": PCAWhiten.fit(X, 3, power=0.25),
        "learned": LearnedWhiten.fit(X, labels, 4),
        "chain": Chain((Power(), fit_whitening(X), Chain((Power(0.7), L2())))),
    }


class TestKept:
    @pytest.mark.parametrize("name", chains())
    def test_what_is_saved_comes_back(self, tmp_path, name):
        step, X = chains()[name], things()[0].astype(np.float32)
        found = load(save(step, tmp_path / "new" / "folder"))
        assert np.array_equal(found.apply(X), step.apply(X))

    @pytest.mark.parametrize("name", chains())
    def test_a_state_is_plain_arrays(self, name):
        step, X = chains()[name], things()[0]
        state = step.state()
        assert all(isinstance(value, np.ndarray) and value.dtype.kind == "f" for value in state.values())
        assert np.array_equal(
            (chain_of if type(step) is Chain else type(step).from_state)(state).apply(X), step.apply(X)
        )

    def test_more_than_ten_steps_keep_their_order(self):
        chain = Chain(tuple(Power(1 / (place + 1)) for place in range(12)))
        assert [step.alpha for step in chain_of(chain.state()).steps] == [1 / (k + 1) for k in range(12)]

    def test_a_second_one_takes_the_place_of_the_first(self, tmp_path):
        save(Power(0.3), tmp_path)
        (tmp_path / "other.safetensors").write_bytes(b"somebody's")
        save(Power(0.4), tmp_path)
        assert load(tmp_path).steps[0] == Power(0.4)
        assert len(list(tmp_path.glob("transform*"))) == 2 and (tmp_path / "other.safetensors").exists()

    def test_a_save_that_fails_leaves_the_first(self, tmp_path, monkeypatch):
        save(Power(0.3), tmp_path)

        def full(*_):
            raise OSError("no space")

        monkeypatch.setattr(saved, "write_json", full)
        with pytest.raises(OSError):
            save(Power(0.4), tmp_path)
        assert load(tmp_path).steps[0] == Power(0.3)

    def test_what_is_damaged_is_refused(self, tmp_path):
        with pytest.raises(InputError, match="transform: expected a folder that exists"):
            load(tmp_path / "no")
        with pytest.raises(InputError, match="transform: expected a file that exists"):
            load(tmp_path)
        save(L2(), tmp_path)
        card = tmp_path / "transform.json"
        good = json.loads(card.read_text())
        for change, message in (
            ({"regard_transform": 2}, "transform: expected format 1, got format 2"),
            ({"tensors": "../x.safetensors"}, "a name inside"),
            ({"tensors": "gone.safetensors"}, "which does not exist"),
            ({"tensors": 3}, "a file that save wrote"),
        ):
            card.write_text(json.dumps(good | change))
            with pytest.raises(InputError, match=message):
                load(tmp_path)

    def test_states_that_do_not_fit(self):
        with pytest.raises(InputError, match="state of power: expected alpha, got nothing"):
            Power.from_state({})
        with pytest.raises(InputError, match="kind: expected one of l2, power"):
            chain_of({"0.pour.alpha": np.array(1.0)})
        with pytest.raises(InputError, match="names as PLACE.KIND.FIELD"):
            chain_of({"alpha": np.array(1.0)})
        with pytest.raises(InputError, match="steps: expected at least one step"):
            Chain(())
        with pytest.raises(InputError, match="mean and axes"):
            LearnedWhiten(np.zeros(3), np.zeros((2, 4)))
        with pytest.raises(InputError, match="eigenvalues: expected 2 numbers above 0"):
            PCAWhiten(np.zeros(3), np.zeros((2, 3)), np.array([1.0, 0.0]))
