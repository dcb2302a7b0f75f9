"""What frozen vectors know of the labels: a linear classifier, nearest neighbours, and both with few labels.

The protocol is fixed, so that representations compare: vectors standardised on the training set; the linear
classifier's penalty cross-validated on the training set alone, by identity where that is known; k-NN as Wu et al.
2018; few-shot draws fixed by seed. Every accuracy comes with a 95 % interval: the exact one over test samples,
or over identities where the test set shows some of them several times, and for few labels over draws, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.checks import bad, check_choice, check_number
from ..core.values import as_text, gaps, group_codes, nearest
from ..data.imageset import ImageSet
from ..data.sampling import few_shot
from ..metrics.classify import balanced_accuracy
from ..metrics.intervals import Interval, accuracy_interval, unknown
from ..metrics.knn import K, knn_predict, unit
from ..representation.embeddings import Embeddings
from ..representation.sources import check_same_representation
from .logistic import Logistic, fit_logistic

CLASSIFIERS = ("linear", "knn")
_SAME = 0.9999  # cosine from which two vectors of one id are the same picture, embedded at any precision


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found.

    Attributes:
        metrics: flat names to numbers: `linear`, `knn`, `linear_5shot` ... (accuracies), each with `_low` and `_high`;
            `linear_balanced`, `knn_balanced`; `majority` (always naming the commonest training class); `train`,
            `test`, `classes` (counts).
        intervals: the accuracies with their intervals.
        predictions: predicted labels (test,) by classifier with all labels, for confusion and paired differences.
        settings: penalty, its folds and cross-validated accuracy, k, seeds.
        notes: what the reader should know before believing the numbers.
    """

    metrics: dict[str, float | None]
    intervals: dict[str, Interval] = field(default_factory=dict)
    predictions: dict[str, np.ndarray] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the single predictions."""
        return {
            "metrics": self.metrics,
            "intervals": {name: interval.as_dict() for name, interval in self.intervals.items()},
            "settings": self.settings,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class LayersResult:
    """Probes of several layers of one network.

    Attributes:
        by_layer: the result of each layer, in the order given.
        best: the layer with the highest cross-validated accuracy on the training set; the test set has no say.
        last: the layer given last.
    """

    by_layer: dict[str, ProbeResult]
    best: str
    last: str

    @property
    def metrics(self) -> dict[str, float | None]:
        """`linear_best`, `linear_last`, `knn_best`, `knn_last`, and `linear_LAYER`, `knn_LAYER` for each."""
        named = {"best": self.by_layer[self.best], "last": self.by_layer[self.last], **self.by_layer}
        return {f"{kind}_{name}": found.metrics[kind] for kind in CLASSIFIERS for name, found in named.items()}

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        layers = {name: found.as_dict() for name, found in self.by_layer.items()}
        return {"metrics": self.metrics, "best": self.best, "last": self.last, "layers": layers}


def probe(
    train: Embeddings,
    test: Embeddings,
    *,
    classifier: str | Sequence[str] = CLASSIFIERS,
    shots: Sequence[int] = (),
    seeds: int = 3,
    seed: int = 0,
) -> ProbeResult:
    """Train classifiers on the training vectors and score them on the test vectors.

    Args:
        train: labelled vectors; a column `identity` keeps pictures of one thing in one fold.
        test: labelled vectors of the same representation, none of them in `train`.
        classifier: `linear`, `knn`, or both.
        shots: also with this many labels a class, each drawn `seeds` times.
        seeds: draws for each of `shots`.
        seed: of folds and draws.

    Raises:
        InputError: no labels, one class, a test class that training lacks, a class too small for what is asked, NaN,
            vectors of different length or representation, or a sample that is in both sets.

    >>> from regard.representation.embeddings import Embeddings
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 4)); y = np.where(x[:, 0] > 0, "right", "left")
    >>> all = Embeddings(x, np.arange(60), y)
    >>> found = probe(all.subset(np.arange(40)), all.subset(np.arange(40, 60)))
    >>> found.metrics["linear"] > 0.8, found.metrics["test"]
    (True, 20)
    """
    chosen = [classifier] if isinstance(classifier, str) else list(classifier)
    missing = check_sides(train, test, chosen, shots, seeds)
    notes = _leaks(train, test) + missing
    labels, truth = train.need_labels("train"), test.need_labels("test", 1)
    common, counts = np.unique(labels, return_counts=True)
    metrics: dict[str, float | None] = {"majority": float(np.mean(truth == common[counts.argmax()]))}
    settings: dict[str, Any] = {"classifier": chosen, "shots": list(shots), "seeds": seeds, "seed": seed}
    intervals, predictions = {}, {}
    for name in chosen:
        found, about = _fit_predict(name, train, test, seed)
        predictions[name] = found
        intervals[name] = accuracy_interval(found == truth, _identities(test))
        metrics[f"{name}_balanced"] = balanced_accuracy(truth, found)
        settings |= about
        if about.get("k", K) < K:
            notes.append(f"k-NN: k is {about['k']} in place of {K}, as many as there are training vectors.")
        if about.get("folds", 2) < 2:
            notes.append("linear: no class is there twice, so the penalty was not chosen but fixed.")
    for shot in shots:
        draws = [train.subset(few_shot(labels, shot, seed + draw)) for draw in range(seeds)]
        for name in chosen:
            right = [_fit_predict(name, few, test, seed)[0] == truth for few in draws]
            share = min(shot * len(common) / len(train), 0.9)
            made = accuracy_interval(np.stack(right), _identities(test), share=share)
            intervals[f"{name}_{shot}shot"] = made if seeds > 1 else unknown(made.mean, 1)
    for name, interval in intervals.items():
        ends = interval.as_dict()
        metrics |= {name: interval.mean, f"{name}_low": ends["low"], f"{name}_high": ends["high"]}
    metrics |= {"train": len(train), "test": len(test), "classes": len(common)}
    return ProbeResult(metrics, intervals, predictions, settings, tuple(notes))


def probe_layers(
    train_by_layer: Mapping[str, Embeddings], test_by_layer: Mapping[str, Embeddings], *, seed: int = 0
) -> LayersResult:
    """Probe each layer of a network, and say which is best and what the last one gives.

    Networks trained without labels often know more in a middle layer than in the last one.

    Raises:
        InputError: layers that differ between the two, or as `probe`.
    """
    if list(train_by_layer) != list(test_by_layer) or not train_by_layer:
        raise bad("layers", f"{list(train_by_layer)} and {list(test_by_layer)}", "the same layers for both sets")
    found = {name: probe(train, test_by_layer[name], seed=seed) for name, train in train_by_layer.items()}
    best = max(found, key=lambda name: found[name].settings["cv_accuracy"])
    return LayersResult(found, best, list(found)[-1])


def _fit_predict(name: str, train: Embeddings, test: Embeddings, seed: int) -> tuple[np.ndarray, dict[str, Any]]:
    labels = train.need_labels("train")
    if name == "knn":
        return knn_predict(train.vectors, labels, test.vectors), {"k": min(K, len(train))}
    model: Logistic = fit_logistic(train.vectors, labels, groups=_identities(train), seed=seed)
    about = {"penalty": model.penalty, "folds": model.folds, "cv_accuracy": model.cv_accuracy}
    return model.predict(test.vectors), about


def _identities(data: Embeddings) -> np.ndarray | None:
    """Which thing each sample is of; one without a value is of a thing of its own."""
    column = data.columns.get("identity")
    return None if column is None else group_codes(column, "identity")


def _named(data: Embeddings) -> np.ndarray:
    """The identities that have a name."""
    column = data.columns.get("identity", np.zeros(0, np.str_))
    return np.unique(as_text("identity", column)[~gaps(column)])


def check_sides(
    train: Embeddings | ImageSet,
    test: Embeddings | ImageSet,
    classifier: Sequence[str] = CLASSIFIERS,
    shots: Sequence[int] = (),
    seeds: int = 1,
) -> list[str]:
    """Refuse what `probe` would refuse for its settings and labels; images are not embedded for it. Gives notes."""
    for name in classifier:
        check_choice("--classifier", name, CLASSIFIERS)
    if not classifier:
        raise bad("--classifier", "none", "at least one of " + ", ".join(CLASSIFIERS))
    check_number("--seeds", seeds, 1, whole=True)
    for shot in shots:
        check_number("--shots", shot, 1, whole=True)
    labels, truth = train.need_labels("train"), test.need_labels("test", 1)
    if isinstance(train, Embeddings) and isinstance(test, Embeddings):
        check_same_representation("test", test, train)
    classes, counts = np.unique(labels, return_counts=True)
    strange = np.setdiff1d(truth, classes)
    if len(strange):
        raise bad(
            "test",
            f"{len(strange)} class(es) that are not in train: {', '.join(strange[:5])}",
            "classes from train",
            nearest(strange, classes) or "Add them to train, or leave them out of test.",
        )
    need = max([2 if "linear" in classifier else 1, *shots])
    if counts.min() < need:
        raise bad(
            "train",
            f"{counts.min()} sample(s) of class {str(classes[counts.argmin()])!r}",
            f"at least {need} of each class",
            "Add images, leave the class out, or ask for fewer --shots.",
        )
    missing = len(classes) - len(np.unique(truth))
    return [f"{missing} class(es) of train do not occur in test."] if missing else []


def _leaks(train: Embeddings, test: Embeddings) -> list[str]:
    """Refuse the same sample in both sets; note what looks like it."""
    notes = []
    both, here, there = np.intersect1d(train.ids, test.ids, return_indices=True)
    if len(both):
        alike = (unit(train.vectors[here]) * unit(test.vectors[there])).sum(axis=1) >= _SAME
        if alike.any():
            raise bad(
                "test",
                f"{alike.sum()} sample(s) that are in train too: {', '.join(both[alike][:3])}",
                "samples that training has not seen",
                "Split first; a score on training samples says nothing.",
            )
        # two folders may both hold cat/001.jpg; one id with two vectors is not the same picture
        notes.append(f"{len(both)} id(s) are in train and test with different vectors, such as {both[0]}.")
    known = {row.tobytes() for row in train.vectors}
    twins = [str(name) for name, row in zip(test.ids, test.vectors) if row.tobytes() in known]
    if twins:
        notes.append(f"leak? {len(twins)} test vector(s) are equal to one in train, such as {twins[0]}.")
    # a thing may be named by its own picture's id, as the clean one is in a corrupted set
    here, there = (np.union1d(_named(one), one.ids.astype(np.str_)) for one in (train, test))
    shared = np.union1d(np.intersect1d(_named(train), there), np.intersect1d(here, _named(test)))
    if len(shared):
        notes.append(f"leak? {len(shared)} identity(ies) are in train and test, such as {shared[0]}.")
    return notes
