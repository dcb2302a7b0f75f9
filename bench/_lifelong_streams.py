"""The built-in stream `digits_5x2` learned by us and by Avalanche: what is known in the end, what was forgotten."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _lifelong_avalanche import MEMORY

from regard.backbones.encoder import make_encoder
from regard.core.storage import save_tensors
from regard.data.imageset import ImageSet
from regard.data.streams.builtin import builtin_stream
from regard.learning.batches import Feed
from regard.learning.settings import TrainSettings
from regard.lifelong.play import play
from regard.metrics.continual import final_accuracy, forgetting
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation

SIZE, EPOCHS = 32, 20
PAIRS = {"finetune": "Naive", "replay": "Replay"}


def streams(python: Path, seeds: int) -> Iterator[dict[str, Any]]:
    """Rows of both; ConvNet-4, the same first weights, batches of 64, whole ones, no views, AdamW at 1e-3, constant.

    Avalanche's memory holds as many images as ours has bytes for. Its classifier has all ten outputs from the start,
    ours those of the classes that came; its memory holds as many of each task, ours a uniform sample.
    """
    ends: dict[str, list[tuple[float, float]]] = {}
    for seed in range(seeds):
        stream = builtin_stream("digits_5x2", seed)
        start = Representation(
            make_encoder("convnet4", size=SIZE, seed=seed), Preprocess(SIZE, SIZE), {"name": "fresh"}
        )
        with tempfile.TemporaryDirectory(prefix="lifelong-stream-") as work:
            folder = Path(work)
            write_stream(folder, stream, start)
            for ours, theirs in PAIRS.items():
                settings = TrainSettings(
                    epochs=EPOCHS,
                    batch=64,
                    lr=1e-3,
                    schedule="constant",
                    warmup=0.0,
                    precision="fp32",
                    seed=seed,
                    device="cpu",
                    threads=1,
                )
                # a picture, its label (8 bytes) and its name
                budget = MEMORY * (3 * SIZE * SIZE + 8 + len(str(stream.tasks[0].train.ids[0])))
                played = play(
                    stream,
                    ours,
                    start,
                    out=folder / ours,
                    chosen={"budget": budget} if ours == "replay" else {},
                    settings=settings,
                    backbone_lr_factor=1.0,
                    recipe="none",
                )
                command = [python, "_lifelong_avalanche.py", "stream", folder, theirs, EPOCHS, seed]
                done = subprocess.run(
                    [*map(str, command)], capture_output=True, text=True, cwd=Path(__file__).parent, check=True
                )
                found = {ours: played.A, f"Avalanche's {theirs}": np.array(json.loads(done.stdout.splitlines()[-1]))}
                for name, A in found.items():
                    ends.setdefault(name, []).append((final_accuracy(A), forgetting(A)))
                    print(f"digits_5x2, seed {seed}, {name}: {ends[name][-1]}", file=sys.stderr, flush=True)
    for name, pairs in ends.items():
        for column, what in enumerate(("final accuracy", "forgetting")):
            value = float(np.mean([one[column] for one in pairs]))
            yield {"what": f"digits_5x2, mean of {seeds} seeds: {name}, {what}", "value": value}


def write_stream(folder: Path, stream: Any, start: Representation) -> None:
    """Images as the network is given them, labels in the order in which classes come, and first weights."""
    classes = list(stream.classes())
    data: dict[str, torch.Tensor] = {
        "mean": start.encoder.mean.flatten().clone(),
        "std": start.encoder.std.flatten().clone(),
    }
    for number, task in enumerate(stream.tasks):
        parts: dict[str, ImageSet] = {"train": task.train, "test": task.test}
        for part, images in parts.items():
            held = Feed(images, start.preprocess, workers=1).held
            assert held is not None and images.labels is not None  # they are small, and a task has labels
            data[f"{part}/{number}"] = held
            data[f"{part}_labels/{number}"] = torch.tensor([classes.index(str(one)) for one in images.labels])
    save_tensors(folder / "stream.safetensors", data)
    weights = {f"encoder.{key}": one for key, one in start.encoder.network.state_dict().items()}
    save_tensors(folder / "start.safetensors", {key: one.clone().contiguous() for key, one in weights.items()})
