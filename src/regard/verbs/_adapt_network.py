"""What `regard.adapt` does for methods that train the network: a run, as fine-tuning is one, and what it gave."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..adapt.deep.result import DeepResult
from ..adapt.deep.run import AUTO, adapt_images, candidates
from ..core import processes
from ..core.checks import bad, check_choice, check_output
from ..core.discover import names
from ..learning.settings import TrainSettings
from ..metrics.contrast import Difference
from ..pages.adapt_network import write_network_page
from ..report.html import Table
from ..representation.representation import Representation
from ._given import Rep, check_machine, given_images, named
from ._result import Progress, Result, difference, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class AdaptedNetwork(Result):
    """A representation and its classifier that learned from two domains.

    Attributes:
        source, target: what was adapted, and to what.
        methods: those that were named.
        out: the folder of the run, a representation with a classifier that predict and export take.
        found: predictions, and how each candidate was judged.
        report: the page that was written, or None.
        command: what the page names as the command that made it.
    """

    verb: ClassVar[str] = "adapt"
    source: str
    target: str
    methods: Sequence[str]
    out: Path
    found: DeepResult
    report: Path | None = None
    command: str = ""

    @property
    def ids(self) -> np.ndarray:
        """(n,) of the target's samples."""
        return self.found.ids

    @property
    def predictions(self) -> np.ndarray:
        """(n,) the label of each."""
        return self.found.predictions

    @property
    def representation(self) -> Representation:
        """The adapted one, read from its folder."""
        return Representation.load(self.out)

    def told(self) -> Mapping[str, object]:
        """What was adapted, where it is, and how candidates were judged."""
        return {
            "source": self.source,
            "target": self.target,
            "methods": self.methods,
            "out": self.out,
            "chosen": self.found.chosen,
            "candidates": self.found.candidates,
            **({"report": self.report} if self.report is not None else {}),
        }

    def shown(self) -> Iterator[str | Table]:
        """Accuracies on the target where they can be told; the candidates; the notes."""
        yield from self.blocks()

    def blocks(self) -> Iterator[str | Table]:
        """The same."""
        if "adapted" in self.metrics:
            yield self.rows()
        heads = ["candidate", "source", *(self.found.candidates[0]["scores"] if self.found.candidates else {})]
        judged = [[one["name"], one["source"], *one["scores"].values()] for one in self.found.candidates]
        yield Table(heads, judged, f"judged without target labels; {self.found.chosen} was kept")
        yield f"{len(self.ids)} predictions and the network to {self.out}"
        for note in self.notes:
            yield f"note: {note}"
        if self.report is not None:
            yield f"report: {self.report}"

    def write_page(self, path: Path) -> None:
        """What it was worth, the domains told apart along the run, the shift and a map before and after, the choice."""
        write_network_page(self.found, path, self.command)

    def rows(self) -> Table:
        """A row for the source alone, one for the method, one for the best that target labels would choose."""
        if "adapted" not in self.metrics:
            return Table(["id", "label"], list(zip(self.ids.tolist(), map(str, self.predictions))))
        lines = [
            [name, *(self.metrics.get(f"{key}{end}") for end in ("", "_low", "_high"))]
            for name, key in (("source_only", "source_only"), (self.found.chosen, "adapted"), ("oracle", "oracle"))
        ]
        title = "accuracy on the target; 95 % intervals over its samples, for this one source"
        return Table(["method", "accuracy", "low", "high"], lines, title)


def adapt_network(
    source: object,
    target: object,
    method: Sequence[str],
    with_: Rep,
    out: str | Path | None,
    *,
    set_: Mapping[str, Any] | None,
    labelled: object,
    by: str,
    tune: bool,
    classifier: str,
    layers: str | None,
    backbone_lr_factor: float | None,
    keep: str | None,
    no_resume: bool,
    settings: Mapping[str, Any],
    report: str | Path | None,
    progress: Progress | None,
) -> AdaptedNetwork:
    """See `adapt`; what is None is as `finetune` has it.

    Raises:
        InputError: methods on vectors among them, no folder to write to, what belongs to methods on vectors.
    """
    name = ",".join(method)
    for one in method:
        why = f"{method[0]} trains a network" if len(method) > 1 else "--deep asks for methods that train a network"
        if one not in names("deep") and method != [AUTO]:
            raise bad("--method", name, f"some of {', '.join(names('deep'))}, or auto alone", f"{why}.")
    for argument, given in (("--tune", tune), ("--classifier", classifier != "linear")):
        if given:
            raise bad(argument, "it", f"nothing with {name}, which trains the network with its own linear classifier")
    candidates(name, set_)
    if out is None or Path(out).suffix == ".csv":
        raise bad("--out", out or "nothing", f"a folder for the run: {name} trains a network")
    if report is not None:
        check_output("--report", report, ".html")
    folder = Path(out)
    check_output("--out", folder, folder=True, marker="run.json")
    told = {key: value for key, value in settings.items() if value is not None}
    check_machine(told["device"], told.get("precision", "auto"))
    found = adapt_images(
        given_images("SOURCE", source),
        given_images("TARGET", target),
        name,
        with_,
        out=folder,
        labelled=None if labelled is None else given_images("--labelled", labelled),
        chosen=dict(set_ or {}),
        by=by,
        keep=check_choice("--keep", keep or "best", ["last", "best"]),
        layers=layers or "all",
        backbone_lr_factor=0.1 if backbone_lr_factor is None else backbone_lr_factor,
        settings=TrainSettings(**told),
        resume=not no_resume,
        watch=watch_of(progress, "adapt"),
    )
    chosen = "".join(f" --set {key}={_value(value)}" for key, value in (set_ or {}).items())
    asked = "".join(f" --{key.replace('_', '-')} {value}" for key, value in told.items())
    made = AdaptedNetwork(
        source=named(source),
        target=named(target),
        methods=list(method),
        out=folder,
        found=found,
        metrics=found.metrics,
        notes=found.notes,
        differences=_differences(found),
        report=None if report is None else Path(report),
        command=f"regard adapt {named(source)} {named(target)} --with {named(with_)}"
        f"{''.join(f' --method {one}' for one in method)}{chosen} --by {by} --out {out}{asked}",
    )
    # of several processes the first one has written the run
    if made.report is not None and processes.first():
        made.write_page(made.report)
    return made


def _value(value: object) -> object:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else value


def _differences(found: DeepResult) -> list[dict[str, Any]]:
    """The gain over the source alone; of one source and one seed, so that there is no verdict."""
    if "gain" not in found.metrics:
        return []
    low, high = found.metrics["gain_low"], found.metrics["gain_high"]
    low, high = (-inf, inf) if low is None or high is None else (low, high)
    return [difference(found.chosen, Difference(found.metrics["gain"], low, high, len(found.ids), 1))]
