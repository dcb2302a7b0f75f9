"""The page of a stream that was played: what stands on it, and what it says where little is known."""

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.lifelong.play import Played
from regard.pages.play import method_table, write_play_page
from regard.report.cost_drawn import Point, against_cost
from regard.report.heat import score_table
from regard.studies.played import Method, StreamPlayed


def method(name: str, level: float, seeds: int, looks: bool = False) -> Method:
    plays, found = {}, {}
    for seed in range(seeds):
        A = np.array(
            [[level, np.nan, np.nan], [level - 0.1, level, np.nan], [level - 0.2, level - 0.1, level + seed / 100]]
        )
        more = {"probe": A, "drift": 1 - A} if looks else {}
        plays[seed] = Played(Path("."), ("s-1", "s-2", "s-3"), np.arange(3), A, np.ones(3), np.full(3, 2e6), more)
        found[seed] = dict(plays[seed].metrics)
    return Method(name, plays, found)


def study(seeds: int, **more: object) -> StreamPlayed:
    methods = {one.name: one for one in (method("slda", 0.9, seeds, True), method("replay", 0.7, seeds, True))}
    given = ("s", ("s-1", "s-2", "s-3"), ("classify",) * 3, False, "imagenet", tuple(range(seeds)), methods, "slda")
    return StreamPlayed(*given, **more)  # type: ignore[arg-type]


def seen(page: Path) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.read_text("utf-8"))).split())


def test_the_page(tmp_path: Path) -> None:
    found = study(5, failed={"der": "NaN at step 3"}, left_out={"ewc": "LoRA"}, notes=["a <note>"])
    page = write_play_page(found, tmp_path / "page.html", command="regard play s")
    text, html = seen(page), page.read_text("utf-8")
    assert found.answer.split(":")[0] in text and "Did not end, and are not among these: der." in text
    for words in (
        "Every method",
        "As tasks come",
        "What it costs",
        "NaN at step 3",
        "LoRA",
        "a <note>",
        "regard play s",
    ):
        assert words in text, words
    assert html.count('class="heat"') == 2 + 2 * 2, "a matrix for each method, and for each look"
    assert html.count("<svg") >= 1 + 2 + 2 and "2.0 MB" in text and "task 3" in text
    assert "The representation: probe" in text and "1 − linear CKA" in text


def test_from_one_seed_nothing_is_said(tmp_path: Path) -> None:
    found = study(1)
    text = seen(write_play_page(found, tmp_path / "page.html"))
    assert (
        "From 1 seed there is too little to say" in text
        and "one seed: no interval" in text
        and "nan" not in text.lower()
    )
    table = method_table(found)
    assert [row[0] for row in table.rows] == ["slda", "replay"] and table.rows[1][-1] == "too few to say"


def test_encoders_that_do_not_move_share_a_look(tmp_path: Path) -> None:
    found = study(2)
    both = {
        "slda": found.methods["slda"],
        "ncm": Method("ncm", found.methods["slda"].plays, found.methods["slda"].figures),
    }
    html = write_play_page(replace(found, methods=both), tmp_path / "page.html").read_text("utf-8")
    assert "slda, ncm: probe, in per cent" in html and html.count('class="heat"') == 2 + 2


def test_a_table_of_scores_is_shaded_by_each_score() -> None:
    html = str(score_table(["x", "y"], ["<1>", "2"], np.array([[0.5, np.nan], [1.0, 0.004]]), "c", outlined=[1, 0]))
    assert re.findall(r"<td([^>]*)>([^<]+)</td>", html) == [
        (' style="--shade: 22%"', "50"),
        (' class="same"', "–"),
        (' class="same" style="--shade: 45%"', "100"),
        (' style="--shade: 0%"', "0"),
    ]
    assert "&lt;1&gt;" in html
    with pytest.raises(InputError, match="shape"):
        score_table(["x"], ["1", "2"], np.zeros((2, 2)), "c")


def test_costs_are_drawn_on_their_axis() -> None:
    from regard.metrics.intervals import Interval

    points = [Point("none", 0.0, Interval(0.5, 0.4, 0.6, 5)), Point("much", 1e6, Interval(0.9, 0.9, 0.9, 5))]
    html = str(against_cost(points, "what it cost", x="bytes", least=1000.0))
    assert "what it cost" in html and ">much<" in html and ">none<" in html
    with pytest.raises(InputError, match="points"):
        against_cost([], "nothing", x="bytes")
