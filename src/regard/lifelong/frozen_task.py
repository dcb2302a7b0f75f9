"""One task is learned on frozen vectors, or taken out again, in a folder of its own, from where the one before ended.

The folder is a representation as any other, with `learner.safetensors`, and `pictures.json`: hash and label of each
picture that was learned and is not forgotten. So what was not learned cannot be forgotten, and nothing twice, though no
picture is kept. Where the learner decides by one linear map there is a classifier too, which `predict` reads.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..core.checks import bad
from ..core.events import Event
from ..core.records import listed, read_record, text, whole
from ..core.storage import hash_json, read_header, write_json
from ..data.imageset import ImageSet
from ..learning.learned import LEARNED, read_learned
from ..learning.run import METRICS, Run, started_from
from ..representation import checksums
from ..representation.classifier import KEY, save_classifier
from ..representation.representation import Representation
from ..reuse.pairs import readable
from .as_linear import linear_map
from .frozen._common import Learner
from .learner_files import learner, load_learner, save_learner

LEARNER, PICTURES = "learner.safetensors", "pictures.json"
NEEDED = {"steps": whole(), "classes": whole()}


@dataclass(frozen=True, eq=False)
class FrozenLearned:
    """What a learner on frozen vectors is after a task.

    Attributes:
        representation: whose vectors it learns on, with the card of this task.
        learner: with all that it learned.
        method: its name.
        number: of the last task, from 0.
        pictures: (hash, label) of each picture learned and not forgotten, sorted.
        before: hashes of pictures that the representation itself learned from.
        unknown: representations that do not say what they learned from.
        mark: hash of the learner, for whoever goes on from here.
    """

    representation: Representation
    learner: Learner
    method: str
    number: int
    pictures: tuple[tuple[str, str], ...]
    before: tuple[str, ...]
    unknown: tuple[str, ...]
    mark: str

    @staticmethod
    def load(folder: str | Path) -> "FrozenLearned":
        """Read a task's folder.

        Raises:
            InputError: no such folder, one that is not finished, or files that were changed.
        """
        folder = Path(folder)
        if not ((folder / LEARNER).is_file() and (folder / PICTURES).is_file() and (folder / "card.json").is_file()):
            raise bad("folder", str(folder), "the folder of a task that `regard learn` learned on frozen vectors")
        rep = Representation.load(folder)
        checksums.check_results(folder, rep.card, (LEARNER, PICTURES))
        pair = listed(text, 2, 2)
        told = read_record(
            folder / PICTURES,
            {"number": whole(), "pictures": listed(pair), "before": listed(text), "unknown": listed(text)},
        )
        header = read_header(folder / LEARNER)
        pictures = tuple((name, label) for name, label in told["pictures"])
        model = load_learner(folder / LEARNER)
        return FrozenLearned(
            rep,
            model,
            header["method"],
            told["number"],
            pictures,
            tuple(told["before"]),
            tuple(told["unknown"]),
            header["seal"],
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that are known, sorted."""
        return tuple(map(str, self.learner.classes_)) if hasattr(self.learner, "classes_") else ()

    @property
    def nbytes(self) -> dict[str, int]:
        """Bytes that are kept for later tasks beside the network."""
        return {"learner_bytes": self.learner.nbytes}

    def predict(self, images: ImageSet) -> np.ndarray:
        """(n,) names of classes; with one class there is nothing else to say."""
        if len(self.classes) == 1:
            return np.repeat(np.array(self.classes), len(images))
        found = self.representation.embed(images, precision="fp32")
        if len(found) < len(images):
            aside = sorted(set(map(str, images.ids)) - set(map(str, found.ids)))
            got = f"{len(aside)} that cannot be read, such as {aside[0]!r}"
            raise bad("images", got, "images that can be read", "Leave them out.")
        return self.learner.predict(found.vectors).astype(str)


