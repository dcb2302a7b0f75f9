"""A step of learning a later task against the same step written plainly in torch, and in Avalanche, in turns.

    python bench/lifelong_speed.py [--networks convnet4,resnet18] [--methods finetune,replay,lwf] [--views photo,none]
                                   [--repeats 5] [--no-bf16] [--no-peer] [--out FILE]

Ours is `learn_task` in its second task, as it is. The plain one, `_lifelong_plain.py`, has the same images in memory
(uint8), the same first weights, rows, rates, AdamW and number of images a step: 64 of the task, and of replay 64 of the
memory. One thread each (ours makes views in a second one, ahead of the network), fp32. Views `photo`: random crops,
mirroring, colour and gray; the plain one makes them as users do, image by image through torchvision's v2 transforms in
a DataLoader. Views `none`: the plain one is given float batches that are ready, so what is left is what the loop
itself costs; there a row says that the losses agree. ConvNet-4 at 32 pixels, ResNet-18 at 64, fresh weights. Each is a
process that stands still while the others work, and takes a block of steps when it is asked; a first block warms up.
Bars: the middle of the ratios of neighbouring blocks, by the clock and by processor time (what was made while it stood
still counts), at most 1.1 times the plain step. Where the processor has bf16, ours takes its blocks in it as well.

Avalanche, in an environment of its own that borrows our torch: `Naive` and `Replay` on the same batches' sizes, views
in its own DataLoader; and the built-in stream `digits_5x2`, with what is known in the end and what was forgotten. Where
it does not install, a line says so.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from _lifelong_avalanche import peer_python
from _lifelong_streams import streams
from _table import finish
from _turns import Worker, in_turns

from regard.backbones.encoder import make_encoder
from regard.core.storage import save_tensors
from regard.data.builtin import photo_crops
from regard.data.imageset import ImageSet
from regard.learning.run import learn
from regard.learning.settings import TrainSettings
from regard.lifelong.moving import task as learning
from regard.lifelong.moving import training
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation

NETWORKS = {"convnet4": (32, 20), "resnet18": (64, 4)}  # side, steps of a block
METHODS = {"finetune": "Naive", "replay": "Replay", "lwf": ""}  # and Avalanche's name
IMAGES, BATCH, LENGTH, SLOWER = 256, 64, 100_000, 1.1


def main() -> int:
    """Time all in turns; 1 where a ratio is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--views", default="photo,none")
    parser.add_argument("--repeats", type=int, default=5, help="blocks of each")
    parser.add_argument("--no-bf16", action="store_true")
    parser.add_argument("--no-peer", action="store_true", help="leave Avalanche out")
    parser.add_argument("--seeds", type=int, default=3, help="of the stream that Avalanche learns too; 0 leaves it out")
    parser.add_argument("--data", help="not used; the images are made")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--ours", nargs=6, help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.ours:
        folder, network, method, views, precision, rounds = given.ours
        ours(Path(folder), network, method, views, precision, int(rounds))
        return 0
    peer = None if given.no_peer else peer_python()
    rows: list[dict[str, Any]] = []
    for network in given.networks.split(","):
        for views in given.views.split(","):
            for method in given.methods.split(","):
                rows += paired(network, method, views, peer, given)
    if peer and given.seeds:
        rows += streams(peer, given.seeds)
    return finish("lifelong-speed", rows, given.out)


