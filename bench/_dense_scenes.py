"""Rendered scenes: what each head reaches on them, also before other photographs; and how fast a training step is."""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import _dense_peer as peer
import numpy as np
import torch
from _dense_arms import built, options, scored, shown
from _dense_data import BATCH, Setting, classes_of

from regard.core.runtime import threads
from regard.data.scenes import scenes
from regard.learning.settings import TrainSettings
from regard.reuse.dense.train import train, train_events

SIZE, LEARNED, ASKED = 96, 400, 100
TASKS = {
    "boxes": Setting("boxes", "faster_rcnn", SIZE, 300, ("ap50",), True, ""),
    "masks": Setting("masks", "mask_rcnn", SIZE, 300, ("mask_ap50", "ap50"), True, ""),
    "semantic": Setting("semantic", "fcn", SIZE, 300, ("miou",), False, ""),
}
BARS = {"boxes": 0.60, "masks": 0.50, "semantic": 0.50}
RATE = 2e-3
WARM, STEPS, REPEATS = 2, 6, 5


def scene_job(what: str) -> dict[str, Any]:
    """Train on scenes of family a, and score on others of it and on those of family b."""
    torch.set_num_threads(1)
    setting, cpu = TASKS[what], time.process_time()
    learned = scenes(LEARNED, SIZE, seed=0, family="a")
    tests = {family: scenes(ASKED, SIZE, seed=place, family=family) for place, family in ((2, "a"), (3, "b"))}
    given = options(setting, "imagenet", 0, RATE)
    with tempfile.TemporaryDirectory() as out:
        model = train(learned, scenes(8, SIZE, seed=1), out=Path(out) / "run", **given)
    each = {family: scored(model, test, setting) for family, test in tests.items()}
    reached = {family: {name: float(np.mean(one)) for name, one in its.items()} for family, its in each.items()}
    return {"reached": reached, "processor_seconds": time.process_time() - cpu}


def scene_rows(found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What was reached beside its bars; a task that is not done has none."""
    rows: list[dict[str, Any]] = []
    for what, one in found.items():
        measure = TASKS[what].measures[0]
        if not one:
            rows.append({"what": f"scenes, {what}: done", "value": 0, "at_least": 1})
            continue
        own, other = (one["reached"][family][measure] for family in ("a", "b"))
        rows.append({"what": f"scenes, {what}: {measure}", "value": own, "at_least": BARS[what]})
        ratio = other / own if own else 0.0
        what = f"scenes, {what}: {measure} before other photographs {other:.3f}, share"
        rows.append({"what": what, "value": ratio, "at_least": 0.9})
    return rows


def speed_rows() -> list[dict[str, Any]]:
    """Images a second through a training step, ours and torchvision's in turns, all processors for both."""
    torch.set_num_threads(threads())
    rows = []
    for what in ("boxes", "masks"):
        setting, pairs = TASKS[what], []
        images = scenes(64, SIZE, seed=0)
        for _ in range(REPEATS):
            pairs.append((speed_of_ours(images, setting), speed_of_peer(images, setting)))
            print(f"{what}: ours {pairs[-1][0]:.1f}, torchvision {pairs[-1][1]:.1f}", file=sys.stderr, flush=True)
        mine, its = np.median(pairs, axis=0)
        ratio = float(np.median([a / b for a, b in pairs]))
        what = f"speed, {what}: {mine:.1f} images/s against {its:.1f}"
        rows.append({"what": what, "value": ratio, "unit": "x", "at_least": 1.0, "pairs": pairs})
    return rows


def speed_of_ours(images: Any, setting: Setting) -> float:
    """Images a second of our training."""
    settings = TrainSettings(
        steps=WARM + STEPS, batch=BATCH, lr=RATE, precision="fp32", log_every=1, eval_every=10**6, device="cpu"
    )
    given = options(setting, "imagenet", 0, RATE) | {"settings": settings}
    with tempfile.TemporaryDirectory() as out:
        events = train_events(images, scenes(2, SIZE, seed=1), out=Path(out) / "run", **given)
        speed = _rate(event for event in events if event.kind == "train")
        events.close()
    return speed


def speed_of_peer(images: Any, setting: Setting) -> float:
    """The same of torchvision's script; its pictures are decoded before."""
    names = classes_of(images)
    pictures, targets = shown(images, names, setting)
    return _rate(peer.train(built(names, setting, 0), pictures, targets, WARM + STEPS, BATCH, RATE, 0))


def _rate(steps: Any) -> float:
    """Images a second, of an iterator over steps; the first ones are not counted."""
    start = 0.0
    for count, _ in enumerate(steps, 1):
        if count == WARM:
            start = time.perf_counter()
        if count == WARM + STEPS:
            break
    return BATCH * STEPS / (time.perf_counter() - start)
