"""What a card says is contacted is not, unless the user said the same; and keys go nowhere else."""

import http.server
import json
import shutil
import threading
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
import pytest
import torch

from regard.backbones.offline import nothing_fetched
from regard.core.checks import InputError, RunError
from regard.representation.embeddings import Embeddings
from regard.representation.representation import Representation
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.store.allowed import check_allowed, confirm, confirmed, origin_of
from regard.reuse.search.store.lance import LanceStore


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    vectors = Embeddings(np.eye(8, dtype=np.float32), np.array([f"i{k}" for k in range(8)]))
    return SearchIndex.create(tmp_path_factory.mktemp("made") / "ix", vectors).folder


@pytest.fixture
def index(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "ix"))


def say(folder, **said):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | said))


@pytest.fixture
def server(request):
    """A server that keeps what it is asked, and answers with `request.param` (status, headers)."""
    status, headers = getattr(request, "param", (404, {}))
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, dict(self.headers)))
            self.send_response(status)
            for name, value in {"content-length": "2", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_PUT = do_GET

        def log_message(self, *_):
            pass

    held = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=held.serve_forever, daemon=True)
    thread.start()
    yield held.server_port, seen
    held.shutdown()
    held.server_close()
    thread.join()


def test_a_cards_server_is_asked_only_where_the_user_names_it(index, server, monkeypatch):
    port, seen = server
    monkeypatch.setenv("QDRANT_API_KEY", "SECRET")
    say(index, store=f"qdrant:http://127.0.0.1:{port}/x")
    for named in (None, "localhost", f"127.0.0.1:{port + 1}", "s3://127.0.0.1", f"https://127.0.0.1:{port}", "", "127"):
        with pytest.raises(InputError, match=rf"add --allow-host http://127\.0\.0\.1:{port}$"):
            SearchIndex.open(index, allow_host=named)
    assert not seen
    for named in ("127.0.0.1", f"127.0.0.1:{port}", f"http://127.0.0.1:{port}", f"qdrant:http://127.0.0.1:{port}/y"):
        with pytest.raises((InputError, RunError), match="collection 'x'"):
            SearchIndex.open(index, allow_host=named)
        assert seen.pop()[1]["api-key"] == "SECRET" and not seen
    with pytest.raises(InputError, match="Nothing was contacted"):
        SearchIndex.open(index)


ADDRESSES = [
    "s3://bucket/x",
    "gs://bucket/x",
    "az://box/x",
    "file:///net/host/x",
    "qdrant:https://example.org/x",
    "qdrant:http://[::1]:6333/x",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_kind_of_address_waits_for_the_user(index, address, monkeypatch):
    monkeypatch.setattr("lancedb.connect", lambda place, **_: pytest.fail(f"{place} was contacted"))
    monkeypatch.setattr("qdrant_client.QdrantClient", lambda **_: pytest.fail("contacted"))
    say(index, store=address)
    with pytest.raises(InputError, match="Nothing was contacted. If you trust it, add --allow-host"):
        SearchIndex.open(index)
    check_allowed(address, origin_of(address))
    confirm(address)
    check_allowed(address)
    check_allowed(address.replace("/x", "/another") if "file" not in address else address)
    for other in ADDRESSES:
        if other != address:
            with pytest.raises(InputError, match="Nothing was contacted"):
                check_allowed(other)


@pytest.mark.parametrize(
    "address",
    [
        *("db://x", "hf://datasets/x/y", "memory://x", "http://h/x", "https://h/x", "ftp://h/x", "s3+ddb://b/x"),
        *("qdrant:", "qdrant:ftp://h/x", "qdrant:http://good.org@evil.org/x", "qdrant:http://evil.org#.good.org/x"),
        *(
            "qdrant:http://evil.org\\.good.org/x",
            "qdrant:http://h:99999/x",
            "qdrant:http://h/a/x",
            "qdrant:http://h /x",
        ),
        *("qdrant:http://h/..", "qdrant:http://\u0430pple.com/x", "qdrant::memory:/x", "QDRANT:http://h/x"),
        *("s3://good@evil/x", "s3://bucket/x?endpoint=http://evil.org", "s3://b/../x", "s3://b/x#y", "s3://b\\c/x"),
        *(
            "S3://bucket/x",
            "file://host/x",
            "file:///",
            "s3://",
            "\\\\host\\share",
            "//host/share",
            "photos",
            "s3:/b/x",
        ),
        *(7, ["s3://b/x"], {"a": 1}, True),
    ],
)
def test_no_other_address_is_followed(index, address, monkeypatch):
    monkeypatch.setattr("lancedb.connect", lambda place, **_: pytest.fail(f"{place} was contacted"))
    say(index, store=address)
    for named in (None, str(address), "evil.org", "h"):
        with pytest.raises(InputError, match="--store: expected s3://BUCKET|store: expected text"):
            SearchIndex.open(index, allow_host=named)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"confirmed": 3}', '{"confirmed": [1, null, {}]}', "[" * 10_000, "\0"]
)
def test_a_damaged_list_of_confirmed_ones_confirms_nothing_and_is_written_anew(own_cache, text):
    (own_cache / "settings").mkdir()
    (own_cache / "settings" / "stores.json").write_text(text)
    assert confirmed() == set()
    confirm("s3://bucket/x")
    assert confirmed() == {"s3://bucket"}


