"""Does each pretext task learn, and is it worth anything? Digits and icons, one network, the same steps, 3 seeds.

    python bench/pretext.py --data FOLDER [--steps N] [--seeds 3] [--tasks NAME ...] [--jobs 2] [--keep DIR] [--table]

Digits: scikit-learn's, 32 pixels; a quarter of them is the test set. Icons: FOLDER/styles, three drawing styles in one
unlabelled set, 32 pixels, 45 classes; a quarter of the icons (all styles of each) is the test set. No pretraining sees
a test image or a label. Arms: the random network, the rescaled random one, each task, and `labels` as the ceiling;
ConvNet-4 for all, but for tasks that need another network, which are set against that network's own random weights.
600 steps for every arm on digits, 2,500 on icons. Settings are the tasks' own defaults; they were chosen on a part of
the training images, held out for that.

Measured on the test sets: linear probe and k-NN on the last layer; digits also with 5 labels a class; icons also
cross-style retrieval (is the nearest icon of another style the same icon? R@1, mean of the six pairs). Gains are
against random networks; intervals hold the luck of test images (of icons, where each has three pictures) and of seeds,
each with its own draws of few labels. "no gain" where the interval includes 0.

Bars: held-out accuracy of each task above chance (binomial p < 1e-3 for every seed), and not so with the answers dealt
to other images (p > 1e-5: there are about a hundred such tests); exemplar and SimCLR k-NN on digits at least +5 points;
split-brain, inpainting, exemplar and deepcluster linear on icons at least +3; rotation 5-shot on digits at least +2;
SimCLR and exemplar retrieval at least +8.

Every arm is kept as JSON in DIR and not computed again: a run that was stopped goes on.
"""

import argparse
import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish
from styles import icons

from regard.backbones.encoder import make_encoder
from regard.core.discover import load
from regard.core.storage import write_json
from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.data.sampling import few_shot, split
from regard.learning.objective import objectives
from regard.learning.settings import TrainSettings
from regard.metrics.knn import unit
from regard.representation.embed import embed
from regard.representation.embeddings import Embeddings
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation
from regard.reuse.logistic import fit_logistic
from regard.reuse.probe import probe
from regard.studies.experiment import Arm, Design, Experiment

STYLES, SIZE = ("render3d", "flat", "line"), 32
STEPS = {"digits": 600, "icons": 2500}
# (task, data, measure): points over the random network
BARS = {
    ("exemplar", "digits", "knn"): 5.0,
    ("simclr", "digits", "knn"): 5.0,
    ("rotation", "digits", "linear_5shot"): 2.0,
    ("split_brain", "icons", "linear"): 3.0,
    ("inpainting", "icons", "linear"): 3.0,
    ("exemplar", "icons", "linear"): 3.0,
    ("deepcluster", "icons", "linear"): 3.0,
    ("simclr", "icons", "retrieval"): 8.0,
    ("exemplar", "icons", "retrieval"): 8.0,
}
MEASURES = {"digits": ("linear", "knn", "linear_5shot"), "icons": ("linear", "knn", "retrieval")}
GREY = {"colorization", "colorization_hypercolumn", "split_brain"}  # need colour: digits have none


