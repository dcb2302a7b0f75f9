"""A run that was stopped or killed goes on to the same bits; a checkpoint that is not its own, or damaged, is named."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from helpers.trainables import SETTINGS, N, batches, equal, run, small, training, weights
from regard.core.checks import InputError
from regard.core.storage import load_tensors, read_header, save_tensors
from regard.learning.checkpoint import BEST, CHECKPOINT, load_checkpoint, read_state
from regard.learning.scored import Scores


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
import helpers.trainables as t
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
    script = NURSERY.format(tests=str(Path(__file__).parents[1]), kills=6)
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
