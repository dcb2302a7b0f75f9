"""Training for a dense task: a representation goes on learning together with a head for boxes, masks or pixels.

The same run, loop and folder as `create` and `finetune` have (see `learning.run`): killed, it goes on to the same
numbers. The validation pictures are scored along the way and at the end; nothing is chosen by them, unless `keep` is
`best`, which is then said in the notes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from ...core.checks import bad, check_choice
from ...core.events import Event
from ...core.records import whole
from ...core.runtime import derive_seed, seeded_init
from ...core.storage import hash_bytes, hash_json
from ...data.imageset import ImageSet
from ...data.sampling import hold_out, one_part
from ...learning.batch import Batch
from ...learning.freezing import Tuned
from ...learning.run import Run, Watch, watched
from ...learning.settings import TrainSettings, completed
from ...representation.representation import Representation
from .anchors import anchors_from
from .apart import SCORES, apart
from .beginning import beginning
from .depth_statistics import DepthStatistics
from .examined import Report
from .feed import DenseFeed
from .given_boxes import Proposals
from .model import DenseModel
from .objective import HEADS, Dense
from .rates import FILE, checked_rates
from .selective_search import Searched, SelectiveSearch
from .space_statistics import SpaceStatistics
from .targets import CLASSLESS, class_names
from .training import Ready

NEEDED = {"steps": whole()}
STEPS = (200, 20_000)  # least and most, where the user leaves the length open
SCORED, BETWEEN = 5, 50  # times along a run, and fewest steps between: boxes of a young network are slow to score
GIVEN = "proposals were given; a model that is loaded without any asks selective search."
BEST = "the weights are the best by the validation pictures, so their scores are a little too good."


class Counting(Protocol):
    """Counts something in the training pictures, batch by batch, before anything learns: `Dense.statistics`."""

    def __init__(self, size: int) -> None: ...

    def add(self, batch: Batch) -> None:
        """The next pictures, unchanged ones."""
        ...

    def told(self) -> dict[str, tuple[float, ...]]:
        """What was counted, by name."""
        ...


STATISTICS: dict[str, type[Counting]] = {"depth": DepthStatistics, "boxes3d": SpaceStatistics}  # by what is learned


def train(
    images: ImageSet, val: ImageSet | None = None, *, watch: Watch | None = None, out: Path, **options: Any
) -> DenseModel:
    """Train, and read the model; the arguments are those of `train_events`."""
    watched(train_events(images, val, out=out, **options), watch)
    return DenseModel.load(out, options.get("proposals"))


def train_events(
    images: ImageSet,
    val: ImageSet | None = None,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    what: str = "boxes",
    head: str | None = None,
    size: int | None = None,
    classes: Sequence[str] | None = None,
    layers: str = "all",
    backbone_lr_factor: float = 0.1,
    layer_decay: float = 1.0,
    init_from: Representation | str | Path | None = None,
    init_layers: Sequence[str] | str = (),
    from_run: str | Path | None = None,
    augment: bool = True,
    settings: TrainSettings | None = None,
    resume: bool = True,
    keep: str = "last",
    rates: Sequence[float] = (),
    report: Report | None = None,
    proposals: Proposals | None = None,
) -> Iterator[Event]:
    """Train, and yield what happens; the last event is `done`. Called again on the same folder it goes on.

    Args:
        images: with annotations, to learn from.
        val: with annotations, to be scored on; None holds a fifth of `images` out, by identity where known.
        representation: what to start from, by name or folder; it is not changed.
        out: a new or empty folder, or that of the same run.
        what: one of `HEADS`.
        head: one of `HEADS[what]`; None: that of `from_run`, or the first.
        size: side of the square that pictures are brought to, in pixels; None: that of `from_run`, or 256.
        classes: what to tell, in the order of the outputs; None: all that the annotations name.
        layers: `all`, `head`, `last:N` stages of the network, or `lora:R`: matrices of rank R beside it.
        backbone_lr_factor: the network's learning rate is this times the head's, in (0, 1].
        layer_decay: each stage of the network has the next one's rate times this, in (0, 1].
        init_from: whose tensors, by name or folder, are put into the network of `representation` (`random:...`) where
            name and shape are the same; see `learning.partial`.
        init_layers: of these layers alone, such as `..blocks.3`; none: of all.
        from_run: the folder of a finished run to go on from in a new one, in place of `representation`: its network,
            and its head where that is of the same kind, outputs by the names of their classes.
        augment: learn from mirrored, scaled and recoloured pictures.
        settings: length, rate, seed ...; what is left open: batches of 8 and 20 epochs, but at least 200 steps.
        resume: False starts anew, and deletes what an unfinished run left.
        keep: `last` weights, or the `best` on `val`.
        rates: learning rates of which one is chosen by short runs on `images` (see `choose_rate`; usual: `RATES`), in
            place of that of `settings`; none: that of `settings`.
        report: writes a page of the errors on `val`, before the run is called finished.
        proposals: boxes for `fast_rcnn`, of pictures of both sets, such as `GivenBoxes.read(path)`; None: selective
            search.

    Raises:
        InputError: no annotations, unknown names, a picture in both sets, or `out` holds something else.
        RunError: the run went wrong (NaN).
    """
    check_choice("--keep", keep, ["last", "best"])
    check_choice("what", what, list(HEADS))
    asked, rates = completed(settings or TrainSettings()), checked_rates(rates)
    notes: list[str] = []
    if images.annotations is None:
        raise bad("images", f"{images.name} without annotations", "images with boxes, masks, maps of classes or depth")
    if val is None:
        images, val, notes = hold_out(images, 0.2, asked.seed)
    else:
        (images, here), (val, there) = one_part(images, "train", "TRAIN"), one_part(val, "test", "--val")
        notes = [*here, *there]
    content, learned = apart(images, val)
    begun = beginning(representation, init_from, init_layers, from_run)
    start = begun.start
    if classes is not None and what in CLASSLESS:
        raise bad("--classes", ", ".join(classes), f"none, as {what} has no classes")
    names = tuple(classes) if classes is not None else class_names(images, what)
    colour = tuple(float(one) for one in start.encoder.config["mean"])
    wanted = ("boxes", "masks") if what == "masks" else (what,)
    kind, size = begun.settled(what, head, size, HEADS[what][0])
    search = SelectiveSearch() if kind == "fast_rcnn" else None
    if search is None and proposals is not None:
        raise bad("proposals", f"boxes for {kind}", "none", "Only fast_rcnn is given its proposals.")
    source = proposals or (Searched(search) if search else None)
    feed = DenseFeed(images, size, names, colour, what=wanted, workers=asked.threads, proposals=source)
    counting = STATISTICS[what](size) if what in STATISTICS else None
    boxes, targets = _targets(feed, counting)
    anchors = begun.anchors(kind) or (anchors_from(boxes) if kind in ("faster_rcnn", "mask_rcnn") else None)
    counted = {} if counting is None else counting.told()
    objective = Dense(what, kind, size, names, anchors, colour, augment, search, counted)
    arguments = {
        "from": start.fingerprint,
        **begun.told,
        **{name: getattr(objective, name) for name in ("what", "kind", "size", "augment")},
        "names": list(names),
        "layers": layers,
        "backbone_lr_factor": backbone_lr_factor,
        **({"layer_decay": layer_decay} if layer_decay != 1 else {}),
        **asked.recipe(),
        "images": content,
        "annotations": targets,
        **({"keep": keep} if keep != "last" else {}),
        **({"lr": None, "rates": list(rates)} if rates else {}),
    }
    with seeded_init(derive_seed(asked.seed, "head")):
        made = objective.head(begun.encoder)
    begun.take_head(objective, made)
    module = Tuned(objective, begun.encoder, made, layers, backbone_lr_factor, asked.seed, layer_decay)
    run = Run.open(out, arguments, resume, results=(SCORES, FILE) if rates else (SCORES,))
    if ended := run.finished(NEEDED):
        yield ended
        return
    batch = asked.batch or min(8, len(images))
    chosen = replace(asked, batch=batch)
    if asked.epochs is asked.steps is asked.minutes is None:
        chosen = replace(chosen, steps=min(max(20 * (len(images) // batch), STEPS[0]), STEPS[1]))
    if chosen.eval_every is None and chosen.steps is not None:
        chosen = replace(chosen, eval_every=max(chosen.steps // SCORED, BETWEEN))
    notes += begun.lines()
    notes += [f"{name} was set aside: {cause}" for name, cause in feed.failed.items()]
    notes += [f"annotations: {many} times {cause}" for cause, many in feed.faults.items()]
    notes += [BEST] if keep == "best" else []
    notes += [GIVEN] if proposals is not None else []
    ready = Ready(run, module, begun, feed, val, chosen, keep, tuple(notes), tuple(learned), tuple(rates))
    yield from run.logged(ready.trained(report))


def _targets(feed: DenseFeed, counting: "Counting | None") -> tuple[Tensor, str]:
    """The boxes (n, 4) of all objects that count, in their squares, and a hash of all that is learned from."""
    boxes, hashes = [torch.zeros(0, 4)], []
    for batch in feed.in_order(64):
        if "boxes" in batch:
            boxes.append(batch["boxes"][(batch["classes"] >= 0) & ~batch["ignore"]])
        if counting is not None:
            counting.add(batch)
        hashes.append(hash_bytes(*(batch[name].numpy().tobytes() for name in sorted(batch) if name != "images")))
    return torch.cat(boxes), hash_json(hashes)
