"""Figures of parts: each says its numbers, also where one cannot be told or is below zero."""

import pytest

from regard.core.checks import InputError
from regard.metrics.intervals import Interval, unknown
from regard.report.decomposed import Placed, Sized, Step, by_place, by_size, stair

SOME = Interval(0.05, 0.03, 0.08, 100)


def test_a_stair_says_each_part() -> None:
    steps = [Step("rest", 0, SOME), Step("lack", 0.05, None), Step("harm", 0.05, Interval(-0.01, -0.02, 0.0, 100))]
    made = stair(steps, Interval(0.04, 0.02, 0.06, 100), "three parts", cannot="cannot be told")
    for text in ("rest", "lack", "harm", "cannot be told", "5.0", "-1.0", "4.0", "three parts"):
        assert text.replace("-", "−") in made or text in made
    assert "total" in stair([Step("total", 0, SOME)], unknown(0.05, 1), "total", cannot="?")
    with pytest.raises(InputError, match="steps"):
        stair([], SOME, "", cannot="?")


def test_sizes_end_with_endless_ones() -> None:
    measured = [(400, SOME), (200, Interval(0.07, 0.05, 0.09, 100)), (100, unknown(0.1, 3))]
    made = by_size([Sized("a", measured, measured[:2], SOME), Sized("b <c>", measured)], "x", x="images", y="error")
    for text in ("∞", ">400<", ">100<", ">a<", "b &lt;c&gt;", "images"):
        assert text in made
    with pytest.raises(InputError, match="curves"):
        by_size([], "", x="", y="")


def test_places_may_lack_a_point() -> None:
    made = by_place([Placed("all", [SOME, SOME]), Placed("endless", [None, SOME])], ["2", "4"], 0, "x", x="c", y="e")
    assert ">all<" in made and ">endless<" in made and ">4<" in made
    with pytest.raises(InputError, match="2, one for each place"):
        by_place([Placed("all", [SOME])], ["2", "4"], 0, "x", x="c", y="e")
