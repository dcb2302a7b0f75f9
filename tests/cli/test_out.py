"""What stands on the terminal: nothing raw from outside, whatever verb prints it, and whatever the encoding."""

import ast
import io
import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard import cli
from regard.cli import _out, _progress, _shared
from regard.core.checks import InputError, RunError
from regard.core.events import Event
from regard.core.shown import HIDDEN

CLI = Path(cli.__file__).parent
NASTY = "x\x1b]0;owned\x07\r\x9b2J\x7f\u202egpj\u2066\u200b\u2028\udc80\U000e0041[red]"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def raw(text: str) -> list[str]:
    """Characters that must not stand there; ESC, and CR before it, are left to rich's own colours and moves."""
    return sorted({found for found in HIDDEN.findall(text.replace("\r\x1b[", "")) if found not in "\n\x1b"})


@pytest.mark.parametrize("path", sorted(CLI.glob("*.py")), ids=lambda path: path.stem)
def test_no_verb_writes_past_the_one_function(path):
    if path.name == "_out.py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in ("print", "typer.echo", "typer.secho", "click.echo", "Console", "input"), name
            assert not name.startswith(("sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer")), name
        if isinstance(node, ast.ImportFrom):
            assert node.module != "rich.console", "consoles come from _out.console"


def show_a_table():
    _shared.table([NASTY, "value"], [[NASTY, 1.0], ["[bold]b[/bold]", 2]], NASTY)


def show_lines():
    list(_progress.watched([Event("note", text=NASTY), Event("a", 1, 1, {NASTY: 1.0})], NASTY))


def show_a_warning():
    # as `warnings` writes it; pytest keeps the ones that are raised in a test for itself
    sys.stderr.write(warnings.formatwarning(UserWarning(NASTY), UserWarning, "some.py", 1))


def show_a_log():
    logging.getLogger("of some library").warning("%s", NASTY)


def show_a_print():
    print(NASTY)
    print(NASTY, file=sys.stderr)


def fail(kind):
    def raising():
        raise kind(NASTY)

    return raising


ACTIONS = {
    "table": show_a_table,
    "progress": show_lines,
    "warning": show_a_warning,
    "log": show_a_log,
    "print": show_a_print,
    "say": lambda: _out.say(NASTY),
    "lines": lambda: _out.say_lines(f"{NASTY}\n{NASTY}"),
    "result": lambda: _shared.emit({NASTY: [NASTY], "metrics": {NASTY: 1}}, False, lambda: _out.say(NASTY)),
    "misuse": fail(InputError),
    "failure": fail(RunError),
    "surprise": fail(KeyError),
    "system": lambda: open(NASTY.replace("\udc80", "") + "/none"),
}


def run(monkeypatch, action, stdout, stderr, *options):
    def trial(json: _shared.Json = False) -> None:
        action()

    monkeypatch.setattr(cli, "verbs", lambda: ["trial"])
    monkeypatch.setattr(cli, "summary", lambda verb: "")
    monkeypatch.setattr(cli, "_function", lambda verb: trial)
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "stderr", stderr)
    # pytest's own handlers would take the record before the last resort does
    monkeypatch.setattr(logging.root, "handlers", [])
    return cli.main(["trial", *options])


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["", "debug"])
@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_whatever_shows_a_text_escapes_it(monkeypatch, action, terminal, debug):
    out, err = (Terminal() if terminal else io.StringIO() for _ in range(2))
    monkeypatch.setenv("COLUMNS", "200")
    run(monkeypatch, action, out, err, *debug)
    shown = out.getvalue() + err.getvalue()
    assert not raw(shown), ascii(shown)
    assert "\x1b]" not in shown and "owned" in shown, ascii(shown)
    if not terminal:
        assert "\x1b" not in shown
    assert "[red]" in shown.replace("\n", ""), "taken for markup"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_no_encoding_ends_a_command(monkeypatch, terminal, encoding):
    class Stream(io.TextIOWrapper):
        def isatty(self) -> bool:
            return terminal

    def action():
        show_a_table()
        show_lines()
        _shared.table(["größe"], [["大きさ \udcff ≥ –"], [None]], "½")
        _out.say("大きさ \udcff", to=sys.stderr)
        _out.say_json({"大きさ": NASTY})

    out, err = (Stream(io.BytesIO(), encoding=encoding, errors="strict") for _ in range(2))
    assert run(monkeypatch, action, out, err) == 0
    out.flush(), err.flush()
    last = out.buffer.getvalue().decode(encoding).splitlines()[-1]
    assert json.loads(last) == {"大きさ": NASTY} and not HIDDEN.search(last)
    assert err.buffer.getvalue()


def test_json_of_an_error_reads_back(monkeypatch, capsys):
    out, err = io.StringIO(), io.StringIO()
    assert run(monkeypatch, fail(InputError), out, err, "--json") == 2
    assert json.loads(out.getvalue())["error"].startswith("x\x1b]0;owned\x07") and not raw(out.getvalue())


def test_streams_and_warnings_are_given_back(monkeypatch):
    out, err, how = io.StringIO(), io.StringIO(), warnings.formatwarning
    run(monkeypatch, show_a_print, out, err)
    assert (sys.stdout, sys.stderr, warnings.formatwarning) == (out, err, how)


def test_a_warning_is_one_line():
    code = (
        "import sys, warnings\nfrom regard import cli\n"
        "def trial() -> None:\n    warnings.warn('a\\u202e\\nb')\n"
        "cli.verbs, cli.summary, cli._function = lambda: ['trial'], lambda verb: '', lambda verb: trial\n"
        "sys.exit(cli.main(['trial']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "warning: a\\u202e b\n")


@pytest.mark.parametrize(
    "setting", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}], ids=str
)
def test_a_folder_with_such_names_from_outside(tmp_path, setting):
    folder = tmp_path / "größe \u202e\U000e0041"
    folder.mkdir()
    for colour in ("red", "blue"):
        Image.fromarray(np.full((32, 32, 3), 9 if colour == "red" else 99, np.uint8)).save(folder / f"{colour}.png")
    names = ["bad\x1b]0;owned\x07\n.png", "bad\u202e\u200b.png", "大 [red] .png", "a\x9b\x7f.png"]
    for name in names:
        (folder / name).write_bytes(b"no image")
    with open(os.fsencode(folder) + b"/lone\xff.png", "wb") as file:
        file.write(b"no image")
    line = ["embed", str(folder), "--with", "random:convnet4", "--out", str(tmp_path / "o.npz")]
    # both forms in one process, which takes its encoding from outside; PARTED stands between them
    code = "import sys; from regard import cli; a = cli.main(sys.argv[1:]); print('PARTED', flush=True); "
    code += "sys.exit(a or cli.main([*sys.argv[1:], '--json', '-q']))"
    done = subprocess.run([sys.executable, "-c", code, *line], capture_output=True, env=os.environ | setting)
    assert done.returncode == 0, done.stderr
    out, text = done.stdout.decode("utf-8").split("PARTED\n")
    shown = out + done.stderr.decode("utf-8")
    assert not HIDDEN.search(shown.replace("\n", "")), ascii(shown)
    assert shown.count("set aside: ") == 5 and shown.count("\n") == len(shown.splitlines())
    assert not HIDDEN.search(text.rstrip("\n")), ascii(text)
    said = {Path(one["path"]).name for one in json.loads(text)["set_aside"]}
    assert len(said) == 5 and set(names) <= said
