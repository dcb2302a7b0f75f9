import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.core.checks import InputError
from regard.metrics.continual import (
    backward_transfer,
    final_accuracy,
    forgetting,
    forgetting_from_best,
    forgetting_from_first,
    forward_transfer,
    incremental_average,
    intransigence,
    over_time,
    summary,
)

NAN = float("nan")
# worked by hand: task 1 falls from .9 to .5 by way of .7, task 2 rises from .6 to .7, task 3 is new at the end; before
# it was learned, task 2 stood at .8 (a learner that came with it)
A = [[0.9, 0.8, 0.2], [0.7, 0.6, 0.3], [0.5, 0.7, 0.4]]
ALL = {
    "final_accuracy": 1.6 / 3,
    "incremental_average": (0.9 + 1.3 / 2 + 1.6 / 3) / 3,
    "forgetting": ((0.9 - 0.5) + (0.8 - 0.7)) / 2,
    "forgetting_from_best": ((0.9 - 0.5) + (0.7 - 0.7)) / 2,
    "forgetting_from_first": ((0.9 - 0.5) + (0.6 - 0.7)) / 2,
    "backward_transfer": ((0.5 - 0.9) + (0.7 - 0.6)) / 2,
    "forward_transfer": ((0.8 - 0.1) + (0.3 - 0.2)) / 2,
    "intransigence": ((0.95 - 0.9) + (0.9 - 0.6) + (0.4 - 0.4)) / 3,
}
EXTRA = {"baseline": [0.3, 0.1, 0.2], "joint": [0.95, 0.9, 0.4]}


def test_a_matrix_worked_by_hand():
    found = summary(A, **EXTRA)
    assert found == pytest.approx(ALL)
    assert summary(A).keys() == ALL.keys() - {"forward_transfer", "intransigence"}


def test_an_end_better_than_anything_before_is_negative_forgetting_for_one_definition():
    better = [[0.5, NAN], [0.8, 0.9]]
    assert forgetting(better) == pytest.approx(-0.3)
    assert forgetting_from_best(better) == 0
    assert forgetting_from_first(better) == pytest.approx(-0.3)


def test_one_task_cannot_be_forgotten():
    found = summary([[0.7]], baseline=[0.1], joint=[0.9])
    assert found["final_accuracy"] == found["incremental_average"] == 0.7
    assert found["intransigence"] == pytest.approx(0.2)
    for name in ("forgetting", "forgetting_from_best", "forgetting_from_first", "backward_transfer"):
        assert math.isnan(found[name]), name
    assert math.isnan(found["forward_transfer"])


def test_a_stream_under_way_counts_what_it_has_learned():
    whole = np.array(A)
    under_way = np.vstack([whole[:2], np.full(3, NAN)])
    assert summary(under_way, **EXTRA) == pytest.approx(summary(whole[:2], **EXTRA))
    assert final_accuracy(under_way) == pytest.approx(0.65) and forgetting(under_way) == pytest.approx(0.2)


def test_a_task_that_is_never_measured_is_left_out_and_a_needed_gap_is_told():
    never = [[0.9, NAN, 0.2], [0.7, NAN, 0.3], [0.5, NAN, 0.4]]
    assert final_accuracy(never) == pytest.approx(0.45)
    assert forgetting(never) == pytest.approx(0.4) and backward_transfer(never) == pytest.approx(-0.4)
    gap = np.array(A)
    gap[2, 1] = NAN  # at the end, task 2
    assert math.isnan(final_accuracy(gap)) and math.isnan(forgetting(gap)) and math.isnan(backward_transfer(gap))
    below = np.where(np.tril(np.ones((3, 3))) > 0, A, NAN)
    assert math.isnan(forward_transfer(below, [0.1] * 3)), "above the diagonal nothing was measured"
    assert forgetting(below) == pytest.approx(((0.9 - 0.5) + (0.6 - 0.7)) / 2)


def test_chunks_have_more_rows_than_tasks():
    chunks = [[0.4, 0.0], [0.9, 0.1], [0.8, 0.3], [0.6, 0.7]]  # two for each task
    learned = [1, 3]
    assert final_accuracy(chunks, learned) == pytest.approx(0.65)
    assert incremental_average(chunks, learned) == pytest.approx((0.9 + 0.65) / 2)
    assert backward_transfer(chunks, learned) == pytest.approx(-0.3)
    assert forgetting(chunks, learned) == pytest.approx(0.3)
    assert forward_transfer(chunks, [0, 0.05], learned) == pytest.approx(0.05), "after the last chunk of task 1"
    assert intransigence(chunks, [0.9, 0.9], learned) == pytest.approx(0.1)
    with pytest.raises(InputError, match="^learned: expected the row after which each is learned, got nothing, with 4"):
        final_accuracy(chunks)


