import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from markupsafe import Markup, escape

from regard.core.checks import InputError
from regard.metrics.contrast import Difference
from regard.report import html
from regard.report.figures import bars_with_intervals
from regard.report.gains import Gain
from regard.report.html import Highlight, Picture, Section, Table, Tool, literal, marked, render, write_report
from regard.report.thumbs import previews

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]


def example():
    bars = bars_with_intervals([("ours", 0.8)], "one bar")
    grid = previews([("a digit", np.zeros((8, 8), np.uint8))])
    table = Table(["arm", "accuracy"], [["a & b", 0.81234], ["c", None]], "The same as a table")
    return {
        "title": "A <report>",
        "sections": [
            Section("First steps", "Some **strong** text.", [Picture(bars, "One bar."), Picture(grid, "One digit.")]),
            Section("First steps", "- one\n- two", [table]),
            Section("Third", ""),
        ],
        "summary": "Short & sweet.",
        "gains": [Gain("step", 0.5, 0.6, Difference(0.1, 0.05, 0.15, 50))],
        "highlights": [Highlight("4×", "fewer labels", "three seeds")],
        "facts": {"seed": 0, "command": "regard demo <x>"},
    }


def test_the_page_is_well_formed_and_says_what_it_was_given():
    page = Page(render(**example()))
    said = " ".join(" ".join(page.text).split())
    for text in ("A <report>", "Short & sweet.", "strong", "One bar.", "a & b", "0.8123", "–", "4×", "three seeds",
                 "regard demo <x>", "+10.0 [+5.0, +15.0]", "The same as a table"):  # fmt: skip
        assert text in said
    assert len(page.all("h1")) == 1 and len(page.all("main")) == 1


def test_links_lead_somewhere_and_ids_are_unique():
    page = Page(render(**example()))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    links = [attributes["href"] for attributes in page.all("a")]
    assert len(links) == 4 and all(link.startswith("#") and link[1:] in ids for link in links)


def test_nothing_is_fetched_and_nothing_runs():
    page = Page(render(**example()))
    assert not page.all("script") and not page.all("iframe")
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href", "data", "action"):
            if name in attributes:
                assert attributes[name].startswith(("data:", "#"))
    style = " ".join(page.text)
    assert "@import" not in style and "http" not in style
    policy = next(each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy


def test_those_who_cannot_see_are_told():
    page = Page(render(**example()))
    assert page.all("html")[0]["lang"] == "en"
    assert all(each.get("alt") for each in page.all("img"))
    plots = [each for each in page.all("svg") if each.get("class") == "plot"]
    assert plots and all(each["role"] == "img" for each in plots)
    assert len(page.all("caption")) == len(page.all("table")) == 2
    assert all(each.get("scope") for each in page.all("th"))


def test_html_that_is_not_ours_is_escaped_everywhere():
    evil = "<script>alert('x')</script>"
    page = render(
        evil,
        [Section(evil, evil, [Picture(evil, evil), Table([evil], [[evil]], evil)])],
        f"**{evil}** `{evil}`",
        gains=[Gain(evil, 0.1, 0.2, Difference(0.1, 0.05, 0.2, 30))],
        highlights=[Highlight(evil, evil, evil)],
        facts={evil: evil},
    )
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 12
    Page(page)


def test_text_knows_paragraphs_lists_strong_and_code():
    assert str(marked("one\ntwo\n\n- a\n- b\n\n`x < y`")) == (
        "<p>one two</p>\n<ul><li>a</li><li>b</li></ul>\n<p><code>x &lt; y</code></p>"
    )
    assert marked("") == ""


def test_a_number_column_stands_at_the_right():
    assert Table(["a", "b", "c"], [["x", 1, None], ["y", 2.5, None]]).numeric == [False, True, False]
    assert Table(["a"], []).numeric == [False]
    with pytest.raises(InputError, match="2 cells"):
        Table(["a", "b"], [[1]])


def test_the_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = write_report(tmp_path / "new" / "report.html", **example())
    whole = path.read_text(encoding="utf-8")
    assert whole.rstrip().endswith("</html>")

    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(html.Path, "write_text", fails)
    with pytest.raises(OSError, match="No space"):
        write_report(path, **example())
    assert path.read_text(encoding="utf-8") == whole
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match="ends in .html"):
        write_report(tmp_path / "report.pdf", "t", [], "s")


UNSEEN = ["\x00", "\x1b[31m", "\x07", "\x9b", "\x7f", "\r", "\u202e", "\u2066", "\ud83d", "\udce9", "\uffff"]


@pytest.mark.parametrize("text", UNSEEN)
def test_characters_that_a_page_may_not_hold_are_shown_in_place_of_being_written(tmp_path, text):
    said = f"before{text}after"
    path = write_report(
        tmp_path / "page.html",
        said,
        [Section(said, said, [Picture(previews([(said, np.zeros((8, 8), np.uint8))]), said), Table([said], [[said]])])],
        said,
        gains=[Gain(said, 0.1, 0.2, Difference(0.1, 0.05, 0.2, 30))],
        highlights=[Highlight(said, said, said)],
        facts={said: said},
    )
    page = path.read_text(encoding="utf-8")
    assert text not in page and page.count("before") == page.count("after") >= 12
    assert text.encode("unicode_escape").decode() in page


def test_the_foot_speaks_of_gains_where_there_are_some():
    parts = [Section("One", "Text.")]
    assert "No gain" not in render("t", parts, "s")
    assert "“No gain” is said where" in render("t", parts, "s", verdicts=True)
    assert "“No gain” is said where" in render(**example())


def test_the_script_of_a_tool_is_the_only_one_that_the_policy_lets_run():
    script = "document.title = '<&>';"
    page = render("t", [], "s", tool=Tool(Markup("<p>bar</p>"), script))
    assert page.count("<script>") == 1 and f"<script>{script}</script>" in page and "<p>bar</p>" in page
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    named = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{named}'" in policy and "unsafe" not in policy.split("script-src")[1]


def test_names_among_literal_text_are_no_markup():
    evil = "**a** `b` <c>.jpg"
    page = render("t", [Section("One", "", [Picture(Markup("<i></i>"), escape(evil))])], literal(evil))
    assert "<strong>" not in page and "<code>" not in page and page.count("**a** `b` &lt;c&gt;.jpg") == 2


def test_a_wide_table_says_in_each_cell_what_it_is():
    heads = ["one", "two", "three", "four", "five"]
    wide, narrow = (Page(render("t", [Section("s", "", [Table(h, [h])])], "s")) for h in (heads, heads[:4]))
    assert [each.get("class") for each in wide.all("table")] == ["stack"]
    assert [each["data-name"] for each in wide.all("td")] == heads
    assert [each.get("class") for each in narrow.all("table")] == [None]
