import numpy as np
import pytest
import torch
from torch import nn

from helpers.pictures import batch_of as images
from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.core.runtime import seeded_init, torch_rng
from regard.create.pretext._adversarial import fooling_loss, telling_loss
from regard.create.pretext.bigan import Method
from regard.data.imageset import ImageSet
from regard.learning.batch import Batch
from regard.learning.module import LearningModule
from regard.learning.objective import Split
from regard.learning.trainable import Moment


def pupil(**settings) -> LearningModule:
    encoder, method = make_encoder("convnet4", size=32), Method(**settings)
    with seeded_init(0):
        return LearningModule(method, encoder, method.head(encoder))


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


def test_encoder_and_generator_are_one_player_with_the_papers_beta() -> None:
    game = pupil()
    discriminator, coder = game.players()
    own = {id(p) for p in coder.parameters}
    assert {id(p) for p in (*game.encoder.parameters(), *game.head.generator.parameters())} < own
    assert coder.betas == discriminator.betas == (0.5, 0.999)
    assert coder.lr * 2e-3 == pytest.approx(Method().rate * 2e-3)


def test_both_players_play_on_the_pairs_of_the_paper() -> None:
    game, seen = pupil(), []
    game.head.discriminator.register_forward_hook(lambda _, given, out: seen.append((*given, out)))
    given = Batch(images(), torch.arange(4))
    losses = [
        float(game(Moment(player=name), given, torch_rng(0, "views"))[0].detach())
        for name in ("discriminator", "coder")
    ]
    inputs, _ = game.prepared(given, torch_rng(0, "views"))
    x, z = inputs
    with torch.no_grad():
        code, made = game.head.code(game.encoder(x)), game.head.generator(z)
    for pictures, codes, _ in seen:
        assert torch.allclose(pictures, torch.cat([x, made]), atol=1e-5), "(x, E(x)) and (G(z), z)"
        assert torch.allclose(codes, torch.cat([code, z]), atol=1e-5)
    real, fake = (seen[0][2].detach().chunk(2)[i] for i in (0, 1))
    assert losses[0] == pytest.approx(float(telling_loss(real, fake)), rel=1e-4)
    assert losses[1] == pytest.approx(float(fooling_loss(fake, real)), rel=1e-4)
    assert float(fooling_loss(fake, real)) == pytest.approx(float(telling_loss(fake, real)), rel=1e-6), "swapped"


def test_at_the_optimum_a_pair_of_densities_is_matched_by_undoing_each_other() -> None:
    # four images and four codes, all equally likely: with E the inverse of G both kinds of pairs are the same, and
    # the best discriminator knows nothing; with E another map it tells them all
    generator, pairs = torch.tensor([2, 0, 3, 1]), 16
    for encoder, expected in ((generator.argsort(), 2 * np.log(2)), (generator.argsort().roll(1), 0.0)):
        x, z = torch.arange(4).repeat(pairs), torch.arange(4).repeat(pairs)
        table = nn.Parameter(torch.zeros(4, 4))
        optimiser = torch.optim.Adam([table], lr=0.2)
        for _ in range(200):
            optimiser.zero_grad()
            loss = telling_loss(table[x, encoder[x]], table[generator[z], z])
            loss.backward()
            optimiser.step()
        assert float(loss.detach()) == pytest.approx(expected, abs=1e-2)


def test_codes_are_uniform() -> None:
    (_, z), _ = Method().prepare(Batch(images(400, 8), torch.arange(400)), torch.Generator().manual_seed(0))
    assert z.shape == (400, 50) and -1 <= z.min() < -0.99 and 0.99 < z.max() <= 1
    assert float(z.var()) == pytest.approx(1 / 3, abs=0.01) and abs(float(z.mean())) < 0.02


def test_codes_of_real_images_start_with_the_priors_mean_and_variance() -> None:
    game = pupil()
    with torch.no_grad():
        code = game.head.code(game.encoder(images(64)))
    assert torch.allclose(code.mean(0), torch.zeros(50), atol=1e-5)
    # exactly 1/3 but for the small number that keeps the deviation from 0
    assert float(code.var(0, unbiased=False).mean()) == pytest.approx(1 / 3, rel=0.05)


def test_the_answer_is_the_image_nearest_to_the_reconstruction() -> None:
    game, x = pupil(candidates=3).eval(), images(6)
    inputs, targets = game.prepared(Batch(x, torch.arange(6), None, True), torch_rng(0, "views"))
    assert torch.equal(inputs[0], x) and torch.equal(targets, x)
    with torch.no_grad():
        found = game.objective.correct(game.encoder, game.head, inputs, targets)[:, 0].tolist()
        made = game.head.generator(game.head.code(game.encoder(x)))
    slow = []
    for i in range(6):
        contest = range(i // 3 * 3, i // 3 * 3 + 3)
        slow.append(float(min(contest, key=lambda j: float((made[i] - x[j]).square().sum())) == i))
    assert found == slow


def test_contests_are_no_larger_than_the_held_out_set() -> None:
    few = ImageSet([np.full((8, 8), 51, np.uint8)] * 3, np.array(list("abc")))
    fitted = Method().configure(Split(few, few, True))
    assert fitted.candidates == 3 and fitted.chance == 1 / 3 and fitted.colour == (0.2, 0.2, 0.2)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"rate": 0.0}, {"dropout": 1.0}, {"candidates": 1}])
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)
