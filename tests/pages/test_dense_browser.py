"""The pages of dense models in a browser as wide as a telephone: nothing reaches beyond it, and pictures are seen."""

import json
import re
import shutil
import subprocess
from html import escape, unescape

import numpy as np
import pytest

from helpers.dense_answers import given_objects, given_pixels, random_objects
from regard.pages.dense_run import write_dense_page
from regard.reuse.dense.examined import examine

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking".split()
LONG = [
    "a class with a name that is as long as this one is, and longer",
    "x" * 90,
    "صورة",
    *(f"c{i}" for i in range(40)),
]
# in a frame of 400 pixels: how far the page reaches beyond it, how wide its pictures are, and what they are made of
ASK = """
addEventListener("load", () => {
  const told = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, root = page.documentElement;
    const shown = [...page.querySelectorAll(".pair > figure > *:first-child")];
    told[frame.title] = {
      beyond: root.scrollWidth - root.clientWidth,
      pictures: shown.length,
      seen: shown.every(one => { const box = one.getBoundingClientRect(); return box.width > 300 && box.height > 80; }),
      again: [...page.querySelectorAll("use")].every(one => one.getBoundingClientRect().width > 300),
      named: shown.every(one => one.getAttribute("aria-label") || one.getAttribute("alt")),
    };
  }
  document.querySelector("pre").textContent = JSON.stringify(told);
});
"""


@pytest.mark.browser
def test_dense_pages_fit_a_telephone(tmp_path) -> None:
    box = [10, 10, 60, 60]
    many = [([(box, name)], [(box, LONG[(at + 1) % 43], 0.9)]) for at, name in enumerate(LONG)]
    maps = np.arange(30, dtype=np.uint8).repeat(20).reshape(1, 20, 30) % 12, np.zeros((1, 20, 30), np.uint8)
    made = {
        "objects": random_objects(4),
        "masks": random_objects(4, masks=True),
        "many": given_objects(many, LONG),
        "pixels": given_pixels(*maps, LONG[:12]),
    }
    frames = ""
    for name, (images, model) in made.items():
        scores, errors = examine(model, images, interval=False, kept=4)
        page = write_dense_page(tmp_path / f"{name}.html", LONG[1], scores, errors, images, notes=[LONG[1]])
        # what would unfold is open, so that it is measured too
        html = page.read_text("utf-8").replace("<details>", "<details open>")
        frames += f'<iframe width="400" height="800" title="{name}" srcdoc="{escape(html)}"></iframe>'
    asking = tmp_path / "asking.html"
    asking.write_text(f"<!doctype html><meta charset=utf-8><pre></pre>{frames}<script>{ASK}</script>", "utf-8")
    seen = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--log-level=0",
         "--virtual-time-budget=5000", "--dump-dom", asking.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert not [line for line in seen.stderr.splitlines() if "CONSOLE" in line]
    told = json.loads(unescape(re.search(r"<pre>(.*?)</pre>", seen.stdout, re.S)[1]))
    counts = {"objects": 8, "masks": 8, "many": 8, "pixels": 3}
    good = {"beyond": 0, "seen": True, "again": True, "named": True}
    assert told == {name: good | {"pictures": count} for name, count in counts.items()}
