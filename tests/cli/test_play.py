"""`regard play` on the command line: a method that fails is told, never passed over, and the status says so."""

import json
from pathlib import Path
from typing import Any

import pytest

from regard.cli import main
from regard.core.checks import RunError
from regard.studies import playing

WORDS = ["play", "builtin:digits_5x2", "--with", "random:convnet4", "--seeds", "1", "--out", "plays", "-q"]


def test_status_1_where_a_method_did_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plays = playing.play_events

    def failing(stream: Any, name: str, *given: Any, **more: Any) -> Any:
        if name == "slda":
            raise RunError("weights: NaN")
        yield from plays(stream, name, *given, **more)

    monkeypatch.setattr(playing, "play_events", failing)
    monkeypatch.chdir(tmp_path)
    assert main([*WORDS, "--methods", "ncm,slda", "--report", "page.html"]) == 1
    shown = capsys.readouterr().out
    assert "NOT DONE: slda did not end: seed 0: weights: NaN" in shown and "ncm" in shown
    assert "slda" in (tmp_path / "page.html").read_text("utf-8")
    assert main([*WORDS, "--methods", "ncm,slda", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["metrics"]["failed"] == 1 and list(told["failed"]) == ["slda"] and list(told["methods"]) == ["ncm"]
    monkeypatch.setattr(playing, "play_events", plays)
    assert main([*WORDS, "--methods", "ncm,slda"]) == 0, "the same command goes on"
    assert "NOT DONE" not in capsys.readouterr().out


def test_what_it_refuses_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for words, said in (
        (["--methods", "ncn"], "Did you mean 'ncm'?"),
        (["--methods", "all,ncm"], "--methods: expected all, or names"),
        (["--steps", "3"], "--steps: expected --methods of which one trains a network"),
        (["--report", "page.txt"], "--report: expected a file that ends in .html"),
        (["--against", "finetune"], "--against: expected one of ncm, slda, ridge, ranpac"),
        (["--looks", "prob"], "looks: expected one of"),
    ):
        assert main([*WORDS, *words]) == 2, words
        assert said in capsys.readouterr().err, words
    assert main(["play", "pictures", "--out", "plays"]) == 2
    assert "STREAM: expected a .toml file that describes a stream" in capsys.readouterr().err
