"""Adapt by name, and say what it was worth: against the source alone, and against a classifier with target labels."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from sklearn.model_selection import StratifiedKFold

from ..core.checks import bad, check_choice, check_labels, check_matrix
from ..core.discover import load, names
from ..metrics.intervals import Difference, Interval, bootstrap, paired_difference
from .classifier import fit_classifier, probabilities
from .contract import Domains, ShallowAdapter
from .labels import known_labels
from .shift import Shift, shift


class Vectors(Protocol):
    """What is compared: `Embeddings`, or anything with these."""

    @property
    def vectors(self) -> np.ndarray:
        """Samples (n, d)."""

    @property
    def labels(self) -> np.ndarray | None:
        """Their labels (n,), or None where they are not known."""


class SourceOnly(ShallowAdapter):
    """No adaptation: the classifier on the source's vectors as they are; the row that every method must beat."""

    def __init__(self, classifier: Any = "linear") -> None:
        self.classifier = classifier

    def _align(self, data: Domains) -> None:
        """Learn nothing."""


@dataclass(frozen=True)
class Row:
    """One line of a comparison.

    Attributes:
        name: source_only, a method, or oracle.
        accuracy: on the target, with its bootstrap interval over target samples.
        gain: accuracy minus that of source_only on the same samples, with its paired interval; None for source_only.
        seconds: to fit and to predict, mean over seeds.
        shift: what is left between the mapped domains; None for source_only (see `Comparison.before`) and oracle.
        predictions: (nt,) labels that the first seed predicted.
    """

    name: str
    accuracy: Interval
    gain: Difference | None
    seconds: float
    shift: Shift | None
    predictions: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Comparison:
    """What adapting was worth.

    Attributes:
        rows: source_only, the methods, oracle.
        before: the shift between the vectors as they came.
        unreachable: share of target samples whose class the source does not have: no method can be right there.
        notes: what a reader must know.
    """

    rows: tuple[Row, ...]
    before: Shift
    unreachable: float
    notes: tuple[str, ...]

    def row(self, name: str) -> Row:
        """The line of that name."""
        check_choice("name", name, [row.name for row in self.rows])
        return next(row for row in self.rows if row.name == name)

    def metrics(self) -> dict[str, float]:
        """Flat names to numbers: NAME, NAME_gain, NAME_seconds, NAME_mmd2, NAME_a_distance, mmd2, a_distance ..."""
        flat = {"mmd2": self.before.rbf, "a_distance": self.before.a_distance, "unreachable": self.unreachable}
        for row in self.rows:
            flat[row.name] = row.accuracy.mean
            flat[f"{row.name}_seconds"] = row.seconds
            if row.gain is not None:
                flat[f"{row.name}_gain"] = row.gain.mean
            if row.shift is not None:
                flat[f"{row.name}_mmd2"], flat[f"{row.name}_a_distance"] = row.shift.rbf, row.shift.a_distance
        return flat

    def table(self) -> str:
        """The lines as plain text; "no gain" where the interval of the difference includes 0."""
        lines = [
            f"{'':<14}{'accuracy on the target':<25}{'against source_only':<40}{'MMD2':>8}{'PAD':>6}{'seconds':>9}"
        ]
        for row in self.rows:
            seen = self.before if row.name == "source_only" else row.shift
            gain = "" if row.gain is None else f"{row.gain.verdict:<8}{_signed(row.gain)}"
            left = f"{'':>14}" if seen is None else f"{seen.rbf:8.4f}{seen.a_distance:6.2f}"
            lines.append(f"{row.name:<14}{row.accuracy!s:<25}{gain:<40}{left}{row.seconds:9.2f}")
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def adapter(name: str, **settings: Any) -> Any:
    """Make a shallow method by its name: a scikit-learn estimator with `fit(Xs, ys, Xt, yt=None)`.

    Raises:
        InputError: no such method or setting; the nearest name is given.

    >>> adapter("coral", reg=0.5)
    Coral(reg=0.5)
    >>> adapter("coral", regularisation=0.5)
    Traceback (most recent call last):
    regard.core.checks.InputError: setting of coral: expected one of center, classifier, reg, got 'regularisation'.
    """
    method = load("adapt", name)
    for setting in settings:
        check_choice(f"setting of {name}", setting, sorted(method().get_params(deep=False)))
    return method(**settings)