def test_where_nothing_can_be_written_one_is_asked_again(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REGARD_CONFIG", str(tmp_path / "file" / "below"))
    confirm("s3://bucket/x")
    assert confirmed() == set()


def test_what_the_user_made_is_opened_again_and_the_list_is_not_in_the_index(tmp_path, own_cache):
    (tmp_path / "bucket").mkdir()
    place = f"file://{tmp_path / 'bucket'}/photos"
    SearchIndex.create(tmp_path / "ix", Embeddings(np.eye(2), np.array(["a", "b"])), store=place)
    assert len(SearchIndex.open(tmp_path / "ix")) == 2 and confirmed() == {place}
    (own_cache / "settings" / "stores.json").unlink()  # as on another machine
    with pytest.raises(InputError, match="Nothing was contacted"):
        SearchIndex.open(tmp_path / "ix")
    assert len(SearchIndex.open(tmp_path / "ix", allow_host=place)) == 2


@pytest.mark.parametrize(
    "host", ["example.org", "10.0.0.7", "localhost.example.org", "127.0.0.1.example.org", "0.0.0.0"]
)
def test_a_key_does_not_go_in_the_clear(index, host, monkeypatch):
    monkeypatch.setattr("qdrant_client.QdrantClient", lambda **_: pytest.fail("contacted"))
    monkeypatch.setenv("QDRANT_API_KEY", "SECRET")
    say(index, store=f"qdrant:http://{host}/x")
    with pytest.raises(InputError, match="QDRANT_API_KEY would go over the network in the clear"):
        SearchIndex.open(index, allow_host=host)


@pytest.mark.parametrize("server", [(307, {"location": "http://localhost:{port}/elsewhere"})], indirect=True)
def test_a_redirect_does_not_take_the_key_along(index, server, monkeypatch):
    port, seen = server
    monkeypatch.setenv("QDRANT_API_KEY", "SECRET")
    say(index, store=f"qdrant:http://127.0.0.1:{port}/x")
    with pytest.raises(RunError, match="cannot be reached"):
        SearchIndex.open(index, allow_host="127.0.0.1")
    assert len(seen) == 1 and "elsewhere" not in seen[0][0]


def test_a_proxy_does_not_get_the_key_of_a_server_on_this_machine(index, server, monkeypatch):
    port, seen = server
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    monkeypatch.setenv("QDRANT_API_KEY", "SECRET")
    say(index, store="qdrant:http://127.0.0.1:9/x")
    with pytest.raises(RunError, match="cannot be reached"):
        SearchIndex.open(index, allow_host="127.0.0.1")
    assert not seen


@pytest.mark.parametrize("part", [".", "regions"])
def test_a_table_that_reads_from_elsewhere_is_refused(index, part, tmp_path):
    """A shallow copy names where its data are: another folder here, any bucket or server in one that was made up."""
    folder = index / part
    (folder).mkdir(exist_ok=True)
    if (folder / "vectors.lance").exists():
        (folder / "vectors.lance").rename(tmp_path / "vectors.lance")
    else:
        LanceStore.create(tmp_path, LanceStore.open(index).schema)
    lancedb.connect(str(folder)).clone_table("vectors", str(tmp_path / "vectors.lance"))
    (index / "files.json").unlink()
    with pytest.raises(InputError, match="names other places to read from"):
        LanceStore.open(folder)


def test_a_table_that_has_something_embed_for_it_is_refused(tmp_path):
    schema = pa.schema({"id": pa.string(), "vector": pa.list_(pa.float32(), 4)}, {"embedding_functions": "[]"})
    lancedb.connect(str(tmp_path)).create_table("vectors", schema=schema)
    with pytest.raises(InputError, match="not regard's"):
        LanceStore.open(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("timm:resnet10t.c3_in1k", "torchvision:squeezenet1_1", "timm:hf-hub:evil/model"),
        *("hf-hub:evil/model", "timm:local-dir:/x", "http://evil.org/x", "hf_hub:evil/model", "timm:test_vit"),
    ],
)
def test_a_card_fetches_no_weights(index, name, monkeypatch):
    def refused(*_, **__):
        raise AssertionError("contacted")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("socket.socket.connect", refused)
    monkeypatch.setattr("socket.getaddrinfo", refused)
    monkeypatch.setattr("torch.hub._hub_dir", str(index / "nothing"), raising=False)
    say(index, loaded_from=name, representation=name)
    with pytest.raises(InputError, match="--with: expected the one that made the index's vectors") as told:
        SearchIndex.open(index).search_images([np.zeros((32, 32, 3), np.uint8)])
    assert "contacted" not in str(told.value.__cause__)
    if name in ("timm:resnet10t.c3_in1k", "torchvision:squeezenet1_1"):
        assert f"if you trust the index: --with {name}" in str(told.value)


def test_weights_that_are_on_this_machine_are_found(monkeypatch, tmp_path):
    monkeypatch.setattr("torch.hub._hub_dir", str(tmp_path), raising=False)
    import torchvision

    (tmp_path / "checkpoints").mkdir()
    weights = torchvision.models.get_model_weights("squeezenet1_1").DEFAULT
    state = torchvision.models.squeezenet1_1().state_dict()
    torch.save(state, tmp_path / "checkpoints" / weights.url.rpartition("/")[2])
    monkeypatch.setattr("torch.hub.HASH_REGEX", __import__("re").compile("(never)"))
    with nothing_fetched():
        assert Representation.load("torchvision:squeezenet1_1").encoder.num_features == 512
