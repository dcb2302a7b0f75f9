"""`regard.compare`: whether one representation is useful for a task, against another."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..core.checks import bad, check_output
from ..core.storage import new_folder, write_json
from ..pages.compare import write_comparison, write_comparison_page
from ..report.html import Table
from ..studies.compare.compare import Comparison
from ..studies.compare.compare import compare as study
from ._given import Rep, Words, check_machine, given_images, named, several, whole_numbers, words
from ._result import Progress, Result, difference, verb, watch_of

RECORD = "comparison.json"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class RepresentationsCompared(Result):
    """Whether representations are useful for tasks, and how many labels they save.

    Attributes:
        out: the folder of the answers, the page and the figures; None where none was asked for.
        command: what the page names as the command that made it.
        found: readings, costs, transferability, leaks.
    """

    verb: ClassVar[str] = "compare"
    out: Path | None
    command: str
    found: Comparison

    @property
    def answer(self) -> str:
        """The answer in one sentence."""
        return self.found.sentences[0]

    def told(self) -> Mapping[str, object]:
        """The answers, and all that they rest on."""
        return {**self.found.as_dict(), **({"out": self.out} if self.out is not None else {})}

    def shown(self) -> Iterator[str | Table]:
        """The answers, then levels by number of labels, then costs."""
        yield from self.found.sentences
        for reading in self.found.readings:
            heads = ["arm", *(f"{number} labels" if number else "" for number in reading.experiments)]
            rows = [
                [name, *(str(reading.level(name, number)) for number in reading.experiments)]
                for name in reading.whole.arms
            ]
            yield Table(heads, rows, f"{reading.title}: {reading.main.title}")
        yield self._costs()
        for note in self.notes:
            yield f"note: {note}"
        if self.out is not None:
            yield f"report: {self.out / 'report.html'}"

    def rows(self) -> Table:
        """A row for each arm and reading, with its gain, the labels saved and the verdict."""
        rows = []
        for reading in self.found.readings:
            for name in self.found.others:
                gain, saved = reading.gain(name), reading.saved[name]
                share = None if saved is None else saved.share
                ends = (None, None) if saved is None else saved.ends
                rows.append([reading.task, reading.way, name, gain.mean, gain.low, gain.high, share, *ends])
                rows[-1].append(reading.verdict(name))
        heads = ["task", "way", "arm", "gain", "gain low", "gain high", "labels saved", "low", "high", "verdict"]
        return Table(heads, rows)

    def write_page(self, path: Path) -> None:
        """The answer, curves, costs, arms, and what was known before."""
        write_comparison_page(self.found, path, self.command)

    def _costs(self) -> Table:
        rows: list[list[object]] = []
        for reading in self.found.readings:
            for name in self.found.arms:
                cost = reading.costs[name]
                before = "unknown" if cost.pretraining is None else f"{cost.pretraining:.1f}"
                mib = "unknown" if cost.mib is None else f"{cost.mib:.0f}"
                rows.append([reading.title, name, before, f"{cost.seconds:.1f}", mib, f"{cost.parameters:,}"])
        heads = ["task", "arm", "pretraining minutes", "seconds of learning", "peak MiB", "parameters"]
        return Table(heads, rows, "costs, with all labels")


@verb
def compare(
    train: object,
    test: object,
    *,
    task: Words = "classify",
    with_: Sequence[Rep] | Mapping[str, Any],
    baseline: str | None = None,
    way: Words = "frozen,finetuned",
    labels: str | Sequence[int] = "",
    seeds: int = 5,
    steps: int | None = None,
    size: int | None = None,
    pretrained_on: Sequence[str] | Mapping[str, object] | None = None,
    allow_leak: bool = False,
    out: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> RepresentationsCompared:
    """Say whether a representation is useful for a task, and how many labels it saves.

    All arms learn from the same labelled pictures, with the same heads, orders, views and steps; each has its rate or
    penalty chosen on a part of them. Scores by number of labels give a curve for each arm, and the answer is at how
    many labels an arm is as good as the baseline is with all of its own. Intervals hold the luck of test pictures, of
    which pictures are labelled, and of seeds. An arm that has seen test pictures is refused.

    Args:
        train: labelled or annotated pictures to learn from.
        test: the same to score on.
        task: classify, retrieve, detect, instances, segment ...: one, several with commas between them, or all that
            the data fit, for a map of which representation helps which task.
        with_: the arms (`--with`, again and again): names, folders, `NAME=FOLDER`, or a mapping by name, whose values
            may be lists of runs. `random` is the first arm's network with weights drawn for each seed.
        baseline: the name of the arm that the others are compared with; None: the last.
        way: frozen, finetuned, or both.
        labels: numbers of labelled pictures; none: all, a half, a quarter ...
        seeds: draws of labelled pictures, heads, and random weights; at least 3.
        steps: of fine-tuning or of a dense head; None: the task's own.
        size: of pictures for dense tasks, in pixels; None: the task's own.
        pretrained_on: by arm (`NAME=FOLDER`), the pictures that it was pretrained on, to look for copies of test ones.
        allow_leak: go on where an arm has seen test pictures, and tell of it.
        out: a new folder for the answers, the page and the figures, or that of a comparison that goes on.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: the first seed.
        progress: shows the stream of events.

    Raises:
        InputError: data that do not fit the task, fewer than two arms, names that are not there, or an arm that has
            seen test pictures.
    """
    folder = None if out is None else check_output("--out", out, folder=True, marker=RECORD)
    check_machine(device)
    tasks, ways = words(task), words(way)
    arms = _arms(with_)
    seen = _by_arm(pretrained_on)
    asked: dict[str, Any] = {
        "baseline": baseline,
        "ways": ways,
        "labels": whole_numbers("--labels", labels),
        "seeds": seeds,
        "seed": seed,
        "steps": steps,
        "size": size,
        "device": device,
        "pretrained_on": seen,
        "allow_leak": allow_leak,
        "watch": watch_of(progress, "compare"),
    }
    sides = given_images("TRAIN", train), given_images("TEST", test)
    if folder is None:
        with tempfile.TemporaryDirectory() as place:
            found = study(*sides, tasks, arms, folder=Path(place), **asked)
    else:
        new_folder("--out", folder, marker=RECORD)
        if not (folder / RECORD).exists():  # so that the folder is known when this is stopped
            write_json(folder / RECORD, {"verb": "compare", "finished": False})
        found = study(*sides, tasks, arms, folder=folder, **asked)
    given = " ".join(f"--with {_called(one)}" for one in arms)
    made = RepresentationsCompared(
        out=folder,
        command=f"regard compare {named(train)} {named(test)} --task {','.join(tasks)} {given} --seeds {seeds}",
        found=found,
        metrics=found.metrics,
        notes=found.notes,
        differences=[
            difference(found.key(reading, name), reading.gain(name))
            for reading in found.readings
            for name in found.others
        ],
    )
    if folder is not None:
        write_comparison(found, folder, made.command)
        write_json(folder / RECORD, {**made.to_dict(), "finished": True})
    return made


def _arms(given: Sequence[Rep] | Mapping[str, Any]) -> list[Any]:
    """The arms as names, or as (name, representation)."""
    if isinstance(given, Mapping):
        return [(name, one) for name, held in given.items() for one in several(held)]
    return several(given) if isinstance(given, str | Path) else list(given)


def _called(one: Any) -> str:
    return f"{one[0]}={named(one[1])}" if isinstance(one, tuple) else named(one)


def _by_arm(given: Sequence[str] | Mapping[str, object] | None) -> dict[str, object]:
    """Folders by arm.

    Raises:
        InputError: a text without a name.
    """
    if isinstance(given, Mapping):
        return dict(given)
    found: dict[str, object] = {}
    for one in several(given) if isinstance(given, str) else given or ():
        name, equals, folder = one.partition("=")
        if not (equals and name and folder):
            raise bad("--pretrained-on", repr(one), "NAME=FOLDER, with the name of an arm", "Such as A=pictures.")
        found[name] = folder
    return found
