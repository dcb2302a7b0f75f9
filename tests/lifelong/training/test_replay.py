"""Replay: the two cross-entropies by hand, and which images a memory keeps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.learning_tasks import learn, representation, seen, stream, task
from regard.core.checks import InputError
from regard.lifelong.training.replay import Method

LN2, LN4 = np.log(2), np.log(4)


def test_hand_worked() -> None:
    given = seen()
    flat = given._replace(
        logits=torch.zeros(6, 4),
        memory=given.memory._replace(logits=torch.tensor([[0.0, np.log(3), -99, -99]]).repeat(5, 1)),
    )
    er, ace = Method(weight=2.0), Method(weight=2.0, kind="er_ace")
    assert float(er.taught(flat)) == pytest.approx(LN4), "over all four classes"
    assert float(ace.taught(flat)) == pytest.approx(LN2), "over the two of the task"
    # three of five are of class 0, with a probability of 1/4, the others of class 1 with 3/4
    memory = (3 * np.log(4) + 2 * np.log(4 / 3)) / 5
    for method in (er, ace):
        assert float(method.loss(flat)[0]) == pytest.approx(2 * memory, rel=1e-6)


def test_er_ace_leaves_old_logits_alone_on_new_images() -> None:
    for kind, pushed in (("er", True), ("er_ace", False)):
        given = seen()
        Method(kind=kind).taught(given).backward()
        assert bool(given.logits.grad[:, :2].abs().max() > 0) is pushed


def test_without_a_memory_er_ace_learns_over_all_classes() -> None:
    given = seen()._replace(memory=None)
    assert torch.equal(Method(kind="er_ace").taught(given), Method().taught(given))
    assert float(Method().loss(given)[0].detach()) == 0


@pytest.mark.parametrize("keep", ["balanced", "herding"])
def test_each_class_gets_an_equal_share(keep: str, tmp_path: Path) -> None:
    chosen = {"budget": 7000 if keep == "herding" else 1300, "keep": keep}
    last = stream("replay", tmp_path, task("a", "b"), task("c", n=60), chosen=chosen)
    counts = np.bincount([one.label for one in last.memory.kept])
    assert len(counts) == 3 and counts.min() >= 1 and counts.max() - counts.min() <= 1


def test_what_is_kept_are_the_pictures_as_the_network_gets_them(tmp_path: Path) -> None:
    images = task("a", "b")
    last = learn(images, representation(), "replay", tmp_path)
    pictures = {name: np.moveaxis(item, -1, 0).reshape(-1) for name, item in zip(images.ids.tolist(), images.items)}
    assert len(last.memory) == len(images) and all((one.item == pictures[one.id]).all() for one in last.memory.kept)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="--set kind"):
        Method(kind="ace")  # type: ignore[arg-type]
