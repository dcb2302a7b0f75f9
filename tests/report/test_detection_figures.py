"""Curves, bars and shades are those of the numbers that were given."""

import re

import numpy as np
import pytest

from helpers.figures import SVG, parsed, texts
from regard.core.checks import InputError
from regard.metrics.score_calibration import Bin
from regard.report._style import INK, PALETTE
from regard.report.detection_figures import precision_recall, reliability_figure
from regard.report.heat import MOST_SHADE, bar, heat_table


def lines(figure, colour):
    found = [each for each in parsed(figure).iter(f"{SVG}path") if colour in each.get("style", "")]
    return [np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", each.get("d")), float) for each in found]


def test_curves_pass_through_their_points_and_are_named_with_their_means():
    recalls = np.linspace(0, 1, 101)
    first, second = np.where(recalls <= 0.5, 0.8, 0.2), np.linspace(1, 0, 101)
    figure = precision_recall([("all", first), ("_<b>", second)], recalls, "curves")
    bold, thin = (max(lines(figure, colour), key=len) for colour in (INK, PALETTE[0]))
    left, top = thin[0]
    right, bottom = thin[-1]  # from precision 1 at recall 0 to 0 at 1
    heights = (bottom - bold[:, 1]) / (bottom - top)
    assert heights[0] == pytest.approx(0.8, abs=0.01) and heights[-1] == pytest.approx(0.2, abs=0.01)
    falls = (bold[np.argmax(heights < 0.5), 0] - left) / (right - left)
    assert falls == pytest.approx(0.51, abs=0.01)  # a step: the precision holds up to its recall
    assert {f"all {first.mean():.2f}", f"_<b> {second.mean():.2f}"} <= set(texts(figure)) and "<b>" not in figure
    many = precision_recall([(f"class {at}", second) for at in range(8)], recalls, "curves")
    dashes = re.findall(r"stroke-dasharray: [^;\"]+", str(many))
    assert len(set(dashes)) == 6  # no two look alike without colours


def test_bars_are_as_high_as_shares_and_tell_their_counts():
    figure = reliability_figure([Bin(0.1, 0.2, 7, 0.15, 0.25), Bin(0.8, 0.9, 31, 0.85, 1.0)], "bars")
    high = [np.ptp(points[:, 1]) for points in lines(figure, f"fill: {PALETTE[0]}")]
    assert high[1] / high[0] == pytest.approx(4, rel=1e-3) and {"7", "31"} <= set(texts(figure))


def test_cells_are_shaded_by_their_share_of_the_row():
    table = np.array([[3, 1, 0], [0, 0, 0], [1, 999, 0]])
    html = heat_table(["<b>", "dog", "nothing"], table, "who", corner="there")
    cells = re.findall(r"<td( class=\"same\")?(?: style=\"--shade: (\d+)%\")?>(\d*)</td>", html)
    assert [count for _, _, count in cells] == ["3", "1", "", "", "", "", "1", "999", ""]
    assert [shade for _, shade, count in cells if count] == [str(round(MOST_SHADE * s)) for s in (0.75, 0.25, 0, 0.999)]
    assert [at for at, (same, _, _) in enumerate(cells) if same] == [0, 4, 8]
    assert html.count('scope="row"') == html.count('scope="col"') == 3 and "<b>" not in html
    shares = re.findall(r">([^<>]*)</td>", heat_table(["a", "b", "c"], table, "who", shares=True))[1:]
    assert shares == ["75", "25", "", "", "", "", "&lt;1", "100", ""]
    assert 'style="width: 100%"' in bar(7.0, "x") and 'style="width: 0%"' in bar(-1.0, "x")


def test_what_cannot_be_drawn_is_named():
    recalls = np.linspace(0, 1, 3)
    with pytest.raises(InputError, match="curves: expected 1 to 8 curves"):
        precision_recall([], recalls, "none")
    with pytest.raises(InputError, match="cat: expected a precision at each of the 3 recalls"):
        precision_recall([("cat", np.array([1, np.nan, 0]))], recalls, "none")
    with pytest.raises(InputError, match="bins"):
        reliability_figure([], "none")
    with pytest.raises(InputError, match="counts: expected"):
        heat_table(["a"], np.zeros((2, 2)), "none")
