"""`regard.history`: from bag of words to ResNet under one budget, on pictures of one's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..core.checks import bad, check_output
from ..core.storage import write_json
from ..pages.history import budget, history_table, write_history_page
from ..report.html import Table
from ..studies.history import FILE, run_history
from ..studies.history_found import History
from ..studies.history_plan import REFERENCES
from ._given import Words, check_machine, given_images, named, words
from ._result import Progress, Result, verb, watch_of

RESULT, PAGE = "result.json", "report.html"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Line(Result):
    """How far the published order of representations holds.

    Attributes:
        out: the folder of the study.
        report: the page.
        command: what the page names as the command that made it.
        found: every representation with its scores and costs.
    """

    verb: ClassVar[str] = "history"
    out: Path
    report: Path
    command: str
    found: History

    def told(self) -> Mapping[str, object]:
        """The answer, every row with its costs, what was published, what did not end."""
        return {**self.found.as_dict(), "out": self.out, "report": self.report}

    def shown(self) -> Iterator[str | Table]:
        """The table, the answer, what did not end, the notes."""
        yield self.rows()
        yield self.found.answer
        for name, why in self.found.failed.items():
            yield f"NOT DONE: {name} did not end: {why}"
        for note in self.notes:
            yield f"note: {note}"
        yield f"report: {self.report}"

    def rows(self) -> Table:
        """A row for each representation in the published order, then the references."""
        table = history_table(self.found)
        return Table(table.columns, table.rows, f"{budget(self.found)}; in per cent, 95 % intervals")

    def write_page(self, path: Path) -> None:
        """Accuracy by year and cost, every row, what was published."""
        write_history_page(self.found, path, self.command)


@verb
def history(
    train: object,
    test: object = None,
    *,
    out: str | Path,
    networks: Words = "scaled",
    no_classic: bool = False,
    no_references: bool = False,
    seeds: int = 3,
    steps: int | None = None,
    minutes: float | None = None,
    batch: int = 64,
    lr: str | float | Sequence[float] = "0.002,0.0005",
    size: int | None = None,
    precision: str = "auto",
    workers: int = 1,
    report: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Line:
    """Run twenty years of recognition on your pictures, from bag of words over AlexNet to ResNet, under one budget.

    AlexNet, ZF, VGG, GoogLeNet and ResNet learn the labels of TRAIN from first weights with as many steps, the same
    batches, views and seeds, and a learning rate that is chosen from the same few on a part of TRAIN. Bag of words and
    Fisher vectors fit their vocabulary on TRAIN. All are asked about the same pictures of TEST. What is told:
    each accuracy with its interval, each against the one before it, how far the published order holds, and where these
    pictures reverse it.
    Called again with the same folder it goes on, and does only what is not there yet.

    Args:
        train: labelled pictures to learn from. It does not take vectors.
        test: labelled pictures to be asked about; None: the part test of `train`, or a quarter of it.
        out: a new folder for everything, or that of the same study.
        networks: scaled (for small pictures), published (as in the papers), all, or names: "alexnet,vgg_published".
        no_classic: leave out bag of words and Fisher vectors.
        no_references: leave out the linear classifiers on random features and on `imagenet`.
        seeds: how often everything is done; from one nothing can be told, from two nothing but a large difference.
        steps: of each network; None: 600.
        minutes: of each network, in place of `steps`; figures then differ from run to run.
        batch: pictures a step.
        lr: highest learning rates to choose from; one alone is taken as it is.
        size: side of the pictures in pixels; None: 32, 64, 128 or 224, from the pictures.
        precision: auto | fp32 | bf16, of all trainings; auto is bf16 where the machine has it.
        workers: processes beside one another.
        report: write the page to this .html; None: `report.html` in `out`.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: the first.
        progress: shows the stream of events.

    Raises:
        InputError: no labels, one class, a picture in both sets, unknown names, a size that a network does not take,
            or `out` holds another study.
        RunError: no representation came to its end.
    """
    folder = check_output("--out", out, folder=True, marker=FILE)
    page = folder / PAGE if report is None else check_output("--report", report, ".html")
    check_machine(device)
    if steps is not None and minutes is not None:
        raise bad("--steps", f"{steps} and --minutes", "one of the two")
    rates, asked = _rates(lr), ",".join(words(networks))
    found = run_history(
        given_images("TRAIN", train),
        None if test is None else given_images("TEST", test),
        out=folder,
        networks=asked,
        classic=not no_classic,
        references=() if no_references else REFERENCES,
        seeds=seeds,
        steps=steps,
        minutes=minutes,
        batch=batch,
        rates=rates,
        size=size,
        precision=precision,
        workers=workers,
        device=device,
        seed=seed,
        watch=watch_of(progress, "history"),
    )
    length = f"--minutes {minutes:g}" if minutes is not None else f"--steps {found.about['steps']}"
    options = [f"--networks {asked}", *["--no-classic"] * no_classic, *["--no-references"] * no_references]
    options += [f"--seeds {seeds}", length, f"--batch {batch}", f"--lr {','.join(f'{rate:g}' for rate in rates)}"]
    options += [f"--size {found.about['size']}", f"--precision {found.about['precision']}", f"--seed {seed}"]
    sides = " ".join(named(side) for side in (train, test) if side is not None)
    made = Line(
        out=folder,
        report=page,
        command=f"regard history {sides} {' '.join(options)} --out {out}",
        found=found,
        metrics=found.metrics,
        notes=found.notes,
        differences=found.differences(),
    )
    write_json(folder / RESULT, made.to_dict())
    made.write_page(page)
    return made


def _rates(given: str | float | Sequence[float]) -> list[float]:
    parts = words(given) if isinstance(given, str) else [given] if isinstance(given, int | float) else list(given)
    try:
        return [float(part) for part in parts]
    except (TypeError, ValueError):
        raise bad("--lr", repr(given), "numbers with commas between them", "For example: --lr 0.002,0.0005.") from None
