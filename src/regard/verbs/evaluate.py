"""`regard.evaluate`: whether pretraining helped."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..core.checks import check_output
from ..pages.evaluate import write_evaluation_page
from ..report.html import Table
from ..studies.evaluate import evaluate as study
from ..studies.evaluation import Evaluation, values
from ._given import Rep, check_machine, given_images, named, several, whole_numbers
from ._result import Progress, Result, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Evaluated(Result):
    """Whether a run is better than random networks of its kind, and by how much.

    Attributes:
        out: the page that was written, or None.
        command: what the page names as the command that made it.
        found: arms, contrasts, and all that was measured.
    """

    verb: ClassVar[str] = "evaluate"
    out: Path | None
    command: str
    found: Evaluation

    def told(self) -> Mapping[str, object]:
        """The arms, what they were asked with, and the verdicts of the run."""
        return {**self.found.as_dict(), **({"out": self.out} if self.out is not None else {})}

    def shown(self) -> Iterator[str | Table]:
        """Measures down and arms across, then the verdicts."""
        yield from self.found.table().split("\n")
        if self.out is not None:
            yield f"report: {self.out}"

    def blocks(self) -> Iterator[str | Table]:
        """The same as tables."""
        heads, *lines = values(self.found)
        yield Table(heads, lines, "means over seeds, ± the standard deviation over them")
        yield self.rows()
        yield self.found.control_told
        for note in self.notes:
            yield f"note: {note}"

    def rows(self) -> Table:
        """A row for each difference between arms, with its interval and verdict."""
        heads = ["arm", "other", "measure", "mean", "low", "high", "verdict"]
        return Table(heads, [[one[name] for name in heads] for one in self.differences], "differences")

    def write_page(self, path: Path) -> None:
        """Gains of the run, values of all arms, the other differences, the notes."""
        write_evaluation_page(self.found, path, self.command)


@verb
def evaluate(
    run: Rep | Sequence[Rep],
    *,
    on: tuple[object, object],
    against: Sequence[Rep] | None = None,
    ceiling: bool = False,
    seeds: int = 8,
    shots: str | Sequence[int] = "1,5,10",
    no_layers: bool = False,
    no_finetune: bool = False,
    finetune_steps: int = 200,
    out: str | Path | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluated:
    """Say whether pretraining helped, without fooling yourself.

    The run is compared with random networks of the same kind, plain and rescaled to the images: frozen (linear, k-NN,
    few labels, retrieval) and fine-tuned with one budget for all. Every difference has an interval over test images
    and over seeds, and "no gain" is said where it includes 0. A run that learned from TEST is refused.

    Args:
        run: a run's folder, any representation by name, or a `Representation`; several are one recipe, other seeds.
        on: labelled images to learn from, and to score on: folders, tables, `ImageSet`s or (X, y). It does not take
            vectors.
        against: other runs to compare with.
        ceiling: also train on the labels to learn from, for as many steps as the run had.
        seeds: random networks, and draws for each of `shots`; at least 2.
        shots: also with so few labels a class: "1,5,10" or a list; "" or [] for none.
        no_layers: probe the last layer alone.
        no_finetune: fine-tune nothing: most of the time.
        finetune_steps: steps of each fine-tuning.
        out: write a page to this .html.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: of draws and folds, and of random networks where the run does not tell its own.
        progress: shows the stream of events.

    Raises:
        InputError: a folder that holds no run; no labels, one class, a test class that training lacks, a class too
            small for `shots`; the same image in both sets; a run that learned from the test images.
    """
    if out is not None:
        check_output("--out", out, ".html")
    check_machine(device)
    runs, (train, test) = several(run), on
    found = study(
        runs,
        given_images("TRAIN", train),
        given_images("TEST", test),
        seeds=seeds,
        shots=whole_numbers("--shots", shots),
        layers=not no_layers,
        finetune=not no_finetune,
        finetune_steps=finetune_steps,
        against=several(against) if against else (),
        ceiling=ceiling,
        seed=seed,
        device=device,
        watch=watch_of(progress, "evaluate"),
    )
    told: list[dict[str, Any]] = found.as_dict()["differences"]
    for one in told:
        over = "" if one["other"] == "random" else f"_over_{one['other']}"
        one["name"] = f"{one['arm']}_{one['measure']}{over}"
    sides = f"{named(train)} {named(test)}"
    made = Evaluated(
        out=None if out is None else Path(out),
        command=f"regard evaluate {' '.join(map(named, runs))} --on {sides} --seeds {seeds} --seed {seed}",
        found=found,
        metrics=found.metrics,
        notes=found.notes,
        differences=told,
    )
    if made.out is not None:
        made.write_page(made.out)
    return made
