"""Choosing among models without target labels: candidates are judged by their `Evidence`.

Each score has a way to be fooled: entropy rewards over-confidence, SND rewards classes that have collapsed, importance
weights are blind where no source sample is. So the accuracy on held-out source samples stands beside every score, and
a candidate takes the place of "no adaptation" only where its score is better by more than chance (see `choose`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...core.checks import InputError, bad, check_choice
from ...metrics.contrast import Difference, contrast
from .evidence import Evidence
from .scorers import SCORERS

__all__ = ["SCORERS", "Choice", "Evidence", "Judged", "choose", "decide", "judge"]


@dataclass(frozen=True)
class Judged:
    """One candidate, judged without target labels.

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
    """A choice among candidates, and how each of them was judged.

    Attributes:
        name: the candidate chosen.
        by: the scorer that chose.
        rows: every candidate judged, in their order.
        margin: the chosen score minus that of the baseline, with its interval where the scorer has one; None where
            the baseline itself was chosen or there was none.
        note: what the scores cannot see, where there is something to say.
    """

    name: str
    by: str
    rows: tuple[Judged, ...]
    margin: Difference | None = None
    note: str = ""

    def table(self) -> str:
        """One line a candidate: source accuracy, then every score; the chosen one is marked; the note at the end."""
        shown = list(next((row.scores for row in self.rows if row.scores), {}))
        width = max(12, *(len(row.name) for row in self.rows))
        lines = [f"  {'':<{width}}{'source':>9}" + "".join(f"{name:>10}" for name in shown) + f"{'seconds':>9}"]
        for row in self.rows:
            mark = "> " if row.name == self.name else "  "
            cells = "".join(f"{row.scores.get(name, np.nan):10.3f}" for name in shown)
            rest = f"  left out: {row.failed}" if row.failed else f"{row.source:9.3f}{cells}{row.seconds:9.2f}"
            lines.append(f"{mark}{row.name:<{width}}{rest}")
        return "\n".join([*lines, *filter(None, [self.note])])


def choose(
    evidence: Mapping[str, Evidence | Sequence[Evidence]],
    *,
    by: str = "circular",
    baseline: str | None = None,
    scorers: Sequence[str] | None = None,
) -> Choice:
    """Choose the candidate with the best label-free score; the baseline stays unless another is better beyond chance.

    Beyond chance: the 95 % interval of the difference, paired over the source samples, leaves out 0 (`circular` and
    `iwv`, which are means over source samples; for the other scorers the better score is all that is asked).

    Args:
        evidence: candidate name -> its evidence: of one model, or of one model for each fold of the source. All
            candidates are judged on the same source validation samples.
        by: the scorer that decides.
        baseline: the candidate that stays unless another is better, usually no adaptation; None for none.
        scorers: what to compute beside `by`, for the table; None for all that every candidate's evidence admits.

    Raises:
        InputError: no candidate, unknown scorers, evidence that lacks what a scorer reads, candidates judged on
            different samples.
    """
    check_choice("by", by, SCORERS)
    parts = {name: (one,) if isinstance(one, Evidence) else tuple(one) for name, one in evidence.items()}
    if not parts:
        raise bad("evidence", "none", "that of at least one candidate")
    if baseline is not None:
        check_choice("baseline", baseline, parts)
    first, *others = ((name, _samples(name, one)) for name, one in parts.items())
    for name, samples in others:
        if not all(np.array_equal(a, b) for a, b in zip(samples, first[1])):
            raise bad("evidence", f"other source samples for {name} than for {first[0]}", "the same for all candidates")
    every = [one for several in parts.values() for one in several]
    if scorers is None:
        scorers = [name for name, scorer in SCORERS.items() if all(map(scorer.admits, every))]
    wanted = tuple(dict.fromkeys((by, *scorers)))
    return decide([judge(name, one, wanted) for name, one in parts.items()], by, baseline)


