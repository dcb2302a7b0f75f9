"""The throughput of DANN's step against the same step written plainly in torch, in turns, in one run.

    python bench/dann_speed.py [--arms resnet18,imagenet] [--steps 2] [--repeats 5] [--out FILE]

Both have the same first weights, the same images in memory (uint8, crops of the photographs that ship with scikit-
learn and scikit-image, and their negatives as the target), the same rows in each step, the same rates, AdamW, both
domains in one batch, a classifier of domains behind a turned gradient; a row says that the first losses agree. Ours is
the learning loop as `regard adapt --method dann` runs it, with its own choice of precision; the other,
`_dann_plain.py`, has torch's defaults. Each is a process that stands still while the other works, and takes a block of
steps when it is asked; a first block warms up. ResNet-18 at 64 pixels with 64 images of each domain, EfficientNet-
Lite0 (`imagenet`) at 224 with 16. Bars: the middle of the ratios of neighbouring blocks, by the clock and by processor
time, at least 1.5 where the processor has bf16, else .95.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _table import finish
from _turns import Worker, in_turns

from regard.adapt.deep.adapting import Adapting
from regard.adapt.deep.batches import PartlyKnown
from regard.adapt.deep.module import Adapted
from regard.backbones.encoder import make_encoder
from regard.core.discover import load
from regard.core.runtime import derive_seed, seeded_init, threads
from regard.core.storage import save_tensors
from regard.data.builtin import photo_crops
from regard.data.imageset import ImageSet
from regard.learning.batches import Feed
from regard.learning.loop import training
from regard.learning.objective import Split
from regard.learning.sampling import Shuffled, Together
from regard.learning.settings import TrainSettings
from regard.representation.preprocess import Preprocess

ARMS = {"resnet18": ("resnet18", 64, 64), "imagenet": ("tf_efficientnet_lite0", 224, 16)}  # network, side, images
IMAGES, LENGTH = 256, 200  # of each domain; steps of the run that the blocks are taken from
FASTER, AS_FAST = 1.5, 0.95


def main() -> int:
    """Time both in turns; 1 where a ratio falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--steps", type=int, default=2, help="of a block")
    parser.add_argument("--repeats", type=int, default=5, help="blocks of each")
    parser.add_argument("--batch", type=int, help="images of each domain a step")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=threads(), help="of each process")
    parser.add_argument("--data", help="not used; the images are made")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--ours", nargs=2, metavar=("ARM", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.ours:
        ours(given.ours[0], Path(given.ours[1]), given)
        return 0
    rows: list[dict[str, Any]] = []
    asked = given.batch
    for arm in given.arms.split(","):
        given.batch = asked or ARMS[arm][2]
        rows += paired(arm, given)
    return finish("dann-speed", rows, given.out)


def has_bf16() -> bool:
    """Whether the processor multiplies bf16 itself."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def made(arm: str, given: argparse.Namespace) -> tuple[Adapted, Together, dict[str, torch.Tensor]]:
    """What learns, its batches, and the data of both as the plain script reads them."""
    name, size, _ = ARMS[arm]
    source = photo_crops(IMAGES, size)
    target = ImageSet([255 - np.asarray(one) for one in source.items], source.ids, name="negatives")
    preprocess, encoder = Preprocess(size), make_encoder(name, size=size)
    objective = Adapting(method=load("deep", "dann")(weight=1.0), recipe="none").configure(Split(source, source, False))
    with seeded_init(derive_seed(0, "head")):
        head = objective.head(encoder)
        module = Adapted(objective, encoder, head, "all", 0.1, 0, 1.0)
    feeds = Feed(source, preprocess, classes=objective.classes), Feed(target, preprocess)
    first = Shuffled(feeds[0], IMAGES, given.batch, 0)
    second = Shuffled(feeds[1], IMAGES, given.batch, 0, "target")
    steps = range((1 + given.repeats) * given.steps)
    assert feeds[0].held is not None and feeds[1].held is not None and feeds[0].labels is not None  # they are small
    data = {
        "source": feeds[0].held,
        "target": feeds[1].held,
        "labels": feeds[0].labels,
        "source_rows": torch.from_numpy(np.stack([first.rows(step) for step in steps])),
        "target_rows": torch.from_numpy(np.stack([second.rows(step) for step in steps])),
        "mean": encoder.mean.flatten(),
        "std": encoder.std.flatten(),
    }
    return module, Together({"source": first, "target": PartlyKnown(second)}), data


def ours(arm: str, folder: Path, given: argparse.Namespace) -> None:
    """Write data and first weights; then a block of the learning loop for each line on standard input."""
    module, batches, data = made(arm, given)
    start = {f"net.{key}": value for key, value in module.encoder.network.state_dict().items()}
    start |= {key: value for key, value in module.head.state_dict().items()}
    save_tensors(folder / "data.safetensors", data)
    save_tensors(folder / "start.safetensors", {key: value.contiguous() for key, value in start.items()})
    settings = TrainSettings(
        steps=LENGTH,
        precision=given.precision,
        schedule="constant",
        warmup=0.0,
        log_every=given.steps,
        eval_every=10**6,
        device="cpu",
    )
    events = training(module, batches, settings)
    said = next(events).text
    print(json.dumps(f"{said}, {torch.get_num_threads()} threads"), flush=True)
    for _ in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        loss = next(event for event in events if event.kind == "train").values["loss"]
        print(json.dumps([time.perf_counter() - wall, time.process_time() - processor, loss]), flush=True)
    events.close()  # type: ignore[attr-defined]  # a generator


def paired(arm: str, given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Both ways, block by block."""
    with tempfile.TemporaryDirectory(prefix="dann-speed-") as folder:
        own = ["--steps", given.steps, "--repeats", given.repeats, "--batch", given.batch, "--threads", given.threads]
        us = Worker(Path(__file__).name, "--ours", arm, folder, *own, "--precision", given.precision)
        print(f"{arm}: {us.said()}", file=sys.stderr, flush=True)
        plain = Worker("_dann_plain.py", folder, ARMS[arm][0], given.batch, given.steps, LENGTH, given.threads)
        workers = {"regard": us, "plain": plain}
        found = in_turns(workers, given.repeats, lambda text: print(f"{arm} {text}", file=sys.stderr, flush=True))
    spent = {name: np.array(values) for name, values in found.items()}
    for name, values in spent.items():
        yield {"what": f"{arm}: steps a second, {name}", "value": given.steps / float(np.median(values[1:, 0]))}
    for column, by in enumerate(("the clock", "processor time")):
        ratio = float(np.median(spent["plain"][1:, column] / spent["regard"][1:, column]))
        bar = FASTER if has_bf16() else AS_FAST
        yield {"what": f"{arm}: times the plain step, by {by}", "value": ratio, "unit": "x", "at_least": bar}
    first = spent["regard"][0, 2] / spent["plain"][0, 2]
    yield {"what": f"{arm}: first loss, ours by the plain one", "value": first, "equals": 1, "within": 0.02}


if __name__ == "__main__":
    raise SystemExit(main())
