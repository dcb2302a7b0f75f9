"""Run lengths and polygons: against slow plain computations, and against pycocotools where it is installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.core.checks import InputError
from regard.data.annotations import polygons, rle

masks = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1), st.floats(0, 1)).map(
    lambda t: np.random.default_rng(t[2]).random((t[0], t[1])) < t[3]
)
counts = st.lists(st.integers(0, 2**33), min_size=1, max_size=12).map(np.array)


def plain_runs(mask: np.ndarray) -> list[int]:
    """Pixel by pixel."""
    runs, value = [0], False
    for x in range(mask.shape[1]):
        for y in range(mask.shape[0]):
            if bool(mask[y, x]) != value:
                value = not value
                runs.append(0)
            runs[-1] += 1
    return runs


def plain_text(runs: list[int]) -> str:
    """Number by number, letter by letter."""
    text = ""
    for place, run in enumerate(runs):
        rest = run - runs[place - 2] if place > 2 else run
        while True:
            low, rest = rest & 31, rest >> 5
            more = rest != (-1 if low & 16 else 0)
            text += chr(low + 32 * more + 48)
            if not more:
                break
    return text


@given(masks)
def test_runs_are_those_of_a_walk_down_the_columns_and_give_the_mask_back(mask: np.ndarray) -> None:
    runs = rle.encode(mask)
    assert runs.tolist() == plain_runs(mask)
    assert (rle.decode(runs, mask.shape) == mask).all()
    assert rle.area(runs) == mask.sum()


@given(counts)
def test_text_is_that_of_the_plain_writer_and_reads_back(runs: np.ndarray) -> None:
    text = rle.to_text(runs)
    assert text == plain_text(runs.tolist())
    assert rle.from_text(text).tolist() == runs.tolist()


@given(masks)
def test_the_extent_is_the_smallest_box(mask: np.ndarray) -> None:
    found = rle.extent(rle.encode(mask), mask.shape[0])
    if not mask.any():
        assert found is None
        return
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    assert found == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=10))
def test_empty_runs_in_the_middle_are_joined(runs: list[int]) -> None:
    total = sum(runs)
    if not total:
        return
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    assert rle.checked(np.array(runs), (total, 1)).tolist() == rle.encode(flat[:, None]).tolist()


def test_runs_that_cannot_be_of_the_picture_are_refused() -> None:
    for wrong in ([3, 2], [-1, 5], [2**62, 2**62, 2**62, 2**62 + 4]):
        with pytest.raises(InputError, match="counts: expected"):
            rle.decode(np.array(wrong, dtype=np.int64), (2, 2))
    for text in ("é", "0P" + "o", "~", " "):
        with pytest.raises(InputError, match="compressed run lengths|40 bits"):
            rle.from_text(text)


def test_a_polygon_with_corners_between_pixels_covers_the_pixels_whose_middle_is_inside() -> None:
    triangle = np.array([[1.0, 1.0], [9.0, 1.0], [1.0, 9.0]])
    y, x = np.mgrid[:10, :10] + 0.5
    inside = (x > 1) & (y > 1) & (x + y < 10)
    edge = np.isclose(x + y, 10)
    found = polygons.draw([triangle], (10, 10))
    assert (found == inside)[~edge].all()
    assert found[edge].sum() in (0, 8)


@given(masks)
@settings(deadline=None)
def test_the_outline_of_a_mask_draws_the_mask_again_with_holes_and_pieces(mask: np.ndarray) -> None:
    if not mask.any():
        with pytest.raises(InputError, match="an empty mask"):
            polygons.outline(mask)
        return
    assert (polygons.draw([polygons.outline(mask)], mask.shape) == mask).all()


def test_no_polygon_is_refused() -> None:
    for wrong in ([[0, 0], [1, 1]], [[0, 0], [1, np.nan], [2, 2]], [[0, 0], [1, 2**30], [2, 2]]):
        with pytest.raises(InputError, match="polygon: expected"):
            polygons.draw([np.array(wrong, dtype=float)], (4, 4))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@given(masks, st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_pycocotools_says_the_same(mask: np.ndarray, seed: int) -> None:
    peer = pytest.importorskip("pycocotools.mask")
    theirs = peer.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert theirs["counts"].decode() == rle.to_text(rle.encode(mask))
    rng = np.random.default_rng(seed)
    height, width = mask.shape
    for _ in range(5):
        corners = rng.uniform(-3, 12, (rng.integers(3, 8), 2)).round(rng.integers(0, 4))
        drawn = peer.decode(peer.merge(peer.frPyObjects([corners.ravel().tolist()], height, width)))
        assert (polygons.draw([corners], mask.shape) == drawn).all(), corners.tolist()
