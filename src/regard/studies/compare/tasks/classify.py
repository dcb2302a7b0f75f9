"""Classes of whole pictures: a linear classifier on frozen vectors, or the network fine-tuned with a new classifier.

Frozen: vectors of the labelled pictures, standardised on them, and logistic regression whose penalty they
cross-validate, as `regard probe` has it. Fine-tuned: `regard finetune` with all weights at one rate, since a lower one
for the network would hold random weights back; the rate is one of three, by short runs on four fifths of the labelled
pictures, judged on the fifth that is left.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.checks import InputError, RunError
from ....core.values import group_codes
from ....data.imageset import ImageSet
from ....data.sampling import hold_out
from ....learning.settings import TrainSettings
from ....representation.representation import Representation
from ....reuse.dense.rates import FIFTH, LEAST, RATES, Tried, best_of
from ....reuse.finetune import finetune
from ....reuse.finetuned import FinetuneResult
from ....reuse.logistic import fit_logistic
from ..contract import FROZEN, WAYS, Answered, Asked, Measure, Sides
from ._labelled import labelled_sides, labelled_vectors, test_vectors

STEPS = 200
FEWEST = 10  # labelled pictures from which a fifth tells rates apart at all


@dataclass(frozen=True)
class Classify:
    """The task."""

    measures: tuple[Measure, ...] = (Measure("accuracy", "accuracy"),)
    ways: tuple[str, ...] = WAYS
    learns: bool = True

    @property
    def about(self) -> Mapping[str, object]:
        """What decides an answer."""
        return {"version": 1, "rates": RATES, "steps": STEPS}

    def open(self, train: object, test: object, seed: int) -> Sides:
        """Both sets, with labels."""
        return labelled_sides(train, test, seed)

    def answer(self, asked: Asked, work: Path) -> Answered:
        """Whether each test picture is named rightly."""
        return _frozen(asked) if asked.way == FROZEN else _tuned(asked, work)


def _frozen(asked: Asked) -> Answered:
    few, before = labelled_vectors(asked)
    test = test_vectors(asked)
    truth = test.need_labels("TEST", 1)
    began = time.perf_counter()
    things = few.columns.get("identity")
    groups = None if things is None else group_codes(things, "identity")
    model = fit_logistic(few.vectors, few.need_labels("TRAIN"), groups=groups, seed=asked.seed)
    seconds = time.perf_counter() - began + before
    right = (model.predict(test.vectors) == truth).astype(float)
    chosen = model.penalty if model.folds else None
    notes = () if model.folds else ("One label a class: the penalty was not chosen but fixed.",)
    return Answered({"accuracy": right}, chosen, seconds, model.coef.size + model.intercept.size, notes)


def _tuned(asked: Asked, work: Path) -> Answered:
    known, steps = asked.sides.train.subset(asked.rows), asked.steps or STEPS
    began = time.perf_counter()
    rate, notes = _rate(asked, known, steps, work)
    found = _run(known, asked.sides.test, asked, rate, steps, work / "run")
    seconds = time.perf_counter() - began
    tuned = Representation.load(work / "run")
    count = sum(one.numel() for one in tuned.encoder.parameters()) + len(known.classes) * (
        tuned.encoder.num_features + 1
    )
    right = (found.predictions == found.labels).astype(float)
    return Answered({"accuracy": right}, rate if not notes else None, seconds, count, notes)


def _rate(asked: Asked, known: ImageSet, steps: int, work: Path) -> tuple[float, tuple[str, ...]]:
    """The rate that does best on a fifth of the labelled pictures after short runs on the others."""
    middle, short = sorted(RATES)[1], max(steps // FIFTH, LEAST)
    why = ""
    if min(np.unique(known.need_labels("TRAIN"), return_counts=True)[1]) < 2 or len(known) < FEWEST:
        why = "too few labels to leave some out"
    else:
        try:
            some, judged, _ = hold_out(known, 0.2, asked.seed)
        except InputError:
            why = "no labels could be left out"
    if why:
        return middle, (f"Fine-tuning: with {len(known)} labels no rate was chosen ({why}): {middle:g} was taken.",)
    tried = []
    for rate in RATES:
        try:
            found = _run(some, judged, asked, rate, short, work / f"rate-{rate:g}")
        except RunError as error:
            tried.append(Tried(rate, None, None, str(error)))
            continue
        # equal accuracies are told apart by what the run still had to learn
        tried.append(Tried(rate, found.metrics["accuracy"], found.metrics["train_loss"]))
    return best_of(tried).rate, ()


def _run(train: ImageSet, test: ImageSet, asked: Asked, rate: float, steps: int, out: Path) -> FinetuneResult:
    settings = TrainSettings(
        steps=steps, lr=rate, seed=asked.seed, device=asked.device, precision="fp32", eval_every=steps
    )
    return finetune(train, test, asked.representation, out=out, backbone_lr_factor=1.0, settings=settings)


Method = Classify()
