"""A run with everything resolved: which images train and which are held out, what learns, how long."""

import copy
from dataclasses import dataclass, replace

import numpy as np

from ..backbones.encoder import Encoder, make_encoder, with_norm
from ..core.runtime import derive_seed, seeded_init
from ..learning.balanced import Balanced
from ..learning.batches import Feed
from ..learning.held_out import held_out
from ..learning.look import Look, pick_size
from ..learning.module import LearningModule
from ..learning.objective import Objective, Split
from ..learning.sampling import Batches, Shuffled
from ..learning.settings import TrainSettings
from ..representation.preprocess import Preprocess
from ..representation.representation import Representation


@dataclass(frozen=True)
class Plan:
    """A run with everything resolved.

    Attributes:
        found: the images.
        known: those to train on, and those held out.
        objective: fitted to them.
        parent: what is gone on from; None: fresh weights.
        backbone: the network's name.
        settings: with a batch and a length.
        preprocess: how pictures are prepared.
        balanced: each class is drawn equally often.
        rows: (m,) the places of the held-out images in `found`.
        notes: what to know of the cut.
        norm: the normalisation in place of the network's own; None: its own.
    """

    found: Look
    known: Split
    objective: Objective
    parent: Representation | None
    backbone: str
    settings: TrainSettings
    preprocess: Preprocess
    balanced: bool
    rows: np.ndarray
    notes: tuple[str, ...]
    norm: str | None = None

    def batches(self, feed: Feed) -> Batches:
        """Which images each step takes."""
        if self.balanced:
            return Balanced(feed, self.known.train.targets, self.settings.batch, self.settings.seed)
        return Shuffled(feed, len(self.known.train), self.settings.batch or 1, self.settings.seed)

    def encoder(self) -> Encoder:
        """What learns: a copy of the parent's, or one with fresh weights; raises InputError where it cannot."""
        if self.parent is not None:
            encoder = copy.deepcopy(self.parent.encoder)
            encoder = encoder if self.norm is None else with_norm(encoder, self.norm)
        else:
            size, seed = self.preprocess.shape[0], self.settings.seed
            encoder = make_encoder(self.backbone, seed=seed, size=size, norm=self.norm)
        self.objective.admits(encoder)
        return encoder

    def module(self, encoder: Encoder | None = None) -> LearningModule:
        """The encoder, or one that was made of it, with a head that is drawn from the seed."""
        encoder = self.encoder() if encoder is None else encoder
        with seeded_init(derive_seed(self.settings.seed, "head")):
            return LearningModule(self.objective, encoder, self.objective.head(encoder))


def planned(
    found: Look,
    objective: Objective,
    parent: Representation | None,
    asked: TrainSettings,
    *,
    backbone: str,
    size: int | None,
    holdout: float,
    norm: str | None = None,
    by: str | None = None,
    balanced: bool = False,
) -> Plan:
    """Hold images out, and choose what was left open; see `train_events` for the arguments."""
    classes, marks = _marked(found, objective)
    rows, out, notes = held_out(found, holdout, by, marks, classes)
    known = Split(found.images.subset(rows), found.images.subset(out), found.symbols)
    objective, count = objective.configure(known), len(rows)
    batch = asked.batch or min((128 if count < 5000 else 256) // objective.copies, count)
    settings = replace(asked, batch=batch)
    if asked.epochs is asked.steps is asked.minutes is None:
        settings = replace(settings, steps=min(max(30 * (count // batch), 600), 20_000))
    preprocess = Preprocess(size or pick_size(found.side), size or pick_size(found.side))
    if parent is not None:
        own = parent.preprocess
        preprocess = replace(own, size=size, resize=size) if size else own
    return Plan(found, known, objective, parent, backbone, settings, preprocess, balanced, out, notes, norm)


def _marked(found: Look, objective: Objective) -> tuple[tuple[str, ...], np.ndarray | None]:
    """The classes, and which each image has, where the task needs labels: none may be held out whole."""
    if not objective.needs_labels:
        return (), None
    everything = objective.configure(Split(found.images, found.images, found.symbols))
    several = everything.marks(found.images)
    return everything.classes, found.images.targets if several is None else several > 0
