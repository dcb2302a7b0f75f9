"""The parts of an error: they hold the truth where it is known, add up, go on after a stop, and may be untold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.gaussians import Asked, Problem
from regard.core.checks import InputError
from regard.studies.decompose.decompose import decompose
from regard.studies.decompose.parts import NAMES, Decomposition
from regard.studies.decompose.plan import Plan, Question

MU = np.arange(1, 9.0) ** -0.25
PROBLEM = Problem(1.4 * MU / np.linalg.norm(MU), np.geomspace(1, 0.1, 8), (4, 8), (3,))


@lru_cache
def found(seed: int, train: int = 400, test: int = 2000) -> Decomposition:
    rng = np.random.default_rng(seed)
    asked = Asked(PROBLEM, PROBLEM.draw(train, rng), PROBLEM.draw(test, rng))
    return decompose(asked, plan(asked, seed=seed))


def plan(asked: Asked, **more: Any) -> Plan:
    return Plan(asked.train[1], ("4", "8"), ("3", "optimum"), **{"capacity": 0, "cuts": 4, "pieces": 2, **more})


def test_intervals_hold_the_known_parts() -> None:
    """The bench has 20 seeds and asks for 17 of each part; here 24 intervals, of which two may miss."""
    truth = PROBLEM.truth(400, 4, 0, 100)
    assert truth["approximation"] > 0.03 and truth["optimisation"] > 0.002
    held = [found(seed).parts[name].found for seed in range(6) for name in NAMES]
    inside = [one.low <= truth[name] <= one.high for one, name in zip(held, NAMES * 6)]
    assert sum(inside) >= 22
    apart = [found(seed).parts["approximation"].found for seed in range(6)]
    assert sum(one.known and one.low > 0 for one in apart) >= 4  # and they are short enough to say something


def test_the_parts_add_up_to_the_error() -> None:
    one = found(0)
    total = sum(part.found.mean for part in one.parts.values())
    assert total == pytest.approx(one.error.mean, abs=0.01)
    assert one.by_length[0] == one.error
    assert one.parts["optimisation"].found.mean == pytest.approx(one.by_length[0].mean - one.by_length[1].mean)
    limits = [curve.limit.mean for curve in one.by_size if curve.limit is not None]
    assert one.parts["approximation"].found.mean == pytest.approx(limits[0] - limits[1])
    assert one.parts["rest"].found.mean == pytest.approx(limits[1])


def test_the_largest_has_no_approximation() -> None:
    rng = np.random.default_rng(0)
    asked = Asked(PROBLEM, PROBLEM.draw(200, rng), PROBLEM.draw(500, rng))
    one = decompose(asked, plan(asked, capacity=1, cuts=3))
    part = one.parts["approximation"].found
    assert (part.mean, part.low, part.high) == (0, 0, 0)
    assert any("largest" in note for note in one.notes) and not any("apacity" in line for line in one.advice)


@dataclass
class Counting:
    """Answers from a table of errors by size; counts how often it is asked."""

    errors: Mapping[int, float]
    images: int = 400
    asked: list[int] = field(default_factory=list)

    @property
    def about(self) -> Mapping[str, Any]:
        return {"learner": "counting"}

    def __call__(self, question: Question) -> np.ndarray:
        self.asked.append(len(question.rows))
        wrong = np.arange(self.images) < self.errors[len(question.rows)] * self.images
        return np.tile(wrong.astype(float), (len(question.lengths), 1))


def test_what_is_kept_is_not_asked_again(tmp_path: Path) -> None:
    labels = np.arange(160) % 2
    errors = {160: 0.2, 80: 0.25, 40: 0.35, 20: 0.45, 10: 0.5}
    first, again, more, other = (Counting(errors) for _ in range(4))
    asked = Plan(labels, ("a", "b"), ("short", "long"), capacity=0, cuts=3, pieces=1)
    one = decompose(first, asked, folder=tmp_path, content="x")
    two = decompose(again, asked, folder=tmp_path, content="x")
    assert len(first.asked) == len(list(tmp_path.iterdir())) == 2 * (1 + 6 * 4) and again.asked == []
    assert one.metrics == two.metrics
    wider = Plan(labels, ("a", "b"), ("short", "long"), capacity=0, cuts=4, pieces=1)
    decompose(more, wider, folder=tmp_path, content="x")
    assert len(more.asked) == 2 * 2 * 4
    decompose(other, asked, folder=tmp_path, content="y")
    assert len(other.asked) == len(first.asked)


def test_an_answer_that_was_changed_is_refused(tmp_path: Path) -> None:
    errors = {160: 0.2, 80: 0.25, 40: 0.35, 20: 0.45, 10: 0.5}
    asked = Plan(np.arange(160) % 2, ("a",), ("short", "long"), cuts=3, pieces=1)
    decompose(Counting(errors), asked, folder=tmp_path)
    next(iter(tmp_path.iterdir())).write_text('{"mistakes": [[2]]}')
    with pytest.raises(InputError, match="mistakes"):
        decompose(Counting(errors), asked, folder=tmp_path)


def test_a_curve_that_is_no_power_law_is_not_extrapolated() -> None:
    asked = Plan(np.arange(160) % 2, ("a", "b"), ("short", "long"), capacity=0, cuts=3, pieces=1)
    jumps = {160: 0.4, 80: 0.1, 40: 0.4, 20: 0.1, 10: 0.4}
    one = decompose(Counting(jumps, images=4000), asked)
    for name in ("rest", "approximation", "estimation"):
        assert not one.parts[name].told and "no power law" in one.parts[name].why
        assert one.metrics[name] is None and one.metrics[f"{name}_low"] is None
    assert one.parts["optimisation"].told
    assert sum("cannot be told" in line for line in one.advice) == 2


def test_few_test_images_leave_it_untold() -> None:
    one = found(1, 100, 20)
    assert not one.parts["rest"].told or one.parts["rest"].found.half_width > 0.05
    assert not one.told and any("cannot be told" in line for line in one.advice)


def test_what_harms_is_said_to() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(320) % 2
    hard = rng.random(2000)

    class Overfits(Counting):
        def __call__(self, question: Question) -> np.ndarray:
            share = 0.1 + 8 / len(question.rows)
            return np.array([(hard < share + 0.1 * place).astype(float) for place in question.lengths])

    one = decompose(Overfits({}, 2000), Plan(labels, ("a", "b"), ("short", "long"), capacity=0, cuts=3, pieces=1))
    assert one.parts["optimisation"].found.high < 0
    assert any("does harm" in line for line in one.advice)
