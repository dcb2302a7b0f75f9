"""Networks that are trained from nothing, as a learner to take apart: the family is the networks that are named.

Each is the ordinary run of `finetune` from weights as they are drawn, all at one rate. (`create` would hold images out
of the few there are.) The longest training stands in for an optimum that nobody knows: what would come after it is
counted as estimation, approximation or rest.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...backbones.encoder import make_encoder
from ...data.imageset import ImageSet
from ...learning.settings import TrainSettings
from ...representation.preprocess import Preprocess
from ...representation.representation import Representation
from ...reuse.finetune import finetune
from .plan import Question

STEPS = 200
FACTORS = (1, 3)  # times the steps that are asked for
LR = 2e-3  # as `create` has it


@dataclass(frozen=True)
class NetworkLearner:
    """The family of named networks.

    Attributes:
        train: labelled images to learn from.
        test: labelled images to be scored on.
        backbones: names, the largest last.
        steps: of training, rising.
        size: side of the input in pixels.
        device: where.
    """

    train: ImageSet
    test: ImageSet
    backbones: tuple[str, ...]
    steps: tuple[int, ...]
    size: int
    device: str = "auto"

    @property
    def about(self) -> Mapping[str, Any]:
        """What decides an answer beside the images."""
        return {"learner": "networks", "version": 1, "size": self.size, "lr": LR}

    @property
    def capacities(self) -> tuple[str, ...]:
        """What members are called."""
        return self.backbones

    @property
    def lengths(self) -> tuple[str, ...]:
        """What lengths are called."""
        return tuple(f"{one} steps" for one in self.steps)

    def __call__(self, question: Question) -> np.ndarray:
        """Mistakes (lengths, images)."""
        return np.array([self._mistakes(question, self.steps[place]) for place in question.lengths])

    def _mistakes(self, question: Question, steps: int) -> np.ndarray:
        name, seed = self.backbones[question.capacity], question.seed
        encoder = make_encoder(name, seed=seed, size=self.size)
        start = Representation(encoder, Preprocess(self.size, self.size), {"name": f"random {name}"})
        settings = TrainSettings(steps=steps, lr=LR, seed=seed, device=self.device, precision="fp32", eval_every=steps)
        known = self.train.subset(question.rows)
        place = Path(tempfile.mkdtemp(prefix="regard-decompose-"))
        try:
            found = finetune(known, self.test, start, out=place / "run", backbone_lr_factor=1.0, settings=settings)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        return np.asarray(found.predictions != found.labels, dtype=float)
