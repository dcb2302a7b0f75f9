"""Is A useful for B? Labels saved on digits, icons, cells and streets; no gain of one random draw over another; a leak.

    python bench/compare.py --data FOLDER [--on PART ...] [--work runs/bench-compare] [--out FILE]

- `random`: 20 comparisons of two random networks on digits, 20 seeds apart: "no gain" at least 18 times.
- `leak`: 20 test pictures planted among those of a pretraining: all 20 are found.
- `digits` and `icons` (classes of icons in the flat style, split by icon): few labels, SimCLR, rotation, and an arm
  trained on the labels of others' pictures (rendered digits; icons in another style), each against random weights.
- `bccd` (boxes) and `camvid` (pixels of another day's drive): `imagenet` against random weights of the same network.
- `depth` of a room (`rgbd_7scenes_dev`), later frames by earlier ones: `imagenet` against random.

Bars: the gain of SimCLR (digits) and of `imagenet` (cells, streets, room), all frozen, above 0 at its lower end. Each
answer is kept in the work folder: a bench that was stopped goes on with the next one.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish

import regard
from regard.core.events import Event
from regard.data.annotations.mask_folder import read_masks
from regard.data.annotations.voc import read_voc
from regard.data.builtin import builtin
from regard.data.decode import content_hash, read
from regard.data.imageset import ImageSet
from regard.data.rendered import rendered_digits
from regard.data.sampling import split
from regard.data.sources import open_images
from regard.learning.settings import TrainSettings

Rows = list[dict[str, Any]]
REPEATS, APART = 20, 20  # comparisons of two random networks, and seeds between them
PLANTED = 20
DRIVES = ("day_0006R0", "day_0016E5")
DRIVING = "sky building pole road pavement tree sign fence car pedestrian bicyclist".split()


def main() -> int:
    """Run the parts, print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the data sets; none: the built-in ones alone")
    parser.add_argument("--on", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--quick", action="store_true", help="a few steps of everything: shows that it starts")
    parser.add_argument("--work", type=Path, default=Path("runs/bench-compare"))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    given.work = given.work / ("quick" if given.quick else "whole")
    given.work.mkdir(parents=True, exist_ok=True)
    rows: Rows = []
    for name in given.on:
        if name in OUTSIDE and given.data is None:
            print(f"{name}: left out, as no --data was given", file=sys.stderr)
            continue
        began = time.process_time()
        rows += PARTS[name](given)
        seconds = time.process_time() - began
        rows.append({"what": f"{name}: processor seconds (of what was not known yet)", "value": seconds, "unit": "s"})
    return finish("compare", rows, given.out)


def random_rows(given: argparse.Namespace) -> Rows:
    """How often two draws of one random network are told apart."""
    every = builtin("digits")
    train, test = every.subset(np.arange(160)), every.subset(np.arange(1000, 1250))
    verdicts = []
    for repeat in range(2 if given.quick else given.repeats):
        found = regard.compare(
            train,
            test,
            with_=["random", "random"],
            way="frozen",
            labels=[40, 80, 160],
            seeds=given.seeds,
            seed=repeat * APART,
            out=given.work / f"random-{repeat:02d}",
        )
        verdicts.append(found.found.readings[0].verdict("random"))
        print(f"random, repeat {repeat}: {found.answer}", file=sys.stderr, flush=True)
    row = {"what": f"random against random: no gain, of {len(verdicts)}", "value": verdicts.count("no gain")}
    return [row | {"at_least": 18 * len(verdicts) // 20, "verdicts": verdicts}]


def leak_rows(given: argparse.Namespace) -> Rows:
    """Test pictures that were planted among those of a pretraining."""
    every = builtin("digits")
    train, test = every.subset(np.arange(200)), every.subset(np.arange(1000, 1200))
    planted = every.subset(np.r_[np.arange(200), np.arange(1000, 1000 + PLANTED)])
    run = pretrained(planted, "rotation", given.work / "leak-rotation", 2)
    try:
        regard.compare(train, test, with_={"leaky": run, "random": "random"}, way="frozen", seeds=3)
        refused = 0
    except regard.InputError as error:
        print(f"leak: {error}", file=sys.stderr)
        refused = 1
    found = regard.compare(
        train, test, task="retrieve", with_={"leaky": run, "random": "random"}, seeds=3, allow_leak=True
    )
    seen = sum(len(one.pictures) for one in found.found.leaks)
    return [
        {"what": "a leak is refused", "value": refused, "at_least": 1},
        {"what": f"of {PLANTED} planted test pictures, found", "value": seen, "equals": PLANTED},
    ]


def digits_rows(given: argparse.Namespace) -> Rows:
    """Handwritten digits by few labels."""
    every = builtin("digits")
    train, test = every.subset(np.arange(640)), every.subset(np.arange(1000, 1500))
    steps = 4 if given.quick else 300
    arms: dict[str, Any] = {
        "simclr": pretrained(train, "simclr", given.work / "digits-simclr", steps),
        "rotation": pretrained(train, "rotation", given.work / "digits-rotation", steps),
        "supervised": pretrained(rendered_digits(2000), "labels", given.work / "digits-supervised", steps),
        "random": "random",
    }
    return compared(given, "digits", train, test, "classify", arms, "frozen,finetuned", [40, 80, 160, 320, 640], 60)


def icons_rows(given: argparse.Namespace) -> Rows:
    """Categories of icons: learned from some icons, scored on others."""
    flat, line = (icons(given.data / "styles" / style) for style in ("flat", "line"))
    train, test = split(flat, 0.4, 0, by="identity")
    # some icons are drawn with the same bytes as others: those are not scored
    seen = {content_hash(read(item)) for item in train.items}
    test = test.subset(np.array([row for row, item in enumerate(test.items) if content_hash(read(item)) not in seen]))
    others = line.subset(np.isin(line.columns["identity"], train.columns["identity"]))
    steps = 4 if given.quick else 300
    arms: dict[str, Any] = {
        "simclr": pretrained(train, "simclr", given.work / "icons-simclr", steps),
        "rotation": pretrained(train, "rotation", given.work / "icons-rotation", steps),
        "supervised": pretrained(others, "labels", given.work / "icons-supervised", steps),
        "random": "random",
    }
    return compared(given, "icons", train, test, "classify", arms, "frozen", [], None)


def bccd_rows(given: argparse.Namespace) -> Rows:
    """Blood cells: boxes."""
    root = given.data / "det_bccd_voc" / "BCCD"
    train, test = read_voc(root, "train"), read_voc(root, "test")
    train = train.subset(np.sort(np.random.default_rng(0).permutation(len(train))[:64]))
    return compared(given, "bccd", train, test, "detect", IMAGENET, "frozen", [16, 32, 64], 60)


def camvid_rows(given: argparse.Namespace) -> Rows:
    """Pixels of a day's drive, scored on another day's."""
    root = given.data / "camvid_dev"
    known, test = (read_masks(root / one / "images", root / one / "labels", DRIVING) for one in DRIVES)
    train = known.subset(np.linspace(0, len(known) - 1, 64).round().astype(int))
    return compared(given, "camvid", train, test, "segment", IMAGENET, "frozen", [16, 32, 64], 60)


def depth_rows(given: argparse.Namespace) -> Rows:
    """Depth of a room: the first frames against the last, with some left out between them, which look alike."""
    images = open_images(given.data / "rgbd_7scenes_dev")
    train, test = images.subset(np.arange(60)), images.subset(np.arange(68, len(images)))
    return compared(given, "depth", train, test, "depth", IMAGENET, "frozen", [], 60)


def compared(
    given: argparse.Namespace,
    name: str,
    train: ImageSet,
    test: ImageSet,
    task: str,
    arms: dict[str, Any],
    way: str,
    labels: list[int],
    steps: int | None,
) -> Rows:
    """A comparison with its page in the work folder, as rows."""
    if given.quick:
        test, labels, steps = test.subset(np.arange(min(len(test), 40))), labels[:1], 4
    found = regard.compare(
        train,
        test,
        task=task,
        with_=arms,
        way=way,
        labels=labels,
        seeds=given.seeds,
        steps=steps,
        out=given.work / name,
        progress=told,
    )
    rows: Rows = []
    for reading in found.found.readings:
        for arm in reading.others:
            gain, saved = reading.gain(arm), reading.saved[arm]
            print(reading.sentence(arm), file=sys.stderr, flush=True)
            about = {"sentence": reading.sentence(arm), "arm": arm, **gain.as_dict()}
            row = {"what": f"{name}, {reading.way}, {arm}: {reading.main.title} gain {gain.mean:+.3f}, lower end"}
            bar = {"at_least": 0} if reading.way == "frozen" and arm in BARRED.get(name, ()) else {}
            rows.append(row | {"value": gain.low, "unit": gain.told(sign="+"), **about, **bar})
            if saved is not None:
                low, high = (f"{100 * one:.0f}" if one is not None else "?" for one in saved.ends)
                unit = f"% [{low}, {high}] {saved.verdict}{', or more' if saved.beyond else ''}"
                rows.append(
                    {"what": f"{name}, {reading.way}, {arm}: labels saved", "value": 100 * saved.share, "unit": unit}
                )
    return rows


def pretrained(images: ImageSet, task: str, out: Path, steps: int) -> Path:
    """A run of `create`, made once."""
    from regard.create.run import train

    settings = TrainSettings(steps=steps, precision="fp32", device="cpu", eval_every=steps)
    train(images if task == "labels" else replace(images, labels=None), task, out=out, settings=settings)
    return out


def icons(folder: Path) -> ImageSet:
    """The icons of a style, with the icon's own name as its identity."""
    found = open_images(folder)
    identity = np.array([Path(name).stem for name in found.ids])
    return ImageSet(found.items, found.ids, found.labels, {"identity": identity}, found.name)


def told(events: Any, title: str) -> Any:
    """Pass events on, and tell of each cell that was worked out."""
    for event in events:
        if isinstance(event, Event) and not event.text and event.values:
            print(f"{title} {event.step} of {event.steps} {event.values}", file=sys.stderr, flush=True)
        yield event


IMAGENET = {"imagenet": "imagenet", "random": "random"}
BARRED = {"digits": ("simclr",), **dict.fromkeys(("bccd", "camvid", "depth"), ("imagenet",))}
OUTSIDE = ("icons", "bccd", "camvid", "depth")
PARTS: dict[str, Callable[[argparse.Namespace], Rows]] = {
    "random": random_rows,
    "leak": leak_rows,
    "digits": digits_rows,
    "icons": icons_rows,
    "bccd": bccd_rows,
    "camvid": camvid_rows,
    "depth": depth_rows,
}

if __name__ == "__main__":
    raise SystemExit(main())
