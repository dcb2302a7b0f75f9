"""The arms of a bet: what each network has seen before a detector is put on it."""

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ..backbones.encoder import make_encoder
from ..backbones.rescale import rescale
from ..core.discover import load
from ..core.events import Event
from ..create.run import train_events
from ..data.imageset import ImageSet
from ..learning.settings import TrainSettings
from ..representation.folder_records import read_card
from ..representation.preprocess import Preprocess
from ..representation.representation import Representation
from .bet_pictures import crops, windows
from .bet_plan import BASES, INPUTS, OUTSIDE, SUPERVISED, Plan

RESCALED_ON = 256  # windows that random weights are rescaled to


@dataclass
class Arms:
    """The networks of a bet, made when they are asked for; what is pretrained lies in run folders of `create`.

    Attributes:
        plan: what is asked for.
        folder: of the bet.
        unlabelled: the pictures that pretext tasks learn from.
        annotated: those whose objects `supervised` learns from.
        device: where it learns.
        notes: what is to be said of the pictures.
        seconds: what each pretraining took, by arm.
    """

    plan: Plan
    folder: Path
    unlabelled: ImageSet
    annotated: ImageSet
    device: str
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    _made: dict[bool, ImageSet] = field(default_factory=dict)

    def place(self, arm: str, seed: int) -> Path:
        """The run folder of a pretraining."""
        return self.folder / "pretrain" / f"{arm}-{seed}"

    def pretrained(self, arm: str, seed: int) -> Generator[Event, None, None]:
        """Learn it, or go on with it, or leave it as it is where it is done."""
        task = "labels" if arm == SUPERVISED else arm
        images = self.pictures(arm)
        batch = max(2, min(INPUTS // load("task", task)().copies, len(images) // 2))
        steps = self.plan.steps.pretrain
        settings = TrainSettings(steps=steps, batch=batch, seed=seed, device=self.device, eval_every=steps)
        yield from train_events(
            images, task, backbone=self.plan.backbone, out=self.place(arm, seed), settings=settings, size=self.plan.side
        )
        took = read_card(self.place(arm, seed))["cost"]["seconds"]
        self.seconds.setdefault(arm, []).append(float(took))

    def network(self, arm: str, seed: int) -> Representation:
        """What a detector begins with."""
        if arm == OUTSIDE:
            return Representation.load(OUTSIDE)
        if arm not in BASES:
            return Representation.load(self.place(arm, seed))
        side = self.plan.side
        encoder = make_encoder(self.plan.backbone, seed=seed, size=side)
        if arm == BASES[1]:
            seen = self.pictures(arm)
            shown = [one for one in map(np.asarray, seen.items) if one.shape == (side, side, 3)][:RESCALED_ON]
            rescale(encoder, torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2).float() / 255, seed=seed)
        card = {"name": f"{arm} {seed}", "made_by": "drawn at random"}
        return Representation(encoder.eval(), Preprocess(side, side), card)

    def pictures(self, arm: str) -> ImageSet:
        """What an arm learns from: windows without labels, or objects with the names of their classes."""
        labelled, plan = arm == SUPERVISED, self.plan
        if labelled not in self._made:
            if labelled:
                self._made[True], said = crops(self.annotated, plan.side, plan.seed)
                self.notes += said
            else:
                self._made[False] = windows(self.unlabelled, plan.size, plan.side, plan.seed)
        return self._made[labelled]

    def told(self, arm: str) -> dict[str, str]:
        """What an arm saw, in words."""
        plan, many = self.plan, len(self.unlabelled)
        own = {"network": plan.backbone, "outside": "no"}
        if arm == BASES[0]:
            return own | {"saw": "nothing: weights as they are drawn", "labels": "none"}
        if arm == BASES[1]:
            what = f"windows of the {many} pictures, for the size of its outputs alone: weights are drawn and rescaled"
            return own | {"saw": what, "labels": "none"}
        if arm == SUPERVISED:
            count, classes = len(self.pictures(arm)), len(self.pictures(arm).classes)
            what = f"{count} objects, cut out of the {len(self.annotated)} annotated pictures"
            return own | {"saw": what, "labels": f"the {classes} classes of the objects"}
        if arm == OUTSIDE:
            what = "ImageNet: 1.3 million pictures that are not yours"
            return {"network": "EfficientNet-Lite0", "outside": "yes", "saw": what, "labels": "1,000 classes"}
        what = f"{len(self.pictures(arm))} windows of the {many} pictures, annotations put away"
        return own | {"saw": what, "labels": "none"}
