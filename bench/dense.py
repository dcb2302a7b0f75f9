"""Are representations worth anything for boxes, masks and pixels, and do our heads keep up with torchvision's?

    python bench/dense.py --data FOLDER [--seeds 5] [--jobs 2] [--work runs/bench-dense] [--out FILE]
    python bench/dense.py --scenes [--work runs/bench-dense] [--out FILE]     rendered scenes and speed alone

Real data, few labels: blood cells (`det_bccd_voc`, 64 labelled pictures, boxes), people (`inst_pennfudan_coco`, 40,
masks), a day's drive (`camvid_dev`, 60 frames, pixels; scored on another day's drive). Arms: `imagenet`
(EfficientNet-Lite0), the same network with random weights, and on the first two torchvision's own Faster and Mask
R-CNN on the same network and weights (`_dense_peer.py`). The same head, steps (60 of 8 pictures), size (128 pixels) and
rates for all arms: each arm's rate is chosen among 5e-4, 2e-3 and 8e-3 by runs of 20 steps on four fifths of the
training pictures, judged on the fifth that is left. Sizes and steps were chosen on training pictures. Nothing looks at
a test picture before the end.

Intervals hold the luck of test pictures and of seeds (first weights, order, changes of pictures); the labelled pictures
are the same ones throughout. Bars: the gain of `imagenet` over random weights above 0 at its lower end; ours not below
torchvision's by more than the interval of the difference.

Rendered scenes (`builtin:scenes`, 96 pixels): Faster R-CNN AP50 at least .60, Mask R-CNN mask AP50 .50, mIoU .50, and
before other photographs at least .9 of that. Speed: images a second through a training step, in turns with
torchvision's script: at least 1.0 times.

Each training is kept as JSON in the work folder and not done again: a bench that was stopped goes on.
"""

import argparse
import json
import sys
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from _dense_arms import ARMS, job
from _dense_data import SETTINGS
from _dense_scenes import scene_job, scene_rows, speed_rows
from _table import finish

from regard.core.storage import write_json
from regard.studies.experiment import Arm, Experiment

Key = tuple[str, str, str, int]  # rate or scores, data, arm, seed


def main() -> int:
    """Run what is missing, print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the data sets; none: rendered scenes and speed alone")
    parser.add_argument("--on", nargs="+", choices=SETTINGS, default=list(SETTINGS), help="the data sets")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--scenes", action="store_true", help="rendered scenes and speed alone")
    parser.add_argument("--no-scenes", action="store_true", help="neither scenes nor speed")
    parser.add_argument("--table", action="store_true", help="run nothing: the table of what is there so far")
    parser.add_argument("--work", type=Path, default=Path("runs/bench-dense"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if given.data is None and not given.scenes:
        parser.error("expected --data FOLDER, or --scenes")
    names = [] if given.scenes else list(given.on)
    tasks = [] if given.no_scenes else ["boxes", "masks", "semantic"]
    rows: list[dict[str, Any]] = []
    if not given.table:
        with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
            learn(pool, names, given)
            files = {what: scene_file(given.work, what) for what in tasks}
            collect({pool.submit(scene_job, what): file for what, file in files.items() if not file.exists()})
    for name in names:
        rows += table_of(name, given.work, given.seeds)
    rows += scene_rows({what: kept(scene_file(given.work, what)) for what in tasks})
    if tasks and not given.table:
        rows += speed_rows()
    return finish("dense", rows, given.out)


def learn(pool: ProcessPoolExecutor, names: list[str], given: argparse.Namespace) -> None:
    """The rates of all arms, then all trainings that are not there yet, seed by seed."""
    arms = [(name, arm) for name in names for arm in ARMS if arm != "torchvision" or SETTINGS[name].peer]
    run(pool, [("rate", *one, 0) for one in arms], given)
    run(pool, [("scores", *one, seed) for seed in range(given.seeds) for one in arms], given)


def run(pool: ProcessPoolExecutor, keys: list[Key], given: argparse.Namespace) -> None:
    """Those of these jobs that are not done yet; one whose rate is not known is left out."""
    tasks = {}
    for key in keys:
        rate = 0.0 if key[0] == "rate" else kept(file_of(given.work, ("rate", *key[1:3], 0))).get("rate")
        if rate is not None and not file_of(given.work, key).exists():
            tasks[pool.submit(job, *key, rate, given.data.resolve())] = file_of(given.work, key)
    collect(tasks)


def collect(tasks: dict[Future[Any], Path]) -> None:
    """Keep each result as it comes; a job that fails is told, and the others go on."""
    for count, future in enumerate(as_completed(tasks), 1):
        file = tasks[future]
        try:
            found = future.result()
        except Exception as error:
            print(f"{file.stem}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            continue
        write_json(file, found)
        print(f"{count} of {len(tasks)}: {file.stem} {found['processor_seconds']:.0f} s", file=sys.stderr, flush=True)


def file_of(work: Path, key: Key) -> Path:
    """Where a job's result is kept; another size or length is another job."""
    setting = SETTINGS[key[1]]
    return work / f"{'-'.join(map(str, key))}-{setting.size}-{setting.steps}.json"


