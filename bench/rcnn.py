"""Ten years of detection on one small set: R-CNN of 2014, Fast R-CNN and Faster R-CNN on 64 blood smears.

    python bench/rcnn.py --data FOLDER [--only rcnn fast_rcnn faster_rcnn proposals] [--steps 120] [--size 160]
        [--seed 0] [--easy] [--out FILE.json]

FOLDER holds det_bccd_voc (and inst_pennfudan_coco, for proposals). 64 pictures of its training part are learned from,
all of its test part is scored; nothing is chosen by it. All begin with `imagenet`. R-CNN's network only looks;
the other two learn for the same steps, in batches of 8, at the same size, with the same settings.

Also: seconds and recall (IoU .5) of selective search on pictures of the training parts.

Bars: R-CNN's AP50 is over a quarter, and with --easy, which trains it a second time, not below what it is without hard
negatives. The rest is told, not judged: it is one draw of pictures.

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

from regard.core.storage import read_json
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
    parser.add_argument("--easy", action="store_true")
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
            if arm == "rcnn":
                rows += of_2014(learned, test, args, Path(work))
            else:
                rows += later(arm, learned, test, args, Path(work))
    return finish("rcnn", rows, args.out)


def of_2014(learned: ImageSet, test: ImageSet, args: Any, work: Path) -> list[Row]:
    """Rows of R-CNN, of what is left without box regression and, where asked, without hard negatives."""
    options: dict[str, Any] = {"size": args.size, "crop": CROP, "search": SelectiveSearch(most=300), "seed": args.seed}
    began = time.process_time()
    model = train_rcnn(learned, test, out=work / "run", **options)
    rows = told("rcnn", work / "run", time.process_time() - began)
    rows[0]["at_least"] = 0.25
    began = time.process_time()
    plain: Any = replace(model, moves=0 * model.moves, moved=0 * model.moved)
    value = score(plain, test, interval=False).metrics["ap50"]
    rows.append({"what": "R-CNN 2014: processor seconds a picture", "value": (time.process_time() - began) / len(test)})
    rows.append({"what": "R-CNN 2014: AP50 without box regression", "value": value})
    if args.easy:
        train_rcnn(learned, test, out=work / "easy", svm=SvmSettings(passes=0), **options)
        value = read_json(work / "easy" / "metrics.json")["ap50"]
        rows.append({"what": "R-CNN 2014: AP50 without hard negatives", "value": value, "at_most": rows[0]["value"]})
    return rows


def later(arm: str, learned: ImageSet, test: ImageSet, args: Any, work: Path) -> list[Row]:
    """Rows of a head that learns together with the network."""
    settings = TrainSettings(steps=args.steps, batch=8, seed=args.seed, eval_every=args.steps)
    began = time.process_time()
    model = train(learned, test, out=work / "run", head=arm, size=args.size, settings=settings)
    rows = told(arm, work / "run", time.process_time() - began)
    began = time.process_time()
    some = test.subset(np.arange(16))
    list(model.predict(some))
    rows.append({"what": f"{TOLD[arm]}: processor seconds a picture", "value": (time.process_time() - began) / 16})
    return rows


def told(arm: str, run: Path, seconds: float) -> list[Row]:
    """AP50 with its interval, VOC07, AP of each class, seconds."""
    found, by_class = read_json(run / "metrics.json"), read_json(run / "scores.json")["by_class"]
    ends = f"{found['ap50_low']:.3f} to {found['ap50_high']:.3f}, {found['val']} pictures"
    return [
        {"what": f"{TOLD[arm]}: AP50", "value": found["ap50"], "unit": ends},
        {"what": f"{TOLD[arm]}: AP of VOC07", "value": found["voc07"]},
        *({"what": f"{TOLD[arm]}: AP50 of {name}", "value": of["ap50"]} for name, of in by_class.items()),
        {"what": f"{TOLD[arm]}: processor seconds, training and scoring", "value": seconds},
    ]


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
