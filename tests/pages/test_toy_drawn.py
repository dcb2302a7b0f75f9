"""One picture of the toy: regions, lines and marks lie where they should."""

import re

import numpy as np
import pytest
from markupsafe import Markup

from regard.pages.toy_drawn import COLOURS, SIDE, boundary, regions, toy_drawn, toy_legend


def rings(path: str) -> list[np.ndarray]:
    return [
        np.array([[float(one) for one in pair.split(" ")] for pair in part.strip("Z").split("L")])
        for part in path.split("M")
        if part
    ]


def area(path: str) -> float:
    """Of polygons by even and odd: holes lie within, and count the other way."""
    found = [abs(np.dot(p[:, 0], np.roll(p[:, 1], 1)) - np.dot(p[:, 1], np.roll(p[:, 0], 1))) / 2 for p in rings(path)]
    return 2 * max(found, default=0.0) - sum(found) if len(found) > 1 else sum(found)


def test_regions_and_boundary_of_a_half_plane():
    grid = np.tile(np.linspace(0, 1, 41), (41, 1))  # blue to the right
    red, blue = regions(grid)
    assert rings(red)[0][:, 0].max() == rings(blue)[0][:, 0].min() == SIDE / 2
    assert len(rings(red)[0]) == 4, "corners on a straight line are left out"
    (line,) = rings(boundary(grid))
    assert set(line[:, 0]) == {SIDE / 2} and sorted(line[:, 1]) == [0, SIDE]
    red, blue = regions(grid.T)  # blue above, and down is the second direction of a picture
    assert rings(blue)[0][:, 1].max() == SIDE / 2


def test_an_island_is_a_hole_in_the_other_region():
    x, y = np.meshgrid(*[np.linspace(-1, 1, 81)] * 2)
    grid = 1 / (1 + np.exp(8 * (np.hypot(x, y) - 0.5)))
    red, blue = regions(grid)
    disc = np.pi * (SIDE / 4) ** 2
    assert area(blue) == pytest.approx(disc, rel=0.01)
    assert area(red) == pytest.approx(SIDE**2 - disc, rel=0.01)


def test_one_answer_everywhere_has_one_region_and_no_boundary():
    assert regions(np.ones((5, 5)))[0] == "" and area(regions(np.ones((5, 5)))[1]) == SIDE**2
    assert boundary(np.ones((5, 5))) == ""


def test_marks_differ_by_class_and_domain_and_lie_in_place():
    source = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]]), np.array([0, 1, 1])
    target = np.array([[0.25, 0.75], [1.0, 0.0]]), np.array([0, 1])
    drawn = toy_drawn("a < b", (0, 1, 0, 1), source, target, np.zeros((4, 4)), known=[0])
    assert isinstance(drawn, Markup) and "<title>a &lt; b</title>" in drawn
    hollow = re.findall(r'<path d="([^"]*)" style="fill: none; stroke: (#\w+)', drawn)
    filled = re.findall(r'<path d="([^"]*)" style="fill: (#\w+); fill-opacity: .85', drawn)
    assert [colour for _, colour in hollow] == [colour for _, colour in filled] == list(COLOURS)
    for (circles, _), (triangles, _), counts in ((*hollow, (1, 1)), (*filled, (1, 2))):
        assert (circles.count("a") // 2, triangles.count("l")) == counts
    start = re.match(r"M([\d.]+) ([\d.]+)a([\d.]+)", hollow[0][0])
    x, y, r = map(float, start.groups())
    assert (x + r, y) == pytest.approx((SIDE / 4, SIDE / 4), abs=0.2)
    assert drawn.count("stroke: var(--ink)") == 1  # the ring, and no line before


def test_weights_are_areas():
    source = np.array([[0.2, 0.5], [0.8, 0.5]]), np.array([0, 0])
    none = np.zeros((0, 2)), np.zeros(0, int)
    drawn = toy_drawn("weights", (0, 1, 0, 1), source, none, np.zeros((4, 4)), weights=np.array([0.4, 1.6]))
    small, large = map(float, re.findall(r"a([\d.]+) [\d.]+ 0 1 0 [\d.]+ 0a", drawn))
    assert (large / small) ** 2 == pytest.approx(4, rel=0.1)


def test_the_legend_tells_all_marks():
    assert toy_legend().count("<li>") == 5
