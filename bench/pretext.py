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
against the random network of the same seed: right answers are averaged over seeds, and the interval is a bootstrap over
test identities; for 5-shot and retrieval Student's over seeds. "no gain" where the interval includes 0.

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
from regard.core.discover import load, names
from regard.core.storage import write_json
from regard.core.training import TrainSettings
from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.data.sampling import split
from regard.metrics.intervals import over_seeds, paired_difference
from regard.metrics.knn import unit
from regard.representation.embed import embed
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation
from regard.reuse.probe import probe

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
    parser.add_argument("--tasks", nargs="+", choices=names("task"), default=names("task"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("runs/bench-pretext"))
    parser.add_argument("--table", action="store_true", help="run nothing: the table of what is there so far")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    wanted = [
        (data, arm, seed)
        for seed in range(given.seeds)
        for data in MEASURES
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
    table = rows(runs, given.tasks, given.seeds)
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
    return found | measured(made, known, test, data)


def rescaled(known: ImageSet, seed: int) -> Representation:
    """The random network with every layer's outputs brought to the same scale on training images."""
    import torch

    from regard.backbones.rescale import rescale
    from regard.create.feed import Feed

    preprocess = Preprocess(SIZE, SIZE)
    encoder = make_encoder("convnet4", seed=seed, size=SIZE)
    few = known.subset(np.linspace(0, len(known) - 1, 128).astype(int))
    rescale(encoder, next(Feed(few, preprocess).in_order(128)).images.float() / 255)
    return Representation(encoder.eval().to(memory_format=torch.contiguous_format), preprocess)


def measured(made: Representation, known: ImageSet, test: ImageSet, data: str) -> dict[str, Any]:
    """Which test samples each probe gets right, and the figures that are not means over samples."""
    vectors = [embed(images, made, precision="fp32", cache=False) for images in (known, test)]
    shots = (5,) if data == "digits" else ()
    result = probe(*vectors, shots=shots, seeds=10)
    truth = vectors[1].need_labels("test", 1)
    things = test.columns.get("identity", test.ids)
    right = {name: by_thing(result.predictions[name] == truth, things) for name in ("linear", "knn")}
    if data == "digits":
        return {"right": right, "linear_5shot": result.metrics["linear_5shot"]}
    return {"right": right, "retrieval": cross_style(vectors[1].vectors, test)}


def by_thing(right: np.ndarray, things: np.ndarray) -> list[float]:
    """The share of right answers on each thing, of which there may be several pictures."""
    _, place, counts = np.unique(things, return_inverse=True, return_counts=True)
    return (np.bincount(place, weights=right) / counts).tolist()


def cross_style(vectors: np.ndarray, test: ImageSet) -> float:
    """R@1 of finding the same icon in another style, mean of the six ordered pairs of styles."""
    styles, identity, found = test.columns["style"], test.columns["identity"], []
    for a in STYLES:
        for b in STYLES:
            if a != b:
                q, g = unit(vectors[styles == a]), unit(vectors[styles == b])
                found.append(np.mean(identity[styles == b][(q @ g.T).argmax(axis=1)] == identity[styles == a]))
    return float(np.mean(found))


def rows(runs: dict[Any, dict[str, Any]], tasks: list[str], seeds: int) -> list[dict[str, Any]]:
    """The table: for each data set and arm what was reached, gains with intervals and verdicts, and the puzzle."""
    table: list[dict[str, Any]] = []
    for data, measures in MEASURES.items():
        for name in ("random", "rescaled", *tasks):
            have = [seed for seed in range(seeds) if (data, name, seed) in runs]
            if not have:
                continue
            mine = [runs[data, name, seed] for seed in have]
            other = "random"
            if name in tasks and hasattr(load("task", name), "example_backbone"):
                other = "random:" + ":".join(map(str, network(name)))
            base = [runs[data, other, seed] for seed in have]
            for measure in measures:
                table.append(gain(data, name, measure, mine, base))
            if name in tasks:
                table += puzzle(data, name, mine)
    return table


def gain(data: str, name: str, measure: str, mine: list[Any], base: list[Any]) -> dict[str, Any]:
    """One measure of one arm, against the random network."""
    if measure in ("linear", "knn"):
        a, b = (np.mean([run["right"][measure] for run in side], axis=0) for side in (mine, base))
        value, found = 100 * float(a.mean()), paired_difference(a, b)
    else:
        a, b = ([run[measure] for run in side] for side in (mine, base))
        value, found = 100 * over_seeds(a).mean, paired_difference(a, b)
    row = {"what": f"{data}, {name}: {measure} {value:.1f} %, against random", "value": 100 * found.mean}
    row["unit"] = f"points [{100 * found.low:+.1f}, {100 * found.high:+.1f}] {found.verdict}"
    bar = BARS.get((name, data, measure))
    about = {"data": data, "arm": name, "measure": measure, "reached": value, "seeds": len(mine)}
    return row | about | ({} if name == "random" or bar is None else {"at_least": bar})


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
