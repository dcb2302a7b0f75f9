"""What a candidate pair is: one photograph, one scene or nothing, with the evidence."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from ...data.frames import later_frames, later_pages
from ...data.phash import turned
from ...data.pixels import pixels
from ..search.verify.agreement import agreement, overlap, resizing
from ..search.verify.cache import FeatureCache
from ..search.verify.changes import Changes, changes
from ..search.verify.geometry import verify
from .candidates import Candidates

SAME_PHOTO = 0.6  # agreement; another camera 19 cm beside reaches 0.54, strongly compressed copies 0.66
SAME_SCENE = 0.3  # two photographs with one caption in common stay below
_ALIGNED = 0.75  # agreement where no point was matched: more is asked
_WHOLE = 0.9  # of an image that must be shown for it to count as being there as a whole
_BLANK = 2.0  # levels of standard deviation: a page with less is blank
Found = tuple[int, int, str, float, dict[str, Any]]


def judge(
    items: Sequence[Path | np.ndarray], near: Candidates, cache: FeatureCache, mirror: bool, pair: tuple[int, int]
) -> Found | None:
    """What a candidate pair is, with the evidence; None where it is nothing."""
    i, j = pair
    about = dict(near[pair])
    place = about.pop("place", None)
    a, b = pixels(items[i]), pixels(items[j])
    if place is not None:
        # laid on each other corner to corner: needs no points, so that it works for thumbnails and plain pictures
        upright = np.ascontiguousarray(turned(a, place))
        share = agreement(upright, b, resizing(upright, b))
        if share >= _ALIGNED:
            more = _copy(changes(upright, b, resizing(upright, b)), items[i], items[j], b, place)
            if more is not None:
                about |= {"agreement": share, "mirrored": place >= 4, "turns": place % 4} | more
                return i, j, "same photo", share, {"by": "hash", **about}
    found = verify(cache.get(items[i]), cache.get(items[j]), mirror=mirror)
    if not found.accepted or found.matrix is None:
        return None
    share = agreement(a, b, found.matrix)
    if share < SAME_SCENE:
        return None
    about |= {"agreement": share, "inliers": found.inliers, "mirrored": found.mirrored}
    of_a, of_b, box_a, box_b = overlap(found.matrix, a, b)
    if of_a >= _WHOLE > of_b:
        about |= {"part": "a", "box": box_b}
    elif of_b >= _WHOLE > of_a:
        about |= {"part": "b", "box": box_a}
    changed = changes(a, b, found.matrix)
    if changed.recoloured or changed.refilled:
        return None
    kind = "same scene"
    if share >= SAME_PHOTO and changed.box is None:
        more = _copy(changed, items[i], items[j], b)
        if more is None:
            return None
        kind, about = "same photo", more | about
    elif share >= SAME_PHOTO:
        about |= {"differs": changed.box}
    return i, j, kind, share, {"by": "spatial", **about}


def _copy(
    changed: Changes, a: Path | np.ndarray, b: Path | np.ndarray, b_HWC: np.ndarray, place: int = 0
) -> dict[str, Any] | None:
    """What is to be said of two images that are one photograph; None where they are not: changed, or moving apart."""
    if changed.recoloured or changed.box is not None:
        return None
    said: dict[str, Any] = {"grey": True} if changed.grey else {}
    said |= {"captioned": True} if changed.captioned else {}
    lacking = _part(a, b, place)
    if not lacking:
        return None if lacking is None else said
    height, width = (b_HWC if lacking == "a" else pixels(a)).shape[:2]
    return said | {"still": True, "part": lacking, "box": (0.0, 0.0, float(width), float(height))}


def _part(a: Path | np.ndarray, b: Path | np.ndarray, place: int) -> str | None:
    """Of two files that begin alike, the one (a | b) that is the beginning of the other; "" where they go on alike.

    None where they go on otherwise. Of animations that both move the middle and the end count, of pages each one.
    """
    of_a, of_b = later_frames(a), later_frames(b)
    if of_a or of_b:
        if not of_a or not of_b:
            # pages of the one are not the frames of the other
            return None if any(True for _ in later_pages(b if of_a else a)) else "b" if of_a else "a"
        return "" if all(_alike(one, other, place) for one, other in zip(of_a, of_b)) else None
    for one, other in zip_longest(later_pages(a), later_pages(b)):
        if one is None or other is None:
            return "a" if one is None else "b"
        if not _alike(one, other, place):
            return None
    return ""


def _alike(one_HWC: np.ndarray, other_HWC: np.ndarray, place: int) -> bool:
    """Whether two later pictures are the same; two blank pages are, in which no block says anything."""
    upright = np.ascontiguousarray(turned(one_HWC, place))
    matrix = resizing(upright, other_HWC)
    later = changes(upright, other_HWC, matrix)
    if later.recoloured or later.box is not None:
        return False
    flat = max(float(part.std()) for part in (upright, other_HWC)) < _BLANK
    return flat or agreement(upright, other_HWC, matrix) >= SAME_PHOTO
