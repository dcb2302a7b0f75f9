"""No telemetry: the main work opens no connection and starts no process that could."""

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard import cli
from regard.representation import checksums
from regard.representation.embed import embed
from regard.representation.embeddings import Embeddings
from regard.representation.representation import Representation
from regard.reuse.search.index.search_index import SearchIndex

SCRIPT = """
import os, socket, sys

seen = []
def record(what, real):
    def call(*arguments, **more):
        import traceback
        seen.append((what, traceback.format_stack(limit=4)))
        return real(*arguments, **more)
    return call
os.fork = record("fork", os.fork)
socket.socket.connect = record("connect", socket.socket.connect)
socket.getaddrinfo = record("look-up", socket.getaddrinfo)

from regard import Embeddings, SearchIndex, create, embed
from regard.data.builtin import builtin

images = builtin("digits").subset(slice(0, 64))
vectors = embed(images).embeddings
index = SearchIndex.create(sys.argv[1] + "/index", vectors)
index.search(vectors.vectors[:2], top=3)
create(images, task="rotation", out=sys.argv[1] + "/run", steps=2, batch=8)
assert vectors.card["runner"].startswith("openvino"), vectors.card
print(len(seen), seen)
"""


def test_nothing_is_sent(tmp_path):
    # as if OpenVINO had never run here: it remembers a choice, but not whether it reported
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=os.environ | {"HOME": str(tmp_path), "REGARD_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0 "), done.stdout


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """An index, a representation, pictures, a table and vectors, as somebody may hand them over."""
    folder = tmp_path_factory.mktemp("things")
    draw = np.random.default_rng(0)
    for label in ("one", "two"):
        (folder / "photos" / label).mkdir(parents=True)
        for k in range(6):
            picture = draw.integers(0, 255, (40, 40, 3), np.uint8)
            Image.fromarray(picture).save(folder / "photos" / label / f"{k}.png")
    rep = Representation.load("random:timm:test_resnet")
    rep.save(folder / "rep")
    vectors = embed(folder / "photos", folder / "rep", cache=False)
    vectors.save(folder / "v.npz")
    SearchIndex.create(folder / "ix", vectors)
    return folder


PLACE = "http://127.0.0.1:{port}/x"


def change(path, **said):
    held = json.loads(path.read_text())
    path.write_text(json.dumps(held | said))


def card_of_index(**said):
    return lambda folder, place: change(folder / "ix" / "card.json", **{k: v.format(place) for k, v in said.items()})


def config_of_representation(**said):
    def spoil(folder, place):
        path = folder / "rep" / "config.json"
        held = json.loads(path.read_text())
        for key, value in said.items():
            value = json.loads(json.dumps(value).replace("{}", place))
            held[key] = held.get(key, {}) | value if isinstance(value, dict) else value
        path.write_text(json.dumps(held))
        card = json.loads((folder / "rep" / "card.json").read_text())
        card.pop(checksums.KEY)  # as of a folder that timm wrote
        (folder / "rep" / "card.json").write_text(json.dumps(card))

    return spoil


def paths(folder, place):
    rows = "".join(f"{where},{label}\n" for where in (f"{place}/a.png", "//127.0.0.1/share/a.png") for label in "ab")
    (folder / "table.csv").write_text(
        "path,label\n" + rows + f"{folder}/photos/one/0.png,a\n{folder}/photos/two/0.png,b\n"
    )
    known = Embeddings.load(folder / "v.npz")
    gone = np.array([f"{place}/{k}.png" for k in range(len(known))])
    spoilt = Embeddings(known.vectors, known.ids, known.labels, known.card, {**known.columns, "path": gone})
    spoilt.save(folder / "v.npz")
    shutil.rmtree(folder / "ix")
    SearchIndex.create(folder / "ix", spoilt)


FOREIGN = {
    "a server": card_of_index(store="qdrant:{}"),
    "a bucket": card_of_index(store="s3://bucket/x"),
    "LanceDB's cloud": card_of_index(store="db://x"),
    "a hub": card_of_index(store="hf://datasets/x/y"),
    "weights of timm": card_of_index(loaded_from="timm:resnet10t.c3_in1k"),
    "weights of torchvision": card_of_index(loaded_from="torchvision:squeezenet1_1"),
    "a hub's weights": card_of_index(loaded_from="timm:hf-hub:evil/model"),
    "an address as representation": card_of_index(loaded_from="{}", representation="{}"),
    "paths": paths,
    "where weights are": config_of_representation(
        pretrained_cfg={"url": "{}", "hf_hub_id": "evil/model", "source": "url", "file": "{}"}
    ),
    "a network of a hub": config_of_representation(architecture="hf-hub:evil/model"),
    "arguments of a network": config_of_representation(model_args={"pretrained": True, "checkpoint_path": "{}"}),
    "another configuration": config_of_representation(model_args={"pretrained_cfg": {"url": "{}"}, "cache_dir": "{}"}),
    "torchvision's weights": config_of_representation(
        architecture="squeezenet1_1", regard={"library": "torchvision"}, model_args={"weights": "DEFAULT"}
    ),
    "torchvision's weights of old": config_of_representation(
        architecture="squeezenet1_1", regard={"library": "torchvision"}, model_args={"pretrained": True}
    ),
}

