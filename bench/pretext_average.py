"""Is a teacher's average worth more when it rises to 1 over the run, as BYOL's and DINO's papers have it? Digits.

    python bench/pretext_average.py --data FOLDER [--seeds 5] [--steps 600] [--keep DIR]

Arms are the task as it is, whose momentum rises from 0.99 to 1, and the same with 0.99 throughout; both start from the
same weights, see the same images and views. Measured as in bench/pretext.py, compared by the engine: images, seeds and
draws of few labels. There is no bar: what is asked is what it is worth.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

from _table import finish
from pretext import MEASURES, arm, data_of, experiment

from regard.core.storage import write_json

TASKS, AVERAGES = ("byol", "dino"), ("rising", "constant")


def main() -> int:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path())
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--keep", type=Path, default=Path("runs/bench-pretext-average"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    wanted = list(product(TASKS, AVERAGES, range(given.seeds)))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        asked = [pool.submit(kept, *one, given.steps, given.data, given.keep) for one in wanted]
        runs = {("digits", f"{one[0]} {one[1]}", one[2]): future.result() for one, future in zip(wanted, asked)}
    found = experiment(runs, "digits", data_of("digits", given.data)[1])
    table = [difference(found, task, measure) for task in TASKS for measure in MEASURES["digits"]]
    return finish("pretext_average", table, given.out)


def kept(task: str, average: str, seed: int, steps: int, folder: Path, keep: Path) -> dict[str, Any]:
    """One arm, from its file where it was run before."""
    file = keep / f"{task}-{average}-{seed}-{steps}.json"
    if not file.exists():
        rising = f"regard.create.pretext.{task}.rising"
        if average == "constant":
            with patch(rising, lambda start, progress: start):
                write_json(file, arm("digits", task, seed, steps, folder, 2))
        else:
            write_json(file, arm("digits", task, seed, steps, folder, 2))
    return json.loads(file.read_text())


def difference(found: Any, task: str, measure: str) -> dict[str, Any]:
    """What rising gains over constant in one measure."""
    one = found.contrast(f"{task} rising", f"{task} constant", measure)
    reached = {name: 100 * found.arms[f"{task} {name}"].mean(measure) for name in AVERAGES}
    what = f"digits, {task}: {measure} {reached['rising']:.1f} %, with a constant average {reached['constant']:.1f} %"
    unit = f"points {one.difference.told(100, 1, '+')} {one.verdict}"
    return {"what": what, "value": 100 * one.difference.mean, "unit": unit, "task": task, "measure": measure, **reached}


if __name__ == "__main__":
    raise SystemExit(main())
