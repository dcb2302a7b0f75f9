"""`regard evaluate` from end to end on folders of small pictures: one JSON object, a table, a page, and statuses."""

import json
import shutil

import pytest

from regard.cli import main
from regard.representation.representation import Representation


@pytest.fixture
def folders(class_folder, tmp_path):
    """The twelve pictures of each class as eight to learn from and four to score on, and a run."""
    for path in sorted(class_folder.glob("*/*.png")):
        part = "train" if int(path.stem) < 8 else "test"
        target = tmp_path / part / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    Representation.load("random:convnet4:9").save(tmp_path / "run")
    return tmp_path


def test_json_table_and_page(folders, capsys):
    on = [str(folders / "run"), "--on", str(folders / "train"), str(folders / "test")]
    short = ["--seeds", "2", "--shots", "1,2", "--finetune-steps", "2", "--quiet"]
    page = folders / "page.html"
    assert main(["evaluate", *on, *short, "--json", "--out", str(page)]) == 0
    shown = capsys.readouterr()
    result = json.loads(shown.out)
    assert {"metrics", "differences", "verdicts", "arms", "about", "notes", "set_aside", "out"} == result.keys()
    metrics = result["metrics"]
    assert metrics["train"] == 16 and metrics["test"] == 8 and metrics["majority"] == 0.5
    for measure in ("linear", "knn", "linear_best", "linear_1shot", "linear_2shot", "finetuned", "recall_at_1", "map"):
        assert {f"{arm}_{measure}" for arm in ("random", "rescaled", "run")} <= metrics.keys()
        assert {f"run_{measure}_gain{end}" for end in ("", "_low", "_high")} <= metrics.keys()
        assert result["verdicts"][measure] in ("gain", "loss", "too few to say")  # of two networks
    assert "Did pretraining help?" in page.read_text() and shown.err == ""

    assert main(["evaluate", *on, "--seeds", "2", "--shots", "", "--no-layers", "--no-finetune"]) == 0
    shown = capsys.readouterr()
    assert "run - random" in shown.out and "control" in shown.out and "evaluate: 5/5" in shown.err
    assert "fine-tuned" not in shown.out and "best layer" not in shown.out and "labels a class" not in shown.out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["run", "--on", "train", "train"], 2, "in train too"),
        (["run", "--on", "train"], 2, "--on"),
        (["run"], 2, "--on"),
        (["--on", "train", "test"], 2, "RUN"),
        (["train", "--on", "train", "test"], 2, "holds no finished representation"),
        (["elsewhere/run", "--on", "train", "test"], 2, "There is no such folder"),
        (["run", "--on", "train/along", "test"], 2, "without labels"),
        (["run", "--on", "train", "tset"], 2, "does not exist"),
        (["run", "--on", "train", "test", "--shots", "few"], 2, "--shots"),
        (["run", "--on", "train", "test", "--shots", "9"], 2, "at least 9 of each class"),
        (["run", "--on", "train", "test", "--seeds", "1"], 2, "--seeds"),
        (["run", "--on", "train", "test", "--out", "page.txt"], 2, ".html"),
    ],
)
def test_errors(arguments, status, message, folders, monkeypatch, capsys):
    monkeypatch.chdir(folders)
    assert main(["evaluate", *arguments]) == status
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith("regard: error: ") and message in shown.err
    assert shown.err.count("\n") == 1
