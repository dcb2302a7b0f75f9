"""`regard bet` from the first picture to the page, and again without learning anything anew."""

import json
import re
from pathlib import Path

import pytest

from regard.cli import main
from regard.data.annotations.voc_write import write_voc
from regard.data.scenes import scenes

SHORT = "--tasks rotation --protocols fast_rcnn --no-imagenet --size 32 --seeds 1 --steps 2 --json -q"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Annotated pictures in VOC's layout."""
    root = tmp_path_factory.mktemp("bets")
    for name, count, family in (("voc", 12, "a"), ("others", 5, "b")):
        write_voc(scenes(count, size=32, family=family), root / name)
    return root


def test_a_bet_end_to_end_and_again(given, monkeypatch, capsys) -> None:
    monkeypatch.chdir(given)
    monkeypatch.setenv("REGARD_CACHE", str(given / "cache"))
    line = f"bet voc --test others --out bet {SHORT}".split()
    assert main(line) == 0, capsys.readouterr().err
    first = json.loads(capsys.readouterr().out)
    assert first["outcomes"] == {"fast_rcnn": "too few to say"} and first["gelato"].startswith("Nobody")
    assert first["chosen"] == {"fast_rcnn": "rotation"}
    assert any("no rate was chosen, and rotation, the first of --tasks" in note for note in first["notes"])
    assert sorted(first["arms"]) == ["random", "rescaled", "rotation", "supervised"]
    assert {one["outside"] for one in first["arms"].values()} == {"no"}
    metrics = first["metrics"]
    assert metrics["train"] == 12 and metrics["test"] == 5 and metrics["fast_rcnn_matched"] is None
    assert 0 <= metrics["fast_rcnn_rotation_ap50"] <= 1
    folder = given / "bet"
    assert {one.name for one in (folder / "cells").iterdir()} == {f"fast_rcnn-{arm}-0.json" for arm in first["arms"]}
    assert (folder / "pretrain" / "rotation-0" / "model.safetensors").exists()  # a representation to be used
    assert not list((folder / "detect").rglob("*.safetensors")) and (folder / "proposals.npz").exists()
    assert (folder / "detect" / "fast_rcnn-random-0" / "metrics.json").exists()
    assert "puzzle" in (folder / "bet.html").read_text()

    def never(*_, **__):
        raise AssertionError("a training began anew")

    monkeypatch.setattr("regard.learning.run.training", never)
    (folder / "bet.html").unlink()
    assert main(line) == 0, capsys.readouterr().err
    second = json.loads(capsys.readouterr().out)
    clocked = {"metrics", "notes"}
    assert {k: v for k, v in second.items() if k not in clocked} == {k: v for k, v in first.items() if k not in clocked}
    assert {**second["metrics"], "seconds": 0} == {**metrics, "seconds": 0} and (folder / "bet.html").exists()
    text = (Path(__file__).parents[2] / "docs" / "verbs" / "bet.md").read_text()
    told = re.findall(r"^\| (`.*?`) \|", text, re.M)
    names = [name for row in told for name in re.findall(r"`([^`]+)`", row)]
    patterns = [re.sub("^METHOD", "[a-z_0-9]+", name) for name in names]
    unknown = [name for name in metrics if not any(re.fullmatch(one, name) for one in patterns)]
    assert unknown == []


@pytest.mark.parametrize(
    "more, word",
    [
        ("--tasks rotatoin", "rotation"),
        ("--budget huge", "--budget"),
        ("--steps 1,2,3", "--steps"),
        ("--steps 2 --minutes 3", "--steps"),
        ("--margin 0", "--margin"),
        ("--pictures 1", "--pictures"),
        ("--device tpu", "--device"),
        ("--pretrain nowhere", "--pretrain"),
        ("--test voc", "other pictures"),
    ],
)
def test_what_is_asked_wrongly_is_told_first(given, monkeypatch, capsys, more, word) -> None:
    monkeypatch.chdir(given)
    words = f"bet voc --test others --out wrong {more} --json -q".split()
    assert main(words) == 2
    shown = capsys.readouterr()
    assert word in shown.err and json.loads(shown.out)["error"] and not (given / "wrong").exists()
