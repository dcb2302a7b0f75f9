"""From bag of words to ResNet under one budget, on digits, icons and small photographs.

    python bench/history.py --data FOLDER [--parts NAME ...] [--workers 2] [--work runs/bench-history] [--out FILE]

FOLDER holds digits/mnist-t10k-*.gz, styles/STYLE/CLASS/ID.png and cifar10_dev/{train,test}/CLASS/*. Parts:

- `digits`: 4,000 of MNIST's 10,000 test digits, drawn, half to learn from and half to be asked about.
- `styles`: icons of 45 classes in three drawing styles together, a quarter of the icons held out in all styles.
- `cifar10_dev`: ten classes, 250 pictures of each to learn from and 50 to be asked about.

All at 32 pixels. Networks are the scaled ones, 400 steps of 64 pictures, one of two highest rates by short runs on a
tenth of the training pictures; three seeds. The budget was fixed before anything was scored, and nothing was chosen by
test pictures. A row is an accuracy with its interval over pictures (icons) and seeds, then each representation against
the one before it in the published order, and Spearman's correlation with that order. Bars: all of it in 20 minutes on
two processors; and the first seed of all of `digits`, made anew in another folder, is right and wrong on the same
pictures. What is finished is kept in the work folder, and the time is then told of what was done now alone.
"""

import argparse
import gzip
import os
import shutil
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from _table import finish
from styles import icons

from regard.core.checks import InputError, check_path
from regard.core.events import Event
from regard.core.runtime import numpy_rng
from regard.data.imageset import ImageSet
from regard.data.sampling import split
from regard.data.sources import open_images
from regard.pages.history import count, write_history_page
from regard.studies.history import run_history
from regard.studies.history_found import MAIN, History

PARTS = ("digits", "styles", "cifar10_dev")
STYLES = ("render3d", "flat", "line")
DIGITS = 4000
BUDGET: dict[str, Any] = {"steps": 400, "batch": 64, "rates": (2e-3, 5e-4), "size": 32, "device": "cpu"}
MINUTES = 20


def main() -> int:
    """Run, print the tables; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/bench-history"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    began, rows, first = monotonic(), list[dict[str, Any]](), None
    for name in given.parts:
        known, asked = pictures(name, given.data)
        found = measured(known, asked, given.work / name, given.seeds, given.workers)
        write_history_page(found, given.work / f"{name}.html", "make bench-history")
        rows += table(name, found)
        first = (known, asked, found) if first is None else first
    minutes = (monotonic() - began) / 60
    rows.append({"what": "all of it, minutes", "value": minutes, "at_most": MINUTES})
    rows.append({"what": "  processor minutes of that", "value": sum(os.times()[:4]) / 60})
    assert first is not None
    rows += again(*first, given.parts[0], given.work / "again", given.workers)
    return finish("history", rows, given.out)


def pictures(name: str, data: Path) -> tuple[ImageSet, ImageSet]:
    """What is learned from, and what is asked about."""
    if name == "digits":
        return split(digits(data), 0.5, 0)
    if name == "styles":
        return split(all_styles(data), 0.25, 0, by="identity")
    return open_images(data / "cifar10_dev" / "train"), open_images(data / "cifar10_dev" / "test")


def digits(data: Path) -> ImageSet:
    """Some of MNIST's test digits, 28 pixels wide."""
    pixels, labels = (
        gzip.decompress(check_path("--data", data / "digits" / f"mnist-t10k-{what}.gz", folder=False).read_bytes())
        for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28)
    names = np.frombuffer(labels, np.uint8, offset=8).astype(str)
    rows = np.sort(numpy_rng(0, "digits").permutation(len(images))[:DIGITS])
    return ImageSet(
        [images[row].copy() for row in rows], np.array([f"{row:05d}" for row in rows]), names[rows], name="digits"
    )


def all_styles(data: Path) -> ImageSet:
    """The icons of all styles; those of one name are one thing."""
    each = [icons(data / "styles" / one) for one in STYLES]
    ids = np.array([f"{style}/{one}" for style, images in zip(STYLES, each) for one in images.ids])
    labels = np.concatenate([one.need_labels() for one in each])
    things = np.concatenate([one.columns["identity"] for one in each])
    return ImageSet([item for one in each for item in one.items], ids, labels, {"identity": things}, "styles")


def measured(known: ImageSet, asked: ImageSet, out: Path, seeds: int, workers: int, **more: Any) -> History:
    """The line on one set."""

    def told(events: Any) -> Any:
        event: Event
        for event in events:
            print(f"{out.name} {event.step}/{event.steps} {event.text}", file=sys.stderr, flush=True)
            yield event

    return run_history(known, asked, out=out, seeds=seeds, workers=workers, watch=told, **{**BUDGET, **more})


def table(name: str, found: History) -> list[dict[str, Any]]:
    """A row for each representation with what it took, for each against the one before, and for the order."""
    rows = []
    for row in [*(row.name for row in found.rows), *found.references]:
        value, facts = found.value(row), found.facts[row]
        cost = f"{count(facts.parameters)} parameters, {count(facts.flops)} FLOPs, {facts.seconds:.0f} s"
        rate = "" if facts.rate is None else f", rate {facts.rate:g}"
        more = f"{value.told(100, 1)} depth {facts.depth}, {cost}{rate}"
        rows.append({"what": f"{name}: {row}", "value": 100 * value.mean, "unit": more})
    for later, before in found.steps:
        gap = found.against(later.name, before.name).difference
        what = f"  {later.title} over {before.title}: {gap.verdict}"
        rows.append({"what": what, "value": 100 * gap.mean, "unit": gap.told(100, 1, "+")})
    for later, before, gap in found.reversed:
        rows.append({"what": f"  reversed: {later.title} behind {before.title}", "value": 100 * gap.mean})
    for what, order in (("", found.order), (", networks alone", found.networks_order)):
        if order is not None:
            said = f"{name}: Spearman with the published order{what}"
            rows.append({"what": said, "value": order.mean, "unit": order.told(digits=2, sign="+")})
    return rows


def again(known: ImageSet, asked: ImageSet, found: History, name: str, out: Path, workers: int) -> list[dict[str, Any]]:
    """The first seed of one set, made anew: pictures on which any row now answers otherwise."""
    shutil.rmtree(out, ignore_errors=True)
    began = monotonic()
    second = measured(known, asked, out, 1, workers, references=())
    differ = 0
    for row in second.rows:
        before, now = (np.atleast_2d(one.experiment.arms[row.name].scores[MAIN])[0] for one in (found, second))
        differ += int((before != now).sum())
    what = f"{name}, first seed, made anew: answers that differ"
    return [
        {"what": what, "value": differ, "equals": 0, "unit": f"of {len(second.rows) * len(asked)}"},
        {"what": "  minutes of that", "value": (monotonic() - began) / 60},
    ]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
