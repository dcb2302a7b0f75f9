"""How well is depth told: on rendered scenes, and on the later frames of a room by its earlier ones?

    python bench/depth.py [--data FOLDER] [--on scenes room] [--steps 6000] [--work runs/bench-depth] [--out FILE]

Rendered scenes (`builtin:scenes`, 96 pixels): the head `convex` on EfficientNet-Lite0, all of which learns from 6,000
scenes of one seed and is scored on 200 of another seed, before the same photographs and before others. Bars: AbsRel at
most .09 before the same photographs, and at least 30 % less than the best constant of each row, on both.

Real data (`rgbd_7scenes_dev`, with --data): 60 frames of a film, 8 left out as they look like both, the last 32 for the
test; the network is frozen, 60 steps of 8 frames at 128 pixels, each run's rate chosen on its training frames, three
seeds. Bars: `imagenet` below the best constant of each row, and below the same network with random weights, by the
whole interval.

Sizes, rates, heads and losses were tried on scenes of a third seed, and on the first 60 frames, cut once more. That the
pictures are enlarged in the end came after an earlier figure was seen to be short, so that scenes of further seeds say
what it is (docs/reproduced.md). Each training is kept in the work folder and not done again.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _table import finish

from regard.data.scenes import scenes
from regard.data.sources import open_images
from regard.learning.settings import TrainSettings
from regard.metrics.contrast import contrast
from regard.reuse.dense.rates import RATES
from regard.reuse.dense.scoring import DenseScores, score
from regard.reuse.dense.tally_depth import CONSTANT, MAIN
from regard.reuse.dense.train import train

Rows = list[dict[str, Any]]
LEARNED, ASKED, SIZE, RATE = 6000, 200, 96, 2e-3  # of the scenes
# sides to which pictures are enlarged in the end, and for how many steps, as a share of those before; the rate begins
# anew each time
FINER = ((144, 1 / 2), (192, 1 / 2))
STEPS, SHARE, MOST = 6000, 0.70, 0.09
FRAMES, LEFT_OUT, FRAME_SIZE, FRAME_STEPS, SEEDS = 60, 8, 128, 60, 3
ARMS = {"imagenet": "imagenet", "random": "random:tf_efficientnet_lite0"}


def main() -> int:
    """Train, print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the data sets; none: rendered scenes alone")
    parser.add_argument("--on", nargs="+", choices=("scenes", "room"), default=["scenes", "room"])
    parser.add_argument("--steps", type=int, default=STEPS, help="on rendered scenes")
    parser.add_argument("--work", type=Path, default=Path("runs/bench-depth"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.work.mkdir(parents=True, exist_ok=True)
    rows: Rows = []
    for name in given.on:
        if name == "room" and given.data is None:
            print("room: left out, as no --data was given", file=sys.stderr)
            continue
        began = time.process_time()
        if name == "scenes":
            rows += scene_rows(given.work, given.steps)
        else:
            rows += room_rows(given.work, given.data / "rgbd_7scenes_dev")
        seconds = time.process_time() - began
        rows.append({"what": f"{name}: processor seconds (of what was not done yet)", "value": seconds, "unit": "s"})
    return finish("depth", rows, given.out)


def settings(steps: int, seed: int) -> TrainSettings:
    """Those that all runs share."""
    quiet: dict[str, Any] = {"eval_every": 10**6, "log_every": 100}
    return TrainSettings(steps=steps, batch=8, lr=RATE, seed=seed, precision="fp32", device="cpu", threads=1, **quiet)


def scene_rows(work: Path, steps: int) -> Rows:
    """What the usual head reaches on scenes that it has not seen."""
    learned = scenes(LEARNED, SIZE, seed=0)
    learned = replace(learned, items=list(learned.items))  # rendered once, not whenever a picture is asked for
    some, rough = scenes(8, SIZE, seed=1), work / f"scenes-{steps}"
    shared: dict[str, Any] = {"what": "depth", "head": "convex", "backbone_lr_factor": 1.0}
    train(learned, some, out=rough, size=SIZE, settings=settings(steps, 0), **shared)
    # then enlarged, so that a cell of the finest level is smaller and edges are told more sharply
    for place, (side, share) in enumerate(FINER):
        finer, out = replace(settings(round(share * steps), 0), lr=RATE / 2), work / f"scenes-{steps}-finer-{place}"
        model = train(learned, some, out=out, from_run=rough, size=side, settings=finer, **shared)
        rough = out
    rows: Rows = [{"what": "scenes: AbsRel of all known but one scale (see `scale_unknown`)", "value": scale_unknown()}]
    for name, family, seed in (("scenes", "a", 2), ("scenes before other photographs", "b", 3)):
        found = score(model, scenes(ASKED, SIZE, seed=seed, family=family)).metrics
        reached, constant = (float(found[one] or np.nan) for one in (MAIN, CONSTANT))
        ends = f"[{found['abs_rel_low']:.3f}, {found['abs_rel_high']:.3f}]"
        bar = {"at_most": MOST} if family == "a" else {}
        rows.append({"what": f"{name}: AbsRel", "value": reached, "unit": ends, **bar})
        what = f"{name}: share of the best constant of each row, {constant:.3f}"
        rows.append({"what": what, "value": reached / constant, "at_most": SHARE})
    return rows


def scale_unknown(others: int = 4000, near: int = 100) -> float:
    """AbsRel of who sees each scene's depth exactly but for one factor, and guesses that from where the ground ends.

    The ground ends `height x focal / wall` below the horizon, all three of which are drawn for each scene: the guess is
    the median distance of the wall in other scenes whose ground ends about there. No network can be as sure of all
    shapes; one that knows usual sizes of solids could guess the scale better.
    """
    drawn, asked = (_staged(*one) for one in ((others, 1), (ASKED, 2)))
    errors = []
    for grounded, ends, wall in asked:
        alike = drawn[drawn[:, 0] == grounded]
        some = alike[np.abs(alike[:, 1] - ends).argsort()[:near]] if grounded else alike
        errors.append(abs(np.median(some[:, 2]) / wall - 1))
    return float(np.mean(errors))


def _staged(n: int, seed: int) -> np.ndarray:
    """(n, 3): whether there is a ground, where it ends below the horizon (share of the side), metres to the wall."""
    annotations: Any = scenes(n, SIZE, seed=seed).annotations
    source = annotations.sources[0]
    found = np.zeros((n, 3))
    for row in range(n):
        scene = source.scene(row)
        height = scene.ground or 0.0
        found[row] = scene.ground is not None, height * scene.camera[0, 0] / SIZE / scene.wall, scene.wall
    return found


def room_rows(work: Path, folder: Path) -> Rows:
    """The last frames of a film of a room, by its first ones."""
    images = open_images(folder)
    known, test = images.subset(np.arange(FRAMES)), images.subset(np.arange(FRAMES + LEFT_OUT, len(images)))
    found: dict[str, list[DenseScores]] = {arm: [] for arm in ARMS}
    for seed in range(SEEDS):
        for arm, name in ARMS.items():
            model = train(
                known,
                test.subset([0, 1]),
                representation=name if arm == "imagenet" else f"{name}:{seed}",
                out=work / f"room-{arm}-{seed}",
                what="depth",
                size=FRAME_SIZE,
                layers="head",
                rates=RATES,
                settings=settings(FRAME_STEPS, seed),
            )
            found[arm].append(score(model, test))
            print(f"room, {arm}, seed {seed}: {found[arm][-1].metrics[MAIN]:.4f}", file=sys.stderr, flush=True)
    scores = {arm: np.stack([one.by_image[MAIN] for one in each]) for arm, each in found.items()}
    scores["row constant"] = np.stack([one.by_image[CONSTANT] for one in found["imagenet"]])
    rows: Rows = [{"what": f"room, {arm}: AbsRel", "value": float(one.mean())} for arm, one in scores.items()]
    for other in ("row constant", "random"):
        gain = contrast(scores[other], scores["imagenet"], largest=np.inf)
        what = f"room, {other} - imagenet: AbsRel {gain.mean:+.3f}, lower end"
        rows.append({"what": what, "value": gain.low, "unit": f"{gain.told(sign='+')} {gain.verdict}", "at_least": 0})
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
