"""What arms reached against minutes: a point and a name each, hollow where minutes are missing."""

import pytest

from regard.core.checks import InputError
from regard.metrics.intervals import Interval
from regard.report._style import PALETTE
from regard.report.minutes_drawn import Spent, against_minutes

POINTS = [
    Spent("simclr", 3.0, Interval(0.9, 0.85, 0.95, 5), True),
    Spent("imagenet", 0.001, Interval(0.8, 0.7, 0.9, 5), False),
]


def test_every_arm_has_a_point_and_its_name():
    svg = str(against_minutes(POINTS, "accuracy against minutes"))
    assert "simclr" in svg and "imagenet" in svg and "minutes" in svg and "accuracy against minutes" in svg
    for colour in PALETTE[:2]:
        assert colour in svg
    # one marker is filled with its colour, the other with the paper's
    assert svg.count(f"fill: {PALETTE[0]}") > 0 and f"fill: {PALETTE[1]}; stroke" not in svg


def test_nothing_to_draw_is_an_error():
    with pytest.raises(InputError, match="points: expected at least one"):
        against_minutes([], "nothing")
