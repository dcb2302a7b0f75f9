"""From a folder of images to a representation: what is asked is looked at, planned, and carried out in a run folder."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..backbones.norms import parse_norm
from ..core.checks import bad
from ..core.discover import load
from ..core.events import Event
from ..core.records import whole
from ..core.storage import hash_json
from ..data.sources import open_images
from ..learning.look import look
from ..learning.method_settings import method_settings
from ..learning.objective import Objective, is_fitted
from ..learning.partial import source_of, take_from
from ..learning.run import Run, Watch, watched
from ..learning.settings import TrainSettings, completed
from ..representation.representation import Representation
from .asked import check_asked, of_a_training
from .carried_out import carried_out
from .plan import planned
from .selection import ANSWERS, FINDINGS
from .traditional._run import fitted_events

BACKBONE = "convnet4"


def train(images: Any, task: str, *, watch: Watch | None = None, out: str | Path, **options: Any) -> Representation:
    """Create a representation from images and return it; see `train_events` for the arguments.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet`, or a list of paths or arrays.
        task: `labels`, `rotation`, `simclr` ... (`regard methods task`).
        watch: what to wrap the stream of events in, such as a progress bar; it must pass them on.
        out: the run's folder.
        **options: the other arguments of `train_events`.
    """
    watched(train_events(images, task, out=out, **options), watch)
    return Representation.load(Path(out))


def train_events(
    images: Any,
    task: str,
    *,
    backbone: str | None = None,
    start: Representation | str | Path | None = None,
    init_from: Representation | str | Path | None = None,
    init_layers: Sequence[str] | str = (),
    out: str | Path,
    settings: TrainSettings | None = None,
    method: Mapping[str, Any] | None = None,
    size: int | None = None,
    norm: str | None = None,
    holdout: float = 0.1,
    resume: bool = True,
    keep: str = "last",
    holdout_by: str | None = None,
    balanced: bool = False,
) -> Iterator[Event]:
    """Create a representation, and yield what happens; the last event is `done`.

    Called again on the same folder with the same arguments it goes on from the last checkpoint, to the same weights
    as if it had never stopped; on a finished run it yields `done` at once.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet`, or a list of paths or arrays.
        task: the name of a file in `create/supervised`, `create/pretext` or `create/traditional`; tasks of the last
            are fitted and not trained, and take `size`, `holdout`, `method`, and of `settings` seed and device.
        backbone: any name that `make_encoder` takes, with fresh weights; None: convnet4, or that of `start`.
        start: a representation to go on from, by name or folder, in place of fresh weights; it is not changed.
        init_from: a representation whose tensors are put into the fresh network where name and shape agree; the card
            says which were taken, and which not.
        init_layers: of these layers alone, such as `..layer2` (see `learning.partial.chosen`); none: of all.
        out: the run's folder: new, empty, or of the same run.
        settings: length, rate, seed, device ...; what is left open is chosen from the number of images: batches that
            give the network 128 inputs (256 from 5,000 images on), and 30 epochs, but at least 600 and at most 20,000
            steps.
        method: the task's own settings by name, as text or values.
        size: side of the input in pixels; None: from the images (32, 64, 128 or 224), or as `start` takes them.
        norm: the normalisation in place of the network's own: `bn`, `ln`, `in`, `gn:G` (see `backbones.norms`).
        holdout: share of the images that is kept for scoring the task itself; split by content, so that copies of an
            image are on one side.
        resume: False starts anew, and deletes what an unfinished run left.
        keep: `last` or `best` (by the held-out main score): the weights that become the representation.
        holdout_by: what stays on one side beside copies of an image: all images with one value of a column, such as
            `identity`, or with `near-copies` all that look nearly the same.
        balanced: draw each class equally often; the images need one label each.

    Raises:
        InputError: images, names or settings that cannot be used, or `out` holds another run.
        RunError: the run went wrong: NaN, collapse.
    """
    given = method_settings(task, method)
    check_asked(images, [task], keep=keep, holdout=holdout, method=given, holdout_by=holdout_by, balanced=balanced)
    if is_fitted(task):
        others = of_a_training(
            backbone=backbone,
            from_=start,
            init_from=init_from,
            keep=keep,
            norm=norm,
            holdout_by=holdout_by,
            balanced=balanced,
        )
        yield from fitted_events(
            images,
            task,
            out=out,
            method=given,
            settings=settings or TrainSettings(),
            size=size,
            holdout=holdout,
            resume=resume,
            given=others,
        )
        return
    if start is not None and backbone is not None:
        raise bad("--backbone", f"{backbone} and --from", "one of the two", "--from has a network already.")
    if start is not None and init_from is not None:
        raise bad("--init-from", "a representation beside --from", "one of the two", "--from has all its weights.")
    source, taken = source_of(init_from, init_layers)
    parent = None if start is None else start if isinstance(start, Representation) else Representation.load(start)
    objective: Objective = load("task", task)(**given)
    asked = completed(settings or TrainSettings(), objective.weight_decay)
    found = look(open_images(images, argument="IMAGES"))
    found = replace(found, images=objective.labelled(found.images))
    arguments = {
        "task": task,
        "backbone": backbone or BACKBONE,
        "size": size,
        "holdout": holdout,
        "keep": keep,
        **({} if norm is None else {"norm": str(parse_norm(norm))}),
        **{f"set {key}": value for key, value in given.items()},
        **asked.recipe(),
        "images": found.content,
    }
    arguments |= taken
    if parent is not None:
        arguments |= {"backbone": parent.encoder.name, "from": parent.fingerprint}
    if holdout_by is not None:
        arguments["holdout_by"] = holdout_by
    if balanced:
        arguments["balanced"] = True
    if objective.needs_labels or balanced:
        labels = found.images.need_labels("IMAGES", 1)
        arguments["labels"] = hash_json(sorted(zip(found.hashes.tolist(), labels.tolist())))
    run = Run.open(out, arguments, resume, results=(ANSWERS, FINDINGS) if objective.classifies else ())
    if ended := run.finished({"steps": whole()}):
        yield ended
        return
    network = str(arguments["backbone"])
    plan = planned(
        found,
        objective,
        parent,
        asked,
        backbone=network,
        size=size,
        holdout=holdout,
        norm=norm,
        by=holdout_by,
        balanced=balanced,
    )
    encoder = plan.encoder()
    told: dict[str, Any] = {"name": f"{task}-{plan.backbone}", "task": task}
    if source is not None:  # before the head, which may copy the encoder
        told["begun_with"] = {"network": take_from(source, encoder.network, init_layers).as_dict()}
    yield from run.logged(carried_out(plan, run, keep, told, plan.module(encoder), source))
