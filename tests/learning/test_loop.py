import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from regard.core.checks import InputError, RunError
from regard.core.events import Event
from regard.core.runtime import seeded_init
from regard.core.storage import load_tensors, read_header, save_tensors
from regard.learning.checkpoint import BEST, CHECKPOINT, load_checkpoint, read_state
from regard.learning.loop import training as loop_training
from regard.learning.sampling import Shuffled
from regard.learning.scored import Scores
from regard.learning.settings import TrainSettings, completed
from regard.learning.trainable import Player, Trainable

N = 48
SETTINGS = TrainSettings(
    steps=12, batch=8, lr=1e-2, precision="fp32", device="cpu", checkpoint_seconds=1e9, log_every=4
)


def training(game, batches, n, settings, **more):
    return loop_training(game, Shuffled(batches, n, settings.batch, settings.seed), settings, **more)


class Small(Trainable):
    """A network with all that could break a resume: convolution, normalisation, dropout, draws, a buffer, a hook."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3), nn.Linear(64, 2)
        )
        self.register_buffer("average", torch.zeros(2, 64))
        self.steps: list[int] = []

    def forward(self, at, batch, generator):
        x, y = batch
        x = x + 0.1 * torch.rand(x.shape, generator=generator)
        return nn.functional.cross_entropy(self.net(x), y), {"seen": len(x)}

    def after_step(self, at) -> None:
        self.steps.append(at.step)
        self.average.lerp_(self.net[-1].weight.detach(), 0.1)


def small() -> Small:
    with seeded_init(0):
        return Small()


def batches(rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.rand(N, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return x[rows], (x.mean((1, 2, 3)) > 0.5).long()[rows]


def run(game, settings=SETTINGS, **more) -> list[Event]:
    return list(training(game, batches, N, settings, **more))


def weights(game: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in game.state_dict().items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_one_player_is_a_plain_loop_of_torch() -> None:
    """The same numbers as ten obvious lines, for a game without draws."""

    class Plain(Trainable):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Linear(108, 2)

        def forward(self, at, batch, generator):
            return nn.functional.cross_entropy(self.net(batch[0].flatten(1)), batch[1]), {}

    with seeded_init(1):
        ours, slow = Plain(), Plain()
    slow.load_state_dict(ours.state_dict())
    order: list[np.ndarray] = []

    def noted(rows: np.ndarray):
        order.append(rows)
        return batches(rows)

    settings = replace(SETTINGS, schedule="constant", warmup=0.0)
    list(training(ours, noted, N, settings))
    groups = [{"params": [slow.net.weight], "weight_decay": 1e-2}, {"params": [slow.net.bias], "weight_decay": 0}]
    optimiser = torch.optim.AdamW(groups, 1e-2)
    for rows in order[:12]:
        x, y = batches(rows)
        optimiser.zero_grad()
        nn.functional.cross_entropy(slow.net(x.flatten(1)), y).backward()
        optimiser.step()
    assert torch.allclose(ours.net.weight, slow.net.weight, atol=1e-7)
    assert sorted(np.concatenate(order[:6]).tolist()) == list(range(N)), "an epoch takes each row once"
    assert np.concatenate(order[:6]).tolist() != np.concatenate(order[6:12]).tolist(), "in a new order"


def test_events_tell_the_run() -> None:
    game = small()
    events = run(game, evaluate=lambda: Scores({"accuracy": 0.5}), settings=replace(SETTINGS, eval_every=6))
    assert [(e.kind, e.step) for e in events] == [
        ("start", 0), ("train", 4), ("eval", 6), ("train", 8), ("train", 12), ("eval", 12), ("done", 12),
    ]  # fmt: skip
    train = events[1].values
    assert train["seen"] == 8 and train["images_per_second"] > 0 and np.isfinite(train["loss"]) and train["lr"] > 0
    assert events[1].steps == 12 and events[-1].values["seconds"] > 0
    assert game.steps == list(range(12)), "the hook comes once a step"


def test_epochs_count_whole_batches() -> None:
    assert run(small(), replace(SETTINGS, steps=None, epochs=2, batch=10))[-1].step == 2 * (N // 10)


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    a, b, c = small(), small(), small()
    run(a), run(b), run(c, replace(SETTINGS, seed=1))
    assert equal(weights(a), weights(b)) and not equal(weights(a), weights(c))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    run(small())
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("stop", [1, 5, 11])
def test_a_run_that_is_stopped_goes_on_to_the_same_bits(tmp_path: Path, stop: int) -> None:
    settings = replace(SETTINGS, checkpoint_steps=1, clip=0.5)
    whole = small()
    run(whole, settings)
    for event in training(small(), batches, N, settings, folder=tmp_path):
        if event.kind == "checkpoint" and event.step == stop:
            break
    again = small()
    events = run(again, settings, folder=tmp_path)
    assert events[0].step == stop and "going on" in events[0].text
    assert equal(weights(whole), weights(again))


NURSERY = """
import os, random, signal, sys, time
sys.path.insert(0, {tests!r})
import torch, lightning_fabric
from pathlib import Path
from dataclasses import replace
import test_loop as t
from regard.learning.checkpoint import CHECKPOINT, read_state, save_checkpoint

