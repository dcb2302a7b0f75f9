"""The same numbers before and after a change of structure: one run of each kind, made by the command line, compared.

    python bench/same.py make BEFORE          # at the commit before
    python bench/same.py make AFTER           # at the commit after, on the same machine
    python bench/same.py compare BEFORE AFTER

Weights, vectors and figures must be equal to the last bit; wall-clock times and memory are left out,
and checksums of files that hold them.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from regard.data.builtin import builtin
from regard.learning.objective import objectives

DIGITS, COLOUR = "builtin:digits", "builtin:photo_crops"
COLOURFUL = ("colorization", "colorization_hypercolumn", "split_brain")
VOLATILE = ("second", "per_second", "mib", "peak", "minutes", "version", "milli", "folder", "out", "path", "report")
VOLATILE += ("metrics.json", "predictions.json", "from_cache")
STEPS = ["--steps", "16", "--batch", "32", "--precision", "fp32", "--device", "cpu", "--size", "32"]


def commands(root: Path) -> dict[str, list[str]]:
    """A name for each run, and its arguments."""
    run, crops, rendered = str(root / "run-rotation"), str(root / "crops"), "builtin:rendered_digits"
    images, query = str(root / "images"), str(root / "images/train/china/0000.png")
    exact = ["--precision", "fp32"]

    def at(name: str) -> list[str]:
        return ["--out", str(root / name)]

    made = {}
    for task in objectives():
        backbone = ["--backbone", "vit_tiny_patch16_224"] if task in ("mae",) else []
        folder = ["--out", str(root / f"run-{task}")]
        shown = COLOUR if task in COLOURFUL else DIGITS
        made[f"create {task}"] = ["create", shown, "--task", task, *STEPS, *backbone, *folder]
    on = ["--on", f"{images}/train", f"{images}/test"]
    tune = ["finetune", DIGITS, "--with", run, *STEPS[:-2]]
    made |= {
        "create best": ["create", DIGITS, "--task", "labels", *STEPS, "--keep", "best", *at("run-best")],
        "embed": ["embed", DIGITS, "--with", run, *exact, "--no-cache", *at("a.npz")],
        "embed imagenet": ["embed", "builtin:photos", "--no-cache", *exact, *at("b.npz")],
        "probe": ["probe", DIGITS, "--with", run, *exact, "--shots", "5"],
        "finetune": [*tune, *at("tuned")],
        "finetune last": [*tune, "--layers", "last:1", *at("last")],
        "predict": ["predict", str(root / "tuned"), DIGITS, *exact, *at("labels.csv")],
        "shift": ["shift", DIGITS, rendered, "--with", run, "--samples", "300"],
        "compare-adapt": ["compare-adapt", rendered, DIGITS, "--with", run, "--seeds", "2", "--share", "0.1"],
        "adapt auto": ["adapt", rendered, DIGITS, "--with", run, "--method", "auto"],
        "index": ["index", f"{images}/train", *exact, "--regions", *at("crops")],
        "search": ["search", crops, query, *exact],
        "search regions": ["search", crops, query, "--regions", *exact],
        "duplicates": ["duplicates", crops],
        "whiten": ["whiten", f"{images}/train", *exact, "--dim", "64", *at("white")],
        "evaluate": ["evaluate", run, *on, "--seeds", "2", "--no-layers", "--finetune-steps", "10"],
    }
    for rerank in ("qe", "dba", "kreciprocal", "diffusion", "spatial"):
        made[f"search-eval {rerank}"] = ["search-eval", crops, "labels", "--rerank", rerank, "--sample", "60"]
    return made


def make(root: Path) -> None:
    """Run all, and keep what each printed."""
    crops = builtin("photo_crops")
    for row in range(len(crops)):
        path = root / "images" / ("train", "test")[row % 2] / str(crops.need_labels("", 1)[row]) / f"{row:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(crops.items[row])).save(path)
    for name, arguments in commands(root).items():
        kept = root / f"{name.replace(' ', '-')}.json"
        if kept.exists():
            continue
        done = subprocess.run(
            [sys.executable, "-m", "regard", *arguments, "--json"], capture_output=True, text=True, check=False
        )
        last = done.stderr.strip().splitlines()[-1:] if done.returncode else []
        print(f"{name:24} {done.returncode} {' '.join(last)}", flush=True)
        kept.write_text(done.stdout if done.returncode == 0 else json.dumps({"failed": last}))


def compare(before: Path, after: Path) -> int:
    """Print what differs; the number of runs that do."""
    differ = 0
    for name in commands(before):
        file = f"{name.replace(' ', '-')}.json"
        old, new = (dict(_leaves(json.loads((root / file).read_text()))) for root in (before, after))
        # a page or a field may be new; none may be lost or differ
        wrong = [key for key in old if key not in new or old[key] != new[key]]
        print(f"{name:24} {len(old):5} figures {'equal' if not wrong else 'DIFFER: ' + ', '.join(wrong[:4])}")
        differ += bool(wrong)
    for path in sorted(before.rglob("*.safetensors")):
        other = after / path.relative_to(before)
        same = other.exists() and _equal(load_file(path), load_file(other))
        print(f"{path.relative_to(before)!s:44} {'equal' if same else 'DIFFER'}")
        differ += not same
    for path in sorted(before.glob("*.npz")):
        with np.load(path) as old, np.load(after / path.name) as new:
            same = np.array_equal(old["vectors"], new["vectors"])
        print(f"{path.name:24} {'equal' if same else 'DIFFER'}")
        differ += not same
    print(f"{differ} differ")
    return differ


def _equal(old: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> bool:
    return old.keys() == new.keys() and all(np.array_equal(old[key], new[key], equal_nan=True) for key in old)


def _leaves(value: object, at: str = "") -> list[tuple[str, object]]:
    if isinstance(value, dict):
        rows = [(key, one) for key, one in value.items() if not any(word in key for word in VOLATILE)]
        return [leaf for key, one in rows for leaf in _leaves(one, f"{at}.{key}")]
    if isinstance(value, list):
        return [leaf for place, one in enumerate(value) for leaf in _leaves(one, f"{at}[{place}]")]
    return [] if isinstance(value, str) and "/" in value else [(at, value)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "compare"])
    parser.add_argument("folders", nargs="+", type=Path)
    asked = parser.parse_args()
    sys.exit(bool(make(asked.folders[0]) if asked.what == "make" else compare(*asked.folders)))
