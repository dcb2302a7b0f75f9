"""Several players in turn, and what optimisers know of parameters that are drawn anew."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers.trainables import SETTINGS, N, Small, batches, equal, run, small, training, weights
from regard.core.runtime import seeded_init
from regard.core.storage import load_tensors
from regard.learning.checkpoint import CHECKPOINT
from regard.learning.settings import completed
from regard.learning.trainable import Player, Trainable


class Two(Trainable):
    """A generator and a critic, each with a weight that counts its moves."""

    def __init__(self) -> None:
        super().__init__()
        self.made, self.judge = nn.Linear(4, 4), nn.Linear(4, 1)
        self.moves: list[str] = []

    def players(self) -> list[Player]:
        return [
            Player("critic", list(self.judge.parameters()), turns=2, betas=(0.5, 0.9)),
            Player("maker", list(self.made.parameters()), optimiser="sgd", lr=0.5, every=3),
        ]

    def forward(self, at, batch, generator):
        self.moves.append(at.player)
        noise = torch.randn(len(batch[0]), 4, generator=generator)
        for name, part in (("critic", self.judge), ("maker", self.made)):
            assert all(p.requires_grad == (name == at.player) for p in part.parameters()), "others are frozen"
        score = self.judge(self.made(noise)).mean()
        return score if at.player == "critic" else -score, {"score": score.detach()}


def test_players_move_in_turn_with_the_others_frozen(tmp_path: Path) -> None:
    with seeded_init(0):
        game = Two()
    events = run(game, replace(SETTINGS, steps=6, log_every=6), folder=tmp_path)
    round_of_three = ["critic", "critic", "maker"] + ["critic"] * 4
    assert game.moves == round_of_three * 2
    assert {"critic/loss", "maker/loss", "critic/score"} <= events[-3].values.keys()
    assert {"maker", "critic"} == {
        name.split("/")[1] for name in load_tensors(tmp_path / CHECKPOINT) if "optim/" in name
    }


def test_players_go_on_to_the_same_bits(tmp_path: Path) -> None:
    def fresh() -> Two:
        with seeded_init(0):
            return Two()

    settings = replace(SETTINGS, checkpoint_steps=1)
    whole, again = fresh(), fresh()
    run(whole, settings)
    for event in training(fresh(), batches, N, settings, folder=tmp_path):
        if event.kind == "checkpoint" and event.step == 5:
            break
    run(again, settings, folder=tmp_path)
    assert equal(weights(whole), weights(again))


class Renewing(Small):
    """Draws its last layer anew before step 5, keeps its first from learning until step 3, decays ever more."""

    def before_step(self, at):
        if at.step != 5:
            return ()
        with torch.no_grad(), seeded_init(9):
            self.net[-1].reset_parameters()
        return self.net[-1].parameters()

    def before_update(self, at) -> None:
        if at.step < 3:
            self.net[0].weight.grad = None

    def decay_factor(self, progress: float) -> float:
        return 1 + 9 * progress


def renewing() -> Renewing:
    with seeded_init(0):
        return Renewing()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[torch.optim.Optimizer]:
    """The optimisers that runs make."""
    found: list[torch.optim.Optimizer] = []
    make = Player.make_optimiser
    monkeypatch.setattr(Player, "make_optimiser", lambda *given: found.append(make(*given)) or found[-1])
    return found


def played_by(game: nn.Module, optimiser) -> nn.Module:
    game.players = lambda: [Player("all", list(game.parameters()), optimiser)]
    return game


@pytest.mark.parametrize("optimiser", ["adamw", "sgd", lambda groups, lr: torch.optim.Adam(groups, lr, amsgrad=True)])
def test_optimisers_forget_parameters_that_are_drawn_anew_and_no_others(optimiser, made) -> None:
    game, seen = played_by(renewing(), optimiser), {}
    look = game.before_update

    def noted(at) -> None:
        look(at)
        seen[at.step] = {name for name, p in game.named_parameters() if made[0].state.get(p)}

    game.before_update = noted
    run(game)
    every, last = {name for name, _ in game.named_parameters()}, {"net.5.weight", "net.5.bias"}
    assert seen[4] == every and seen[5] == every - last and seen[6] == every, "gone for one step"
    if optimiser != "sgd":
        steps = {name: int(made[0].state[p]["step"]) for name, p in game.named_parameters()}
        assert steps == {name: 7 if name in last else 9 if name == "net.0.weight" else 12 for name in every}


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_layer_drawn_anew_moves_as_under_a_new_optimiser(optimiser: str, made) -> None:
    game, noted = played_by(renewing(), optimiser), {}
    game.after_step = lambda at: noted.setdefault(at.step, (game.net[-1].weight.clone(), game.net[-1].weight.grad))
    run(game, replace(SETTINGS, steps=6, schedule="constant", warmup=0.0))
    with seeded_init(9):
        fresh = nn.Linear(64, 2)
    alone = Player("all", [fresh.weight], optimiser).make_optimiser(
        replace(SETTINGS, weight_decay=1e-2 * (1 + 9 * 5 / 6))
    )
    fresh.weight.grad = noted[5][1]
    alone.step()
    assert torch.allclose(noted[5][0], fresh.weight, atol=1e-6)


@pytest.mark.parametrize("stop", [4, 5, 6])
def test_a_run_that_draws_layers_anew_goes_on_to_the_same_bits(tmp_path: Path, stop: int) -> None:
    whole, first, second = renewing(), renewing(), renewing()
    run(whole)
    for event in training(first, batches, N, replace(SETTINGS, checkpoint_steps=stop), folder=tmp_path):
        if event.kind == "checkpoint":
            break
    run(second, folder=tmp_path)
    assert equal(weights(whole), weights(second))


def test_a_parameter_without_gradient_stays_to_the_last_bit_and_decay_follows_progress(made) -> None:
    game, kept, decays = renewing(), [], []
    start = game.net[0].weight.detach().clone()

    def noted(at) -> None:
        kept.append(torch.equal(game.net[0].weight, start))
        decays.append([group["weight_decay"] for group in made[0].param_groups])

    game.after_step = noted
    run(game, replace(SETTINGS, weight_decay=0.5))
    assert kept == [True] * 3 + [False] * 9
    assert np.allclose(decays, [[0.5 * (1 + 9 * step / 12), 0] for step in range(12)], rtol=1e-12)


@pytest.mark.parametrize(("own", "given", "used"), [(None, None, 0.01), (0.3, None, 0.3), (0.3, 0.0, 0.0)])
def test_weight_decay_is_the_users_or_the_games_or_the_usual(own, given, used, made) -> None:
    game = small()
    if own is not None:
        game.weight_decay = own
    settings = replace(SETTINGS, steps=1, weight_decay=given)
    run(game, settings)
    assert [group["weight_decay"] for group in made[0].param_groups] == [used, 0]
    assert completed(settings, game.weight_decay).recipe()["weight_decay"] == used
