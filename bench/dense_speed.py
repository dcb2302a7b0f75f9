"""Prediction of dense tasks through OpenVINO against torch in fp32, and exports against both, on real pictures.

    python bench/dense_speed.py --data FOLDER [--steps 40] [--pictures 32] [--repeats 3] [--runs FOLDER] [--out FILE]

Faster R-CNN and FCOS on det_bccd_voc, Mask R-CNN on inst_pennfudan_coco, FCN on camvid_dev: `imagenet` at 256 pixels,
trained for a few steps on 60 pictures (kept in --runs), then whole predictions, from files to answers, of others, in
batches of 8, in turns, each way in processes of its own: torch in fp32 as any script has it, torch in fp32 as regard
runs it, which keeps the memory of a batch for the next one, and what `auto` chooses. Bars: at least 2 times the
pictures a second of torch as it comes (the middle of the repeats); and in 50 pictures every object that either finds
with a score above .3 again, of the same class, within half a pixel, up to ties, or 99.5 % of the pixels of the same
class. Then each run is written as ONNX and OpenVINO, and what these find in the same 50 pictures is compared likewise.
How a training step compares with torchvision's is told by `dense.py`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _table import finish

from regard.core.runtime import threads
from regard.data.annotations.convert import opened
from regard.data.annotations.mask_folder import read_masks
from regard.data.decode import decode
from regard.data.imageset import ImageSet
from regard.learning.settings import TrainSettings
from regard.reuse.dense.alike import Alike, compared
from regard.reuse.dense.answer import Answer
from regard.reuse.dense.fast import runner_for
from regard.reuse.dense.model import DenseModel
from regard.reuse.dense.objects import Found
from regard.reuse.dense.train import train
from regard.reuse.export import to_onnx, to_openvino
from regard.reuse.export.dense_graph import DenseGraph
from regard.reuse.export.graph import frozen

SCRIPT, KEPT, FAST = "torch fp32", "torch fp32, memory kept", "regard"
CAMVID = "sky building pole road pavement tree sign fence car pedestrian bicyclist unlabelled".split()
SIZE, BATCH, LEARNED, COMPARED = 256, 8, 60, 50
ARMS = (
    ("faster_rcnn", "boxes", "bccd"),
    ("fcos", "boxes", "bccd"),
    ("mask_rcnn", "masks", "pennfudan"),
    ("fcn", "semantic", "camvid"),
)


def main() -> int:
    """Train, time, compare; 1 where a figure falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--arms", default=",".join(kind for kind, _, _ in ARMS))
    parser.add_argument("--runs", type=Path, help="where runs are kept from one time to the next")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("KIND", "WAY"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(threads())
    if given.one:
        kind, way = given.one
        name = next(where for arm, _, where in ARMS if arm == kind)
        print(json.dumps(timed(DenseModel.load(given.runs / kind), others(pictures(given.data, name)), way, given)))
        return 0
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="dense-speed-") as work:
        for kind, what, name in ARMS:
            if kind not in given.arms.split(","):
                continue
            images = pictures(given.data, name)
            given.runs = given.runs or Path(work)
            learned = images.subset(np.sort(order(images)[:LEARNED]))
            seen = others(images)
            model = trained(given.runs / kind, kind, what, learned, seen.subset(np.arange(6)), given.steps)
            for row in [*speed(model, seen, given), *exports(model, seen, Path(work))]:
                print(row["what"], row["value"], file=sys.stderr, flush=True)
                rows.append(row)
    return finish("dense-speed", rows, given.out)


def order(images: ImageSet) -> np.ndarray:
    """Of the pictures: the first are learned from."""
    return np.random.default_rng(0).permutation(len(images))


def others(images: ImageSet) -> ImageSet:
    """Those that are not learned from."""
    return images.subset(np.sort(order(images)[LEARNED:]))


def pictures(data: Path, name: str) -> ImageSet:
    """A set with what it carries."""
    if name == "bccd":
        return opened(data / "det_bccd_voc" / "BCCD")
    if name == "pennfudan":
        return opened(data / "inst_pennfudan_coco" / "instances.json")
    folder = data / "camvid_dev" / "day_0006R0"
    return read_masks(folder / "images", folder / "labels", CAMVID)


def trained(folder: Path, kind: str, what: str, images: ImageSet, val: ImageSet, steps: int) -> DenseModel:
    """A run of a few steps, or the one that is there."""
    if not (folder / "card.json").exists():
        settings = TrainSettings(steps=steps, batch=BATCH, eval_every=10**6, device="cpu")
        train(images, val, out=folder, what=what, head=kind, size=SIZE, settings=settings)
    return DenseModel.load(folder)


