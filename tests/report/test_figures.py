"""Figures are read back from their SVG: what is drawn must be the numbers that were given."""

import re
from concurrent.futures import ThreadPoolExecutor

import matplotlib as mpl
import numpy as np
import pytest

from helpers.figures import SVG, parsed, texts
from regard.core.checks import InputError
from regard.metrics.intervals import Interval
from regard.report._style import PALETTE, WIDTH
from regard.report.figures import Curve, bars_with_intervals, label_efficiency, learning_curves


def paths(figure, style):
    """Points of every path whose style holds the text, in order."""
    found = [each for each in parsed(figure).iter(f"{SVG}path") if style in each.get("style", "")]
    return [np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", each.get("d")), float) for each in found]


def bars(percent=True, **more):
    rows = [
        ("random & poor", Interval(0.2, 0.15, 0.25, 5)),
        ("<b>ours</b>", Interval(0.8, 0.78, 0.82, 5)),
        ("one", 0.4),
    ]
    return bars_with_intervals(rows, 'three "arms"', percent=percent, **more)


def test_bars_are_as_long_as_their_values_and_whiskers_span_the_intervals():
    figure = bars()
    widths = [np.ptp(points[:, 0]) for points in paths(figure, f"fill: {PALETTE[0]}")]
    np.testing.assert_allclose(np.array(widths) / widths[0], [1, 4, 2], rtol=1e-3)
    unit = widths[0] / 0.2
    start = paths(figure, f"fill: {PALETTE[0]}")[0][:, 0].min()
    whiskers = [(points[:, 0] - start) / unit for points in paths(figure, "stroke-width: 1.6")]
    np.testing.assert_allclose(whiskers, [[0.15, 0.25], [0.78, 0.82]], atol=1e-3)
    assert {"20.0 %", "80.0 %", "40.0 %", "random & poor", "<b>ours</b>"} <= set(texts(figure))


def test_bars_emphasis_references_and_plain_numbers():
    figure = bars(percent=False, references={"chance": 0.1}, emphasis="one")
    assert len(paths(figure, f"fill: {PALETTE[0]}")) == 1
    assert {"0.2", "0.8", "0.4", "chance"} <= set(texts(figure))
    assert len(paths(figure, "stroke-dasharray")) == 1


def test_figures_are_told_to_those_who_cannot_see_them_and_escape_what_comes_in():
    root = parsed(bars())
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == 'three "arms"'
    assert "<b>" not in bars()
    assert root.get("viewBox").split()[2] == str(WIDTH)


@pytest.mark.parametrize("draw", [learning_curves, label_efficiency])
def test_curves_pass_through_their_points(draw):
    x, y = [1, 2, 4, 8], [0.2, 0.5, 0.6, 0.9]
    line = paths(draw([Curve("a", x, y)], "a curve"), f"fill: none; stroke: {PALETTE[0]}")[0]
    across = np.log2(x) if draw is label_efficiency else np.array(x)
    for drawn, meant in ((line[:, 0], across), (line[:, 1], -np.array(y))):
        relative = (drawn - drawn[0]) / (drawn[-1] - drawn[0])
        np.testing.assert_allclose(relative, (meant - meant[0]) / (meant[-1] - meant[0]), atol=1e-3)


def test_curves_draw_bands_only_where_there_are_intervals():
    x = [1, 2, 3]
    plain = Curve("plain", x, [0.1, 0.2, 0.3])
    sure = Curve("sure", x, [Interval(v, v - 0.05, v + 0.05, 3) for v in (0.4, 0.5, 0.6)])
    figure = learning_curves([plain, sure], "two", y="accuracy", percent=True, references={"chance": 0.25})
    assert {"plain", "sure", "chance", "accuracy", "step"} <= set(texts(figure))
    bands = [use.get("style") for use in parsed(figure).iter(f"{SVG}use") if "fill-opacity" in use.get("style", "")]
    assert len(bands) == 1 and PALETTE[1] in bands[0]


def test_names_at_the_ends_keep_apart_and_in_order():
    curves = [Curve(name, [1, 2, 3], [0, 1, end]) for name, end in (("low", 1.0), ("mid", 1.001), ("top", 1.002))]
    figure = parsed(learning_curves(curves, "three that end together"))
    place = {}
    for each in figure.iter(f"{SVG}text"):
        name = "".join(each.itertext()).strip()
        if name in ("low", "mid", "top"):
            found = each.get("y") or re.search(r"translate\([-\d.]+ ([-\d.]+)\)", each.get("transform"))[1]
            place[name] = float(found)
    assert place["low"] - place["mid"] > 12 and place["mid"] - place["top"] > 12


def test_label_counts_are_the_ticks():
    figure = label_efficiency([Curve("a", [1, 5, 20], [0.1, 0.2, 0.3]), Curve("b", [1, 2], [0.1, 0.2])], "arms")
    assert {"1", "2", "5", "20", "labels per class"} <= set(texts(figure))


def test_ids_of_two_figures_do_not_meet_and_references_hold():
    first, second = bars(), learning_curves([Curve("a", [1, 2], [1, 2])], "a")
    ids = [set(re.findall(r'id="([^"]+)"', figure)) for figure in (first, second)]
    assert ids[0] and ids[1] and not ids[0] & ids[1]
    for figure, known in zip((first, second), ids):
        assert set(re.findall(r'(?:url\(|href=")#([\w-]+)', figure)) == known


def test_the_same_numbers_give_the_same_bytes_and_settings_stay():
    before = dict(mpl.rcParams)
    alone = bars()
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: bars(), range(8))) == {alone}
    assert dict(mpl.rcParams) == before
    assert "http" not in re.sub(r'xmlns(:xlink)?="[^"]*"', "", alone)


def test_refusals_name_what_is_wrong():
    with pytest.raises(InputError, match="rows: expected at least one row"):
        bars_with_intervals([], "none")
    with pytest.raises(InputError, match="ours: expected finite numbers"):
        bars_with_intervals([("ours", float("nan"))], "nan")
    with pytest.raises(InputError, match="as many x as points"):
        Curve("a", [1, 2], [1])
    with pytest.raises(InputError, match="at least one curve"):
        learning_curves([], "none")
    with pytest.raises(InputError, match="labels of at least 1"):
        label_efficiency([Curve("a", [0, 1], [0.1, 0.2])], "zero")
