"""Few target labels on Office-Caltech-10 (SURF): every method that learns from them, and every other with its defaults.

    python bench/adapt_few.py --data FOLDER [--draws 3] [--shots 3] [--methods NAME ...] [--out FILE]

20 source samples of a class (8 of dslr and webcam) and `shots` labelled target samples of each class, drawn anew each
time; the other target samples are seen without labels and scored. Mean of the twelve pairs; the interval is over the
draws (Student's). Rows without adaptation: the linear SVM and the nearest neighbour on the source, on the labelled
target samples, and on both. Bar: EasyAdapt within 1.5 points of an independent implementation (53.5, 20 draws) and
above both sides pooled.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish
from adapt_office import PAIRS, read

from regard.adapt.classifier import fit_classifier, probabilities
from regard.adapt.named import adapter
from regard.core.checks import InputError
from regard.core.discover import names
from regard.metrics.intervals import over_seeds

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "itml asymmetric": ("itml", {"asymmetric": True}),
    "asvm linear": ("asvm", {"kernel": "linear"}),
    "easyadapt, EA++": ("easyadapt", {"unlabelled": True, "classifier": "linear"}),
    "dscm, no rounds": ("dscm", {"rounds": 0}),
    "nbnn, plain": ("nbnn", {"rounds": 0, "C": 0.0}),
}


def drawn(y: np.ndarray, many: int, rng: np.random.Generator) -> np.ndarray:
    """So many rows of each class."""
    return np.concatenate([rng.permutation(np.flatnonzero(y == c))[:many] for c in np.unique(y)])


def alone(classifier: str, X: np.ndarray, y: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Labels that a classifier without adaptation predicts."""
    classes, codes = np.unique(y, return_inverse=True)
    return classes[probabilities(fit_classifier(classifier, X, codes), test).argmax(axis=1)]


def main() -> int:
    """Print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--shots", type=int, default=3)
    parser.add_argument("--methods", nargs="*")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    domains = read(given.data)
    methods = {name: (name, {}) for name in given.methods or names("adapt")} | ({} if given.methods else VARIANTS)
    table: dict[str, np.ndarray] = {}
    for draw in range(given.draws):
        for at, pair in enumerate(PAIRS):
            (X, y), (Xt, yt) = domains[pair[0]], domains[pair[1]]
            rng = np.random.default_rng((draw, at))
            s, few = drawn(y, 8 if pair[0] in "DW" else 20, rng), drawn(yt, given.shots, rng)
            rest = np.setdiff1d(np.arange(len(yt)), few)
            labels = np.full(len(yt), None, dtype=object)
            labels[few] = yt[few]
            both = np.concatenate([X[s], Xt[few]]), np.concatenate([y[s], yt[few]])
            found = {}
            for classifier in ("svm", "1nn"):
                for side, (A, b) in {"source": (X[s], y[s]), "labels": (Xt[few], yt[few]), "both": both}.items():
                    found[f"{classifier}, {side}"] = alone(classifier, A, b, Xt[rest])
            for name, (method, settings) in methods.items():
                found[name] = adapter(method, **settings).fit(X[s], y[s], Xt, labels).predict(Xt[rest])
            for name, predicted in found.items():
                cells = table.setdefault(name, np.zeros((given.draws, len(PAIRS))))
                cells[draw, at] = 100 * (predicted == yt[rest]).mean()
        print(f"draw {draw + 1} of {given.draws}", file=sys.stderr, flush=True)
    rows: list[dict[str, Any]] = []
    for name, cells in sorted(table.items(), key=lambda item: float(item[1].mean())):
        means = cells.mean(axis=1)
        interval = over_seeds(means)
        row = {"what": name, "value": float(means.mean()), "unit": f"% {interval.told(digits=1)}"}
        rows.append(row | ({"equals": 53.5, "within": 1.5} if name == "easyadapt" and given.shots == 3 else {}))
    if "easyadapt" in table:
        gain = float((table["easyadapt"] - table["svm, both"]).mean())
        rows.append({"what": "easyadapt over both sides pooled", "value": gain, "unit": "points", "at_least": 0})
    return finish("adapt-few", rows, given.out)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
