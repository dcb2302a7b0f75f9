"""From a folder of images to a fitted representation: look, hold out, read descriptors, fit, and write the run folder.

Descriptors go from the images to a file on the disk, as many of each image, and are read from there a piece at a time,
so memory does not grow with their number. Images are taken in the order of their hashes: the order in which they are
listed makes no difference.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ... import __version__
from ...backbones.network_encoder import NetworkEncoder
from ...core import processes
from ...core.checks import InputError, bad, check_choice
from ...core.discover import load
from ...core.events import Event
from ...core.records import whole
from ...core.runtime import measured, numpy_rng, pick_device
from ...core.storage import write_json
from ...data.decode import DecodeError, decode
from ...data.imageset import ImageSet
from ...data.sources import open_images
from ...learning.learned import LEARNED, write_learned
from ...learning.look import look, split_by_hash
from ...learning.run import METRICS, Run
from ...learning.settings import TrainSettings
from ...representation import checksums
from ...representation.pooled import Pooled
from ...representation.pooling._common import Projection, fit_projection
from ...representation.pooling._rows import Moments, pieces
from ...representation.preprocess import Preprocess
from ...representation.representation import Representation
from ._rows import RowFile
from ._settings import Fitted

LEAST = 32  # descriptors of an image: of a large set so many images are drawn that each gives these
SIDES = (64, 128, 256)
BATCH = 4
# settings of a training that say how it is watched, or where it runs
_ALLOWED = {
    "seed",
    "device",
    "precision",
    "threads",
    "checkpoint_seconds",
    "checkpoint_steps",
    "eval_every",
    "log_every",
}


def fitted_events(
    images: Any,
    task: str,
    *,
    out: str | Path,
    method: Mapping[str, Any],
    settings: TrainSettings,
    size: int | None,
    holdout: float,
    resume: bool,
    given: Mapping[str, Any],
) -> Iterator[Event]:
    """Fit a representation, and yield what happens; the last event is `done`. On a finished run it comes at once.

    Args:
        images: as for `train_events`.
        task: the name of a file in `create/traditional`.
        out: the run's folder.
        method: the task's own settings, typed.
        settings: seed and device; the others are of a training, and refused where they are not their defaults.
        size: side of the pictures in pixels; None: 64, 128 or 256, from the images.
        holdout: share of the images that the vocabulary is scored on.
        resume: False starts anew.
        given: other options, by name, that are of a training: refused unless None.

    Raises:
        InputError: images or settings that cannot be used, options of a training, or `out` holds another run.
    """
    refuse(task, settings, given)
    fitted: Fitted = load("task", task)(**method)
    found = look(open_images(images, argument="IMAGES"))
    arguments = {
        "task": task,
        "size": size,
        "holdout": holdout,
        **{f"set {key}": value for key, value in method.items()},
        "seed": settings.seed,
        "images": found.content,
    }
    run = Run.open(out, arguments, resume)
    if ended := run.finished({"steps": whole()}):
        yield ended
        return
    if processes.first():
        side = size or next((one for one in SIDES if one >= found.side), SIDES[-1])
        yield from run.logged(_carried_out(run, task, fitted, found, side, settings, holdout))


def refuse(task: str, settings: TrainSettings, given: Mapping[str, Any]) -> None:
    """Raise InputError for options of a training: a fitted task has no steps, no rate and no other network."""
    plain = TrainSettings()
    said = {f"--{name.replace('_', '-')}": value for name, value in given.items() if value is not None}
    for one in fields(plain):
        if one.name not in _ALLOWED and getattr(settings, one.name) != getattr(plain, one.name):
            said[f"--{one.name.replace('_', '-')}"] = getattr(settings, one.name)
    if said:
        name, value = next(iter(said.items()))
        own = ", ".join(one.name for one in fields(load("task", task)))
        raise bad(
            name,
            value,
            f"nothing with --task {task}, which is fitted and not trained",
            f"Leave it out; it takes --size, --holdout, --seed, --device and --set ({own}).",
        )
    check_choice("--precision", settings.precision, ["auto", "fp32"])


def _carried_out(
    run: Run, task: str, fitted: Fitted, found: Any, side: int, settings: TrainSettings, holdout: float
) -> Iterator[Event]:
    rows, out = split_by_hash(found.hashes, holdout)
    device, seed = pick_device(settings.device), settings.seed
    encoder, preprocess = fitted.encoder(side).eval().to(device), Preprocess(side, side)
    failed: dict[str, str] = {}
    reader = _Reader(fitted, encoder, preprocess, seed, settings.threads or found.images.readers, failed)
    columns = encoder.num_features // fitted.network().per_cell + 2 * fitted.positions
    with measured() as cost, RowFile(run.folder, columns) as raw, RowFile(run.folder, columns) as other:
        known = Moments()
        many = _few(rows, found.hashes, fitted.descriptors, seed)
        each = -(-fitted.descriptors // len(many))
        yield Event("start", 0, len(many) + len(out), text=f"descriptors of {len(many)} images, {each} of each")
        for done, x in enumerate(reader.rows(found.images, found.hashes, many, each), 1):
            raw.append(x)
            known.add(x)
            if done % BATCH == 0 or done == len(many):
                yield Event("read", done, len(many) + len(out))
        aside = _few(out, found.hashes, fitted.descriptors // 4, seed)
        for done, x in enumerate(reader.rows(found.images, found.hashes, aside, each), 1):
            other.append(x)
            if done % BATCH == 0:
                yield Event("read", len(many) + done, len(many) + len(out))
        for where, count in (("", raw.shape[0]), ("held-out ", other.shape[0])):
            if not count:
                raise InputError(
                    f"IMAGES: the {where}images of {found.images.name} have no descriptor above the contrast "
                    f"{fitted.contrast:g}. Give --set contrast=0, or images with structure."
                )
        projection = fit_projection(known, fitted.dim, 2 * fitted.positions)
        yield Event("fit", text=f"a vocabulary of {fitted.k} from {raw.shape[0]:,} descriptors")
        with _projected(run.folder, raw, projection) as low, _projected(run.folder, other, projection) as unseen:
            pooling, scores, steps = fitted.fit(low, unseen, projection, seed, device)
        read = raw.shape[0]
    representation = Representation(encoder.cpu(), preprocess, {}, pooled=Pooled(fitted.pooling, pooling))
    set_aside = [*found.images.set_aside, *({"path": path, "cause": cause} for path, cause in failed.items())]
    scores = {name: round(value, 6) for name, value in scores.items()} | {"descriptors": read}
    metrics = {**scores, "steps": steps, "seconds": round(cost.seconds, 3), "set_aside": len(set_aside)}
    write_json(run.folder / METRICS, metrics)
    write_learned(run.folder, found.hashes.tolist(), None)
    representation.card = {
        "name": task,
        "made_by": f"{task} of dense SIFT, fitted to {len(many)} images without labels",
        "task": {"name": task, **fitted.as_dict()},
        "training": {"seed": seed},
        "backbone": "phow",
        "size": side,
        "parent": "random:phow:0",
        "data": {
            "name": found.images.name,
            "images": len(found.images),
            "trained_on": len(many),
            "held_out": len(aside),
            "content": found.content,
            "set_aside": set_aside,
        },
        "scores": scores,
        "cost": cost.as_dict() | {"seconds": round(cost.seconds, 3)},
        "made_with": {"regard": __version__, "torch": str(torch.__version__)},
        checksums.RESULTS: checksums.of_files(run.folder, [METRICS, LEARNED]),
    }
    representation.save(run.folder)
    text = f"wrote {run.folder}" + (f"; {len(set_aside)} files set aside, see card.json" if set_aside else "")
    yield Event("done", steps, steps, metrics, text)


def _few(rows: np.ndarray, hashes: np.ndarray, descriptors: int, seed: int) -> np.ndarray:
    """Rows in the order of their hashes, and of more than can give 32 descriptors each, so many drawn."""
    ordered = rows[np.argsort(hashes[rows], kind="stable")]
    most = max(1, descriptors // LEAST)
    if len(ordered) <= most:
        return ordered
    return ordered[np.sort(numpy_rng(seed, "images").choice(len(ordered), most, replace=False))]


def _projected(folder: Path, raw: RowFile, projection: Projection | None) -> RowFile:
    """The same rows along the axes."""
    made = RowFile(folder, raw.columns if projection is None else projection.axes.shape[1])
    for x in pieces(raw):
        made.append(x.numpy() if projection is None else projection.apply(x.numpy()))
    return made


class _Reader:
    """Descriptors of images: decoded in threads, described in batches, drawn by the image's own hash."""

    def __init__(
        self,
        fitted: Fitted,
        encoder: NetworkEncoder,
        preprocess: Preprocess,
        seed: int,
        workers: int,
        failed: dict[str, str],
    ) -> None:
        self.form, self.encoder, self.preprocess, self.seed = fitted.form(), encoder, preprocess, seed
        self.workers, self.failed = workers, failed

    def rows(self, images: ImageSet, hashes: np.ndarray, which: np.ndarray, each: int) -> Iterator[np.ndarray]:
        """(m, D) for each image in turn, at most `each`; none of one that cannot be read."""
        device = self.encoder.mean.device
        with ThreadPoolExecutor(self.workers) as pool:
            for start in range(0, len(which), BATCH):
                some = which[start : start + BATCH]
                pixels = list(pool.map(lambda row: self._pixels(images, int(row)), some))
                for row, picture in zip(some, pixels):
                    if picture is None:
                        yield np.zeros((0, 0), np.float32)
                        continue
                    with torch.inference_mode():
                        found = self.form.rows(self.encoder.last_map(picture[None].to(device).float() / 255))
                    x = found.cpu().numpy()
                    if len(x) > each:
                        rng = numpy_rng(self.seed, "descriptors", hashes[row])
                        x = x[np.sort(rng.choice(len(x), each, replace=False))]
                    yield x

    def _pixels(self, images: ImageSet, row: int) -> torch.Tensor | None:
        try:
            return self.preprocess.apply(decode(images.items[row], self.preprocess.decode_side))
        except DecodeError as error:
            self.failed[images.called(row)] = str(error)
            return None
