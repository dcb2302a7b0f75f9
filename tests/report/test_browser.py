"""The report as a browser shows it: nothing fetched, no message in the console, something to see."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.metrics.contrast import Difference
from regard.metrics.intervals import Interval
from regard.report.figures import Curve, bars_with_intervals, label_efficiency, learning_curves
from regard.report.gains import Gain
from regard.report.html import Highlight, Picture, Section, Table, write_report
from regard.report.maps import map_before_after
from regard.report.thumbs import Hit, Query, neighbours, previews

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking".split()


@pytest.fixture
def report(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    value = Interval(0.8, 0.7, 0.9, 10)
    curve = Curve("an arm", [1, 5, 20], [0.2, Interval(0.5, 0.4, 0.6, 3), 0.8])
    picture = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
    plane = rng.normal(size=(40, 2))
    blocks = [
        Picture(bars_with_intervals([("one", value), ("two", 0.5)], "bars")),
        Picture(learning_curves([curve], "a curve")),
        Picture(label_efficiency([curve], "labels")),
        Picture(map_before_after(plane, plane + 1, np.repeat(["a", "b"], 20), np.tile(["x", "y"], 20), alt="a map")),
        Picture(neighbours([Query(picture, "cat", [Hit(picture, 0.9, "cat"), Hit(picture, 0.8, "dog")])])),
        Picture(previews([("a <b>puzzle</b>", picture)])),
        Table(["name", "number"], [("one", 1.5)], "A table."),
    ]
    gains = [Gain("a step", 0.5, value, Difference(0.3, 0.2, 0.4, 10), 50, 1.0, 100.0)]
    return write_report(
        tmp_path / "report.html",
        "A title <&>",
        [Section("A section", "Text with **weight**.", blocks)],
        "A summary.",
        gains=gains,
        highlights=[Highlight("2x", "as many")],
    )


@pytest.mark.browser
def test_the_report_opens_without_a_word_in_the_console(report, tmp_path):
    picture = tmp_path / "screen.png"
    seen = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--log-level=0",
         "--window-size=1100,2600", f"--screenshot={picture}", report.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert not [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
    pixels = np.asarray(Image.open(picture).convert("L"))
    # every band of the page has something drawn in it
    assert all(pixels[top : top + 520].std() > 5 for top in range(0, 2600, 520))


@pytest.mark.browser
def test_the_console_check_can_fail(report, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(report.read_text().replace("</body>", '<img src="https://example.invalid/x.png"></body>'))
    seen = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--log-level=0",
         "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
    assert "A title &lt;&amp;&gt;" in seen.stdout
