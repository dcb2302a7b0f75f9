"""The page of the line: what stands on it, and what it says where little is known."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from helpers.line import line
from regard.core.checks import InputError
from regard.metrics.intervals import Interval
from regard.pages.history import count, history_table, write_history_page
from regard.report.cost_drawn import Axis, Point, against_costs
from regard.report.line_drawn import Place, line_of_years

LEVELS = {"fisher": 0.4, "alexnet_scaled": 0.55, "vgg_scaled": 0.3, "resnet_scaled": 0.85}


def seen(page: Path) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.read_text("utf-8"))).split())


def test_the_page(tmp_path: Path) -> None:
    found = replace(line(LEVELS, random=0.45, imagenet=0.9), failed={"zfnet_scaled": "NaN at step 3 <b>"})
    page = write_history_page(found, tmp_path / "page.html", "regard history x")
    text, html = seen(page), page.read_text("utf-8")
    for words in (
        "Twenty years of recognition, on your images",
        "100 to learn from (digits)",
        "Small data reverse the published order",
        "VGG (2014) over AlexNet (2012)",
        "loss",
        "imagenet, linear (no part of the order)",
        "zfnet_scaled did not end, and is not among these: NaN at step 3 <b>",
        "a <note>",
        "regard history x",
        "from memory, not checked",
        "600 steps of 64 pictures of 32 px in bf16, rate 0.002 or 0.0005",
        "ILSVRC 2014",
    ):
        assert words in text, words
    assert html.count("<svg") >= 2 and "nan" not in text.lower().replace("nan at step", "")
    assert "published: ImageNet, top 5" in text and "FLOPs of one picture" in text


def test_one_seed_and_networks_alone(tmp_path: Path) -> None:
    found = line({"alexnet_scaled": 0.5, "alexnet": 0.6, "vgg16": 0.65, "resnet50": 0.7}, seeds=1)
    text = seen(write_history_page(found, tmp_path / "page.html"))
    assert "one seed: no interval" in text and "too few to say" in text and "networks as published" in text
    assert "over pictures alone" in text
    with pytest.raises(InputError, match=r"\.html"):
        write_history_page(found, tmp_path / "page.txt")


def test_the_table_has_a_row_for_each_and_verdicts_but_for_the_first() -> None:
    table = history_table(line(LEVELS, imagenet=0.9))
    assert [row[0] for row in table.rows][:2] == ["Fisher vectors (2010)", "AlexNet (2012)"]
    assert [row[3] for row in table.rows] == ["", "gain", "loss", "gain", ""]
    assert "[" in str(table.rows[0][1]) and count(1_500) == "1.5 k" and count(2.5e12) == "2.5 T"


def test_the_costs_need_one_for_each_point() -> None:
    points = [Point("a", 0, Interval(0.5, 0.4, 0.6, 9))]
    good = {name: Axis([2.0]) for name in "wxyz"}
    assert "<svg" in against_costs(points, good, "shown")
    for axes, said in (({"x": Axis([1.0])}, "four kinds"), (good | {"z": Axis([0.0])}, "above 0")):
        with pytest.raises(InputError, match=said):
            against_costs(points, axes, "")


def test_the_figure_needs_something_in_its_place() -> None:
    place = Place("one", 2010, None, True)
    for forms in ({}, {"a": [(2, Interval(0.5, 0.4, 0.6, 9))]}):
        with pytest.raises(InputError, match="^forms: expected some of 0 to 0"):
            line_of_years([place], forms, "")
