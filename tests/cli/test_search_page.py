"""`regard search`: what is said of each result, on the page, in the table and in JSON."""

import csv
import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import numpy as np
import pytest
from PIL import Image

from regard.cli import main
from regard.data.sources import open_images
from regard.representation.embed import embed
from regard.reuse.search.index.search_index import SearchIndex

NAMES = ["plain.png", "a b#c?d%41.png", "quote'\".png", "<script>alert(1)<script>.png", "صورة.png", "javascript:x.png",
         "x" * 200 + ".png", "**b** `c`.png"]  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    """An index of a table with further columns, of files with names that a page might stumble over."""
    folder = tmp_path_factory.mktemp("archive")
    rng = np.random.default_rng(0)
    rows = []
    for at, name in enumerate(NAMES):
        Image.fromarray(rng.integers(0, 255, (90, 120, 3), dtype=np.uint8)).save(folder / name)
        rows.append([name, f"<b>label {at % 2}</b>", f"INV-{at:03}", f"19{20 + at}-01-02", at / 4, ""])
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["path", "label", "inventory", "date", "width_cm", "blank"], *rows])
    images = open_images(folder / "table.csv")
    SearchIndex.create(folder / "index", embed(images, "random:convnet4", cache=False))
    return folder / "index"


def searched(index: Path, *more: str) -> list[str]:
    return ["search", str(index), "--id", NAMES[1], "--top", "20", "--quiet", *more]


def test_json_holds_name_path_and_columns(index, capsys):
    assert main(searched(index, "--json")) == 0
    hits = json.loads(capsys.readouterr().out)["results"][0]["hits"]
    assert {hit["name"] for hit in hits} == set(NAMES) - {NAMES[1]}
    for hit in hits:
        at = NAMES.index(hit["name"])
        assert Path(hit["path"]) == index.parent / hit["name"] and hit["label"] == f"<b>label {at % 2}</b>"
        assert not hit["columns"].pop("blank", None)
        assert hit["columns"] == {"inventory": f"INV-{at:03}", "date": f"19{20 + at}-01-02", "width_cm": at / 4}


def test_the_table_holds_them_too_but_for_columns_that_say_nothing(index, capsys):
    assert main(searched(index)) == 0
    head, *rows = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("note: ")]
    assert head.split() == ["query", "place", "score", "label", "image", "inventory", "date", "width_cm", "path"]
    assert len(rows) == len(NAMES) - 1 and all(re.search(r"INV-\d{3} +19\d\d-01-02", row) for row in rows)
    (plain,) = (row for row in rows if " plain.png " in row)
    assert plain.endswith(str(index.parent / "plain.png"))


def test_the_page_shows_names_links_and_columns_in_place_of_labels(index, tmp_path, capsys):
    out = tmp_path / "pages" / "found.html"
    assert main(searched(index, "--out", str(out))) == 0
    page = out.read_text(encoding="utf-8")
    assert "<script" not in page and "gain" not in page.split("<footer>")[1]
    links = [unescape(link) for link in re.findall(r'class="name" href="([^"]*)"', page)]
    found = [urlsplit(urljoin(out.as_uri(), link)) for link in links]
    assert {Path(unquote(each.path)) for each in found} == {index.parent / name for name in NAMES}
    assert {(each.scheme, each.query, each.fragment) for each in found} == {("file", "", "")}
    names = {unescape(name) for name in re.findall(r'class="name"[^>]*><bdi>(.*?)</bdi>', page)}
    assert names == set(NAMES)
    for at in set(range(len(NAMES))) - {1}:
        assert page.count(f"INV-{at:03}") == 2 and f"19{20 + at}-01-02" in page  # below, and beside it when large
    assert "&lt;b&gt;label 1&lt;/b&gt;" in page and "blank" not in page
    opened = re.findall(r'<button type="button" class="frame" popovertarget="([^"]+)"', page)
    assert len(opened) == len(NAMES) and all(f'<div popover id="{each}"' in page for each in opened)
    assert str(index.parent / "plain.png") in page


def test_a_file_that_is_gone_has_its_name_and_no_link(index, tmp_path):
    (index.parent / "gone.png").write_bytes((index.parent / "plain.png").read_bytes())
    vectors = embed([index.parent / "gone.png", index.parent / NAMES[1]], "random:convnet4")
    SearchIndex.create(tmp_path / "index", vectors)
    (index.parent / "gone.png").unlink()
    asked = ["search", str(tmp_path / "index"), str(index.parent / NAMES[1]), "--quiet"]
    assert main([*asked, "--out", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<span class="name"><bdi>gone.png</bdi></span>' in page and "not readable" in page
    assert 'gone.png"' not in re.findall(r"href=[^>]*", page)


def test_vectors_without_files_are_called_by_their_ids(tmp_path, capsys):
    from regard.representation.embeddings import Embeddings

    vectors = Embeddings(np.eye(3, dtype=np.float32), np.array(["a", "b", "c"]))
    SearchIndex.create(tmp_path / "index", vectors)
    asked = ["search", str(tmp_path / "index"), "--id", "a", "--quiet"]
    assert main([*asked, "--out", str(tmp_path / "page.html"), "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)["results"][0]["hits"]
    assert [(hit["name"], hit["path"], hit["columns"]) for hit in hits] == [("b", "", {}), ("c", "", {})]
    assert "<bdi>b</bdi>" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_an_index_of_built_in_images_shows_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["index", "builtin:faces", "--with", "random:convnet4", "--out", "ix", "-q"]) == 0
    assert main(["search", "ix", "faces/003", "--id", "--top", "3", "--out", "found.html", "-q"]) == 0
    page = (tmp_path / "found.html").read_text()
    assert "not readable" not in page and page.count('src="data:image/png') >= 4
