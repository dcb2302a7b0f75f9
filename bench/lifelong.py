"""Learning task after task: five pairs of digits, icons, domains, and small photographs from fresh weights.

    python bench/lifelong.py --data FOLDER [--parts NAME ...] [--seeds 5] [--work runs/bench-lifelong] [--out FILE]

FOLDER holds styles/STYLE/CLASS/ID.png, pacs_dev/DOMAIN/CLASS/* and cifar10_dev/{train,test}/CLASS/*. Each seed cuts the
streams anew: the order of classes, the images that are tested on (those of cifar10_dev are given), weights. Parts:

- `digits`: scikit-learn's, two new classes a task; learners on the 64 numbers, LeNet from fresh weights with
  a memory of ten images of each digit.
- `styles`: icons in three drawing styles, five new classes of 45 a task, vectors of the bundled `imagenet`.
- `domains`: the three styles one after another, and photo, art, cartoon and sketch; all classes in each.
- `cifar10`: two new classes a task, ConvNet-4 from fresh weights, every method whose encoder moves, and frozen learners
  on the same fresh weights and on `imagenet`.

`joint` is a logistic regression on all training vectors at once, its penalty by cross-validation on these. No setting
was chosen here: methods have their defaults, and penalties come from training vectors. Intervals are over seeds
(`studies.played`). Each play is kept in the work folder, and the bench goes on where it was stopped.
"""

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from styles import icons

from regard.core.discover import names
from regard.core.runtime import one_blas_thread
from regard.data.imageset import ImageSet
from regard.data.sources import open_images
from regard.data.streams.builtin import builtin_stream
from regard.data.streams.part import Part
from regard.data.streams.scenarios import class_incremental, domain_incremental
from regard.data.streams.stream import Stream
from regard.learning.settings import TrainSettings
from regard.lifelong.learner_files import learner
from regard.metrics.continual import final_accuracy, forgetting
from regard.metrics.contrast import Difference, contrast
from regard.metrics.intervals import over_seeds
from regard.representation.representation import Representation
from regard.reuse.logistic import fit_logistic
from regard.studies.play_plan import planned
from regard.studies.played import MAIN, Method, StreamPlayed
from regard.studies.playing import play_stream

FIRST = 10  # of the seeds
STYLES, PACS = ("render3d", "flat", "line"), ("photo", "art_painting", "cartoon", "sketch")
FROZEN = ("ncm", "slda", "ridge", "ranpac")
LENET, CONVNET, IMAGENET = "random:lenet", "random:convnet4", "imagenet"
TRAIN = TrainSettings(steps=200, batch=32, precision="fp32", device="cpu", threads=1)
FRESH: dict[str, Any] = {"settings": TRAIN, "backbone_lr_factor": 1.0}  # fresh weights have nothing to lose
PLAYS: dict[str, tuple[tuple[str, ...], str]] = {  # what is played by which methods, from what
    "digits, lenet": (("finetune", "replay"), LENET),
    "styles 9x5": (FROZEN, IMAGENET),
    "domains: styles": (FROZEN, IMAGENET),
    "domains: pacs_dev": (FROZEN, IMAGENET),
    "cifar10 5x2": ((*names("learn"), *FROZEN), CONVNET),
    "cifar10 5x2, imagenet": (FROZEN, IMAGENET),
}
CHOSEN = {("digits, lenet", "replay"): {"budget": 80_000}}  # bytes of ten images of each digit
PARTS = ("digits", "styles", "domains", "cifar10")


