"""Whether labels can be told without a look at the pictures: from file names and sizes, picture sizes, the clock.

A forest of small trees is asked to tell the label from one of these alone, cross-validated: what it gets right on
images that it did not learn from, against naming the commonest class. Beyond chance means that the way in which the set
was gathered tells the classes apart (two cameras, two days, two programs), and a network may learn that in place of
what the classes look like. That a larger file shows more detail is no fault by itself.
"""

import re
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..core.runtime import derive_seed, numpy_rng, one_blas_thread
from ..data.decode import DecodeError
from ..data.file_facts import FileFacts, file_facts
from ..data.imageset import ImageSet
from ..metrics.intervals import Interval, accuracy_interval

NAMES, FILE_SIZE, PICTURE_SIZE, TIME = "file names", "file sizes", "picture sizes", "the camera's clock"
MOST, LEAST, FOLDS, TREES = 600, 30, 5, 20
LEVEL = 0.99  # there are four probes: one in fifty sets without any leak would be warned of, not one in ten
STRONG = 0.2  # of the way from chance to 1: from there on the run says it, not only its page
_BUCKETS = 128  # for pairs and triples of letters in names


@dataclass(frozen=True)
class Leak:
    """What one probe found.

    Attributes:
        probe: what it looked at.
        accuracy: on images that it did not learn from, with its 99 % interval.
        chance: share of the commonest class.
    """

    probe: str
    accuracy: Interval
    chance: float

    @property
    def beats_chance(self) -> bool:
        """Whether the whole interval is above chance."""
        return self.accuracy.known and self.accuracy.low > self.chance

    @property
    def strong(self) -> bool:
        """Whether it beats chance by far."""
        return self.beats_chance and self.accuracy.mean - self.chance >= STRONG * (1 - self.chance)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"probe": self.probe, "accuracy": self.accuracy.as_dict(), "chance": self.chance}


def leak_probes(images: ImageSet, seed: int = 0) -> list[Leak]:
    """Ask each probe that has something to look at; none where fewer than 30 images of two classes are left.

    Args:
        images: with labels; of more than 600 so many are drawn. Classes of fewer than 5 among them are left out.
        seed: of draws, folds and trees.
    """
    labels = images.need_labels("IMAGES", 1)
    rows = np.sort(numpy_rng(seed, "leaks").permutation(len(images))[:MOST])
    names, counts = np.unique(labels[rows], return_counts=True)
    rows = rows[np.isin(labels[rows], names[counts >= FOLDS])]
    y = np.unique(labels[rows], return_inverse=True)[1]
    if len(rows) < LEAST or y.max() < 1:
        return []
    chance = float(np.bincount(y).max() / len(y))
    found = []
    for probe, X in _features(images.subset(rows)).items():
        if len(np.unique(X, axis=0)) > 1:
            found.append(Leak(probe, accuracy_interval(_answers(X, y, seed) == y, level=LEVEL), chance))
    return found


def leak_notes(leaks: list[Leak]) -> list[str]:
    """What a run says of probes that beat chance by far."""
    return [
        f"labels leak: {100 * one.accuracy.mean:.0f} % of them can be told from {one.probe} alone (chance "
        f"{100 * one.chance:.0f} %). The network may learn how the images were gathered instead of what they show."
        for one in leaks
        if one.strong
    ]


def _answers(X: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """(n,) what is said of each image by trees that did not learn from it."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold

    said = np.zeros_like(y)
    state = derive_seed(seed, "leaks") % 2**32
    with one_blas_thread():
        for learn, ask in StratifiedKFold(FOLDS, shuffle=True, random_state=state).split(X, y):
            forest = RandomForestClassifier(TREES, min_samples_leaf=2, random_state=state)
            said[ask] = forest.fit(X[learn], y[learn]).predict(X[ask])
    return said


def _features(images: ImageSet) -> Mapping[str, np.ndarray]:
    """(n, k) numbers for each probe that the images give something to."""

    def facts(row: int) -> FileFacts | None:
        try:
            return file_facts(images.items[row])
        except DecodeError:
            return None

    with ThreadPoolExecutor(images.readers) as pool:
        told = list(pool.map(facts, range(len(images))))
    sides = np.array([(one.width, one.height) if one else (0, 0) for one in told], float)
    found = {PICTURE_SIZE: np.c_[sides, sides[:, :1] / np.maximum(sides[:, 1:], 1), sides.prod(axis=1)]}
    paths = [item for item in images.items if isinstance(item, Path)]
    if len(paths) < len(images):
        return found
    found[FILE_SIZE] = np.array([[(one.size or 0) if one else 0] for one in told], float)
    found[NAMES] = np.array([name_numbers(path.name) for path in paths])
    taken = [one.date if one and one.taken else None for one in told]
    if sum(date is not None for date in taken) >= FOLDS:
        found[TIME] = np.array([[(date - datetime.min).total_seconds() if date else -1.0] for date in taken])
    return found


def name_numbers(name: str) -> np.ndarray:
    """A file's name in numbers: its length, its first and last whole number, and which letters follow one another.

    >>> bool((name_numbers("cat_12.jpg")[5:] == name_numbers("cat_99.jpg")[5:]).all())
    True
    """
    digits = re.findall(r"\d+", name)
    first, last = (float(digits[place][:12]) if digits else -1.0 for place in (0, -1))
    letters = re.sub(r"\d+", "0", name.lower())
    found = np.zeros(5 + _BUCKETS)
    found[:5] = len(name), len(digits), first, last, sum(letter.isupper() for letter in name)
    for size in (2, 3):
        for start in range(len(letters) - size + 1):
            found[5 + zlib.crc32(letters[start : start + size].encode()) % _BUCKETS] = 1
    return found
