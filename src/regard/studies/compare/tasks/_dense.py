"""What tasks of annotated pictures share: they are opened, a head is trained on them, each test picture is scored.

Frozen: only the head learns (`layers="head"`). Fine-tuned: the network learns with it, all at one rate. The rate is one
of three, chosen by short runs on four fifths of the labelled pictures, as `regard detect train` does it. Steps and size
are the same for all arms.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.checks import bad
from ....core.storage import hash_bytes, hash_json
from ....data.annotations.record import Annotations
from ....data.imageset import ImageSet
from ....data.sampling import one_part
from ....data.sources import open_images
from ....learning.settings import TrainSettings
from ....reuse.dense.apart import contents, refuse_same
from ....reuse.dense.model import DenseModel
from ....reuse.dense.rates import RATES
from ....reuse.dense.scoring import MAIN, score
from ....reuse.dense.targets import class_names
from ....reuse.dense.train import train
from ..contract import FROZEN, WAYS, Answered, Asked, Measure, Sides

STEPS, BATCH, SIZE = 100, 8, 128
LEAST = 4  # labelled pictures
SEEN = 2  # test pictures that a training is shown for its own page; nothing is chosen by them


@dataclass(frozen=True)
class DenseTask:
    """A dense task.

    Attributes:
        what: one of `reuse.dense.objective.HEADS`.
        head: of `reuse.dense.objective.HEADS`.
        measures: the main one.
    """

    what: str
    head: str
    measures: tuple[Measure, ...]
    ways: tuple[str, ...] = WAYS
    learns: bool = True

    @property
    def about(self) -> Mapping[str, object]:
        """What decides an answer."""
        settings = {"rates": RATES, "steps": STEPS, "batch": BATCH, "size": SIZE}
        return {"version": 1, "head": self.head, **settings}

    def open(self, train: object, test: object, seed: int) -> Sides:
        """Both sets, with annotations.

        Raises:
            InputError: no annotations of this task, too few pictures, or the same picture in both sets.
        """
        known, notes = _annotated("TRAIN", train, "train", self.what)
        judged, more = _annotated("TEST", test, "test", self.what)
        if len(known) < LEAST or len(judged) < SEEN:
            raise bad("TRAIN, TEST", f"{len(known)} and {len(judged)} pictures", f"at least {LEAST} and {SEEN}")
        here, there = contents(known), contents(judged)
        refuse_same("TEST", judged, there, set(here))
        assert known.annotations is not None and judged.annotations is not None
        parts = [
            [pictures, list(map(_said, rows))]
            for pictures, rows in ((here, known.annotations), (there, judged.annotations))
        ]
        strata = _rarest([one.labels for one in known.annotations])
        least = max(LEAST, len(np.unique(strata)))
        return Sides(known, judged, hash_json(parts), np.array(there), strata, None, least, (*notes, *more))

    def answer(self, asked: Asked, work: Path) -> Answered:
        """What each test picture does to the measure."""
        steps = asked.steps or STEPS
        known, test = asked.sides.train.subset(asked.rows), asked.sides.test
        settings = TrainSettings(
            steps=steps,
            batch=min(BATCH, len(known)),
            seed=asked.seed,
            device=asked.device,
            precision="fp32",
            eval_every=10**6,
        )
        began = time.perf_counter()
        model = train(
            known,
            test.subset(np.arange(SEEN)),
            representation=asked.representation,
            out=work / "run",
            what=self.what,
            head=self.head,
            size=asked.size or SIZE,
            classes=class_names(asked.sides.train, self.what) or None,
            layers="head" if asked.way == FROZEN else "all",
            backbone_lr_factor=1.0,
            settings=settings,
            rates=RATES,
        )
        seconds = time.perf_counter() - began
        learned = [model.head] if asked.way == FROZEN else [model.head, model.encoder]
        numbers = {id(one): one.numel() for part in learned for one in part.parameters()}
        return Answered(scored(model, test), _chosen(work / "run"), seconds, sum(numbers.values()))


def scored(model: DenseModel, test: ImageSet) -> dict[str, np.ndarray]:
    """What each test picture does to the main measure; NaN of one that could not be scored.

    Raises:
        InputError: nothing tells the measure, as where no picture of TEST shows an object.
    """
    model.encoder.eval()
    main, told = MAIN[model.objective.what], score(model, test)
    if main not in told.by_image:
        raise bad("TEST", f"{test.name}, in which nothing tells {main}", "pictures that show what is to be found")
    found = np.full(len(test), np.nan)
    found[list(told.rows)] = told.by_image[main]
    return {main: found}


def _annotated(argument: str, given: object, part: str, what: str) -> tuple[ImageSet, list[str]]:
    images, notes = one_part(open_images(given, argument=argument), part, argument)  # type: ignore[arg-type]
    if images.annotations is None:
        fix = "Name the folder that holds JPEGImages and Annotations, a COCO file (.json), or a folder with masks/."
        raise bad(argument, f"{images.name}, without annotations", "pictures with boxes, masks or maps of classes", fix)
    if not any(_tells(one, what) for one in images.annotations):
        raise bad(argument, f"{images.name}, in which nothing is said of {what}", f"pictures with {what}")
    return images, notes


def _tells(one: Annotations, what: str) -> bool:
    given = {"boxes": one.boxes, "depth": one.depth, "boxes3d": one.boxes3d}
    if what in given:
        return given[what] is not None
    return one.masks is not None or (what == "semantic" and one.semantic is not None)


def _said(one: Annotations) -> str:
    """A hash of what is said of a picture."""
    parts: list[bytes] = []
    if one.boxes is not None:
        parts += [one.boxes.xyxy.tobytes(), "\n".join(one.boxes.classes.tolist()).encode()]
        parts += [np.asarray(flag, bool).tobytes() for flag in (one.boxes.difficult, one.boxes.crowd)]
    if one.masks is not None:
        parts += [b"" if runs is None else np.asarray(runs).tobytes() for runs in one.masks.runs]
    if one.semantic is not None:
        parts += [np.ascontiguousarray(one.semantic.values).tobytes(), "\n".join(one.semantic.classes).encode()]
    if one.depth is not None:
        parts.append(np.ascontiguousarray(one.depth.metres).tobytes())
    if (space := one.boxes3d) is not None:
        parts += [np.ascontiguousarray(each).tobytes() for each in (space.size, space.bottom, space.yaw, space.xyxy)]
        parts += ["\n".join(space.classes.tolist()).encode(), np.asarray(space.camera, float).tobytes()]
    return hash_bytes(*parts)


def _rarest(shown: list[tuple[str, ...]]) -> np.ndarray:
    """Of each picture the class that the fewest pictures show; "" where it shows none."""
    many: dict[str, int] = {}
    for names in shown:
        for name in names:
            many[name] = many.get(name, 0) + 1
    return np.array([min(names, key=lambda name: (many[name], name)) if names else "" for names in shown])


def _chosen(run: Path) -> float | None:
    """The rate that was chosen; None where nothing was tried."""
    from ....core.storage import read_json

    told = read_json(run / "rates.json")
    return float(told["rate"]) if isinstance(told, dict) and told.get("tried") else None
