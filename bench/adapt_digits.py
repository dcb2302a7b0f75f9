"""Adaptation between MNIST and USPS (2,000 and 1,800 digits of 16 x 16), rows of length 1, against known figures.

    python bench/adapt_digits.py --data FOLDER [--out FILE]

FOLDER holds digits/MNIST_vs_USPS.mat (HDF5). Accuracy on the whole target with a nearest neighbour. Bars: 1NN and joint
PCA (100) to two decimals, as published; TCA in the primal form (mu = 0.1, 100 components), subspace alignment (80) and
GFK (40) within 0.5 of the figures of an independent implementation. Without a bar: the other methods at their defaults.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from _table import finish
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from regard.adapt.classifier import fit_classifier, probabilities
from regard.adapt.named import adapter
from regard.core.checks import InputError, check_path

# method: settings, known U>M and M>U, and how near ours must be
ROWS: list[tuple[str, dict[str, Any], tuple[float, float] | None, float]] = [
    ("1nn", {}, (44.70, 65.94), 0.005),
    ("pca", {}, (44.95, 66.22), 0.005),
    ("tca", {"primal": True, "mu": 0.1, "n_components": 100, "normalize": False}, (51.05, 56.28), 0.5),
    ("subspace", {"n_components": 80, "center": False}, (51.85, 67.39), 0.5),
    ("gfk", {"n_components": 40, "center": False}, (49.70, 67.00), 0.5),
    ("tjm", {}, None, 0),
    ("jda", {}, None, 0),
    ("coral", {"classifier": "1nn", "reg": 0.001}, None, 0),
    ("transport", {"normalize": False, "reg": 0.05, "spread": 0}, None, 0),
]


def read(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Both domains by letter: rows of length 1 (n, 256) and labels (n,)."""
    with h5py.File(check_path("--data", folder / "digits" / "MNIST_vs_USPS.mat", folder=False)) as file:
        return {
            letter: (normalize(np.array(file[X], float)), np.array(file[y]).ravel().astype(int))
            for letter, X, y in (("M", "Xs", "Ys"), ("U", "Xt", "Yt"))
        }


def accuracy(method: str, settings: dict[str, Any], source: Any, target: Any) -> float:
    """Accuracy in percent."""
    (Xs, ys), (Xt, yt) = source, target
    if method in ("1nn", "pca"):
        if method == "pca":
            pca = PCA(100, svd_solver="full").fit(np.concatenate([Xs, Xt]))
            Xs, Xt = pca.transform(Xs), pca.transform(Xt)
        classes, codes = np.unique(ys, return_inverse=True)
        return 100 * float((classes[probabilities(fit_classifier("1nn", Xs, codes), Xt).argmax(axis=1)] == yt).mean())
    return 100 * adapter(method, **settings).fit(Xs, ys, Xt).score(Xt, yt)


def main() -> int:
    """Print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    domains, rows = read(given.data), []
    for method, settings, known, within in ROWS:
        for at, (a, b) in enumerate(("UM", "MU")):
            value = accuracy(method, settings, domains[a], domains[b])
            row = {"what": f"{method} {settings or ''} {a} to {b}", "value": value, "unit": "%"}
            rows.append(row | ({} if known is None else {"equals": known[at], "within": within}))
    return finish("adapt-digits", rows, given.out)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