def main() -> int:
    """Run what is missing, print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, help="other than 600 on digits and 2,500 on icons")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=objectives(), default=objectives())
    parser.add_argument("--on", nargs="+", choices=MEASURES, default=list(MEASURES), help="the data sets")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("runs/bench-pretext"))
    parser.add_argument("--table", action="store_true", help="run nothing: the table of what is there so far")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    wanted = [
        (data, arm, seed)
        for seed in range(given.seeds)
        for data in given.on
        for arm in ("random", "rescaled", *_others(given.tasks), *given.tasks)
        if not (data == "digits" and arm in GREY)
    ]
    steps = {data: given.steps or STEPS[data] for data in MEASURES}
    files = {key: given.keep / f"{'-'.join(map(str, key)).replace(':', '_')}-{steps[key[0]]}.json" for key in wanted}
    missing = [] if given.table else [key for key in wanted if not files[key].exists()]
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        tasks = {pool.submit(arm, *key, steps[key[0]], given.data.resolve(), given.jobs): key for key in missing}
        for done, future in enumerate(as_completed(tasks), 1):
            key = tasks[future]
            try:
                found = future.result()
            except Exception as error:
                print(f"{key}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                continue
            write_json(files[key], found)
            print(f"{done} of {len(tasks)}: {key} {found['seconds']:.0f} s", file=sys.stderr, flush=True)
    runs = {key: json.loads(file.read_text()) for key, file in files.items() if file.exists()}
    table = rows(runs, given.tasks, given.seeds, given.data.resolve())
    table.append({"what": "arms that did not end", "value": len(files) - len(runs), "at_most": 0})
    return finish("pretext", table, given.out)


def _others(tasks: list[str]) -> list[str]:
    """Random arms of the networks that some tasks need in place of ConvNet-4."""
    found = {getattr(load("task", task), "example_backbone", None) for task in tasks}
    return sorted(f"random:{name}:{size}" for name, size in filter(None, found))


def network(task: str) -> tuple[str, int]:
    """The network of a task, and the side of its input."""
    return getattr(load("task", task), "example_backbone", ("convnet4", SIZE))


def data_of(name: str, folder: Path) -> tuple[ImageSet, ImageSet]:
    """What is learned from, and the test set."""
    if name == "digits":
        return split(builtin("digits"), test=0.25, seed=0)
    styles = [icons(folder / "styles" / style) for style in STYLES]
    union = ImageSet(
        [item for one in styles for item in one.items],
        np.concatenate([[f"{style}/{name}" for name in one.ids] for style, one in zip(STYLES, styles)]),
        np.concatenate([one.labels for one in styles]),
        {
            "identity": np.concatenate([one.columns["identity"] for one in styles]),
            "style": np.repeat(STYLES, [len(one) for one in styles]),
        },
        "icons",
    )
    return split(union, test=0.25, seed=0, by="identity")


def arm(data: str, name: str, seed: int, steps: int, folder: Path, jobs: int) -> dict[str, Any]:
    """Train one arm and measure it, in a process of its own."""
    import torch

    torch.set_num_threads(1 if jobs > 1 else torch.get_num_threads())
    known, test = data_of(data, folder)
    found: dict[str, Any] = {"seconds": 0.0}
    if name == "random" or name.startswith("random:"):
        backbone, size = ("convnet4", SIZE) if name == "random" else (name.split(":", 1)[1].rsplit(":", 1)[0], None)
        size = size or int(name.rsplit(":", 1)[1])
        made = Representation(make_encoder(backbone, seed=seed, size=size), Preprocess(size, size))
    elif name == "rescaled":
        made = rescaled(known, seed)
    else:
        images = known if name == "labels" else known.without_labels()
        backbone, size = network(name)
        settings = TrainSettings(steps=steps, seed=seed, threads=1)
        with tempfile.TemporaryDirectory() as out:
            made = train(images, name, out=Path(out) / "run", settings=settings, size=size, backbone=backbone)
        scores = made.card["scores"]
        keys = ("accuracy", "chance", "p_value", "n", "shuffled_accuracy", "shuffled_p_value", "effective_rank")
        found |= {"seconds": made.card["cost"]["seconds"]} | {key: scores[key] for key in keys}
    return found | measured(made, known, test, data, seed)


def rescaled(known: ImageSet, seed: int) -> Representation:
    """The random network with every layer's outputs brought to the same scale on training images."""
    import torch

    from regard.backbones.rescale import rescale
    from regard.learning.batches import Feed

    preprocess = Preprocess(SIZE, SIZE)
    encoder = make_encoder("convnet4", seed=seed, size=SIZE)
    few = known.subset(np.linspace(0, len(known) - 1, 128).astype(int))
    rescale(encoder, next(Feed(few, preprocess).in_order(128)).images.float() / 255)
    return Representation(encoder.eval().to(memory_format=torch.contiguous_format), preprocess)


def measured(made: Representation, known: ImageSet, test: ImageSet, data: str, seed: int) -> dict[str, Any]:
    """Score of each test image in each measure; those with few labels are means over ten draws of this seed's own."""
    learned, asked = (embed(images, made, precision="fp32", cache=False) for images in (known, test))
    result = probe(learned, asked)
    truth = asked.need_labels("test", 1)
    scores = {name: result.predictions[name] == truth for name in ("linear", "knn")}
    if data == "digits":
        scores["linear_5shot"] = np.mean([few(learned, asked, 5, 10 * seed + draw) for draw in range(10)], axis=0)
    else:
        scores["retrieval"] = cross_style(asked.vectors, test)
    return {"scores": {name: np.asarray(one, float).round(6).tolist() for name, one in scores.items()}}


