"""`regard.play`: what learners keep of a stream of tasks, each method over several seeds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..core.checks import bad, check_output
from ..core.storage import write_json
from ..data.streams.stream import Stream
from ..pages.play import method_table, write_play_page
from ..report.html import Table
from ..studies.play_plan import ALL, planned
from ..studies.played import StreamPlayed
from ..studies.playing import RECORD, play_stream
from ._given import Rep, Words, check_machine, named, several, words
from ._result import Progress, Result, difference, verb, watch_of
from ._training import given_settings

RESULT, PAGE = "result.json", "report.html"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Kept(Result):
    """What each method kept of the stream.

    Attributes:
        out: the folder of all plays.
        report: the page.
        command: what the page names as the command that made it.
        found: every method over seeds, with matrices, intervals and costs.
    """

    verb: ClassVar[str] = "play"
    out: Path
    report: Path
    command: str
    found: StreamPlayed

    def told(self) -> Mapping[str, object]:
        """Every method with its matrices, costs and intervals; who beats whom; what was left out and what failed."""
        return {**self.found.as_dict(), "out": self.out, "report": self.report}

    def shown(self) -> Iterator[str | Table]:
        """The table, the answer, what is not among them."""
        yield self.rows()
        yield self.found.answer
        for name, why in self.found.left_out.items():
            yield f"left out: {name}: {why}"
        for name, why in self.found.failed.items():
            yield f"NOT DONE: {name} did not end: {why}"
        for note in self.notes:
            yield f"note: {note}"
        yield f"report: {self.report}"

    def rows(self) -> Table:
        """A row for each method, the best first."""
        table, many = method_table(self.found), len(self.found.seeds)
        over = f"{many} seeds; in per cent, 95 % intervals over seeds" if many > 1 else "one seed; in per cent"
        return Table(table.columns, table.rows, f"{self.found.stream}, {over}")

    def write_page(self, path: Path) -> None:
        """Matrices, curves, costs."""
        write_play_page(self.found, path, command=self.command)


@verb
def play(
    stream: Stream | str | Path,
    *,
    out: str | Path,
    methods: Words | None = None,
    with_: Rep = "imagenet",
    against: str | None = None,
    seeds: int = 5,
    set_: Mapping[str, Any] | None = None,
    layers: str | None = None,
    backbone_lr_factor: float | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    precision: str | None = None,
    looks: Words | None = None,
    pretext: str = "simclr",
    size: int = 128,
    probe_steps: int = 200,
    report: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Kept:
    """Play a stream of tasks by several methods and seeds, and say what each keeps.

    Each method learns one task after another and is scored on all of them after each. Each seed cuts the stream anew:
    another order of classes, other test images, other first weights. Intervals are over seeds, and differences are
    paired seed by seed. Called again with the same folder it goes on, and plays only what is not there yet.

    Args:
        stream: a TOML file, `builtin:digits_5x2`, or a `Stream`, whose classes keep their order in all seeds.
        out: a new folder for all plays, or that of the same stream and representation.
        methods: names with commas between them or as a list, or all: those that can play the stream; the others are
            told with the reason. Bounds are `joint` (each task with all before it) and `frozen` (a linear layer on all
            frozen vectors). None: ncm, slda, ridge and ranpac; where a task segments or has no labels frozen and
            finetune.
        with_: what all start from (`--with`): a name, a folder, or a `Representation`.
        against: the method that others are compared with; None: finetune where it is played, then a bound, then the
            first.
        seeds: how many; from fewer than 5 there is too little to say.
        set_: settings by name (`--set name=value`); each goes to all methods that have it.
        layers: what of a network learns: all, head, last:N or lora:R; None: all. So far as the next six for methods
            whose encoder moves alone.
        backbone_lr_factor: the network's rate is this times the classifier's; None: 0.1.
        epochs: passes over each task.
        steps: steps of each task, instead of epochs.
        batch: images a step; None: from the data.
        lr: highest learning rate, of the classifier; None: 0.002.
        precision: auto | fp32 | bf16; None: auto.
        looks: measures of the representation after each task: probe, drift, stale, again, or all. They cost a pass
            over all tasks' images after each.
        pretext: by which task of `create` images without labels are learned from.
        size: side of pictures to be segmented, in pixels.
        probe_steps: of the linear layer on maps by which segmentation is scored.
        report: write the page to this .html; None: `report.html` in `out`.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: the first.
        progress: shows the stream of events.

    Raises:
        InputError: an unknown method, one that was named and cannot play the stream, no such stream, or `out` holds
            something else.
        RunError: no method came to its end.
    """
    folder = check_output("--out", out, folder=True, marker=RECORD)
    page = folder / PAGE if report is None else check_output("--report", report, ".html")
    check_machine(device)
    asked = [name for text in several(methods or []) for name in words(text)]
    if ALL in asked and len(asked) > 1:
        raise bad("--methods", ", ".join(asked), "all, or names")
    wanted = words(looks or "")
    plan = planned(stream, asked, seeds=seeds, seed=seed, layers=layers or "all")
    given = {"epochs": epochs, "steps": steps, "batch": batch, "lr": lr, "precision": precision}
    tuned = {"layers": layers, "backbone_lr_factor": backbone_lr_factor}
    settings, training = given_settings(given, tuned, plan.trains, "--methods", device=device, seed=seed)
    found = play_stream(
        plan,
        with_,
        out=folder,
        against=against,
        chosen=set_,
        settings=settings,
        watch=watch_of(progress, "play"),
        looks=True if wanted == [ALL] else wanted,
        pretext=pretext,
        size=size,
        probe_steps=probe_steps,
        **training,
    )
    name = stream.name if isinstance(stream, Stream) else str(stream)
    asked = asked or list(plan.methods)
    made = Kept(
        out=folder,
        report=page,
        command=f"regard play {name} --methods {','.join(asked)} --with {named(with_)} --seeds {seeds} --out {out}",
        found=found,
        metrics=figures(found),
        notes=found.notes,
        differences=[difference(one, found.difference(one)) for one in found.methods if one != found.against],
    )
    write_json(folder / RESULT, made.to_dict())
    made.write_page(page)
    return made


def figures(found: StreamPlayed) -> dict[str, float | None]:
    """Flat names to numbers: METHOD, METHOD_low ..., METHOD_forgetting, METHOD_gain, METHOD_seconds ..."""
    flat: dict[str, float | None] = {
        "tasks": len(found.tasks),
        "seeds": len(found.seeds),
        "methods": len(found.methods),
        "left_out": len(found.left_out),
        "failed": len(found.failed),
    }
    for name, one in found.methods.items():
        for measure in one.measures:
            key = name if measure == "final_accuracy" else f"{name}_{measure}"
            told = one.value(measure).as_dict()
            flat |= {key: told["mean"], f"{key}_low": told["low"], f"{key}_high": told["high"]}
        flat |= {f"{name}_seconds": one.seconds, f"{name}_bytes": one.bytes}
        for look, values in one.looks().items():
            ends = values[-1][np.isfinite(values[-1])]
            flat[f"{name}_final_{look}"] = float(ends.mean()) if len(ends) else None
        if name != found.against:
            gain = found.difference(name).as_dict()
            flat |= {f"{name}_gain": gain["mean"], f"{name}_gain_low": gain["low"], f"{name}_gain_high": gain["high"]}
    return flat
