import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.core.runtime import seeded_init, torch_rng
from regard.create.pretext.dino import Head, Method, Prototypes, cross_entropy, entropy, teacher_shares
from regard.create.run import train
from regard.data.builtin import builtin
from regard.learning.batch import Batch
from regard.learning.loop import training
from regard.learning.module import LearningModule
from regard.learning.sampling import Shuffled
from regard.learning.settings import TrainSettings
from regard.learning.trainable import START, Moment, Player


def softmax(values: list[float], temperature: float) -> list[float]:
    powers = [math.exp(v / temperature) for v in values]
    return [p / sum(powers) for p in powers]


def images(n: int = 8) -> Batch:
    return Batch(torch.rand(n, 3, 32, 32, generator=torch_rng(0)), torch.arange(n))


def test_shares_and_cross_entropy_are_the_papers_in_slow_plain_python() -> None:
    said, own = (torch.rand(5, 3, generator=torch_rng(i)) * 2 - 1 for i in range(2))
    centre = torch.tensor([0.1, -0.2, 0.3])
    total = 0.0
    for t, s in zip(said.tolist(), own.tolist()):
        p = softmax([v - c for v, c in zip(t, centre.tolist())], 0.04)
        total -= sum(pk * math.log(qk) for pk, qk in zip(p, softmax(s, 0.1)))
    shares = teacher_shares(said, centre)
    assert float(cross_entropy(shares, own)) == pytest.approx(total / 5, rel=1e-4)
    assert torch.allclose(shares.sum(1), torch.ones(5))


def test_entropy_is_0_for_one_and_log_k_for_all() -> None:
    assert entropy(torch.eye(3)).tolist() == [0, 0, 0]
    assert torch.allclose(entropy(torch.full((2, 8), 1 / 8)), torch.tensor(math.log(8)))


def test_logits_are_cosines_with_the_prototypes() -> None:
    own = Prototypes(5, 8, 4, 6)
    x = torch.randn(7, 5, generator=torch_rng(0))
    slow = torch.nn.functional.cosine_similarity(own.layers(x)[:, None], own.prototypes[None], dim=2)
    assert torch.allclose(own(x), slow, atol=1e-5) and own(x).abs().max() <= 1 + 1e-5


def test_the_loss_is_the_mean_over_pairs_of_a_teachers_view_and_another_of_the_network() -> None:
    encoder = make_encoder("convnet4", size=32).eval()
    method = Method(recipe="digit", crops=1, prototypes=16)
    head = method.head(encoder).eval()
    with torch.no_grad():
        head.centre += 0.1 * torch.randn(16, generator=torch_rng(3))
        for p in head.teacher.parameters():
            p *= 1.01
        inputs, _ = method.prepare(images(4), torch_rng(1))
        assert inputs.shape == (12, 3, 32, 32)
        views = inputs.chunk(3)
        said = [teacher_shares(head.teacher(v), head.centre) for v in views[:2]]
        own = [head.own(encoder(v)) for v in views]
        slow = [cross_entropy(said[t], own[k]) for t in range(2) for k in range(3) if t != k]
        loss, log = method.loss(encoder, head, inputs, None)
    assert float(loss) == pytest.approx(float(sum(slow) / 4), rel=1e-5)
    assert 1 <= float(log["prototypes_used"]) <= 16 and 0 <= float(log["teacher_entropy"]) <= math.log(16)


def test_the_centre_takes_a_tenth_of_each_batch_in_and_only_in_training() -> None:
    encoder, method = make_encoder("convnet4", size=32), Method(recipe="digit", prototypes=16)
    head = method.head(encoder)
    inputs, _ = method.prepare(images(), torch_rng(1))
    with torch.no_grad():
        said = head.teacher(inputs).mean(0)
        method.loss(encoder, head, inputs, None)
        assert torch.allclose(head.centre, 0.1 * said, atol=1e-5)
        before = head.centre.clone()
        method.loss(encoder, head.eval(), inputs, None)
    assert torch.equal(head.centre, before) and "centre" in head.state_dict()


def test_a_centre_forbids_that_one_prototype_takes_all() -> None:
    logits = torch.randn(50, 8, generator=torch_rng(0)) * 0.05 + torch.tensor([1.0] + [0.0] * 7)
    one = entropy(teacher_shares(logits, torch.zeros(8)).mean(0, keepdim=True)).exp()
    many = entropy(teacher_shares(logits, logits.mean(0)).mean(0, keepdim=True)).exp()
    assert float(one) < 1.01 and float(many) > 7