def compare(
    source: Vectors,
    target: Vectors,
    methods: Iterable[str] | None = None,
    *,
    classifier: Any = "linear",
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    seeds: Sequence[int] = (0,),
    shift_samples: int = 500,
) -> Comparison:
    """Adapt with each method and score it on the target, beside no adaptation and beside a classifier that may cheat.

    The methods see the target's vectors without labels, and are scored on the same vectors (as the literature does);
    the target's labels serve for the score and for `oracle` alone, the same classifier in cross-validation on the
    target. Intervals are percentile bootstraps over the target samples: they say how sure the figure is for other
    samples of this target, not for another source. A method with a `random_state` runs once for each seed, and a
    sample counts with the share of seeds that had it right.

    Args:
        source: vectors (ns, d) with labels.
        target: vectors (nt, d) with labels to score with.
        methods: names; all by default.
        classifier: on top of every row: "1nn", "linear", "svm" or a scikit-learn classifier.
        settings: method -> its settings.
        seeds: for methods that draw; the first one also seeds the intervals, the folds and the shift.
        shift_samples: how many samples of each domain the shift is measured on.

    Raises:
        InputError: no labels, one class only, no class in common, other dimensions, NaN, vectors made by different
            representations.
    """
    Xs, ys, Xt, yt = _checked(source, target)
    chosen = list(names("adapt") if methods is None else methods)
    settings = dict(settings or {})
    for name in chosen:
        check_choice("methods", name, names("adapt"))
    for name in settings:
        check_choice("settings", name, chosen)
    if not len(seeds):
        raise bad("seeds", "none", "at least one seed")
    reachable = np.isin(yt, ys)
    notes = []
    if not reachable.all():
        notes.append(
            f"{(~reachable).mean():.1%} of the target samples cannot be right: the source has no class "
            + ", ".join(map(str, np.unique(yt[~reachable])[:5]))
        )
    estimators: dict[str, Any] = {"source_only": SourceOnly(classifier=classifier)}
    for name in chosen:
        estimators[name] = adapter(name, **{"classifier": classifier, **settings.get(name, {})})
    runs = {name: _run(one, Xs, ys, Xt, yt, seeds, shift_samples) for name, one in estimators.items()}
    base, before = runs["source_only"][0], runs["source_only"][3]
    rows = [
        _row(name, right, base, predicted, seconds, None if name == "source_only" else left, seeds[0])
        for name, (right, predicted, seconds, left) in runs.items()
    ]
    folds = int(min(5, np.unique(yt, return_counts=True)[1].min()))
    if folds >= 2 and len(np.unique(yt)) >= 2:
        start = time.perf_counter()
        predicted = _oracle(classifier, Xt, yt, folds, seeds[0])
        rows.append(_row("oracle", predicted == yt, base, predicted, time.perf_counter() - start, None, seeds[0]))
    else:
        notes.append("no oracle: it needs two classes, and two target samples of every class, to cross-validate")
    return Comparison(tuple(rows), before, float((~reachable).mean()), tuple(notes + list(before.notes)))


def _run(
    estimator: Any, Xs: Any, ys: Any, Xt: Any, yt: Any, seeds: Sequence[int], shift_samples: int
) -> tuple[np.ndarray, np.ndarray, float, Shift]:
    """How often each target sample was right over the seeds, first predictions, seconds a seed, what shift is left."""
    draws = "random_state" in estimator.get_params(deep=False)
    right, found, start = [], [], time.perf_counter()
    for seed in seeds if draws else seeds[:1]:
        if draws:
            estimator.set_params(random_state=seed)
        found.append(estimator.fit(Xs, ys, Xt).predict(Xt))
        right.append(found[-1] == yt)
    seconds = (time.perf_counter() - start) / len(found)
    mapped = estimator.transform(Xs, "source"), estimator.transform(Xt)
    left = shift(*mapped, seed=seeds[0], permutations=0, max_samples=shift_samples)
    return np.mean(right, axis=0), found[0], seconds, left


def _row(name: str, right: Any, base: Any, predicted: np.ndarray, seconds: float, left: Shift | None, seed: int) -> Row:
    gain = None if name == "source_only" else paired_difference(right, base, seed=seed)
    return Row(name, bootstrap(right, seed=seed), gain, seconds, left, predicted)


def _oracle(classifier: Any, X: np.ndarray, y: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Predictions (n,) for each sample by a classifier that learned on the other folds."""
    classes, codes = np.unique(y, return_inverse=True)
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    found = np.empty(len(y), int)
    for fit, check in split.split(X, codes):
        found[check] = probabilities(fit_classifier(classifier, X[fit], codes[fit]), X[check]).argmax(axis=1)
    return classes[found]


def _checked(source: Vectors, target: Vectors) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    cards = [getattr(one, "card", {}) for one in (source, target)]
    made = [card.get("fingerprint") for card in cards]
    if None not in made and (made[0] != made[1] or cards[0].get("layer") != cards[1].get("layer")):
        raise bad(
            "target", f"vectors of another representation ({made[1]})", f"the source's ({made[0]})", "Embed again."
        )
    if source.labels is None:
        raise bad("source", "vectors without labels", "labels to learn from")
    if target.labels is None:
        raise bad(
            "target", "vectors without labels", "labels to score with", "To predict: adapter(NAME).fit(Xs, ys, Xt)."
        )
    Xs = check_matrix("source", source.vectors)
    Xt = check_matrix("target", target.vectors, columns=Xs.shape[1])
    ys = check_labels("source", known_labels("source", source.labels, len(Xs)), len(Xs), min_classes=2)
    yt = known_labels("target", target.labels, len(Xt))
    if not np.isin(yt, ys).any():
        raise bad(
            "target",
            f"the classes {_some(yt)}, none of which the source has",
            f"some of the source's classes {_some(ys)}",
            "Name the classes of both domains alike.",
        )
    return Xs, ys, Xt, yt


def _some(labels: np.ndarray) -> str:
    classes = [str(label) for label in np.unique(labels)]
    return ", ".join(classes[:8]) + (f" ... ({len(classes)} in all)" if len(classes) > 8 else "")


def _signed(gain: Difference) -> str:
    return f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
