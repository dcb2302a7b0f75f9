"""Which images are held out: by content, by a column that says what belongs together, or with near copies together.

Whatever says so, the images of one unit lie on one side, the units are taken in the order of their hashes (the same on
every machine), and a class of which all images would be held out is learned from instead, as no network can name a
class that it has never seen.
"""

from typing import NamedTuple

import numpy as np

from ..core.checks import InputError, bad, check_choice
from ..core.storage import hash_bytes
from ..data.imageset import ImageSet
from ..data.sampling import group_names
from .look import Look, split_by_hash

NEAR = "near-copies"
TELLING = ("identity", "group")  # columns that say of which thing an image is
_NAMED = 5


class HeldOut(NamedTuple):
    """Rows to learn from (n - m,), rows held out (m,), both sorted, and what to know of the cut."""

    train: np.ndarray
    out: np.ndarray
    notes: tuple[str, ...]


def check_by(images: ImageSet, by: str | None) -> None:
    """Refuse a column that the images do not have."""
    if by is not None and by != NEAR:
        check_choice("--holdout-by", by, [*images.columns, NEAR])


def held_out(
    found: Look, share: float, by: str | None = None, marks: np.ndarray | None = None, classes: tuple[str, ...] = ()
) -> HeldOut:
    """Hold images out.

    Args:
        found: the images and the hashes of their contents.
        share: of the images, at least 8 and at most 2,048 images.
        by: None: copies of an image are on one side. A column: all images with one value of it are; an image without
            one is a thing of its own. `near-copies`: all images that look nearly the same are (`data.near_copies`).
        marks: (n,) the place of each image's class, or (n, classes) which it has; None: no labels are used.
        classes: their names.

    Raises:
        InputError: no such column, too few units to hold some out, or each class would be on one side only.
    """
    check_by(found.images, by)
    notes: list[str] = []
    if by is None:
        rows, out = split_by_hash(found.hashes, share)
        units = found.hashes
        notes += _untold(found.images, rows, out, marks)
    else:
        units = _units(found, by)
        out = _first_units(units, share, by)
        rows = np.setdiff1d(np.arange(len(units)), out)
        several = len(units) - len(np.unique(units))
        if by == NEAR:
            notes.append(f"{several} of {len(units)} images are near copies of others, which lie on their side.")
    if marks is not None:
        rows, out, more = _rescued(rows, out, units, marks, classes)
        notes += more
    return HeldOut(rows, out, tuple(notes))


def _units(found: Look, by: str) -> np.ndarray:
    """(n,) text: the unit of each image, with a name that does not depend on the order of the images."""
    if by != NEAR:
        return group_names(found.images.columns[by], found.images.ids, by)
    from ..data.near_copies import near_copies

    groups = near_copies(found.images)
    # copies to the byte share a hash whatever the perceptual one says
    groups = _joined(groups, np.unique(found.hashes, return_inverse=True)[1])
    order = np.lexsort((found.hashes, groups))
    first = order[np.unique(groups[order], return_index=True)[1]]  # of each group the one with the first hash
    return found.hashes[first][groups]


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Groups (n,) that join what either of two groupings joins."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = len(first)
    rows = np.arange(n)
    heads = [np.unique(one, return_index=True, return_inverse=True) for one in (first, second)]
    i = np.concatenate([rows, rows])
    j = np.concatenate([index[inverse] for _, index, inverse in heads])
    return np.asarray(connected_components(coo_matrix((np.ones(2 * n, bool), (i, j)), shape=(n, n)), directed=False)[1])


def _first_units(units: np.ndarray, share: float, by: str) -> np.ndarray:
    """The rows of the first units in the order of their hashes until the share is reached; never over half."""
    names, place, counts = np.unique(units, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise bad("--holdout-by", f"{by!r}, by which all images belong together", "at least two different values")
    wanted, most = min(max(round(len(units) * share), 8), 2048, len(units) // 2), len(units) // 2
    taken, total = [], 0
    for one in np.argsort([hash_bytes(f"held out|{name}".encode()) for name in names], kind="stable").tolist():
        if total < wanted and total + counts[one] <= most:
            taken.append(one)
            total += int(counts[one])
    if not taken:
        raise bad("--holdout-by", f"{by!r}, of which each value has over half of the images", "smaller groups")
    return np.flatnonzero(np.isin(place, taken))


def _rescued(
    rows: np.ndarray, out: np.ndarray, units: np.ndarray, marks: np.ndarray, classes: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Give the classes back to training that would only be held out, with all images of the units that have them."""
    has = marks if marks.ndim == 2 else None
    if has is None:
        there = np.bincount(marks[rows], minlength=len(classes)) > 0
        gone = np.bincount(marks[out], minlength=len(classes)) > 0
        wanted = np.isin(out, np.flatnonzero(np.isin(marks, np.flatnonzero(gone & ~there))))
    else:
        there, gone = has[rows].any(axis=0), has[out].any(axis=0)
        wanted = has[out][:, gone & ~there].any(axis=1)
    lost = np.flatnonzero(gone & ~there)
    if not len(lost):
        return rows, out, []
    back = np.isin(units[out], np.unique(units[out][wanted]))
    if back.all():
        raise InputError(
            f"IMAGES: expected classes with several images, some to learn from and one to be scored on, got "
            f"{len(classes)} classes for {len(units)} images, and none that could be held out. Is the label a name of "
            "its own for each image? Give more images of each class, or merge classes."
        )
    told = ", ".join(repr(classes[place]) for place in lost[:_NAMED]) + (", ..." if len(lost) > _NAMED else "")
    note = (
        f"{len(lost)} of {len(classes)} classes have too few images to hold one out ({told}): they are learned from, "
        "and nothing says how well."
    )
    return np.sort(np.concatenate([rows, out[back]])), out[~back], [note]


def _untold(images: ImageSet, rows: np.ndarray, out: np.ndarray, marks: np.ndarray | None) -> list[str]:
    """What a column says that was not asked: that images of one thing lie on both sides.

    Not where each class is one thing, of which some images must be held out.
    """
    for name in TELLING:
        if name in images.columns:
            groups = group_names(images.columns[name], images.ids, name)
            if marks is not None and marks.ndim == 1:
                pairs = np.unique(np.stack([marks, np.unique(groups, return_inverse=True)[1]]), axis=1)
                if pairs.shape[1] == len(np.unique(marks)):
                    continue
            both = int(np.isin(groups[out], groups[rows]).sum())
            if both:
                return [
                    f"By the column {name!r}, {both} of {len(out)} held-out images are of things that are also learned "
                    f"from, so that the score may be too good: --holdout-by {name} keeps them apart."
                ]
    return []
