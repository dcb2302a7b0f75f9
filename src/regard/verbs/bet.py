"""`regard.bet`: the gelato bet, on pictures of one's own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..core.checks import bad, check_choice, check_output
from ..data.sources import open_images
from ..pages.bet import write_bet_page
from ..report.html import Table
from ..studies.bet import FILE, run_bet
from ..studies.bet_cells import MEASURES
from ..studies.bet_found import TITLES, Bet, named
from ..studies.bet_plan import BUDGETS, Plan, Steps
from ._dense_task import annotated
from ._given import Words, check_machine, given_images, whole_numbers, words
from ._given import named as called
from ._result import Progress, Result, verb, watch_of

PAGE = "bet.html"


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Bets(Result):
    """Who owes whom a gelato, and how every arm did.

    Attributes:
        out: the folder of the bet.
        command: what the page names as the command that made it.
        found: all that was measured.
    """

    verb: ClassVar[str] = "bet"
    out: Path
    command: str
    found: Bet

    def told(self) -> Mapping[str, object]:
        """The sentences, what was chosen, what each arm saw."""
        return {"out": self.out, "page": self.out / PAGE, **self.found.as_dict()}

    def shown(self) -> Iterator[str | Table]:
        """Who owes whom, a table of arms for each protocol, the differences, the notes."""
        found = self.found
        yield found.gelato
        for protocol in found.experiments:
            yield found.sentence(protocol)
        for protocol, one in found.experiments.items():
            rows = [[name, *(str(one.value(name, measure)) for measure in MEASURES)] for name in one.arms]
            yield Table(["arm", *(TITLES[measure] for measure in MEASURES)], rows, named(found.plan, protocol))
        yield self.rows()
        for note in self.notes:
            yield f"note: {note}"
        yield f"report: {self.out / PAGE}"

    def rows(self) -> Table:
        """A row for each difference between arms, with its interval and verdict."""
        heads = ["protocol", "arm", "other", "measure", "mean", "low", "high", "verdict"]
        return Table(heads, [[one[name] for name in heads] for one in self.differences], "differences")

    def write_page(self, path: Path) -> None:
        """The page, with its figures and the published history."""
        write_bet_page(self.found, path, self.command)


@verb
def bet(
    voc: object,
    *,
    out: str | Path,
    test: object = None,
    pretrain: object = None,
    tasks: Words = "rotation,context,colorization,simclr",
    protocols: Words = "fast_rcnn,faster_rcnn",
    features: str = "frozen",
    no_imagenet: bool = False,
    backbone: str = "convnet4",
    size: int = 128,
    pictures: int | None = None,
    test_pictures: int = 200,
    seeds: int = 3,
    budget: str = "usual",
    steps: str | Sequence[int] | None = None,
    minutes: float | None = None,
    margin: float = 0.03,
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Bets:
    """Say whether pretraining without labels matches pretraining with them, in detection.

    The bet of Efros and Malik, on your own pictures: networks that learned from them without annotations, from the
    classes of their objects, or not at all get the same detectors, and are scored on the same test pictures. A bet that
    was stopped goes on when the same call is made again.

    Args:
        voc: annotated pictures, in any form that `regard.detect` takes. It does not take vectors.
        out: the folder of the bet.
        test: annotated pictures to be scored on; None: the part `test` of `voc`, or else a quarter.
        pretrain: further pictures for pretext tasks, beside those of `voc`.
        tasks: pretext tasks: `regard.methods("task")` lists them.
        protocols: some of fast_rcnn (on proposals of selective search) and faster_rcnn.
        features: frozen | finetuned, of `fast_rcnn`; those of `faster_rcnn` are fine-tuned.
        no_imagenet: leave out the arm with weights from outside.
        backbone: the network of all other arms.
        size: pictures are brought to squares of this side, in pixels.
        pictures: so many annotated pictures to learn from, drawn; None: all.
        test_pictures: so many test pictures at most, drawn.
        seeds: how often everything is done; from one nothing can be told, from two nothing but a large difference.
        budget: quick | usual | long: steps of pretraining and of detectors.
        steps: steps of pretraining and of detectors, in place of `budget`: "200,80", (200, 80), or one for both.
        minutes: minutes on this machine, in place of `budget`, which sets the steps.
        margin: of AP: a loss by less than this is none.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: everything that is drawn follows from it.
        progress: shows the stream of events.

    Raises:
        InputError: no annotations, a picture in two parts, too few objects, unknown names, or `out` holds another bet.
        RunError: a training went wrong.
    """
    folder = Path(out)
    check_output("--out", folder, folder=True, marker=FILE)
    check_machine(device)
    check_choice("--budget", budget, list(BUDGETS))
    if steps is not None and minutes is not None:
        raise bad("--steps", f"{steps} and --minutes", "one of the two")
    plan = Plan(
        tasks=tuple(words(tasks)),
        protocols=tuple(words(protocols)),
        features=features,
        backbone=backbone,
        size=size,
        seeds=seeds,
        seed=seed,
        steps=BUDGETS[budget] if steps is None else _steps(steps),
        imagenet=not no_imagenet,
    )
    found = run_bet(
        annotated("VOC", voc),
        None if test is None else annotated("--test", test),
        out=folder,
        plan=plan,
        pretrain=None if pretrain is None else open_images(given_images("--pretrain", pretrain), argument="--pretrain"),
        pictures=pictures,
        test_pictures=test_pictures,
        margin=margin,
        minutes=minutes,
        device=device,
        watch=watch_of(progress, "bet"),
    )
    asked: dict[str, object] = {
        "--test": None if test is None else called(test),
        "--pretrain": None if pretrain is None else called(pretrain),
        "--tasks": ",".join(plan.tasks),
        "--protocols": ",".join(plan.protocols),
        "--features": features,
        "--backbone": backbone,
        "--size": size,
        "--pictures": pictures,
        "--test-pictures": test_pictures,
        "--seeds": seeds,
        "--seed": seed,
        "--margin": margin,
        "--minutes": minutes,
        "--steps": f"{plan.steps.pretrain},{plan.steps.detect}" if minutes is None else None,
    }
    options = [f"{name} {value}" for name, value in asked.items() if value is not None]
    made = Bets(
        out=folder,
        command=" ".join(["regard bet", called(voc), *options, *["--no-imagenet"] * no_imagenet, "--out", str(folder)]),
        found=found,
        metrics=found.metrics,
        notes=found.notes,
        differences=found.differences(),
    )
    made.write_page(folder / PAGE)
    return made


def _steps(given: str | Sequence[int]) -> Steps:
    """Two numbers, or one for both."""
    found = whole_numbers("--steps", given)
    if len(found) not in (1, 2):
        raise bad("--steps", given, "those of pretraining and of detectors", "For example: --steps 200,80.")
    return Steps(found[0], found[-1])
