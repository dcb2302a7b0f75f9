import math

import pytest
import torch
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.core.runtime import torch_rng
from regard.create.pretext._twins import follow, teacher_of, twins_found
from regard.create.pretext.byol import Method, foresight_loss
from regard.create.run import train_events
from regard.data.builtin import builtin
from regard.learning.batch import Batch
from regard.learning.settings import TrainSettings
from regard.learning.trainable import START


def pair(n: int = 6, d: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(n, d, generator=torch_rng(0)), torch.randn(n, d, generator=torch_rng(1))


def test_the_loss_is_equation_2_in_slow_plain_python_and_knows_no_length() -> None:
    p, t = pair()
    total = 0.0
    for a, b in zip(p.tolist(), t.tolist()):
        u, v = ([x / math.hypot(*w) for x in w] for w in (a, b))
        total += sum((x - y) ** 2 for x, y in zip(u, v))
    assert float(foresight_loss(p, t)) == pytest.approx(total / len(p), rel=1e-5)
    assert float(foresight_loss(7 * p, t / 9)) == pytest.approx(total / len(p), rel=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(foresight_loss(p, t), foresight_loss(p.clone(), t.clone()))


def test_twins_are_found_as_by_a_search_among_all_other_views_of_the_contest() -> None:
    za, noise = pair(11, 4)
    zb = za + 0.8 * noise
    k, slow = 5, torch.zeros(10, 2)
    for start in (0, 5):
        z = nn.functional.normalize(torch.cat([za[start : start + k], zb[start : start + k]]), dim=1)
        for i in range(2 * k):
            nearest = max((j for j in range(2 * k) if j != i), key=lambda j: float(z[i] @ z[j]))
            slow[start + i % k, i // k] = float(nearest == (i + k) % (2 * k))
    found = twins_found(za, zb, k)
    assert torch.equal(found, slow) and 0 < found.mean() < 1
    assert twins_found(za, zb, 12).shape == (0, 2)


def test_vectors_that_know_nothing_find_their_twins_at_chance_and_collapsed_ones_never() -> None:
    method = Method(recipe="digit", candidates=4)
    za, zb = pair(4000, 16)
    assert method.chance == 1 / 7
    assert abs(float(twins_found(za, zb, 4).mean()) - 1 / 7) < 4 * math.sqrt(1 / 7 / 4000)
    assert twins_found(torch.ones(40, 8), torch.ones(40, 8), 4).sum() == 0


def test_the_teacher_starts_as_a_copy_and_follows_by_the_momentum_without_gradients() -> None:
    pupil = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    teacher = teacher_of(pupil)
    before = [p.clone() for p in teacher.parameters()]
    assert all(torch.equal(p, q) for p, q in zip(teacher.parameters(), pupil.parameters()))
    assert not any(p.requires_grad for p in teacher.parameters()) and all(p.requires_grad for p in pupil.parameters())
    with torch.no_grad():
        for p in pupil.parameters():
            p += 1
    follow(teacher, pupil, 0.75)
    for p, old in zip(teacher.parameters(), before):
        assert torch.allclose(p, old + 0.25, atol=1e-6)


def test_no_gradient_reaches_the_teacher_and_a_step_moves_it() -> None:
    encoder, method = make_encoder("convnet4", size=32), Method(recipe="digit", momentum=0.5)
    head = method.head(encoder)
    x, _ = method.prepare(Batch(torch.rand(8, 3, 32, 32, generator=torch_rng(0)), torch.arange(8)), torch_rng(1))
    loss, log = method.loss(encoder, head, x, None)
    loss.backward()
    assert 0 < float(loss.detach()) < 8 and float(log["spread"]) > 0.1
    assert all(p.grad is None for p in head["teacher"].parameters())
    assert all(
        p.grad is not None for part in (encoder, head["projector"], head["predictor"]) for p in part.parameters()
    )
    weight, slow = next(encoder.parameters()), next(head["teacher"].parameters())
    old = slow.clone()
    with torch.no_grad():
        weight += 1
    method.after_step(encoder, head, START)
    assert torch.allclose(slow, old + 0.5, atol=1e-6)
    assert any(name.startswith("teacher.") for name in head.state_dict()), "it is in the checkpoint"


def test_shuffling_deals_the_second_views_anew_and_leaves_the_first() -> None:
    x = torch.rand(32, 3, 4, 4, generator=torch_rng(0))
    dealt, _ = Method().shuffled(x, None, torch_rng(1))
    assert torch.equal(dealt[:16], x[:16]) and not torch.equal(dealt[16:], x[16:])
    assert torch.equal(dealt[16:].flatten(1).sum(1).sort().values, x[16:].flatten(1).sum(1).sort().values)


@pytest.mark.slow
def test_on_digits_views_come_to_agree_without_collapse(tmp_path) -> None:
    settings = TrainSettings(steps=60, precision="fp32", eval_every=60)
    events = list(train_events(builtin("digits").without_labels(), "byol", out=tmp_path / "run", settings=settings))
    told = [event.values for event in events if event.kind == "train"]
    # over seeds and instruction sets 0.51 to 0.57 of the first loss, and a spread of 0.7 to 0.85 all along
    assert told[-1]["loss"] < 0.75 * told[0]["loss"] and min(values["spread"] for values in told) > 0.4
    assert events[-1].values["feature_spread"] > 0.1 and events[-1].values["shuffled_p_value"] > 1e-6


@pytest.mark.parametrize("wrong", [{"width": 1}, {"hidden": 0}, {"momentum": 1.5}, {"candidates": 1}])
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)
