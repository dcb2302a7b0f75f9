"""Adaptation on Office-Caltech-10 (SURF, 800 words), the full source, against figures per cell.

    python bench/adapt_office.py --data FOLDER [--out FILE]

FOLDER holds office_caltech10/{amazon,caltech,dslr,webcam}_SURF_L10.mat. Rows are divided by their sum and z-scored in
each domain; accuracy on the whole target, whose labels are used for nothing else. Bars: the published rows of 1NN, of
joint PCA and of GFK (the authors' dimensions), cell by cell to two decimals, and rows of an independent implementation
for other dimensions of GFK and of subspace alignment; the published means of TCA, TJM and CORAL with a linear SVM,
within 0.5. Without a bar (shown): everything else, among it the linear SVM without adaptation, which is strong: on some
pairs it beats every method. The last row is the largest difference between the mean of Psi Psi' over a uniform t and
the matrix of GFK. Status 1 where a row is not within its bar.
"""

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish
from scipy.io import loadmat
from sklearn.decomposition import PCA

from regard.adapt.classifier import fit_classifier, probabilities
from regard.adapt.named import adapter
from regard.adapt.spectrum import spectrum
from regard.adapt.vectors._geodesic import geodesic
from regard.adapt.vectors.gfk import kernel_matrix
from regard.core.checks import InputError, check_path

PAIRS = "CA CW CD AC AW AD WC WA WD DC DA DW".split()
FILES = {"A": "amazon", "C": "caltech", "D": "dslr", "W": "webcam"}
# dimensions of the authors of GFK, the same both ways
GFK = {"WD": 10, "WA": 10, "CD": 10, "DA": 20, "CW": 20, "CA": 20}


@dataclass(frozen=True)
class Row:
    """A row of the table: a method (or a classifier alone), its settings, and the bar.

    `exact`: every cell equals the bar's to two decimals; `within`: the mean is that near to `mean`; neither: no bar.
    """

    method: str
    settings: dict[str, Any] = field(default_factory=dict)
    cells: str = ""
    mean: float | None = None
    within: float | None = None
    at_least: float | None = None
    exact: bool = False

    @property
    def bar(self) -> list[float]:
        """The bar's cells."""
        return [float(cell) for cell in self.cells.split()]


