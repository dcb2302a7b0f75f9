"""The command line's house rules: quick help, exit statuses, one line an error, one JSON object a result."""

import io
import json
import subprocess
import sys
from importlib import import_module

import pytest

from regard import cli
from regard.cli import _progress, _shared
from regard.core.checks import InputError, RunError
from regard.core.events import Event

HEAVY = {"torch", "torchvision", "numpy", "sklearn", "timm", "openvino", "lancedb", "matplotlib", "rich", "scipy"}


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def verb_that(monkeypatch, action):
    """Make a verb `trial` whose function does `action`."""
    monkeypatch.setattr(cli, "verbs", lambda: ["trial"])
    monkeypatch.setattr(cli, "summary", lambda verb: "")
    monkeypatch.setattr(cli, "_function", lambda verb: action)


def test_help_imports_nothing_heavy():
    done = run_python(
        "import sys; from regard.cli import main; status = main(['--help'])\n"
        "print(status, *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    assert done.returncode == 0, done.stderr
    status, *modules = done.stdout.splitlines()[-1].split()
    assert status == "0"
    assert not HEAVY & set(modules)


def test_help_lists_every_verb_with_its_first_line(capsys):
    assert cli.main(["--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "methods" in cli.verbs()
    for verb in cli.verbs():
        line = cli.summary(verb)
        assert line.endswith("."), f"cli/{verb}.py needs a function {verb} whose docstring starts with a sentence"
        assert f" {verb} {' '.join(line.split())[:40]}" in shown


@pytest.mark.parametrize("verb", cli.verbs())
def test_help_of_a_verb_answers_without_heavy_imports(verb):
    done = run_python(
        f"import sys; from regard.cli import main; status = main(['{verb}', '--help'])\n"
        "print(status, *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    assert done.returncode == 0, done.stderr
    status, *modules = done.stdout.splitlines()[-1].split()
    assert status == "0" and f"Usage: regard {verb}" in done.stdout
    assert not HEAVY & set(modules)


def test_version(capsys):
    from regard import __version__

    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"regard {__version__}\n"


def test_no_verb_shows_the_help_and_is_misuse(capsys):
    assert cli.main([]) == 2
    assert "Usage: regard" in capsys.readouterr().out


def test_unknown_verb_names_the_nearest(capsys):
    assert cli.main(["metods"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("regard: error: VERB: ") and "Did you mean 'methods'?" in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["methods", "--nope"], "--nope"), (["methods", "adapt", "extra"], "extra"), (["methods", "adpt"], "'adapt'")],
)
def test_misuse_is_one_line_and_status_2(arguments, message, capsys):
    assert cli.main(arguments) == 2
    shown = capsys.readouterr()
    assert message in shown.err and shown.err.startswith("regard: error: ") and shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InputError("k: expected 1,\n got 0."), 2, "k: expected 1, got 0."),
        (RunError("the loss is NaN"), 1, "the loss is NaN"),
        (OSError(28, "No space left on device", "z.npz"), 1, "No space left on device: z.npz"),
        (KeyError("inner"), 1, "KeyError: 'inner'. Add --debug to see where."),
    ],
)
def test_errors_have_their_status_and_are_said_once(monkeypatch, capsys, error, status, message):
    def trial(json: _shared.Json = False) -> None:
        raise error

    verb_that(monkeypatch, trial)
    assert cli.main(["trial"]) == status
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"regard: error: {message}\n")

    assert cli.main(["trial", "--json"]) == status
    assert json.loads(capsys.readouterr().out) == {"error": message}

    assert cli.main(["trial", "--debug"]) == status
    assert "Traceback" in capsys.readouterr().err