def batches(rows):
    time.sleep(0.004)  # the parent must see the steps go by, however busy the machine is
    return t.batches(rows)

def step():
    file = Path("killed") / CHECKPOINT
    return read_state(file)["step"] if file.exists() else 0

def child(folder):
    pid = os.fork()
    if pid:
        return pid
    try:
        game = t.small()
        settings = replace(t.SETTINGS, steps=150, checkpoint_steps=1)
        for event in t.training(game, batches, t.N, settings, folder=folder):
            pass
        save_checkpoint(folder / "end.safetensors", game, {{}}, {{}})
        os._exit(0)
    except BaseException as error:
        print("child:", error, flush=True)
        os._exit(1)

assert os.waitpid(child(Path("whole")), 0)[1] == 0
rng, kills = random.Random(0), 0
while True:
    pid, until, ended = child(Path("killed")), step() + rng.randint(3, 20), 0
    while not ended and (kills >= {kills} or step() < until):
        ended, status = os.waitpid(pid, os.WNOHANG)
        time.sleep(0.001)
    if ended:
        assert status == 0
        break
    time.sleep(rng.uniform(0, 0.006))  # anywhere within a step
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    kills += 1
print("kills", kills)
"""


def test_a_run_killed_at_random_moments_ends_in_the_same_bits(tmp_path: Path) -> None:
    """SIGKILL, at any moment, of a process that writes a checkpoint at every step."""
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    script = NURSERY.format(tests=str(Path(__file__).parent), kills=6)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split("kills")[1]) >= 2, "the run was too fast to be killed"
    whole, killed = (load_tensors(tmp_path / name / "end.safetensors") for name in ("whole", "killed"))
    assert equal(whole, killed)


def test_a_checkpoint_of_another_run_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    run(small(), folder=tmp_path, about={"task": "a"})
    with pytest.raises(InputError, match="lr was 0.01, now 0.02; task was a, now b"):
        run(small(), replace(SETTINGS, lr=0.02), folder=tmp_path, about={"task": "b"})
    with pytest.raises(InputError, match="weights of another network"):
        load_checkpoint(tmp_path / CHECKPOINT, nn.Linear(2, 2), {})


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"no tensors")
    with pytest.raises(InputError, match=f"{CHECKPOINT}.*Delete it"):
        run(small(), folder=tmp_path)


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.03, 0.2, 0.5, 0.8, 0.999])
@pytest.mark.parametrize("bit", [0, 6])
def test_a_checkpoint_with_a_flipped_bit_is_named(tmp_path: Path, share: float, bit: int) -> None:
    run(small(), folder=tmp_path)
    path = tmp_path / CHECKPOINT
    damaged = bytearray(path.read_bytes())
    damaged[int(share * len(damaged))] ^= 1 << bit
    path.write_bytes(bytes(damaged))
    with pytest.raises(InputError, match=f"{CHECKPOINT}.*Delete it"):
        run(small(), replace(SETTINGS, steps=12), folder=tmp_path)


def test_a_checkpoint_whose_numbers_were_changed_is_named(tmp_path: Path) -> None:
    run(small(), folder=tmp_path)
    path, header = tmp_path / CHECKPOINT, read_header(tmp_path / CHECKPOINT)
    tensors = load_tensors(path)
    save_tensors(path, {name: value + 1 for name, value in tensors.items()}, header)
    with pytest.raises(InputError, match=f"{CHECKPOINT}.*changed"):
        run(small(), folder=tmp_path)
    save_tensors(path, tensors, header | {"state": header["state"].replace('"step": 12', '"step": 6')})
    with pytest.raises(InputError, match=f"{CHECKPOINT}.*changed"):
        run(small(), folder=tmp_path)
    save_tensors(path, tensors, {"state": header["state"]})  # of an earlier version, which had no seal
    run(small(), folder=tmp_path)


def test_left_over_files_of_a_kill_are_cleared(tmp_path: Path) -> None:
    (tmp_path / f".{CHECKPOINT}.123.tmp").write_bytes(b"half")
    run(small(), folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    class Breaks(Small):
        def forward(self, at, batch, generator):
            loss, log = super().forward(at, batch, generator)
            return loss * (float("nan") if len(self.steps) >= 6 else 1.0), log

    with seeded_init(0):
        game = Breaks()
    with pytest.raises(RunError, match=r"nan at step 6, with a learning rate of .* Lower --lr"):
        run(game, replace(SETTINGS, checkpoint_steps=1), folder=tmp_path)
    assert read_state(tmp_path / CHECKPOINT)["step"] == 6
    assert all(torch.isfinite(value).all() for value in load_tensors(tmp_path / CHECKPOINT).values())


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path) -> None:
    class Explodes(Small):
        def after_step(self, at) -> None:
            super().after_step(at)
            if at.step == 11:
                self.average.fill_(torch.inf)

    with seeded_init(0):
        game = Explodes()
    with pytest.raises(RunError, match="average holds NaN or infinity at step 12"):
        run(game, folder=tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()


class Spread(Small):
    """Reports a spread of our choice."""

    value = 0.0

    def forward(self, at, batch, generator):
        loss, _ = super().forward(at, batch, generator)
        return loss, {"spread": self.value if len(self.steps) % 40 else self.value * 100}


def test_collapse_stops_the_run_with_advice_and_a_dip_does_not() -> None:
    settings = replace(SETTINGS, steps=60, log_every=1)
    game = Spread()
    game.value = 1e-4
    with pytest.raises(RunError, match=r"collapse: at step .* Lower --lr, use a larger --batch"):
        run(game, settings)
    low_but_alive, game.value = Spread(), 0.05
    low_but_alive.value = 0.05
    assert run(low_but_alive, settings)[-1].kind == "done"
    dips = Spread()
    dips.value = 1e-4
    # nine reports of ten steps: shorter than the patience of ten
    assert run(dips, replace(settings, steps=90, log_every=10))[-1].kind == "done"


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


def test_the_best_weights_are_kept(tmp_path: Path) -> None:
    game, accuracies = small(), iter([0.2, 0.9, 0.4])
    kept: list[dict[str, torch.Tensor]] = []

    def evaluate() -> Scores:
        assert not game.training and not torch.is_grad_enabled()
        kept.append(weights(game))
        return Scores({"accuracy": next(accuracies)})

    run(game, replace(SETTINGS, eval_every=4), evaluate=evaluate, folder=tmp_path)
    best = {name.removeprefix("module/"): value for name, value in load_tensors(tmp_path / BEST).items()}
    assert equal(best, kept[1]) and read_state(tmp_path / BEST) == {"step": 8, "main": "accuracy", "score": 0.9}


def test_minutes_end_by_the_clock_which_goes_on_after_a_stop(tmp_path: Path) -> None:
    settings = replace(SETTINGS, steps=None, minutes=0.005)
    events = run(small(), settings, folder=tmp_path)
    assert events[-1].values["seconds"] >= 0.3 and events[-1].step > 0
    assert read_state(tmp_path / CHECKPOINT)["seconds"] >= 0.3
    assert [e.kind for e in run(small(), settings, folder=tmp_path)] == ["start", "done"], "its time is up"


def test_batches_are_made_ahead_and_an_error_there_ends_the_run() -> None:
    def fails(rows: np.ndarray) -> None:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(training(small(), fails, N, SETTINGS))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": None}, "expected one of the three"),
        ({"epochs": 3}, "got several"),
        ({"batch": N + 1}, f"at most {N}"),
        ({"batch": None}, "--batch"),
        ({"lr": 0.0}, "--lr: expected a number above 0"),
        ({"batch": 0}, "--batch: expected a whole number of at least 1"),
        ({"schedule": "cosin"}, "Did you mean 'cosine'"),
        ({"precision": "fp16"}, "--precision"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        run(small(), replace(SETTINGS, **change))


DISTRIBUTED = """
import sys
sys.path.insert(0, {tests!r})
from dataclasses import replace
from pathlib import Path
from torch import nn
import torch
import test_loop as t

class Plain(t.Trainable):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(108, 2)
    def forward(self, at, batch, generator):
        return nn.functional.cross_entropy(self.net(batch[0].flatten(1)), batch[1]), {{}}

with t.seeded_init(1):
    game = Plain()
for event in t.training(game, t.batches, t.N, t.SETTINGS, folder=Path({folder!r})):
    pass
"""


@pytest.mark.slow
def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    """Half a batch each, gradients averaged: the same numbers up to rounding."""
    found = []
    for name, launcher in (("one", []), ("two", ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"])):
        folder = tmp_path / name
        folder.mkdir()
        script = tmp_path / f"{name}.py"
        script.write_text(DISTRIBUTED.format(tests=str(Path(__file__).parent), folder=str(folder)))
        done = subprocess.run([sys.executable, *launcher, str(script)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(load_tensors(folder / CHECKPOINT))
    one, two = found
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)


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
