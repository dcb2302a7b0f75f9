"""A cell of a bet: one detector on one network, trained with one seed, and what it is worth on each test picture.

A detector is an ordinary run of `train_events`. Once it is scored, its numbers are kept as JSON and its weights go: a
hundred detectors need no room, and a bet that was stopped goes on where it was.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from ..core.checks import InputError
from ..core.events import Event
from ..core.leftovers import clear
from ..core.records import listed, maybe, number, read_record, text
from ..core.storage import replacing, write_json
from ..data.annotations.boxes import Boxes
from ..data.decode import DecodeError, decode, read
from ..data.imageset import ImageSet
from ..learning.run import HEAD
from ..learning.settings import TrainSettings
from ..metrics.coco_ap import CocoAP
from ..metrics.detection_pairs import Pairs
from ..metrics.image_resampling import image_scores
from ..metrics.voc_ap import VocAP
from ..representation.representation import Representation
from ..reuse.dense.answer import Answer
from ..reuse.dense.given_boxes import GivenBoxes
from ..reuse.dense.model import DenseModel
from ..reuse.dense.rates import FILE as TRIED
from ..reuse.dense.rates import RATES, RECORD, Tried, best_of
from ..reuse.dense.scoring import score
from ..reuse.dense.selective_search import Searched, SelectiveSearch
from ..reuse.dense.train import train_events
from .bet_plan import BATCH, PROTOCOLS, Plan

MEASURES = ("ap50", "voc07")
PROPOSALS = "proposals.npz"
_NUMBERS = listed(number())
_KEYS = {
    "ids": listed(text),
    **dict.fromkeys(MEASURES, _NUMBERS),
    "rate": number(0),
    "judged": maybe(number()),
    "loss": maybe(number()),
    "seconds": number(0),
}


@dataclass(frozen=True)
class Cell:
    """What one detector is worth.

    Attributes:
        ids: (images,) test pictures that were scored.
        scores: by measure, (images,) as `image_scores` gives them.
        rate: that it learned with.
        judged: main measure of the short run with that rate, on the fifth of the training pictures that it had not;
            None where no rate was chosen.
        loss: of the same.
        seconds: of training and scoring.
    """

    ids: tuple[str, ...]
    scores: dict[str, np.ndarray]
    rate: float
    judged: float | None
    loss: float | None
    seconds: float

    @staticmethod
    def read(path: Path) -> "Cell":
        """Read a cell that is done."""
        kept = read_record(path, _KEYS)
        scores = {name: np.array(kept[name], dtype=np.float64) for name in MEASURES}
        return Cell(tuple(kept["ids"]), scores, kept["rate"], kept.get("judged"), kept.get("loss"), kept["seconds"])

    def write(self, path: Path) -> None:
        """Keep it."""
        about = {"rate": self.rate, "judged": self.judged, "loss": self.loss, "seconds": round(self.seconds, 3)}
        scores = {name: one.tolist() for name, one in self.scores.items()}
        write_json(path, {**about, "ids": list(self.ids), **scores})


@dataclass(frozen=True)
class Detectors:
    """All detectors of a bet.

    Attributes:
        plan: what is asked for.
        folder: of the bet.
        train: annotated pictures to learn from.
        test: annotated pictures to be scored on; nothing is chosen by them.
        device: where they learn.
        proposals: boxes for `fast_rcnn`, of the pictures of both.
    """

    plan: Plan
    folder: Path
    train: ImageSet
    test: ImageSet
    device: str
    proposals: GivenBoxes | None

    def place(self, protocol: str, arm: str, seed: int) -> Path:
        """Where a cell is kept."""
        return self.folder / "cells" / f"{protocol}-{arm}-{seed}.json"

    def trained(self, protocol: str, arm: str, seed: int, start: Representation) -> Generator[Event, None, Cell]:
        """Train and score one, or go on with it."""
        began, path = monotonic(), self.place(protocol, arm, seed)
        run = self.folder / "detect" / path.stem
        settings = TrainSettings(
            steps=self.plan.steps.detect,
            batch=min(BATCH, len(self.train)),
            lr=RATES[1],
            seed=seed,
            precision="fp32",
            device=self.device,
            eval_every=self.plan.steps.detect,
        )
        given = self.proposals if protocol == PROTOCOLS[0] else None
        yield from train_events(
            self.train,
            self.test,
            start,
            out=run,
            head=protocol,
            size=self.plan.size,
            layers=self.plan.layers(protocol),
            backbone_lr_factor=1.0,  # a lower one would hold random weights back
            settings=settings,
            rates=RATES,
            proposals=given,
        )
        choice = read_record(run / TRIED, RECORD)
        tried = [Tried(one["rate"], one["score"], one["loss"], one["cause"]) for one in choice["tried"]]
        best = best_of(tried) if tried else None
        seen = _Pictures(DenseModel.load(run, given))
        score(seen.model, self.test, interval=False, seen=seen.objects)
        made = Cell(
            tuple(str(self.test.ids[row]) for row in seen.rows),
            seen.scores(),
            float(choice["rate"]),
            None if best is None else best.score,
            None if best is None else best.loss,
            monotonic() - began,
        )
        made.write(path)
        return made

    def kept(self, protocol: str, arm: str, seed: int) -> Cell | None:
        """A cell that is done; the weights of its detector go, if they are still there."""
        path = self.place(protocol, arm, seed)
        clear(path.parent)
        if not path.is_file():
            return None
        for name in ("model.safetensors", HEAD):
            (self.folder / "detect" / path.stem / name).unlink(missing_ok=True)
        return Cell.read(path)


class _Pictures:
    """Keeps what each test picture adds to both measures."""

    def __init__(self, model: DenseModel) -> None:
        self.model, self.rows = model, list[int]()
        self.coco, self.voc = CocoAP(model.objective.names), VocAP(model.objective.names)

    def objects(self, answer: Answer, truth: Boxes, pairs: Pairs, masks: np.ndarray | None) -> None:
        self.rows.append(answer.row)
        self.coco.add(pairs)
        self.voc.add(pairs)

    def scores(self) -> dict[str, np.ndarray]:
        """(images,) by measure."""
        measures: dict[str, Any] = {
            "ap50": lambda weights: self.coco.ap(weights, "ap50"),
            "voc07": lambda weights: self.voc.ap(weights, "voc07"),
        }
        return {name: image_scores(measures[name], len(self.rows)) for name in MEASURES}


def searched(folder: Path, images: list[ImageSet]) -> Generator[Event, None, GivenBoxes]:
    """Proposals of all pictures from selective search, searched once and kept in the folder.

    A picture's boxes also lie in the cache folder, by its pixels, so that a search that was stopped goes on.
    """
    path = folder / PROPOSALS
    if not path.is_file():
        search, found = Searched(SelectiveSearch()), dict[str, np.ndarray]()
        total = sum(map(len, images))
        for name, item in _items(images):
            try:
                found[name] = search(decode(read(item))).numpy()
            except (DecodeError, InputError):
                found[name] = np.zeros((0, 4), np.float32)  # which a training sets aside, and names
            yield Event("search", len(found), total)
        ids = np.repeat(list(found), [len(boxes) for boxes in found.values()])
        with replacing(path) as beside, open(beside, "wb") as file:
            np.savez_compressed(file, ids=ids, boxes=np.concatenate(list(found.values())))
    return GivenBoxes.read(path)


def _items(images: list[ImageSet]) -> Iterator[tuple[str, Any]]:
    for one in images:
        yield from zip(one.ids.tolist(), one.items)
