"""The middle steps on the page of a run from labels: the representation, the model on top, and how they learned."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..core.events import Event
from ..create.selection import Selection
from ..report.figures import Curve, learning_curves
from ..report.gains import seconds
from ..report.html import Picture, Section, Table
from ..report.picture import embedded, loaded

_WIDE = 900  # pixels of the picture of views


def representation(folder: Path, found: Selection, card: Mapping[str, Any]) -> Section:
    """The network, its size, where it started, and what it gets to see."""
    parent = card["parent"]
    began = parent["name"] if isinstance(parent, Mapping) else "fresh weights"
    features = found.parameters["features"]
    rows = [
        ["network", card["backbone"]],
        ["parameters", f"{found.parameters['encoder']:,}"],
        ["input", f"{card['size']} x {card['size']} pixels, RGB"],
        ["representation of an image", f"{features:,} numbers: the mean of the last maps over the picture"],
        ["began from", began],
    ]
    blocks: list[Picture | Table] = [Table(["what", "value"], rows)]
    preview = folder / "preview.png"
    if preview.is_file():
        caption = "Images, and a random view of each as the network gets it in training; another one each time."
        blocks.append(Picture(embedded(loaded(preview, _WIDE), "images and views of them", _WIDE), caption))
    task = card["task"]
    views = f"Views `{task['recipe']}`, strength `{task['augment']}`"
    mixing = [f"{name} (alpha {task[name]:g})" for name in ("mixup", "cutmix") if task[name]]
    views += f"; images are mixed by {' and '.join(mixing)}" if mixing else ""
    text = f"The network makes of each image {features:,} numbers, from which the label is told. {views}."
    return Section("Representation", text, blocks)


def model(found: Selection, card: Mapping[str, Any]) -> Section:
    """The layer on top, and the loss that it is learned by."""
    smoothing, many = card["task"]["smoothing"], len(found.classes)
    if found.several:
        loss = "binary cross-entropy: each label is a question of its own, answered by a sigmoid"
    else:
        loss = "cross-entropy: -log of the probability of the right class, softmax over all classes"
    rows = [
        ["layer", f"linear: {found.parameters['features']:,} numbers to {many:,} scores"],
        ["parameters", f"{found.parameters['head']:,}"],
        ["loss", loss + (f", {smoothing:g} of the target spread" if smoothing else "")],
        ["temperature", "none" if found.temperature is None else f"{found.temperature:.3f}, fitted after learning"],
    ]
    return Section("Model", "", [Table(["what", "value"], rows)])


def learning(found: Selection, card: Mapping[str, Any], events: Sequence[Event]) -> Section:
    """What the training was told, and its curves."""
    told, main = card["training"], "map" if found.several else "accuracy"
    rows = [
        ["steps", f"{told['steps_done']:,}, each on {told['batch']:,} images"],
        ["passes over the images", f"{told['steps_done'] * told['batch'] / card['data']['trained_on']:.1f}"],
        ["learning rate", f"at most {told['lr']:g}, {told['schedule']}"],
        ["weight decay", f"{told['weight_decay']:g}"],
        ["average of the weights", "none" if told.get("ema") is None else f"keeps {told['ema']:g} a step"],
        ["draws", "each class equally often" if told.get("balanced") else "each image equally often"],
        ["time", seconds(card["cost"]["seconds"])],
    ]
    blocks: list[Picture | Table] = [Table(["what", "value"], rows)]
    steps, losses = _along(events, "train", "loss")
    if steps:
        curve = Curve("", steps, losses)
        blocks.append(Picture(learning_curves([curve], f"training loss, {losses[-1]:.3f} at the end", y="loss")))
    curves, ends = [], []
    for name, kind, value in (("training", "train", "train_accuracy"), ("held out", "eval", main)):
        steps, values = _along(events, kind, value)
        if steps and not (found.several and kind == "train"):
            curves.append(Curve(name, steps, values))
            ends.append(f"{name} {100 * values[-1]:.1f} % at the end")
    if curves:
        chance = card["scores"]["chance"]
        alt = ", ".join(ends)
        y = "mAP" if found.several else "share right"
        picture = learning_curves(curves, alt, y=y, percent=True, references={"chance": chance})
        caption = (
            "Training images are seen in random views, mixed ones count by their larger part; held-out images as they "
            "are. A gap that opens is overfitting; two low curves are a network or a run that is too small."
        )
        blocks.append(Picture(picture, caption))
    return Section("Learning", "", blocks)


def _along(events: Sequence[Event], kind: str, name: str) -> tuple[list[int], list[float]]:
    seen = {one.step: one.values[name] for one in events if one.kind == kind and one.values.get(name) is not None}
    kept = {step: float(value) for step, value in seen.items() if np.isfinite(value)}
    return list(kept), list(kept.values())
