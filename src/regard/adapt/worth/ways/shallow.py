"""Shallow methods on the vectors of one representation, for one seed."""

import time

import numpy as np
from sklearn.base import clone

from ....representation.embeddings import Embeddings
from ...choose.auto import Auto
from ...classifier import ClassifierLike
from ...contract import UNKNOWN, ShallowAdapter
from ..comparison import BASELINES
from ..estimators import baseline_classifier, estimators_of
from ..inputs import sources_of
from ..trials import Draw, Task, fitted
from .cells import Cell


def shallow_estimators(
    methods: list[str], classifier: ClassifierLike, few: bool, notes: list[str]
) -> dict[str, ShallowAdapter]:
    """The estimators by name, those without a method first.

    `auto` chooses among the others that are named, so that what it takes is scored too; of none, among its own.
    """
    found = estimators_of(methods, classifier, {}, few, notes)
    if "auto" in found:
        named = {name: one for name, one in found.items() if name not in (*BASELINES, "auto")}
        found["auto"] = Auto(named or None, classifier=baseline_classifier(classifier))
    return found


def shallow_cell(
    estimator: ShallowAdapter, source: Embeddings, target: Embeddings, one: Draw, sees_labels: bool, before: float = 0.0
) -> Cell:
    """Fit an estimator to a draw and let it tell the target.

    Args:
        estimator: unfitted.
        source: vectors with labels.
        target: the same.
        one: the draw.
        sees_labels: whether it may see the labels that the draw makes known.
        before: seconds that the network took to learn.

    Raises:
        InputError: as the method does.
    """
    ys, yt = source.need_labels("SOURCE"), target.need_labels("TARGET", 1)
    task = Task(source.vectors, ys, target.vectors, yt, (one,), 0, origin=sources_of(source))
    estimator = clone(estimator)  # what is given stays as it is: it tells whether a cell is known
    if "random_state" in estimator.get_params(deep=False):
        estimator.set_params(random_state=one.seed)
    labels = np.full(len(yt), UNKNOWN, dtype=object)
    if sees_labels and type(estimator).uses_target_labels:
        labels[one.known] = yt[one.known]
    began = time.perf_counter()
    told = fitted(estimator, task, one.source, labels).predict(target.vectors)
    seconds = time.perf_counter() - began
    choice = getattr(estimator, "choice_", None)
    return Cell(
        np.where(np.isin(np.arange(len(yt)), one.known), "", told).astype(np.str_),
        seconds,
        before,
        "" if choice is None else choice.name,
    )
