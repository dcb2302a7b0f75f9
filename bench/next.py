"""Are the verdicts of `regard next` honest, and how often is its evidence right?

    python bench/next.py [--trials 200] [--tasks 16] [--out FILE.json]

**False verdicts, simulated.** Each data set has 60 pictures of two classes and representations of 6 dimensions that
show the same hidden signal under noise of their own, so that none is truly better. A verdict "gain" or "loss" of one
candidate is false. With five candidates beside imagenet, a proposal is false where the best by the probe is called a
gain, at the level after Bonferroni. Bar for both: at most .07 of the data sets; 200 trials tell a rate of .05 to within
.031.

**How often it was right, measured.** Five starts of one small network: random weights, and four that learned from one
half of a built-in set. Each task is five classes of the other half, six pictures a class to learn from. From the
pictures to learn from the evidence is gathered; then each start is fine-tuned on them, and its accuracy on other
pictures is the truth. Evidence is right where its best start is one of the best by that. Beside each share of tasks its
95 % interval, that of a start at random, and how many points of accuracy its choice lost on the best. LEEP knows the
starts with a classifier alone. No bar but for the probe, which decides: above a start at random, by its interval.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from _table import finish

from regard.core.values import group_codes
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.data.sampling import hold_out
from regard.learning.settings import TrainSettings
from regard.lifelong.evidence import FOLDS, cuts, gather, probe_right
from regard.lifelong.moving.task import learn_task
from regard.lifelong.record import PastTask, Record
from regard.metrics.contrast import contrast
from regard.representation.representation import Representation

PICTURES, DIM, OTHERS, NOISE = 60, 6, 5, 2.0
SETS = ("digits", "rendered_digits", "digits_photos", "photo_crops")
NETWORK, RANDOM = "random:convnet4", "random"
CLASSES, SHOTS, ASKED = 5, 6, 100  # of a task; pictures of a class to learn from; pictures in all to be scored on
SETTINGS = TrainSettings(steps=150, batch=32, precision="fp32", device="cpu", threads=1)
TUNED = replace(SETTINGS, steps=50, batch=30)
MEASURES = ("probe", "knn", "logme", "h_score", "leep")


def main() -> int:
    """Print the tables; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=16)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    began = time.process_time()
    rows = [*simulated(given.trials), *measured(given.tasks)]
    rows.append({"what": "processor time", "value": time.process_time() - began, "unit": "s"})
    return finish("next", rows, given.out)


