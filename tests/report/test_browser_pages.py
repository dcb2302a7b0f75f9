"""Each kind of page in a browser as wide as a telephone, and what the choices about copies are saved as."""

import json
import re
import subprocess
from html import escape, unescape
from pathlib import Path
from types import SimpleNamespace as Stub

import numpy as np
import pytest
from PIL import Image

from regard.data.imageset import ImageSet
from regard.metrics.contrast import Difference
from regard.metrics.intervals import Interval
from regard.pages.duplicates import write_duplicates_page
from regard.pages.search import write_search_page
from regard.pages.search_eval import write_search_eval_page
from regard.report.figures import bars_with_intervals
from regard.report.gains import Gain
from regard.report.html import Highlight, Picture, Section, Table, write_report
from regard.report.thumbs import Hit, Query, neighbours, previews
from regard.reuse.duplicates.find import Duplicates, Pair
from regard.reuse.search.query.hits import Hit as Found
from regard.reuse.search.query.hits import Hits

from .test_browser import CHROMIUM, FLAGS

NAMES = ["a.png", "<script>alert(1)<script>.png", "صورة قديمة.png", "x" * 240 + ".png", "quote'\" #?%.png", "🦊.png"]
# what is asked of each page in a frame of 400 pixels: how far it reaches beyond that, and whether a picture opens
ASK = """
addEventListener("load", () => {
  const told = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const { contentDocument: page, contentWindow: window } = frame;
    const root = page.documentElement, opener = page.querySelector("button.frame"), saved = [];
    const one = told[frame.title] = { wide: window.innerWidth, beyond: root.scrollWidth - root.clientWidth };
    if (opener) {
      opener.focus();
      opener.click();
      const large = page.querySelector(":popover-open");
      one.opens = large?.scrollWidth <= large?.clientWidth && page.activeElement.textContent === "Close";
      large?.querySelector("button").click();
      one.closes = page.querySelector(":popover-open") === null && page.activeElement === opener;
    }
    window.Blob = class { constructor(parts) { saved.push(parts.join("")); } };
    window.URL.createObjectURL = () => "about:blank";
    window.HTMLAnchorElement.prototype.click = function () { saved.push(this.download); };
    const save = page.querySelector("#decide button");
    if (save) {
      one.disabled = save.disabled;
      page.querySelector("[data-group] [data-all=same]").click();
      page.querySelectorAll("[data-picture]")[3].querySelector("[value=different]").click();
      page.querySelectorAll("[data-pair]")[0].querySelector("[value=different]").click();
      one.count = page.querySelector("#decide output").textContent;
      save.click();
      one.saved = saved;
    }
  }
  document.querySelector("pre").textContent = JSON.stringify(told);
});
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / name for name in NAMES]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (300, 900, 3), dtype=np.uint8)).save(path)
    return paths


def report(out: Path) -> None:
    value, grey = Interval(0.8, 0.7, 0.9, 10), np.full((90, 90), 99, np.uint8)
    names = [name[:80] for name in NAMES]
    blocks = [
        Picture(bars_with_intervals([("an arm", value)], "bars")),
        Picture(neighbours([Query(grey, names[2], [Hit(grey, 0.9, name) for name in names])])),
        Picture(previews([(name, grey) for name in names])),
        *(Table([f"column {at}" for at in range(wide)], [[names[0]] * wide], "A table.") for wide in (3, 5, 9)),
    ]
    gains = [Gain("a step", 0.5, value, Difference(0.3, 0.2, 0.4, 10), 50, 1.0, 100.0)]
    marks = [Highlight("97.1 %", "a share"), Highlight("at least 7.8×", "as many")]
    write_report(out, "A title", [Section("One", "Text.", blocks)], "Short.", gains=gains, highlights=marks)


def search(out: Path, files: list[Path]) -> None:
    columns = {"inventory": "INV/" + "1" * 90, "note": "a long note " * 90, "date": "1921-01-02"}
    hits = Hits([[Found(path.name, 0.9, str(path), path.name[:80]) for path in files]])
    hits.queries, hits.notes = (files[0].name,), ("a note of **" + NAMES[3],)
    about = {path.name: columns for path in files}
    write_search_page(out, "index", len(files), {files[0].name: files[0]}, hits, about)


def search_eval(out: Path, files: list[Path]) -> None:
    index = Stub(paths=lambda names: [str(out.parent / name) for name in names], folder=out.parent / "index")
    truth = Stub(queries=[Stub(name=path.name, item=path, box=None) for path in files])
    value, gain = Interval(0.8, 0.7, 0.9, 10), Difference(0.3, 0.2, 0.4, 10)
    found = Stub(
        values={"map": np.linspace(0, 1, len(files))},
        main="map",
        first=[[(path.name, path is files[0]) for path in files]] * len(files),
        figures={"map": value},
        plain={"map": value},
        gains={"map": gain},
        queries=len(files),
        skipped=0,
        protocol="labels",
    )
    write_search_eval_page(out, index, truth, found)


def copies(out: Path, files: list[Path]) -> None:
    images = ImageSet(files, np.array(NAMES))
    pairs = [
        Pair(NAMES[0], NAMES[5], "identical", 1.0, {"by": "content"}),
        Pair(NAMES[0], NAMES[1], "same photo", 0.9, {"by": "spatial", "part": "a", "box": [9, 9, 99, 99]}),
        Pair(NAMES[3], NAMES[4], "same photo", 0.8, {"by": "hash"}),
    ]
    hashes = {name: name[:1] + "0" for name in NAMES} | {NAMES[5]: "a0"}
    found = Duplicates(pairs, [[NAMES[0], NAMES[1], NAMES[2], NAMES[4], NAMES[5]]], hashes)
    shown = {kind: [one for one in pairs if one.kind == kind] for kind in ("identical", "same photo")}
    write_duplicates_page(out, "an index/of 'mine'", images, found, shown, 200, True)


@pytest.mark.browser
def test_pages_fit_a_telephone_pictures_open_and_decisions_are_saved(files, tmp_path):
    kinds = {"search": search, "search-eval": search_eval, "copies": copies}
    report(tmp_path / "report.html")
    for name, write in kinds.items():
        write(tmp_path / f"{name}.html", files)
    frames = "".join(
        f'<iframe width="400" height="800" title="{name}" srcdoc="{escape(page.read_text("utf-8"))}"></iframe>'
        for name in ("report", *kinds)
        for page in [tmp_path / f"{name}.html"]
    )
    asking = tmp_path / "asking.html"
    asking.write_text(f"<!doctype html><meta charset=utf-8><pre></pre>{frames}<script>{ASK}</script>", "utf-8")
    seen = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--log-level=0",
         "--virtual-time-budget=5000", "--dump-dom", asking.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert not [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
    told = json.loads(unescape(re.search(r"<pre>(.*?)</pre>", seen.stdout, re.S)[1]))
    assert {name: (one["wide"], one["beyond"]) for name, one in told.items()} == dict.fromkeys(
        ["report", *kinds], (400, 0)
    )
    assert {name: (told[name]["opens"], told[name]["closes"]) for name in kinds} == dict.fromkeys(kinds, (True, True))
    text, name = told["copies"]["saved"]
    assert told["copies"]["disabled"] and told["copies"]["count"] == "5 decisions"
    assert name == "regard-decisions.json" and list(json.loads(text)) == ["decisions"]
    decided = {frozenset((one["a"], one["b"])): one["verdict"] for one in json.loads(text)["decisions"]}
    first, script, arabic, _, quote, fox = NAMES
    assert decided == {
        frozenset((first, script)): "different",  # the choice about the pair itself comes after its group's
        frozenset((first, arabic)): "same",
        frozenset((fox, quote)): "different",  # the same bytes as the first
        frozenset((script, quote)): "different",
        frozenset((arabic, quote)): "different",
    }
