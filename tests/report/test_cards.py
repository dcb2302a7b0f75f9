"""Names, links and facts below pictures: whatever a file is called, its link leads to it and nothing runs."""

import os
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import numpy as np
import pytest
from PIL import Image

from regard.report import cards
from regard.report.cards import FEW, LONG, About, Gallery, caption, file_link
from regard.report.thumbs import Hit, Query, neighbours

NAMES = [
    "plain.png",
    "with space.png",
    "a#b.png",
    "a?b=c&d.png",
    "100%.png",
    "%41.png",
    "quote'\".png",
    "<script>alert(1)<script>.png",
    "javascript:alert(1)",
    "data:text,<b>.png",
    "http:",
    "..png",
    "back\\slash.png",
    "line\nfeed.png",
    "\u202egnp.exe.png",
    "صورة قديمة.png",
    "🦊📷.png",
    "x" * 240 + ".png",
]
GREY = np.full((80, 120), 90, np.uint8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["", "sub folder", "elsewhere"])
def test_a_link_leads_from_the_page_to_the_file_and_is_nothing_else(tmp_path, name, place):
    page = tmp_path / "pages" / "page.html"
    folder = tmp_path if place == "elsewhere" else page.parent / place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
    link = file_link(folder / name, page)
    assert re.fullmatch(r"[A-Za-z0-9._~/%-]+", link), "anything else would have to be encoded"
    assert urlsplit(link).scheme == "" and not link.startswith("/")
    found = urlsplit(urljoin(page.as_uri(), link))
    assert found.scheme == "file" and not found.query and not found.fragment
    assert Path(unquote(found.path)) == folder / name


def test_a_name_that_is_not_utf_8_is_linked_by_its_bytes(tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    assert file_link(tmp_path / name, tmp_path / "page.html") == "caf%E9.png"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "missing.png",
        "https://example.org/a.png",
        "javascript:alert(1)",
        "data:text/html,x",
        "a\0b",
        ".",
        "x" * 5000,
    ],
)
def test_what_is_no_file_is_not_linked(tmp_path, path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert file_link(path, tmp_path / "page.html") == ""


@pytest.mark.parametrize("name", NAMES)
def test_names_and_facts_are_text_and_keep_their_direction_to_themselves(name):
    about = About(name, "x.png", f"/there/{name}", [(name, name[:LONG]), ("none", None), ("blank", " ")], [name])
    page = caption(about) + Gallery().frame(GREY, about, name)
    assert "<script" not in page and "none" not in page and "blank" not in page
    assert {unescape(each) for each in re.findall(r"<bdi>(.*?)</bdi>", page, re.S)} == {
        name,
        name[:LONG],
        f"/there/{name}",
    }
    assert set(re.findall(r'href="([^"]*)"', page)) == {"x.png"}


def test_long_and_many_facts_are_whole_beside_the_enlarged_picture():
    facts = [("note", "long " * 100), *((f"column {at}", at) for at in range(2 * FEW))]
    about = About("a.png", facts=facts)
    below, large = caption(about), Gallery().frame(GREY, about, "a picture")
    assert f"and {len(facts) - FEW} more" in below and "long " * 100 not in below
    assert len(re.search(r"<dd><bdi>(long .*?)</bdi>", below)[1]) == LONG + 1
    assert "long " * 100 in large and all(f"column {at}" in large for at in range(2 * FEW))


def test_a_picture_opens_large_by_a_button_of_its_own_and_is_carried_once():
    gallery, about = Gallery(), About("a.png")
    first, again = (gallery.frame(GREY, about, "a picture", key="a") for _ in range(2))
    other = gallery.frame(GREY, about, "another")
    targets = [re.search(r'<button[^>]* popovertarget="([^"]+)"', each)[1] for each in (first, again, other)]
    assert targets[0] == targets[1] != targets[2]
    assert f'<div popover id="{targets[0]}"' in first and "<div popover" not in again
    assert first.count("<img") == 2 and again.count("<img") == 1
    assert 'popovertargetaction="hide"' in first and "autofocus" in first


def test_after_many_pictures_they_lead_to_their_files(monkeypatch):
    monkeypatch.setattr(cards, "MANY", 1)
    gallery = Gallery()
    linked, lone = About("a.png", "a.png"), About("b.png")
    pages = [gallery.frame(GREY, each, each.name) for each in (linked, linked, lone)]
    assert ["<button" in page for page in pages] == [True, False, False]
    assert pages[1].startswith('<a class="frame" href="a.png">') and pages[2].startswith('<div class="frame">')


def test_a_picture_that_cannot_be_read_says_so_and_does_not_open(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    page = Gallery().frame(tmp_path / "broken.jpg", About("broken.jpg"), "broken.jpg")
    assert "not readable" in page and "<button" not in page


def test_an_enlarged_photo_keeps_its_shape_and_a_sensible_size(tmp_path):
    Image.new("RGB", (3000, 1500), "teal").save(tmp_path / "photo.jpg")
    page = Gallery().frame(tmp_path / "photo.jpg", About("photo.jpg"), "photo")
    assert re.findall(r'width="(\d+)" height="(\d+)"', page) == [("160", "80"), ("720", "360")]


def test_results_carry_their_names_where_something_is_known_of_them():
    hits = [Hit(GREY, 0.5, right=right, about=About(f"{right}.png", f"{right}.png")) for right in (True, False, None)]
    page = neighbours([Query(GREY, "map 0.50", hits, About("query.png"))], Gallery())
    assert re.findall(r'class="thumb (\w+)"', page) == ["query", "right", "wrong", "plain"]
    assert 'alt="result 1: True.png, score 0.50, right"' in page and "map 0.50" in page and "query.png" in page
    assert re.findall(r'class="name" href="([^"]+)"', page) == ["True.png", "False.png", "None.png"]
