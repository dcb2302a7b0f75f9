import numpy as np
import pytest

from helpers.figures import SVG, parsed, texts
from regard.core.checks import InputError
from regard.report.maps import map_before_after


def test_points_keep_their_places():
    plane = np.array([[0.0, 0.0], [1.0, 2.0], [4.0, 1.0], [3.0, 3.0]])
    figure = map_before_after(plane, plane[::-1], list("abab"), alt="four points")
    drawn = [use for use in parsed(figure).iter(f"{SVG}use") if "fill-opacity" in use.get("style", "")]
    places = np.array([[float(use.get("x")), -float(use.get("y"))] for use in drawn])
    for panel in (places[:4], places[4:]):
        scaled = (panel - panel.min(axis=0)) / np.ptp(panel, axis=0)
        meant = plane / plane.max(axis=0)
        np.testing.assert_allclose(scaled[np.lexsort(scaled.T)], meant[np.lexsort(meant.T)], atol=1e-3)


def test_map_shows_every_point_in_each_panel():
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
    domain, label = np.repeat(["ink", "font"], 30), np.tile(["0", "1", "2"], 20)
    for labels, panels in ((None, 2), (label, 4)):
        figure = map_before_after(before, after, domain, labels, alt="a map", titles=("then", "now"))
        points = [use for use in parsed(figure).iter(f"{SVG}use") if "fill-opacity" in use.get("style", "")]
        assert len(points) == 60 * panels
        assert {"then", "now", "ink", "font"} <= set(texts(figure))
        assert texts(figure).count("1") == (0 if labels is None else 4)  # at its middle, per domain and panel


def test_map_of_many_points_is_drawn_as_pixels_and_names_the_largest_classes():
    rng = np.random.default_rng(0)
    label = np.array([f"class {at}" for at in np.minimum(rng.integers(0, 40, 2000), 25)])
    plane = rng.normal(size=(2000, 2))
    figure = map_before_after(plane, plane, np.full(2000, "one"), label, alt="many")
    assert len(list(parsed(figure).iter(f"{SVG}image"))) == 4
    named = {text for text in texts(figure) if text.startswith("class")}
    assert len(named) == 10 and "class 25" in named  # 25 is the largest
    assert len(figure) < 1_500_000


def test_refusals_name_what_is_wrong():
    with pytest.raises(InputError, match="after_xy: expected 4 rows"):
        map_before_after(np.zeros((4, 2)), np.zeros((3, 2)), ["a"] * 4, alt="")
    with pytest.raises(InputError, match="before_xy"):
        map_before_after(np.zeros((4, 3)), np.zeros((4, 2)), ["a"] * 4, alt="")
    with pytest.raises(InputError, match="domain"):
        map_before_after(np.zeros((4, 2)), np.zeros((4, 2)), ["a"] * 3, alt="")
