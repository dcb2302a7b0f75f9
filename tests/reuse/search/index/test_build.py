"""An index built piece by piece: as one made at once, whole or not there, going on where it was killed."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from helpers.pictures import save_noise
from regard.core.checks import InputError, RunError
from regard.data.sources import open_images
from regard.representation.embed import embed
from regard.representation.pipeline import open_pipeline
from regard.reuse.search.index import build as module
from regard.reuse.search.index import update as updating
from regard.reuse.search.index.build import build
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.store.protocol import vectors_in

SMALL = "random:convnet4"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """25 images, in pieces of 10."""
    for one in (module, updating):
        monkeypatch.setattr(one, "PIECE", 10)
    return save_noise(tmp_path / "photos", (f"{'cat' if i % 2 else 'dog'}/{i:02d}.png" for i in range(25)))


def rows(index):
    return index.store.scan(["id", "label", "path", "content", "vector"]).sort_by("id")


def test_it_is_as_one_made_at_once(tmp_path, folder):
    index, done = build(tmp_path / "index", open_images(folder), SMALL)
    whole = embed(folder, SMALL, cache=False)
    found = rows(index)
    order = np.argsort(whole.ids)
    assert found.column("id").to_pylist() == whole.ids[order].tolist()
    assert found.column("label").to_pylist() == whole.labels[order].tolist()
    np.testing.assert_allclose(vectors_in(found), whole.vectors[order], atol=1e-6)
    assert all(found.column("content").to_pylist()) and done.set_aside == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "photos"]


def test_images_that_cannot_be_read_are_named_once(tmp_path, folder):
    for name in sorted(folder.rglob("*.png"))[:11]:
        name.write_bytes(b"nothing")
    index, done = build(tmp_path / "index", open_images(folder), SMALL)
    assert len(index) == 14 and len(done.set_aside) == 11
    for name in folder.rglob("*.png"):
        name.write_bytes(b"nothing")
    with pytest.raises(InputError, match="can be read"):
        build(tmp_path / "other", open_images(folder), SMALL)
    assert not (tmp_path / "other").exists()


def test_what_fails_is_gone_on_with_and_what_was_there_stays(tmp_path, folder, monkeypatch):
    old, _ = build(tmp_path / "index", open_images(folder).subset(range(3)), SMALL)
    embedded = []

    def stops(events):
        for event in events:
            if event.kind == "index":
                raise KeyboardInterrupt
            yield event

    def counting(images, *given, **more):
        embedded.append(len(images))
        return open_pipeline(images, *given, **more)

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "index", open_images(folder), SMALL, overwrite=True, cache=False, watch=stops)
    assert len(SearchIndex.open(tmp_path / "index")) == 3, "the old one stands until the new one is whole"
    monkeypatch.setattr(module, "embed", None)
    monkeypatch.setattr(updating, "open_pipeline", counting)
    index, _ = build(tmp_path / "index", open_images(folder), SMALL, overwrite=True, cache=False)
    assert len(index) == 25 and embedded == [15], "the first ten were not embedded again"


def test_another_kind_of_leftover_is_cleared_away(tmp_path, folder):
    build(tmp_path / ".index.partial", open_images(folder).subset(range(5)), "random:convnet4:7")
    index, _ = build(tmp_path / "index", open_images(folder), SMALL)
    assert len(index) == 25 and not (tmp_path / ".index.partial").exists()


def test_one_at_a_time(tmp_path, folder):
    with module.alone(tmp_path / ".index.partial"), pytest.raises(RunError, match="another process is making"):
        build(tmp_path / "index", open_images(folder), SMALL)


def test_killed_on_the_command_line_it_goes_on(tmp_path, own_cache):
    draw = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for i in range(60):
        Image.fromarray(draw.integers(0, 255, (400, 400, 3), np.uint8)).save(tmp_path / f"photos/{i:02d}.png")
    line = [sys.executable, "-c", KILLED, str(tmp_path / "photos"), str(tmp_path / "index")]
    process = subprocess.Popen(
        line, env=os.environ | {"REGARD_CACHE": str(own_cache)}, stdout=subprocess.PIPE, text=True
    )
    while process.stdout.readline().strip() != "index 16":  # in the middle: a few pieces are written
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "index" / "card.json").exists() and (tmp_path / ".index.partial" / "card.json").exists()
    done = subprocess.run(line, env=os.environ | {"REGARD_CACHE": str(own_cache)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first = next(line for line in done.stdout.splitlines() if line.startswith("index"))
    assert first == "index 0" and "index 52" not in done.stdout, "fewer were left than after the first piece"
    assert len(SearchIndex.open(tmp_path / "index")) == 60 and not (tmp_path / ".index.partial").exists()


KILLED = """
import sys, time
from regard.data.sources import open_images
from regard.reuse.search.index import build as module, update
module.PIECE = update.PIECE = 8

def watch(events):
    for event in events:
        print(event.kind, event.step, flush=True)
        time.sleep(0.1)
        yield event

module.build(sys.argv[2], open_images(sys.argv[1]), "random:timm:test_resnet", watch=watch, cache=False)
"""
