"""Bad input gives a message and a status, never a silent figure."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.cli import main

SMALL = "random:timm:test_resnet"


def run(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    status = main([str(argument) for argument in arguments])
    seen = capsys.readouterr()
    return status, seen.out, seen.err


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """Two domains of embeddings from elsewhere, and files that are wrong in one way each."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6)), np.tile(["a", "b"], 20)
    x[y == "b"] += 2
    good = {"vectors": x, "ids": np.arange(40), "labels": y}
    files = {
        "source": good,
        "target": good | {"vectors": x + 0.5, "ids": np.arange(100, 140)},
        "nan": good | {"vectors": np.where(np.arange(240).reshape(40, 6) == 7, np.nan, x)},
        "wide": good | {"vectors": np.hstack([x, x]), "ids": np.arange(100, 140)},
        "one-class": good | {"labels": np.repeat("a", 40), "ids": np.arange(200, 240)},
        "strangers": good | {"labels": np.tile(["c", "d"], 20), "ids": np.arange(300, 340)},
        "unlabelled": {"vectors": x, "ids": np.arange(400, 440)},
        "short": good | {"ids": np.arange(39)},
    }
    for name, arrays in files.items():
        np.savez(tmp_path / f"{name}.npz", **arrays)
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("no image")
    for index in range(5):
        path = tmp_path / "deep" / "images" / "cat" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(path)
    return tmp_path


@pytest.mark.parametrize(
    "line, words",
    [
        ("embed none --out x.parquet", "does not exist"),
        ("embed empty --out x.parquet", "image"),
        ("embed texts --out x.parquet", ".txt"),
        ("embed deep --out x.csv", "--out"),
        ("embed deep --with resnet18 --out x.npz", "random:resnet18"),
        ("embed deep --out x.npz --shard 3", "--shard"),
        ("embed deep", "--out"),
        ("probe source.npz nan.npz", "NaN or infinity in 1 of 40 rows"),
        ("probe source.npz wide.npz", "12 dim"),
        ("probe one-class.npz target.npz", "class"),
        ("probe source.npz strangers.npz", "not in train"),
        ("probe source.npz unlabelled.npz", "labels"),
        ("probe source.npz source.npz", "in train too"),
        ("probe source.npz target.npz --shots five", "--shots"),
        ("probe source.npz target.npz --shots 30", "at least 30"),
        ("probe source.npz", "TEST"),
        ("probe deep/images --with random:convnet4", "1 class"),
        ("shift source.npz wide.npz", "12 dim"),
        ("shift source.npz text.npz", "cannot be read"),
        ("shift source.npz short.npz", "one value for each"),
        ("adapt source.npz target.npz --method corel", "Did you mean 'coral'"),
        ("adapt source.npz target.npz --method coral --set rag=1", "reg"),
        ("adapt source.npz target.npz --method coral --set reg", "name=value"),
        ("adapt source.npz strangers.npz --method coral", "classes"),
        ("adapt one-class.npz target.npz --method coral", "2 classes"),
        ("adapt unlabelled.npz target.npz --method coral", "labels"),
        ("adapt source.npz unlabelled.npz --method coral", "--out"),
        ("create deep/images --task simclr --out run", "image"),
        ("create builtin:digits --task jigsow --out run", "--task"),
        ("create builtin:digts --task simclr --out run", "Did you mean 'digits'"),
        ("create builtin:digits --task simclr --out run --epochs 1 --steps 3", "one of the three"),
        ("search empty query.png", "regard index"),
        ("index source.npz --out empty --add", "index"),
        ("embbed deep --out x.npz", "Did you mean 'embed'"),
        ("embed deep --out x.npz --precision fp8", "--precision"),
        ("methods adpt", "Did you mean 'adapt'"),
    ],
)
def test_message_and_status(vectors, capsys, monkeypatch, line, words):
    monkeypatch.chdir(vectors)
    before = sorted(vectors.rglob("*"))
    status, out, err = run(capsys, *line.split(" "))
    assert status == 2, err
    assert words in err and err.rstrip().splitlines()[-1].startswith("regard: error: "), err
    assert "Traceback" not in err and not out
    after = [path for path in sorted(vectors.rglob("*")) if path not in before]
    assert not after, "something half-written was left behind"


def test_json_errors_are_json_too(vectors, capsys, monkeypatch):
    monkeypatch.chdir(vectors)
    status, out, _ = run(capsys, "embed", "none", "--out", "x.npz", "--json")
    assert status == 2 and "does not exist" in json.loads(out)["error"]


def test_a_folder_with_three_corrupt_files_among_fifty_finishes_and_names_them(tmp_path, capsys):
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(50):
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(folder / f"{index:02}.png")
    (folder / "07.png").write_bytes(b"")
    (folder / "21.png").write_bytes((folder / "20.png").read_bytes()[:300])
    (folder / "33.png").write_bytes(b"this was never an image")
    status, out, err = run(capsys, "embed", folder, "--with", SMALL, "--out", tmp_path / "x.parquet", "--json")
    result = json.loads(out)
    assert status == 0, err
    assert result["metrics"]["images"] == 47 and result["metrics"]["set_aside"] == 3
    assert sorted(Path(row["path"]).name for row in result["set_aside"]) == ["07.png", "21.png", "33.png"]
    assert run(capsys, "embed", folder, "--with", SMALL, "--out", tmp_path / "y.parquet")[1].count("set aside:") == 3
    status, out, err = run(
        capsys, "create", folder, "--task", "rotation", "--out", tmp_path / "run", "--steps", 5, "--json"
    )
    assert status == 0, err
    named = {Path(row["path"]).name for row in json.loads(out)["set_aside"]}
    assert named == {"07.png", "21.png", "33.png"}


def test_unlabelled_targets_get_predictions(vectors, capsys, monkeypatch):
    monkeypatch.chdir(vectors)
    status, _, err = run(capsys, "adapt", "source.npz", "unlabelled.npz", "--method", "subspace", "--out", "p.csv")
    assert status == 0, err
    lines = (vectors / "p.csv").read_text().splitlines()
    assert len(lines) == 41 and lines[0] == '"id","label"' and lines[1].startswith('"400"')
