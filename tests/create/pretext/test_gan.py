import math

import pytest
import torch
from torch import nn

from helpers.pictures import batch_of as images
from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.core.runtime import seeded_init, torch_rng
from regard.create.pretext._adversarial import (
    ImageDiscriminator,
    PairDiscriminator,
    fooling_loss,
    shown_codes,
    telling_loss,
)
from regard.create.pretext.gan import Method
from regard.create.run import train
from regard.data.builtin import builtin
from regard.learning.batch import Batch
from regard.learning.loop import training
from regard.learning.module import LearningModule
from regard.learning.sampling import Shuffled
from regard.learning.settings import TrainSettings
from regard.learning.trainable import Moment


def pupil(size: int = 32, name: str = "convnet4") -> LearningModule:
    encoder, method = make_encoder(name, size=size), Method()
    with seeded_init(0):
        return LearningModule(method, encoder, method.head(encoder))


def test_the_discriminators_optimum_is_the_log_ratio_of_the_densities() -> None:
    # how often each of five points occurs among 64 real and among 64 made ones
    p, q = torch.tensor([32, 16, 8, 4, 4]), torch.tensor([4, 4, 8, 16, 32])
    real, made = (torch.arange(5).repeat_interleave(counts) for counts in (p, q))
    table = nn.Parameter(torch.zeros(5))
    optimiser = torch.optim.LBFGS([table], lr=0.5, max_iter=200, tolerance_grad=1e-8)

    def closure():
        optimiser.zero_grad()
        loss = telling_loss(table[real], table[made])
        loss.backward()
        return loss

    optimiser.step(closure)
    assert torch.allclose(table.detach(), (p / q).log(), atol=1e-2)
    # there the loss is 2 log 2 - 2 JS(p, q)
    a, b = (p / 64).double(), (q / 64).double()
    middle = (a + b) / 2
    js = float((a * (a / middle).log()).sum() + (b * (b / middle).log()).sum()) / 2
    assert float(closure().detach()) == pytest.approx(2 * math.log(2) - 2 * js, abs=1e-4)


def test_losses_are_those_of_the_paper_in_slow_plain_python_and_finite_where_logits_are_large() -> None:
    real, made = [0.3, -1.2, 4.0], [-0.5, 2.0, 0.1]
    d = [1 / (1 + math.exp(-v)) for v in real + made]
    telling = -sum(math.log(v) for v in d[:3]) / 3 - sum(math.log(1 - v) for v in d[3:]) / 3
    assert float(telling_loss(torch.tensor(real), torch.tensor(made))) == pytest.approx(telling, rel=1e-5)
    fooling = -sum(math.log(v) for v in d[3:]) / 3
    assert float(fooling_loss(torch.tensor(made))) == pytest.approx(fooling, rel=1e-5)
    both = fooling - sum(math.log(1 - v) for v in d[:3]) / 3
    assert float(fooling_loss(torch.tensor(made), torch.tensor(real))) == pytest.approx(both, rel=1e-5)
    far = torch.tensor([-200.0])
    assert float(telling_loss(far, -far)) == 400 and float(fooling_loss(far)) == 200
    assert telling_loss(far.bfloat16(), far.bfloat16()).dtype == torch.float32


def test_fooling_does_not_saturate() -> None:
    lost = torch.tensor([-20.0], requires_grad=True)
    fooling_loss(lost).backward()
    assert float(lost.grad) == pytest.approx(-1, abs=1e-6), "a generator that is found out learns at full strength"


@pytest.mark.parametrize("size", [32, 50, 64])
def test_discriminators_take_every_size(size: int) -> None:
    x = images(3, size)
    assert ImageDiscriminator(size)(x).shape == (3,)
    assert PairDiscriminator(size, 5, 0.2)(x, torch.zeros(3, 5)).shape == (3,)


@pytest.mark.parametrize(("player", "other"), [("discriminator", "generator"), ("generator", "discriminator")])
def test_gradients_reach_only_the_player_whose_turn_it_is(player: str, other: str) -> None:
    game = pupil()
    players = {one.name: list(one.parameters) for one in game.players()}
    assert {id(p) for group in players.values() for p in group} == {id(p) for p in game.parameters()}
    for p in players[other]:
        p.requires_grad_(False)  # as the training loop does
    loss, _ = game(Moment(player=player), Batch(images(), torch.arange(4)), torch_rng(0, "views"))
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in players[player])
    assert all(p.grad is None for p in players[other])


