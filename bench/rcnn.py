"""Ten years of detection on one small set: R-CNN of 2014, Fast R-CNN and Faster R-CNN on 64 blood smears.

    python bench/rcnn.py --data FOLDER [--only rcnn fast_rcnn faster_rcnn proposals] [--steps 120] [--size 160]
        [--seed 0] [--out FILE.json]

FOLDER holds det_bccd_voc (and inst_pennfudan_coco, for proposals). 64 pictures of its training part are learned from,
all of its test part is scored, once; nothing is chosen by it. All begin with `imagenet`. R-CNN's network only looks;
the other two learn for the same steps, in batches of 8, at the same size, with the same settings.

Also: seconds and recall (IoU .5) of selective search on pictures of the training parts.

Bars: R-CNN is better with hard negatives than without, and finds more than a quarter (AP50). The rest is told, not
judged: it is one draw of pictures.

Some eight minutes on two cores.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _table import finish
from torchvision.ops import box_iou

from regard.data.annotations.convert import opened
from regard.data.decode import decode
from regard.data.imageset import ImageSet
from regard.learning.settings import TrainSettings
from regard.reuse.dense.hard_negatives import SvmSettings
from regard.reuse.dense.rcnn_train import train_rcnn
from regard.reuse.dense.scoring import score
from regard.reuse.dense.selective_search import SelectiveSearch
from regard.reuse.dense.train import train

LABELLED, CROP = 64, 96
TOLD = {"rcnn": "R-CNN 2014", "fast_rcnn": "Fast R-CNN", "faster_rcnn": "Faster R-CNN"}
Row = dict[str, Any]


def main() -> int:
    """Train, score, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=[*TOLD, "proposals"], default=[*TOLD, "proposals"])
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    folder = args.data / "det_bccd_voc" / "BCCD"
    every = opened(folder)
    names = [Path(str(item)).stem for item in every.items]
    parts = {
        part: every.subset(np.isin(names, (folder / f"ImageSets/Main/{part}.txt").read_text().split()))
        for part in ("train", "test")
    }
    drawn = np.random.default_rng(args.seed).permutation(len(parts["train"]))[:LABELLED]
    learned, test = parts["train"].subset(np.sort(drawn)), parts["test"]
    rows: list[Row] = []
    for arm in args.only:
        if arm == "proposals":
            rows += proposed("blood smears", learned)
            if (street := args.data / "inst_pennfudan_coco" / "instances.json").exists():
                people = opened(street)
                rows += proposed("street pictures", people.subset(np.arange(0, len(people), 4)[:40]))
            continue
        with tempfile.TemporaryDirectory(prefix="rcnn-") as work:
            rows += (of_2014 if arm == "rcnn" else later)(arm, learned, test, args, Path(work))
    return finish("rcnn", rows, args.out)


def of_2014(arm: str, learned: ImageSet, test: ImageSet, args: Any, work: Path) -> list[Row]:
    """Rows of R-CNN, and of what is left without box regression and without hard negatives."""
    search = SelectiveSearch(most=300)
    began = time.perf_counter()
    options: dict[str, Any] = {"size": args.size, "crop": CROP, "search": search, "seed": args.seed}
    model = train_rcnn(learned, test, out=work / "run", **options)
    rows = told(arm, model, test, time.perf_counter() - began)
    rows[0]["at_least"] = 0.25
    plain: Any = replace(model, moves=0 * model.moves, moved=0 * model.moved)
    rows.append({"what": f"{TOLD[arm]}: AP50 without box regression", "value": score(plain, test).metrics["ap50"]})
    easy: Any = train_rcnn(learned, test, out=work / "easy", svm=SvmSettings(passes=0), **options)
    without = score(easy, test).metrics["ap50"]
    rows.append({"what": f"{TOLD[arm]}: AP50 without hard negatives", "value": without})
    rows.append({"what": "gain of hard negatives", "value": rows[0]["value"] - (without or 0), "at_least": 1e-9})
    return rows


def later(arm: str, learned: ImageSet, test: ImageSet, args: Any, work: Path) -> list[Row]:
    """Rows of a head that learns together with the network."""
    settings = TrainSettings(steps=args.steps, batch=8, seed=args.seed, eval_every=args.steps)
    began = time.perf_counter()
    model = train(learned, test, out=work / "run", head=arm, size=args.size, settings=settings)
    return told(arm, model, test, time.perf_counter() - began)


def told(arm: str, model: Any, test: ImageSet, seconds: float) -> list[Row]:
    """AP50 with its interval, VOC07, AP of each class, seconds."""
    began = time.perf_counter()
    found = score(model, test)
    each = (time.perf_counter() - began) / len(test)
    ends = f"{found.metrics['ap50_low']:.3f} to {found.metrics['ap50_high']:.3f}, {found.images} pictures"
    rows: list[Row] = [
        {"what": f"{TOLD[arm]}: AP50", "value": found.metrics["ap50"], "unit": ends},
        {"what": f"{TOLD[arm]}: AP of VOC07", "value": found.metrics["voc07"]},
    ]
    rows += [{"what": f"  {name}: AP50", "value": of["ap50"]} for name, of in found.by_class.items()]
    rows.append({"what": f"{TOLD[arm]}: seconds of training and scoring", "value": seconds})
    rows.append({"what": f"{TOLD[arm]}: seconds a picture, scored", "value": each})
    return rows


def proposed(what: str, images: ImageSet) -> list[Row]:
    """Recall by the number of boxes, and seconds of the processor for a picture."""
    assert images.annotations is not None
    search, seconds, most, counts = SelectiveSearch(most=2000), 0.0, {k: [] for k in (100, 300, 500, 1000, 2000)}, []
    for row in range(len(images)):
        carried, pixels = images.annotations[row].boxes, decode(images.items[row])
        if carried is None or not len(carried):
            continue
        began = time.process_time()
        boxes = search(pixels)
        seconds += time.process_time() - began
        overlap = box_iou(torch.from_numpy(carried.xyxy), boxes)
        counts.append(len(boxes))
        for k, found in most.items():
            found.append(overlap[:, :k].amax(1).numpy())
    rows: list[Row] = [
        {"what": f"{what}: recall at {k} boxes", "value": float((np.concatenate(found) >= 0.5).mean())}
        for k, found in most.items()
    ]
    rows.append({"what": f"{what}: boxes a picture", "value": float(np.mean(counts))})
    return [*rows, {"what": f"{what}: processor seconds a picture", "value": seconds / max(len(counts), 1)}]


if __name__ == "__main__":
    raise SystemExit(main())
