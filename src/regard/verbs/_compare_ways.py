"""What `regard.compare_adapt` does where networks learn, too: the four ways to use one, in one table."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..adapt.worth.ways.found import FourWays
from ..adapt.worth.ways.run import compare_ways
from ..core.checks import bad, check_choice, check_output
from ..core.discover import names
from ..core.storage import write_json
from ..learning.settings import TrainSettings
from ..pages.compare_ways import write_ways_page
from ..report.html import Table
from ._given import Rep, check_machine, given_images, named
from ._result import Progress, Result, difference, watch_of

RECORD, MARKER = "comparison.json", "run.json"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class WaysCompared(Result):
    """What each way to use a deep network was worth on another domain.

    Attributes:
        source, target: what was compared.
        out: the folder in which it goes on, or None.
        report: the page that was written, or None.
        found: a row for each method of each way, with what it got right for each seed and image.
        command: what the page names as the command that made it.
    """

    verb: ClassVar[str] = "compare-adapt"
    source: str
    target: str
    out: Path | None
    report: Path | None
    found: FourWays
    command: str

    def told(self) -> Mapping[str, object]:
        """What was compared, the way, start and interval of each row, and what was chosen for each seed."""
        rows = self.found.rows
        return {
            "source": self.source,
            "target": self.target,
            "intervals": {row.name: row.accuracy.as_dict() for row in rows},
            "ways": {row.name: row.way for row in rows},
            "against": {row.name: row.against for row in rows if row.gain is not None},
            "chosen": {row.name: list(row.chosen) for row in rows if any(row.chosen)},
            **({"out": self.out} if self.out is not None else {}),
            **({"report": self.report} if self.report is not None else {}),
        }

    def shown(self) -> Iterator[str | Table]:
        """A line for each row, with its verdict."""
        yield from self.found.table().split("\n")
        if self.out is not None:
            yield f"kept in {self.out}"
        if self.report is not None:
            yield f"report: {self.report}"

    def blocks(self) -> Iterator[str | Table]:
        """The same as a table."""
        yield self.rows()
        for note in self.notes:
            yield f"note: {note}"

    def rows(self) -> Table:
        """A row for each method of each way, with its accuracy, its gain over its start, and the verdict."""
        lines = []
        for row in self.found.rows:
            ends = row.accuracy.as_dict()
            gain = {} if row.gain is None else row.gain.as_dict() | {"verdict": row.gain.verdict}
            told = [gain.get(name) for name in ("mean", "low", "high", "verdict")]
            against = None if row.gain is None else row.against
            accuracy = [row.accuracy.mean, ends["low"], ends["high"]]
            lines.append([row.way, row.name, *accuracy, against, *told, row.best, row.seconds])
        heads = ["way", "method", "accuracy", "low", "high", "against", "gain", "gain_low", "gain_high", "verdict"]
        title = f"accuracy on the target; 95 % intervals over {self.found.over}"
        return Table([*heads, "best", "seconds"], lines, title)

    def write_page(self, path: Path) -> None:
        """What each way was worth and cost, and how candidates were chosen without target labels."""
        write_ways_page(self.found, path, command=self.command)


def compare_networks(
    source: object,
    target: object,
    methods: Sequence[str] | None,
    with_: Rep,
    *,
    classifier: str,
    seeds: int,
    seed: int,
    share: float,
    shots: int,
    auto: bool,
    by: str,
    layers: str,
    backbone_lr_factor: float,
    out: str | Path | None,
    no_resume: bool,
    report: str | Path | None,
    settings: Mapping[str, Any],
    progress: Progress | None,
) -> WaysCompared:
    """See `compare_adapt`.

    Raises:
        InputError: unknown names, vectors in place of images, a folder that holds something else.
    """
    shallow, deep = _by_kind(methods, auto)
    folder = None if out is None else check_output("--out", out, folder=True, marker=MARKER)
    if folder is None and no_resume:
        raise bad("--no-resume", "it", "it with --out", "Without a folder nothing goes on.")
    check_machine(settings["device"], settings.get("precision", "auto"))
    asked: dict[str, Any] = {
        "shallow": shallow,
        "deep": deep,
        "classifier": classifier,
        "seeds": range(seed, seed + seeds),
        "share": share,
        "shots": shots,
        "by": by,
        "layers": layers,
        "backbone_lr_factor": backbone_lr_factor,
        "settings": TrainSettings(**settings),
        "resume": not no_resume,
        "watch": watch_of(progress, "compare-adapt"),
    }
    sides = given_images("SOURCE", source), given_images("TARGET", target)
    if folder is None:
        with tempfile.TemporaryDirectory() as place:
            found = compare_ways(*sides, with_, out=Path(place), **asked)
    else:
        found = compare_ways(*sides, with_, out=folder, **asked)
    given = "" if methods is None else f" --methods {','.join(methods)}"
    told = f"--with {named(with_)} --deep{given} --seeds {seeds} --share {share:g} --shots {shots}"
    length = "".join(f" --{key} {settings[key]}" for key in ("epochs", "steps") if key in settings)
    made = WaysCompared(
        source=named(source),
        target=named(target),
        out=folder,
        report=None if report is None else Path(report),
        found=found,
        command=f"regard compare-adapt {named(source)} {named(target)} {told}{length}",
        metrics=found.metrics(),
        notes=found.notes,
        differences=[
            difference(row.name, row.gain) | {"against": row.against} for row in found.rows if row.gain is not None
        ],
    )
    if folder is not None:
        write_json(folder / RECORD, made.to_dict())
    if made.report is not None:
        made.write_page(made.report)
    return made


def _by_kind(methods: Sequence[str] | None, auto: bool) -> tuple[list[str] | None, list[str] | None]:
    """Shallow and deep methods of those named; None for the usual ones."""
    if methods is None:
        return (None if auto else ["coral", "transport"]), None
    if list(methods) == ["all"]:
        return ["all"], ["all"]
    for name in methods:
        check_choice("--methods", name, ("all", "auto", *names("adapt"), *names("deep")), see="regard methods adapt")
    deep = [name for name in methods if name in names("deep")]
    shallow = [name for name in methods if name not in deep]
    if auto and shallow and "auto" not in shallow:
        shallow.append("auto")
    return shallow, deep
