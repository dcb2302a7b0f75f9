"""What each way of fine-tuning is worth: all at once, stage by stage, after a probe, held to the start, slower below.

    python bench/finetune.py [--seeds 5] [--shots 5] [--steps 200] [--keep DIR]

ConvNet-4 learns digits drawn with fonts from their labels; then it is tuned on a few handwritten ones of each class and
scored on 800 others. Every seed draws the labels, the head and the order; all arms meet the same ones. `probe` is the
network as it is under a linear classifier, without any tuning. Settings are fixed before: alpha of L2-SP 0.1, layer
decay 0.65, the network's rate that of the head. Compared by the engine: images, seeds, draws. There is no bar: what is
asked is what it is worth.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish

from regard.core.storage import write_json
from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.sampling import few_shot
from regard.learning.settings import TrainSettings
from regard.representation.embed import embed
from regard.representation.representation import Representation
from regard.reuse.finetune import finetune
from regard.reuse.probe import probe
from regard.studies.experiment import Arm, Design, Experiment

ARMS: dict[str, dict[str, Any]] = {
    "all": {},
    "last:1": {"layers": "last:1"},
    "gradual": {"unfreeze": "gradual"},
    "lp-ft": {"unfreeze": "lp-ft"},
    "l2-sp": {"l2_sp": 0.1},
    "layer decay": {"layer_decay": 0.65},
    "low rate": {"backbone_lr_factor": 0.1},
    "fresh": {"representation": "random:convnet4"},
}
FIXED = {"backbone_lr_factor": 1.0, "method": {"recipe": "none"}}


def main() -> int:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(), help="not used: the data are built in")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--keep", type=Path, default=Path("runs/bench-finetune"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    settings = TrainSettings(steps=600, precision="fp32", device="cpu", eval_every=600)
    start = train(builtin("rendered_digits"), "labels", out=given.keep / "start", settings=settings, size=32)
    runs = {
        name: [kept(name, seed, given.shots, given.steps, start, given.keep) for seed in range(given.seeds)]
        for name in ["probe", *ARMS]
    }
    arms = {name: Arm(name, {"accuracy": np.array(found, float)}) for name, found in runs.items()}
    share = 10 * given.shots / 997
    found = Experiment(arms, design=Design(paired=True, share=share))
    return finish("finetune", [row(found, name, other) for name, other in pairs()], given.out)


def pairs() -> list[tuple[str, str]]:
    """Who is compared with whom: all at once with a fresh network and with no tuning, the others with all at once."""
    others = [name for name in ARMS if name not in ("all", "fresh")]
    return [("all", "fresh"), ("all", "probe"), *((name, "all") for name in others)]


def kept(name: str, seed: int, shots: int, steps: int, start: Representation, keep: Path) -> list[bool]:
    """Which test digits are right, from the file where it was run before."""
    file = keep / f"{name.replace(':', '').replace(' ', '-')}-{shots}-{steps}-{seed}.json"
    if not file.exists():
        write_json(file, [bool(one) for one in run(name, seed, shots, steps, start)])
    return json.loads(file.read_text())


def run(name: str, seed: int, shots: int, steps: int, start: Representation) -> np.ndarray:
    """(800,) which test digits are right."""
    digits = builtin("digits")
    pool, test = digits.subset(np.arange(997)), digits.subset(np.arange(997, 1797))
    few = pool.subset(few_shot(pool.need_labels("TRAIN"), shots, seed))
    if name == "probe":
        sides = [embed(one, start, precision="fp32") for one in (few, test)]
        return probe(*sides, classifier="linear", seed=seed).predictions["linear"] == test.need_labels("TEST")
    options: dict[str, Any] = {"representation": start, **FIXED, **ARMS[name]}
    settings = TrainSettings(steps=steps, seed=seed, precision="fp32", device="cpu", eval_every=steps)
    with tempfile.TemporaryDirectory() as folder:
        found = finetune(few, test, settings=settings, out=Path(folder) / "run", **options)
    return found.predictions == found.labels


def row(found: Experiment, name: str, other: str) -> dict[str, Any]:
    """What one way gains over another."""
    one = found.contrast(name, other, "accuracy")
    reached = [100 * found.arms[arm].mean("accuracy") for arm in (name, other)]
    what = f"{name} {reached[0]:.1f} %, {other} {reached[1]:.1f} %"
    unit = f"points {one.difference.told(100, 1, '+')} {one.verdict}"
    return {"what": what, "value": 100 * one.difference.mean, "unit": unit, "arm": name, "other": other}


if __name__ == "__main__":
    raise SystemExit(main())
