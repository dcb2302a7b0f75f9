"""The pages of depth: what is said of the baseline, the worst first, errors by distance, and predicted maps."""

import re

import numpy as np
import pytest

from helpers.deep import GivenDepth, random_depth
from regard.pages.dense_depth_predict import DepthShown
from regard.pages.dense_predict import write_predictions_page
from regard.pages.dense_run import main_of, write_dense_page
from regard.pages.depth_drawn import FARTHER, NEARER, errors_painted
from regard.reuse.dense.depth_colours import UNKNOWN
from regard.reuse.dense.examined import examine


@pytest.mark.parametrize("times, verdict", [(1.0, "That is a gain"), (1.7, "It is worse than that"), (1.3, "No gain")])
def test_a_page_says_whether_the_constant_of_each_row_is_beaten(tmp_path, times: float, verdict: str) -> None:
    truth, told, rows = random_depth(20)
    if times == 1.3:  # as good as the constants, with luck in each picture
        told = truth * np.exp(np.random.default_rng(1).normal(0, 0.3, truth.shape)).astype(np.float32)
    model = GivenDepth(truth, told * np.float32(1 if times == 1.3 else times), rows)
    scores, errors = examine(model, model.images, kept=5)
    page = write_dense_page(tmp_path / "p.html", "t", scores, errors, model.images).read_text()
    assert main_of(scores) == "abs_rel" and verdict in page and page.count("lean") >= 2
    places = [page.index(f"AbsRel {one.abs_rel:.3f}") for one in errors.worst]
    assert places == sorted(places) and len(places) == 5 and page.count("<figcaption>measured") == 5
    assert "AbsRel of the best constant of each row" in page and "SILog" in page


def test_colours_of_errors_say_which_way() -> None:
    truth = np.array([[2.0, 2.0, 2.0, np.nan, 2.0]], np.float32)
    shown = errors_painted(truth, np.array([[4.0, 0.5, 2.0, 1.0, 2.5]], np.float32))[0]
    assert [tuple(one.tolist()) for one in shown[:4]] == [FARTHER, NEARER, (255, 255, 255), UNKNOWN]
    assert FARTHER[0] < shown[4][0] < 255


def test_the_page_of_predictions_has_distances_and_keeps_few_small_maps(tmp_path) -> None:
    truth, told, rows = random_depth(70)
    model = GivenDepth(truth, told, rows)
    shown = DepthShown(model.images)
    assert len(list(shown.through(model.predict(model.images)))) == 70
    assert shown.counts["nearest"] == pytest.approx(told.min(axis=(1, 2)).mean(), abs=1e-3)
    assert set(shown.metrics) == {"nearest_metres", "median_metres", "farthest_metres"}
    page = write_predictions_page(tmp_path / "p.html", "run", shown, failed={"bad.png": "cut"}).read_text()
    assert "Pictures: 70." in page and "60 of 70" in page and "bad.png" in page
    spread = told.max(axis=(1, 2)) / told.min(axis=(1, 2))
    first = re.search(r'<figure class="thumb[^>]*>.*?alt="(\d+):', page, re.S)
    assert first is not None and int(first[1]) == int(spread.argmax())
