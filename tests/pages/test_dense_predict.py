"""The page of what a dense model found: the right pictures, the right counts, and nothing of a name that acts."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import escape, unescape
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.answers import MAP, NAMES, answer, pictures
from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.pages.dense_predict import EMPTY, MOST, DenseShown, borders, write_predictions_page
from regard.reuse.dense.answer import Answer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking".split()
IDS = ["a.png", "deep/<script>alert(1)<script>.png", "صورة قديمة.png", "x" * 200 + ".png", "q'\" #?%.png"]
ASK = """
addEventListener("load", () => {
  const told = [...document.querySelectorAll("iframe")].map(({ contentDocument: page }) => {
    const root = page.documentElement, opener = page.querySelector("button.frame");
    opener.click();
    const large = page.querySelector(":popover-open");
    return { beyond: root.scrollWidth - root.clientWidth, opens: large.scrollWidth <= large.clientWidth,
             pictures: page.querySelectorAll("figure.thumb").length };
  });
  document.querySelector("pre").textContent = JSON.stringify(told);
});
"""


def scored(row: int, scores: list[float], size: tuple[int, int] = (8, 8)) -> Answer:
    corners = torch.tensor([[1.0, 1, 5, 5]]).repeat(len(scores), 1)
    return Answer(row, size, corners, torch.tensor(scores), torch.zeros(len(scores)).long())


def test_the_pictures_nearest_to_the_threshold_are_kept_whatever_number_goes_by() -> None:
    count = 300
    images = ImageSet([np.zeros((8, 8, 3), np.uint8)] * count, np.array([str(row) for row in range(count)]))
    best = np.random.default_rng(0).permutation(count) / count
    shown = DenseShown(images, ["a", "b"])
    assert len(list(shown.through(scored(row, [score, 0.05]) for row, score in enumerate(best.tolist())))) == count
    some, none = shown.chosen()
    rows = {name: [one.row for one in kept] for name, kept in (("some", some), ("none", none))}
    over = [row for row in np.argsort(best, kind="stable").tolist() if best[row] >= 0.5]
    under = [row for row in np.argsort(-best, kind="stable").tolist() if best[row] < 0.5]
    assert rows == {"some": over[: MOST - EMPTY], "none": under[:EMPTY]}
    assert shown.objects.tolist() == [150, 0] and shown.without == 150 and shown.seen == count
    empty = DenseShown(images, ["a"])
    for row in range(70):
        empty.add(scored(row, []))
    assert [len(one) for one in empty.chosen()] == [0, MOST]


def test_what_is_kept_is_small_and_borders_are_counted() -> None:
    one = answer(0, "semantic", (1500, 1000))
    images = ImageSet([np.zeros((1500, 1000, 3), np.uint8)], np.array(["a"]))
    shown = DenseShown(images, MAP)
    shown.add(one)
    kept = shown.chosen()[0][0]
    assert kept.size == (500, 334) == tuple(kept.semantic.shape)
    assert (kept.semantic[:333, :333] == one.semantic[1:999:3, 1:999:3]).all()
    masks = DenseShown(images, NAMES)
    masks.add(answer(0, "masks"))
    assert masks.chosen()[0][0].masks is None and len(masks.chosen()[0][0].runs) == 6
    stripes = torch.tensor([[0, 1, 0, 1]]).repeat(3, 1)
    assert borders(replace(one, semantic=stripes)) == 0.5 and borders(replace(one, semantic=stripes * 0)) == 0


@pytest.mark.parametrize("what", ["boxes", "masks", "semantic"])
def test_a_page_tells_counts_names_and_paths(tmp_path, what) -> None:
    images = pictures(tmp_path / "in", IDS)
    names = MAP if what == "semantic" else NAMES
    shown = DenseShown(images, names)
    every = [answer(row, what) for row in range(len(IDS))]
    for one in every:
        shown.add(one)
    page = write_predictions_page(tmp_path / "p.html", "runs/<b>", shown, failed={"no.png": "cut <short>"}).read_text()
    assert page.count('<figure class="thumb') == len(IDS) and "<script>alert" not in page and "runs/&lt;b&gt;" in page
    assert "dog &amp; &lt;bird&gt;" in page and "cut &lt;short&gt;" in page and f"Pictures: {len(IDS)}." in page
    assert 'href="in/a.png"' in page and str(images.items[0]) in page
    if what != "semantic":
        kept = torch.cat([one.classes[one.scores >= 0.5] for one in every])
        for place, name in enumerate(names):
            row = re.search(rf"{re.escape(str(escape(name)))}</bdi></td><td[^>]*>(\d+)<", page)
            assert row is not None and int(row[1]) == int((kept == place).sum())
    images.items[0].unlink()
    write_predictions_page(tmp_path / "gone.html", "run", shown)
    assert "not readable" in (tmp_path / "gone.html").read_text()


def test_a_page_of_nothing_is_a_page_and_a_name_without_html_is_refused(tmp_path) -> None:
    shown = DenseShown(ImageSet([np.zeros((8, 8, 3), np.uint8)], np.array(["a"])), NAMES)
    assert "Pictures: 0." in write_predictions_page(tmp_path / "p.html", "run", shown).read_text()
    with pytest.raises(InputError, match="html"):
        write_predictions_page(tmp_path / "p.txt", "run", shown)


@pytest.mark.browser
def test_the_page_fits_a_telephone_and_a_desk_and_pictures_open(tmp_path) -> None:
    images = pictures(tmp_path / "in", IDS)
    pages = []
    for what in ("masks", "semantic"):
        shown = DenseShown(images, MAP if what == "semantic" else NAMES)
        for row in range(len(IDS)):
            shown.add(answer(row, what))
        pages.append(write_predictions_page(tmp_path / f"{what}.html", "run", shown, failed={"n" * 300: "c" * 300}))
    frames = "".join(
        f'<iframe width="{wide}" height="800" srcdoc="{escape(page.read_text("utf-8"))}"></iframe>'
        for page in pages
        for wide in (400, 1280)
    )
    asking = tmp_path / "asking.html"
    asking.write_text(f"<!doctype html><meta charset=utf-8><pre></pre>{frames}<script>{ASK}</script>", "utf-8")
    seen = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--log-level=0",
         "--virtual-time-budget=5000", "--dump-dom", Path(asking).as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert not [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
    told = json.loads(unescape(re.search(r"<pre>(.*?)</pre>", seen.stdout)[1]))
    assert told == [{"beyond": 0, "opens": True, "pictures": len(IDS)}] * 4
