"""index, search, search_eval, duplicates and whiten as functions: the JSON of the command line, and what they take."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard import cli
from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.data.sources import open_images
from regard.representation.embed import embed
from regard.reuse.search.index.search_index import SearchIndex
from regard.verbs.duplicates import duplicates
from regard.verbs.index import index
from regard.verbs.search import search
from regard.verbs.search_eval import search_eval
from regard.verbs.whiten import whiten

REP = "random:convnet4"


def without_time(told: dict) -> dict:
    told["metrics"].pop("seconds")
    return told


def printed(capsys, *line: object) -> dict:
    assert cli.main([*map(str, line), "--json", "--quiet"]) == 0
    return without_time(json.loads(capsys.readouterr().out))


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for at in range(12):
        (folder / f"kind{at % 3}").mkdir(exist_ok=True)
        pixels = rng.integers(0, 255, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((100, 80)).save(folder / f"kind{at % 3}" / f"{at}.png")
    shutil.copy(folder / "kind0" / "0.png", folder / "kind1" / "again.png")
    return folder


@pytest.fixture(scope="module")
def there(photos, tmp_path_factory) -> Path:
    return index(photos, tmp_path_factory.mktemp("there") / "index", with_=REP).out


def test_index_gives_the_json_of_the_command_line(photos, tmp_path, capsys) -> None:
    for more, given in [([], {}), (["--update"], {"update": True}), (["--remove"], {"remove": True})]:
        found = index(photos / "kind0" if given == {"remove": True} else photos, tmp_path / "a", with_=REP, **given)
        images = photos / "kind0" if more == ["--remove"] else photos
        line = printed(capsys, "index", images, "--out", tmp_path / "b", "--with", REP, *more)
        told = without_time(found.to_dict())
        assert (told.pop("out"), line.pop("out")) == (str(tmp_path / "a"), str(tmp_path / "b"))
        assert told == line and len(found.search_index) == line["metrics"]["images"]


def test_index_takes_image_sets_embeddings_and_arrays(photos, tmp_path) -> None:
    vectors = embed(photos, REP, cache=False)
    made = index(vectors, tmp_path / "vectors")
    assert made.done == {"new": 13} and made.search_index.count() == 13
    some = open_images(photos).subset(np.arange(4))
    assert index(some, tmp_path / "some", with_=REP).metrics["images"] == 4
    more = index(vectors, tmp_path / "some", add=True)
    assert (more.done["new"], more.done["replaced"]) == (9, 4)
    assert (
        index(np.eye(3, dtype=np.float32), tmp_path / "bare").search_index.search([0.0, 1.0, 0.0], 1)[0][0].score == 1
    )
    with pytest.raises(InputError, match="--update: expected a folder or table of images"):
        index(vectors, tmp_path / "some", update=True)
    with pytest.raises(InputError, match="expected one of them, got several"):
        index(photos, tmp_path / "some", update=True, add=True)


@pytest.mark.parametrize(
    "line, given",
    [
        (["kind0/0.png", "--id", "--top", 3], {"query": "kind0/0.png", "id": True, "top": 3}),
        (["PHOTOS/kind0", "--rerank", "qe"], {"query": "PHOTOS/kind0", "rerank": ["qe"]}),
        (["PHOTOS/kind0/0.png", "--box", "10,10,60,60"], {"query": "PHOTOS/kind0/0.png", "box": (10, 10, 60, 60)}),
        (
            ["PHOTOS/kind0/0.png", "PHOTOS/kind0/3.png", "--together", "--not", "PHOTOS/kind2/2.png"],
            {"query": ["PHOTOS/kind0/0.png", "PHOTOS/kind0/3.png"], "together": True, "not_": "PHOTOS/kind2/2.png"},
        ),
        (
            ["PHOTOS/kind0/0.png", "--where", "label = 'kind1'"],
            {"query": "PHOTOS/kind0/0.png", "where": "label = 'kind1'"},
        ),
    ],
)
def test_search_gives_the_json_of_the_command_line(line, given, photos, there, capsys) -> None:
    def named(value: object) -> object:
        if isinstance(value, list):
            return [named(one) for one in value]
        return value.replace("PHOTOS", str(photos)) if isinstance(value, str) else value

    found = search(there, **{name: named(value) for name, value in given.items()})
    assert without_time(found.to_dict()) == printed(capsys, "search", there, *named(line))


def test_a_query_is_a_path_a_picture_pixels_or_a_vector(photos, there, tmp_path) -> None:
    path = photos / "kind1" / "4.png"
    picture = Image.open(path)
    opened = SearchIndex.open(there)
    forms = [str(path), path, picture, np.asarray(picture), [picture], ImageSet([path], np.array(["q"]))]
    vector = embed([path], REP, cache=False).vectors
    for query in [*forms, vector, vector[0], vector[0].tolist(), embed([path], REP, cache=False)]:
        (hits,) = search(opened, query, top=2).hits
        assert hits[0].id == "kind1/4.png" and hits[0].score == pytest.approx(1, abs=1e-4)
    assert search(opened, [picture, np.asarray(picture)], top=1).metrics["queries"] == 2
    with pytest.raises(InputError, match="QUERY: expected images beside --box"):
        search(opened, vector, box=(0, 0, 9, 9))
    with pytest.raises(InputError, match="--at: expected the folder of an index"):
        search(opened, path, at=1)


def test_what_was_found_is_a_table_and_a_page(photos, there, tmp_path) -> None:
    found = search(there, photos / "kind1" / "4.png", top=3, out=tmp_path / "now.html")
    frame = found.to_pandas()
    assert list(frame.columns[:5]) == ["query", "place", "id", "score", "label"] and len(frame) == 3
    assert frame["id"][0] == "kind1/4.png" and str(found).splitlines()[-1] == f"pictures: {tmp_path / 'now.html'}"
    later = found.to_html(tmp_path / "later.html").read_text()
    assert later == (tmp_path / "now.html").read_text() and later.count('src="data:image/') >= 4
    assert "kind1" in found._repr_html_()


def test_search_eval_gives_the_json_of_the_command_line(there, tmp_path, capsys) -> None:
    found = search_eval(there, "labels", rerank="qe", out=tmp_path / "page.html")
    assert without_time(found.to_dict()) == printed(capsys, "search-eval", there, "labels", "--rerank", "qe")
    assert (
        len(found.to_pandas()) == found.metrics["queries"] and "Worst queries" in (tmp_path / "page.html").read_text()
    )
    assert without_time(search_eval(SearchIndex.open(there), "labels", rerank=["qe"]).to_dict())["results"]


def test_duplicates_give_the_json_of_the_command_line(photos, there, tmp_path, capsys) -> None:
    found = duplicates(there, out=tmp_path / "page.html")
    assert without_time(found.to_dict()) == printed(capsys, "duplicates", there)
    assert ["kind0/0.png", "kind1/again.png"] in found.told()["groups"]
    assert found.to_pandas()["why"][0] == "same bytes" and "regard-decisions" in (tmp_path / "page.html").read_text()
    alone = duplicates(photos)
    assert without_time(alone.to_dict()) == printed(capsys, "duplicates", photos)
    pixels = np.asarray(Image.open(photos / "kind1" / "4.png"))
    assert duplicates([pixels, pixels], kind=["identical"]).metrics["identical"] == 1
    with pytest.raises(InputError, match="INDEX: expected images, got vectors"):
        duplicates(np.eye(3))


def test_decisions_are_made_listed_and_taken_back(photos, tmp_path, capsys) -> None:
    there = index(photos, tmp_path / "index", with_=REP).out
    pair = ["kind0/0.png", "kind1/1.png"]
    assert duplicates(there, pair, decide="same").told()["pair"] == pair
    listed = duplicates(SearchIndex.open(there), decisions=True)
    assert without_time(listed.to_dict()) == printed(capsys, "duplicates", there, "--decisions")
    assert listed.told()["decisions"][0]["verdict"] == "same" and len(listed.to_pandas()) == 1
    file = tmp_path / "more.json"
    file.write_text(json.dumps({"decisions": [{"a": pair[0], "b": "gone.png", "verdict": "same"}]}))
    told = duplicates(there, decide=file, skip_gone=True)
    assert told.metrics["gone"] == 1 and "gone: gone.png" in str(told)
    assert duplicates(there, undo=tuple(pair)).metrics["remembered"] == 0


def test_whiten_gives_the_json_of_the_command_line(photos, tmp_path, capsys) -> None:
    found = whiten(photos, tmp_path / "a", with_=REP, pooling="gem", set_={"p": 2.0}, scales=(1, 0.71), dim=4)
    line = ["--pooling", "gem", "--set", "p=2.0", "--scales", "1,0.71", "--dim", "4"]
    told = printed(capsys, "whiten", photos, "--with", REP, "--out", tmp_path / "b", *line)
    mine = without_time(found.to_dict())
    assert (mine.pop("out"), told.pop("out")) == (str(tmp_path / "a"), str(tmp_path / "b")) and mine == told
    with pytest.raises(InputError, match="IMAGES: expected images, got vectors"):
        whiten(np.eye(3), tmp_path / "c")
    with pytest.raises(InputError, match="--scales: expected factors above 0"):
        whiten(photos, tmp_path / "c", scales=(0, 1))
    made = index(photos, tmp_path / "index", with_=found.representation)
    assert made.search_index.card["dim"] == 4
