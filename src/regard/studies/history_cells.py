"""A cell of the line: one representation, of one seed, learned from TRAIN and asked about every picture of TEST.

Networks learn in run folders of `create`, so that one that was killed goes on in the step where it was. What is done is
kept as JSON, and is not done again.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..core.checks import RunError
from ..core.records import listed, mapped, maybe, number, read_record, whole
from ..core.storage import write_json
from ..core.values import group_codes
from ..create.run import train
from ..data.decode import decode
from ..data.imageset import ImageSet
from ..learning.objective import Split
from ..learning.settings import TrainSettings
from ..representation.classifier import read_classifier
from ..representation.embed import embed
from ..representation.preprocess import Preprocess
from ..representation.representation import Representation
from ..representation.untrained import random_arm
from ..reuse.logistic import fit_logistic
from .compare.cells import forget_peak, recent_peak
from .history_cost import depth_of, flops_of, parameters_of
from .history_plan import DESCRIPTORS, HELD_OUT, IMAGENET, RANDOM, Plan
from .history_years import CLASSIC

LEAST_SIDE = 64  # of the classic pipeline, whose descriptors are 20 to 60 pixels wide
_CELL = {
    "right": listed(number(0, 1)),
    "seconds": number(0),
    "mib": maybe(number(0)),
    "parameters": whole(),
    "flops": whole(),
    "depth": whole(1),
    "held_out": maybe(number(0, 1)),
    "steps": maybe(whole()),
}
_RATE = {"rate": number(0), "tried": mapped(maybe(number(0, 1)))}


@dataclass(frozen=True, eq=False)
class Cell:
    """What one representation of one seed is worth, and what it took.

    Attributes:
        right: (images,) whether each picture of TEST was told right.
        seconds: of learning it and its classifier, and of asking about TEST; without choosing a rate.
        mib: peak memory of the process meanwhile; None where the system does not tell.
        parameters: learned numbers, with those of the linear classifier.
        flops: of one picture, two for each multiplication with its addition.
        depth: layers with weights on the longest way.
        held_out: accuracy on the part of TRAIN that was held out; None where none was.
        steps: of training; None where there was none.
    """

    right: np.ndarray
    seconds: float
    mib: float | None
    parameters: int
    flops: int
    depth: int
    held_out: float | None = None
    steps: int | None = None

    @staticmethod
    def read(path: Path) -> "Cell":
        """Read a cell that is done."""
        kept = read_record(path, _CELL)
        more: dict[str, Any] = {name: kept.get(name) for name in _CELL if name != "right"}
        return Cell(np.array(kept["right"], dtype=float), **more)


class Rate(NamedTuple):
    """The learning rate that was chosen for a network, and what each reached on the held-out part of TRAIN."""

    rate: float
    tried: Mapping[str, float | None]


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be done, for this process or another.

    Attributes:
        folder: of the study.
        plan: its plan.
        known: pictures to learn from, and to be asked about.
        name: of the row.
        seed: of the cell; None: choose the rate.
    """

    folder: Path
    plan: Plan
    known: Split
    name: str
    seed: int | None

    @property
    def file(self) -> Path:
        """Where what comes out is kept."""
        if self.seed is None:
            return self.folder / "rates" / f"{self.name}.json"
        of = f"-{self.plan.networks[-1]}" if self.name == RANDOM else ""
        return self.folder / "cells" / f"{self.name}{of}-{self.seed}.json"

    def place(self, seed: int) -> Path:
        """The run folder of a seed."""
        return self.folder / "runs" / self.name / f"seed-{seed}"

    @property
    def told(self) -> str:
        """For the stream of progress."""
        return f"the rate of {self.name}" if self.seed is None else f"{self.name}, seed {self.seed}"


def work(job: Job) -> str:
    """Do a job and keep what comes out; gives why it did not end, "" where it did."""
    try:
        if job.seed is None:
            _choose_rate(job)
        else:
            _cell(job, job.seed)
    except RunError as error:
        return str(error)
    return ""


def chosen_rate(folder: Path, plan: Plan, name: str) -> Rate:
    """The rate of a network: the only one, or the one that was chosen."""
    if len(plan.rates) == 1:
        return Rate(plan.rates[0], {})
    kept = read_record(folder / "rates" / f"{name}.json", _RATE)
    return Rate(float(kept["rate"]), kept["tried"])