def main() -> int:
    """Play, print the tables; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/bench-lifelong"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    seeds = range(FIRST, FIRST + given.seeds)
    asked = {name: one for name, one in PLAYS.items() if name.startswith(tuple(given.parts))}
    found = played(asked, given)
    rows: list[dict[str, Any]] = []
    if "digits" in given.parts:
        of_numbers, best = numbers(seeds)
        rows += of_numbers + digits_rows(found["digits, lenet"], best)
    for name in asked:
        if not name.startswith("digits"):
            rows += table(found[name])
        if name.startswith(("styles", "domains")):
            rows += joint(name, found[name], given.data, seeds)
    if "styles" in given.parts:
        rows.append(_bar("styles 9x5: slda", found["styles 9x5"].methods["slda"].values(MAIN).mean(), 55))
    if "cifar10" in given.parts:
        rows += cifar_rows(found["cifar10 5x2"], found["cifar10 5x2, imagenet"])
    return finish("lifelong", rows, given.out)


def stream_of(name: str, data: Path, seed: int) -> Stream:
    """The stream as a seed cuts it."""
    if name.startswith("digits"):
        return builtin_stream("digits_5x2", seed)
    if name.startswith("styles"):
        return class_incremental(Part(_all_styles(data), name="styles", seed=seed), 5)
    if name == "domains: styles":
        return domain_incremental(Part({one: icons(data / "styles" / one) for one in STYLES}, name=name, seed=seed))
    if name.startswith("domains"):
        return domain_incremental(Part({one: data / "pacs_dev" / one for one in PACS}, name="pacs", seed=seed))
    folder = data / "cifar10_dev"
    return class_incremental(Part(open_images(folder / "train"), open_images(folder / "test"), "cifar10", seed=seed), 2)


def _all_styles(data: Path) -> ImageSet:
    """The icons of all styles; those of one name are one thing, and stay on one side."""
    each = [icons(data / "styles" / one) for one in STYLES]
    ids = [f"{style}/{one}" for style, images in zip(STYLES, each) for one in images.ids]
    labels, things = (
        np.concatenate([column(one) for one in each])
        for column in (lambda one: one.need_labels(), lambda one: one.columns["identity"])
    )
    return ImageSet([item for one in each for item in one.items], np.array(ids), labels, {"identity": things}, "styles")


def played(asked: dict[str, tuple[tuple[str, ...], str]], given: argparse.Namespace) -> dict[str, StreamPlayed]:
    """Each stream by all its methods, by processes beside one another; the longest first."""
    cells = [(name, method, start) for name, (methods, start) in asked.items() for method in methods]
    cells.sort(key=lambda cell: cell[1] not in names("learn"))
    found: dict[str, dict[str, StreamPlayed]] = {name: {} for name in asked}
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_cell, given.data, given.work, given.seeds, *cell) for cell in cells]
        for (name, method, _), one in zip(cells, waiting):
            found[name][method] = one.result()
            told = found[name][method].methods[method]
            print(f"{name}: {method} {100 * told.values(MAIN).mean():.1f} %", file=sys.stderr, flush=True)
    return {name: _together([one[method] for method in asked[name][0]]) for name, one in found.items()}


def _cell(data: Path, work: Path, seeds: int, name: str, method: str, start: str) -> StreamPlayed:
    source: Callable[[int], Stream] = lambda seed: stream_of(name, data, seed)  # noqa: E731
    folder = work / name.replace(": ", "-").replace(", ", "-").replace(" ", "-") / method
    more = {"chosen": CHOSEN.get((name, method)), **(FRESH if method in names("learn") else {})}
    with one_blas_thread():
        return play_stream(planned(source, [method], seeds=seeds, seed=FIRST), start, out=folder, **more)


def _together(each: list[StreamPlayed]) -> StreamPlayed:
    methods: dict[str, Method] = {}
    for one in each:
        methods |= one.methods
    return replace(each[0], methods=methods, against="finetune" if "finetune" in methods else each[0].against)


def numbers(seeds: range) -> tuple[list[dict[str, Any]], float]:
    """Learners on the 64 numbers of scikit-learn's digits, two classes a task, 30 % held out; and the best of them."""
    X, y = load_digits(return_X_y=True)
    rows, best = [], 0.0
    for name, bar in (("ncm", 90), ("slda", 95), ("ridge", None), ("fecam", None), ("ranpac", 98.5)):
        scores = []
        for seed in seeds:
            order, held = np.random.default_rng(seed).permutation(10), np.zeros(len(y), bool)
            held[train_test_split(np.arange(len(y)), test_size=0.3, random_state=seed, stratify=y)[1]] = True
            model = learner(name, **({"random_state": seed} if name == "ranpac" else {}))
            A = np.full((5, 5), np.nan)
            for t, pair in enumerate(order.reshape(5, 2)):
                rows_t = np.isin(y, pair) & ~held
                model.partial_fit(X[rows_t], y[rows_t])
                for j, other in enumerate(order.reshape(5, 2)):
                    test = np.isin(y, other) & held
                    A[t, j] = np.mean(model.predict(X[test]) == y[test])
            scores.append((100 * final_accuracy(A), 100 * forgetting(A)))
        accuracy, lost = np.array(scores).T
        best = max(best, float(accuracy.mean()))
        rows.append(_row(f"digits 5x2, 64 numbers: {name}", over_seeds(accuracy, within=(0, 100)), 1))
        rows.append(_row("  forgetting", over_seeds(lost, within=(-100, 100)), 1))
        if bar is not None:
            rows.append(_bar(f"digits 5x2: {name}", accuracy.mean(), bar))
    return rows, best


