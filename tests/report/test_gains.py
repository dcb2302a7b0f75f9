import re

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.metrics.contrast import Difference
from regard.metrics.intervals import Interval
from regard.report.gains import Gain, gain_table


def gain(mean, low, high, **more):
    return Gain("step", 0.5, 0.5 + mean, Difference(mean, low, high, 50), **more)


@pytest.mark.parametrize(
    ("mean", "low", "high", "larger", "verdict"),
    [
        (0.1, 0.05, 0.15, True, "gain"),
        (0.1, -0.01, 0.21, True, "no gain"),
        (0.1, 0.0, 0.2, True, "no gain"),  # an interval that touches 0 includes it
        (0.0, 0.0, 0.0, True, "no gain"),
        (-0.1, -0.15, -0.05, True, "loss"),
        (-0.1, -0.15, -0.05, False, "gain"),
        (0.1, 0.05, 0.15, False, "loss"),
        (-0.1, -0.2, 0.1, False, "no gain"),
    ],
)
def test_verdict_follows_the_interval(mean, low, high, larger, verdict):
    assert gain(mean, low, high, larger_is_better=larger).verdict == verdict


def test_differences_are_told_in_points_or_as_they_are():
    assert gain(-0.0123, -0.02, 0.001).told == "−1.2 [−2.0, +0.1]"
    assert gain(-0.0123, -0.02, 0.001, percent=False).told == "−0.0123 [−0.02, +0.001]"


def test_what_is_not_known_is_said():
    lone = Gain("step", 0.5, 0.6, Difference(0.1, -np.inf, np.inf, 50, 1))
    assert (lone.verdict, lone.told) == ("too few to say", "+10.0 [too few to say]")
    assert "? too few to say" in re.sub("<[^>]+>", "", str(gain_table([lone])))


def test_table_has_a_header_for_every_cell_and_escapes():
    rows = [
        Gain("<b>a</b>", Interval(0.6, 0.5, 0.7, 3), 0.8, Difference(0.2, 0.1, 0.3, 30), 1500, 75.0, 1234.5),
        gain(-0.1, -0.2, -0.05, seconds=0.42),
    ]
    table = gain_table(rows)
    assert "<b>" not in table and "&lt;b&gt;a&lt;/b&gt;" in table
    head = re.findall(r'<th scope="col"[^>]*>([^<]*)<', table)
    assert head == ["what", "baseline", "with", "gain", "verdict", "labels", "time", "memory"]
    first, second = re.findall(r"<tr><th scope=\"row\">.*?</tr>", table)
    cells = [re.sub("<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", first)]
    assert cells == ["60.0 %", "80.0 %", "+20.0 [+10.0, +30.0]", "▲ gain", "1,500", "1:15 min", "1,234 MiB"]
    cells = [re.sub("<[^>]+>", "", cell).strip() for cell in re.findall(r"<td.*?</td>", second)]
    assert cells == ["50.0 %", "40.0 %", "−10.0 [−20.0, −5.0]", "▼ loss", "–", "0.4 s", "–"]
    with pytest.raises(InputError, match="gains"):
        gain_table([])