def learn_frozen_events(
    images: ImageSet,
    before: FrozenLearned | Representation,
    method: str,
    *,
    out: str | Path,
    chosen: Mapping[str, Any] | None = None,
    forget: bool = False,
    resume: bool = True,
) -> Iterator[Event]:
    """Learn a task's images, or take images out again, and yield what happens; the last event is `done`.

    Args:
        images: with labels.
        before: the representation that the first task starts from; later what is known after the task before, which is
            not changed.
        method: of the kind `frozen`.
        out: a new or empty folder, or that of the same task.
        chosen: the method's settings; after the first task they are those of before.
        forget: take the images out, to what would be known had they never come (up to rounding).
        resume: False does it anew.

    Raises:
        InputError: no labels, an image to be forgotten that was not learned, settings that differ from before, or `out`
            holds something else.
    """
    model = _model(before, method, chosen)
    rep = before.representation if isinstance(before, FrozenLearned) else before
    number = before.number + (not forget) if isinstance(before, FrozenLearned) else 0
    notes: list[str] = []
    images, hashes = readable(images, notes)
    labels = images.need_labels("IMAGES", 1).astype(str)
    pairs = sorted(zip(hashes.tolist(), labels.tolist()))
    known = before.pictures if isinstance(before, FrozenLearned) else ()
    if forget:
        pictures = _without(known, images, list(zip(hashes.tolist(), labels.tolist())))
    else:
        pictures = sorted([*known, *pairs])
    arguments = {
        "from": rep.fingerprint,
        "before": before.mark if isinstance(before, FrozenLearned) else "",
        "method": method,
        **{f"set {name}": repr(value) for name, value in model.get_params(deep=False).items()},
        "images": hash_json(pairs),
        **({"forget": True} if forget else {}),
    }
    run = Run.open(out, arguments, resume, (LEARNER, PICTURES))
    if ended := run.finished(NEEDED):
        yield ended
        return
    began, old = time.monotonic(), set(map(str, getattr(model, "classes_", ())))
    vectors = rep.embed(images, precision="fp32").vectors
    (model.forget if forget else model.partial_fit)(vectors, labels)
    now = [str(name) for name in getattr(model, "classes_", ())]
    metrics: dict[str, Any] = {
        "task": number,
        "images": len(images),
        "classes": len(now),
        "new": len(set(now) - old),
        "learner_bytes": model.nbytes,
        "learned_images": len(pictures),
        "steps": 0,
        "seconds": round(time.monotonic() - began, 3),
    }
    if len(now) == 1:
        notes.append("One class is known: there is nothing to tell it from.")
    _write(run, model, rep, before, method, images, pictures, metrics, forget, number, notes, vectors)
    yield Event("done", 0, 0, metrics, f"wrote {run.folder}")


def _model(before: FrozenLearned | Representation, method: str, chosen: Mapping[str, Any] | None) -> Learner:
    """The learner to go on with: a copy, so that what was loaded stays as it is."""
    if not isinstance(before, FrozenLearned):
        return learner(method, **dict(chosen or {}))
    if before.method != method:
        raise bad("method", repr(method), f"{before.method!r}, as the task before was learned with")
    settings = before.learner.get_params(deep=False)
    asked = learner(method, **{**settings, **dict(chosen or {})}).get_params(deep=False)
    for name, value in asked.items():
        if value != settings[name]:
            raise bad(f"--set {name}", value, f"{settings[name]}, as the task before was learned with")
    return type(before.learner).from_state(before.learner.state(), **settings)


def _without(
    known: tuple[tuple[str, str], ...], images: ImageSet, asked: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    """What is left of the pictures that were learned; raises where one was not, or is forgotten already."""
    held = Counter(known)
    for row, pair in enumerate(asked):
        if not held[pair]:
            labels = sorted(label for name, label in known if name == pair[0])
            why = f", which was learned as {labels[0]!r}" if labels else ""
            got = f"{str(images.ids[row])!r} of class {pair[1]!r}{why}"
            fix = "It was not learned here, or is forgotten already, or its file was changed."
            raise bad("--forget", got, "images that were learned", "" if why else fix)
        held[pair] -= 1
    return sorted(held.elements())


def _write(
    run: Run,
    model: Learner,
    rep: Representation,
    before: FrozenLearned | Representation,
    method: str,
    images: ImageSet,
    pictures: list[tuple[str, str]],
    metrics: Mapping[str, Any],
    forget: bool,
    number: int,
    notes: list[str],
    vectors: np.ndarray,
) -> None:
    """Write all files; the card, which says that the folder is whole, last."""
    import torch

    folder = run.folder
    if isinstance(before, FrozenLearned):
        seen, unknown = before.before, before.unknown
    else:
        found = read_learned(rep)
        seen, unknown = tuple(sorted(found.pictures)), found.unknown
    write_json(folder / METRICS, metrics)
    save_learner(folder / LEARNER, model)
    told = {"number": number, "pictures": pictures, "before": seen, "unknown": unknown}
    write_json(folder / PICTURES, told)
    write_json(folder / LEARNED, {"pictures": sorted({*seen, *(name for name, _ in pictures)}), "unknown": unknown})
    root = str(rep.card.get("root") or rep.name) if isinstance(before, FrozenLearned) else rep.name
    did = "without" if forget else "on the vectors of"
    card: dict[str, Any] = {
        # with a part of the hash, as weights that did not move tell siblings apart by nothing else
        "name": f"{method}-{number:02d}{'-without' * forget}-{read_header(folder / LEARNER)['seal'][:6]}-{root}"[:120],
        "made_by": f"{method} {did} {len(images)} images of {images.name}, task {number}",
        "root": root,
        "task": {"name": f"{'forget' if forget else 'learn'}: {method}", **model.get_params(deep=False)},
        "training": {"notes": notes},
        "parent": started_from(rep, "", 0),
        "data": {"name": images.name, "images": len(images), "content": run.arguments["images"]},
        "scores": dict(metrics),
        "cost": {"seconds": metrics["seconds"]},
        "made_with": {"regard": __version__, "torch": str(torch.__version__)},
        checksums.RESULTS: checksums.of_files(folder, [METRICS, LEARNED, LEARNER, PICTURES]),
    }
    linear = linear_map(model, vectors)
    if linear is not None:
        tensors = {"weight": torch.from_numpy(linear.weight), "bias": torch.from_numpy(linear.bias)}
        card[KEY] = save_classifier(folder, tensors, linear.classes)
    replace(rep, card=card).save(folder)