def test_gradients_reach_all_but_the_teacher_which_follows() -> None:
    encoder, method = make_encoder("convnet4", size=32), Method(recipe="digit", momentum=0.0)
    head = method.head(encoder)
    assert isinstance(head, Head)
    method.loss(encoder, head, method.prepare(images(), torch_rng(1))[0], None)[0].backward()
    assert all(p.grad is not None for part in (encoder, head.own) for p in part.parameters())
    assert all(p.grad is None for p in head.teacher.parameters())
    with torch.no_grad():
        head.own.prototypes += 1
    method.after_step(encoder, head, START)
    assert torch.equal(head.teacher[1].prototypes, head.own.prototypes)


def run_of(settings: TrainSettings, **given) -> tuple[LearningModule, list[bool], list[list[float]]]:
    """Eight steps in epochs of two: after each, are the prototypes as drawn, and what was the weight decay?"""
    method = Method(recipe="digit", prototypes=16, **given)
    with seeded_init(0):
        encoder = make_encoder("convnet4", size=32)
        game = LearningModule(method, encoder, method.head(encoder))
    game.follow(None, 0)
    drawn, same, decays, made = game.head.own.prototypes.detach().clone(), [], [], []

    def adam(groups, lr):
        made.append(torch.optim.AdamW(groups, lr))
        return made[0]

    def look(at: Moment) -> None:
        method.after_step(game.encoder, game.head, at)
        same.append(torch.equal(game.head.own.prototypes, drawn))
        decays.append([group["weight_decay"] for group in made[0].param_groups])

    game.players = lambda: [Player("all", [p for p in game.parameters() if p.requires_grad], adam)]
    game.after_step = look
    list(training(game, Shuffled(lambda rows: images(len(rows)), 8, settings.batch, settings.seed), settings))
    return game, same, decays


QUICK = TrainSettings(steps=8, batch=4, precision="fp32", device="cpu")


@pytest.mark.parametrize("frozen", [0, 1, 3])
def test_prototypes_stay_as_drawn_for_the_first_epochs_while_all_else_learns(frozen: int) -> None:
    game, same, _ = run_of(QUICK, frozen=frozen)
    assert same == [step < 2 * frozen for step in range(8)] and Method().frozen == 1
    assert all(p.grad is not None for p in game.head.own.parameters())


@pytest.mark.parametrize(("given", "first"), [(None, 0.04), (0.01, 0.01), (0.0, 0.0)])
def test_weight_decay_rises_tenfold_along_a_cosine_and_spares_vectors(given: float | None, first: float) -> None:
    _, _, decays = run_of(replace(QUICK, weight_decay=given))
    last = 10 * first
    cosine = [last + (first - last) * (1 + math.cos(math.pi * step / 8)) / 2 for step in range(8)]
    assert decays == [[pytest.approx(value, rel=1e-12), 0] for value in cosine]
    assert Method.weight_decay == 0.04 and 0.04 * Method().decay_factor(1) == pytest.approx(0.4)


def test_a_run_says_the_weight_decay_that_it_began_with(tmp_path) -> None:
    some = builtin("digits").without_labels().subset(np.arange(40))
    made = train(some, "dino", out=tmp_path / "run", settings=replace(QUICK, steps=2), size=32, holdout=0.2)
    assert made.card["training"]["weight_decay"] == 0.04 and made.card["task"]["frozen"] == 1


def test_crops_are_for_training_only_and_are_counted() -> None:
    method = Method(recipe="photo", crops=2)
    assert method.copies == 4 and Method().copies == 2
    assert len(method.prepare(images(4), torch_rng(0))[0]) == 16
    assert len(method.prepare(Batch(images(4).images, held_out=True), torch_rng(0))[0]) == 8


@pytest.mark.slow
def test_it_learns_digits_without_collapse(tmp_path) -> None:
    settings = TrainSettings(steps=200, precision="fp32", eval_every=200)
    made = train(builtin("digits").without_labels(), "dino", out=tmp_path / "run", settings=settings)
    scores = made.card["scores"]
    # 0.33 over seeds and instruction sets, 0.03 to 0.08 before
    assert scores["accuracy"] > scores["untrained_accuracy"] + 0.08 and scores["shuffled_p_value"] > 1e-6
    assert scores["feature_spread"] > 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"prototypes": 1},
        {"crops": -1},
        {"frozen": -1},
        {"teacher_temperature": 0.0},
        {"momentum": 2.0},
        {"candidates": 1},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)
