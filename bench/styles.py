"""Icons in three drawing styles, with the bundled `imagenet`: how good are the vectors, and what does adapting give?

1. A probe on the style `render3d`: three quarters of the icons to learn from, a quarter to score on, split by icon (an
   icon occurs once in a style); three splits.
2. A linear classifier from `render3d` to `flat` without labels there: source only, CORAL, subspace alignment, and the
   oracle that learned from the target's labels. Once with all icons on both sides, as `regard adapt render3d flat`
   has them, where each target icon has a labelled twin in the source; once with no icon on both sides: half of the
   icons are the source, the other half the target.

No figure has a bar: they are recorded in docs/reproduced.md.

    python bench/styles.py --data FOLDER [--out FILE.json]     FOLDER holds styles/{render3d,flat}/CLASS/ID.png
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish

from regard.adapt.worth.run import compare
from regard.data.imageset import ImageSet
from regard.data.sampling import split
from regard.data.sources import open_images
from regard.metrics.intervals import over_seeds
from regard.representation.embed import embed
from regard.reuse.probe import probe


def main() -> int:
    """Probe, adapt, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    styles = {name: icons(options.data / "styles" / name) for name in ("render3d", "flat")}
    source, target = styles["render3d"], styles["flat"]
    half, _ = split(source, 0.5, 0, by="identity")
    others = ~np.isin(target.columns["identity"], half.columns["identity"])
    rows = probed(source, options.seeds)
    rows += adapted(source, target, "all icons") + adapted(half, target.subset(others), "other icons")
    return finish("styles", rows, options.out)


def icons(folder: Path) -> ImageSet:
    """The icons of a style, with the icon's own name as its identity."""
    found = open_images(folder)
    names = np.array([Path(name).stem for name in found.ids])
    return ImageSet(found.items, found.ids, found.labels, {"identity": names}, found.name)


def probed(images: ImageSet, seeds: int) -> list[dict[str, Any]]:
    """Accuracies of the probe over splits, in per cent, with Student's interval of their spread.

    The splits share images, so the interval says how much the split matters, not how other icons would do.
    """
    scores: dict[str, list[float]] = {}
    for seed in range(seeds):
        known, test = split(images, 0.25, seed, by="identity")
        found = probe(embed(known, "imagenet"), embed(test, "imagenet"), shots=(5,), seeds=5, seed=seed)
        for kind in ("linear", "knn", "linear_5shot"):
            scores.setdefault(kind, []).append(100 * found.metrics[kind])
    return [_row(f"probe on render3d: {kind}", over_seeds(values, within=(0, 100))) for kind, values in scores.items()]


def adapted(source: ImageSet, target: ImageSet, which: str) -> list[dict[str, Any]]:
    """Accuracies on the target in per cent, and gains over source only in points, from halves of the source."""
    found = compare(
        embed(source, "imagenet"), embed(target, "imagenet"), ["coral", "subspace"], seeds=range(20), share=0.5
    )
    rows = []
    for row in found.rows:
        rows.append(_row(f"render3d to flat, {which}: {row.name}", row.accuracy, 100))
        if row.gain is not None:
            rows.append(_row(f"  against source only: {row.gain.verdict}", row.gain, 100))
    return rows


def _row(what: str, value: Any, scale: float = 1) -> dict[str, Any]:
    return {"what": what, "value": scale * value.mean, "unit": value.told(scale, 1)}


if __name__ == "__main__":
    raise SystemExit(main())