def decide(
    rows: Sequence[Judged], by: str, baseline: str | None = None, *, ranks: Mapping[str, int] | None = None
) -> Choice:
    """Choose among candidates that are judged already, by the rule of `choose`.

    Args:
        rows: the candidates.
        by: the scorer that decides.
        baseline: the candidate that stays unless another is better beyond chance.
        ranks: of the candidates, by name, the preferred ones lowest. Of those that beat the baseline beyond chance the
            one of the lowest rank is taken, of several of one rank that with the best score. A few source samples
            seldom tell good candidates apart, and the best of many scores is partly luck; that a method is better than
            none they do tell. For scorers with units; for the others, and without ranks, the best is taken.

    Raises:
        InputError: every candidate failed.
    """
    rows = tuple(rows)
    usable = [row for row in rows if not row.failed]
    if not usable:
        raise InputError(f"no candidate can be fitted: {rows[0].name}: {rows[0].failed}")
    best = max(usable, key=lambda row: row.scores[by])
    first = next((row for row in usable if row.name == baseline), None)
    if first is None or best is first:
        return Choice(best.name, by, rows)
    if by not in best.units:
        return Choice(best.name, by, rows) if best.scores[by] > first.scores[by] else Choice(first.name, by, rows)
    tried = [best] if ranks is None else [row for row in usable if row is not first]
    margins = {row.name: contrast(row.units[by], first.units[by]) for row in tried}
    beating = [row for row in tried if margins[row.name].low > 0]
    if not beating:
        return Choice(first.name, by, rows)
    chosen = min(beating, key=lambda row: (0 if ranks is None else ranks[row.name], -row.scores[by]))
    return Choice(chosen.name, by, rows, margins[chosen.name])


def judge(
    name: str, evidence: Evidence | Iterable[Evidence], scorers: Sequence[str] = tuple(SCORERS), seconds: float = 0.0
) -> Judged:
    """Score one candidate by its evidence, without target labels.

    A score that is a mean over source validation samples is the mean over those of all folds; every other score is
    the mean of the folds' scores.

    Args:
        name: how to call it.
        evidence: of one model, or of one model for each fold; read once, so that one fold is in memory at a time.
        scorers: which of `SCORERS`.
        seconds: what it took to gather the evidence.

    Raises:
        InputError: unknown scorers, evidence that lacks what a scorer reads, a sample held out in two folds.
    """
    for scorer in scorers:
        check_choice("scorers", scorer, SCORERS)
    rows, right = list[np.ndarray](), list[np.ndarray]()
    found: dict[str, list[np.ndarray | float]] = {scorer: [] for scorer in scorers}
    for one in (evidence,) if isinstance(evidence, Evidence) else evidence:
        for scorer, values in found.items():
            values.append(_score(name, scorer, one))
        rows.append(one.rows)
        right.append(one.right)
    order = _order(name, rows)
    scores, units = dict[str, float](), dict[str, np.ndarray]()
    for scorer, values in found.items():
        whole = np.array(values) if np.ndim(values[0]) == 0 else np.concatenate(values)[order]
        scores[scorer] = float(whole.mean())
        if np.ndim(values[0]):
            units[scorer] = whole
    return Judged(name, float(np.concatenate(right)[order].mean()), scores, units, seconds)


def _score(name: str, scorer: str, evidence: Evidence) -> np.ndarray | float:
    found = SCORERS[scorer]
    if not found.admits(evidence):
        reads = " or ".join(" and ".join(group) for group in found.needs)
        raise bad(f"evidence of {name}", f"none of it for {scorer}", reads, "Give it, or take another scorer.")
    return found.score(evidence)


def _order(name: str, rows: Sequence[np.ndarray]) -> np.ndarray:
    """How to put the validation samples of all folds into the order of the source's rows."""
    if not rows:
        raise bad(f"evidence of {name}", "none", "an Evidence, or one for each fold")
    every = np.concatenate(rows)
    if len(np.unique(every)) < len(every):
        raise bad(f"evidence of {name}", "a source sample held out in two folds", "each sample once")
    return np.argsort(every)


def _samples(name: str, parts: Sequence[Evidence]) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers and labels of the validation samples of all folds, in the order of the rows."""
    order = _order(name, [one.rows for one in parts])
    return np.concatenate([one.rows for one in parts])[order], np.concatenate([one.labels for one in parts])[order]
