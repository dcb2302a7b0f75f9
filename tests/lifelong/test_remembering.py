"""The objective of a task among many: what a method is given, and what it is not."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from helpers.adapting import representation
from regard.core.runtime import seeded_init
from regard.learning.batch import Batch
from regard.learning.trainable import START, Moment
from regard.lifelong.memory import Memory
from regard.lifelong.moving.contract import Keeping, LearnMethod, Seen
from regard.lifelong.moving.remembering import Held, Remembering, weights_of
from regard.lifelong.moving.replayed import Replay, packed
from regard.lifelong.training.si import Method as SI


class Spy(Keeping):
    """Keeps what it was given."""

    def loss(self, seen: Seen, at: Moment = START) -> tuple[Any, Any]:
        """The features' mean."""
        told.append(seen)
        return self.weight * seen.features.mean(), {}


told: list[Seen] = []


def batch(memory: bool = True) -> Batch:
    g = torch.Generator().manual_seed(0)
    made = {"task/images": torch.rand(5, 3, 8, 8, generator=g), "task/labels": torch.tensor([2, 2, 0, 2, 2])}
    if memory:
        more = {"memory/images": torch.rand(4, 3, 8, 8, generator=g), "memory/labels": torch.tensor([0, 1, 1, 0])}
        made |= more | {"memory/kept": torch.rand(4, 3, generator=g)}
    return Batch(**made)


def setting(method: LearnMethod, old: int = 2) -> tuple[Remembering, Any, nn.ModuleDict]:
    objective = Remembering(method, "none", ("a", "b", "c"), old, (0, 2))
    encoder = representation().encoder
    with seeded_init(0):
        return objective, encoder, objective.head(encoder)


def test_a_method_is_told_which_classes_are_old_and_which_are_here_and_gets_the_memory() -> None:
    told.clear()
    objective, encoder, head = setting(Spy())
    puzzle = objective.prepare(batch(), torch.Generator())
    loss, log = objective.loss(encoder, head, *puzzle)
    [seen] = told
    assert seen.old.tolist() == [True, True, False] and seen.here.tolist() == [True, False, True]
    assert seen.logits.shape == (5, 3) and seen.memory.logits.shape == (4, 3) and seen.memory.kept.shape == (4, 3)
    assert seen.memory.labels.tolist() == [0, 1, 1, 0] and seen.old_logits is None
    assert float(loss.detach()) == pytest.approx(float(log["own"] + log["keeping"]))


def test_the_first_task_and_weight_0_ask_nothing() -> None:
    told.clear()
    for method, old in ((Spy(), 0), (Spy(weight=0.0), 2)):
        objective, encoder, head = setting(method, old)
        loss, _ = objective.loss(encoder, head, *objective.prepare(batch(False), torch.Generator()))
        logits = head["classes"](encoder(batch()["task/images"]))
        wanted = nn.functional.cross_entropy(logits, batch()["task/labels"])
        assert float(loss.detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)
    assert not told


def test_the_path_of_a_step_is_that_of_the_loss_without_the_penalty() -> None:
    gradients: dict[str, torch.Tensor] = {}

    class Told(SI):
        """Keeps the gradients."""

        def step(self, notes: Any, name: str, gradient: torch.Tensor, moved: torch.Tensor) -> None:
            """As they come."""
            gradients[name] = gradient
            assert torch.allclose(moved, torch.full_like(moved, 0.5))

    objective, encoder, head = setting(Told(weight=5.0))
    weights = weights_of(encoder, head)
    kept = {f"centre.{name}": one.detach()[:2] - 1 for name, one in weights.items()}
    kept |= {name.replace("centre", "omega"): torch.ones_like(one) for name, one in kept.items()}
    head["kept"] = Held(kept, changing=False)
    head["notes"] = Held(objective.method.start({n: one.detach() for n, one in weights.items()}), changing=True)
    puzzle = objective.prepare(batch(), torch.Generator())
    loss, _ = objective.loss(encoder, head, *puzzle)
    loss.backward()
    whole = {name: one.grad.clone() for name, one in weights.items()}
    objective.before_update(encoder, head, Moment())
    with torch.no_grad():
        for one in weights.values():
            one += 0.5
    objective.after_step(encoder, head, Moment())
    # the penalty's gradient is 2 w O (w - c) = 10 on the rows that have a centre
    for name, gradient in gradients.items():
        assert torch.allclose((whole[name] - gradient)[:2], torch.full_like(gradient[:2], 10.0), atol=1e-4)
        assert torch.allclose(whole[name][2:], gradient[2:], atol=1e-6)
    assert gradients.keys() == weights.keys()


def test_what_is_held_goes_along_and_is_in_the_checkpoint_only_where_it_changes() -> None:
    given = {"a.b.weight": torch.ones(2)}
    still, moving = Held(given, changing=False), Held(given, changing=True)
    assert not still.state_dict() and list(moving.state_dict()) == ["a/b/weight"]
    assert torch.equal(still.double().tensors()["a.b.weight"], torch.ones(2, dtype=torch.float64))


def test_batches_of_a_memory() -> None:
    memory = Memory(10_000)
    for label, logits in ((0, [1.0]), (1, [2.0, 3.0])):
        memory.add([packed(np.full((3, 2, 2), label), np.array(logits))], [label], ids=[f"i{label}"])
    both = Replay(memory.kept, (2, 2), 3, True)(np.array([0, 1]))
    order = both.labels.argsort()
    assert both["images"][order].float().mean((1, 2, 3)).tolist() == [0.0, 1.0]
    assert both["kept"][order].nan_to_num(-1).tolist() == [[1.0, -1.0, -1.0], [2.0, 3.0, -1.0]]
    assert "kept" not in Replay(memory.kept, (2, 2), 3, False)(np.array([0]))
