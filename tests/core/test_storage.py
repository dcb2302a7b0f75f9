import json

import numpy as np
import pytest
import torch

from regard.core import storage
from regard.core.checks import InputError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    storage.write_json(path, {"x": 1})
    with pytest.raises(RuntimeError), storage.replacing(path) as beside:
        beside.write_text("half")
        raise RuntimeError("killed")
    assert storage.read_json(path) == {"x": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_json_holds_plain_values_only(tmp_path):
    storage.write_json(tmp_path / "a.json", {"n": np.int64(3), "x": np.array([0.5, np.nan]), "p": tmp_path})
    assert json.loads((tmp_path / "a.json").read_text()) == {"n": 3, "x": [0.5, None], "p": str(tmp_path)}


def test_damaged_files_are_named(tmp_path):
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "bad.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(InputError, match="bad.json"):
        storage.read_json(tmp_path / "bad.json")
    with pytest.raises(InputError, match="bad.safetensors"):
        storage.load_tensors(tmp_path / "bad.safetensors")
    with pytest.raises(InputError, match="does not exist"):
        storage.load_tensors(tmp_path / "none.safetensors")


def test_tensors_round_trip_with_shared_and_strided_memory(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    tensors = {"a": base, "b": base.T, "c": base[0], "n": torch.tensor(7)}
    storage.save_tensors(tmp_path / "t.safetensors", tensors)
    found = storage.load_tensors(tmp_path / "t.safetensors")
    assert all(torch.equal(found[key], tensors[key]) for key in tensors)


def test_hashes_see_names_types_shapes_and_bytes(tmp_path):
    x = torch.arange(4.0)
    seen = {
        storage.hash_tensors(t)
        for t in ({"a": x}, {"b": x}, {"a": x.double()}, {"a": x.reshape(2, 2)}, {"a": x + 1}, {})
    }
    assert len(seen) == 6
    assert storage.hash_tensors({"a": x, "b": x}) == storage.hash_tensors({"b": x, "a": x})
    (tmp_path / "f").write_bytes(b"abc")
    assert storage.hash_file(tmp_path / "f") == "06b05ab6733a618578af5f94892f3950"  # XXH3 of "abc", its authors' value
    assert storage.hash_json({"a": 1, "b": 2}) == storage.hash_json({"b": 2, "a": 1})


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x"])
def test_paths_stay_inside(tmp_path, name):
    with pytest.raises(InputError, match="inside"):
        storage.inside(tmp_path, name)


def test_links_cannot_leave_the_root(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(InputError):
        storage.inside(tmp_path / "root", "link/secret")


def test_new_folder_refuses_what_belongs_to_others(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="other files"):
        storage.new_folder("--out", tmp_path / "mine")
    assert storage.new_folder("--out", tmp_path / "new").is_dir()
