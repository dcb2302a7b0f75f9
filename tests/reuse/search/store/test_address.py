"""A table that is elsewhere: an index whose folder holds the card alone, on an object store's address or on Qdrant."""

import json

import numpy as np
import pytest
from qdrant_client import QdrantClient

from regard.core.checks import InputError, RunError
from regard.representation.embeddings import Embeddings
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.store import address


def vectors(n=30, first=0, seed=0):
    x = np.random.default_rng([seed, first]).standard_normal((n, 8))
    ids = np.array([f"n{first + i}" for i in range(n)])
    return Embeddings(x, ids, np.where(np.arange(n) % 2, "odd", "even"))


@pytest.fixture(params=["qdrant", "lance"])
def place(request, tmp_path, monkeypatch):
    if request.param == "lance":
        (tmp_path / "bucket").mkdir()
        return f"file://{tmp_path / 'bucket'}/photos"
    client = QdrantClient(":memory:")  # the client's own mode: no server
    monkeypatch.setattr("qdrant_client.QdrantClient", lambda **_: client)
    return "qdrant:http://localhost:6333/photos"


def test_an_index_lives_elsewhere(tmp_path, place):
    known = vectors()
    index = SearchIndex.create(tmp_path / "index", known, store=place)
    assert [path.name for path in (tmp_path / "index").iterdir() if path.name != ".lock"] == ["card.json"]
    again = SearchIndex.open(tmp_path / "index")
    assert len(again) == 30 and again.search(known.vectors[3], 1)[0][0].id == "n3"
    assert again.add(vectors(5, 100)) == (5, 0) and len(index) == 35
    assert index.search(vectors(5, 100).vectors[2], 1)[0][0].id == "n102", "what another wrote is seen"
    assert {hit.label for hit in index.search(known.vectors[3], 9, "label = 'odd'")[0]} == {"odd"}
    assert index.remove(["n3"]) == 1 and again.search(known.vectors[3], 1)[0][0].id != "n3"
    index.maintain()
    assert index.search(known.vectors[4], 1, strategy="ivf")[0][0].id == "n4"


def test_what_is_there_is_not_overwritten(tmp_path, place):
    SearchIndex.create(tmp_path / "index", vectors(), store=place)
    with pytest.raises(InputError, match="--store: expected a new index"):
        SearchIndex.create(tmp_path / "index", vectors(), store=place, overwrite=True)
    with pytest.raises(InputError, match="there already|is empty"):
        SearchIndex.create(tmp_path / "other", vectors(), store=place)
    assert not (tmp_path / "other" / "card.json").exists()


def test_versions(tmp_path, place):
    index = SearchIndex.create(tmp_path / "index", vectors(), store=place)
    if place.startswith("qdrant"):
        with pytest.raises(InputError, match="a store that keeps versions"):
            index.tag("before")
        with pytest.raises(InputError, match="a store that keeps versions"):
            SearchIndex.open(tmp_path / "index", 1)
        return
    index.tag("before")
    index.remove(["n1"])
    assert len(SearchIndex.open(tmp_path / "index", "before")) == 30 and len(index) == 29


@pytest.mark.parametrize(
    "wrong", ["photos", "s3://", "qdrant:localhost", "qdrant:http://localhost:6333", "qdrant:http:/x/y"]
)
def test_addresses_of_no_known_form(tmp_path, wrong):
    with pytest.raises(InputError, match="--store: expected s3://BUCKET"):
        SearchIndex.create(tmp_path / "index", vectors(), store=wrong)


def test_a_server_that_does_not_answer(tmp_path):
    with pytest.raises(RunError, match="cannot be reached"):
        SearchIndex.create(tmp_path / "index", vectors(), store="qdrant:http://127.0.0.1:9/photos")
    SearchIndex.create(tmp_path / "here", vectors())
    card = json.loads((tmp_path / "here" / "card.json").read_text())
    (tmp_path / "here" / "card.json").write_text(json.dumps(card | {"store": "file:///nowhere/at/all"}))
    with pytest.raises(InputError, match="damaged or missing"):
        SearchIndex.open(tmp_path / "here", allow_host="file:///nowhere/at/all")


def test_without_the_client_it_says_what_to_install(tmp_path, monkeypatch):
    import builtins

    real = builtins.__import__

    def refusing(name, *args, **kwargs):
        if name == "qdrant_client":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refusing)
    with pytest.raises(InputError, match="pip install"):
        address.open_store("qdrant:http://localhost:6333/photos", tmp_path, named="localhost")
