"""LFL: how far features moved, in the loss of a task and beside any other."""

from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.adapting import representation
from helpers.learning_tasks import learn, seen, task
from regard.backbones.encoder import make_encoder
from regard.core.runtime import torch_rng
from regard.learning.batch import Batch
from regard.learning.trainable import START
from regard.lifelong.moving.contract import LearnMethod
from regard.lifelong.moving.kept_near import KeptNear
from regard.lifelong.moving.remembering import Remembering
from regard.lifelong.training.lfl import Method, moved


def test_the_distance_by_hand_on_any_scale_and_its_gradient() -> None:
    z, old = seen(d=4).features, seen(d=4, seed=1).features.detach()
    pairs = list(zip(z.tolist(), old.tolist()))
    far = np.mean([sum((a - b) ** 2 for a, b in zip(one, other)) for one, other in pairs])
    long = np.mean([sum(b**2 for b in other) for _, other in pairs])
    assert moved(z, old).item() == pytest.approx(far / long, rel=1e-5)
    assert moved(7 * z, 7 * old).item() == pytest.approx(far / long, rel=1e-5)
    moved(z, old).backward()
    assert z.grad is not None and torch.allclose(z.grad, 2 * (z - old).detach() / len(z) / long, atol=1e-6)
    assert float(moved(old, torch.zeros_like(old))) > 0 and float(moved(old, old)) == 0


def test_the_loss_is_of_the_task_alone_and_there_is_none_in_the_first() -> None:
    given, method = seen(), Method(weight=3.0)
    assert given.old_features is not None
    assert method.loss(given)[0].item() == pytest.approx(3 * moved(given.features, given.old_features).item())
    assert float(method.loss(given._replace(old_features=None))[0]) == 0


@pytest.mark.parametrize("weight", [0.0, 5.0])
def test_beside_any_loss_it_is_of_the_images_as_they_are(weight: float) -> None:
    encoder = make_encoder("convnet4", seed=0, size=16)
    objective = Remembering(LearnMethod(), "digit", ("a", "b"), 0, (0, 1))
    module = KeptNear(objective, encoder, objective.head(encoder), Method(weight), True, "all", 1.0, 0)
    with torch.no_grad():
        next(module.encoder.parameters()).mul_(1.5)
    images = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8)
    batch = Batch(**{"task/images": images, "task/labels": torch.arange(6) % 2})
    module.eval()
    total, log = module(START, batch, torch_rng(0, "views"))
    assert ("keeping" in log) == (module.before is not None) == (weight > 0)
    if weight:
        assert module.before is not None and not any(one.requires_grad for one in module.before.parameters())
        x = images.float() / 255
        with torch.no_grad():
            wanted = weight * moved(module.encoder(x), module.before(x))
        assert float(log["keeping"]) == pytest.approx(float(wanted), rel=1e-4) and float(log["keeping"]) > 0
        assert total.item() == pytest.approx(float(log["own"] + log["keeping"]), rel=1e-5)
    module.settle()
    assert module.before is None


def test_a_great_weight_holds_features_where_they_were(tmp_path: Path) -> None:
    first = learn(task("a", "b"), representation(), "finetune", tmp_path / "plain")
    X = first.representation.embed(task("a", "b", "c"), precision="fp32", cache=False).vectors
    far = []
    for place, weight in enumerate((0.0, 100.0)):
        start = learn(task("a", "b"), representation(), "lfl", tmp_path / f"a{place}", chosen={"weight": weight})
        now = learn(task("c"), start, "lfl", tmp_path / f"b{place}", chosen={"weight": weight}).representation
        Z = now.embed(task("a", "b", "c"), precision="fp32", cache=False).vectors
        far.append(float(np.square(Z - X).sum()))
    assert far[1] < far[0]
