"""Groups of near copies: against all pairs compared."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.data.near_copies import near_copies, near_groups
from regard.data.phash import near_hashes


def planted(n: int, copies: int, bits: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random hashes, each with copies that differ in so many bits; and which is a copy of which."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 2**63, n, dtype=np.uint64)
    found = [first]
    for _ in range(copies):
        flips = np.zeros(n, np.uint64)
        for row in range(n):
            for place in rng.permutation(64)[:bits]:
                flips[row] |= np.uint64(1) << np.uint64(place)
        found.append(first ^ flips)
    order = rng.permutation(n * (copies + 1))
    return np.concatenate(found)[order], np.tile(np.arange(n), copies + 1)[order]


def exact(hashes: np.ndarray, radius: int) -> np.ndarray:
    i, j, _ = near_hashes(hashes, radius)
    return connected_components(coo_matrix((np.ones(len(i)), (i, j)), shape=(len(hashes),) * 2), directed=False)[1]


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_planted_copies_are_found_as_by_all_pairs(bits: int) -> None:
    hashes, _ = planted(1500, 1, bits, bits)
    wanted, found = exact(hashes, 8), near_groups(hashes, 8)
    together = set(zip(found.tolist(), wanted.tolist()))
    assert len(together) == len(np.unique(found)), "it never joins what is apart"
    missed = len(np.unique(found)) - len(np.unique(wanted))
    assert 0 <= missed <= 0.01 * 1500, "and it misses hardly any pair"


def test_chains_join_and_groups_are_called_by_their_first() -> None:
    hashes = np.array([0b111, 2**40, 0b1, 0b11, 2**40, 0b1111], np.uint64)
    assert near_groups(hashes, 1).tolist() == [0, 1, 0, 0, 1, 0]
    assert near_groups(hashes[:0]).tolist() == [] and near_groups(hashes[:1]).tolist() == [0]
    assert near_groups(np.zeros(100, np.uint64)).tolist() == [0] * 100


def test_other_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="uint64"):
        near_groups(np.zeros(3))
    with pytest.raises(InputError, match="radius"):
        near_groups(np.zeros(3, np.uint64), 65)


def test_pictures_without_contrast_too_small_or_broken_are_on_their_own(tmp_path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    ramp = np.tile(np.arange(64, dtype=np.uint8) * 3, (64, 1))
    items = [np.full((64, 64), 9, np.uint8), np.full((64, 64), 9, np.uint8), ramp, tmp_path / "broken.png", ramp // 2]
    groups = near_copies(ImageSet(items, np.arange(5).astype(str)))
    assert groups.tolist() == [0, 1, 2, 3, 2]