def simulated(trials: int) -> list[dict[str, Any]]:
    """How often a verdict is false where all candidates are alike in law."""
    false, proposed = [], []
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        y = np.repeat([0, 1], PICTURES // 2)
        signal = rng.normal(size=(PICTURES, DIM)) + 0.6 * y[:, None]
        parts = cuts(y, seed=trial)
        base, *others = (
            probe_right(signal + NOISE * rng.normal(size=signal.shape), y, parts) for _ in range(OTHERS + 1)
        )
        false.append(contrast(others[0], base, folds=FOLDS).verdict in ("gain", "loss"))
        best = max(others, key=lambda one: one.mean())
        proposed.append(contrast(best, base, folds=FOLDS, level=1 - 0.05 / OTHERS).verdict == "gain")
    return [
        {"what": "false verdicts of one candidate", "value": float(np.mean(false)), "at_most": 0.07},
        {"what": "false proposals, the best of five", "value": float(np.mean(proposed)), "at_most": 0.07},
    ]


def measured(tasks: int) -> list[dict[str, Any]]:
    """How often each kind of evidence was right, of so many tasks."""
    halves = {name: halved(name) for name in SETS}
    told: list[PastTask] = []
    with TemporaryDirectory() as folder:
        starts: dict[str, Path | str] = {RANDOM: NETWORK}
        for name, (half, _) in halves.items():
            starts[name] = Path(folder) / name
            learn_task(half, NETWORK, "finetune", out=starts[name], settings=SETTINGS, backbone_lr_factor=1.0)
        for number, (name, train, test) in enumerate(drawn(halves, tasks)):
            told.append(asked(name, train, test, starts, Path(folder) / f"tuned-{number}"))
    rows: list[dict[str, Any]] = []
    for measure in MEASURES:
        known = [of_measure(one, measure) for one in told]
        record, chance = Record(tuple(known)), float(np.mean([1 / len(one.reached) for one in known]))
        (right, of), share = record.right(measure), record.share(measure)
        bar = {"at_least": chance} if measure == "probe" else {}
        rows.append({"what": f"{measure}: right in {record.told(measure)}", "value": right / of, **bar})
        if bar and share is not None:
            rows.append({"what": "probe: the lower end of that interval", "value": share.low, **bar})
        rows.append({"what": f"{measure}: a start at random would be right", "value": chance})
        rows.append({"what": f"{measure}: lost on the best start", "value": lost(known, measure), "unit": "points"})
    return rows


def halved(name: str) -> tuple[ImageSet, ImageSet]:
    """One half for a start, the other for tasks: other pictures; of pieces of photographs pieces of other ones."""
    images = builtin(name)
    if name != "photo_crops":
        return hold_out(images, 0.5, 0)[:2]
    first = np.isin(images.need_labels(), images.classes[: len(images.classes) // 2])
    apart = replace(images, columns={})  # each photograph is a class here, and its pieces are what is told apart
    return apart.subset(first), apart.subset(~first)


def drawn(halves: dict[str, tuple[ImageSet, ImageSet]], tasks: int) -> Iterator[tuple[str, ImageSet, ImageSet]]:
    """Tasks in turn from each set: five classes, few pictures to learn from and others to be scored on."""
    for number in range(tasks):
        name, rng = SETS[number % len(SETS)], np.random.default_rng(number)
        other = halves[name][1]
        chosen = rng.choice(other.classes, CLASSES, replace=False)
        rows = rng.permutation(np.flatnonzero(np.isin(other.need_labels(), chosen)))
        few, rest = few_of_each(other.subset(rows))
        yield f"{name}, {' '.join(sorted(chosen))}", few, rest


def few_of_each(images: ImageSet) -> tuple[ImageSet, ImageSet]:
    """The first few pictures of each class, and some of the others that show other things."""
    labels, first = images.need_labels(), np.zeros(len(images), bool)
    for name in images.classes:
        first[np.flatnonzero(labels == name)[:SHOTS]] = True
    things = images.columns.get("identity", images.ids)
    others = np.flatnonzero(~first & ~np.isin(things, things[first]))[:ASKED]
    return images.subset(first), images.subset(others)


def asked(name: str, train: ImageSet, test: ImageSet, starts: dict[str, Path | str], folder: Path) -> PastTask:
    """Evidence from the pictures to learn from, and what fine-tuning on them reached."""
    things = train.columns.get("identity")
    groups = None if things is None else group_codes(things, "identity")
    parts, truth = cuts(train.need_labels(), groups), test.need_labels().astype(str)
    evidence: dict[str, dict[str, float]] = {measure: {} for measure in MEASURES}
    reached = {}
    for start, place in starts.items():
        rep = Representation.load(place)
        heads = [place] if isinstance(place, Path) else []
        for measure, value in gather(rep, train, parts, groups, heads, cache=False).scores.items():
            if value is not None and measure in evidence:
                evidence[measure][start] = float(value)
        tuned = learn_task(train, rep, "finetune", out=folder / start, settings=TUNED, backbone_lr_factor=1.0)
        reached[start] = float(np.mean(tuned.predict(test).astype(str) == truth))
    return PastTask(name, (), reached, evidence)


def of_measure(task: PastTask, measure: str) -> PastTask:
    """The task among the starts that the measure knows."""
    return replace(task, reached={start: task.reached[start] for start in task.evidence[measure]})


def lost(tasks: list[PastTask], measure: str) -> float:
    """Mean points of accuracy between the best start and the one that the measure chose."""
    each = []
    for task in tasks:
        scores = task.evidence[measure]
        each.append(max(task.reached.values()) - task.reached[max(scores, key=lambda start: scores[start])])
    return 100 * float(np.mean(each))


if __name__ == "__main__":
    raise SystemExit(main())
