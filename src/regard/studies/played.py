"""What learners made of a stream: every method over seeds, with intervals, costs, and who beats whom.

Seeds are the units: each cuts the stream anew (order of classes, which images are tested on), draws first weights and
orders of images, and gives one matrix. A figure's interval is Student's over seeds; a difference is paired seed by seed
and goes through `metrics.contrast`. So verdicts hold for other orders and cuts of these data, not for other data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.checks import bad, check_choice
from ..core.discover import names
from ..lifelong.play import Played
from ..lifelong.players.adapting import PREFIX as ADAPTING
from ..lifelong.players.choose import FROZEN as NOTHING_MOVES
from ..lifelong.players.choose import JOINT
from ..metrics.continual import final_accuracy, over_time
from ..metrics.contrast import Difference, contrast
from ..metrics.intervals import TOO_FEW, Interval, over_seeds
from .play_words import points

MOVING, FROZEN, BOUND = "encoder moves", "frozen vectors", "bound"
BOUNDS = (JOINT, NOTHING_MOVES)
MAIN = "final_accuracy"
# name, title, and what it can be
MEASURES = {
    MAIN: ("final accuracy", (0.0, 1.0)),
    "incremental_average": ("incremental average", (0.0, 1.0)),
    "forgetting": ("forgetting", (-1.0, 1.0)),
    "backward_transfer": ("backward transfer", (-1.0, 1.0)),
    "forward_transfer": ("forward transfer", (-1.0, 1.0)),
}


def kind_of(method: str) -> str:
    """What moves: the encoder, statistics of frozen vectors, or it is a bound.

    >>> kind_of("replay"), kind_of("ncm"), kind_of("adapt:coral")
    ('encoder moves', 'frozen vectors', 'frozen vectors')
    """
    if method in names("learn") or method in names("unlabelled"):
        return MOVING
    return FROZEN if method in names("frozen") or method.startswith(ADAPTING) else BOUND


@dataclass(frozen=True, eq=False)
class Method:
    """One method on the stream of each seed.

    Attributes:
        name: of it.
        plays: by seed, in the order of the seeds.
        figures: by seed, the measures of `MEASURES` that there are, with `seconds` and `bytes`.
    """

    name: str
    plays: Mapping[int, Played]
    figures: Mapping[int, Mapping[str, float]]

    @property
    def kind(self) -> str:
        """As `kind_of`."""
        return kind_of(self.name)

    @property
    def measures(self) -> list[str]:
        """Those that every seed gave a number for."""
        return [name for name in MEASURES if all(np.isfinite(one.get(name, np.nan)) for one in self.figures.values())]

    def values(self, measure: str) -> np.ndarray:
        """(seeds,)."""
        return np.array([one[measure] for one in self.figures.values()])

    def value(self, measure: str) -> Interval:
        """Mean over seeds with its interval; unknown from one seed."""
        return over_seeds(self.values(measure), within=MEASURES[measure][1])

    @property
    def seconds(self) -> float:
        """To learn all tasks, mean over seeds; on frozen vectors without embedding the images."""
        return float(self.values("seconds").mean())

    @property
    def bytes(self) -> float:
        """Kept at the end for later tasks, mean over seeds."""
        return float(self.values("bytes").mean())

    @property
    def A(self) -> np.ndarray:
        """(rows, tasks) scores, mean over seeds; NaN where one seed was not measured."""
        return np.mean([one.A for one in self.plays.values()], axis=0)

    @property
    def learned(self) -> np.ndarray:
        """(tasks,) the row after which each is learned."""
        return next(iter(self.plays.values())).learned

    def over_rows(self) -> list[Interval]:
        """Mean score on the tasks that are learned by then, after each row."""
        found = np.array([over_time(final_accuracy, one.A, one.learned) for one in self.plays.values()])
        return [over_seeds(column, within=(0, 1)) for column in found.T if np.isfinite(column).all()]

    def looks(self) -> dict[str, np.ndarray]:
        """(rows, tasks) what was measured of the representation, by name, mean over seeds."""
        each = [one.looks for one in self.plays.values()]
        shared = [name for name in each[0] if all(name in one for one in each)]
        found = {name: np.mean([one[name] for one in each], axis=0) for name in shared}
        return {name: values for name, values in found.items() if np.isfinite(values).any()}


@dataclass(frozen=True, eq=False)
class StreamPlayed:
    """What each method made of a stream.

    Attributes:
        stream: its name.
        tasks: names of what was scored.
        kinds: of these tasks.
        mixed: whether some task segments or has no labels, so that scores are those of fresh probes.
        representation: what all began from.
        seeds: over which intervals are.
        methods: by name, in the order in which they were played.
        against: the method that the others are compared with.
        left_out: methods that cannot do this stream, with the reason.
        failed: methods that began and did not end, with the reason.
        notes: what a reader must know.
    """

    stream: str
    tasks: tuple[str, ...]
    kinds: tuple[str, ...]
    mixed: bool
    representation: str
    seeds: tuple[int, ...]
    methods: Mapping[str, Method]
    against: str
    left_out: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def measures(self) -> list[str]:
        """Those that some method has."""
        return [name for name in MEASURES if any(name in one.measures for one in self.methods.values())]

    def of_kind(self, kind: str) -> list[Method]:
        """The methods of a kind, the best first."""
        found = [one for one in self.methods.values() if one.kind == kind]
        return sorted(found, key=lambda one: -one.values(MAIN).mean())

    def difference(self, method: str, against: str = "", measure: str = MAIN) -> Difference:
        """How far a method is ahead of another (the one of `against`), paired by seeds.

        Raises:
            InputError: no such method, or one that lacks the measure.
        """
        sides = []
        for name in (method, against or self.against):
            one = self.methods[check_choice("method", name, list(self.methods))]
            if measure not in one.measures:
                raise bad("measure", f"{measure!r}, which {name} lacks", "one of both methods")
            sides.append(one.values(measure))
        low, high = MEASURES[measure][1]
        return contrast(*sides, largest=high - low)

    @property
    def frozen(self) -> list[Method]:
        """Those on frozen vectors, the best first; of a stream with tasks of several kinds the encoder that stays."""
        found = self.of_kind(FROZEN)
        return found or ([self.methods[NOTHING_MOVES]] if self.mixed and NOTHING_MOVES in self.methods else [])

    def moving_against_frozen(self) -> dict[str, Difference]:
        """Every method whose encoder moves against the best learner on frozen vectors, the best first."""
        frozen, moving = self.frozen, self.of_kind(MOVING)
        return {one.name: self.difference(one.name, frozen[0].name) for one in moving} if frozen else {}

    @property
    def answer(self) -> str:
        """Whether any method whose encoder moves beats those on frozen vectors, or that none does."""
        frozen, moving = self.frozen, self.of_kind(MOVING)
        for mine, others, what, other in (
            (moving, frozen, "whose encoder moves", "on frozen vectors"),
            (frozen, moving, "on frozen vectors", "whose encoder moves"),
        ):
            if not mine:
                best = f"; the best method {other} is {_level(others[0])}" if others else ""
                return f"No method {what} was played to the end{best}."
        found, base = self.moving_against_frozen(), f"the best on frozen vectors, {_level(frozen[0])}"
        if self.mixed:
            base = f"the encoder that stays as it is, {_level(frozen[0])}"
        ahead = [f"{name} by {points(one)}" for name, one in found.items() if one.verdict == "gain"]
        if ahead:
            many = f"{len(ahead)} of {len(found)} methods whose encoder moves beat{'s' * (len(ahead) == 1)}"
            return f"{many} {base}: {', '.join(ahead)}."
        first = next(iter(found))
        near = f"{first} comes nearest, {points(found[first])}"
        if all(one.verdict == TOO_FEW for one in found.values()):
            seeds = (
                f"From {len(self.seeds)} seed{'s' * (len(self.seeds) > 1)} there is too little to say whether a method"
            )
            return f"{seeds} whose encoder moves beats {base}; {near}."
        whose = f"None of the {len(found)} methods whose encoder moves beats"
        if len(found) == 1:
            whose = f"The one method whose encoder moves, {first}, does not beat"
        return f"{whose} {base}: {near} ({found[first].verdict})."

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        methods = {
            name: {
                "kind": one.kind,
                **{measure: one.value(measure).as_dict() for measure in one.measures},
                "by_seed": {str(seed): dict(found) for seed, found in one.figures.items()},
                "matrix": {str(seed): play.A.tolist() for seed, play in one.plays.items()},
                "seconds": {str(seed): play.seconds.tolist() for seed, play in one.plays.items()},
                "bytes": {str(seed): play.bytes.tolist() for seed, play in one.plays.items()},
                **({"looks": {key: value.tolist() for key, value in looks.items()}} if (looks := one.looks()) else {}),
            }
            for name, one in self.methods.items()
        }
        return {
            "stream": self.stream,
            "tasks": list(self.tasks),
            "representation": self.representation,
            "seeds": list(self.seeds),
            "against": self.against,
            "answer": self.answer,
            "methods": methods,
            "moving_against_frozen": {
                name: {**one.as_dict(), "verdict": one.verdict} for name, one in self.moving_against_frozen().items()
            },
            "left_out": dict(self.left_out),
            "failed": dict(self.failed),
        }


def _level(one: Method) -> str:
    return f"{one.name} ({100 * one.values(MAIN).mean():.1f} %)"
