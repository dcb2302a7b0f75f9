"""Can a network tell from a patch where in its photo it lay? With and without an imperfect lens and its cures.

    python bench/pretext_aberration.py [--seeds 3] [--folds 3] [--steps 100] [--out FILE.json]

The ten colour photographs that ship with scikit-learn and scikit-image, their middle squares at 256 pixels; patches of
32. A ConvNet-4 regresses the place (x, y) of a patch; whole photos are held out, in `folds` folds that each seed deals
anew. The figure is the error (RMSE) by that of always saying the middle: 1 = the network knows nothing.

Bars on the mean over seeds and folds (Doersch et al. 2015 report the effect; the simulated lens and the bars are ours):
without a lens at least 0.95, with green enlarged by 2 % at most 0.80 (it cheats), with two channels dropped at least
0.95 (cured). Projection and gray are shown beside it.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _table import finish
from PIL import Image
from torch import Tensor

from regard.create.aberration import position_probe
from regard.data.builtin import builtin

SIZE = 256
LENS = 0.02
ARMS: tuple[tuple[str, float, Any, dict[str, float]], ...] = (
    ("no lens", 0.0, "keep", {"at_least": 0.95}),
    ("lens", LENS, "keep", {"at_most": 0.8}),
    ("lens, two channels dropped", LENS, "drop", {"at_least": 0.95}),
    ("lens, green-magenta projected out", LENS, "projection", {}),
    ("lens, gray", LENS, "gray", {}),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)  # small convolutions wait for threads more than they compute
    photos = squares(SIZE)
    rows: list[dict[str, Any]] = []
    for what, lens, colour, bar in ARMS:
        errors = np.array(
            [
                [
                    position_probe(photos, fold, aberration=lens, colour=colour, steps=given.steps, seed=seed)
                    for fold in folds(len(photos), given.folds, seed)
                ]
                for seed in range(given.seeds)
            ]
        )
        each = ", ".join(f"{value:.2f}" for value in errors.mean(axis=1))
        rows.append({"what": what, "value": float(errors.mean()), "unit": f"seeds {each}", **bar})
        rows[-1] |= {"folds": errors.round(4).tolist()}
    return finish("pretext-aberration", rows, given.out)


def squares(size: int) -> Tensor:
    """The colour photographs' largest middle squares, (N, 3, size, size) in [0, 1]."""
    photos = builtin("photos")
    found = []
    for path in photos.subset(np.flatnonzero(photos.columns["kind"] == "colour")).items:
        with Image.open(str(path)) as opened:
            photo = opened.convert("RGB")
        side = min(photo.size)
        left, top = ((length - side) // 2 for length in photo.size)
        square = (left, top, left + side, top + side)
        found.append(np.asarray(photo.resize((size, size), Image.Resampling.LANCZOS, square)))
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).float() / 255


def folds(n: int, k: int, seed: int) -> list[list[int]]:
    """The places 0 to n - 1 in k parts, dealt by the seed."""
    return [part.tolist() for part in np.array_split(np.random.default_rng(seed).permutation(n), k)]


if __name__ == "__main__":
    raise SystemExit(main())
