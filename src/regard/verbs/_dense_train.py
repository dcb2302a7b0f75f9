"""`train` of `regard.detect`, `instances`, `segment` and `depth`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..core.checks import bad, check_output
from ..core.records import anything, listed, mapped, read_record, text
from ..learning.run import read_metrics, watched
from ..learning.settings import TrainSettings
from ..pages.dense_run import write_run_page
from ..report.html import Table
from ..reuse.dense.apart import SCORES
from ..reuse.dense.given_boxes import GivenBoxes
from ..reuse.dense.model import DenseModel
from ..reuse.dense.rates import RATES
from ..reuse.dense.rcnn_train import train_rcnn_events
from ..reuse.dense.train import NEEDED, train_events
from ._dense_scores import class_table, score_table
from ._dense_task import Task, annotated
from ._given import Rep, Words, check_machine, words
from ._result import Progress, Result, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class DenseTrained(Result):
    """A network with its head, trained for a dense task.

    Attributes:
        task: one of `_dense_task.TASKS`.
        out: the folder of the run.
        by_class: the scores of each class.
    """

    verb: ClassVar[str] = "train"
    task: str
    out: Path
    by_class: Mapping[str, Mapping[str, float | None]]

    @property
    def model(self) -> DenseModel:
        """What was trained, read from its folder."""
        return DenseModel.load(self.out)

    def told(self) -> Mapping[str, object]:
        """Where it is, and the scores of each class."""
        return {"task": self.task, "out": self.out, "by_class": self.by_class}

    def shown(self) -> Iterator[str | Table]:
        """The scores, those of each class, and the notes."""
        yield score_table(self.metrics, f"{self.out}: scores on {self.metrics['val']:.0f} pictures")
        if self.by_class:
            yield class_table(self.by_class)
        for note in self.notes:
            yield f"note: {note}"


@verb
def train(
    task: Task,
    train: object,
    *,
    out: str | Path,
    val: object = None,
    with_: Rep = "imagenet",
    head: str | None = None,
    size: int | None = None,
    classes: Words | None = None,
    layers: str = "all",
    backbone_lr_factor: float = 0.1,
    layer_decay: float = 1.0,
    init_from: Rep | None = None,
    init_layers: Words = "",
    from_: str | Path | None = None,
    proposals: str | Path | None = None,
    no_augment: bool = False,
    epochs: int | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    batch: int | None = None,
    lr: float | None = None,
    weight_decay: float = 1e-2,
    clip: float | None = None,
    keep: str = "last",
    no_resume: bool = False,
    precision: str = "auto",
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> DenseTrained:
    """Train a head together with a representation, on annotated pictures.

    The pictures for scoring are never learnt from, and nothing is chosen by them unless `keep` is `best`. A run that
    was stopped goes on when the same call is made again.

    Args:
        task: bound; `regard.detect.train(...)` has it already.
        train: annotated pictures: a folder of VOC, COCO, YOLO or mask files, a COCO file, `builtin:scenes`, or an
            `ImageSet` with annotations.
        out: the folder of the run.
        val: the same for scoring; None takes a fifth of `train`.
        with_: what to start from (`--with`): a name, a folder, or a `Representation`; it is not changed.
        head: what stands on the network; None: the first of the task.
        size: pictures are brought to squares of this side, in pixels; None: 256, or as in `from_`.
        classes: what to tell; None: all that is annotated.
        layers: what learns: all, head, last:N stages of the network, or lora:R, matrices of rank R beside it.
        backbone_lr_factor: the network's rate is this times the head's.
        layer_decay: each stage of the network has the next one's rate times this.
        init_from: a representation whose weights are put into the network of `with_` where name and shape agree; what
            was taken is told.
        init_layers: of these layers alone, such as `..blocks.3`; empty: of all.
        from_: the folder of a finished run to go on from (`--from`), in place of `with_`: its network, and its head
            where that is of the same kind, outputs by the names of their classes.
        proposals: a table of boxes for the head `fast_rcnn`; None: selective search.
        no_augment: learn from the pictures as they are, not also mirrored, scaled and recoloured.
        epochs: passes over `train`; where no length is given 20, but at least 200 and at most 20,000 steps.
        steps: steps, instead of epochs.
        minutes: minutes, instead of epochs.
        batch: pictures a step; None: 8.
        lr: highest learning rate, of the head; None: of three the best on a fifth of what is learned from.
        weight_decay: decoupled.
        clip: longest norm of the gradient.
        keep: `last` weights, or the `best` by the pictures for scoring, which is then said.
        no_resume: start anew where a run was stopped.
        precision: auto | fp32 | bf16.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: everything that is drawn follows from it.
        progress: shows the stream of events.

    Raises:
        InputError: no annotations, unknown names, a picture in both sets, or `out` holds something else.
        RunError: the run went wrong.
    """
    folder = Path(out)
    check_output("--out", folder, folder=True, marker="run.json")
    check_machine(device, precision)
    recipe = TrainSettings(
        epochs=epochs,
        steps=steps,
        minutes=minutes,
        batch=batch,
        lr=RATES[1] if lr is None else lr,
        weight_decay=weight_decay,
        clip=clip,
        precision=precision,
        device=device,
        seed=seed,
    )
    images = annotated("TRAIN", train)
    scored = None if val is None else annotated("--val", val)
    told = None if classes is None else words(classes)
    given = None if proposals is None else GivenBoxes.read(proposals)
    if head == "rcnn" and task.what == "boxes":
        learning = {"--epochs": epochs, "--steps": steps, "--minutes": minutes, "--batch": batch, "--lr": lr}
        _refuse({**learning, "--clip": clip, "--init-from": init_from, "--from": from_})
        events = train_rcnn_events(
            images,
            scored,
            with_,
            out=folder,
            size=256 if size is None else size,
            classes=told,
            proposals=given,
            seed=seed,
            precision=precision,
            device=device,
            resume=not no_resume,
        )
    else:
        events = train_events(
            images,
            scored,
            with_,
            out=folder,
            what=task.what,
            head=head,
            size=size,
            classes=told,
            layers=layers,
            backbone_lr_factor=backbone_lr_factor,
            layer_decay=layer_decay,
            init_from=init_from,
            init_layers=words(init_layers),
            from_run=from_,
            proposals=given,
            augment=not no_augment,
            settings=recipe,
            resume=not no_resume,
            keep=keep,
            rates=RATES if lr is None else (),
            report=write_run_page,
        )
    watched(events, watch_of(progress, f"{task.name} train"))
    found = read_record(folder / SCORES, {"by_class": mapped(mapped(anything)), "notes": listed(text)})
    return DenseTrained(
        task=task.name,
        out=folder,
        by_class=found["by_class"],
        metrics=read_metrics(folder, NEEDED),
        notes=found["notes"],
    )


def _refuse(learning: Mapping[str, object]) -> None:
    """Refuse what a network is told that does not learn."""
    if given := [name for name, value in learning.items() if value is not None]:
        fix = "Its network does not learn: SVMs do, on all regions."
        raise bad("--head", f"rcnn with {', '.join(given)}", "rcnn without", fix)