def _choose_rate(job: Job) -> None:
    """Try each rate for a part of the steps, on the first seed, and keep the best on the held-out part of TRAIN."""
    tried: dict[float, float | None] = {}
    for rate in job.plan.rates:
        place = job.folder / "work" / f"{job.name}-{rate:g}"
        try:
            tried[rate] = _trained(job, place, job.plan.seed, rate, short=True).card["scores"]["accuracy"]
        except RunError:  # too high for this network
            tried[rate] = None
        shutil.rmtree(place, ignore_errors=True)
    ended = {rate: value for rate, value in tried.items() if value is not None}
    if not ended:
        raise RunError(f"{job.name} learned with none of the rates {', '.join(f'{rate:g}' for rate in tried)}")
    best = max(ended, key=lambda rate: ended[rate])  # of equal ones the first
    write_json(job.file, {"rate": best, "tried": {f"{rate:g}": value for rate, value in tried.items()}})


def _trained(job: Job, place: Path, seed: int, rate: float, short: bool = False) -> Representation:
    images = job.known.train
    return train(
        images,
        "labels",
        backbone=job.name,
        out=place,
        settings=job.plan.settings(seed, rate, short),
        size=job.plan.size,
        holdout=HELD_OUT,
        holdout_by="identity" if "identity" in images.columns else None,
    )


def _cell(job: Job, seed: int) -> None:
    forget_peak()
    plan, train_, test = job.plan, job.known.train, job.known.held_out
    classes = len(train_.classes)
    more: dict[str, Any] = {}
    if job.name in plan.networks:
        place = job.place(seed)
        rep = _trained(job, place, seed, chosen_rate(job.folder, plan, job.name).rate)
        took, began = float(rep.card["cost"]["seconds"]), time.monotonic()  # its card knows of before a kill
        head = read_classifier(place)
        found = np.array(head.classes)[head.logits(_vectors(rep, test, plan).vectors).argmax(axis=1)]
        more = {"held_out": rep.card["scores"]["accuracy"], "steps": rep.card["training"]["steps_done"]}
    else:
        rep, took, sides = _untrained(job, seed)
        began = time.monotonic()
        known, asked = (_vectors(rep, side, plan) for side in sides)
        column = known.columns.get("identity")
        groups = None if column is None else group_codes(column, "identity")
        found = fit_logistic(known.vectors, known.need_labels("TRAIN"), groups=groups, seed=seed).predict(asked.vectors)
    seconds = took + time.monotonic() - began
    costs = {"parameters": parameters_of(rep, classes), "flops": flops_of(rep)}
    depth = depth_of(rep.encoder, rep.preprocess.shape[0])
    right = (found == test.need_labels("TEST", 1)).astype(int).tolist()
    told = {"seconds": round(seconds, 3), "mib": recent_peak(), **costs, "depth": depth, **more}
    write_json(job.file, {"row": job.name, "seed": seed, **told, "right": right})


def _untrained(job: Job, seed: int) -> tuple[Representation, float, tuple[ImageSet, ImageSet]]:
    """A representation that no labels have seen, the seconds that it took, and the pictures as it sees them."""
    plan, sides = job.plan, (job.known.train, job.known.held_out)
    if job.name in CLASSIC:
        small = plan.size < LEAST_SIDE
        if small:  # no more to see than networks have; enlarged again, or hardly a descriptor fits
            sides = shrunk(sides[0], plan.size), shrunk(sides[1], plan.size)
        rep = train(
            sides[0],
            job.name,
            out=job.place(seed),
            settings=TrainSettings(seed=seed, device=plan.device),
            method={"descriptors": DESCRIPTORS},
            size=LEAST_SIDE if small else plan.size,
            holdout=HELD_OUT,
        )
        return rep, float(rep.card["cost"]["seconds"]), sides
    if job.name == RANDOM:
        like = Representation.load(f"random:{plan.networks[-1]}")
        return random_arm(Representation(like.encoder, Preprocess(plan.size, plan.size)), seed), 0.0, sides
    return Representation.load(IMAGENET), 0.0, sides


def shrunk(images: ImageSet, side: int) -> ImageSet:
    """The same pictures, brought to squares of `side` pixels."""
    to = Preprocess(side, side)
    items = [to.apply(decode(item, to.decode_side)).permute(1, 2, 0).numpy() for item in images.items]
    return replace(images, items=items, annotations=None, root=None)


def _vectors(rep: Representation, images: ImageSet, plan: Plan) -> Any:
    """Vectors of every picture, exact; all can be read, as was seen when they were opened."""
    found = embed(images, rep, precision="fp32", device=plan.device, cache=False)
    if len(found) < len(images):
        raise RunError(f"{rep.name}: {len(images) - len(found)} pictures of {images.name} gave no vector")
    return found
