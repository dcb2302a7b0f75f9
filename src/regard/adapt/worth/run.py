"""Adapt with each method, and say what it was worth: against the source alone, and against target labels."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.checks import InputError, bad, check_matrix, check_number
from ...core.events import Event
from ..choose.auto import DEFAULT, Auto, SourceOnly
from ..classifier import ClassifierLike
from ..contract import ShallowAdapter
from ..labels import known_labels
from ..named import adapter
from .comparison import BASELINES, BOTH, ONE_SOURCE, Comparison, Row
from .estimators import baseline_classifier, estimators_of
from .inputs import Vectors, check_source, check_target, checked, sources_of
from .trials import Run, Task, as_row, draw, halved, oracle, run

__all__ = ["Comparison", "Row", "SourceOnly", "Vectors", "adapter", "check_source", "check_target", "compare"]

Watch = Callable[[Iterable[Event]], Iterable[Event]]


def compare(
    source: Vectors,
    target: Vectors,
    methods: Iterable[str] | Mapping[str, ShallowAdapter] | None = None,
    *,
    classifier: ClassifierLike = "linear",
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    seeds: Sequence[int] = (0,),
    share: float = 1.0,
    shots: int = 0,
    labelled: Vectors | None = None,
    auto: bool = False,
    shift_samples: int = 500,
    watch: Watch | None = None,
) -> Comparison:
    """Adapt with each method and score it on the target, beside no adaptation and beside a classifier that may cheat.

    The methods see the target's vectors without labels, and are scored on the same vectors (as the literature does);
    the target's labels serve for the score and for `oracle` alone, the same classifier in cross-validation on the
    target. With `shots`, so many target samples of each class are drawn whose label the methods know; the others are
    scored, and the baseline is `source_and_labels`, the classifier on the source and these labels without adaptation.

    With several seeds and `share` below 1 or `shots` above 0, every seed draws anew, and intervals hold the variance of
    draws and target samples (see `metrics.contrast`); with a share of one half and an even number of seeds,
    draws are the two halves of the source in turn, which shows best what another source would give. With one draw,
    intervals are over the target samples and there is no verdict: nobody knows what another source would give. Without
    draws, a method with a `random_state` runs once for each seed, and a sample counts with the share of seeds that had
    it right.

    Args:
        source: vectors (ns, d) with labels; a column `domain` among its `columns` names several sources.
        target: vectors (nt, d) with labels to score with.
        methods: names, of which `auto` may be one, or name -> unfitted adapter; None for all that can be run (what
            fails is left out and noted).
        classifier: on top of every row: "1nn", "linear", "svm" or a scikit-learn classifier; "own" leaves each method
            its own, and takes "linear" for the rows without a method.
        settings: method -> its settings.
        seeds: for draws and for methods that draw; the first one also seeds the folds and the shift.
        share: of each class of the source that a seed draws, in (0, 1].
        shots: labelled target samples of each class; 0 for none.
        labelled: target vectors with labels that the methods know; they are not scored.
        auto: add the row of `auto`, which chooses one of the methods named, or of its own, without target labels.
        shift_samples: how many samples of each domain the shift is measured on.
        watch: wraps the stream of events, to show progress.

    Raises:
        InputError: no labels, one class only, no class in common, other dimensions, NaN, vectors made by different
            representations; a method named in `methods` that cannot be run on these data.
    """
    Xs, ys, Xt, yt = checked(source, target)
    settings, notes = dict(settings or {}), list[str]()
    check_number("share", share, 0, 1, open_low=True)
    check_number("shots", shots, 0, whole=True)
    if not len(seeds):
        raise bad("seeds", "none", "at least one seed")
    reachable = np.isin(yt, ys)
    if not reachable.all():
        notes.append(
            f"{(~reachable).mean():.1%} of the target samples cannot be right: the source has no class "
            + ", ".join(map(str, np.unique(yt[~reachable])[:5]))
        )
    given = 0
    if labelled is not None:
        Xk = check_matrix("labelled", labelled.vectors, columns=Xt.shape[1])
        yk, given = known_labels("labelled", labelled.labels, len(Xk)), len(Xk)
        Xt, yt = np.concatenate([Xk, Xt]), np.concatenate([yk, yt])
    few = shots > 0 or given > 0
    estimators = estimators_of(methods, classifier, settings, few, notes)
    if (auto or "auto" in estimators) and not (isinstance(methods, Mapping) and "auto" in methods):
        # it chooses among the very estimators that are scored, so that its regret is known
        named = {name: one for name, one in estimators.items() if name not in (*BASELINES, "auto")}
        if methods is None:
            named = {name: one for name, one in named.items() if name in DEFAULT}
        estimators["auto"] = Auto(named or None, classifier=baseline_classifier(classifier), **settings.get("auto", {}))
    halves = share == 0.5 and len(seeds) % 2 == 0
    if share == 0.5 and len(seeds) > 1 and not halves:
        notes.append("An odd number of draws are no halves of the source, and show less: take an even one.")
    draws = tuple(draw(ys, yt, 1.0 if halves else share, shots, seed, given) for seed in seeds)
    if halves:
        draws = tuple(half for pair in zip(draws[::2], draws[1::2]) for half in halved(*pair, ys))
    task = Task(Xs, ys, Xt, yt, draws, shift_samples, given, origin=sources_of(source))
    task = replace(task, varied=len(seeds) > 1 and (share < 1 or shots > 0), share=share, halves=halves)
    runs: dict[str, Run] = {}
    events = _run_all(estimators, task, methods is None, runs, notes)
    for _ in events if watch is None else watch(events):
        pass
    base = "source_and_labels" if few else "source_only"
    rows = [as_row(name, run, runs[base], name in ("source_only", base), task) for name, run in runs.items()]
    found = oracle(baseline_classifier(classifier), task)
    if found is None:
        notes.append("no oracle: it needs two classes, and two target samples of every class, to cross-validate")
    else:
        rows.append(as_row("oracle", found, runs[base], False, task))
    before, choice = runs["source_only"].left, runs["auto"].choice if "auto" in runs else None
    assert before is not None  # measured for every estimator
    over = BOTH if task.varied and share < 1 else ONE_SOURCE
    return Comparison(tuple(rows), before, float((~reachable).mean()), (*notes, *before.notes), choice, over)


def _run_all(
    estimators: Mapping[str, ShallowAdapter], task: Task, forgiving: bool, runs: dict[str, Run], notes: list[str]
) -> Iterator[Event]:
    """Run every estimator, put the results into `runs`, and tell how far it is."""
    for done, (name, estimator) in enumerate(estimators.items()):
        yield Event("adapt", done, len(estimators), text=name)
        try:
            runs[name] = run(estimator, task, name != "source_only")
        except InputError as error:
            if not forgiving or isinstance(estimator, SourceOnly):
                raise
            notes.append(f"{name} left out: {error}")
    yield Event("adapt", len(estimators), len(estimators))
