"""Hostile files, damaged folders and kills: how many were tried of each kind, and whether one was not borne.

Images: mutations of every accepted format, bombs, special files, names (`_hostile_images.py`). Tables, vectors,
representations, runs, indexes and caches: each file and key damaged in many ways (`_hostile_folders.py`). Each ends as
if nothing had happened, or is refused with a sentence: no traceback, no hang, at most 1.5 GiB, no other result. Verbs
killed at random moments: nothing acknowledged lost, and a rerun gives what an unkilled run gives (`_hostile_kills.py`).

    make bench-hostile
    python bench/hostile.py --images 50 --damaged 60 --kills 6 [--seed 1]      a short form
"""

import argparse
import os
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish

EACH, ALL = 66, 1616  # mutations of each kind, and how many files they make with all else
GOOD = ("equal", "refused", "another meaning")


def main() -> int:
    """Run all, print the counts, and return 1 where one falls short."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--damaged", type=int, default=360)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="", help="of damaged things, with commas between them; all by default")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        os.environ["REGARD_CACHE"] = f"{folder}/cache"
        if args.damaged:
            rows += of_damage(Path(folder), args.damaged, args.seed, tuple(filter(None, args.kinds.split(","))))
        if args.kills:
            rows += of_kills(Path(folder), args.kills, args.seed)
        if args.images:  # last: the other parts fork, and a process that has decoded has threads
            rows = of_images(Path(folder) / "images", args.images, args.seed) + rows
    return finish("hostile", rows, args.out)


def of_images(folder: Path, many: int, seed: int) -> list[dict[str, Any]]:
    """The part of `_hostile_images.py`, which makes the files and embeds them as a user would."""
    from _hostile_images import generate, run

    made = generate(folder, seed, max(1, round(many * EACH / ALL)))
    found = run(folder)
    rows: list[dict[str, Any]] = [
        {"what": "images: hostile files", "value": made, "at_least": many},
        {"what": "images: of these read, by Pillow's own reading", "value": found.pop("read", 0)},
        {"what": "images: peak memory", "value": found.pop("mb", 0), "unit": "MB", "at_most": 1536},
    ]
    del found["files"]
    return rows + [
        {"what": f"images: {name.replace('_', ' ')}", "value": value, "at_most": 0} for name, value in found.items()
    ]


def of_damage(work: Path, many: int, seed: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """`many` damaged things, as many of each kind, and all the bombs."""
    import torch

    torch.set_num_threads(1)  # a child that is forked has no threads but its own
    from _hostile_folders import answer, bombs, damage, damaged, outcome
    from _hostile_kinds import MAKERS, kinds, vectors_of

    counts: dict[str, Counter[str]] = {}
    rng = np.random.default_rng(seed)
    (work / "copy").mkdir()
    (work / "bombs").mkdir()
    made = kinds(work, seed, names)
    for place, one in enumerate(made):
        said = outcome(lambda one=one: MAKERS[one.kind](one.path, work / "images", seed) or b"", b"")
        if said != "equal":
            raise SystemExit(f"hostile: {one.kind} cannot be made: {said}")
        wanted = answer(lambda one=one: one.use(one.path))
        share = many // len(made) + (place < many % len(made))
        ways = list(damage(one.path, seed))
        if len(ways) < share:  # a single file: cut and flipped in more places
            ways = list(damage(one.path, seed, flips=share))
        picked = sorted(rng.choice(len(ways), min(share, len(ways)), replace=False))
        found = damaged(one, [ways[i] for i in picked], work / "copy", wanted)
        counts[one.kind] = _counted(found)
    tried = (
        (f"bomb: {name}", outcome(lambda path=path: vectors_of(path), b"?")) for name, path in bombs(work / "bombs")
    )
    counts["bombs"] = _counted(tried)
    rows = [
        {"what": f"damaged: {kind}: {said}", "value": n} for kind, seen in counts.items() for said, n in seen.items()
    ]
    everything = sum(counts.values(), Counter())
    rows.append({"what": "damaged things and bombs in all", "value": everything.total(), "at_least": many})
    for what, name in (
        ("raw", "tracebacks"),
        ("hang", "hangs"),
        ("memory", "over 1.5 GiB"),
        ("different", "other results"),
    ):
        rows.append({"what": f"damaged: {name}", "value": everything[what], "at_most": 0})
    rows.append({"what": "damaged: died", "value": everything["died"], "at_most": 0})
    return rows


def of_kills(work: Path, many: int, seed: int) -> list[dict[str, Any]]:
    """Verbs killed and run again."""
    from _hostile_kills import kills

    counts: Counter[str] = Counter()
    bad = 0
    for verb, said in kills(work, many, seed):
        counts[f"{verb}: {said.split(':')[0].split(' ')[0]}"] += 1
        if said != "equal":
            bad += 1
            print("KILLED", verb, said, flush=True)
    rows: list[dict[str, Any]] = [{"what": f"killed: {key}", "value": n} for key, n in sorted(counts.items())]
    rows.append({"what": "kills in all", "value": counts.total(), "at_least": many})
    rows.append({"what": "kills not borne", "value": bad, "at_most": 0})
    return rows


def _counted(found: Any) -> Counter[str]:
    seen: Counter[str] = Counter()
    for name, said in found:
        kind = said if said in GOOD else said.split(":")[0].split(" ")[0]
        seen[kind] += 1
        if said not in GOOD:
            print("SHORT", name[:120], "->", said[:300], flush=True)
    return seen


if __name__ == "__main__":
    sys.exit(main())