def has_bf16() -> bool:
    """Whether the processor multiplies bf16 itself."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def ours(folder: Path, network: str, method: str, views: str, precision: str, rounds: int) -> None:
    """Learn a first task; then a block of the second one's training for each line on standard input."""
    size, steps = NETWORKS[network]
    crops = photo_crops(2 * IMAGES, size)
    labels = np.array(["a", "b", "c", "d"])[np.arange(2 * IMAGES) % 4]
    images = ImageSet(crops.items, crops.ids, labels, name="crops")
    first, second = (images.subset(np.flatnonzero(np.isin(labels, names))) for names in (["a", "b"], ["c", "d"]))
    start = Representation(make_encoder(network, size=size), Preprocess(size, size), {"name": network})
    settings = TrainSettings(
        steps=LENGTH,
        batch=BATCH,
        precision=precision,
        schedule="constant",
        warmup=0.0,
        log_every=steps,
        eval_every=10**6,
        checkpoint_seconds=10**6,
        device="cpu",
        threads=1,
    )
    with tempfile.TemporaryDirectory(prefix="lifelong-speed-") as work:
        short = TrainSettings(steps=2, batch=BATCH, precision="fp32", device="cpu", threads=1)
        before = learning.learn_task(first, start, method, out=Path(work) / "0", recipe=views, settings=short)

        def written(run: Any, module: Any, batches: Any, *rest: Any) -> Generator[Any, None, Any]:
            if precision == "fp32":
                write_start(folder, module, batches, start, steps * rounds)
            return (yield from learn(run, module, batches, *rest))

        # what the plain script starts from is what the loop is given
        with mock.patch.object(training, "learn", written):
            events = learning.learn_task_events(
                second, before, method, out=Path(work) / "1", recipe=views, settings=settings
            )
            said = next(event for event in events if event.kind == "start").text
            print(json.dumps(f"{said}, {torch.get_num_threads()} thread"), flush=True)
            used = time.process_time()
            for _ in sys.stdin:
                wall = time.perf_counter()
                loss = next(event for event in events if event.kind == "train").values["loss"]
                wall, before_this, used = time.perf_counter() - wall, used, time.process_time()
                print(json.dumps([wall, used - before_this, loss]), flush=True)
            events.close()  # type: ignore[attr-defined]  # a generator


def write_start(folder: Path, module: Any, batches: Any, start: Representation, steps: int) -> None:
    """Data, rows and first weights as the plain script reads them."""
    data: dict[str, torch.Tensor] = {
        "mean": start.encoder.mean.flatten().clone(),
        "std": start.encoder.std.flatten().clone(),
    }
    for name, source in batches.sources.items():
        whole = source.make(np.arange(source.images))
        data |= {name: whole.images, f"{name}_labels": whole.labels}
        data[f"{name}_rows"] = torch.from_numpy(np.stack([source.rows(step) for step in range(steps)]))
    weights = {f"encoder.{key}": one for key, one in module.encoder.network.state_dict().items()}
    for key, one in module.head.state_dict().items():
        weights[key.replace("old.encoder.network.", "old.encoder.")] = one
    save_tensors(folder / "start.safetensors", {key: one.clone().contiguous() for key, one in weights.items()})
    save_tensors(folder / "data.safetensors", data)


def paired(network: str, method: str, views: str, peer: Path | None, given: argparse.Namespace) -> Iterator[dict]:
    """All ways, block by block."""
    steps, case = NETWORKS[network][1], f"{network}, {method}, views {views}"

    def told(text: str) -> None:
        print(f"{case}: {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="lifelong-speed-") as folder:
        workers: dict[str, Worker] = {}
        kinds = ["fp32", *(["bf16"] if views == "photo" and has_bf16() and not given.no_bf16 else [])]
        for precision in kinds:
            asked = (folder, network, method, views, precision, 1 + given.repeats)
            name = "regard" if precision == "fp32" else "regard in bf16"
            workers[name] = Worker(Path(__file__).name, "--ours", *asked)
            told(f"{name}: {workers[name].said()}")
        workers["plain"] = Worker("_lifelong_plain.py", folder, network, method, views, steps)
        if peer and views == "photo" and METHODS[method]:
            command = ("_lifelong_avalanche.py", "steps", folder, network, METHODS[method], steps)
            workers["Avalanche"] = Worker(*command, python=peer)
            told(f"Avalanche: {workers['Avalanche'].said()}")
        found = {name: np.array(values) for name, values in in_turns(workers, given.repeats, told).items()}
    for name, values in found.items():
        yield {"what": f"{case}: {name}", "value": 1000 * float(np.median(values[1:, 0])) / steps, "unit": "ms a step"}
    for name in workers:
        if name == "plain":
            continue
        bar: dict[str, float] = {"at_most": SLOWER} if name == "regard" else {}
        for column, by in enumerate(("the clock", "processor time")):
            ratio = float(np.median(found[name][1:, column] / found["plain"][1:, column]))
            yield {"what": f"{case}: {name} by the plain step, {by}", "value": ratio, "unit": "x", **bar}
    if views == "none":
        first = float(found["regard"][0, 2] / found["plain"][0, 2])
        yield {
            "what": f"{case}: loss of the first block, ours by the plain one",
            "value": first,
            "equals": 1,
            "within": 0.02,
        }


if __name__ == "__main__":
    raise SystemExit(main())
