"""Do rotation and SimCLR beat a random network on handwritten digits? 3 seeds, ConvNet-4 at 32 pixels, 600 steps.

A quarter of scikit-learn's digits is the test set, which no pretraining sees; the rest is trained on without labels.
The same network is compared before and after, on the test set: 5-shot = logistic regression on 5 labels a class, mean
of 10 draws; k-NN = nearest neighbours among all training vectors. Gains are in points. Also trained with all labels,
as the ceiling. Recipes were chosen on a part of the training images, never on the test set.

    python bench/pretext_digits.py [--seeds 3] [--steps 600] [--out FILE.json]
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish

from regard.backbones.encoder import make_encoder
from regard.core.training import TrainSettings
from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.data.sampling import split
from regard.representation.embed import embed
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation
from regard.reuse.probe import probe

SIZE, TASKS = 32, ("rotation", "simclr", "labels")
BARS = {("rotation", "linear_5shot"): 2.0, ("simclr", "knn"): 5.0}
NAMES = {"linear": "linear", "knn": "k-NN", "linear_5shot": "5-shot"}


def main() -> int:
    """Train, probe, print the table; 1 where a gain falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    known, test = split(builtin("digits"), test=0.25, seed=0)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ("random", *TASKS)}
    for seed in range(options.seeds):
        encoder = make_encoder("convnet4", seed=seed, size=SIZE)
        found["random"].append(scores(Representation(encoder, Preprocess(SIZE, SIZE)), known, test))
        for task in TASKS:
            images = known if task == "labels" else known.without_labels()
            settings = TrainSettings(steps=options.steps, seed=seed)
            with tempfile.TemporaryDirectory() as folder:
                made = train(images, task, out=Path(folder) / "run", settings=settings, size=SIZE)
            print(f"seed {seed}: {task} in {made.card['cost']['seconds']:.0f} s", flush=True)
            found[task].append(scores(made, known, test) | pretext(made))
    return finish("pretext_digits", rows(found), options.out)


def scores(representation: Representation, known: ImageSet, test: ImageSet) -> dict[str, float]:
    """Accuracy of probes on the test set, in percent."""
    vectors = [embed(images, representation, precision="fp32", cache=False) for images in (known, test)]
    metrics = probe(*vectors, shots=(5,), seeds=10).metrics
    return {name: 100 * metrics[name] for name in NAMES}


def pretext(made: Representation) -> dict[str, float]:
    """How well the task itself is done on held-out images, and what it took."""
    held = made.card["scores"]
    return {"accuracy": 100 * held["accuracy"], "chance": 100 * held["chance"], "p_value": held["p_value"]} | {
        "seconds": made.card["cost"]["seconds"]
    }


def rows(found: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    """The table: means over seeds, gains over the random network of the same seed, and the worst p-value."""
    table: list[dict[str, Any]] = []
    for task, runs in found.items():
        for name, title in NAMES.items():
            values = [run[name] for run in runs]
            table.append({"what": f"{task}: {title}", "value": np.mean(values), "sd": np.std(values), "unit": "%"})
        if task == "random":
            continue
        for name, title in NAMES.items():
            gain = np.mean([run[name] - before[name] for run, before in zip(runs, found["random"])])
            bar = {"at_least": BARS[task, name]} if (task, name) in BARS else {}
            table.append({"what": f"{task}: gain in {title}", "value": gain, "unit": "points", **bar})
        for name, unit in (("accuracy", "%"), ("chance", "%"), ("seconds", "s")):
            table.append({"what": f"{task}: held-out {name}" if unit == "%" else f"{task}: {name}", "unit": unit})
            table[-1]["value"] = np.mean([run[name] for run in runs])
        worst = max(run["p_value"] for run in runs)
        table.append({"what": f"{task}: largest p-value against chance", "value": worst, "at_most": 0.01})
    return [{key: float(v) if isinstance(v, np.floating) else v for key, v in row.items()} for row in table]


if __name__ == "__main__":
    raise SystemExit(main())
