"""Bets whose cells were never trained: scores by picture as they are drawn here."""

from collections.abc import Mapping

import numpy as np

from regard.studies.bet_cells import Cell
from regard.studies.bet_found import Bet, chosen_of, experiment_of
from regard.studies.bet_history import MARGIN
from regard.studies.bet_plan import Plan

LEVELS = {"random": 0.3, "rescaled": 0.32, "rotation": 0.5, "context": 0.55, "supervised": 0.5}


def cells(levels: Mapping[str, float], seeds: int = 3, images: int = 60, spread: float = 0.05) -> dict[str, list[Cell]]:
    """For each arm and seed a cell around its level; what short runs told rises with the name's place."""
    rng = np.random.default_rng(0)
    made: dict[str, list[Cell]] = {}
    luck = rng.normal(0, 0.1, images)  # of each picture, the same for all arms
    for place, (name, level) in enumerate(levels.items()):
        for _ in range(seeds):
            found = level + luck + rng.normal(0, spread, images) + rng.normal(0, 0.002)
            ids = tuple(f"p{at}" for at in range(images))
            cell = Cell(ids, {"ap50": found, "voc07": found + 0.01}, 2e-3, 0.1 * place, 1.0, 2.0)
            made.setdefault(name, []).append(cell)
    return made


def drawn_bet(levels: Mapping[str, float] | None = None, seeds: int = 3, **more: object) -> Bet:
    """A bet of Faster R-CNN with two tasks."""
    plan = Plan(tasks=("rotation", "context"), protocols=("faster_rcnn",), imagenet=False, seeds=seeds)
    by_arm = cells(levels or LEVELS, seeds)
    chosen, judged = chosen_of(plan.tasks, by_arm)
    saw = {"network": "convnet4", "saw": "windows", "labels": "none", "outside": "no"}
    given = {
        "plan": plan,
        "experiments": {"faster_rcnn": experiment_of(by_arm, {"rotation": 4.0})},
        "chosen": {"faster_rcnn": chosen},
        "judged": {"faster_rcnn": judged},
        "rates": {"faster_rcnn": {name: [one.rate for one in several] for name, several in by_arm.items()}},
        "margin": MARGIN,
        "saw": {name: {**saw} for name in by_arm},
        "counts": {"train": 20, "test": 60, "unlabelled": 20},
        "notes": ("a note",),
        "seconds": 1.0,
    }
    return Bet(**{**given, **more})  # type: ignore[arg-type]
