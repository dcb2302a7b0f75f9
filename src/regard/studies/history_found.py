"""What came out of the line: accuracies, each against the one before it, and how far the published order holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

from ..metrics.contrast import Difference
from ..metrics.intervals import Interval
from ..metrics.rank_order import RankOrder, rank_order
from .experiment import Contrast, Experiment
from .history_cells import Cell, Rate
from .history_years import LINE, Row
from .play_words import points

MAIN = "accuracy"
DRAWS = 2000


@dataclass(frozen=True)
class Facts:
    """What a row took, means over seeds.

    Attributes:
        parameters: learned numbers.
        flops: of one picture, two for each multiplication with its addition.
        depth: layers with weights on the longest way.
        seconds: of learning and asking about TEST.
        peak_mib: peak memory of the process; None where the system does not tell.
        held_out: accuracy on the held-out part of TRAIN; None where nothing was held out.
        rate: the learning rate; None of what is not trained.
        tried: accuracy on the held-out part of TRAIN after short runs, by rate.
    """

    parameters: int
    flops: int
    depth: int
    seconds: float
    peak_mib: float | None
    held_out: float | None
    rate: float | None
    tried: Mapping[str, float | None]

    @staticmethod
    def of(cells: Sequence[Cell], rate: Rate | None) -> "Facts":
        """Of the cells of all seeds."""
        first = cells[0]
        held = [one.held_out for one in cells if one.held_out is not None]
        mib = [one.mib for one in cells if one.mib is not None]
        return Facts(
            first.parameters,
            first.flops,
            first.depth,
            sum(one.seconds for one in cells) / len(cells),
            max(mib, default=None),
            sum(held) / len(held) if held else None,
            None if rate is None else rate.rate,
            {} if rate is None else rate.tried,
        )


@dataclass(frozen=True, eq=False)
class History:
    """The line on one's own pictures.

    Attributes:
        experiment: arms by name, with one measure, `accuracy`.
        rows: those that ended, in the published order.
        references: names of arms that are no part of the order.
        facts: by name, what each took.
        majority: share of TEST that is of the commonest class of TRAIN.
        failed: rows that did not end, with the reason.
        about: pictures, budget, seeds.
        notes: what a reader must know.
        seconds: that this call took; what was done before is not in it.
    """

    experiment: Experiment
    rows: tuple[Row, ...]
    references: tuple[str, ...]
    facts: Mapping[str, Facts]
    majority: float
    failed: Mapping[str, str]
    about: Mapping[str, Any]
    notes: tuple[str, ...]
    seconds: float

    @cached_property
    def order(self) -> RankOrder | None:
        """Spearman's correlation with the published order; None of fewer than three places in it."""
        return self._order_of(self.rows)

    @cached_property
    def networks_order(self) -> RankOrder | None:
        """The same of the networks alone, as bag of words and Fisher vectors learn otherwise than these."""
        networks = [row for row in self.rows if row.entry is not None and row.entry.scaled]
        return self._order_of(networks) if len(networks) < len(self.rows) else None

    def _order_of(self, rows: Sequence[Row]) -> RankOrder | None:
        places = [row.place for row in rows]
        if len(set(places)) < 3:
            return None
        scores = [self.experiment.arms[row.name].scores[MAIN] for row in rows]
        return rank_order(scores, places, self.experiment.units, draws=DRAWS)

    def value(self, name: str) -> Interval:
        """Accuracy with its interval over pictures and seeds."""
        return self.experiment.value(name, MAIN)

    def against(self, name: str, other: str) -> Contrast:
        """How far one row is ahead of another."""
        return self.experiment.contrast(name, other, MAIN)

    @property
    def chains(self) -> list[list[Row]]:
        """The line with networks for small pictures, and that with networks as they were published, as far as asked."""
        found = []
        for form in ("scaled", "published"):
            names = {getattr(entry, form) for entry in LINE if entry.scaled}
            chain = [row for row in self.rows if row.name in names or (row.entry and not row.entry.scaled)]
            if any(row.name in names for row in chain):
                found.append(chain)
        return found

    @property
    def steps(self) -> list[tuple[Row, Row]]:
        """Each row with the one before it in the published order."""
        return list(dict.fromkeys((later, before) for chain in self.chains for before, later in pairwise(chain)))

    @property
    def reversed(self) -> list[tuple[Row, Row, Difference]]:
        """Pairs whose later one is behind, beyond what luck explains: (later, earlier, difference); farthest first."""
        pairs = dict.fromkeys((later, before) for chain in self.chains for before, later in combinations(chain, 2))
        found = [(later, before, self.against(later.name, before.name).difference) for later, before in pairs]
        return sorted((one for one in found if one[2].verdict == "loss"), key=lambda one: one[2].mean)

    @property
    def answer(self) -> str:
        """How far the published order holds, and where these pictures reverse it."""
        return f"{self._ranks()} {self._reversals()}"

    def _ranks(self) -> str:
        many = len(self.rows)
        if self.order is None:
            return f"Of {many} representations there is no rank correlation: give three places of the line at least."
        if not self.order.known:
            return (
                f"Spearman's correlation of {many} accuracies with the published order is {self.order.mean:+.2f}; from "
                "one seed nobody knows how sure that is."
            )
        said = "whether the published order holds cannot be told"
        if self.order.low > 0:
            said = f"the published order holds{' in part' if self.reversed else ''}"
        if self.order.high < 0:
            said = "the published order is turned around"
        only = self.networks_order
        alone = "" if only is None else f"; of the networks alone {_correlation(only)}"
        return (
            f"On these pictures {said}: Spearman's correlation of {many} accuracies with it is "
            f"{_correlation(self.order)}{alone}."
        )

    def _reversals(self) -> str:
        turned = self.reversed
        if self.order is not None and not self.order.known:
            return ""
        if not turned:
            return "No later representation is behind an earlier one by more than luck explains."
        shown = [f"{later.title} is {points(gap)} against {before.title}" for later, before, gap in turned[:3]]
        rest = len(turned) - 3
        more = f", and {rest} pair{'s' * (rest > 1)} more" if rest > 0 else ""
        return f"Small data reverse the published order: {'; '.join(shown)}{more}."

    @property
    def metrics(self) -> dict[str, float | None]:
        """Flat names to numbers; see docs/verbs/history.md."""
        found: dict[str, float | None] = {}
        for key, order in (("spearman", self.order), ("spearman_networks", self.networks_order)):
            ends = {"mean": None, "low": None, "high": None} if order is None else order.as_dict()
            found |= {key: ends["mean"], f"{key}_low": ends["low"], f"{key}_high": ends["high"]}
        found |= {
            "spearman_chance": None if self.order is None else self.order.chance,
            "reversed": len(self.reversed),
            "majority": self.majority,
            "train": self.about["pictures"]["train"],
            "test": self.about["pictures"]["test"],
            "failed": len(self.failed),
        }
        for name, facts in self.facts.items():
            value = self.value(name).as_dict()
            found |= {name: value["mean"], f"{name}_low": value["low"], f"{name}_high": value["high"]}
            for key in ("parameters", "flops", "depth", "seconds", "peak_mib"):
                found[f"{name}_{key}"] = getattr(facts, key)
        return found

    def differences(self) -> list[dict[str, Any]]:
        """Each row against the one before it."""
        found = []
        for later, before in self.steps:
            one = self.against(later.name, before.name)
            found.append({"name": f"{later.name}-{before.name}", **one.as_dict()})
        return found

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, beside `metrics` and `differences`."""
        rows = [
            {
                "name": name,
                "title": next((row.title for row in self.rows if row.name == name), name),
                "reference": name in self.references,
                "accuracy": self.value(name).as_dict(),
                "by_seed": self.experiment.arms[name].by_seed(MAIN).tolist(),
                **{key: getattr(facts, key) for key in Facts.__annotations__},
            }
            for name, facts in self.facts.items()
        ]
        published = [
            {"name": one.key, "year": one.year, "error": one.error, "source": one.source, "checked": one.checked}
            for one in LINE
        ]
        return {
            "answer": self.answer,
            "rows": rows,
            "reversed": [[later.name, before.name] for later, before, _ in self.reversed],
            "published": published,
            "failed": dict(self.failed),
            **self.about,
        }


def _correlation(found: RankOrder) -> str:
    return f"{found.mean:+.2f} {found.told(digits=2, sign='+')}"