def digits_rows(found: StreamPlayed, best: float) -> list[dict[str, Any]]:
    """Fine-tuning forgets; replay is between it and the best on frozen numbers."""
    base, replay = (found.methods[name] for name in ("finetune", "replay"))
    gain = found.difference("replay", "finetune")
    return [
        *table(found),
        {"what": "digits 5x2: finetune", "value": 100 * base.values(MAIN).mean(), "equals": 20, "within": 5},
        _bar("digits 5x2: forgetting of finetune", base.values("forgetting").mean(), 90),
        {"what": "digits 5x2: replay - finetune, lower end", "value": 100 * gain.low, "at_least": 0},
        {"what": "digits 5x2: replay, below the best", "value": 100 * replay.values(MAIN).mean(), "at_most": best},
    ]


def table(found: StreamPlayed) -> list[dict[str, Any]]:
    """Final accuracy, incremental average and forgetting of every method, and what it took."""
    rows = []
    for name, one in found.methods.items():
        rows.append(_row(f"{found.stream}, {found.representation}: {name}", one.value(MAIN)))
        told = f"{one.seconds:.1f} s to learn, {one.bytes / 1e6:.2f} MB kept"
        rows.append({"what": "  incremental average", "value": 100 * one.values("incremental_average").mean()})
        rows.append({"what": "  forgetting", "value": 100 * one.values("forgetting").mean(), "unit": told})
    return rows


def joint(name: str, found: StreamPlayed, data: Path, seeds: range) -> list[dict[str, Any]]:
    """A logistic regression on all training vectors at once, and what each learner is against it."""
    scores = np.array([_joint(stream_of(name, data, seed)) for seed in seeds])
    rows = [_row(f"{found.stream}: joint logistic regression", over_seeds(scores, within=(0, 1)))]
    for method, one in found.methods.items():
        gain: Difference = contrast(one.values(MAIN), scores, largest=1.0)
        rows.append(_row(f"  {method} against it: {gain.verdict}", gain))
    return rows


def _joint(stream: Stream) -> float:
    start = Representation.load(IMAGENET)
    vectors = [start.embed(task.train, precision="fp32").vectors for task in stream.tasks]
    model = fit_logistic(np.concatenate(vectors), np.concatenate([task.train.need_labels() for task in stream.tasks]))
    return float(
        np.mean(
            [
                np.mean(model.predict(start.embed(task.test, precision="fp32").vectors) == task.test.need_labels())
                for task in stream.tasks
            ]
        )
    )


def cifar_rows(found: StreamPlayed, frozen: StreamPlayed) -> list[dict[str, Any]]:
    """Replay and DER against fine-tuning, and all against the frozen ones from the same start and from `imagenet`."""
    rows = []
    for name in ("replay", "der"):
        gain = found.difference(name, "finetune")
        rows.append(_row(f"cifar10 5x2: {name} against finetune: {gain.verdict}", gain))
        rows.append({"what": "  lower end", "value": 100 * gain.low, "at_least": 0})
    for name, gain in found.moving_against_frozen().items():
        rows.append(_row(f"  {name} against the best frozen on the same weights: {gain.verdict}", gain))
    best = max(frozen.methods.values(), key=lambda one: one.values(MAIN).mean())
    ahead = []
    for name in names("learn"):
        gain = contrast(found.methods[name].values(MAIN), best.values(MAIN), largest=1.0)
        ahead += [name] if gain.verdict == "gain" else []
    told = ", ".join(ahead) or f"none of {len(names('learn'))} beats {best.name} on frozen imagenet"
    rows.append({"what": f"cifar10 5x2: encoders that move and beat frozen imagenet: {told}", "value": len(ahead)})
    return rows


def _row(what: str, found: Any, times: float = 100) -> dict[str, Any]:
    return {
        "what": what,
        "value": times * found.mean,
        "unit": f"[{times * found.low:.1f}, {times * found.high:.1f}]",
    }


def _bar(what: str, value: float, least: float) -> dict[str, Any]:
    """A bar on a share or a percentage."""
    return {"what": what, "value": value * (100 if value <= 1 else 1), "at_least": least}


if __name__ == "__main__":
    raise SystemExit(main())
