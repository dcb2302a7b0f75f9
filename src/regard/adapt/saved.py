"""An adapted classifier as a run's folder, which `predict` and `export` take: where it decides by one linear map.

A map of the target's vectors that is linear (CORAL, subspaces, ...) under a linear classifier is again a linear
classifier of the vectors as they are. It is read off the fitted estimator, whatever that holds inside: centred
log-probabilities at one point and one step along each axis from there. Then both classify all target vectors; a model
whose probabilities differ from the linear ones (a nearest neighbour, a kernel) is refused. O(d) predictions.
"""

from pathlib import Path

import numpy as np

from ..core.checks import bad
from ..core.storage import new_folder
from ..representation.classifier import Classifier, save_classifier
from ..representation.embeddings import Embeddings
from ..representation.representation import Representation
from .contract import ShallowAdapter

SAME = 1e-3  # largest difference of a probability between the estimator and what is saved


def as_linear(model: ShallowAdapter, target: np.ndarray, name: str = "method") -> Classifier:
    """The linear classifier of vectors (d,) that a fitted adapter is on its target.

    Args:
        model: a fitted `ShallowAdapter`.
        target: (n, d) vectors to compare both on.
        name: what to call the model in messages.

    Raises:
        InputError: it decides in another way.
    """
    X = np.asarray(target, np.float64)
    weight, bias = _read_off(model, X)
    found = Classifier(weight.astype(np.float32), bias.astype(np.float32), tuple(map(str, model.classes_)))
    finite = np.isfinite(found.weight).all() and np.isfinite(found.bias).all()
    if not finite or np.abs(found.probabilities(X) - model.predict_proba(X)).max() > SAME:
        raise bad(
            "--out",
            f"a folder for {name}, which does not decide by one linear map of the vectors",
            "a .csv file for its predictions",
            "To keep the classifier, take --classifier linear and a method that maps linearly, such as coral.",
        )
    return found


def _read_off(model: ShallowAdapter, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight (classes, d) and bias (classes,) of margins or log-probabilities about the mean of X; NaN where none."""
    margins = getattr(getattr(model, "classifier_", None), "decision_function", None)

    def odds(points: np.ndarray) -> np.ndarray:
        if margins is not None:  # exact where a probability comes out as 0
            logs = np.asarray(margins(model._map(points, "target")), float)
            logs = np.stack([np.zeros(len(logs)), logs], axis=1) if logs.ndim == 1 else logs
        else:
            with np.errstate(divide="ignore"):
                logs = np.log(model.predict_proba(points))
        with np.errstate(invalid="ignore"):
            return logs - logs.mean(axis=1, keepdims=True)

    origin, d = X.mean(axis=0), X.shape[1]
    start = odds(origin[None])[0]
    if not np.isfinite(start).all():
        return np.full((len(start), d), np.nan), start
    moved = np.full((d, len(start)), np.nan)
    for step in (float(X.std()) or 1.0) * 10.0 ** -np.arange(6):  # shorter where a probability comes out as 0
        at = np.flatnonzero(~np.isfinite(moved).all(axis=1))
        for part in np.split(at, range(256, len(at), 256)):  # a group of points at once
            points = np.tile(origin, (len(part), 1))
            points[np.arange(len(part)), part] += step
            moved[part] = (odds(points) - start) / step if len(part) else moved[part]
    with np.errstate(invalid="ignore"):
        return moved.T, start - moved.T @ origin


def keep(
    model: ShallowAdapter,
    target: Embeddings,
    representation: str | Path,
    out: str | Path,
    about: dict[str, str | int | float],
) -> Classifier:
    """Write the representation with the adapted classifier on it, as a run's folder.

    Args:
        model: a fitted `ShallowAdapter`.
        target: what it was fitted to.
        representation: which made the vectors, by name or folder.
        out: a new or empty folder.
        about: for the card: method, classifier, sizes.

    Raises:
        InputError: vectors of another representation, a method that decides by no linear map, a folder in use.
    """
    rep = Representation.load(representation)
    if target.card.get("fingerprint") != rep.fingerprint or target.card.get("layer") is not None:
        made = target.card.get("representation", "none that is known")
        raise bad("--with", f"{rep.name}, for vectors of {made}", "the representation that made the vectors")
    classifier = as_linear(model, target.vectors, str(about.get("method", "method")))
    folder = new_folder("--out", out, marker="card.json")
    import torch

    tensors = {"weight": torch.from_numpy(classifier.weight), "bias": torch.from_numpy(classifier.bias)}
    parent = {"name": rep.name, "fingerprint": rep.fingerprint}
    rep.card = {
        "name": f"{about.get('method', 'adapted')}-{rep.name}",
        "made_by": f"{about.get('method', 'adaptation')} of a classifier on {rep.name} to {len(target)} target images",
        "parent": parent,
        "adapted": about,
        "classifier": save_classifier(folder, tensors, classifier.classes),
    }
    rep.save(folder)
    return classifier
