"""`regard.finetune`: train a representation further, for one task."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..core.checks import check_output
from ..learning.bridge import MOST
from ..learning.settings import TrainSettings
from ..report.html import Table
from ..representation.representation import Representation
from ..reuse.finetune import finetune as run
from ..reuse.finetuned import FinetuneResult
from ._given import Rep, Words, check_machine, given_images, words
from ._result import Progress, Result, verb, watch_of


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Finetuned(Result):
    """A representation that went on learning, and its classifier.

    Attributes:
        out: the folder of the run.
        found: the accuracy with its interval, and the predictions of the test images.
    """

    verb: ClassVar[str] = "finetune"
    out: Path
    found: FinetuneResult

    @property
    def representation(self) -> Representation:
        """The tuned one, read from its folder."""
        return Representation.load(self.out)

    def told(self) -> Mapping[str, object]:
        """Where it is."""
        return {**self.found.as_dict(), "out": self.out}

    def shown(self) -> Iterator[str | Table]:
        """The figures and the notes."""
        yield Table(["figure", "value"], list(self.metrics.items()), f"{self.out}: accuracy {self.found.interval}")
        for note in self.notes:
            yield f"note: {note}"


@verb
def finetune(
    train: object,
    test: object = None,
    *,
    out: str | Path,
    with_: Rep = "imagenet",
    layers: str = "all",
    backbone_lr_factor: float = 0.1,
    layer_decay: float = 1.0,
    norm: str | None = None,
    unfreeze: str = "all",
    l2_sp: float | None = None,
    init_from: Rep | None = None,
    init_layers: Words = "",
    epochs: int | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    batch: int | None = None,
    lr: float = 2e-3,
    weight_decay: float = 1e-2,
    clip: float | None = None,
    keep: str = "last",
    bridge: int = MOST,
    no_resume: bool = False,
    set_: Mapping[str, Any] | None = None,
    precision: str = "auto",
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Finetuned:
    """Train a representation further, for one task with labels.

    The network learns at a lower rate than the new classifier, or not at all (`layers="head"`). The test images are
    scored, never learnt from, and nothing is chosen by them. A run that was stopped goes on when the same call is made
    again.

    Args:
        train: labelled images: a folder of class folders, a table, `builtin:NAME`, an `ImageSet`, or (X, y). It does
            not take vectors.
        test: the same for scoring; None takes a quarter of `train`.
        out: the folder of the tuned representation.
        with_: what to start from (`--with`): a name, a folder, or a `Representation`; it is not changed.
        layers: what learns: all, head, last:N stages of the network, or lora:R, matrices of rank R beside it.
        backbone_lr_factor: the network's rate is this times the classifier's.
        layer_decay: each stage of the network has the next one's rate times this.
        norm: the normalisation in place of the network's own: `bn`, `ln`, `in`, `gn:G` with G groups.
        unfreeze: when that learns: `all` at once, `gradual` from the last stage down, or `lp-ft`, after a linear probe.
        l2_sp: pull the network back to where it started, this strongly, in place of weight decay.
        init_from: a representation whose weights are put into the network of `with_` where name and shape agree.
        init_layers: of these layers alone, such as `..layer2`; empty: of all.
        epochs: passes over `train`.
        steps: steps, instead of epochs.
        minutes: minutes, instead of epochs.
        batch: images a step; None: from the data.
        lr: highest learning rate, of the classifier.
        weight_decay: decoupled.
        clip: longest norm of the gradient.
        keep: `last` weights, or the `best` by a tenth of `train`, which is then not learned from.
        bridge: of how many images of `train` (those held out of it by lot among them) the vectors before and after are
            kept, by which `regard.index_upgrade` brings an index of `with_` to the tuned representation; 0: of none.
        no_resume: start anew where a run was stopped.
        set_: settings of cross-entropy by name (`--set name=value`): `smoothing`, `recipe`.
        precision: auto | fp32 | bf16.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: everything that is drawn follows from it.
        progress: shows the stream of events.

    Raises:
        InputError: no labels, one class, a test class that training lacks, images in both sets, unknown names, or
            `out` holds something else.
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
        lr=lr,
        weight_decay=weight_decay,
        clip=clip,
        seed=seed,
        device=device,
        precision=precision,
    )
    found = run(
        given_images("TRAIN", train),
        None if test is None else given_images("TEST", test),
        with_,
        out=folder,
        layers=layers,
        backbone_lr_factor=backbone_lr_factor,
        layer_decay=layer_decay,
        norm=norm,
        unfreeze=unfreeze,
        l2_sp=l2_sp,
        init_from=init_from,
        init_layers=words(init_layers),
        settings=recipe,
        method=dict(set_ or {}),
        resume=not no_resume,
        keep=keep,
        bridge=bridge,
        watch=watch_of(progress, "finetune"),
    )
    return Finetuned(out=folder, found=found, metrics=found.metrics, notes=found.notes)
