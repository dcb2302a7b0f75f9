"""iCaRL: its binary cross-entropies by hand, and the nearest mean of exemplars."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers.learning_tasks import learn, representation, seen, task
from regard.lifelong.moving.contract import Finished
from regard.lifelong.moving.replayed import unpacked
from regard.lifelong.training.icarl import Method

LN2 = np.log(2)


def test_hand_worked() -> None:
    given = seen()
    flat = given._replace(
        logits=torch.zeros(6, 4),
        old_logits=torch.full((6, 2), np.log(3)),
        memory=given.memory._replace(logits=torch.zeros(5, 4), old_logits=torch.full((5, 2), np.log(3))),
    )
    method = Method(weight=3.0)
    assert float(method.taught(flat)) == pytest.approx(2 * LN2), "the two classes of the task"
    # h = 0 costs log 2 a class, whatever the target: exemplars on the new classes, both on the old
    assert float(method.loss(flat)[0]) == pytest.approx(3 * (2 * LN2 + 2 * LN2))


def test_old_classes_are_drawn_to_what_the_old_network_said() -> None:
    given = seen()
    Method().loss(given)[0].backward()
    wanted = (given.logits[:, :2].sigmoid() - given.old_logits.sigmoid()) / 11  # 6 images and 5 exemplars
    assert torch.allclose(given.logits.grad[:, :2], wanted.detach(), atol=1e-6)
    assert bool((given.logits.grad[:, 2:] == 0).all()), "labels are what `taught` is for"


def test_a_class_that_came_back_learns_from_its_labels() -> None:
    given = seen()._replace(here=torch.tensor([True, False, True, True]), labels=torch.zeros(6, dtype=torch.long))
    Method().taught(given).backward()
    assert bool((given.logits.grad[:, 0] < 0).all()) and bool((given.logits.grad[:, 1] == 0).all())


def test_the_classifier_is_the_nearest_mean_of_unit_features() -> None:
    classifier = nn.Linear(2, 3)
    exemplars = [(torch.tensor([[2.0, 0.0], [0.0, 5.0], [0.0, 1.0]]), torch.tensor([0, 2, 2]))]
    given = Finished(0, nn.Identity(), classifier, {}, lambda: [], lambda: exemplars, {}, {}, 0)
    kept = Method().after_task(given)
    assert kept["means"][[0, 2]].tolist() == [[1.0, 0.0], [0.0, 1.0]] and bool(kept["means"][1].isnan().all())
    scores = Method().scores(torch.tensor([[9.0, 1.0], [0.1, 0.2]]), torch.zeros(2, 3), kept)
    assert scores.argmax(1).tolist() == [0, 2] and scores[:, 1].tolist() == [-np.inf] * 2
    nothing = {"means": torch.full((3, 2), np.nan)}
    assert Method().scores(torch.zeros(1, 2), torch.tensor([[0.0, 2.0, 1.0]]), nothing).argmax() == 1


def test_exemplars_are_those_nearest_to_the_mean(tmp_path: Path) -> None:
    images = task("a")
    one = 192 + 8 + 3 + 4 * 128 + 8 * 128 + 8  # picture, label, id, its vector, the class's sum and count
    last = learn(images, representation(), "icarl", tmp_path, chosen={"budget": one})
    [kept] = last.memory.kept
    with torch.no_grad():
        x = torch.from_numpy(np.stack(images.items)).movedim(-1, 1).float() / 255
        z = nn.functional.normalize(last.representation.encoder.eval()(x), dim=1).numpy()
    nearest = np.square(z - z.mean(0)).sum(1).argmin()
    assert kept.id == images.ids[nearest]
    assert (unpacked(kept.item, (8, 8))[0] == np.moveaxis(images.items[nearest], -1, 0)).all()
