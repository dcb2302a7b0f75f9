"""Files of annotations damaged in many ways: each costs its own image or object at most, and nothing is ever raised."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data.annotations.coco_write import write_coco
from regard.data.annotations.convert import convert, opened
from regard.data.annotations.mask_folder import read_masks
from regard.data.annotations.voc import read_voc
from regard.data.annotations.yolo import read_yolo
from regard.data.coco import read_coco
from regard.data.imageset import ImageSet

from ._drawn import scenes
from .test_dense import depth_of, kitti_of, masks_of, numbers

ODD: tuple[Any, ...] = (None, -1, 1e308, 10**400, float("nan"), "x", [[]], {"a": []}, [None])


def mutations(content: bytes, seed: int) -> Iterator[bytes]:
    rng = np.random.default_rng(seed)
    for _ in range(8):
        damaged = bytearray(content)
        for place in rng.integers(0, len(damaged), rng.integers(1, 6)):
            damaged[place] = rng.choice([0, 10, 34, 45, 48, 57, 60, 255, int(rng.integers(256))])
        yield bytes(damaged)
    yield content[: len(content) // 2]
    yield b""


def made(root: Path, kind: str) -> tuple[Callable[[], ImageSet], list[Path]]:
    if kind in ("voc", "yolo"):
        convert(scenes(root / "scenes", count=1), root / kind, kind)
        files = [one for one in (root / kind).rglob("*") if one.suffix in (".xml", ".txt", ".csv", ".yaml")]
        files += list((root / kind).glob("Segmentation*/0.png"))
        return lambda: (read_voc if kind == "voc" else read_yolo)(root / kind), files
    if kind == "depth":
        folder = depth_of(root / kind)[0]
        return lambda: opened(folder), [*folder.glob("*.txt"), *folder.glob("*.png")]
    if kind == "kitti":
        folder = kitti_of(root / kind)
        return lambda: opened(folder), [*folder.glob("*/*.txt")]
    folder = masks_of(root / kind, numbers())
    (folder / "classes.csv").write_text("name,r,g,b\nsky,0,0,200\nroad,90,0,0\n")
    return lambda: read_masks(folder / "images", folder / "labels"), [*folder.glob("labels/*"), folder / "classes.csv"]


@pytest.mark.parametrize("kind", ["voc", "yolo", "masks", "depth", "kitti"])
def test_damaged_bytes_are_told_of_and_never_raised(tmp_path: Path, kind: str) -> None:
    read, files = made(tmp_path, kind)
    told = 0
    for file in files:
        content = file.read_bytes()
        for damaged in mutations(content, 0):
            file.write_bytes(damaged)
            try:
                images = read()
            except InputError:  # tables of classes are read at once
                told += 1
                continue
            assert images.annotations is not None and len(images.annotations) == len(images)
            told += bool(images.annotations.faults())
        file.write_bytes(content)
    assert told > len(files)
    images = read()
    assert images.annotations is not None
    assert not [fault for fault in images.annotations.faults() if fault.done == "clipped"]


def test_odd_values_in_every_place_of_a_coco_file_are_told_of_and_never_raised(tmp_path: Path) -> None:
    write_coco(scenes(tmp_path / "scenes", count=1), tmp_path / "coco")
    file = tmp_path / "coco" / "instances.json"
    whole = json.loads(file.read_text())
    first = whole["annotations"][0]
    places = [("annotations", 0, key) for key in first] + [("categories", 0, key) for key in ("id", "name")]
    places += [("images", 0, key) for key in ("id", "width", "height")]
    places += [("annotations", 0, "segmentation", key) for key in ("size", "counts")]
    places += [("annotations", 0), ("categories", 0), ("annotations", 0, "bbox", 2), ("categories",), ("annotations",)]
    for place in places:
        for odd in ODD:
            damaged = json.loads(json.dumps(whole))
            inner = damaged
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = odd
            other = file.with_name("damaged.json")
            other.write_text(json.dumps(damaged))
            try:
                rows = read_coco(other).annotations
            except InputError:
                continue
            assert rows is not None
            found = rows[0]
            assert rows.faults() is not None and (found.boxes is None or len(found.boxes) <= 4), (place, odd)
