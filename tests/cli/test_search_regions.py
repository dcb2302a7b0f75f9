"""Regions on the command line: made, kept in step, searched, shown; and what does not go together is refused."""

from pathlib import Path

import pytest

from helpers.pictures import save_noise
from helpers.program import run_json as run
from regard import cli


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("regions")
    save_noise(folder / "images", (f"{place}.png" for place in range(6)), 40, 60)
    line = ["index", str(folder / "images"), "--with", "random:convnet4", "--out", str(folder / "index"), "--quiet"]
    assert cli.main([*line, "--regions"]) == 0
    assert cli.main([*line[:-2], str(folder / "plain"), "--quiet"]) == 0
    return folder


def test_hits_have_the_region_and_the_page_draws_it(made, tmp_path, capsys):
    query, page = made / "images/3.png", tmp_path / "page.html"
    found = run(capsys, "search", made / "index", query, "--regions", "--top", 3, "--out", page)
    hits = found["results"][0]["hits"]
    assert len(hits) == 3 and found["search"] == "exact" and found["metrics"]["recall"] == 1
    left, top, right, bottom = hits[0]["region"]
    assert 0 <= left < right <= 60 and 0 <= top < bottom <= 40
    assert page.read_text().count('<figure class="thumb') == 4
    by_id = run(capsys, "search", made / "index", "3.png", "--id", "--regions")
    assert len(by_id["results"][0]["hits"]) == 5 and "3.png" not in {hit["id"] for hit in by_id["results"][0]["hits"]}
    boxed = run(capsys, "search", made / "index", query, "--box", "0,0,30,20", "--regions", "--where", "id < '3'")
    assert len(boxed["results"][0]["hits"]) == 3


def test_changes_of_the_index_reach_the_regions(made, tmp_path, capsys):
    images, index = tmp_path / "images", tmp_path / "index"
    images.mkdir()
    for file in sorted((made / "images").iterdir())[:3]:
        (images / file.name).write_bytes(file.read_bytes())
    line = ["index", images, "--with", "random:convnet4", "--out", index]
    assert run(capsys, *line)["metrics"]["with_regions"] == 0
    assert run(capsys, *line, "--update", "--regions")["metrics"]["with_regions"] == 3
    (images / "new.png").write_bytes((made / "images/5.png").read_bytes())
    assert run(capsys, *line, "--update")["metrics"]["with_regions"] == 4
    (tmp_path / "old").mkdir()
    (tmp_path / "old/new.png").write_bytes((images / "new.png").read_bytes())
    assert run(capsys, "index", tmp_path / "old", "--out", index, "--remove")["metrics"]["with_regions"] == 3
    assert run(capsys, *line, "--add")["metrics"]["with_regions"] == 4
    Path(images / "new.png").unlink()
    assert cli.main([*map(str, line), "--update", "--quiet"]) == 0
    assert "regions of 3 images (0 new, 0 carried over, 1 removed)" in capsys.readouterr().out
    assert run(capsys, *line, "--update", "--no-regions")["metrics"]["with_regions"] == 0
    assert not (index / "regions").exists()


@pytest.mark.parametrize(
    "index, line, message",
    [
        ("plain", [], "--update --regions"),
        ("index", ["--at", "1"], "--regions: expected no --at"),
        ("index", ["--together"], "--regions: expected no --at, --together"),
        ("index", ["--relevant", "0.05"], "--relevant"),
        ("index", ["--rerank", "expansion"], "--rerank with --regions: expected one of spatial"),
        ("index", ["--search", "ivf"], "--search: expected one of auto, exact, sketch"),
        ("index", ["--with", "random:convnet4:5"], "--with: expected what made those of the index"),
    ],
)
def test_what_does_not_go_together_is_refused(made, capsys, index, line, message):
    query = str(made / "images/3.png")
    assert cli.main(["search", str(made / index), query, "--regions", *line, "--quiet"]) == 2
    assert message in capsys.readouterr().err
