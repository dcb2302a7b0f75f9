"""LwF: the distance by hand, and whose answers are the targets."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.learning_tasks import learn, representation, seen, task
from regard.core.runtime import torch_rng
from regard.learning.batch import Batch
from regard.lifelong.moving.learned import Learned
from regard.lifelong.moving.remembering import Remembering
from regard.lifelong.moving.start import module_of, started
from regard.lifelong.training.lwf import Method, distilled


def test_hand_worked() -> None:
    # at T = 2: q = (3/4, 1/4), p = (1/2, 1/2)
    wanted = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    targets = torch.tensor([[2 * np.log(3), 0.0]])
    assert float(distilled(torch.zeros(1, 2), targets, 2.0)) == pytest.approx(wanted)
    given = seen()._replace(logits=torch.zeros(1, 4), labels=torch.tensor([3]), old_logits=targets)
    assert float(Method(weight=3.0).loss(given)[0]) == pytest.approx(3 * wanted)
    assert float(Method().taught(given)) == pytest.approx(np.log(2)), "over the two classes of the task"
    assert float(Method(over="all").taught(given)) == pytest.approx(np.log(4))


def test_logits_as_before_have_no_loss_and_others_a_gradient_on_old_classes_alone() -> None:
    given = seen()
    same = given._replace(old_logits=given.logits[:, :2].detach())
    assert float(Method().loss(same)[0].detach()) == pytest.approx(0, abs=1e-7)
    Method().loss(given)[0].backward()
    assert bool(given.logits.grad[:, :2].abs().max() > 0) and bool((given.logits.grad[:, 2:] == 0).all())


def test_the_targets_are_what_the_old_network_says_of_the_same_views(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = learn(task("a", "b"), representation(), "lwf", tmp_path / "0")
    objective = Remembering(Method(), "none", ("a", "b", "c"), 2, (2,))
    module = module_of(objective, started(first, Method()), "all", 1.0, 0).train()
    told = []
    monkeypatch.setattr(Method, "loss", lambda self, seen, at: (told.append(seen), (seen.logits.sum() * 0, {}))[1])
    images = task("c")
    x = torch.from_numpy(np.stack(images.items)).movedim(-1, 1)
    batch = Batch(**{"task/images": x, "task/labels": torch.full((len(x),), 2)})
    puzzle = module.prepared(batch, torch_rng(0))
    with torch.no_grad():
        next(module.encoder.parameters()).mul_(1.5)  # the network moves, the old one stays
    objective.loss(module.encoder, module.head, *puzzle)
    wanted = Learned.load(tmp_path / "0").scores(images)
    assert np.allclose(told[0].old_logits.numpy(), wanted, atol=1e-5) and not told[0].old_logits.requires_grad
    assert not any(parameter.requires_grad for parameter in module.head["old"].parameters())
