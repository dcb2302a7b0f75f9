"""Who owes whom: the outcome by its interval, and the task that stands for all."""

import json

import numpy as np
import pytest

from helpers.bets import LEVELS, cells, drawn_bet
from regard.core.storage import plain
from regard.metrics.contrast import Difference
from regard.studies.bet_cells import Cell
from regard.studies.bet_found import chosen_of, outcome, owes
from regard.studies.bet_history import LABELS, METHODS, OF_THE_BET, SECOND, SOURCE, published

INF = float("inf")
LABELS_HELP = Difference(0.2, 0.1, 0.3, 60, 3)


@pytest.mark.parametrize(
    "ends, draws, told",
    [
        ((-0.02, 0.04), 3, "matched"),
        ((-0.02, -0.01), 3, "matched"),  # surely a little below, but by less than the margin
        ((0.01, 0.2), 2, "matched"),  # a gain is one, from two seeds too
        ((-0.02, 0.04), 2, "too few to say"),
        ((-0.04, 0.04), 3, "too few to say"),
        ((-0.2, -0.04), 3, "not matched"),
        ((-0.2, -0.04), 2, "not matched"),
        ((-INF, INF), 3, "too few to say"),
        ((0.01, 0.2), 1, "too few to say"),
    ],
)
def test_the_outcome_follows_the_interval(ends, draws, told) -> None:
    assert (
        outcome(Difference(sum(ends) / 2 if np.isfinite(ends[0]) else 0.0, *ends, 60, draws), LABELS_HELP, 0.03) == told
    )


def test_few_pictures_tell_nothing() -> None:
    assert outcome(Difference(0.1, 0.05, 0.15, 4, 3), LABELS_HELP, 0.03) == "too few to say"


def test_where_labels_gain_nothing_no_match_is_called_but_a_gain_is() -> None:
    nothing = Difference(0.001, -0.01, 0.012, 60, 3)
    assert outcome(Difference(0.0, -0.01, 0.01, 60, 3), nothing, 0.03) == "too few to say"
    assert outcome(Difference(0.1, 0.05, 0.15, 60, 3), nothing, 0.03) == "matched"
    flat = drawn_bet(dict.fromkeys(LEVELS, 0.02))
    assert flat.outcome("faster_rcnn") == "too few to say" and "a match proves nothing" in flat.sentence("faster_rcnn")


def test_the_loser_pays() -> None:
    assert owes("matched").startswith("Malik owes Efros one gelato") and "vanilla" in owes("matched")
    assert owes("not matched").startswith("Efros owes Malik")
    assert owes("too few to say").startswith("Nobody owes anybody")


def test_the_task_is_chosen_by_what_was_left_out_of_train_not_by_the_test_pictures() -> None:
    # rotation is far better on the test pictures; context was told to be better by the short runs
    by_arm = cells({**LEVELS, "rotation": 0.9, "context": 0.2})
    chosen, means = chosen_of(("rotation", "context"), by_arm)
    assert chosen == "context" and means == {"rotation": pytest.approx(0.2), "context": pytest.approx(0.3)}


def test_equal_ones_are_told_apart_by_the_loss_and_where_nothing_was_tried_the_first_stands() -> None:
    def one(judged, loss):
        return Cell(("a",), {"ap50": np.zeros(1), "voc07": np.zeros(1)}, 1e-3, judged, loss, 1.0)

    assert chosen_of(("a", "b"), {"a": [one(0.0, 2.0)], "b": [one(0.0, 1.0)]})[0] == "b"
    assert chosen_of(("a", "b"), {"a": [one(None, None)], "b": [one(None, None)]}) == ("a", {})


def test_a_bet_says_itself_in_words_and_numbers() -> None:
    won, lost = drawn_bet(), drawn_bet({**LEVELS, "context": 0.35})
    assert won.chosen == {"faster_rcnn": "context"} and won.outcome("faster_rcnn") == "matched"
    assert won.gelato == "Malik owes Efros one gelato: one chocolate, one vanilla."
    assert lost.outcome("faster_rcnn") == "not matched" and lost.gelato.startswith("Efros owes Malik")
    assert lost.sentence("faster_rcnn").startswith(
        "Faster R-CNN, fine-tuned: context did not match pretraining with labels: -"
    )
    told = lost.metrics
    assert told["faster_rcnn_matched"] == 0 and told["faster_rcnn_context_ap50"] == pytest.approx(0.35, abs=0.04)
    low, mean, high = (told[f"faster_rcnn_context_ap50_over_supervised{end}"] for end in ("_low", "", "_high"))
    assert low < mean < high < 0 and mean == pytest.approx(-0.15, abs=0.03)
    assert told["faster_rcnn_rotation_voc07_gain_low"] > 0
    names = {one["name"] for one in lost.differences()}
    assert {"faster_rcnn_supervised_ap50_gain", "faster_rcnn_rotation_ap50_over_supervised"} <= names
    assert json.dumps(plain(lost.as_dict()), allow_nan=False)


def test_two_of_the_same_are_no_match_without_enough_seeds() -> None:
    few = drawn_bet(seeds=2)
    assert few.outcome("faster_rcnn") == "matched" or few.metrics["faster_rcnn_matched"] is None
    one = drawn_bet(seeds=1)
    assert one.outcome("faster_rcnn") == "too few to say" and one.metrics["faster_rcnn_context_ap50_low"] is None


def test_the_published_history_is_as_the_bet_ended() -> None:
    assert [row.ap for row in OF_THE_BET] == [54.2, 51.1] and LABELS.ap == 56.8
    checked = [row for row in METHODS if row.checked in (SOURCE, SECOND)]
    assert max(row.ap for row in checked) == 54.4 and all(row.ap < LABELS.ap for row in METHODS)
    assert len({(row.method, row.protocol, row.year) for row in published()}) == len(published())
