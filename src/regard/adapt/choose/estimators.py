"""Evidence of scikit-learn estimators, gathered by cross-validation on the source, and the choice among them."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product

import numpy as np
from sklearn.base import clone

from ...core.checks import InputError, bad, check_choice, check_number
from ...core.runtime import numpy_rng
from ..contract import ShallowAdapter
from ..domains import Domains
from ..labels import UNKNOWN
from .evidence import Evidence
from .scorers import SCORERS, input_weights
from .select import Choice, Judged, decide, judge


def candidates(
    names: Iterable[str], make: Callable[..., ShallowAdapter], *, tune: bool = False, **settings: object
) -> dict[str, ShallowAdapter]:
    """Estimators by name: each method as it is, or with `tune` each combination of its `grid`.

    >>> from regard.adapt.named import adapter
    >>> list(candidates(["coral"], adapter, tune=True))[:2]
    ['coral reg=1.0', 'coral reg=0.001']
    """
    found: dict[str, ShallowAdapter] = {}
    for name in names:
        grid = type(make(name)).grid if tune else {}
        for values in product(*grid.values()):
            chosen = dict(zip(grid, values))
            label = " ".join([name, *(f"{key}={value}" for key, value in chosen.items())])
            known = make(name).get_params(deep=False)
            found[label] = make(name, **{key: value for key, value in settings.items() if key in known}, **chosen)
    return found


def choose_estimator(
    estimators: Mapping[str, ShallowAdapter],
    data: Domains,
    *,
    by: str = "circular",
    baseline: str | None = None,
    scorers: Sequence[str] | None = None,
    folds: int = 3,
    seed: int = 0,
    ranks: Mapping[str, int] | None = None,
) -> Choice:
    """Choose among unfitted estimators by the rule of `select.choose`, leaving out those that cannot be fitted.

    Args:
        estimators: candidate name -> unfitted shallow adapter.
        data: the domains, as `ShallowAdapter` gathers them.
        by: the scorer that decides.
        baseline: the candidate that stays unless another is better, usually no adaptation; None for none.
        scorers: what to compute beside `by`, for the table; all by default.
        folds: parts of the source of which each is held out once.
        seed: of the folds.
        ranks: of the candidates, the preferred ones lowest (see `select.decide`).

    Raises:
        InputError: no candidate can be fitted to these data, unknown scorers, too few source samples.
    """
    check_choice("by", by, SCORERS)
    if not estimators:
        raise bad("estimators", "none", "at least one candidate")
    if baseline is not None:
        check_choice("baseline", baseline, estimators)
    wanted = tuple(dict.fromkeys((by, *(SCORERS if scorers is None else scorers))))
    weights = input_weights(data.Xs, data.Xt) if _read("weights", wanted) else None
    rows = [
        judge_estimator(name, one, data, wanted, folds=folds, seed=seed, weights=weights)
        for name, one in estimators.items()
    ]
    return decide(rows, by, baseline, ranks=ranks)


def judge_estimator(
    name: str,
    estimator: ShallowAdapter,
    data: Domains,
    scorers: Sequence[str] = tuple(SCORERS),
    *,
    folds: int = 3,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> Judged:
    """Score one unfitted estimator by its evidence; `failed` says why where it cannot be fitted to these data."""
    for scorer in scorers:
        check_choice("scorers", scorer, SCORERS)
    parts, start = fold_of(data.ys, folds, seed), time.perf_counter()
    try:
        evidence = evidence_of(estimator, data, parts, scorers, weights)
        found = judge(name, evidence, scorers)
    except InputError as error:
        return Judged(name, float("nan"), {}, seconds=time.perf_counter() - start, failed=str(error))
    return Judged(name, found.source, found.scores, found.units, time.perf_counter() - start)


def evidence_of(
    estimator: ShallowAdapter,
    data: Domains,
    parts: np.ndarray,
    scorers: Sequence[str] = tuple(SCORERS),
    weights: np.ndarray | None = None,
) -> Iterator[Evidence]:
    """Yield the evidence of an estimator for each fold of the source, as far as the scorers read it.

    In each fold a clone learns from the other source samples and the whole target, whose labels it knows only where
    the data say so. `features` are the vectors after its `transform`; the reverse model is a clone that learns from
    the target under its predicted labels.

    Args:
        estimator: unfitted shallow adapter.
        data: the domains.
        parts: (ns,) fold of each source sample, as `fold_of` deals them.
        scorers: which of `SCORERS`.
        weights: (ns,) importance weights of mean 1; estimated where None and asked for.
    """
    if weights is None and _read("weights", scorers):
        weights = input_weights(data.Xs, data.Xt)
    names = np.array(data.sources)[data.origin]
    for part in np.unique(parts):
        held, rest = np.flatnonzero(parts == part), np.flatnonzero(parts != part)
        model = fitted(estimator, data, rest)
        P = model.predict_proba(data.Xt)
        mapped = _read("source_features", scorers)
        reverse = None
        if _read("reverse_predicted", scorers):
            reverse = _reverse(estimator, data, model.classes_[P.argmax(axis=1)], rest, held)
        yield Evidence(
            labels=data.ys[held],
            predicted=model.predict(data.Xs[held], domain=names[held]),
            rows=held,
            # as arrays, whatever `set_output` says
            source_features=np.asarray(model.transform(data.Xs, domain=names)) if mapped else None,
            target_features=np.asarray(model.transform(data.Xt)) if mapped else None,
            target_probabilities=P,
            weights=None if weights is None else weights[held],
            reverse_predicted=reverse,
        )


def _read(field: str, scorers: Sequence[str]) -> bool:
    """Whether some of the scorers would read this field of the evidence."""
    return any(field in SCORERS[scorer].needs[0] for scorer in scorers)


def fold_of(codes: np.ndarray, folds: int, seed: int = 0) -> np.ndarray:
    """Fold (n,) of each sample: every class is dealt out evenly, in an order drawn by the seed."""
    check_number("folds", folds, 2, whole=True)
    if len(codes) < 2 * folds:
        raise bad("Xs", f"{len(codes)} samples", f"at least {2 * folds}, so that {folds} folds can be held out")
    order = np.lexsort((numpy_rng(seed, "folds").random(len(codes)), codes))
    parts = np.empty(len(codes), int)
    parts[order] = np.arange(len(codes)) % folds
    return parts


def fitted(estimator: ShallowAdapter, data: Domains, rows: np.ndarray) -> ShallowAdapter:
    """A clone of the estimator, fitted to some source samples and the whole target with its known labels."""
    y = np.full(len(rows) + len(data.Xt), UNKNOWN, dtype=object)
    y[: len(rows)] = data.ys[rows].tolist()
    y[len(rows) + data.known] = data.yt.tolist()
    names = np.array([*np.array(data.sources)[data.origin[rows]], *["target"] * len(data.Xt)])
    return clone(estimator).fit(np.concatenate([data.Xs[rows], data.Xt]), y, domains=names, target="target")


def _reverse(
    estimator: ShallowAdapter, data: Domains, predicted: np.ndarray, rest: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """What a model of the same kind, taught by the predicted target, says of the source samples left out."""
    if len(np.unique(predicted)) < 2:
        return np.full(len(held), predicted[0])
    known = data.ys[rest] if type(estimator).needs_target_labels else None
    back = clone(estimator).fit(data.Xt, predicted, data.Xs[rest], known)
    return back.predict(data.Xs[held])
