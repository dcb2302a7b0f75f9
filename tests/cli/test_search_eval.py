"""`regard search-eval` on the command line: figures, page, messages."""

import json

import pytest

from regard import cli


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eval")
    line = ["index", "builtin:photo_crops", "--with", "random:convnet4", "--out", str(folder / "index"), "--quiet"]
    assert cli.main(line) == 0
    return folder / "index"


def test_figures_and_page(index, tmp_path, capsys):
    page = tmp_path / "page.html"
    line = ["search-eval", str(index), "column:identity", "--sample", "40", "--rerank", "qe", "--out", str(page)]
    assert cli.main([*line, "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    metrics = found["metrics"]
    assert metrics["queries"] == 40 and 0 < metrics["map_low"] <= metrics["map"] <= metrics["map_high"] <= 1
    assert metrics["gain_map"] == pytest.approx(metrics["map"] - metrics["plain_map"])
    assert found["verdicts"]["map"] in ("gain", "no gain", "loss") and len(found["results"][0]["first"]) == 10
    text = page.read_text()
    assert "Worst queries" in text and 'class="thumb right"' in text and 'class="thumb wrong"' in text
    assert cli.main([*line[:5], "--quiet"]) == 0
    assert "recall_at_1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line, message",
    [
        (["gone.csv"], "gone.csv"),
        (["labels", "--search", "ivf"], "--search: expected one of exact, sketch"),
        (["labels", "--rerank", "magic"], "--rerank: expected one of"),
        (["labels", "--out", "page.pdf"], "--out: expected a file that ends in .html"),
        (["column:colour"], "column: expected one of"),
    ],
)
def test_wrong_arguments_are_said(index, capsys, line, message):
    assert cli.main(["search-eval", str(index), *line, "--quiet"]) in (1, 2)
    assert message in capsys.readouterr().err
