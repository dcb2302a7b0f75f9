import json

import pytest
from PIL import Image

from helpers.pictures import save_noise
from regard.cli import main
from regard.core.checks import InputError
from regard.reuse.pairs import open_pair


def put(root, *names):
    return save_noise(root, names, 12)


def parted(root, train="train", test="test", more=()):
    names = [f"{part}/{label}/{k}.png" for part in (train, test, *more) for label in ("cat", "dog") for k in range(4)]
    return put(root, *names)


@pytest.mark.parametrize("parts", [("train", "test"), ("Training", "dev"), ("train", "test", "val")])
def test_the_official_parts_are_never_mixed(tmp_path, parts):
    root = parted(tmp_path, parts[0], parts[1], parts[2:])
    known, notes, _ = open_pair(root, None, 0)
    assert {name.split("/")[0] for name in known.train.ids} == {parts[0]}
    assert {name.split("/")[0] for name in known.held_out.ids} == {parts[1]}
    assert len(notes) == 2 and all("column `split`" in note for note in notes)
    again, more, _ = open_pair(root, root, 0)  # and so where the parent is named twice
    assert again.train.ids.tolist() == known.train.ids.tolist() and more[1].startswith("TEST: 8 are of the part test")


def test_probe_of_a_parent_uses_its_parts(tmp_path, capsys):
    def run(*line):
        assert main([*map(str, line), "--quiet", "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    root, vectors, kind = parted(tmp_path / "set"), tmp_path / "set.npz", ("--with", "random:convnet4")
    found = run("probe", root, *kind)
    assert found["metrics"]["train"] == found["metrics"]["test"] == 8
    assert "column `split`" in found["notes"][0]
    run("embed", root, *kind, "--out", vectors)
    again = run("probe", vectors)
    assert again["metrics"]["train"] == again["metrics"]["test"] == 8 and again["notes"][:2] == found["notes"][:2]
    assert main(["probe", str(root), *kind, "--by", "split"]) == 2


@pytest.mark.parametrize(
    "train, test, hint",
    [
        ("cat dog", "Cat dog", "Is 'Cat' 'cat'"),
        ("007 8", "7 8", "Is '7' '007'"),
        ("red_car bus", "red car", "'red_car'"),
    ],
)
def test_classes_that_nearly_are_the_same_are_pointed_out(tmp_path, train, test, hint):
    names = [name for name in test.split(" ")] if test != "red car" else ["red car"]
    put(tmp_path, *(f"a/{name}/{k}.png" for name in train.split() for k in range(2)))
    (tmp_path / "t.csv").write_text("path,label\n" + "".join(f"b/{k}.png,{name}\n" for k, name in enumerate(names)))
    put(tmp_path, *(f"b/{k}.png" for k in range(len(names))))
    with pytest.raises(InputError, match=hint):
        open_pair(tmp_path / "a", tmp_path / "t.csv", 0)


@pytest.mark.parametrize("here, there", [("1", "1.0"), ("caf\u00e9", "cafe\u0301"), ("cat", " cat ")])
def test_classes_that_are_the_same_are_equal(tmp_path, here, there):
    put(tmp_path, *(f"a/{name}/{k}.png" for name in (here, "other") for k in range(2)), "b/0.png", "b/1.png")
    (tmp_path / "t.csv").write_text(f"path,label\nb/0.png,{there}\nb/1.png,other\n")
    put(tmp_path / "more", "b/0.png", "b/1.png", "c/0.png", "c/1.png")
    Image.new("RGB", (9, 9), "red").save(tmp_path / "b" / "0.png")
    Image.new("RGB", (9, 9), "lime").save(tmp_path / "b" / "1.png")
    known = open_pair(tmp_path / "a", tmp_path / "t.csv", 0)[0]
    assert set(known.held_out.classes) == set(known.train.classes)


def test_identities_with_gaps_are_held_out(tmp_path):
    put(tmp_path, *(f"{k}.png" for k in range(24)))
    rows = [f"{k}.png,{'ab'[k % 2]},{'' if k % 3 else k // 6}\n" for k in range(24)]
    (tmp_path / "t.csv").write_text("path,label,identity\n" + "".join(rows))
    known, notes, _ = open_pair(tmp_path / "t.csv", None, 0)
    assert 4 <= len(known.held_out) <= 8 and "were held out" in notes[0]
    sides = [set(part.columns["identity"]) - {""} for part in (known.train, known.held_out)]
    assert not sides[0] & sides[1]
