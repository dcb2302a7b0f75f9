"""The command line: one file a verb, found by its file name.

A verb `embed` is `cli/embed.py`, which defines `def embed(...)`, a typer command function: its parameters are the
arguments and options (the shared ones come from `_shared`), its docstring is the help, and the docstring's first
line is what `regard --help` shows, read from the file without importing it; only the verb that is asked for is
imported. A verb file imports typer and `_shared` at the top, and everything heavy inside
the function, so that `regard VERB --help` answers at once too. `_` in a file name is `-` in the verb; files that
start with `_` are no verbs. Where one word would have to mean several things, the verb is a group (`regard detect
train`): `cli/detect.py` defines a `typer.Typer` named `detect`, and the file's docstring is its help.

The verb raises and never prints errors: `main` turns an `InputError` (or a wrong option) into status 2, a
`RunError` or an error of the system into status 1, each as one line on standard error, and with `--json` also as
`{"error": ...}` on standard output.
"""

import ast
import os
import re
import signal
import sys
import threading
import traceback
from builtins import next as first  # the file of the verb `next` takes that name here, once it is imported
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import __version__
from ..core.heard import listening
from ._out import guarded, say, say_json

# The order in which the work flows, for the help page; a verb that is not named here comes after these.
_FLOW = (
    "demo",
    "create",
    "embed",
    "probe",
    "finetune",
    "predict",
    "evaluate",
    "look",
    "robustness",
    "decompose",
    "compare",
    "learn",
    "play",
    "lineage",
    "next",
    "detect",
    "instances",
    "segment",
    "depth",
    "boxes3d",
    "history",
    "bet",
    "whiten",
    "index",
    "index-upgrade",
    "search",
    "search-eval",
    "duplicates",
    "shift",
    "adapt",
    "compare-adapt",
    "export",
    "methods",
)

_TWO_WORDS = {("index", "upgrade")}  # a verb that can be written as two words though the first alone is one, too


def verbs() -> list[str]:
    """List the verbs, in the order in which the work flows.

    >>> "methods" in verbs()
    True
    """
    found = [path.stem.replace("_", "-") for path in _folder().glob("*.py") if not path.stem.startswith("_")]
    return sorted(found, key=lambda verb: (_FLOW.index(verb) if verb in _FLOW else len(_FLOW), verb))


def summary(verb: str) -> str:
    """Read the first line of a verb's help from its file, without importing it; of a group it is the file's own.

    >>> summary("methods")
    'List the methods that can be named, by kind.'
    """
    stem = verb.replace("-", "_")
    tree = ast.parse((_folder() / f"{stem}.py").read_text(encoding="utf-8"))
    function = first((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == stem), None)
    return (ast.get_docstring(function or tree) or "").split("\n", 1)[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status: 0 done, 1 failed, 2 misused, 128 + N stopped by signal N."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments or os.environ.get("REGARD_DEBUG", "0") not in ("", "0")
    arguments = [argument for argument in arguments if argument != "--debug"]
    with guarded(debug), listening():
        return _guarded_main(arguments, debug)


def _guarded_main(arguments: list[str], debug: bool) -> int:
    got: list[int] = []
    try:
        with _stopping(got):
            status = _run(arguments)
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output has gone (`regard methods | head -1`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except (KeyboardInterrupt, typer.Abort):
        status = 128 + (got[0] if got else signal.SIGINT)
    except Exception as error:
        if debug:
            traceback.print_exc()
        status, message = _explain(error, debug)
        say(f"regard: error: {message}", to=sys.stderr)
        if "--json" in arguments:
            say_json({"error": message})
    if status > 128:
        with suppress(OSError):  # the terminal that hung up is gone
            say("stopped; run the same command again to go on", to=sys.stderr)
    return status


@contextmanager
def _stopping(got: list[int]) -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a block as Ctrl-C does, so that nothing half-written stays; `got` tells which came.

    One that is ignored, as `nohup` does with SIGHUP, stays so; a second one ends the process at once.
    """

    def stop(number: int, frame: object) -> None:
        got.append(number)
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ours = threading.current_thread() is threading.main_thread()
    taken = [n for n in (getattr(signal, name) for name in names) if ours and signal.getsignal(n) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _run(arguments: list[str]) -> int:
    if tuple(arguments[:2]) in _TWO_WORDS and not Path(arguments[1]).exists():  # a folder of that name is meant then
        arguments = ["-".join(arguments[:2]), *arguments[2:]]
    asked = first((argument for argument in arguments if not argument.startswith("-")), None)
    if asked is not None and asked not in verbs():
        from ..core.checks import check_choice

        check_choice("VERB", asked, verbs())
    command: Any = typer.main.get_command(_app(asked))
    # nothing but a group's name, or nothing at all: the help, and misuse
    bare = not arguments or (len(arguments) == 1 and hasattr(command.commands.get(asked), "commands"))
    # outside standalone mode typer gives errors to us, and returns the status of an early exit
    outcome = command([*arguments, "--help"] if bare else arguments, "regard", standalone_mode=False)
    return 2 if bare else outcome if isinstance(outcome, int) else 0


def _app(asked: str | None) -> typer.Typer:
    app = typer.Typer(
        help="Create visual representations, reuse them, adapt them, and measure what each step was worth.",
        epilog="`regard VERB --help` says more. Everywhere: --json; most take --seed, --device, --out; --debug shows "
        "where an error came from. Exit status: 0 done, 1 failed, 2 misused.",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help: half the time, and no [word] in a docstring is taken for markup
        subcommand_metavar="VERB ...",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_top)
    for verb in verbs():
        does = _function(verb) if verb == asked else _unused
        if isinstance(does, typer.Typer):
            app.add_typer(does, name=verb, help=sys.modules[f"{__name__}.{verb.replace('-', '_')}"].__doc__)
        else:
            app.command(verb, short_help=summary(verb))(does)
    return app


def _version(asked: bool) -> None:
    if asked:
        say(f"regard {__version__}")
        raise typer.Exit


def _top(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that stand before the verb."""


def _unused() -> None:
    """Stand in the list of verbs for one that was not asked for, and so was not imported."""


def _function(verb: str) -> Any:
    stem = verb.replace("-", "_")
    return getattr(import_module(f"{__name__}.{stem}"), stem)


def _explain(error: Exception, debug: bool) -> tuple[int, str]:
    """Give the exit status of an error, and the one line that says it."""
    # imported here because numpy comes with it, which a good `--help` does without
    from ..core.checks import InputError, RunError

    if hasattr(error, "format_message"):  # typer's own: a wrong or missing option
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "regard"
        said = error.format_message().rstrip(".")
        return 2, _line(f"{said}{'' if said.endswith('?') else '.'} See `{where} --help`.")
    if isinstance(error, InputError):
        return 2, _line(str(error))
    if isinstance(error, RunError):
        return 1, _line(str(error))
    if isinstance(error, OSError) and error.strerror:
        return 1, _line(f"{error.strerror}: {error.filename}" if error.filename else error.strerror)
    hint = "" if debug else " Add --debug to see where."
    return 1, _line(f"{type(error).__name__}: {error}.{hint}")


def _line(text: str) -> str:
    return " ".join(re.split(r"[ \t\r\n]+", text.strip()))  # other control characters are shown, escaped


def _folder() -> Path:
    return Path(__file__).parent
