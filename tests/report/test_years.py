"""Years beside one's own arms: every name is drawn, and nothing is drawn from nothing."""

import pytest

from regard.core.checks import InputError
from regard.metrics.intervals import Interval, unknown
from regard.report.years import Past, years_beside

PAST = [Past(2015, 0.466, True), Past(2016, 0.532, True, "jigsaw"), Past(2018, 0.554, False)]


def test_it_shows_years_references_and_arms() -> None:
    here = [("random", Interval(0.4, 0.35, 0.45, 60)), ("rotation", unknown(0.6, 3))]
    svg = str(years_beside(PAST, here, "the bet", references={"ImageNet labels": 0.568}, emphasis=("rotation",)))
    for text in ("2015", "2016", "2017", "2018", "jigsaw", "ImageNet labels", "random", "rotation", "the bet"):
        assert text in svg
    assert "nan" not in svg.lower().split("<text")[0]


@pytest.mark.parametrize("past, here", [([], [("random", unknown(0.4, 3))]), (PAST, [])])
def test_nothing_is_not_drawn(past, here) -> None:
    with pytest.raises(InputError, match="at least one"):
        years_beside(past, here, "the bet")