VERBS = {
    "search": "search {f}/ix {f}/photos/one/0.png --rerank spatial --out {f}/a.html",
    "search by vectors": "search {f}/ix {f}/v.npz --out {f}/b.html",
    "search-eval": "search-eval {f}/ix labels",
    "duplicates": "duplicates {f}/ix --out {f}/c.html",
    "index": "index {f}/table.csv --out {f}/new --with {f}/rep",
    "index --add": "index {f}/photos --out {f}/ix --add",
    "index --update": "index {f}/photos --out {f}/ix --update --regions",
    "index --remove": "index {f}/photos --out {f}/ix --remove",
    "index-upgrade": "index-upgrade {f}/ix --with {f}/rep --pairs 8 --out {f}/up",
    "embed": "embed {f}/table.csv --with {f}/rep --out {f}/w.npz",
    "probe": "probe {f}/v.npz {f}/table.csv --with {f}/rep",
    "whiten": "whiten {f}/photos --with {f}/rep --out {f}/white",
    "finetune": "finetune {f}/table.csv {f}/table.csv --steps 1 --with {f}/rep --out {f}/fine",
    "evaluate": "evaluate {f}/rep --on {f}/table.csv {f}/table.csv --no-finetune --no-layers",
    "shift": "shift {f}/table.csv {f}/photos --with {f}/rep",
    "adapt": "adapt {f}/table.csv {f}/photos --method coral --with {f}/rep",
    "compare-adapt": "compare-adapt {f}/table.csv {f}/photos --methods coral --no-auto --with {f}/rep",
    "create": "create {f}/table.csv --task labels --backbone convnet4 --steps 1 --out {f}/run",
    "predict": "predict {f}/rep {f}/table.csv",
    "export": "export {f}/rep --format timm --out {f}/exported",
    "detect": "detect train {f}/table.csv --with {f}/rep --steps 1 --out {f}/boxes",
    "compare": "compare {f}/table.csv {f}/photos --with {f}/rep --with random --task retrieve --seeds 3",
    "history": "history {f}/photos --networks alexnet --no-classic --seeds 1 --steps 1 --out {f}/line",
    "bet": "bet {f}/photos --out {f}/bet",
    "learn": "learn {f}/table.csv --with {f}/rep --method ncm --out {f}/learned",
    "play": "play {f}/days.toml --with {f}/rep --methods ncm --seeds 1 --out {f}/plays",
    "lineage": "lineage {f}/rep",
    "robustness": "robustness {f}/rep {f}/photos --train {f}/photos --corruptions fog --severities 1",
    "decompose": "decompose {f}/v.npz {f}/table.csv --with {f}/rep --cuts 3",
    "look": "look {f}/rep {f}/photos --units 1 --images 1 --out {f}/look.html",
    "next": "next {f}/table.csv --from {f}/rep",
    "instances": "instances evaluate {f}/rep {f}/photos",
    "segment": "segment predict {f}/rep {f}/photos",
    "boxes3d": "boxes3d predict {f}/rep {f}/photos",
    "depth": "depth predict {f}/rep {f}/photos",
}
BUILT_IN = {"demo", "methods"}  # nobody hands them anything


def test_every_verb_is_tried():
    assert set(cli.verbs()) <= BUILT_IN | {line.split()[0] for line in VERBS.values()}


@pytest.fixture
def seen(monkeypatch):
    """What is asked for: in Python, and of a listener that stands in for proxies and clouds, which other code uses."""
    asked = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    port = listener.getsockname()[1]
    here = f"http://127.0.0.1:{port}"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "AWS_ENDPOINT", "AWS_ENDPOINT_URL", "HF_ENDPOINT"):
        monkeypatch.setenv(name, here)
        monkeypatch.setenv(name.lower(), here)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("LANCEDB_API_KEY", "SECRET")
    monkeypatch.setenv("QDRANT_API_KEY", "SECRET")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)

    def refused(what):
        def call(*given, **_):
            asked.append((what, str(given[-1])))
            raise OSError(errno.ENETUNREACH, "Network is unreachable")

        return call

    monkeypatch.setattr("socket.socket.connect", refused("connect"))
    monkeypatch.setattr("socket.getaddrinfo", refused("look-up"))
    yield port, asked
    with listener, suppress(TimeoutError):
        while True:
            listener.accept()[0].close()
            asked.append(("listener", ""))


@pytest.mark.parametrize("what", FOREIGN)
def test_no_verb_contacts_what_a_foreign_folder_names(things, tmp_path, what, seen, monkeypatch, capfd):
    port, asked = seen
    folder = Path(shutil.copytree(things, tmp_path / "f"))
    rows = [f"{folder}/photos/{label}/{k}.png,{label}" for label in ("one", "two") for k in range(6)]
    (folder / "table.csv").write_text("\n".join(["path,label", *rows, ""]))
    (folder / "days.toml").write_text('[[tasks]]\nname = "day"\ntrain = "table.csv"\nchunk = 6\n')
    FOREIGN[what](folder, PLACE.format(port=port))
    monkeypatch.setattr("torch.hub._hub_dir", str(tmp_path / "hub"), raising=False)
    touched = {"card_of_index": "/ix", "config_of_representation": "/rep"}.get(
        FOREIGN[what].__qualname__.split(".")[0], ""
    )
    codes = {}
    for line in VERBS.values():
        if touched in line and line.split()[0] in cli.verbs():
            codes[line] = cli.main([*(part.format(f=folder) for part in line.split()), "--json", "--quiet"])
            assert not asked, (line, asked)
    assert set(codes.values()) <= {0, 1, 2} and len(codes) > 4
    assert "Traceback" not in capfd.readouterr().err
