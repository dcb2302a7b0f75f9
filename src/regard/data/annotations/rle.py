"""Run lengths of a mask, as COCO counts and writes them.

Pixels are read down the columns, from left to right; the first run is of zeros and may be empty. The compressed text
(COCO's maskApi, Lin et al. 2014) writes, from the fourth count on, the difference to the count two before it, as signed
numbers of 5 bits a character, the low ones first: bit 6 says that more follow, and 48 is added to make it text.
"""

import numpy as np

from ...core.checks import bad


def encode(mask_HW: np.ndarray) -> np.ndarray:
    """The runs (m,) int64 of a mask (H, W): zeros, ones, zeros, ...

    >>> encode(np.array([[0, 1], [1, 1]])).tolist()
    [1, 3]
    """
    flat = np.asarray(mask_HW, dtype=bool).ravel(order="F")
    if not flat.size:
        return np.zeros(0, dtype=np.int64)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]]))
    return np.concatenate([[0], runs]).astype(np.int64) if flat[0] else runs.astype(np.int64)


def decode(counts: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The mask (H, W) of bool that runs stand for.

    Raises:
        InputError: runs that are negative or do not add up to height times width.
    """
    runs = checked(counts, size)
    values = np.zeros(len(runs), dtype=bool)
    values[1::2] = True
    return np.repeat(values, runs).reshape(size, order="F")


def checked(counts: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The runs as int64, without runs of no pixel but the first, so that equal masks have equal runs."""
    runs = np.asarray(counts)
    if runs.ndim != 1 or (runs.size and runs.dtype.kind not in "iu"):
        raise bad("counts", f"{runs.dtype} of shape {runs.shape}", "whole numbers of pixels")
    if runs.size and (runs < 0).any():
        raise bad("counts", "a negative run", "whole numbers of at least 0")
    area = size[0] * size[1]
    if sum(runs.tolist()) != area:
        raise bad("counts", f"runs of {sum(runs.tolist())} pixels", f"{size[0]} x {size[1]} = {area}")
    runs = runs.astype(np.int64)
    if not (runs[1:] == 0).any():
        return runs
    place = np.cumsum(runs)  # where each run ends; runs of nothing in the middle join their neighbours
    ones = np.arange(len(runs)) % 2 == 1
    starts, ends = (place - runs)[ones & (runs > 0)], place[ones & (runs > 0)]
    apart = np.concatenate([[True], starts[1:] != ends[:-1]]) if starts.size else np.zeros(0, dtype=bool)
    starts, ends = starts[apart], ends[np.append(apart[1:], True)] if starts.size else ends
    cuts = np.stack([starts, ends], axis=1).ravel()
    joined = np.diff(np.concatenate([[0], cuts, [area]]))
    return joined if joined[-1] or len(joined) == 1 else joined[:-1]


def to_text(counts: np.ndarray) -> str:
    """The compressed text of runs.

    >>> to_text(np.array([6, 1, 40, 4, 5, 4, 5, 4, 21]))
    '61X13mN000`0'
    """
    runs = np.asarray(counts, dtype=np.int64)
    change = runs.copy()
    change[3:] -= runs[1:-2]
    letters: list[np.ndarray] = []
    rest, going = change.copy(), np.ones(len(change), dtype=bool)
    while going.any():  # one letter of every number that is not at its end
        low = rest & 31
        rest = np.where(going, rest >> 5, rest)
        more = np.where(low & 16, rest != -1, rest != 0)
        letters.append(np.where(going, low + 32 * more + 48, 0))
        going = going & more
    if not letters:
        return ""
    table = np.stack(letters, axis=1).ravel()
    return bytes(table[table > 0].astype(np.uint8)).decode("ascii")


def from_text(text: str) -> np.ndarray:
    """The runs (m,) int64 that compressed text stands for.

    Raises:
        InputError: letters that are none of it, or a number that does not end.

    >>> from_text("61X13mN000`0").tolist()
    [6, 1, 40, 4, 5, 4, 5, 4, 21]
    """
    try:
        values = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64) - 48
    except UnicodeEncodeError:
        raise bad("counts", repr(text[:20]), "COCO's compressed run lengths") from None
    if not values.size:
        return values
    last = (values & 32) == 0
    if (values < 0).any() or (values > 63).any() or not last[-1]:
        raise bad("counts", repr(text[:20]), "COCO's compressed run lengths")
    starts = np.concatenate([[0], np.flatnonzero(last)[:-1] + 1])
    lengths = np.diff(np.append(starts, values.size))
    if lengths.max() > 8:  # 40 bits: more than any picture has pixels
        raise bad("counts", "a run of more than 40 bits", "COCO's compressed run lengths")
    within = np.arange(values.size) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((values & 31) << (5 * within), starts)
    numbers -= np.where(values[last] & 16, np.int64(1) << (5 * lengths), 0)
    runs = numbers.copy()  # each from the fourth on is added to the one two before
    runs[1::2] = np.cumsum(numbers[1::2])
    runs[2::2] = np.cumsum(numbers[2::2])
    return runs


def area(counts: np.ndarray) -> int:
    """How many pixels the mask covers."""
    return int(np.asarray(counts)[1::2].sum())


def extent(counts: np.ndarray, height: int) -> tuple[int, int, int, int] | None:
    """The smallest box around the mask: left, top, right, bottom, half-open; None where the mask is empty.

    >>> extent(np.array([1, 3]), 2)
    (0, 0, 2, 2)
    """
    runs = np.asarray(counts, dtype=np.int64)
    ends = np.cumsum(runs)[1::2]
    lengths = runs[1::2]
    starts = ends[lengths > 0] - lengths[lengths > 0]
    stops = ends[lengths > 0] - 1
    if not starts.size:
        return None
    tops, bottoms = starts % height, stops % height
    across = (starts // height) != (stops // height)  # such a run has the foot of one column and the top of the next
    top = 0 if across.any() else int(tops.min())
    bottom = height if across.any() else int(bottoms.max()) + 1
    return int(starts[0] // height), top, int(stops[-1] // height) + 1, bottom
