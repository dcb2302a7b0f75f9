"""Decisions about pairs: none is lost, files of many are taken whole or not at all, and one can be taken back."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from helpers.pictures import save_noise
from regard import cli
from regard.core.checks import InputError, RunError
from regard.data.decode import content_hash
from regard.representation.embeddings import Embeddings
from regard.reuse.duplicates.decisions_file import by_content, read_rows
from regard.reuse.duplicates.groups import decide, decide_all, read_decisions, undo
from regard.reuse.search.index.contents import with_contents
from regard.reuse.search.index.search_index import SearchIndex

WORK = """
import sys
from regard.reuse.duplicates.groups import decide, undo
for turn in range(50):
    if sys.argv[2] == "undo":
        undo(sys.argv[1], f"u{turn}", "z")
    else:
        decide(sys.argv[1], f"{sys.argv[2]}{turn}", "z", "same")
"""


@pytest.mark.parametrize("other", ["b", "undo"])
@pytest.mark.parametrize("inside", [True, False])
def test_two_processes_lose_none(tmp_path, inside, other):
    if inside:  # an index has a lock file
        (tmp_path / ".lock").touch()
    file = tmp_path / "decisions.json"
    decide_all(file, {(f"u{turn}", "z"): "different" for turn in range(50)})
    both = [subprocess.Popen([sys.executable, "-c", WORK, str(file), who]) for who in ("a", other)]
    assert [one.wait() for one in both] == [0, 0]
    known = list(read_decisions(file).values())
    assert (known.count("same"), known.count("different")) == ((100, 50) if other == "b" else (50, 0))


LATE = """
import pathlib, sys
from regard.reuse.duplicates.groups import decide
pathlib.Path(sys.argv[1]).parent.parent.joinpath("ready").touch()
decide(sys.argv[1], "three", "four", "different")
"""


def test_a_decision_that_waited_while_the_index_was_replaced_is_in_the_new_one(tmp_path, monkeypatch):
    vectors = Embeddings(np.eye(3), np.array(["a", "b", "c"]))
    SearchIndex.create(tmp_path / "ix", vectors)
    file = tmp_path / "ix" / "decisions.json"
    decide(file, "one", "two", "same")
    real, started = os.replace, []

    def slow(source, target):  # the replacement holds the lock: another decision begins now, and waits
        if str(source).endswith("ix") and not started:
            started.append(subprocess.Popen([sys.executable, "-c", LATE, str(file)]))
            while not (tmp_path / "ready").exists():
                assert started[0].poll() is None
        real(source, target)

    monkeypatch.setattr("os.replace", slow)
    SearchIndex.create(tmp_path / "ix", vectors, overwrite=True)
    assert started[0].wait() == 0
    assert set(read_decisions(file)) == {("one", "two"), ("four", "three")}


def test_one_is_taken_back(tmp_path):
    file = tmp_path / "d.json"
    decide_all(file, {("a", "b"): "same", ("c", "a"): "different"})
    assert undo(file, "b", "a") == {("a", "c"): "different"} == read_decisions(file)
    with pytest.raises(InputError, match="--undo: expected a pair about which something was decided"):
        undo(file, "b", "a")


def test_a_file_that_cannot_be_written_says_so_and_stays(tmp_path, monkeypatch):
    file = tmp_path / "d.json"
    decide(file, "a", "b", "same")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(RunError, match="No space left"):
        decide(file, "c", "d", "same")
    assert read_decisions(file) == {("a", "b"): "same"}


ROWS = [{"a": "p", "b": "q", "verdict": "same"}, {"a": "q", "b": "r", "verdict": "different"}]


def test_both_kinds_of_file_say_the_same(tmp_path):
    (tmp_path / "d.json").write_text(json.dumps({"decisions": ROWS, "made": "by a page"}))
    for name, text in (
        ("d.csv", "a,b,verdict\np,q,same\nq,r,different\n"),
        ("e.csv", '\ufeffverdict,note,b,a\r\nsame,"x,\ny",q,p\r\ndifferent,,r,q\r\n'),
    ):
        (tmp_path / name).write_text(text, newline="")
        assert (
            read_rows(tmp_path / name)
            == read_rows(tmp_path / "d.json")
            == [("p", "q", "same"), ("q", "r", "different")]
        )


@pytest.mark.parametrize(
    "rows",
    [
        *(
            [],
            [7],
            [None],
            [[]],
            [{}],
            [{"a": "p", "b": "q"}],
            [{"a": "p", "b": 3, "verdict": "same"}],
            {"a": 1},
            "x",
            7,
        ),
        *([*ROWS, {"a": "p", "b": "", "verdict": "same"}], [*ROWS, {"a": "p", "b": "p", "verdict": "same"}]),
        *(
            [{**ROWS[0], "verdict": "Same"}],
            [{**ROWS[0], "verdict": "maybe"}],
            [{**ROWS[0], "verdict": ["same"]}],
            None,
        ),
    ],
)
def test_rows_that_are_none(tmp_path, rows):
    (tmp_path / "d.json").write_text(json.dumps({"decisions": rows}))
    with pytest.raises(InputError, match="^--decide: expected"):
        read_rows(tmp_path / "d.json")


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"a,b\np,q\n",
            b"a,b,verdict\n",
            b"a,b,verdict\np,q\n",
            b"a,b,verdict\np,q,maybe\n",
            b"\xff\xfe\0a",
            b"\0",
        ),
        *(b"a;b;verdict\np;q;same\n", b'a,b,verdict\n"p' + b"x" * 200_000 + b'",q,same\n', b"PK\x03\x04", b"\n\n\n"),
    ],
)
@pytest.mark.parametrize("name", ["d.csv", "d.json", "d"])
def test_files_that_are_none(tmp_path, data, name):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError):
        read_rows(tmp_path / name)
    with pytest.raises(InputError, match="--decide"):
        read_rows(tmp_path / "no.json")
    with pytest.raises(InputError, match="--decide"):
        read_rows(tmp_path)


CONTENTS = {"p": "1", "again": "1", "q": "2", "r": "3"}


def test_rows_become_decisions_about_contents():
    found = by_content([("p", "q", "same"), ("q", "again", "same"), ("p", "again", "same")], CONTENTS.get)
    assert found.verdicts == {("1", "2"): "same"} and found.alike == 1 and found.gone == ()


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("p", "q", "same"), ("q", "again", "different")], "q and again are called same and different"),
        ([("p", "again", "different")], "p and again are the same bytes"),
        ([("p", "no", "same"), ("none", "q", "same"), ("no", "q", "same")], "2 that the index does not have: no, none"),
        ([("p", "no", "same")] + [("p", f"x{n}", "same") for n in range(9)], "and 5 more. Nothing was changed"),
    ],
)
def test_decisions_that_do_not_hold_together(rows, told):
    with pytest.raises(InputError, match=told):
        by_content(rows, CONTENTS.get)


def test_what_is_gone_is_passed_over_where_that_is_asked_for():
    found = by_content([("p", "no", "same"), ("p", "q", "different")], CONTENTS.get, skip_gone=True)
    assert found.verdicts == {("1", "2"): "different"} and found.gone == ("no",)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decisions")
    names = [f"{name}.png" for name in "abcd"]
    save_noise(folder / "photos", names, 16)
    shutil.copy(folder / "photos" / "a.png", folder / "photos" / "same.png")
    names.append("same.png")
    paths = np.array([str(folder / "photos" / name) for name in names])
    vectors = Embeddings(np.eye(5), np.array(names), columns={"path": paths})
    SearchIndex.create(folder / "ix", with_contents(vectors))
    return folder


@pytest.fixture
def index(made, tmp_path):
    return shutil.copytree(made / "ix", tmp_path / "ix")


def run(capsys, *line, code=0):
    assert cli.main(["duplicates", *map(str, line), "--json", "--quiet"]) == code
    out = capsys.readouterr()
    return json.loads(out.out) if not code else out.err


def test_the_command_line_decides_lists_and_takes_back(made, index, tmp_path, capsys):
    rows = [("a.png", "b.png", "same"), ("c.png", "same.png", "different"), ("a.png", "same.png", "same")]
    decisions = [dict(zip(("a", "b", "verdict"), row)) for row in rows]
    (tmp_path / "d.json").write_text(json.dumps({"decisions": decisions}))
    assert (
        run(capsys, index, "--decide", tmp_path / "d.json")["metrics"].items()
        >= {"decided": 2, "remembered": 2}.items()
    )
    listed = run(capsys, index, "--decisions")
    assert listed["metrics"]["remembered"] == 2
    shown = {one["verdict"]: {tuple(sorted(one["a"])), tuple(sorted(one["b"]))} for one in listed["decisions"]}
    assert shown == {"same": {("a.png", "same.png"), ("b.png",)}, "different": {("a.png", "same.png"), ("c.png",)}}
    assert run(capsys, index, "--undo", "b.png", "same.png")["metrics"]["remembered"] == 1
    assert "nothing" not in run(capsys, index, "--undo", "b.png", "same.png", code=2)
    SearchIndex.open(index).remove(["c.png"])
    (gone,) = run(capsys, index, "--decisions")["decisions"]
    assert [] in (gone["a"], gone["b"]) and content_hash((made / "photos" / "c.png").read_bytes()) in gone["hashes"]
    before = (index / "decisions.json").read_bytes()
    assert "1 that the index does not have: c.png" in run(capsys, index, "--decide", tmp_path / "d.json", code=2)
    assert (index / "decisions.json").read_bytes() == before, "not even what is right was taken"
    told = run(capsys, index, "--decide", tmp_path / "d.json", "--skip-gone")
    assert told["gone"] == ["c.png"] and told["metrics"]["decided"] == 1
    assert run(capsys, index, "--undo", *gone["hashes"])["metrics"]["remembered"] == 1, "by the hashes that are listed"
    for line in (["--decisions"], ["--decide", tmp_path / "d.json", "--skip-gone"], ["--undo", "a.png", "b.png"]):
        assert cli.main(["duplicates", str(index), *map(str, line), "--quiet"]) == 0
    assert "a.png and 1 copies" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["--decisions", "--decide", "same"], "expected one of them"),
        (["--skip-gone", "--decisions"], "--skip-gone"),
        (["--decide", "same"], "A B: expected two ids"),
        (["a.png", "b.png"], "A B: expected two ids"),
        (["--decide", "no-file"], "--decide: expected a file that exists"),
        (["--undo", "a.png", "b.png"], "--undo: expected a pair about which"),
    ],
)
def test_misuse(index, line, told, capsys):
    assert told in run(capsys, index, *line, code=2)
    assert not (index / "decisions.json").exists()
