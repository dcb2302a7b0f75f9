"""`regard whiten` on the command line: what it writes, what it says, what it refuses."""

import json

import numpy as np
import pytest

from helpers.program import run_json as run
from regard import cli
from regard.representation.embeddings import Embeddings
from regard.representation.representation import Representation

SMALL = "random:timm:test_resnet"


def test_the_folder_is_a_representation_for_index_and_search(tmp_path, capsys):
    rep, index = tmp_path / "rep", tmp_path / "index"
    found = run(capsys, "whiten", "builtin:faces", "--with", SMALL, "--pooling", "gem", "--dim", 16, "--out", rep)
    assert found["metrics"]["dim"] == 16 and found["metrics"]["images"] == 200
    assert found["worth"]["verdict"] in ("gain", "no gain", "loss") and found["worth"]["asked"] == "crops"
    card = json.loads((rep / "card.json").read_text())
    assert card["worth"] == found["worth"] and card["whitened"]["images"] == 200
    assert Representation.load(rep).pooled.name == "gem"
    run(capsys, "index", "builtin:faces", "--with", rep, "--out", index)
    hits = run(capsys, "search", index, "builtin:faces", "--top", 1)["results"]
    assert all(one["hits"][0]["id"] == one["query"] for one in hits)
    run(capsys, "embed", "builtin:faces", "--with", rep, "--out", tmp_path / "faces.npz")
    assert np.allclose(np.linalg.norm(Embeddings.load(tmp_path / "faces.npz").vectors, axis=1), 1, atol=1e-5)


def test_it_says_what_it_was_worth(tmp_path, capsys):
    line = ["whiten", "builtin:photo_crops", "--with", SMALL, "--things", "identity", "--out", str(tmp_path / "rep")]
    assert cli.main([*line, "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "another image of the thing is found first" not in said or "verdict:" in said
    assert (
        cli.main(["whiten", "builtin:faces", "--with", SMALL, "--check", "0", "--out", str(tmp_path / "r"), "-q"]) == 0
    )
    assert "was not measured" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line, message",
    [
        (["--scales", "1,big"], "--scales: expected factors"),
        (["--scales", "1,0.5"], "--pooling: expected the pooling that they are of"),
        (["--pooling", "gemm"], "--pooling: expected one of"),
        (["--pooling", "gem", "--set", "q=3"], "--set: expected one of"),
        (["--things", "person"], "--things: expected a column of the images"),
        (["--dim", "100000"], "dim: expected"),
    ],
)
def test_wrong_arguments_are_said_and_leave_nothing(tmp_path, capsys, line, message):
    out = tmp_path / "rep"
    assert cli.main(["whiten", "builtin:faces", "--with", SMALL, "--out", str(out), "--quiet", *line]) == 2
    assert message in capsys.readouterr().err and not out.exists()


def test_a_folder_that_holds_something_is_left_alone(tmp_path, capsys):
    (tmp_path / "rep").mkdir()
    (tmp_path / "rep" / "mine.txt").write_text("mine")
    assert cli.main(["whiten", "builtin:faces", "--with", SMALL, "--out", str(tmp_path / "rep"), "--quiet"]) == 2
    assert "--out: expected a new or empty folder" in capsys.readouterr().err
