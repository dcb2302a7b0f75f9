"""Fine-tuning: a representation goes on learning, from labels, together with a new classifier.

The same run, loop and views as `create` (see `learning.run`), so that it can be killed and goes on to the same numbers.
The test images are scored along the way and at the end; nothing is chosen by them.

Beside what every run folder holds there are `classifier.safetensors` (`weight` (classes, d), `bias`), whose classes the
card names, `predictions.json`, and `bridge.safetensors` (see `learning.bridge`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..backbones.encoder import with_norm
from ..backbones.norms import parse_norm
from ..core.checks import check_choice, check_number
from ..core.discover import load
from ..core.events import Event
from ..core.runtime import derive_seed, seeded_init
from ..data.sampling import hold_out, is_part
from ..learning.bridge import BRIDGE, some_of
from ..learning.freezing import Tuned, check_tuning
from ..learning.method_settings import method_settings
from ..learning.objective import Objective
from ..learning.run import Run, Watch, watched
from ..learning.settings import TrainSettings, completed
from ..representation.classifier import read_classifier
from ..representation.representation import Representation
from . import head_first
from .dense.beginning import beginning
from .finetune_run import carried_out
from .finetuned import NEEDED, FinetuneResult
from .norm_cost import NOTE, swap_cost
from .pairs import open_pair

OWN_WAY = (
    "{} pools or whitens vectors in a way of its own, which fine-tuning leaves out: it goes on from the network's own "
    "average of its last map."
)
BEST_NOTE = "the weights are the best by {} images of TRAIN, which were not learned from."


def finetune(
    train: Any,
    test: Any = None,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    watch: Watch | None = None,
    **options: Any,
) -> FinetuneResult:
    """Fine-tune a representation on labelled images and score it; see `finetune_events` for the arguments."""
    watched(finetune_events(train, test, representation, out=out, **options), watch)
    return FinetuneResult.load(out)


def finetune_events(
    train: Any,
    test: Any = None,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    layers: str = "all",
    backbone_lr_factor: float = 0.1,
    layer_decay: float = 1.0,
    unfreeze: str = "all",
    l2_sp: float | None = None,
    init_from: Representation | str | Path | None = None,
    init_layers: Sequence[str] | str = (),
    settings: TrainSettings | None = None,
    method: Mapping[str, Any] | None = None,
    resume: bool = True,
    keep: str = "last",
    norm: str | None = None,
    bridge: int = 0,
) -> Iterator[Event]:
    """Fine-tune, and yield what happens; the last event is `done`. Called again on the same folder it goes on.

    Args:
        train: labelled images, as `open_images` takes them.
        test: labelled images, none of them in `train`; None holds a quarter of `train` out, by identity where known.
        representation: what to start from, by name or folder; it is not changed.
        out: a new or empty folder, or that of the same run.
        layers: `all`, `head`, `last:N` stages of the network, or `lora:R`: matrices of rank R beside it.
        backbone_lr_factor: the network's learning rate is this times the head's, in (0, 1].
        layer_decay: each stage of the network has the next one's rate times this, in (0, 1].
        unfreeze: when they learn: `all` at once; `gradual`, the head alone first and then one stage more at a time from
            the last one down (`learning.gradual`); `lp-ft`, after a linear probe whose weights the head begins with
            (`reuse.head_first`).
        l2_sp: alpha of the pull back to what the network started from (`learning.l2_sp`); beta, of the head to zero, is
            the weight decay of `settings`, and there is no other decay then. None: plain weight decay.
        init_from: whose tensors are put into the network of `representation` (`random:...`) where name and shape agree;
            what was taken and what not is in the notes and in the card.
        init_layers: of these layers alone, such as `..layer2` (see `learning.partial.chosen`); none: of all.
        settings: length, rate, seed ...; what is left open: batches of 64 (fewer where there are fewer images), and
            20 epochs, but at least 200 and at most 20,000 steps.
        method: settings of cross-entropy: `smoothing`, `recipe` (photo | digit | none | auto).
        resume: False starts anew, and deletes what an unfinished run left.
        keep: `last` weights, or the `best` by a tenth of `train` that is then not learned from, by identity where
            known; never by the test images.
        norm: exchanges the network's normalisation before it learns: `bn`, `ln`, `in`, `gn:G` (see `backbones.norms`);
            what that cost is among the metrics and notes.
        bridge: of how many pictures of `train` the vectors before and after are kept, by which an index of
            `representation` is brought to the new one (`lifelong.upgrade`); 0: of none. Those that were held out of it
            by lot are among them, as they show how new pictures move; a `test` that was named is not.

    Raises:
        InputError: no labels, one class, a test class that training lacks, images in both sets, unknown names, ways
            that do not go together, or `out` holds something else.
        RunError: the run went wrong (NaN).
    """
    check_tuning(layers, unfreeze, l2_sp is not None)
    check_number("--backbone-lr-factor", backbone_lr_factor, 0, 1, open_low=True)
    check_choice("--keep", keep, ["last", "best"])
    check_number("--bridge", bridge, 0, whole=True)
    asked, given = completed(settings or TrainSettings()), method_settings("labels", method)
    begun = beginning(representation, init_from, init_layers)
    if norm is not None:
        begun = replace(begun, encoder=with_norm(begun.encoder, norm))
    known, notes, content = open_pair(train, test, asked.seed)
    notes = [*notes, *begun.lines()]
    if begun.start.pooled is not None or begun.start.transform is not None:
        notes.append(OWN_WAY.format(begun.start.name))
    arguments = {
        "from": begun.start.fingerprint,
        **begun.told,
        "layers": layers,
        "backbone_lr_factor": backbone_lr_factor,
        **({"layer_decay": layer_decay} if layer_decay != 1 else {}),
        **({"unfreeze": unfreeze} if unfreeze != "all" else {}),
        **({"l2_sp": float(l2_sp)} if l2_sp is not None else {}),
        **{f"set {key}": value for key, value in given.items()},
        **asked.recipe(),
        "images": content,
        **({"keep": keep} if keep != "last" else {}),
        **({"norm": str(parse_norm(norm))} if norm is not None else {}),
    }
    objective: Objective = load("task", "labels")(**given).configure(known)
    with seeded_init(derive_seed(asked.seed, "head")):
        head = objective.head(begun.encoder)
        pull = None if l2_sp is None else (l2_sp, asked.weight_decay or 0.0)
        rates = (layers, backbone_lr_factor, asked.seed, layer_decay)
        module = Tuned(objective, begun.encoder, head, *rates, unfreeze, pull)
    by_lot = test is None and not is_part(known.held_out)
    pictures = [*known.train.items, *(known.held_out.items if by_lot else ())]
    # a network that did not learn gives the vectors that it gave
    shown = [] if layers == "head" else some_of(pictures, bridge, asked.seed)
    results = ("predictions.json", *([head_first.FILE] if unfreeze == "lp-ft" else []))
    run = Run.open(out, arguments, resume, results=results)
    if ended := run.finished(NEEDED):
        if shown and not (run.folder / BRIDGE).is_file():
            yield Event("note", text="this run has ended without a bridge, and is left as it is")
        yield ended
        return
    cost = {} if norm is None else swap_cost(begun.start, begun.encoder, known)
    notes = [*notes, *([NOTE.format(norm, *cost.values())] if cost else [])]
    judged, every = known.held_out, known.train
    if keep == "best":
        learned, judged, more = hold_out(known.train, 0.1, asked.seed)
        known, notes = known._replace(train=learned), [*notes, *more, BEST_NOTE.format(len(judged))]
    count = len(known.train)
    chosen = replace(asked, batch=asked.batch or min(64, count))
    if asked.epochs is asked.steps is asked.minutes is None:
        chosen = replace(chosen, steps=min(max(20 * (count // (chosen.batch or 1)), 200), 20_000))
    yield from run.logged(carried_out(module, begun, known, judged, chosen, run, keep, notes, every, cost, shown))


def classify(folder: str | Path, images: Any, **embed_settings: Any) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Name the class of images with a fine-tuned folder.

    Returns:
        Ids (n,), probabilities (n, classes), and the classes in the order of the columns.
    """
    from ..representation.embed import embed

    head = read_classifier(folder, "folder")
    found = embed(images, str(folder), **embed_settings)
    return found.ids, head.probabilities(found.vectors), list(head.classes)
