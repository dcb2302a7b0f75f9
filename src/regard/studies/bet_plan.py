"""What a bet consists of: arms, protocols, seeds and steps, and about how long it takes on this machine."""

import time
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from ..backbones.encoder import make_encoder
from ..core.checks import bad, check_choice, check_number
from ..learning.objective import objectives
from ..reuse.dense.rates import FEWEST, FIFTH, LEAST, RATES

TASKS = ("rotation", "context", "colorization", "simclr")
PROTOCOLS = ("fast_rcnn", "faster_rcnn")
FEATURES = {"frozen": "head", "finetuned": "all"}  # of fast_rcnn; those of faster_rcnn are fine-tuned
BASES = ("random", "rescaled")
SUPERVISED, OUTSIDE = "supervised", "imagenet"
BATCH, INPUTS = 8, 64  # pictures a step of a detector, and inputs a step of a pretraining


class Steps(NamedTuple):
    """How long each pretraining and each detector learns."""

    pretrain: int
    detect: int


BUDGETS = {"quick": Steps(100, 50), "usual": Steps(200, 80), "long": Steps(1000, 400)}


@dataclass(frozen=True)
class Plan:
    """All that decides the numbers, beside the pictures.

    Attributes:
        tasks: pretext tasks, names of `create`'s methods.
        protocols: some of `PROTOCOLS`.
        features: `frozen` or `finetuned`, of `fast_rcnn`.
        backbone: the network of all arms but `imagenet`.
        size: side in pixels of the squares that detectors see.
        seeds: how often everything is done: with other first weights, order, views and heads.
        seed: the first.
        steps: of pretraining and of detectors.
        imagenet: have that arm.
    """

    tasks: tuple[str, ...] = TASKS
    protocols: tuple[str, ...] = PROTOCOLS
    features: str = "frozen"
    backbone: str = "convnet4"
    size: int = 128
    seeds: int = 3
    seed: int = 0
    steps: Steps = BUDGETS["usual"]
    imagenet: bool = True

    def __post_init__(self) -> None:
        known = [name for name in objectives() if name != "labels"]
        for name in self.tasks:
            check_choice("--tasks", name, known, see="regard methods task")
        for name in self.protocols:
            check_choice("--protocols", name, PROTOCOLS)
        for argument, given in (("--tasks", self.tasks), ("--protocols", self.protocols)):
            if not given or len(set(given)) < len(given):
                raise bad(argument, ", ".join(given) or "none", "one or several, each once")
        check_choice("--features", self.features, list(FEATURES))
        check_number("--size", self.size, 32, 1024, whole=True)
        check_number("--seeds", self.seeds, 1, 20, whole=True)
        check_number("--seed", self.seed, 0, whole=True)
        for steps in self.steps:
            check_number("--steps", steps, 1, whole=True)
        make_encoder(self.backbone)

    @property
    def arms(self) -> tuple[str, ...]:
        """Names, in the order of tables."""
        return (*BASES, *self.tasks, SUPERVISED, *([OUTSIDE] if self.imagenet else []))

    @property
    def learned(self) -> tuple[str, ...]:
        """The arms that are pretrained here."""
        return (*self.tasks, SUPERVISED)

    @property
    def main(self) -> str:
        """The protocol that decides: the fine-tuned detector, where it is asked for."""
        return PROTOCOLS[1] if PROTOCOLS[1] in self.protocols else self.protocols[0]

    @property
    def side(self) -> int:
        """Side of the windows that pretraining sees, in the scale in which detectors see the same pictures."""
        return max(16, self.size // 2)

    @property
    def turns(self) -> range:
        """The seeds."""
        return range(self.seed, self.seed + self.seeds)

    def layers(self, protocol: str) -> str:
        """What learns with the detector's head: `all` of the network, or nothing of it (`head`)."""
        return FEATURES[self.features] if protocol == PROTOCOLS[0] else "all"

    @property
    def detector_steps(self) -> int:
        """Those of one detector, with the short runs by which its rate is chosen."""
        steps = self.steps.detect
        return steps + (len(RATES) * max(steps // FIFTH, LEAST) if steps >= FEWEST else 0)


# seconds, in units of one forward and backward pass of convnet4 on 16 images of 64 pixels
TASK_UNITS = {"context": 1.5, "jigsaw": 4.0, "colorization": 14.0, "labels": 6.0}
USUAL_TASK = 7.0
HEAD_UNITS = {"fast_rcnn": 12.0, "faster_rcnn": 11.0}
DECODED, SCORED, SEARCHED = 0.3, 5.0, 32.0  # one picture
FEWEST_PASSES, MOST_PASSES = 3, 20
BEGUN = 50.0  # one training: files, checks, pictures of the puzzle


def estimated(plan: Plan, train: int, test: int) -> tuple[float, float]:
    """About how many seconds a bet takes on this machine: what does not depend on steps, and what does.

    A pass of two networks is timed here and now; how much heads, puzzles, files and scoring add to that was measured
    once, at 128 pixels and 64 inputs a step. Expect an error of a third, more on a machine that does other things.
    """
    unit = _timed("convnet4", 16, 64)
    share = (plan.size / 128) ** 2
    extra = max(_timed(plan.backbone, BATCH, plan.size) - _timed("convnet4", BATCH, plan.size), 0.0)
    outside = _timed("tf_efficientnet_lite0", BATCH, plan.size) if plan.imagenet else 0.0
    fixed = unit * SEARCHED * (train + test) * (PROTOCOLS[0] in plan.protocols)
    varies = 0.0
    for protocol in plan.protocols:
        runs = plan.seeds * len(plan.arms)
        fixed += unit * runs * (BEGUN + DECODED * train + SCORED * test)
        step = unit * HEAD_UNITS[protocol] * share + extra
        varies += plan.detector_steps * (runs * step + plan.seeds * outside)
    for name in plan.learned:
        task = "labels" if name == SUPERVISED else name
        fixed += unit * plan.seeds * BEGUN
        varies += plan.seeds * plan.steps.pretrain * (unit * TASK_UNITS.get(task, USUAL_TASK) * share + 2 * extra)
    return fixed, varies


def within(plan: Plan, minutes: float, train: int, test: int) -> Plan:
    """The plan with as many steps as so many minutes allow here.

    Raises:
        InputError: too few minutes for anything.
    """
    check_number("--minutes", minutes, 0, open_low=True)
    fixed, varies = estimated(plan, train, test)
    factor = (60 * minutes - fixed) / varies
    least = FEWEST / plan.steps.detect  # fewer tell nothing
    if factor < least:
        need = (fixed + least * varies) / 60
        fix = "Ask for fewer --tasks, --protocols or --seeds, or a smaller --size."
        raise bad("--minutes", minutes, f"at least {need:.0f} on this machine", fix)
    steps = Steps(max(20, round(factor * plan.steps.pretrain)), max(FEWEST, round(factor * plan.steps.detect)))
    return replace(plan, steps=steps)


def _timed(backbone: str, images: int, side: int) -> float:
    """Seconds of one forward and backward pass, the least of several: what else the machine does slows some of them."""
    network = make_encoder(backbone, size=side).train()
    x = torch.zeros(images, 3, side, side)
    found: list[float] = []
    while len(found) < FEWEST_PASSES or (len(found) < MOST_PASSES and sum(found) < 1):
        began = time.perf_counter()
        network.maps(x)[-1].sum().backward()
        found.append(time.perf_counter() - began)
    return min(found)
