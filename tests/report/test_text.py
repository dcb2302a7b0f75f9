"""A text from outside stands in a figure as it is: no formula, no word left out, no warning of a font."""

import ast
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image

import regard
from helpers.figures import texts
from regard.core.plots import drawing, written
from regard.core.shown import HIDDEN
from regard.learning.preview import save_preview
from regard.metrics.intervals import Interval
from regard.report.figures import Curve, bars_with_intervals, label_efficiency, learning_curves
from regard.report.maps import map_before_after

NAMES = [
    "$x_{$", r"a $\frac$ b", "$$", "$a$ and $b$", r"\alpha_1^2", r"\$5", "_hidden", "__", "a_b^c{d}", "%s {} {0}",
    "犬 猫", "قطة", "😀", "<b>&amp;", "[red]", "**bold** `code`", "\x1b[31m\u202e\x00\udc80", "a\nb\tc", "x" * 300,
    "W" * 300,
]  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def on_bars(names):
    return [bars_with_intervals([(name, 0.3) for name in names], "bars", references={names[0]: 0.2})]


def on_curves(names):
    curves = [Curve(name, [1, 2], [1, Interval(2, 1, 3, 5)]) for name in names]
    return [learning_curves(curves, "curves", x=names[0], y=names[1], references={names[2]: 1.5})]


def on_label_counts(names):
    curves = [Curve(name, [1, 2], [0.1, 0.2]) for name in names]
    return [label_efficiency(curves, "counts", x=names[3], y=names[4], references={names[5]: 0.15})]


def on_maps(names):
    """As classes, ten at most in a map, and as domains, seven at most."""
    drawn = []
    for at in range(0, len(names), 7):
        some = names[at : at + 7]
        plane = np.random.default_rng(0).normal(size=(len(some), 2))
        labels = np.array(some, dtype=object)
        drawn.append(map_before_after(plane, plane, labels, labels, alt="map", titles=(some[0], some[-1])))
    return drawn


@pytest.mark.parametrize(
    "settings", [{}, {"text.usetex": True, "axes.formatter.use_mathtext": True}], ids=["", "usetex"]
)
@pytest.mark.parametrize("draw, extra", [(on_bars, 1), (on_curves, 3), (on_label_counts, 3), (on_maps, 2 * len(NAMES))])
def test_names_stand_as_they_are(draw, extra, settings):
    with mpl.rc_context(settings):  # what a user's own matplotlibrc may say
        figures = draw(NAMES)
    seen = [text for figure in figures for text in texts(figure)]
    names = [written(name, 16) if draw is on_maps else written(name) for name in NAMES]
    assert not set(names) - set(seen)
    drawn = [text for text in seen if text in names]
    # in a map each class stands in two panels and in the legend, and two titles above them
    assert len(drawn) == len(NAMES) + extra + (2 * len(figures) if draw is on_maps else 0)
    for figure in figures:
        assert not HIDDEN.search(str(figure).replace("\n", "")) and str(figure).encode("utf-8")


def test_a_description_is_escaped_too():
    assert "<title>a\\u202e&lt;b&gt;</title>" in bars_with_intervals([("a", 1)], "a\u202e<b>")


def test_captions_of_a_preview(tmp_path):
    class Puzzle:
        def preview(self, images, *_):
            return [(name, np.zeros((8, 8, 3))) for name in NAMES]

    save_preview(tmp_path / "preview.png", Puzzle(), torch.zeros(1, 3, 8, 8), 0)
    with Image.open(tmp_path / "preview.png") as drawn:
        assert drawn.size[0] > 100


def test_settings_of_others_stay():
    before = dict(mpl.rcParams)
    with drawing({"font.size": 3}):
        assert mpl.rcParams["font.size"] == 3 and mpl.rcParams["text.parse_math"] is False
    assert dict(mpl.rcParams) == before


def test_no_other_file_draws():
    """Whoever makes a figure does it inside `drawing`."""
    root = Path(regard.__file__).parent
    for path in root.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        made = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and ast.unparse(n.func) == "Figure"]
        assert not made or "with drawing(" in source, path
        assert "pyplot" not in source, path
