"""Shallow adaptation on Office-Caltech-10 (SURF, 800 words), the full source, against figures per cell.

    python bench/adapt_office.py --data FOLDER [--out FILE]

FOLDER holds office_caltech10/{amazon,caltech,dslr,webcam}_SURF_L10.mat. Rows are divided by their sum and z-scored in
each domain; accuracy on the whole target, whose labels are used for nothing else. Bars: the published 1NN row, cell by
cell to two decimals; the rows of subspace alignment of an independent implementation with exact components, likewise;
CORAL with a linear SVM, mean 46.6 +- 0.5 (its cells, from another implementation, are shown for comparison). Without a
bar: the automatic dimension beside the mean of the paper's nearest neighbour, and the linear SVM without adaptation,
which is strong: on some pairs it beats both methods. Status 1 where a row is not within its bar.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from regard.adapt.classifier import fit_classifier, probabilities
from regard.adapt.run import adapter
from regard.core.checks import InputError, check_path
from regard.core.storage import write_json

PAIRS = "CA CW CD AC AW AD WC WA WD DC DA DW".split()
FILES = {"A": "amazon", "C": "caltech", "D": "dslr", "W": "webcam"}
# row: (cells or None, mean, tolerance); None for a tolerance: shown, no bar
BARS: dict[str, tuple[list[float] | None, float, float | None]] = {
    "1nn": ([23.70, 25.76, 25.48, 26.00, 29.83, 25.48, 19.86, 22.96, 59.24, 26.27, 28.50, 63.39], 31.37, 0.005),
    "subspace k=20 + 1nn": (
        [40.40, 38.98, 43.95, 39.36, 41.36, 36.31, 31.17, 31.21, 77.07, 32.41, 34.13, 79.66],
        43.83,
        0.005,
    ),
    "subspace k=40 + 1nn": (
        [41.02, 38.98, 42.04, 39.00, 39.66, 36.94, 31.52, 33.19, 82.17, 31.17, 36.22, 85.42],
        44.78,
        0.005,
    ),
    "subspace auto + 1nn": (None, 44.3, None),
    "svm": (None, 45.91, None),
    "coral + svm": (
        [48.12, 39.32, 38.22, 43.81, 39.32, 37.58, 35.53, 36.01, 85.35, 33.30, 37.58, 85.42],
        46.6,
        0.5,
    ),
}


def read(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The four domains by letter: z-scored features (n, 800) and labels (n,)."""
    domains = {}
    for letter, name in FILES.items():
        file = loadmat(check_path("--data", folder / "office_caltech10" / f"{name}_SURF_L10.mat", folder=False))
        X, y = file["fts"].astype(float), file["labels"].ravel()
        X = X / X.sum(axis=1, keepdims=True)
        spread = X.std(axis=0)
        domains[letter] = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1), y
    return domains


def accuracy(row: str, source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray]) -> float:
    """Accuracy in percent of one row of the table on one pair."""
    (Xs, ys), (Xt, yt) = source, target
    if row in ("1nn", "svm"):
        classes, codes = np.unique(ys, return_inverse=True)
        predicted = classes[probabilities(fit_classifier(row, Xs, codes), Xt).argmax(axis=1)]
        return 100 * float((predicted == yt).mean())
    settings: dict[str, Any] = {"classifier": row.split()[-1]}
    if row.startswith("subspace"):
        k = row.split()[1]
        settings["n_components"] = "auto" if k == "auto" else int(k[2:])
    return 100 * adapter(row.split()[0], **settings).fit(Xs, ys, Xt).score(Xt, yt)


def main() -> int:
    """Print the table; 1 where a figure falls short of its bar."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=Path, required=True)
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    domains = read(given.data)
    print(f"{'accuracy, %':<22}" + "".join(f"{pair:>7}" for pair in PAIRS) + f"{'mean':>8}  within bar  seconds")
    result: dict[str, Any] = {}
    for row, (bar, bar_mean, tolerance) in BARS.items():
        start = time.perf_counter()
        cells = [accuracy(row, domains[pair[0]], domains[pair[1]]) for pair in PAIRS]
        seconds, mean = time.perf_counter() - start, float(np.mean(cells))
        if tolerance is None:
            within = None
        elif tolerance < 0.1:  # an exact row: every cell, and the mean, as printed to two decimals
            within = bar is not None and [f"{cell:.2f}" for cell in cells] == [f"{cell:.2f}" for cell in bar]
        else:
            within = abs(mean - bar_mean) <= tolerance
        said = {None: "-", True: "yes", False: "NO"}[within]
        print(f"{row:<22}" + "".join(f"{cell:7.2f}" for cell in cells) + f"{mean:8.2f}  {said:<10} {seconds:8.1f}")
        beside = "" if tolerance is None else " exact" if tolerance < 0.1 else f" +- {tolerance}"
        print(
            f"{'  bar' if tolerance else '  reference':<22}"
            + "".join(f"{cell:7.2f}" for cell in bar or [])
            + (" " * 84 if bar is None else "")
            + f"{bar_mean:8.2f} {beside}"
        )
        result[row] = {
            "cells": dict(zip(PAIRS, np.round(cells, 4).tolist())),
            "mean": round(mean, 4),
            "bar_mean": bar_mean,
            "bar_cells": None if bar is None else dict(zip(PAIRS, bar)),
            "within": within,
            "seconds": round(seconds, 2),
        }
    if given.out:
        write_json(given.out, result)
    return int(any(row["within"] is False for row in result.values()))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
