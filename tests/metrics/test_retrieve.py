"""Ranking scores against scikit-learn, against plain loops and against cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from regard.core.checks import InputError
from regard.metrics.retrieve import ap_at_k, ap_at_r, map_at_r, mean_ap, recall_at_k, retrieval

RELEVANT = np.array(
    [
        [True, False, True, False, True],
        [False, False, False, True, False],
        [False, False, False, False, False],
    ]
)


def test_by_hand():
    ap = ap_at_k(RELEVANT)
    assert ap[:2] == pytest.approx([(1 + 2 / 3 + 3 / 5) / 3, 1 / 4]) and np.isnan(ap[2])
    assert mean_ap(RELEVANT) == pytest.approx(((1 + 2 / 3 + 3 / 5) / 3 + 1 / 4) / 2)
    assert [recall_at_k(RELEVANT, k) for k in (1, 3, 4, 99)] == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])
    # cut at 2 ranks: the best that can be reached there is min(3, 2) = 2 relevant
    assert ap_at_k(RELEVANT, k=2)[:2] == pytest.approx([1 / 2, 0])
    # the collection holds 4 relevant items for query 0, one was not ranked at all
    assert ap_at_k(RELEVANT, positives=[4, 1, 0])[0] == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_ap_equals_scikit_learn(marks):
    if not any(marks):
        assert np.isnan(ap_at_k([marks])[0])
        return
    peer = average_precision_score(marks, -np.arange(len(marks)))
    assert ap_at_k([marks])[0] == pytest.approx(peer)


def test_ap_at_k_equals_a_plain_loop():
    rng = np.random.default_rng(0)
    marks = rng.random((20, 12)) < 0.3
    extra = rng.integers(0, 5, size=20)
    for k in (1, 5, 12, 40):
        for row, more, ours in zip(marks, extra, ap_at_k(marks, k, marks.sum(axis=1) + extra)):
            total, found = 0.0, 0
            for rank, hit in enumerate(row[:k], start=1):
                found += hit
                total += hit * found / rank
            m = row.sum() + more
            assert (np.isnan(ours) and m == 0) or ours == pytest.approx(total / min(m, k))


def test_map_at_r_by_hand():
    marks = [[True, False, True, True], [False, True, False, False], [False] * 4]
    # R = 3: precisions 1 and 2/3 at ranks 1 and 3, and the fourth rank is beyond R; R = 1: the first alone counts
    assert ap_at_r(marks) == pytest.approx([(1 + 2 / 3) / 3, 0, np.nan], nan_ok=True)
    assert map_at_r(marks) == pytest.approx((1 + 2 / 3) / 3 / 2)
    # one more to be found that was not ranked: R = 4
    assert ap_at_r(marks, [4, 2, 0])[:2] == pytest.approx([(1 + 2 / 3 + 3 / 4) / 4, 1 / 2 / 2])
    assert map_at_r([[True, True, False]]) == 1 and np.isnan(map_at_r([[False]]))


def test_map_at_r_equals_a_plain_loop():
    rng = np.random.default_rng(2)
    marks = rng.random((50, 15)) < 0.3
    marks[0] = False
    total = marks.sum(axis=1) + np.minimum(rng.integers(0, 3, 50), (~marks).sum(axis=1))
    for positives, r in ((None, marks.sum(axis=1)), (total, total)):
        expected = []
        for row, many in zip(marks, r):
            terms = [row[: i + 1].mean() for i in range(many) if row[i]]
            expected.append(sum(terms) / many if many else np.nan)
        assert ap_at_r(marks, positives) == pytest.approx(expected, nan_ok=True)
        assert map_at_r(marks, positives) == pytest.approx(np.nanmean(expected))


def test_retrieval_among_themselves_equals_a_plain_loop():
    rng = np.random.default_rng(1)
    labels = rng.choice(list("abcd"), size=40)
    labels[0] = "z"  # shares its label with nobody
    vectors = rng.normal(size=(40, 6)) + 2 * (np.unique(labels, return_inverse=True)[1][:, None] == np.arange(6))
    recalls, precisions = [], []
    for i in range(40):
        cosine = [
            -np.inf if i == j else vectors[i] @ vectors[j] / np.linalg.norm(vectors[i]) / np.linalg.norm(vectors[j])
            for j in range(40)
        ]
        order = sorted(range(40), key=lambda j: -cosine[j])[:39]
        marks = [labels[j] == labels[i] for j in order]
        recalls.append(marks[0])
        if any(marks):
            precisions.append(average_precision_score(marks, -np.arange(39)))
    found = retrieval(vectors, labels, ks=(1,))
    assert found["recall_at_1"] == pytest.approx(np.mean(recalls))
    assert found["map"] == pytest.approx(np.mean(precisions))
    assert (found["queries"], found["findable"]) == (40, 39)


def test_retrieval_in_a_gallery():
    gallery, names = np.eye(3), np.array(["a", "b", "c"])
    found = retrieval([[1, 0.1, 0], [0, 0.4, 0.5]], ["a", "b"], gallery, names, ks=(1, 2))
    assert found == {"recall_at_1": 0.5, "recall_at_2": 1.0, "map": 0.75, "queries": 2, "findable": 2}


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: recall_at_k(RELEVANT, 0), "k"),
        (lambda: ap_at_k([[0.2, 0.4]]), "relevant"),
        (lambda: ap_at_k(RELEVANT, positives=[1, 1, 0]), "positives"),
        (lambda: ap_at_r(RELEVANT, positives=[1, 1, 0]), "positives"),
        (lambda: ap_at_r(RELEVANT, positives=[3.0, 1.0, 0.0]), "positives"),
        (lambda: map_at_r(RELEVANT, positives=[6, 1, 0]), "relevant"),
        (lambda: retrieval(np.eye(2), ["a", "b"], np.eye(3), ["a"] * 3), "gallery"),
        (lambda: retrieval(np.zeros((2, 2)), ["a", "b"]), "queries"),
        (lambda: retrieval(np.eye(2), ["a"]), "query_labels"),
    ],
)
def test_bad_input(call, named):
    with pytest.raises(InputError, match=f"^{named}: expected"):
        call()


def test_an_index_of_the_same_images_is_searched_without_the_image_itself() -> None:
    rng = np.random.default_rng(0)
    X, Y, labels = rng.normal(size=(9, 4)), rng.normal(size=(9, 4)), np.arange(9) % 3
    assert retrieval(X, labels, X, labels, paired=True) == retrieval(X, labels)
    others = [retrieval(X[[i]], labels[[i]], np.delete(Y, i, 0), np.delete(labels, i))["map"] for i in range(9)]
    assert retrieval(X, labels, Y, labels, paired=True)["map"] == pytest.approx(np.mean(others))
    with pytest.raises(InputError, match="gallery.*9, one for each query"):
        retrieval(X, labels, Y[:8], labels[:8], paired=True)
