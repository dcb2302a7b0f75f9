"""Labels that can be told without looking."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.create.leaks import FILE_SIZE, NAMES, PICTURE_SIZE, TIME, leak_notes, leak_probes
from regard.data.imageset import ImageSet


def gathered(
    folder: Path,
    name=lambda i, y: f"{i:03d}.jpg",
    side=lambda i, y: 24,
    taken=None,
    quality=lambda i, y: 80,
    n: int = 60,
) -> ImageSet:
    """Noise of two classes in files that are called, sized and dated as told."""
    rng = np.random.default_rng(0)
    paths, labels = [], []
    for i in range(n):
        y = int(rng.integers(2))
        pixels = rng.integers(0, 256, (24, side(i, y), 3), dtype=np.uint8)
        exif = Image.Exif()
        if taken is not None:
            exif.get_ifd(0x8769)[0x9003] = taken(i, y).strftime("%Y:%m:%d %H:%M:%S")
        paths.append(folder / name(i, y))
        Image.fromarray(pixels).save(paths[-1], quality=quality(i, y), exif=exif)
        labels.append("ab"[y])
    return ImageSet(paths, np.array([path.name for path in paths]), np.array(labels))


DAY = datetime(2020, 1, 1)
LEAKS = {
    NAMES: {"name": lambda i, y: f"{['cat', 'dog'][y]}_{i}.jpg"},
    f"{NAMES} ": {"name": lambda i, y: f"IMG_{1000 * y + i:05d}.jpg"},
    PICTURE_SIZE: {"side": lambda i, y: 24 + 8 * y},
    FILE_SIZE: {"quality": lambda i, y: [40, 95][y]},
    TIME: {"taken": lambda i, y: DAY + timedelta(days=30 * y, minutes=i)},
}


@pytest.mark.parametrize("planted", LEAKS)
def test_each_planted_leak_is_found_by_its_probe(tmp_path: Path, planted: str) -> None:
    found = {one.probe: one for one in leak_probes(gathered(tmp_path, **LEAKS[planted]))}
    leak = found[planted.strip()]
    assert leak.beats_chance and leak.strong and leak.accuracy.mean > 0.95
    assert any(planted.strip() in note and "labels leak" in note for note in leak_notes([leak]))
    # a wider picture is also a larger file, and a name that is longer is nothing else
    others = {name for name, one in found.items() if one.strong} - {planted.strip()}
    assert others <= ({FILE_SIZE} if planted == PICTURE_SIZE else set())


def test_without_a_leak_nothing_is_said(tmp_path: Path) -> None:
    images = gathered(tmp_path, taken=lambda i, y: DAY + timedelta(days=i * 7 % 60))
    found = leak_probes(images)
    assert {one.probe for one in found} == {NAMES, FILE_SIZE, TIME}, "all pictures have one size"
    assert not any(one.beats_chance for one in found) and leak_notes(found) == []
    assert leak_probes(images) == found, "the same again"
    assert all(one.as_dict()["accuracy"]["n"] == 60 for one in found)


def test_hardly_any_of_many_sets_without_a_leak_is_warned_of() -> None:
    rng = np.random.default_rng(0)
    warned = 0
    for seed in range(8):
        items = [np.zeros((9 + int(rng.integers(6)), 9, 3), np.uint8) for _ in range(60)]
        labels = np.where(rng.random(60) < 0.5, "a", "b")
        warned += any(one.beats_chance for one in leak_probes(ImageSet(items, np.arange(60).astype(str), labels), seed))
    assert warned <= 1


def test_too_few_images_or_classes_are_not_asked() -> None:
    items = [np.zeros((9 + i % 4, 9, 3), np.uint8) for i in range(40)]
    ids = np.arange(40).astype(str)
    assert leak_probes(ImageSet(items, ids, np.array([f"class {i // 2}" for i in range(40)]))) == []
    assert leak_probes(ImageSet(items, ids, np.array(["a"] * 38 + ["b"] * 2))) == []
    assert leak_probes(ImageSet(items[:20], ids[:20], np.array(["a", "b"] * 10))) == []