def speed(model: DenseModel, images: ImageSet, given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Pictures a second in both ways, and whether both find the same."""
    kind = model.objective.kind
    start = time.perf_counter()
    runner = runner_for(model, images, "auto", BATCH)
    yield {"what": f"{kind}: seconds of the choice, {runner.name}", "value": time.perf_counter() - start}
    if runner.note:
        print(f"{kind}: {runner.note}", file=sys.stderr)
    asked = [sys.executable, __file__, "--data", str(given.data), "--runs", str(given.runs)]
    asked += ["--pictures", str(given.pictures)]
    spent: dict[str, list[float]] = {SCRIPT: [], KEPT: [], FAST: []}
    for _ in range(given.repeats):
        for way, values in spent.items():
            found = subprocess.run([*asked, "--one", kind, way], check=True, capture_output=True, text=True)
            values.append(json.loads(found.stdout))
    for way, values in spent.items():
        yield {"what": f"{kind}: pictures a second, {way}", "value": float(np.median(values))}
    ratios = {way: float(np.median(np.array(spent[FAST]) / np.array(spent[way]))) for way in (SCRIPT, KEPT)}
    yield {"what": f"{kind}: against {SCRIPT}", "value": ratios[SCRIPT], "unit": "x", "at_least": 2}
    yield {"what": f"{kind}: against {KEPT}", "value": ratios[KEPT], "unit": "x"}
    few = images.subset(np.arange(min(COMPARED, len(images))))
    exact = list(model.predict(few, batch=BATCH))
    yield from told(
        f"{kind}: {runner.name}", alike(exact, list(replace(model, runner=runner.run).predict(few, batch=BATCH)))
    )


def timed(model: DenseModel, images: ImageSet, way: str, given: argparse.Namespace) -> float:
    """Pictures a second in one way: the best of three, after one that warms up."""
    some = images.subset(np.arange(min(given.pictures, len(images))))
    if way == FAST:
        model = replace(model, runner=runner_for(model, some, "auto", BATCH).run)
    spent = []
    for _ in range(4):
        start = time.perf_counter()
        if way == SCRIPT:
            for found in model.begun(some, BATCH):
                found()
        else:
            for _ in model.predict(some, batch=BATCH):
                pass
        spent.append(time.perf_counter() - start)
    return len(some) / min(spent[1:])


def exports(model: DenseModel, images: ImageSet, work: Path) -> Iterator[dict[str, Any]]:
    """Whether files find the same in pictures from their decoded pixels on, with their own letterbox."""
    few = images.subset(np.arange(min(COMPARED, len(images))))
    pixels = [np.ascontiguousarray(decode(item).permute(1, 2, 0).numpy()) for item in few.items]
    own = list(model.predict(ImageSet(pixels, few.ids), batch=BATCH))
    graph = frozen(DenseGraph(model, "nhwc"))
    for name, write, reader in (
        ("m.onnx", to_onnx.write_traced, to_onnx.reader),
        ("m.xml", to_openvino.write, to_openvino.reader),
    ):
        write(graph, work / name, {})
        run, found, start = reader(work / name, graph), [], time.perf_counter()
        for row, picture in enumerate(pixels):
            values = [torch.from_numpy(np.array(value)) for value in run(picture[None])]
            if model.objective.what == "semantic":
                empty = torch.zeros(0)
                made = Answer(row, picture.shape[:2], empty.view(0, 4), empty, empty.long(), None, values[0][0])
            else:
                boxes, scores, classes = values[:3]
                masks = values[3].bool() if len(values) > 3 else None
                made = Answer(row, picture.shape[:2], boxes, scores, classes, masks)
            found.append(made)
        yield from told(f"{model.objective.kind}: export {name[2:]}", alike(own, found))
        each = len(pixels) / (time.perf_counter() - start)
        yield {"what": f"{model.objective.kind}: export {name[2:]}, pictures a second, one at a time", "value": each}


def alike(exact: list[Answer], other: list[Answer]) -> Alike:
    """How answers compare, in pixels of the pictures themselves."""
    total = Alike()
    for one, its in zip(exact, other, strict=True):
        if one.semantic is not None and its.semantic is not None:
            total = total.joined(compared((one.semantic[None],), (its.semantic[None],)))
        else:
            total = total.joined(compared([_found(one)], [_found(its)]))
    return total


def _found(answer: Answer) -> Found:
    return Found(answer.boxes, answer.scores, answer.classes, answer.masks)


def told(name: str, found: Alike) -> Iterator[dict[str, Any]]:
    """The rows of a comparison."""
    if not found.objects:
        yield {"what": f"{name}: pixels of the same class", "value": found.pixels, "at_least": 0.995}
        return
    yield {"what": f"{name}: objects on {found.pictures} pictures, both ways", "value": found.objects}
    yield {"what": f"{name}: lost, no tie", "value": found.lost - found.tied, "at_most": 0}
    yield {"what": f"{name}: lost to a tie", "value": found.tied, "at_most": 0.02 * found.objects}
    yield {"what": f"{name}: a side is off by", "value": found.apart, "unit": "px", "at_most": 0.5}
    yield {"what": f"{name}: a score is off by", "value": found.score}
    if found.overlap < 1:
        yield {"what": f"{name}: smallest IoU of masks", "value": found.overlap, "at_least": 0.9}


if __name__ == "__main__":
    raise SystemExit(main())
