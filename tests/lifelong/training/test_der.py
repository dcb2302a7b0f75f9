"""DER: the squares by hand, classes that came later, and a buffer that is a uniform sample."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from helpers.learning_tasks import learn, representation, seen, task
from regard.lifelong.moving.learned import Learned
from regard.lifelong.moving.replayed import Replay, packed, unpacked
from regard.lifelong.training.der import Method, kept_distance

NAN = float("nan")


def test_hand_worked() -> None:
    logits = torch.tensor([[1.0, 2.0, 9.0], [0.0, 1.0, 2.0]])
    kept = torch.tensor([[0.0, 4.0, NAN], [0.0, 1.0, 5.0]])
    assert float(kept_distance(logits, kept)) == pytest.approx(((1 + 4) / 2 + 9 / 3) / 2)
    given = seen()
    memory = given.memory._replace(logits=logits, kept=kept, labels=torch.tensor([1, 0]))
    der, plus = Method(weight=0.5, labels=0), Method(weight=0.5, labels=2)
    entropy = torch.nn.functional.cross_entropy(logits, memory.labels)
    assert float(der.loss(given._replace(memory=memory))[0]) == pytest.approx(0.5 * 2.75)
    assert float(plus.loss(given._replace(memory=memory))[0]) == pytest.approx(0.5 * 2.75 + 2 * float(entropy))


def test_a_class_that_came_later_gets_no_gradient_from_the_squares() -> None:
    given = seen()
    Method(labels=0).loss(given)[0].backward()
    grad = given.memory.logits.grad
    assert bool((grad[:, 2:] == 0).all()) and bool((grad[:, :2] != 0).all())


def test_not_a_number_of_the_network_stays_one() -> None:
    assert torch.isnan(kept_distance(torch.tensor([[NAN, 1.0]]), torch.tensor([[1.0, NAN]])))


def test_the_buffer_is_a_uniform_sample() -> None:
    images, rooms, times = np.zeros((30, 3, 2, 2), np.uint8), 6, 400
    size = packed(images[0], np.zeros(2)).nbytes + 8 + 8
    counts = np.zeros(30)
    for seed in range(times):
        memory = Method(budget=rooms * size).memory(seed)
        for at in range(0, 30, 10):  # three tasks
            samples = [packed(one, np.zeros(2)) for one in images[at : at + 10]]
            memory.add(samples, np.full(10, at), ids=list(range(at, at + 10)))
        assert len(memory) == rooms
        counts[[one.id for one in memory.kept]] += 1
    # draws without replacement spread less than the test takes them to: p is on the safe side
    assert counts.sum() == rooms * times and chisquare(counts).pvalue > 0.01


def test_what_is_kept_is_what_the_network_said_when_its_task_was_over(tmp_path: Path) -> None:
    images = task("a", "b")
    first = learn(images, representation(), "der", tmp_path / "0")
    said = dict(zip(images.ids.tolist(), Learned.load(tmp_path / "0").scores(images)))
    for one in first.memory.kept:
        assert np.allclose(unpacked(one.item, (8, 8))[1], said[one.id], atol=1e-5)
    second = learn(task("c"), first, "der", tmp_path / "1")
    batch = Replay(second.memory.kept, (8, 8), 4, True)(np.arange(len(second.memory)))
    known = (~batch["kept"].isnan()).sum(1)
    assert known[batch.labels < 2].tolist() == [2] * int((batch.labels < 2).sum())
    assert known[batch.labels == 2].tolist() == [3] * int((batch.labels == 2).sum()) and len(known) == 30
