"""Landmark protocols against plain loops on random rankings, and against cases worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.core.checks import InputError
from regard.metrics.gldv2 import gldv2_ap_at_100, gldv2_map_at_100, micro_ap
from regard.metrics.landmarks import ap_oxford, oxford, revisited
from regard.metrics.retrieve import ap_at_k


def plain_trapezoid(ranking, positives, junk):
    """Area under precision over recall, walking down the ranking (Philbin et al. 2007)."""
    old_recall, old_precision, area, seen, found = 0.0, 1.0, 0.0, 0, 0
    for item in ranking:
        if item in junk:
            continue
        seen += 1
        found += item in positives
        recall, precision = found / len(positives), found / seen
        area += (recall - old_recall) * (old_precision + precision) / 2
        old_recall, old_precision = recall, precision
    return area


def plain_precision(ranking, positives, junk, k):
    clean = [item for item in ranking if item not in junk]
    last = max(place for place, item in enumerate(clean, start=1) if item in positives)
    depth = min(last, k)
    return sum(item in positives for item in clean[:depth]) / depth


@st.composite
def graded(draw):
    """A collection, its ranking, and which of easy, hard, junk or nothing each of its images is."""
    n = draw(st.integers(1, 25))
    ranking = draw(st.permutations(range(n)))
    grades = draw(st.lists(st.sampled_from(["easy", "hard", "junk", "", ""]), min_size=n, max_size=n))
    lists = {grade: [i for i in range(n) if grades[i] == grade] for grade in ("easy", "hard", "junk")}
    return ranking, lists


def same(a, b):
    return (math.isnan(a) and math.isnan(b)) or a == pytest.approx(b)


def test_ap_oxford_by_hand():
    assert ap_oxford([0, 2], 2) == pytest.approx((1 + 1) / 2 / 2 + (1 / 2 + 2 / 3) / 2 / 2)
    assert ap_oxford([0, 1, 2]) == 1 and ap_oxford([1]) == pytest.approx((0 / 1 + 1 / 2) / 2)
    assert ap_oxford([0], positives=4) == pytest.approx(1 / 4)  # three were never ranked
    assert ap_oxford([], positives=3) == 0 and math.isnan(ap_oxford([])) and math.isnan(ap_oxford([], 0))
    # the plain sum is another definition
    assert ap_at_k([[True, False, True]])[0] == pytest.approx(5 / 6) != ap_oxford([0, 2])


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_the_trapezoid_rule_is_never_above_the_plain_sum(marks):
    if any(marks):
        assert ap_oxford(np.flatnonzero(marks)) <= ap_at_k([marks])[0] + 1e-12


def test_junk_is_taken_out_and_is_not_wrong():
    truth = {"positives": [5, 7], "junk": [1, 2]}
    found = oxford([[1, 5, 2, 9, 7]], [truth])  # without junk: 5, 9, 7
    assert found.map == pytest.approx(ap_oxford([0, 2]))
    assert found.precision_QK[0] == pytest.approx([1, 2 / 3, 2 / 3])  # the last positive is third, so not k
    assert oxford([[1, 5, 2, 9, 7]], [truth | {"junk": []}]).map < found.map


def test_the_three_protocols_by_hand():
    truth = {"easy": [0], "hard": [1], "junk": [2]}
    found = revisited([[2, 1, 3, 0]], [truth], ks=(1, 2))
    assert found["easy"].map == pytest.approx(ap_oxford([1]))  # hard and junk out: 3, 0
    assert found["medium"].map == pytest.approx(ap_oxford([0, 2]))  # junk out: 1, 3, 0
    assert found["hard"].map == 1  # easy and junk out: 1, 3
    assert found["easy"].precision_QK.tolist() == [[0, 0.5]] and found["hard"].precision_QK.tolist() == [[1, 1]]
    assert found["medium"].as_dict() == pytest.approx(
        {"map": ap_oxford([0, 2]), "mp_at_1": 1, "mp_at_2": 0.5, "queries": 1, "skipped": 0}
    )


@given(st.lists(graded(), min_size=1, max_size=4))
def test_protocols_equal_a_plain_loop(queries):
    found = revisited([ranking for ranking, _ in queries], [lists for _, lists in queries], ks=(1, 3, 10))
    for name, ok, junk in (
        ("easy", ("easy",), ("junk", "hard")),
        ("medium", ("easy", "hard"), ("junk",)),
        ("hard", ("hard",), ("junk", "easy")),
    ):
        expected, precisions = [], []
        for row, (ranking, lists) in enumerate(queries):
            right = {item for part in ok for item in lists[part]}
            out = {item for part in junk for item in lists[part]}
            if not right:
                assert math.isnan(found[name].ap_Q[row]) and np.isnan(found[name].precision_QK[row]).all()
                continue
            expected.append(plain_trapezoid(ranking, right, out))
            precisions.append([plain_precision(ranking, right, out, k) for k in (1, 3, 10)])
            assert found[name].ap_Q[row] == pytest.approx(expected[-1])
            assert found[name].precision_QK[row] == pytest.approx(precisions[-1])
        assert found[name].skipped == len(queries) - len(expected)
        scores = found[name].as_dict()
        assert same(scores["map"], np.mean(expected) if expected else math.nan)
        if expected:
            assert [scores[f"mp_at_{k}"] for k in (1, 3, 10)] == pytest.approx(np.mean(precisions, axis=0))


def test_names_iterators_objects_and_places_give_the_same():
    class Judged:
        easy, hard, junk = ["b"], ["d"], ["a"]

    by_name = revisited(iter([["a", "b", "c", "d"]]), [Judged()])
    by_place = revisited(np.array([[0, 1, 2, 3]], np.uint8), [{"easy": {1}, "hard": (3,), "junk": np.array([0])}])
    as_objects = revisited([np.array(["a", "b", "c", "d"], object)], [Judged()])
    for name in ("easy", "medium", "hard"):
        assert by_name[name].as_dict() == by_place[name].as_dict() == as_objects[name].as_dict()
    assert by_name["medium"].map == pytest.approx(ap_oxford([0, 2]))


def test_a_cut_ranking():
    """A positive that was not ranked counts as missed; precision at k is that of any ranking that goes on so."""
    truth = [{"positives": list(range(4)), "junk": []}]
    whole = [0, 9, 1, 8, 7, 2, 3]
    full, cut = oxford([whole], truth, ks=(1, 2, 3)), oxford([whole[:3]], truth, ks=(1, 2, 3))
    assert cut.precision_QK.tolist() == full.precision_QK.tolist()
    assert cut.map == pytest.approx(ap_oxford([0, 2], 4)) and cut.map < full.map
    assert oxford([[9]], truth, ks=(1, 5)).as_dict() == {
        "map": 0,
        "mp_at_1": 0,
        "mp_at_5": 0,
        "queries": 1,
        "skipped": 0,
    }
    assert oxford([[]], truth).map == 0


def test_all_queries_without_positives():
    found = oxford([[1, 2]], [{"positives": [], "junk": [1]}])
    assert found.skipped == 1 and math.isnan(found.map) and math.isnan(found.as_dict()["mp_at_5"])


def test_micro_ap_by_hand():
    # in order: right, wrong (a query that shows nothing), right; two of five queries got no prediction that counts
    assert micro_ap([0.2, 0.9, 0.5], [True, True, False], queries=5) == pytest.approx((1 + 2 / 3) / 5)
    assert micro_ap([], [], queries=5) == 0
    assert micro_ap([3, 2], [True, True], queries=2) == 1
    # equal confidence: in the order given
    assert micro_ap([0.5, 0.5], [True, False], 1) == 1 and micro_ap([0.5, 0.5], [False, True], 1) == 0.5


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, -1.0]), st.booleans()), max_size=30), st.integers(0, 5))
def test_micro_ap_equals_a_plain_loop(predictions, missed):
    m = sum(right for _, right in predictions) + missed or 1
    total, found = 0.0, 0
    order = sorted(range(len(predictions)), key=lambda i: (-predictions[i][0], i))
    for rank, i in enumerate(order, start=1):
        if predictions[i][1]:
            found += 1
            total += found / rank
    ours = micro_ap([score for score, _ in predictions], [right for _, right in predictions], m)
    assert ours == pytest.approx(total / m)


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 150), max_size=130), st.sets(st.integers(0, 150), max_size=140)),
        min_size=1,
        max_size=3,
    )
)
def test_gldv2_equals_a_plain_loop(queries):
    expected = []
    for ranking, positives in queries:
        total, found, seen = 0.0, 0, set()
        for rank, item in enumerate(ranking[:100], start=1):
            if item in positives and item not in seen:
                found += 1
                total += found / rank
            seen.add(item)
        expected.append(total / min(len(positives), 100) if positives else math.nan)
    rankings, positives = zip(*queries)
    assert gldv2_ap_at_100(rankings, positives) == pytest.approx(expected, nan_ok=True)
    known = [value for value in expected if not math.isnan(value)]
    assert same(gldv2_map_at_100(rankings, positives), np.mean(known) if known else math.nan)


def test_gldv2_by_hand():
    # 200 to be found, the first 100 all right: as good as can be
    assert gldv2_map_at_100([[str(i) for i in range(150)]], [{str(i) for i in range(200)}]) == 1
    # the second a is no second find, and keeps its rank
    assert gldv2_map_at_100([["a", "a", "b"]], [["a", "b"]]) == pytest.approx((1 + 2 / 3) / 2)


TRUTH = [{"positives": [1], "junk": [2]}]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ap_oxford([2, 1]), "^ranks: expected"),
        (lambda: ap_oxford([1, 1]), "^ranks: expected"),
        (lambda: ap_oxford([-1]), "^ranks: expected"),
        (lambda: ap_oxford([0.5]), "^ranks: expected"),
        (lambda: ap_oxford([0, 1], 1), "^positives: expected"),
        (lambda: oxford([], []), "^rankings: expected one for each query, at least one"),
        (lambda: oxford([[1], [2]], TRUTH), "^rankings: .* got 2 for 1 queries. A matrix has a row for each"),
        (lambda: oxford(iter([[1], [2]]), TRUTH), "^rankings: .* got more for 1"),
        (lambda: oxford(iter([]), TRUTH), "^rankings: .* got 0 for 1"),
        (lambda: oxford([[1, 3, 1]], TRUTH), "^rankings: .*an id twice"),
        (lambda: oxford([["1"]], TRUTH), "^rankings: expected ids of the same kind"),
        (lambda: oxford([[1.0]], TRUTH), "^rankings: expected a list of ids"),
        (lambda: oxford([[[1]]], TRUTH), "^rankings: expected a list of ids"),
        (lambda: oxford([[1]], TRUTH, ks=(0,)), "^ks: expected"),
        (lambda: oxford([[1]], [{"positives": [1]}]), "^ground_truth: .* without 'junk'"),
        (lambda: oxford([[1]], [{"positives": [1], "junk": [1]}]), "^ground_truth: .* 1 twice"),
        (lambda: revisited([[1]], TRUTH), "^ground_truth: .* without 'easy'"),
        (lambda: micro_ap([0.1, np.nan], [True, True], 2), "^confidence: expected"),
        (lambda: micro_ap([0.1, 0.2], [True], 2), "^correct: expected"),
        (lambda: micro_ap([0.1], [1], 2), "^correct: expected"),
        (lambda: micro_ap([0.1, 0.2], [True, True], 1), "^queries: .* one prediction for each query"),
        (lambda: micro_ap([], [], 0), "^queries: expected"),
        (lambda: gldv2_map_at_100([["a"]], []), "^rankings: expected"),
        (lambda: gldv2_map_at_100([], []), "^rankings: expected"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
