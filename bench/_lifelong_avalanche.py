"""Avalanche in an environment of its own: the seconds of its steps, and a stream learned by it.

    bench-avalanche/bin/python _lifelong_avalanche.py steps FOLDER NETWORK STRATEGY STEPS
    bench-avalanche/bin/python _lifelong_avalanche.py stream FOLDER STRATEGY EPOCHS SEED

`steps`: FOLDER is as `_lifelong_plain.py` reads it. The strategy learns the images of the memory as its first
experience, or where there are none two images of the task, and then the task; each line on standard input asks for
STEPS steps of the latter. `stream`: prints the matrix of accuracies, row t after experience t. One thread, evaluation
and loggers off. This file imports nothing of regard.
"""

import json
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

PINNED = ("avalanche-lib==0.6.0",)
LR, FACTOR, DECAY, BATCH, MEMORY = 2e-3, 0.1, 1e-2, 64, 200


def peer_python() -> Path | None:
    """The interpreter of Avalanche's environment, made on first use under the cache folder; None where that fails.

    It borrows torch from the environment that this runs in, so that both compute with the same one.
    """
    cache = Path(os.environ.get("REGARD_CACHE", Path.home() / ".cache" / "regard"))
    home = cache / "bench-avalanche"
    python = home / "bin" / "python"
    probe = [python, "-c", "import avalanche.training.supervised"]
    if python.exists() and not subprocess.run(probe, capture_output=True).returncode:
        return python
    print(f"making {home} with {', '.join(PINNED)}", file=sys.stderr, flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        own = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip()
        (Path(own) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PINNED], check=True)
        subprocess.run(probe, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Avalanche is left out: it does not install here ({error})", file=sys.stderr, flush=True)
        return None
    return python


def made(name, classes, start, rates):
    """A network with a layer for all classes, and its optimiser."""
    import torch
    from _lifelong_plain import network

    net = network(name)
    net.load_state_dict({k.removeprefix("encoder."): v for k, v in start.items() if k.startswith("encoder.")})
    width = 128 if name == "convnet4" else 512
    model = torch.nn.Sequential(net, torch.nn.Linear(width, classes))
    groups = [{"params": model[n].parameters(), "lr": rate} for n, rate in enumerate(rates)]
    return model, torch.optim.AdamW(groups, weight_decay=DECAY)


def experiences(pairs, transform):
    """A stream of (images, labels), uint8; each image is changed when it is asked for."""
    from _lifelong_plain import Pictures
    from avalanche.benchmarks import benchmark_from_datasets
    from avalanche.benchmarks.utils import AvalancheDataset, as_taskaware_classification_dataset
    from avalanche.benchmarks.utils.data_attribute import DataAttribute

    sets = []
    for images, labels in pairs:
        pictures, told = Pictures(images, labels.tolist(), transform), DataAttribute(labels.tolist(), "targets")
        whose = DataAttribute([0] * len(labels), "targets_task_labels", use_in_getitem=True)
        sets.append(as_taskaware_classification_dataset(AvalancheDataset([pictures], data_attributes=[told, whose])))
    return benchmark_from_datasets(train=sets).train_stream


def strategy_of(name, model, optimiser, epochs, memory, plugins=()):
    """`Naive` or `Replay` without loggers."""
    import torch
    from avalanche.training import supervised
    from avalanche.training.plugins import EvaluationPlugin

    more = {"mem_size": memory} if name == "Replay" else {}
    return getattr(supervised, name)(
        model=model,
        optimizer=optimiser,
        criterion=torch.nn.CrossEntropyLoss(),
        train_mb_size=BATCH,
        train_epochs=epochs,
        device="cpu",
        plugins=list(plugins),
        evaluator=EvaluationPlugin(loggers=[]),
        **more,
    )


def steps(folder: Path, network: str, name: str, count: int) -> None:
    """Blocks of steps, when asked."""
    from _lifelong_plain import transforms
    from avalanche.training.plugins import SupervisedPlugin
    from safetensors.torch import load_file

    data, start = load_file(folder / "data.safetensors"), load_file(folder / "start.safetensors")

    class Turns(SupervisedPlugin):
        """Waits for a line before each block of the second experience, and tells what a block took."""

        done, losses, began = 0, [], (0.0, 0.0)

        def before_training_epoch(self, strategy, **kwargs):
            if strategy.clock.train_exp_counter and not self.done:
                print(json.dumps("ready"), flush=True)
                self.wait()

        def wait(self):
            if not sys.stdin.readline():
                sys.exit(0)
            self.losses, self.began = [], (time.perf_counter(), time.process_time())

        def after_training_iteration(self, strategy, **kwargs):
            if not strategy.clock.train_exp_counter:
                return
            self.done += 1
            self.losses.append(strategy.loss.item())
            if self.done % count == 0:
                spent = time.perf_counter() - self.began[0], time.process_time() - self.began[1]
                print(json.dumps([*spent, sum(self.losses) / count]), flush=True)
                self.wait()

    size, mean, std = data["task"].shape[-1], data["mean"].tolist(), data["std"].tolist()
    first = (data["memory"], data["memory_labels"]) if "memory" in data else (data["task"][:2], data["task_labels"][:2])
    model, optimiser = made(network, 4, start, (LR * FACTOR, LR))
    strategy = strategy_of(name, model, optimiser, 1, len(first[0]), [Turns()])
    for number, one in enumerate(
        experiences([first, (data["task"], data["task_labels"])], transforms(size, mean, std))
    ):
        strategy.train_epochs = 10**6 if number else 1
        strategy.train(one, drop_last=bool(number))


def stream(folder: Path, name: str, epochs: int, seed: int) -> None:
    """The matrix of accuracies of a stream."""
    import torch
    from safetensors.torch import load_file
    from torchvision.transforms import v2

    torch.manual_seed(seed)
    data, start = load_file(folder / "stream.safetensors"), load_file(folder / "start.safetensors")
    plain = v2.Compose(
        [v2.ToDtype(torch.float32, scale=True), v2.Normalize(data["mean"].tolist(), data["std"].tolist())]
    )
    tasks = sum(key.startswith("train/") for key in data)
    classes = 1 + max(int(data[f"train_labels/{task}"].max()) for task in range(tasks))
    model, optimiser = made("convnet4", classes, start, (1e-3, 1e-3))
    strategy = strategy_of(name, model, optimiser, epochs, MEMORY)
    found = []
    for one in experiences([(data[f"train/{task}"], data[f"train_labels/{task}"]) for task in range(tasks)], plain):
        strategy.train(one, drop_last=True)
        model.eval()
        with torch.no_grad():
            said = [model(plain(data[f"test/{task}"])).argmax(1) for task in range(tasks)]
        found.append([float((y == data[f"test_labels/{task}"]).float().mean()) for task, y in enumerate(said)])
    print(json.dumps(found))


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    what, place, *rest = sys.argv[1:]
    if what == "steps":
        steps(Path(place), rest[0], rest[1], int(rest[2]))
    else:
        stream(Path(place), rest[0], int(rest[1]), int(rest[2]))
