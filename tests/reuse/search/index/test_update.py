"""A collection in step with a folder: only what is new is embedded; moved files keep their vectors."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.pictures import save_noise
from regard.core.checks import InputError
from regard.data.sources import open_images
from regard.representation.embed import embed
from regard.representation.pipeline import open_pipeline
from regard.representation.representation import Representation
from regard.reuse.search.index import contents
from regard.reuse.search.index import update as module
from regard.reuse.search.index.contents import with_contents
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.index.update import update
from regard.reuse.search.store.protocol import vectors_in

NUMBERS = ("new", "changed", "moved", "copied", "removed", "unchanged", "relabelled", "set_aside")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save_noise(tmp_path / "photos", (f"{label}/{i}.png" for label in ("cat", "dog") for i in range(4)))


@pytest.fixture
def index(folder: Path, tmp_path: Path, rep: Representation) -> SearchIndex:
    return SearchIndex.create(tmp_path / "index", with_contents(embed(folder, rep, cache=False)))


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []

    def spy(images, *given, **more):
        seen.extend(str(name) for name in images.ids)
        return open_pipeline(images, *given, **more)

    monkeypatch.setattr(module, "open_pipeline", spy)
    return seen


def in_step(index: SearchIndex, folder: Path, rep: Representation) -> None:
    fresh = embed(folder, rep, cache=False)
    rows = index.store.get([str(name) for name in fresh.ids])
    assert rows.num_rows == len(fresh) == index.count()
    np.testing.assert_allclose(vectors_in(rows), fresh.vectors, atol=1e-6)
    assert rows.column("path").to_pylist() == fresh.columns["path"].tolist()
    assert rows.column("label").to_pylist() == fresh.labels.tolist()


def run(index: SearchIndex, folder: Path, rep: Representation, **more):
    return update(index, open_images(folder), rep, cache=False, **more)


def test_nothing_changed_nothing_read(index, folder, rep, embedded, monkeypatch) -> None:
    monkeypatch.setattr(contents, "read", None)
    found = run(index, folder, rep)
    assert found.as_dict() == {**dict.fromkeys(NUMBERS, 0), "unchanged": 8}
    assert not embedded


def test_new_changed_moved_and_gone(index, folder, rep, embedded) -> None:
    draw = np.random.default_rng(1)
    shutil.move(folder / "cat/0.png", folder / "dog/renamed.png")
    shutil.copy(folder / "cat/1.png", folder / "dog/copy.png")
    (folder / "dog/3.png").unlink()
    for name in ("cat/new.png", "cat/2.png"):
        Image.fromarray(draw.integers(0, 255, (32, 32, 3), np.uint8)).save(folder / name)
    found = run(index, folder, rep)
    assert sorted(embedded) == ["cat/2.png", "cat/new.png"]
    assert found.as_dict() == {
        "new": 1,
        "changed": 1,
        "moved": 1,
        "copied": 1,
        "removed": 1,
        "unchanged": 5,
        "relabelled": 0,
        "set_aside": 0,
    }
    in_step(index, folder, rep)
    assert run(index, folder, rep).as_dict()["unchanged"] == 9


def test_touched_files_are_read_but_not_embedded(index, folder, rep, embedded) -> None:
    for file in folder.rglob("*.png"):
        file.touch()
    assert run(index, folder, rep).unchanged == 8 and not embedded
    in_step(index, folder, rep)


def test_what_cannot_be_read_is_named_and_keeps_its_row(index, folder, rep) -> None:
    (folder / "cat/0.png").write_bytes(b"\x89PNG broken")
    (folder / "cat/1.png").write_bytes(b"")
    found = run(index, folder, rep)
    assert {Path(fault["path"]).name for fault in found.set_aside} == {"0.png", "1.png"}
    assert index.count() == 8 and found.unchanged == 6


def test_keeping_what_is_gone(index, folder, rep) -> None:
    (folder / "cat/0.png").unlink()
    assert run(index, folder, rep, remove=False).removed == 0 and index.count() == 8


def test_an_interrupted_update_goes_on(index, folder, rep, embedded, monkeypatch) -> None:
    draw = np.random.default_rng(2)
    for i in range(6):
        Image.fromarray(draw.integers(0, 255, (32, 32, 3), np.uint8)).save(folder / f"cat/new{i}.png")
    monkeypatch.setattr(module, "PIECE", 2)

    def stops(events):
        for event in events:
            if event.kind == "index" and event.step >= 4:
                raise KeyboardInterrupt
            yield event

    with pytest.raises(KeyboardInterrupt):
        run(index, folder, rep, watch=stops, batch=2)
    assert index.count() == 12
    embedded.clear()
    assert run(index, folder, rep).new == 2 and len(embedded) == 2
    in_step(index, folder, rep)


def test_another_representation_is_refused(index, folder) -> None:
    Image.fromarray(np.zeros((40, 40, 3), np.uint8) + 9).save(folder / "cat/new.png")
    with pytest.raises(InputError, match="as the index has"):
        run(index, folder, Representation.load("random:convnet4:7"))
    assert index.count() == 8


def test_a_folder_that_moved_as_a_whole_keeps_its_vectors_and_gets_new_paths(index, folder, rep, embedded) -> None:
    """As on another machine: ids, sizes and times are as they were."""
    there = folder.rename(folder.with_name("elsewhere"))
    assert run(index, there, rep).unchanged == 8 and embedded == []
    in_step(index, there, rep)


def test_what_was_set_aside_in_the_folder_is_counted_once(index, folder, rep, monkeypatch) -> None:
    draw = np.random.default_rng(3)
    for i in range(6):
        Image.fromarray(draw.integers(0, 255, (32, 32, 3), np.uint8)).save(folder / f"cat/new{i}.png")
    (folder / "cat/new5.png").write_bytes((folder / "cat/new4.png").read_bytes()[:200])  # is read and not decoded
    (folder / "cat/link.png").symlink_to("/etc/hostname")
    monkeypatch.setattr(module, "PIECE", 2)
    found = run(index, folder, rep)
    assert sorted(Path(fault["path"]).name for fault in found.set_aside) == ["link.png", "new5.png"]
    assert found.new == 5 and index.count() == 13


def test_progress_tells_of_every_batch_and_ends_at_the_total(index, folder, rep, monkeypatch) -> None:
    draw = np.random.default_rng(4)
    for i in range(5):
        Image.fromarray(draw.integers(0, 255, (32, 32, 3), np.uint8)).save(folder / f"cat/new{i}.png")
    seen: list[tuple[str, int, int]] = []

    def notes(events):
        for event in events:
            seen.append((event.kind, event.step, event.steps))
            yield event

    monkeypatch.setattr(module, "PIECE", 10)
    run(index, folder, rep, watch=notes, batch=2)
    looked, embedded = [("look", 10, 13), ("look", 13, 13)], [("index", step, 5) for step in (0, 2, 4, 5)]
    assert seen == [*looked, *embedded, ("done", 5, 5)]
