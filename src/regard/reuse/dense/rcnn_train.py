"""R-CNN's training: no network learns. Vectors of all proposals, SVMs on hard negatives, and box regressions.

Paper: Girshick, Donahue, Darrell, Malik 2014, CVPR, section 2.3 and appendices B and C. Objects are the positives; a
proposal that overlaps each object of a class by less than .3 is background for it; boxes are put right from proposals
that overlap an object by more than .6. Difficult objects and crowds are neither positives nor put right, and what lies
half in one, or overlaps it by .3, is no background.

Vectors lie in a file without a name in the run's folder, so that memory does not grow with the pictures, and nothing
stays of a run that is killed; such a run begins anew, with the proposals that were kept.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import InputError, bad, check_number
from ...core.events import Event
from ...core.records import whole
from ...core.runtime import measured
from ...core.storage import write_json
from ...data.imageset import ImageSet
from ...data.sampling import hold_out
from ...learning.learned import write_learned
from ...learning.run import METRICS, Run, Watch, started_from, watched
from ...representation import checksums
from ...representation.representation import Representation
from .apart import SCORES, apart
from .box_ridge import ridge
from .feed import DenseFeed
from .given_boxes import Proposals
from .hard_negatives import Svms, SvmSettings, mined
from .rcnn import Rcnn, RcnnModel
from .rcnn_seen import Seen, targets_hash
from .scoring import score
from .selective_search import Searched, SelectiveSearch
from .targets import class_names

NEEDED = {"steps": whole()}
NORM = 20.0  # mean norm of the vectors that SVMs learn from
PENALTY = 1000.0  # of box regressions


def train_rcnn(
    images: ImageSet, val: ImageSet | None = None, *, watch: Watch | None = None, out: Path, **options: Any
) -> RcnnModel:
    """Train, and read the model; the arguments are those of `train_rcnn_events`."""
    watched(train_rcnn_events(images, val, out=out, **options), watch)
    chosen = {name: options[name] for name in ("proposals", "precision", "device") if name in options}
    return RcnnModel.load(out, **chosen)


def train_rcnn_events(
    images: ImageSet,
    val: ImageSet | None = None,
    representation: Representation | str | Path = "imagenet",
    *,
    out: str | Path,
    size: int = 256,
    classes: Sequence[str] | None = None,
    crop: int | None = None,
    search: SelectiveSearch | None = None,
    proposals: Proposals | None = None,
    svm: SvmSettings | None = None,
    penalty: float = PENALTY,
    seed: int = 0,
    precision: str = "auto",
    device: str = "auto",
    resume: bool = True,
) -> Iterator[Event]:
    """Train, and yield what happens: `embed` for each picture, `train` for each pass, and last `done`.

    Args:
        images: with annotations, to learn from.
        val: with annotations, to be scored on; None holds a fifth of `images` out.
        representation: what sees the boxes, by name or folder; it does not learn.
        out: a new or empty folder, or that of the same run, which is then done already.
        size: side of the square that pictures are brought to, in pixels.
        classes: what to tell, in the order of the outputs; None: all that the annotations name.
        crop: side that what is in a box is brought to; None: what the representation prepares pictures to.
        search: how boxes are proposed.
        proposals: boxes of pictures of both sets, such as `GivenBoxes.read(path)`, in its place.
        svm: how SVMs are trained.
        penalty: of the box regressions.
        seed: of the first negatives, and of the pictures that are held out.
        precision: of the network, as `embed` takes it, without int8.
        device: likewise.
        resume: False starts anew.

    Raises:
        InputError: no annotations or objects, unknown names, a picture in both sets, or `out` holds something else.
    """
    check_number("penalty", penalty, 0, open_low=True)
    if images.annotations is None:
        raise bad("images", f"{images.name} without annotations", "images with boxes")
    notes: list[str] = []
    if val is None:
        images, val, notes = hold_out(images, 0.2, seed)
    assert images.annotations is not None
    content, learned = apart(images, val)
    start = representation if isinstance(representation, Representation) else Representation.load(representation)
    names = tuple(classes) if classes is not None else class_names(images, "boxes")
    colour = tuple(float(one) for one in start.encoder.config["mean"])
    task = Rcnn(names, size, crop, colour=colour, search=search or SelectiveSearch())
    chosen = replace(svm or SvmSettings(), seed=seed)
    feed = DenseFeed(images, size, names, colour, proposals=proposals or Searched(task.search))
    arguments = {
        "from": start.fingerprint,
        "what": task.what,
        "kind": task.kind,
        **{name: getattr(task, name) for name in ("size", "crop", "context")},
        "names": list(names),
        "svm": asdict(chosen),
        "penalty": penalty,
        "images": content,
        "annotations": targets_hash(feed),
    }
    run = Run.open(out, arguments, resume, results=(SCORES,))
    if ended := run.finished(NEEDED):
        yield ended
        return
    notes += [f"{name} was set aside: {cause}" for name, cause in feed.failed.items()]
    notes += [f"annotations: {many} times {cause}" for cause, many in feed.faults.items()]
    empty = np.zeros(0)
    model = RcnnModel(task, start, empty, empty, empty, empty, 1.0, proposals, precision, device)
    yield from run.logged(_events(run, model, feed, val, chosen, penalty, notes, learned, content))


def _events(
    run: Run,
    model: RcnnModel,
    feed: DenseFeed,
    val: ImageSet,
    settings: SvmSettings,
    penalty: float,
    notes: list[str],
    learned: Sequence[str],
    content: str,
) -> Iterator[Event]:
    began, names = time.perf_counter(), model.objective.names
    with measured() as cost, tempfile.TemporaryFile(dir=run.folder) as file:
        seen = Seen(len(names))
        for done, vectors in enumerate(seen.look(feed, model.looking()), 1):
            file.write(vectors.tobytes())
            yield Event("embed", done, len(feed.images))
        if not len(seen.kinds):
            raise InputError(f"images: none of {feed.images.name} shows an object that counts")
        file.flush()
        pool: np.ndarray = np.zeros((0, seen.width), np.float32)
        if seen.count:
            pool = np.memmap(file, np.float32, "r", shape=(seen.count, seen.width))
        norms = [np.linalg.norm(pool[at : at + 65_536], axis=1) for at in range(0, len(pool), 65_536)]
        mean = float(np.concatenate([*norms, np.linalg.norm(seen.objects, axis=1)]).mean())
        scale = NORM / mean if mean > 0 else 1.0
        found: Svms | None = None
        for place, found in enumerate(mined(seen.objects, seen.kinds, pool, seen.background, settings, scale)):
            told = {"hard_negatives": float(sum(found.came[-1])), "negatives": float(sum(found.negatives[-1]))}
            yield Event("train", place, settings.passes, told)
        assert found is not None
        fits = [ridge(pool[seen.near_rows[k]] * scale, seen.near_moves[k], penalty) for k in range(len(names))]
    model = replace(
        model, weights=found.weights, bias=found.bias, scale=scale,
        moves=np.stack([one for one, _ in fits]), moved=np.stack([one for _, one in fits]),
    )  # fmt: skip
    scorable: Any = model
    scores = score(scorable, val)
    metrics: dict[str, Any] = {
        **scores.metrics,
        "train": len(feed.images) - len(feed.failed),
        "val": scores.images,
        "proposals": seen.count / max(len(feed.images) - len(feed.failed), 1),
        "hard_negatives": sum(map(sum, found.came)),
        "steps": len(found.came),
        "seconds": round(time.perf_counter() - began, 3),
    }
    for name, kind in zip(names, range(len(names))):
        if not (seen.kinds == kind).any():
            notes.append(f"no object of the class {name!r} to learn from: it is never found.")
    by_class = {"by_class": scores.by_class, "failed": scores.failed}
    write_json(run.folder / SCORES, {**by_class, "notes": notes, "learned": list(learned)})
    write_json(run.folder / METRICS, metrics)
    parent = model.representation
    write_learned(run.folder, learned, parent)
    model.save(
        run.folder,
        {
            "name": f"rcnn-{parent.name}",
            "made_by": f"rcnn on the annotations of {metrics['train']} images, with {parent.name}",
            "parent": started_from(parent, "", settings.seed),
            "data": {"name": feed.images.name, "images": len(feed.images), "content": content},
            "training": {"seed": settings.seed, "svm": asdict(settings), "penalty": penalty},
            "scores": metrics,
            "cost": cost.as_dict(),
            checksums.RESULTS: checksums.of_files(run.folder, [METRICS, SCORES]),
        },
    )
    yield Event("done", metrics["steps"], metrics["steps"], _known(metrics), f"wrote {run.folder}")


def _known(metrics: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if value is not None}
