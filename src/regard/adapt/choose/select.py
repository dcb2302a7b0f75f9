"""Which adaptation to trust, said without target labels.

Importance-weighted validation (Sugiyama, Krauledat & Mueller 2007, JMLR 8); deep embedded validation, DEV (You et
al. 2019, ICML); entropy of the predictions; soft neighbourhood density, SND (Saito et al. 2021, ICCV); circular (or
reverse) validation (Bruzzone & Marconcini 2010, TPAMI 32; Zhong et al. 2010, ECML).

Each has a way to be fooled: entropy rewards over-confidence, SND rewards classes that have collapsed, the importance
weights are blind where no source sample is. So the accuracy on held-out source samples stands beside every score, and
a method takes the place of "no adaptation" only where its score is better by more than chance (see `choose`).
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from sklearn.base import clone

from ...core.checks import InputError, bad, check_choice, check_number
from ...core.runtime import numpy_rng
from ...metrics.contrast import Difference, contrast
from ..domains import Domains
from ..labels import UNKNOWN
from .scorers import dev_risk, input_weights, mapped_weights, mean_entropy, neighbourhood_density

SCORERS = ("circular", "iwv", "dev", "entropy", "snd")


@dataclass(frozen=True)
class Evidence:
    """What is known of one candidate without target labels.

    Attributes:
        name: of the candidate.
        source: accuracy on held-out source samples, in [0, 1].
        scores: scorer -> score; larger is better, of different scales.
        units: scorer -> (ns,) what each source sample adds to the score, for those that are means over them.
        seconds: what it took to find out.
        failed: why the candidate cannot be used; empty where it can.
    """

    name: str
    source: float
    scores: Mapping[str, float]
    units: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    seconds: float = 0.0
    failed: str = ""


@dataclass(frozen=True)
class Choice:
    """A choice among candidates, and the evidence for it.

    Attributes:
        name: the candidate chosen.
        by: the scorer that chose.
        rows: the evidence of every candidate, in their order.
        margin: the chosen score minus that of the baseline, with its interval where the scorer has one; None where
            the baseline itself was chosen or there was none.
    """

    name: str
    by: str
    rows: tuple[Evidence, ...]
    margin: Difference | None = None

    def table(self) -> str:
        """One line a candidate: source accuracy, then every score; the chosen one is marked."""
        shown = list(next((row.scores for row in self.rows if row.scores), {}))
        width = max(12, *(len(row.name) for row in self.rows))
        lines = [f"  {'':<{width}}{'source':>9}" + "".join(f"{name:>10}" for name in shown) + f"{'seconds':>9}"]
        for row in self.rows:
            mark = "> " if row.name == self.name else "  "
            cells = "".join(f"{row.scores.get(name, np.nan):10.3f}" for name in shown)
            rest = f"  left out: {row.failed}" if row.failed else f"{row.source:9.3f}{cells}{row.seconds:9.2f}"
            lines.append(f"{mark}{row.name:<{width}}{rest}")
        return "\n".join(lines)


def candidates(names: Iterable[str], make: Any, *, tune: bool = False, **settings: Any) -> dict[str, Any]:
    """Estimators by name: each method as it is, or with `tune` each combination of its `grid`.

    >>> from regard.adapt.worth.run import adapter
    >>> list(candidates(["coral"], adapter, tune=True))[:2]
    ['coral reg=1.0', 'coral reg=0.001']
    """
    found: dict[str, Any] = {}
    for name in names:
        grid = type(make(name)).grid if tune else {}
        for values in product(*grid.values()):
            chosen = dict(zip(grid, values))
            said = " ".join([name, *(f"{key}={value}" for key, value in chosen.items())])
            known = make(name).get_params(deep=False)
            found[said] = make(name, **{key: value for key, value in settings.items() if key in known}, **chosen)
    return found


def choose(
    estimators: Mapping[str, Any],
    data: Domains,
    *,
    by: str = "circular",
    baseline: str | None = None,
    scorers: Sequence[str] | None = None,
    folds: int = 3,
    seed: int = 0,
    evidence: Mapping[str, Evidence] | None = None,
) -> Choice:
    """Choose the candidate with the best label-free score; the baseline stays unless another is better beyond chance.

    Beyond chance: the 95 % interval of the difference, paired over the source samples, leaves out 0 (`circular` and
    `iwv`, which are means over source samples; for the other scorers the better score is all that is asked).

    Args:
        estimators: candidate name -> unfitted shallow adapter.
        data: the domains, as `ShallowAdapter` gathers them.
        by: the scorer that decides.
        baseline: the candidate that stays unless another is better, usually no adaptation; None for none.
        scorers: what to compute beside `by`, for the table; all by default.
        folds: parts of the source of which each is held out once.
        seed: of the folds.
        evidence: what is known of some candidates already.

    Raises:
        InputError: no candidate can be fitted to these data, unknown scorers, too few source samples.
    """
    check_choice("by", by, SCORERS)
    if not estimators:
        raise bad("estimators", "none", "at least one candidate")
    if baseline is not None:
        check_choice("baseline", baseline, estimators)
    wanted = tuple(dict.fromkeys((by, *(SCORERS if scorers is None else scorers))))
    known = dict(evidence or {})
    weights = input_weights(data, seed) if "iwv" in wanted else None
    rows = tuple(
        known[name] if name in known else judge(name, one, data, wanted, folds=folds, seed=seed, weights=weights)
        for name, one in estimators.items()
    )
    usable = [row for row in rows if not row.failed]
    if not usable:
        raise InputError(f"no candidate can be fitted: {rows[0].name}: {rows[0].failed}")
    best = max(usable, key=lambda row: row.scores[by])
    first = next((row for row in usable if row.name == baseline), None)
    if first is None or best is first:
        return Choice(best.name, by, rows)
    if by not in best.units:
        return Choice(best.name, by, rows) if best.scores[by] > first.scores[by] else Choice(first.name, by, rows)
    margin = contrast(best.units[by], first.units[by])
    return Choice(best.name, by, rows, margin) if margin.low > 0 else Choice(first.name, by, rows)


def judge(
    name: str,
    estimator: Any,
    data: Domains,
    scorers: Sequence[str] = SCORERS,
    *,
    folds: int = 3,
    seed: int = 0,
    weights: np.ndarray | None = None,
) -> Evidence:
    """Score one candidate without target labels, by cross-validation on the source.

    In each fold the candidate learns from the other source samples and the whole target. `source`: accuracy on the
    samples left out. `iwv`: the same, weighted by w = p_t / p_s and divided by the mean weight. `dev`: 1 - (mean wl +
    eta mean w - eta) with the 0/1 loss l, w from the mapped samples and eta = -cov(wl, w) / var(w). `entropy`: 1 -
    mean entropy / log K of the target predictions. `snd`: mean entropy of softmax(cosine / 0.05) among the target
    predictions, without each itself. `circular`: the target with its predictions becomes the source of a second
    model of the same kind, and that model's accuracy on the samples left out is the score.

    Args:
        name: how to call it.
        estimator: unfitted shallow adapter; it is cloned.
        data: the domains.
        scorers: which of `SCORERS`.
        folds: at least 2.
        seed: of the folds.
        weights: (ns,) for `iwv`; estimated where None.
    """
    start = time.perf_counter()
    for scorer in scorers:
        check_choice("scorers", scorer, SCORERS)
    parts = fold_of(data.ys, folds, seed)
    if weights is None and "iwv" in scorers:
        weights = input_weights(data, seed)
    right, circular = np.zeros(len(data.ys)), np.zeros(len(data.ys))
    found: dict[str, list[float]] = {scorer: [] for scorer in scorers}
    try:
        for part in range(folds):
            held, rest = np.flatnonzero(parts == part), np.flatnonzero(parts != part)
            model = fitted(estimator, data, rest)
            names = np.array(data.sources)[data.origin]
            right[held] = model.predict(data.Xs[held], domain=names[held]) == data.ys[held]
            P = model.predict_proba(data.Xt)
            if "dev" in scorers:
                w = mapped_weights(model, data, names, rest, held, seed)
                found["dev"].append(1 - dev_risk(1 - right[held], w))
            if "entropy" in scorers:
                found["entropy"].append(1 - mean_entropy(P))
            if "snd" in scorers:
                found["snd"].append(neighbourhood_density(P))
            if "circular" in scorers:
                circular[held] = _back(estimator, data, model.classes_[P.argmax(axis=1)], rest, held)
    except InputError as error:
        return Evidence(name, float("nan"), {}, seconds=time.perf_counter() - start, failed=str(error))
    units = {}
    if "circular" in scorers:
        units["circular"] = circular
    if "iwv" in scorers and weights is not None:
        units["iwv"] = weights / weights.mean() * right
    scores = {scorer: float(np.mean(units[scorer] if scorer in units else found[scorer])) for scorer in scorers}
    return Evidence(name, float(right.mean()), scores, units, time.perf_counter() - start)


def fold_of(codes: np.ndarray, folds: int, seed: int = 0) -> np.ndarray:
    """Fold (n,) of each sample: every class is dealt out evenly, in an order drawn by the seed."""
    check_number("folds", folds, 2, whole=True)
    if len(codes) < 2 * folds:
        raise bad("Xs", f"{len(codes)} samples", f"at least {2 * folds}, so that {folds} folds can be held out")
    order = np.lexsort((numpy_rng(seed, "folds").random(len(codes)), codes))
    parts = np.empty(len(codes), int)
    parts[order] = np.arange(len(codes)) % folds
    return parts


def fitted(estimator: Any, data: Domains, rows: np.ndarray) -> Any:
    """The estimator, fitted to some source samples and the whole target with its known labels."""
    y = np.full(len(rows) + len(data.Xt), UNKNOWN, dtype=object)
    y[: len(rows)] = data.ys[rows].tolist()
    y[len(rows) + data.known] = data.yt.tolist()
    names = np.array([*np.array(data.sources)[data.origin[rows]], *["target"] * len(data.Xt)])
    return clone(estimator).fit(np.concatenate([data.Xs[rows], data.Xt]), y, domains=names, target="target")


def _back(estimator: Any, data: Domains, predicted: np.ndarray, rest: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Whether a model of the same kind, taught by the predicted target, is right on the source samples left out."""
    if len(np.unique(predicted)) < 2:
        return data.ys[held] == predicted[0]
    known = data.ys[rest] if type(estimator).needs_target_labels else None
    back = clone(estimator).fit(data.Xt, predicted, data.Xs[rest], known)
    return back.predict(data.Xs[held]) == data.ys[held]