def test_debug_by_environment(monkeypatch, capsys):
    monkeypatch.setenv("REGARD_DEBUG", "1")
    assert cli.main(["methods", "adpt"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(monkeypatch, capsys):
    def trial() -> None:
        raise KeyboardInterrupt

    verb_that(monkeypatch, trial)
    assert cli.main(["trial"]) == 130
    assert capsys.readouterr().err == "stopped; run the same command again to go on\n"


def test_a_reader_that_leaves_gets_no_traceback():
    code = "import sys; from regard.cli import main; sys.stdin.readline(); sys.exit(main(['methods']))"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    child.stdout.close()  # the pipe is broken before the child writes
    child.stdin.write("go\n")
    child.stdin.close()
    with child.stderr:
        assert child.stderr.read() == ""
    assert child.wait(timeout=60) == 1


def test_methods_lists_what_discover_finds(capsys):
    from regard.core.discover import KINDS, names, summary

    assert cli.main(["methods", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["methods"] == {kind: {name: summary(kind, name) for name in names(kind)} for kind in KINDS}
    counts = {kind: found["metrics"][kind] for kind in KINDS}
    assert counts == {kind: len(names(kind)) for kind in KINDS}

    assert cli.main(["methods", "backbone"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[1:]] == names("backbone")


def test_settings_refuse_what_they_cannot_read():
    for pairs in (["alpha"], ["=1"], ["a b=1"], ["alpha=1", "alpha=2"]):
        with pytest.raises(InputError, match="--set: expected name=value"):
            _shared.settings(pairs)
    assert _shared.settings(None) == {}
    assert _shared.settings(["hidden=[64, 32]", "note=a=b"]) == {"hidden": [64, 32], "note": "a=b"}


def test_emit_gives_one_json_object_with_flat_metrics(capsys):
    import numpy as np

    result = {"metrics": {"accuracy": np.float32(0.5), "images": 3, "shift": float("nan")}, "out": "z.npz"}
    _shared.emit(result, True, lambda: print("never"))
    given = json.loads(capsys.readouterr().out)
    assert given["metrics"].pop("seconds") >= 0
    assert given == {
        "metrics": {"accuracy": 0.5, "images": 3, "shift": None, "set_aside": 0},
        "out": "z.npz",
        "notes": [],
        "set_aside": [],
        "differences": [],
        "verdicts": {},
    }
    _shared.emit(result, False, lambda: print("for people"))
    assert capsys.readouterr().out == "for people\n"
    for wrong in ({"deep": {"a": 1}}, {"flag": True}, {"text": "0.5"}):
        with pytest.raises(TypeError, match="must be a number"):
            _shared.emit({"metrics": wrong}, True, lambda: None)


def test_table_in_a_pipe_is_whole(capsys):
    _shared.table(["name", "value"], [["a" * 120, 0.123456], ["b", 12]])
    assert capsys.readouterr().out.splitlines() == [
        "name" + " " * 116 + "   value",
        "a" * 120 + "  0.1235",
        "b" + " " * 119 + "      12",
    ]


def test_progress_passes_events_on_and_writes_few_lines(capsys):
    events = [Event("train", step, 40, {"loss": 1 / step}) for step in range(1, 41)]
    assert list(_progress.watcher("create")(iter(events))) == events
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert shown.err.startswith("create: 40/40") and "loss 0.025" in shown.err
    assert list(_progress.watched(iter(events), "create", quiet=True)) == events
    assert capsys.readouterr().err == ""


def test_progress_lines_come_with_time_rate_and_what_was_measured_between():
    stream, time = io.StringIO(), [0.0]
    show = _progress._lines("create", stream, lambda: time[0])
    show(Event("train", 100, 200, {"loss": 2.0}))  # a resumed run
    time[0] = 4.0
    show(Event("eval", 110, 200, {"accuracy": 0.5}))
    time[0] = 12.0
    show(Event("train", 124, 200, {"loss": 1.0}))
    show(Event("note", text="a checkpoint"))
    assert stream.getvalue().splitlines() == [
        "create: 124/200  2/s  0:38 left  loss 1  accuracy 0.5",
        "create: a checkpoint",
    ]


def test_every_verb_file_defines_its_function():
    for verb in cli.verbs():
        stem = verb.replace("-", "_")
        assert callable(getattr(import_module(f"regard.cli.{stem}"), stem))