def scene_file(work: Path, what: str) -> Path:
    """Where a task's result on rendered scenes is kept."""
    return work / f"scenes-{what}.json"


def kept(file: Path) -> dict[str, Any]:
    """A result; empty where there is none."""
    return dict(json.loads(file.read_text())) if file.exists() else {}


def table_of(name: str, work: Path, seeds: int) -> list[dict[str, Any]]:
    """What each arm reached on a data set, and the differences, of the seeds that all arms have."""
    setting = SETTINGS[name]
    mine = [arm for arm in ARMS if arm != "torchvision" or setting.peer]
    runs = {arm: [kept(file_of(work, ("scores", name, arm, seed))) for seed in range(seeds)] for arm in mine}
    whole = [seed for seed in range(seeds) if all(runs[arm][seed] for arm in mine)]
    rows: list[dict[str, Any]] = [{"what": f"{name}: seeds that are done", "value": len(whole), "at_least": seeds}]
    if not whole:
        return rows
    arms = {
        arm: Arm(arm, {one: np.array([runs[arm][seed]["scores"][one] for seed in whole]) for one in setting.measures})
        for arm in mine
    }
    found = Experiment(arms, no_means=frozenset(setting.measures))
    for arm in mine:
        rate = runs[arm][whole[0]]["rate"]
        for measure in setting.measures:
            level = found.value(arm, measure)
            spread = [round(float(one), 4) for one in arms[arm].by_seed(measure)]
            about = {"data": name, "arm": arm, "measure": measure, "rate": rate, "by_seed": spread, **level.as_dict()}
            rows.append({"what": f"{name}, {arm}: {measure}", "value": level.mean, "unit": level.told(), **about})
    for measure in setting.measures:
        rows.append(compared(found, name, "imagenet", "random", measure, "low"))
        if setting.peer:
            rows.append(compared(found, name, "imagenet", "torchvision", measure, "high"))
    return rows


def compared(found: Experiment, name: str, arm: str, other: str, measure: str, end: str) -> dict[str, Any]:
    """The difference of two arms; the end of its interval that counts must not be below 0."""
    one = found.contrast(arm, other, measure)
    value = one.difference.low if end == "low" else one.difference.high
    ends = {"low": "lower", "high": "upper"}[end]
    what = f"{name}, {arm} - {other}: {measure} {one.difference.mean:+.3f}, {ends} end"
    return {"what": what, "value": value, "unit": f"{one.difference.told(sign='+')} {one.verdict}", "at_least": 0} | {
        "data": name,
        **one.as_dict(),
    }


if __name__ == "__main__":
    raise SystemExit(main())