def few(learned: Embeddings, asked: Embeddings, shot: int, draw: int) -> np.ndarray:
    """Which test images are right with so few labels a class."""
    some = learned.subset(few_shot(learned.need_labels("train"), shot, draw))
    model = fit_logistic(some.vectors, some.need_labels("train"), seed=draw)
    return model.predict(asked.vectors) == asked.need_labels("test", 1)


def cross_style(vectors: np.ndarray, test: ImageSet) -> np.ndarray:
    """(images,) R@1 of finding the same icon in another style, mean of the two other styles."""
    styles, identity, found = test.columns["style"], test.columns["identity"], np.zeros(len(test))
    for a in STYLES:
        for b in STYLES:
            if a != b:
                q, g = unit(vectors[styles == a]), unit(vectors[styles == b])
                first = identity[styles == b][(q @ g.T).argmax(axis=1)]
                found[styles == a] += (first == identity[styles == a]) / (len(STYLES) - 1)
    return found


def rows(runs: dict[Any, dict[str, Any]], tasks: list[str], seeds: int, folder: Path) -> list[dict[str, Any]]:
    """The table: for each data set and arm what was reached, differences, their verdicts, and the puzzle."""
    table: list[dict[str, Any]] = []
    for data in dict.fromkeys(key[0] for key in runs):
        found = experiment(runs, data, data_of(data, folder)[1])
        for name in ("random", "rescaled", *tasks):
            if name not in found.arms:
                continue
            own = name in tasks and hasattr(load("task", name), "example_backbone")
            other = "random:" + ":".join(map(str, network(name))) if own else "random"
            for measure in MEASURES[data]:
                table.append(row(found, data, name, other, measure))
            if name in tasks:
                table += puzzle(
                    data, name, [runs[data, name, seed] for seed in range(seeds) if (data, name, seed) in runs]
                )
    return table


def experiment(runs: dict[Any, dict[str, Any]], data: str, test: ImageSet) -> Experiment:
    """All arms of a data set: rows are seeds, units are icons (of which each has three pictures) or digits."""
    arms: dict[str, dict[str, list[Any]]] = {}
    for (of, name, _), run in sorted(runs.items()):
        if of == data:
            for measure in MEASURES[data]:
                arms.setdefault(name, {}).setdefault(measure, []).append(run["scores"][measure])
    made = {name: Arm(name, {key: np.array(rows) for key, rows in scores.items()}) for name, scores in arms.items()}
    # five labels of each of ten classes, of three quarters of the digits
    designs = {"linear_5shot": Design(paired=False, share=50 / 1347)}
    return Experiment(made, np.asarray(test.columns.get("identity", test.ids)), designs=designs)


def row(found: Experiment, data: str, name: str, other: str, measure: str) -> dict[str, Any]:
    """One measure of one arm, against the random network."""
    one, reached = found.contrast(name, other, measure), 100 * found.arms[name].mean(measure)
    ends = one.difference.told(100, 1, "+")
    line = {"what": f"{data}, {name}: {measure} {reached:.1f} %, against random", "value": 100 * one.difference.mean}
    line["unit"] = f"points {ends} {one.verdict}"
    seeds = len(found.arms[name].by_seed(measure))
    about = {"data": data, "arm": name, "measure": measure, "reached": reached, "seeds": seeds}
    bar = BARS.get((name, data, measure))
    return line | about | ({} if name == "random" or bar is None else {"at_least": bar})


def puzzle(data: str, name: str, mine: list[Any]) -> list[dict[str, Any]]:
    """How well the task itself is done on held-out images, and with the answers dealt to other images."""
    mean = {key: float(np.mean([run[key] for run in mine])) for key in ("accuracy", "chance", "shuffled_accuracy")}
    about = {"data": data, "arm": name, "measure": "pretext", "seeds": len(mine), **mean}
    what = f"{data}, {name}: held-out {100 * mean['accuracy']:.1f} %, chance {100 * mean['chance']:.1f} %"
    worst, control = max(run["p_value"] for run in mine), min(run["shuffled_p_value"] for run in mine)
    return [
        {"what": f"{what}: largest p-value", "value": worst, "at_most": 1e-3, **about},
        {
            "what": f"{data}, {name}: answers dealt anew {100 * mean['shuffled_accuracy']:.1f} %: smallest p-value",
            "value": control,
            "at_least": 1e-5,
        },
    ]


if __name__ == "__main__":
    raise SystemExit(main())
