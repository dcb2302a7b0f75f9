"""Backward-compatible training: the loss by hand, whose gradient it is, and old vectors that stay of use."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.learning_tasks import learn, representation, seen, task
from regard.core.runtime import torch_rng
from regard.learning.batch import Batch
from regard.lifelong.moving.remembering import Remembering
from regard.lifelong.moving.start import module_of, started
from regard.lifelong.training.compatible import Method, influence
from regard.representation.embed import embed


def test_hand_worked() -> None:
    # p = (3/4, 1/4): the first label is its own; of the second, new to it, it said (1/2, 1/2)
    said = torch.tensor([[np.log(3), 0.0], [np.log(3), 0.0]])
    before = torch.tensor([[9.0, 0.0], [0.0, 0.0]])
    apart = 0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)
    labels = torch.tensor([1, 3])
    assert float(influence(said, labels, before)) == pytest.approx((-np.log(0.25) + apart) / 2)
    given = seen()._replace(by_old=said, labels=labels, old_logits=before)
    assert float(Method(weight=3.0).loss(given)[0]) == pytest.approx(3 * (-np.log(0.25) + apart) / 2)


def test_the_first_task_has_no_classifier_of_before() -> None:
    first = seen()._replace(old_logits=None, by_old=None)
    assert float(Method().loss(first)[0]) == 0


def test_the_gradient_is_of_the_features_alone(tmp_path: Path) -> None:
    first = learn(task("a", "b"), representation(), "compatible", tmp_path / "0")
    objective = Remembering(Method(), "none", ("a", "b", "c"), 2, (0, 2))
    module = module_of(objective, started(first, Method()), "all", 1.0, 0).train()
    told = []
    images = task("a", "c")
    x = torch.from_numpy(np.stack(images.items)).movedim(-1, 1)
    labels = torch.tensor([0 if name == "a" else 2 for name in images.labels])
    puzzle = module.prepared(Batch(**{"task/images": x, "task/labels": labels}), torch_rng(0))
    taught = Method.loss
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Method, "loss", lambda self, seen, at: (told.append(seen), taught(self, seen, at))[1])
        objective.loss(module.encoder, module.head, *puzzle)
    found = told[0]
    wanted = found.features @ first.classifier.weight.T + first.classifier.bias
    assert torch.allclose(found.by_old, wanted, atol=1e-6), "the old classifier on the features of now"
    Method().loss(found)[0].backward()
    assert all(one.grad is None for one in module.head["old"].parameters())
    assert all(one.grad is None for one in module.head["classes"].parameters())
    moved = [one.grad for one in module.encoder.parameters() if one.grad is not None]
    assert moved and any(bool(one.abs().max() > 0) for one in moved)


def test_the_old_classifier_reads_new_features_better_than_after_fine_tuning(tmp_path: Path) -> None:
    both = task("a", "b")
    right = {}
    for name, chosen in (("finetune", {}), ("compatible", {"weight": 5.0})):
        first = learn(both, representation(), name, tmp_path / name / "0", chosen=chosen)
        then = learn(task("c", "a", "b"), first, name, tmp_path / name / "1", chosen=chosen)
        said = torch.from_numpy(embed(both, then.representation, cache=False, precision="fp32").vectors)
        logits = (said @ first.classifier.weight.T + first.classifier.bias).detach()
        labels = torch.tensor([first.classes.index(str(one)) for one in both.labels])
        right[name] = float(torch.nn.functional.cross_entropy(logits, labels))
    assert right["compatible"] < right["finetune"]
