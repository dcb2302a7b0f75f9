import math

import pytest
import torch
from torch import nn

from helpers.pictures import batch_of as images
from regard.backbones.encoder import make_encoder
from regard.core.runtime import seeded_init, torch_rng
from regard.create.pretext.ali import Method, drawn_code
from regard.learning.batch import Batch
from regard.learning.module import LearningModule
from regard.learning.trainable import Moment


def pupil(**settings) -> LearningModule:
    encoder, method = make_encoder("convnet4", size=32), Method(**settings)
    with seeded_init(0):
        return LearningModule(method, encoder, method.head(encoder))


def test_codes_have_the_mean_and_the_variance_that_were_asked_for() -> None:
    noise = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    mean, variance = torch.tensor([0.5, -2.0]), torch.tensor([4.0, 0.25])
    found = drawn_code(mean.expand_as(noise), variance.log().expand_as(noise), noise)
    assert torch.allclose(found.mean(0), mean, atol=0.02) and torch.allclose(found.var(0), variance, rtol=0.02)
    assert torch.isfinite(drawn_code(torch.zeros(2), torch.tensor([1e4, -1e4]), torch.ones(2))).all()


def test_gradients_reach_mean_and_variance_through_the_draw() -> None:
    mean, log_variance = torch.tensor([0.3], requires_grad=True), torch.tensor([0.8], requires_grad=True)
    noise = torch.tensor([1.5])
    drawn_code(mean, log_variance, noise).square().sum().backward()
    code = 0.3 + math.exp(0.4) * 1.5
    assert float(mean.grad) == pytest.approx(2 * code, rel=1e-5)
    assert float(log_variance.grad) == pytest.approx(2 * code * math.exp(0.4) * 1.5 / 2, rel=1e-5)


def test_all_noise_comes_from_the_generator_and_travels_in_the_inputs() -> None:
    game, given = pupil(), Batch(images(300, 32), torch.arange(300))
    (_, z, noise), _ = game.prepared(given, torch_rng(1, "views"))
    assert z.shape == noise.shape == (300, 64)
    for part in (z, noise):
        assert abs(float(part.mean())) < 0.02 and abs(float(part.std()) - 1) < 0.02
    assert abs(float((z * noise).mean())) < 0.02, "independent of each other"
    features = torch.randn(300, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        code = game.objective.coded(features, game.head, noise)
        mean, log_variance = game.head.code(features).chunk(2, 1)
        assert torch.allclose(code, mean + (log_variance / 2).exp() * noise, atol=1e-5)
        assert torch.equal(game.objective.coded(features, game.head), mean), "held-out images: the mean"


def test_drawn_codes_of_real_images_start_with_the_priors_mean_and_variance() -> None:
    game = pupil()
    with torch.no_grad():
        (x, _, noise), _ = game.prepared(Batch(images(256), torch.arange(256)), torch_rng(1, "views"))
        mean, log_variance = game.head.code(game.encoder(x)).chunk(2, 1)
        code = drawn_code(mean, log_variance, noise)
    assert float(mean.var(0).mean()) == pytest.approx(0.5, rel=0.1)
    assert float(log_variance.exp().mean()) == pytest.approx(0.5, rel=0.05)
    assert abs(float(code.mean())) < 0.02 and float(code.var(0).mean()) == pytest.approx(1, rel=0.1)


def test_the_discriminator_drops_a_fifth_and_the_generator_starts_at_the_images_mean() -> None:
    game = pupil(colour=(0.2, 0.5, 0.8))
    drops = [m.p for m in game.head.discriminator.modules() if isinstance(m, nn.Dropout)]
    assert drops and set(drops) == {0.2}
    bias = game.head.generator.paint.layers[-1].bias
    assert torch.allclose(bias, torch.tensor([math.log(p / (1 - p)) for p in (0.2, 0.5, 0.8)]), atol=1e-5)


@pytest.mark.parametrize(("player", "other"), [("discriminator", "coder"), ("coder", "discriminator")])
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
