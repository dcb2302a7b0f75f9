"""What a learner's error is made of, for any learner that is given as a function; see `parts` for what is found."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...core.events import Event
from ...core.storage import hash_json
from ...learning.run import Watch
from .kept import Kept
from .parts import Cell, Decomposition, taken_apart
from .plan import Learner, Plan


def decompose(
    learner: Learner, plan: Plan, *, folder: Path | None = None, content: str = "", watch: Watch | None = None
) -> Decomposition:
    """Ask a learner all that the plan says, and take its error apart.

    Args:
        learner: see `plan.Learner`.
        plan: numbers of samples, capacities, lengths, cuts.
        folder: where answers are kept; None keeps none.
        content: a hash of the samples, where answers are kept.
        watch: sees an event for each question.
    """
    found: list[Decomposition] = []

    def events() -> Iterable[Event]:
        found.append((yield from decompose_events(learner, plan, folder=folder, content=content)))

    for _ in watch(events()) if watch else events():
        pass
    return found[0]


def decompose_events(
    learner: Learner, plan: Plan, *, folder: Path | None = None, content: str = ""
) -> Generator[Event, None, Decomposition]:
    """As `decompose`: yields an event for each question that is answered, and returns what was found."""
    kept = Kept(folder, hash_json([content, plan.labels.tolist()]), (plan.capacities, plan.lengths))
    asked, rows = plan.questions(), dict[Cell, dict[int, list[np.ndarray]]]()
    for count, ((row, rung), question) in enumerate(asked, 1):
        mistakes = kept.ask(learner, question)
        for length, each in zip(question.lengths, mistakes):
            rows.setdefault((rung, question.capacity, length), {}).setdefault(row, []).append(each)
        text = f"{len(question.rows)} images, {plan.capacities[question.capacity]}: {100 * mistakes[-1].mean():.1f} %"
        yield Event("decompose", count, len(asked), {"error": float(mistakes[-1].mean())}, text)
    yield Event("done", len(asked), len(asked))
    return taken_apart(plan, _stacked(rows))


def _stacked(rows: Mapping[Cell, Mapping[int, Sequence[np.ndarray]]]) -> dict[Cell, np.ndarray]:
    """By cell (rows, images): of several parts of one half their mean."""
    return {cell: np.stack([np.mean(held[row], axis=0) for row in sorted(held)]) for cell, held in rows.items()}
