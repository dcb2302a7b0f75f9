"""What the verbs share: the options that mean the same everywhere, settings by name, and how a result is given."""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.heard import heard
from ._out import console, elapsed, say, say_json
from ._progress import watched

if TYPE_CHECKING:
    from ..core.events import Event
    from ..report.html import Table
    from ..verbs._result import Result

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Everything that is drawn follows from it.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.")]
Precision = Annotated[str, typer.Option("--precision", help="auto, fp32 (exact), bf16, or int8 (embedding only).")]
Out = Annotated[Path | None, typer.Option("--out", help="Where the result is written.", show_default=False)]
NoResume = Annotated[bool, typer.Option("--no-resume", help="Start anew where a run was stopped.")]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="REP", help="Go on from this representation.", show_default="fresh weights"),
]
InitFrom = Annotated[
    str | None,
    typer.Option(
        "--init-from", metavar="REP", help="Put its weights in where name and shape agree.", show_default=False
    ),
]
InitLayers = Annotated[
    str, typer.Option("--init-layers", help="Of these layers alone, such as ..layer2.", show_default="of all")
]
With = Annotated[
    str,
    typer.Option(
        "--with",
        metavar="REP",
        help="The representation: imagenet, random:NAME, timm:NAME, torchvision:NAME or a folder; REP@LAYER ends at a "
        "layer.",
    ),
]
Layer = Annotated[
    str | None,
    typer.Option("--layer", help="End it at this layer: its name (layer3.1, conv5, fc7), or the place of its map."),
]
Images = Annotated[str, typer.Argument(metavar="IMAGES", help="A folder, a table, or builtin:NAME.")]
Batch = Annotated[int, typer.Option("--batch", min=1, help="Images a call of the network.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Compute every vector again.")]
Epochs = Annotated[int | None, typer.Option("--epochs", min=1, help="Passes over the images.", show_default=False)]
Steps = Annotated[int | None, typer.Option("--steps", min=1, help="Steps, instead of epochs.", show_default=False)]
Minutes = Annotated[float | None, typer.Option("--minutes", help="Minutes, instead of epochs.", show_default=False)]
TrainBatch = Annotated[int | None, typer.Option("--batch", min=2, help="Images a step.", show_default="from the data")]
Clip = Annotated[float | None, typer.Option("--clip", help="Longest norm of the gradient.", show_default=False)]
# of verbs that train a network beside others that do not: None where nothing was said
TunedLayers = Annotated[
    str | None,
    typer.Option("--layers", help="What of a network learns: all, head, last:N or lora:R.", show_default="all"),
]
BackboneFactor = Annotated[
    float | None,
    typer.Option("--backbone-lr-factor", help="The network's rate is this times the classifier's.", show_default="0.1"),
]
TunedRate = Annotated[
    float | None,
    typer.Option("--lr", help="Highest learning rate, of the classifier.", show_default="0.002"),
]
TrainPrecision = Annotated[
    str | None,
    typer.Option("--precision", help="auto, fp32 or bf16, of a training.", show_default="auto"),
]
Labelled = "Labelled images, or an embeddings file."
AnySource = "Images, or an embeddings file."
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting of the method; may be given many times."),
]

_WORDS = {"true": True, "false": False, "none": None, "null": None}


def settings(pairs: Sequence[str] | None) -> dict[str, Any]:
    """Read `--set name=value` pairs; a value is a Python literal (number, list, True, None), otherwise text.

    >>> settings(["alpha=0.1", "n_components=20", "kernel=rbf", "center=false"])
    {'alpha': 0.1, 'n_components': 20, 'kernel': 'rbf', 'center': False}

    Raises:
        InputError: a pair without `=` or without a name, or a name given twice.
    """
    found: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name.isidentifier() or name in found:
            from ..core.checks import bad

            what = "twice the same name" if name in found else "no name=value"
            raise bad("--set", f"{pair!r}, {what}", "name=value", "For example: --set n_components=20.")
        found[name] = _value(text.strip())
    return found


def _value(text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def check_machine(device: str, precision: str = "auto") -> None:
    """As `verbs._given.check_machine`."""
    from ..verbs._given import check_machine as check

    check(device, precision)


def emit(result: Mapping[str, Any], json: bool, human: Callable[[], None]) -> None:
    """Give the result of a verb: one JSON object on standard output with `--json`, otherwise what `human` prints.

    The object has one shape over all verbs: `metrics` maps flat names to numbers (None where there is none), always
    with `seconds` (of the whole verb, where it gives no others) and `set_aside` (how many); `notes` is a list of
    sentences, `set_aside` one of {name, cause, path}, `differences` one of {name, mean, low, high, verdict ...} and
    `verdicts` their verdicts by name. Whatever else the result holds stands beside these.

    Raises:
        TypeError: the metrics are not flat numbers, which is a mistake in the verb.
    """
    metrics = dict(result["metrics"])
    for name, value in metrics.items():
        if value is not None and (isinstance(value, bool) or not hasattr(value, "__float__")):
            raise TypeError(f"metrics[{name!r}] must be a number or None, got {type(value).__name__}")
    if not json:
        human()
        return
    from ..core.storage import plain

    told = [_sentence(note) for note in result.get("notes", ())]
    notes = list(dict.fromkeys([*told, *heard()]))
    # `path` is what the name was called before
    aside = [{"name": one["path"], **one} for one in result.get("set_aside", ())] or _told_aside(notes)
    metrics.setdefault("set_aside", len(aside))
    metrics.setdefault("seconds", round(elapsed(), 3))
    differences = list(result.get("differences", ()))
    verdicts = result.get("verdicts", {one["name"]: one["verdict"] for one in differences})
    shape = {"notes": notes, "set_aside": aside, "differences": differences, "verdicts": verdicts, "metrics": metrics}
    say_json(plain({**result, **shape}))


def _sentence(note: Any) -> str:
    """A note in words; one that counts images has the first of them."""
    return f"{note['note']}, such as {note['first']}" if isinstance(note, Mapping) else str(note)


def difference(name: str, found: Any) -> dict[str, Any]:
    """A `Difference` as it stands in `differences`."""
    return {"name": name, **found.as_dict(), "verdict": found.verdict}


def _told_aside(notes: Sequence[str]) -> list[dict[str, str]]:
    """What was set aside, where a verb's work tells it by its notes."""
    told = [note.partition(" was set aside: ") for note in notes]
    return [{"name": name, "path": name, "cause": cause} for name, said, cause in told if said]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print a table on standard output; numbers stand at the right, and a pipe gets it without frames or cuts."""
    from ..report.html import Table

    show([Table(columns, list(rows), title)])


def bar(quiet: bool) -> "Callable[[Iterable[Event], str], Iterator[Event]]":
    """The `progress=` of the verbs: a bar on standard error, or a line now and then in a log."""
    return partial(watched, quiet=quiet)


def show(blocks: "Iterable[str | Table]") -> None:
    """Print lines and tables on standard output; a pipe gets tables without frames or cuts."""
    from ..verbs._render import grid, text_lines

    for block in blocks:
        if isinstance(block, str) or not sys.stdout.isatty():
            for line in text_lines(block):
                say(line)
        else:
            console().print(grid(block))


def give(result: "Result", json: bool) -> None:
    """Give what a verb found: one JSON object on standard output with `--json`, otherwise what a terminal shows."""
    if json:
        say_json(result.to_dict())
    else:
        show(result.shown())
