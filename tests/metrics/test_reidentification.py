"""CMC and mAP with the same-camera rule against plain loops, scikit-learn and cases worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from regard.core.checks import InputError
from regard.metrics import reidentification
from regard.metrics.intervals import accuracy_interval
from regard.metrics.landmarks import ap_oxford
from regard.metrics.reidentification import reid, reid_of_rankings


def scene(seed, q=17, n=60, people=6, cameras=3):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(q, 4)),
        rng.integers(1, people, q),
        rng.integers(1, cameras + 1, q),
        rng.normal(size=(n, 4)),
        rng.integers(-1, people - 1, n),  # -1 is junk, 0 a distractor, and the last person is in no gallery
        rng.integers(1, cameras + 1, n),
    )


def plain(queries, who_q, where_q, gallery, who_n, where_n, junk=-1):
    """For each query the marks of its ranking, junk taken out."""
    rows = []
    for i in range(len(queries)):
        cosine = [queries[i] @ g / np.linalg.norm(queries[i]) / np.linalg.norm(g) for g in gallery]
        order = sorted(range(len(gallery)), key=lambda j: -cosine[j])
        order = [j for j in order if who_n[j] != junk and not (who_n[j] == who_q[i] and where_n[j] == where_q[i])]
        rows.append([bool(who_n[j] == who_q[i]) for j in order])
    return rows


def test_equals_a_plain_loop(monkeypatch):
    data = scene(0)
    marks = plain(*data)
    ap = [average_precision_score(row, -np.arange(len(row))) if any(row) else math.nan for row in marks]
    first = [row.index(True) + 1 if any(row) else math.nan for row in marks]
    assert 0 < sum(map(math.isnan, ap)) < len(ap)
    for block in (4_000_000, 200, 1):  # all queries at once, three at once, one by one
        monkeypatch.setattr(reidentification, "_BLOCK", block)
        found = reid(*data)
        assert found.ap_Q == pytest.approx(ap, nan_ok=True) and found.first_Q == pytest.approx(first, nan_ok=True)
    assert found.map == pytest.approx(np.nanmean(ap)) and found.skipped == sum(map(math.isnan, ap))
    for k in (1, 3, 10):
        assert found.cmc(k) == pytest.approx(np.mean([rank <= k for rank in first if not math.isnan(rank)]))
    assert found.as_dict(ks=(1, 3)) == {
        "map": found.map,
        "cmc_at_1": found.cmc(1),
        "cmc_at_3": found.cmc(3),
        "queries": 17,
        "skipped": found.skipped,
    }
    assert accuracy_interval(found.found_within(1)).mean == pytest.approx(found.cmc(1))


def test_trapezoid_is_that_of_the_paper():
    data = scene(1)
    expected = [ap_oxford(np.flatnonzero(row), sum(row)) for row in plain(*data)]
    assert reid(*data, trapezoid=True).ap_Q == pytest.approx(expected, nan_ok=True)
    assert reid(*data, trapezoid=True).map < reid(*data).map


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_rankings_from_elsewhere_give_the_same(seed, cut):
    queries, who_q, where_q, gallery, who_n, where_n = scene(seed, q=4)
    units = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (queries, gallery)]
    rankings = np.argsort(-(units[0] @ units[1].T), axis=1, kind="stable")
    whole = reid(queries, who_q, where_q, gallery, who_n, where_n)
    listed = reid_of_rankings(iter(rankings), who_q, where_q, who_n, where_n)
    assert listed.ap_Q == pytest.approx(whole.ap_Q, nan_ok=True)
    assert listed.first_Q == pytest.approx(whole.first_Q, nan_ok=True)
    # cut short: what is missing adds nothing, and a query is not skipped for it
    short = reid_of_rankings(rankings[:, :cut], who_q, where_q, who_n, where_n)
    assert short.skipped == whole.skipped
    known = ~np.isnan(whole.ap_Q)
    assert (short.ap_Q[known] <= whole.ap_Q[known] + 1e-12).all()
    same = whole.first_Q == short.first_Q
    assert (np.isinf(short.first_Q[known & ~same])).all()


def test_by_hand():
    vectors = np.array([[1.0, 0.0], [0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.5, 0.5]])
    who, where = [-1, 7, 0, 7, 3, 7], [1, 1, 1, 2, 2, 3]
    # out: the junk, and the first 7, of the query's camera; left: distractor, 7, 3, 7
    found = reid(vectors[:1], [7], [1], vectors, who, where)
    assert found.ap_Q.tolist() == [pytest.approx((1 / 2 + 2 / 4) / 2)] and found.first_Q.tolist() == [2]
    # the query of camera 9 keeps that one
    assert reid(vectors[:1], [7], [9], vectors, who, where).first_Q.tolist() == [1]
    assert reid(vectors[:1], [7], None, vectors, who, None).first_Q.tolist() == [1]
    # without a junk marker the first comes second
    assert reid(vectors[:1], [7], [9], vectors, who, where, junk_id=None).first_Q.tolist() == [2]
    # distractors taken out instead: the order is junk, 7 (same camera, out), 7
    assert reid(vectors[:1], [7], [1], vectors, who, where, junk_id=0).first_Q.tolist() == [2]
    # as text, with a marker of one's own
    names = ["bad" if one == -1 else str(one) for one in who]
    cameras = [f"c{one}" for one in where]
    assert reid(vectors[:1], ["7"], ["c1"], vectors, names, cameras, junk_id="bad").ap_Q == pytest.approx(found.ap_Q)


def test_equal_scores_come_in_the_order_of_the_gallery():
    same = np.ones((4, 2))
    assert reid(same[:1], [7], [1], same, [3, 3, 7, 7], [2] * 4).ap_Q == pytest.approx([(1 / 3 + 2 / 4) / 2])
    assert reid(same[:1], [7], [1], same, [7, 3, 3, 7], [2] * 4).ap_Q == pytest.approx([(1 + 2 / 4) / 2])


def test_nobody_to_find():
    found = reid(np.eye(2), [7, 8], [1, 1], np.eye(2), [7, 3], [1, 1])
    assert found.skipped == 2 and math.isnan(found.map) and math.isnan(found.cmc(1))
    missed = reid_of_rankings([[]], [7], [1], [7], [2])
    assert missed.map == 0 and missed.first_Q.tolist() == [math.inf] and missed.skipped == 0


E = np.eye(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reid(E, [1], [1, 1], E, [1, 1], [1, 1]), "^query_ids: expected"),
        (lambda: reid(E, [1, 1], [1, 1], E, [1, 1], [1]), "^gallery_cameras: expected"),
        (lambda: reid(E, [1, 1], None, E, [1, 1], [1, 1]), "^query_cameras, gallery_cameras: expected both"),
        (lambda: reid(E, ["1", "2"], [1, 1], E, [1, 1], [1, 1]), "^query_ids, gallery_ids: .* text in both"),
        (lambda: reid(E, [1.0, 2.0], [1, 1], E, [1, 1], [1, 1]), "^query_ids, gallery_ids: "),
        (lambda: reid(E, [1, 1], [1, 1], E, [1, 1], [1, 1], junk_id="junk"), "^junk_id: expected"),
        (lambda: reid(E, [1, 1], [1, 1], np.eye(3), [1] * 3, [1] * 3), "^gallery: expected 2"),
        (lambda: reid(E * np.nan, [1, 1], [1, 1], E, [1, 1], [1, 1]), "^queries: expected finite"),
        (lambda: reid(E, [1, 1], [1, 1], E * 0, [1, 1], [1, 1]), "^gallery: .*a vector of zeros"),
        (lambda: reid(E, [1, 1], [1, 1], E, [1, 1], [1, 1]).cmc(0), "^k: expected"),
        (lambda: reid_of_rankings([[0]], [1, 1], [1, 1], [1], [1]), "^rankings: .* got fewer"),
        (lambda: reid_of_rankings([[0]] * 3, [1, 1], [1, 1], [1], [1]), "^rankings: .* got more"),
        (lambda: reid_of_rankings([[1]], [1], [1], [1], [1]), "^rankings: expected rows from 0 to 0"),
        (lambda: reid_of_rankings([[-1]], [1], [1], [1], [1]), "^rankings: expected rows"),
        (lambda: reid_of_rankings([[0.0]], [1], [1], [1], [1]), "^rankings: expected rows"),
        (lambda: reid_of_rankings([[0, 0]], [1], [1], [1], [1]), "^rankings: .*twice"),
        (lambda: reid_of_rankings([], [], [], [1], [1]), "^query_ids, gallery_ids: "),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