def test_steps_change_each_player_and_the_encoder_is_the_discriminator() -> None:
    game, pixels = pupil(), (images(8) * 255).byte()
    encoder = {id(p) for p in game.encoder.parameters()}
    assert encoder < {id(p) for p in game.players()[0].parameters} and game.players()[0].name == "discriminator"
    before = {name: value.clone() for name, value in game.named_parameters()}
    settings = TrainSettings(steps=2, batch=4, precision="fp32")
    batches = Shuffled(lambda rows: Batch(pixels[rows], torch.as_tensor(rows)), 8, settings.batch, 0)
    list(
        training(
            game,
            batches,
            settings,
        )
    )
    assert all(not torch.equal(value, before[name]) for name, value in game.named_parameters())


def test_noise_is_uniform_and_made_images_are_in_range() -> None:
    method, game = Method(), pupil(50)
    (x, z), targets = method.prepare(Batch(images(500, 8), torch.arange(500)), torch.Generator().manual_seed(0))
    assert z.shape == (500, 100) and -1 <= z.min() < -0.99 and 0.99 < z.max() <= 1 and abs(z.mean()) < 0.02
    assert torch.equal(x, images(500, 8)) and (targets == 1).all()
    made = game.head.generator(z[:4])
    assert made.shape == (4, 3, 50, 50) and made.min() >= 0 and made.max() <= 1


def test_the_answer_is_who_is_thought_the_likelier_and_the_control_tosses_coins() -> None:
    class Judge(nn.Module):
        def __init__(self):
            super().__init__()
            self.judge, self.generator = nn.Identity(), nn.Identity()

    class Brightness(nn.Module):
        def forward(self, x):
            return x.mean((1, 2, 3))[:, None]

    x = torch.tensor([0.9, 0.2, 0.5]).view(3, 1, 1, 1).expand(3, 3, 4, 4)
    made = torch.full((3, 3, 4, 4), 0.5)
    right = Method().correct(Brightness(), Judge(), (x, made), torch.ones(3))
    assert right.tolist() == [[1], [0], [0]], "a tie is wrong"
    assert Method().correct(Brightness(), Judge(), (x, made), -torch.ones(3)).tolist() == [[0], [1], [0]]
    _, coins = Method().shuffled((x, made), torch.ones(4000), torch.Generator().manual_seed(0))
    assert set(coins.tolist()) == {-1.0, 1.0} and abs(float(coins.mean())) < 0.07


def test_codes_are_shown_as_squares_of_grey() -> None:
    shown = shown_codes(torch.tensor([[-2.0, 0.0, 1.0, 2.0]]), 4)
    assert shown[0, 1, ::2, ::2].tolist() == [[0, 0.5], [0.75, 1]] and shown.shape == (1, 3, 4, 4)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"rate": 0.0}])
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)


@pytest.mark.slow
def test_real_digits_are_told_from_made_ones(tmp_path) -> None:
    settings = TrainSettings(steps=60, batch=32, precision="fp32", eval_every=60)
    scores = train(builtin("digits"), "gan", out=tmp_path / "run", settings=settings, size=32).card["scores"]
    assert scores["p_value"] < 1e-6 and scores["shuffled_p_value"] > 1e-6


def test_the_encoder_remembers_the_statistics_of_real_images_alone() -> None:
    game, given = pupil(), Batch(images(), torch.arange(4))
    slow = pupil()
    game(Moment(player="discriminator"), given, torch_rng(0, "views"))
    game(Moment(player="generator"), given, torch_rng(0, "views"))
    slow.encoder.train()(images())
    norm, expected = (one.encoder.network.blocks[0][1] for one in (game, slow))
    assert torch.allclose(norm.running_mean, expected.running_mean, atol=1e-6)
    assert torch.allclose(norm.running_var, expected.running_var, atol=1e-6) and norm.momentum == 0.1
