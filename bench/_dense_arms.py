"""One arm of `bench/dense.py`: its learning rate, chosen on training pictures, and a training with its test scores."""

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import _dense_peer as peer
import numpy as np
import torch
from _dense_data import BATCH, SETTINGS, Setting, classes_of, data_of
from _dense_scores import Scored, of_objects, of_pixels
from torch import Tensor

from regard.data.decode import decode, read
from regard.data.imageset import ImageSet
from regard.data.sampling import hold_out
from regard.learning.settings import TrainSettings
from regard.representation.representation import Representation
from regard.reuse.dense.answer import Answer
from regard.reuse.dense.model import DenseModel
from regard.reuse.dense.rates import FIFTH, LEAST, RATES, Tried, best_of
from regard.reuse.dense.train import train, train_events

NETWORK = "tf_efficientnet_lite0"  # of `imagenet`
ARMS = ("imagenet", "random", "torchvision")


def job(kind: str, data: str, arm: str, seed: int, rate: float, folder: Path) -> dict[str, Any]:
    """A `rate` that is chosen, or the `scores` of one training; in a process of its own."""
    torch.set_num_threads(1)
    began, cpu = time.monotonic(), time.process_time()
    setting, (learned, test) = SETTINGS[data], data_of(data, folder)
    found: dict[str, Any]
    if kind == "rate":
        choose = chosen_by_peer if arm == "torchvision" else chosen
        found = choose(learned, test, setting, arm)
    else:
        scored = scored_by_peer if arm == "torchvision" else scored_by_ours
        found = {"rate": rate, "scores": scored(learned, test, setting, arm, seed, rate)}
    return found | {"seconds": time.monotonic() - began, "processor_seconds": time.process_time() - cpu}


def options(setting: Setting, arm: str, seed: int, rate: float) -> dict[str, Any]:
    """Arguments of our training, the same for both arms but for the weights."""
    settings = TrainSettings(steps=setting.steps, batch=BATCH, lr=rate, seed=seed, precision="fp32", device="cpu")
    settings = replace(settings, threads=1, eval_every=10**6, checkpoint_seconds=10**6)
    start = "imagenet" if arm == "imagenet" else f"random:{NETWORK}:{seed}"
    known = {"what": setting.what, "head": setting.head, "size": setting.size}
    # one rate for all weights, as torchvision's script has it: a tenth for the network would hold random weights back
    return known | {"representation": start, "backbone_lr_factor": 1.0, "settings": settings}


def chosen(learned: ImageSet, test: ImageSet, setting: Setting, arm: str) -> dict[str, Any]:
    """The learning rate as `train` chooses it, of one seed; the run ends there, before any test picture is scored."""
    with tempfile.TemporaryDirectory() as out:
        given = options(setting, arm, 0, RATES[1])
        events = train_events(learned, test.subset([0, 1]), out=Path(out) / "run", rates=RATES, **given)
        for event in events:
            if event.kind != "rate":
                break
        events.close()
        return dict(json.loads((Path(out) / "run/rates.json").read_text()))


def scored_by_ours(learned: ImageSet, test: ImageSet, setting: Setting, arm: str, seed: int, rate: float) -> Scored:
    """Train ours, and score it on the test pictures."""
    with tempfile.TemporaryDirectory() as out:
        model = train(learned, test.subset([0, 1]), out=Path(out) / "run", **options(setting, arm, seed, rate))
    return scored(model, test, setting)


def scored(model: DenseModel, test: ImageSet, setting: Setting) -> Scored:
    """The scores by picture of one of our models."""
    answers, names = model.predict(test), model.objective.names
    if setting.what == "semantic":
        return of_pixels(answers, test, names)
    return of_objects(answers, test, names, setting.what == "masks")


def chosen_by_peer(learned: ImageSet, test: ImageSet, setting: Setting, arm: str) -> dict[str, Any]:
    """The learning rate of torchvision's script: the same rates, cut, length and rule."""
    some, judged, _ = hold_out(replace(learned, labels=None), 0.2, 0)
    names, tried = classes_of(learned), []
    (pictures, targets), (others, wanted) = (shown(images, names, setting) for images in (some, judged))
    for rate in RATES:
        model = built(names, setting, 0)
        short = max(setting.steps // FIFTH, LEAST)
        try:
            for _ in peer.train(model, pictures, targets, short, BATCH, rate, 0):
                pass
        except FloatingPointError as error:
            tried.append(Tried(rate, None, None, str(error)))
            continue
        reached = np.mean(
            of_objects(answers(model, others), judged, names, setting.what == "masks")[setting.measures[0]]
        )
        tried.append(Tried(rate, float(reached), peer.loss_of(model, others, wanted, BATCH, 0)))
    return {"rate": best_of(tried).rate, "tried": [vars(one) for one in tried]}


def scored_by_peer(learned: ImageSet, test: ImageSet, setting: Setting, arm: str, seed: int, rate: float) -> Scored:
    """Train torchvision's script, and score it on the test pictures."""
    names = classes_of(learned)
    model = built(names, setting, seed)
    for _ in peer.train(model, *shown(learned, names, setting), setting.steps, BATCH, rate, seed):
        pass
    return of_objects(answers(model, shown(test, names, setting)[0]), test, names, setting.what == "masks")


def built(names: tuple[str, ...], setting: Setting, seed: int) -> torch.nn.Module:
    """Torchvision's detector on the network that ours starts from."""
    encoder = Representation.load("imagenet").encoder
    torch.manual_seed(seed)
    mean, std = encoder.config["mean"], encoder.config["std"]
    return peer.build(encoder.network, len(names), setting.size, setting.what == "masks", mean, std)


def shown(images: ImageSet, names: tuple[str, ...], setting: Setting) -> tuple[list[Tensor], list[peer.Target]]:
    """Pictures (3, H, W) in [0, 1] in their own size, and targets as torchvision wants them."""
    pictures, targets = [], []
    for row in range(len(images)):
        item, carried = images.items[row], images.annotations[row]
        pixels = torch.from_numpy(item).permute(2, 0, 1) if isinstance(item, np.ndarray) else decode(read(item))
        pictures.append(pixels.float() / 255)
        labels = [names.index(one) + 1 for one in carried.boxes.classes.tolist()]
        targets.append(
            {"boxes": torch.from_numpy(carried.boxes.xyxy), "labels": torch.tensor(labels, dtype=torch.int64)}
        )
        if setting.what == "masks":
            targets[-1]["masks"] = torch.from_numpy(carried.masks.arrays().astype(np.uint8))
    return pictures, targets


def answers(model: torch.nn.Module, pictures: list[Tensor]) -> list[Answer]:
    """What torchvision's detector finds, as ours tells it."""
    made = []
    for row, (picture, one) in enumerate(zip(pictures, peer.found(model, pictures))):
        size = int(picture.shape[1]), int(picture.shape[2])
        made.append(Answer(row, size, one["boxes"], one["scores"], one["labels"] - 1, one.get("masks")))
    return made
