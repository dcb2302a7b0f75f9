"""Three drawing styles come one after another, without labels: what does CaSSLe keep that plain fine-tuning forgets?

A small network with fresh weights learns by SimCLR the styles `render3d`, `flat` and `line`, each from three quarters
of its icons at 32 pixels, one task after another. In the end a linear classifier learns the 45 classes from the vectors
of the same icons in all three styles, with labels, and is scored on the other quarter: no icon is on both sides in any
style. The classifier's penalty is chosen by folds of the icons that it learns from.

Both ways have the first task in common, and in each of the others the same batches and views. Temperature 0.2, weight 1
and 2,048 hidden units are those of the CaSSLe authors' scripts; AdamW, its rate and the short runs are ours. Nothing
was chosen by the scores below.

Intervals are over seeds (first weights, batches, views) and test icons, of which each has three pictures. No figure has
a bar: they are recorded in docs/reproduced.md, with a verdict, which may be `no gain`.

    python bench/lifelong_unlabelled.py --data FOLDER [--seeds 5] [--steps 200] [--methods cassle] [--out FILE.json]
        FOLDER holds styles/{render3d,flat,line}/CLASS/ID.png
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from _table import finish
from styles import icons

from regard.data.imageset import ImageSet, concatenate
from regard.data.sampling import split
from regard.data.streams.task import unlabelled
from regard.learning.settings import TrainSettings
from regard.lifelong.unlabelled.task import learn_unlabelled
from regard.metrics.contrast import contrast
from regard.metrics.intervals import over_seeds
from regard.representation.representation import Representation
from regard.reuse.probe import probe

STYLES = ("render3d", "flat", "line")
NETWORK, SIZE, BATCH = "random:convnet4", 32, 64
OBJECTIVE = {"temperature": 0.2}


def main() -> int:
    """Learn, probe, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--methods", default="cassle", help="with commas between: cassle, pfr")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    began = time.process_time()
    known, test = parts(options.data / "styles")
    right: dict[str, list[np.ndarray]] = {}
    for seed in range(options.seeds):
        with TemporaryDirectory() as folder:
            last = learned(known, ["finetune", *options.methods.split(",")], seed, options.steps, Path(folder))
            for name, representation in last.items():
                right.setdefault(name, []).append(found_right(representation, known, test))
                print(f"seed {seed}, {name}: {100 * right[name][-1].mean():.1f}", flush=True)
    scores = {name: np.array(rows) for name, rows in right.items()}
    rows = [row for name in scores for row in accuracies(name, scores[name], test)]
    rows += [row for name in list(scores)[2:] for row in gains(name, scores[name], scores["finetune"], test)]
    rows.append({"what": "processor time of all", "value": time.process_time() - began, "unit": "s"})
    return finish("lifelong_unlabelled", rows, options.out)


def parts(folder: Path) -> tuple[dict[str, ImageSet], dict[str, ImageSet]]:
    """Of each style the icons to learn from, and the same quarter of the icons to score on."""
    styles = {name: _named(icons(folder / name), name) for name in STYLES}
    first, _ = split(styles[STYLES[0]], 0.25, 0, by="identity")
    inside = {name: np.isin(s.columns["identity"], first.columns["identity"]) for name, s in styles.items()}
    known = {name: s.subset(inside[name]) for name, s in styles.items()}
    return known, {name: s.subset(~inside[name]) for name, s in styles.items()}


def _named(images: ImageSet, style: str) -> ImageSet:
    """With the style in front of each id, as the same icons have the same names in all."""
    return replace(images, ids=np.array([f"{style}/{one}" for one in images.ids]))


def learned(
    known: dict[str, ImageSet], methods: list[str], seed: int, steps: int, folder: Path
) -> dict[str, Representation]:
    """What each method has after all styles, and what both had after the first."""
    settings = TrainSettings(steps=steps, batch=BATCH, precision="fp32", seed=seed, eval_every=steps)
    common: dict[str, Any] = {"objective": "simclr", "objective_settings": OBJECTIVE, "settings": settings}
    first, *rest = (unlabelled(known[name]) for name in STYLES)
    start = learn_unlabelled(first, f"{NETWORK}:{seed}", "finetune", out=folder / "first", size=SIZE, **common)
    last = {"render3d alone": start}
    for method in methods:
        at = start
        for number, images in enumerate(rest, 1):
            at = learn_unlabelled(images, at, method, out=folder / f"{method}{number}", **common)
        last[method] = at
    return last


def found_right(representation: Representation, known: dict[str, ImageSet], test: dict[str, ImageSet]) -> np.ndarray:
    """(pictures,) of 0 and 1 over the test pictures of all styles, in their order."""
    learn, score = (
        representation.embed(concatenate([side[name] for name in STYLES]), precision="fp32", cache=False)
        for side in (known, test)
    )
    said = probe(learn, score, classifier="linear").predictions["linear"]
    return (said == score.need_labels("TEST")).astype(float)


def accuracies(name: str, right: np.ndarray, test: dict[str, ImageSet]) -> list[dict[str, Any]]:
    """In per cent, over all styles and in each, with Student's interval over seeds."""
    rows = [_row(f"{name}: all styles", over_seeds((100 * right.mean(1)).tolist(), within=(0, 100)))]
    for style, of in zip(STYLES, _places(test)):
        rows.append(_row(f"  on {style}", over_seeds((100 * right[:, of].mean(1)).tolist(), within=(0, 100))))
    return rows


def gains(name: str, right: np.ndarray, plain: np.ndarray, test: dict[str, ImageSet]) -> list[dict[str, Any]]:
    """Points above fine-tuning with intervals over seeds and icons, and the verdict."""
    units = np.concatenate([test[style].columns["identity"] for style in STYLES])
    rows = []
    for what, of in zip(("all styles", *STYLES), (slice(None), *_places(test))):
        found = contrast(right[:, of], plain[:, of], units[of])
        rows.append(_row(f"{name} against finetune, {what}: {found.verdict}", found, 100))
    return rows


def _places(test: dict[str, ImageSet]) -> list[slice]:
    ends = np.cumsum([0, *(len(test[style]) for style in STYLES)]).tolist()
    return [slice(begin, end) for begin, end in zip(ends, ends[1:])]


def _row(what: str, value: Any, scale: float = 1) -> dict[str, Any]:
    return {"what": what, "value": scale * value.mean, "unit": value.told(scale, 1)}


if __name__ == "__main__":
    raise SystemExit(main())