def test_over_time_is_the_measure_of_the_matrix_as_it_was_then():
    curve = over_time(forgetting, A)
    assert math.isnan(curve[0]) and curve[1:] == pytest.approx([forgetting(A[:2]), forgetting(A)])
    assert over_time(final_accuracy, A) == pytest.approx([0.9, 0.65, 1.6 / 3])
    assert over_time(partial(final_accuracy, weights=[1, 2, 3]), A)[-1] == pytest.approx((0.5 + 1.4 + 1.2) / 6)
    assert math.isnan(over_time(final_accuracy, [A[0], [NAN] * 3, A[2]])[1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: final_accuracy([0.1, 0.2]), r"^A: expected a matrix .*, got shape \(2,\)"),
        (lambda: final_accuracy([[np.inf]]), "^A: .* got infinity"),
        (lambda: final_accuracy([[NAN]]), "^A: .* got NaN in each cell"),
        (lambda: final_accuracy(A, [0, 1]), r"^learned: expected \(3,\) whole numbers"),
        (lambda: final_accuracy(A, [0, 1, -1]), "^learned: "),
        (lambda: final_accuracy(A, weights=[1, 0, 1]), "^weights: expected numbers above 0"),
        (lambda: forward_transfer(A, [0.1]), r"^baseline: expected \(3,\) scores, one for each task, got shape \(1,\)"),
        (lambda: intransigence(A, [0.1, 0.2]), "^joint: "),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


scores = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.lists(st.floats(0, 1, width=32), min_size=n, max_size=n), min_size=n, max_size=n)
)


@given(scores)
def test_the_definitions_stand_to_one_another_as_they_must(rows):
    matrix = np.array(rows)
    n = len(matrix)
    first, best, whole = forgetting_from_first(matrix), forgetting_from_best(matrix), forgetting(matrix)
    if n == 1:
        assert all(map(math.isnan, (first, best, whole)))
        return
    assert first == pytest.approx(-backward_transfer(matrix), abs=1e-12)
    assert best >= -1e-12 and best >= first - 1e-12 and whole >= first - 1e-12
    # measured from each task's learning on, what is above the diagonal decides nothing but Chaudhry's maximum
    below = np.where(np.tril(np.ones((n, n))) > 0, matrix, NAN)
    assert forgetting_from_best(below) == pytest.approx(best) and forgetting_from_first(below) == pytest.approx(first)
    assert first - 1e-12 <= forgetting(below) <= forgetting_from_best(below) + 1e-12
    assert final_accuracy(below) == pytest.approx(final_accuracy(matrix))
    # a scale and an offset of the scores are a scale and an offset of the results
    moved = summary(2 * matrix + 1)
    for name, value in summary(matrix).items():
        offset = 1 if name in ("final_accuracy", "incremental_average") else 0
        assert moved[name] == pytest.approx(2 * value + offset, abs=1e-9), name


@given(scores)
def test_equal_to_plain_loops(rows):
    n = len(rows)
    plain = [rows[n - 1][j] for j in range(n)]
    assert final_accuracy(rows) == pytest.approx(sum(plain) / n)
    averages = [sum(rows[t][j] for j in range(t + 1)) / (t + 1) for t in range(n)]
    assert incremental_average(rows) == pytest.approx(sum(averages) / n)
    if n > 1:
        lost = [max(rows[t][j] for t in range(n - 1)) - rows[n - 1][j] for j in range(n - 1)]
        assert forgetting(rows) == pytest.approx(sum(lost) / (n - 1), abs=1e-12)
        since = [max(rows[t][j] for t in range(j, n)) - rows[n - 1][j] for j in range(n - 1)]
        assert forgetting_from_best(rows) == pytest.approx(sum(since) / (n - 1), abs=1e-12)
        ahead = [rows[j - 1][j] - 0.5 for j in range(1, n)]
        assert forward_transfer(rows, [0.5] * n) == pytest.approx(sum(ahead) / (n - 1), abs=1e-12)
