"""Training throughput of rotation and SimCLR against lightly's own SimCLR example, in one run, in turns.

    python bench/pretext_speed.py [--steps 8] [--repeats 3] [--images 1024] [--out FILE]

Images of 64 pixels as JPEG files (crops of the photographs that ship with scikit-learn and scikit-image), ResNet-18,
batches of 128 images, all processors for both. Ours: `regard create`'s loop with its own views and its own choice of
precision; lightly's: its example as its documentation shows it (`_lightly_simclr.py`), with as many loader processes as
there are processors, in an environment of its own, which the first run makes. Figures: images through a training step
each second; rotation shows the network four turns of each image, SimCLR two views. Bars: SimCLR at least 2 times
lightly's; rotation, counted in inputs of the network, at least 2 times lightly's inputs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _table import finish

from regard.core.runtime import threads

SIZE, BATCH, WARM = 64, 128, 3
PINNED = ("lightly", "torch>=2.9,<=2.14.1", "torchvision>=0.24,<=0.29.1")


def lightly_python() -> Path:
    """The interpreter of lightly's environment, made on first use under the cache folder."""
    cache = Path(os.environ.get("REGARD_CACHE", Path.home() / ".cache" / "regard"))
    python = cache / "bench-lightly" / "bin" / "python"
    if subprocess.run([python, "-c", "import lightly"], capture_output=True).returncode if python.exists() else True:
        print(f"making {python.parent.parent} with lightly", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PINNED], check=True)
    return python


def write_images(folder: Path, many: int) -> None:
    """Photo crops as JPEG files."""
    from PIL import Image

    from regard.data.builtin import photo_crops

    for place, pixels in enumerate(photo_crops(many, SIZE).items):
        Image.fromarray(pixels).save(folder / f"{place:05d}.jpg", quality=90)


def ours(task: str, folder: Path, steps: int) -> None:
    """Print the seconds of a step of our training loop, in this process; the first steps are not counted."""
    import time

    from regard.create.run import train_events
    from regard.learning.settings import TrainSettings

    settings = TrainSettings(
        steps=WARM + steps, batch=BATCH, log_every=1, eval_every=10**6, checkpoint_seconds=10**6, schedule="constant"
    )
    start, done = 0.0, 0
    with tempfile.TemporaryDirectory() as out:
        events = train_events(folder, task, backbone="resnet18", size=SIZE, settings=settings, out=Path(out) / "run")
        for event in events:
            if event.kind != "train":
                continue
            done += 1
            if done == WARM:
                start = time.perf_counter()
            if done == WARM + steps:
                print(json.dumps((time.perf_counter() - start) / steps))
                break
        events.close()


def timed(command: list[str]) -> float:
    """The number that a process prints last."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return float(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> int:
    """Time all in turns; 1 where a ratio falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--data", help="not used; the images are made")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--ours", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ours:
        ours(given.ours[0], Path(given.ours[1]), given.steps)
        return 0
    python = lightly_python()
    seconds: dict[str, list[float]] = {"simclr": [], "lightly": [], "rotation": []}
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), given.images)
        numbers = [str(one) for one in (SIZE, BATCH, given.steps, threads())]
        for _ in range(given.repeats):
            for name in seconds:
                own = [sys.executable, __file__, "--ours", name, folder, "--steps", str(given.steps)]
                peer = [str(python), "_lightly_simclr.py", folder, *numbers]
                seconds[name].append(timed(peer if name == "lightly" else own))
                print(f"{name}: {BATCH / seconds[name][-1]:.1f} images/s", file=sys.stderr, flush=True)
    speed = {name: BATCH / float(np.median(values)) for name, values in seconds.items()}
    rows = [{"what": f"{name}: images a second", "value": value} for name, value in speed.items()]
    ratio = speed["simclr"] / speed["lightly"]
    rows.append({"what": "SimCLR against lightly's example", "value": ratio, "unit": "x", "at_least": 2})
    inputs = 4 * speed["rotation"] / (2 * speed["lightly"])
    rows.append({"what": "rotation against it, inputs a second", "value": inputs, "unit": "x", "at_least": 2})
    return finish("pretext-speed", rows, given.out)


if __name__ == "__main__":
    raise SystemExit(main())