ROWS = {
    "1nn": Row("1nn", cells="23.70 25.76 25.48 26.00 29.83 25.48 19.86 22.96 59.24 26.27 28.50 63.39", exact=True),
    "pca 100 + 1nn": Row(
        "pca", cells="36.95 32.54 38.22 34.73 35.59 27.39 26.36 31.00 77.07 29.65 32.05 75.93", exact=True
    ),
    "gfk (authors' k) + 1nn": Row(
        "gfk",
        {"n_components": GFK},
        "41.02 40.68 38.85 40.25 38.98 36.31 30.72 29.75 80.89 30.28 32.05 75.59",
        exact=True,
    ),
    "gfk k=10": Row(
        "gfk",
        {"n_components": 10},
        "38.20 34.58 38.85 36.24 38.98 35.03 24.93 29.75 80.89 30.28 30.06 75.59",
        exact=True,
    ),
    "gfk k=20": Row(
        "gfk",
        {"n_components": 20},
        "41.02 40.68 41.40 40.25 40.00 36.31 30.72 31.84 87.90 30.10 32.05 84.41",
        exact=True,
    ),
    "gfk k=40": Row(
        "gfk",
        {"n_components": 40},
        "41.75 40.68 39.49 39.00 36.95 33.12 28.32 33.51 85.35 30.28 34.55 83.05",
        exact=True,
    ),
    "gfk auto": Row("gfk"),
    "gfs k=20": Row("gfs", {"n_components": 20}),
    "subspace k=20": Row(
        "subspace",
        {"n_components": 20},
        "40.40 38.98 43.95 39.36 41.36 36.31 31.17 31.21 77.07 32.41 34.13 79.66",
        at_least=43.8,
        exact=True,
    ),
    "subspace k=40": Row(
        "subspace",
        {"n_components": 40},
        "41.02 38.98 42.04 39.00 39.66 36.94 31.52 33.19 82.17 31.17 36.22 85.42",
        exact=True,
    ),
    "subspace auto": Row("subspace", mean=44.3),
    "tca": Row("tca", {}, "45.6 39.3 45.9 42.0 40.0 35.7 31.5 30.5 91.1 33.0 32.8 87.5", 46.2, 0.5),
    "tjm": Row("tjm", {}, "46.76 38.98 44.59 39.45 42.03 45.22 30.19 29.96 89.17 31.43 32.78 85.42", 46.3, 0.5),
    "jda": Row("jda"),
    "coral + svm": Row(
        "coral",
        {"classifier": "svm"},
        "48.12 39.32 38.22 43.81 39.32 37.58 35.53 36.01 85.35 33.30 37.58 85.42",
        46.6,
        0.5,
    ),
    "dip + svm": Row("dip"),
    "transport group lasso": Row("transport", {"normalize": False, "reg": 0.05, "spread": 0}),
    "weighting + linear": Row("weighting"),
    "linear": Row("linear"),
    "svm": Row("svm", mean=45.91),
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


def accuracy(row: Row, pair: str, domains: dict[str, tuple[np.ndarray, np.ndarray]]) -> float:
    """Accuracy in percent of one row of the table on one pair."""
    (Xs, ys), (Xt, yt) = domains[pair[0]], domains[pair[1]]
    if row.method in ("1nn", "linear", "svm", "pca"):
        classes, codes = np.unique(ys, return_inverse=True)
        if row.method == "pca":
            pca = PCA(100, svd_solver="full").fit(np.concatenate([Xs, Xt]))
            Xs, Xt = pca.transform(Xs), pca.transform(Xt)
        model = fit_classifier("1nn" if row.method == "pca" else row.method, Xs, codes)
        return 100 * float((classes[probabilities(model, Xt).argmax(axis=1)] == yt).mean())
    settings = dict(row.settings)
    if isinstance(settings.get("n_components"), dict):
        by_pair = settings["n_components"]
        settings["n_components"] = by_pair.get(pair, by_pair.get(pair[::-1]))
    return 100 * adapter(row.method, **settings).fit(Xs, ys, Xt).score(Xt, yt)


def flow(domains: dict[str, tuple[np.ndarray, np.ndarray]]) -> float:
    """Largest difference between the mean of Psi(t)Psi(t)' over 2,000 uniform midpoints and the matrix of GFK."""
    axes = [spectrum(domains[letter][0]).axes[:, :20] for letter in "AD"]
    path = geodesic(*axes)
    mean = np.mean([path.at(t) @ path.at(t).T for t in (np.arange(2000) + 0.5) / 2000], axis=0)
    return float(np.abs(mean - kernel_matrix(*axes)).max())


def main() -> int:
    """Print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    domains, rows = read(given.data), []
    print(f"{'accuracy, %':<24}" + "".join(f"{pair:>7}" for pair in PAIRS) + f"{'mean':>8}{'seconds':>9}")
    for name, row in ROWS.items():
        start = time.perf_counter()
        cells = [accuracy(row, pair, domains) for pair in PAIRS]
        seconds, mean = time.perf_counter() - start, float(np.mean(cells))
        print(f"{name:<24}" + "".join(f"{cell:7.2f}" for cell in cells) + f"{mean:8.2f}{seconds:9.1f}", flush=True)
        if row.bar:
            print(f"{'  published or known':<24}" + "".join(f"{cell:7.2f}" for cell in row.bar))
        entry = {"what": name, "value": mean, "unit": "% mean", "cells": dict(zip(PAIRS, np.round(cells, 4).tolist()))}
        if row.exact:
            different = sum(f"{cell:.2f}" != f"{bar:.2f}" for cell, bar in zip(cells, row.bar))
            rows.append({"what": f"{name}: cells that differ from the known row", "value": different, "equals": 0})
        if row.within is not None:
            entry |= {"equals": row.mean, "within": row.within}
        if row.at_least is not None:
            entry |= {"at_least": row.at_least}
        rows.append(entry)
    rows.append({"what": "GFS over uniform t against GFK's matrix", "value": flow(domains), "at_most": 1e-6})
    return finish("adapt-office", rows, given.out)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
