"""`regard index upgrade`: two words for one verb, which leave `regard index IMAGES` as it is."""

import json
from pathlib import Path

import pytest

from helpers.pictures import save_noise
from regard.cli import main
from regard.reuse.search.index.search_index import SearchIndex


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    save_noise(tmp_path / "photos", (f"{label}/{k}.png" for label in "ab" for k in range(10)))
    assert main("index photos --with random:convnet4:1 --out ix -q".split()) == 0
    return tmp_path


def test_two_words_then_searches_of_either_kind(here, capsys) -> None:
    capsys.readouterr()
    assert main("index upgrade ix --with random:convnet4:2 --pairs 12 --budget 3 --json -q".split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert {name: found["metrics"][name] for name in ("images", "pairs", "reextracted", "translated")} == {
        "images": 20,
        "pairs": 12,
        "reextracted": 15,
        "translated": 5,
    }
    others, measures = ("before", "reextracted", "stale"), ("recall_at_1", "map")
    wanted = {f"translated - {other}: {measure}" for other in others for measure in measures}
    wanted |= {f"among all rows: translated - before: {measure}" for measure in measures}
    assert {one["name"] for one in found["differences"]} == wanted
    assert found["from"]["fingerprint"] != found["to"]["fingerprint"]
    assert main("search ix photos/a/0.png --with random:convnet4:1 -q".split()) == 2
    assert "as the index has" in capsys.readouterr().err
    assert main("search ix photos/a/0.png --where".split() + ["translated = false", "--json", "-q"]) == 0
    assert main("index upgrade ix --with random:convnet4:2 --budget 2 -q".split()) == 0
    said = capsys.readouterr().out.splitlines()
    assert "20 rows: 3 translated, 17 embedded (2 by this run)" in said


def test_a_folder_called_upgrade_is_meant_where_there_is_one(here) -> None:
    save_noise(here / "upgrade", ["0.png", "1.png"])
    assert main("index upgrade --with random:convnet4:1 --out other -q".split()) == 0
    assert len(SearchIndex.open("other")) == 2
    assert main("index-upgrade ix --with random:convnet4:2 --pairs 20 -q".split()) == 0


def test_the_old_representation_is_asked_for_other_images_alone(here, capsys) -> None:
    assert main("index upgrade ix --with random:convnet4:2 --was random:convnet4:1 -q".split()) == 2
    assert "--was: expected with --also" in capsys.readouterr().err


def test_its_help(capsys) -> None:
    assert main(["index", "upgrade", "--help"]) == 0
    assert "Bring an index to a new representation" in capsys.readouterr().out
    assert main(["index", "--help"]) == 0
    assert "Make a collection that can be searched" in capsys.readouterr().out
