"""The sketch: bits as a plain loop gives them, candidates as a sort gives them, and what it misses."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.reuse.search.nearest import sketch as module
from regard.reuse.search.nearest.sketch import Sketch


def clouds(n: int = 3000, dim: int = 300, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    centres = draw.standard_normal((60, dim))
    near = centres[draw.integers(0, 60, n)] + 0.7 * draw.standard_normal((n, dim)) + 1.5
    return (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("dim", [256, 300, 512])
def test_distances_are_counts_of_signs_that_differ(dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PIECE", 100)
    monkeypatch.setattr(module, "_ROWS", 170)
    x = clouds(500, dim)
    sketch = Sketch.of(x)
    signs = x > x.mean(axis=0, dtype=np.float64).astype(np.float32)
    plain = (signs != signs[7]).sum(axis=1)
    np.testing.assert_array_equal(sketch.distances(x[7]), plain)
    with ThreadPoolExecutor(3) as pool:
        np.testing.assert_array_equal(sketch.distances(x[7], pool), plain)
    assert sketch.nbytes == 500 * 8 * -(-dim // 64)


def test_candidates_are_the_nearest_with_all_ties() -> None:
    x = clouds(400)
    sketch = Sketch.of(x)
    distances = sketch.distances(x[3])
    rows = sketch.candidates(x[3], 20)
    assert rows.tolist() == np.flatnonzero(distances <= np.sort(distances)[19]).tolist() and len(rows) >= 20
    alive = np.ones(400, bool)
    alive[rows[:10]] = False
    assert not set(rows[:10]) & set(sketch.candidates(x[3], 20, alive))
    assert len(sketch.candidates(x[3], 10**6)) == 400
    assert len(sketch.candidates(x[3], 10**6, alive)) == 390
    assert len(sketch.candidates(x[3], 350, np.arange(400) < 30)) == 30, "those that are left out never come"


def test_added_vectors_are_found_as_if_they_had_been_there() -> None:
    x = clouds(900)
    whole, grown = Sketch.of(x), Sketch(x.shape[1], Sketch.of(x).mean)
    for start, end in ((0, 500), (500, 501), (501, 501), (501, 900)):
        grown.add(x[start:end])
    np.testing.assert_array_equal(whole.words, grown.words)
    assert len(grown) == 900


def test_room_for_more_is_made_seldom() -> None:
    x = clouds(1000)
    sketch, places = Sketch.of(x), set()
    for row in range(100):
        sketch.add(x[row : row + 1])
        places.add(sketch.words.base.__array_interface__["data"][0])
    assert len(places) == 1 and len(sketch) == 1100


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("dim", [64, 300])
def test_the_true_nearest_are_among_few_candidates(positive: bool, dim: int) -> None:
    """Positive vectors have all signs alike; about their mean they have not. Short vectors are turned first."""
    x = clouds(dim=dim)
    x = np.abs(x) + 1 if positive else x
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    sketch, hits = Sketch.of(x), 0
    for row in range(40):
        true = np.argsort(-(x @ x[row]))[:10]
        hits += len(set(true) & set(sketch.candidates(x[row], 300)))
    assert hits / 400 > 0.95
    if positive and dim == 300:
        blind = Sketch(dim)
        blind.add(x)
        assert (blind.distances(x[0]) == 0).all(), "which is why the mean is taken off"


def test_wrong_vectors_are_refused() -> None:
    sketch = Sketch.of(clouds(20))
    with pytest.raises(InputError, match="vectors"):
        sketch.add(clouds(3, dim=8))
    with pytest.raises(InputError, match="mean"):
        Sketch(300, np.zeros(5))
    with pytest.raises(InputError, match="many"):
        sketch.candidates(clouds(1)[0], 0)
