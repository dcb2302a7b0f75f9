"""What a kill leaves beside a file is cleared by the next write there, and what is in use is not."""

import os
import stat
import subprocess
import sys

import pytest
import torch

from regard.core.leftovers import left_over, name_beside
from regard.core.storage import appearing, replacing, save_tensors, write_json
from regard.representation.embeddings import Embeddings


def gone() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_files_and_folders_of_dead_processes_go(tmp_path):
    dead, parent = gone(), os.getppid()
    for name in (f".a.json.{dead}-abcdef.tmp", f".b.{dead}.tmp", f".model.safetensors.{os.getpid()}-abcdef.tmp"):
        (tmp_path / name).write_text("half")
    (tmp_path / f".index.{dead}.tmp" / "inner").mkdir(parents=True)
    stay = [f".a.json.{parent}-abcdef.tmp", f".index.{os.getpid()}.tmp", ".notes.tmp", f"a.{dead}-abcdef.tmp"]
    stay += [f".a.json.{dead}-{'0' * 12}.tmp"]  # of another machine, a moment ago
    for name in stay:
        (tmp_path / name).write_text("in use")
    write_json(tmp_path / "other.json", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*stay, "other.json"])


def test_a_killed_writer_is_known_and_a_living_one_is_left(tmp_path):
    code = "import sys,time; from regard.core.storage import replacing\nwith replacing(sys.argv[1]) as b:"
    code += "\n b.write_text('half'); print(b, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "x"], stdout=subprocess.PIPE, text=True) as writer:
        beside = tmp_path / writer.stdout.readline().strip().rpartition("/")[2]
        write_json(tmp_path / "y", 1)
        assert beside.exists() and not left_over(beside)
        writer.kill()
        writer.wait()
    assert left_over(beside)
    write_json(tmp_path / "y", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["y"]


def test_names_beside_are_never_too_long(tmp_path):
    assert len(name_beside(tmp_path / ("é" * 127)).name.encode()) <= 255
    write_json(tmp_path / ("x" * 250), 1)


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_every_file_has_the_mode_of_any_new_one(tmp_path, mask):
    before = os.umask(mask)
    try:
        save_tensors(tmp_path / "model.safetensors", {"a": torch.zeros(2)})
        write_json(tmp_path / "card.json", {})
        for suffix in ("npz", "parquet"):
            Embeddings([[1.0]], ["a"]).save(tmp_path / f"v.{suffix}")
        (tmp_path / "theirs").touch()
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o666 & ~mask}, modes


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), appearing(tmp_path / "rep") as beside:
        (beside / "half").write_text("x")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    (tmp_path / "rep").mkdir()
    with appearing(tmp_path / "rep") as beside:
        (beside / "card.json").write_text("{}")
    assert [path.name for path in (tmp_path / "rep").iterdir()] == ["card.json"] and len(list(tmp_path.iterdir())) == 1


def test_a_write_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(OSError), replacing(tmp_path / "a") as beside:
        beside.unlink()
    assert not list(tmp_path.iterdir())
