"""Perceptual hashes: against the cosine transform written out, and all pairs compared one by one."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.data import phash
from regard.data.builtin import photo_crops, photos
from regard.data.phash import (
    as_hashes,
    dihedral_hashes,
    grey_32,
    hash_of,
    near_hashes,
    perceptual_hash,
    turned,
)


def plain_hash(grey: np.ndarray) -> int:
    """Each frequency as a sum of products; constant factors a frequency do matter for the median."""
    place = np.arange(32)
    low = np.zeros((8, 8))
    for v in range(8):
        for u in range(8):
            down = np.cos(np.pi * (2 * place + 1) * v / 64) * (np.sqrt(1 / 32) if v == 0 else np.sqrt(2 / 32))
            across = np.cos(np.pi * (2 * place + 1) * u / 64) * (np.sqrt(1 / 32) if u == 0 else np.sqrt(2 / 32))
            low[v, u] = (grey * down[:, None] * across[None]).sum()
    median = np.median(low.ravel()[1:])
    return sum(1 << (8 * v + u) for v in range(8) for u in range(8) if (v or u) and low[v, u] > median)


@pytest.fixture(scope="module")
def greys() -> list[np.ndarray]:
    return [grey_32(path) for path in photos().items]


def bits(first: int, second: int) -> int:
    return bin(first ^ second).count("1")


def test_the_hash_is_that_of_the_written_out_transform(greys: list[np.ndarray]) -> None:
    for grey in greys:
        assert hash_of(grey) == plain_hash(grey.astype(np.float64))


def test_a_changed_copy_is_within_ten_bits_and_another_photograph_is_not(greys: list[np.ndarray]) -> None:
    hashes = [hash_of(grey) or 0 for grey in greys]
    for path, before in zip(photos().items, hashes):
        image = Image.open(str(path)).convert("RGB")
        stream = io.BytesIO()
        image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS).save(stream, "JPEG", quality=30)
        changed = np.asarray(Image.open(stream))
        after = perceptual_hash(np.clip(changed * 1.2 + 5.0, 0, 255).astype(np.uint8))
        assert after is not None and bits(before, after) <= 10
    assert all(bits(one, other) > 10 for i, one in enumerate(hashes) for other in hashes[:i])


def test_light_and_contrast_do_not_matter(greys: list[np.ndarray]) -> None:
    for grey in greys:
        assert hash_of(grey * 0.5 + 30.0) == hash_of(grey)


def test_a_flat_or_minute_picture_has_no_hash() -> None:
    assert perceptual_hash(np.full((40, 50, 3), 90, np.uint8)) is None
    faint = np.random.default_rng(0).integers(99, 102, (200, 200, 3)).astype(np.uint8)
    assert perceptual_hash(faint) is None and dihedral_hashes(grey_32(faint)) is None
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    assert perceptual_hash(noise[:15]) is None and perceptual_hash(noise) is not None
    hashes, there = as_hashes([perceptual_hash(faint), 5])
    assert hashes.tolist() == [0, 5] and hashes.dtype == np.uint64 and there.tolist() == [False, True]


def test_the_eight_hashes_are_those_of_the_turned_and_mirrored_images() -> None:
    for item in photo_crops(6, 64, seed=1).items:
        eight = dihedral_hashes(grey_32(item))
        assert eight is not None and len(set(eight)) == 8
        for place in range(4):
            for start, image in ((0, np.asarray(item)), (4, np.asarray(item)[:, ::-1])):
                found = perceptual_hash(np.ascontiguousarray(np.rot90(image, place)))
                assert found is not None and bits(eight[start + place], found) <= 2  # the resize rounds in other order
    picture = np.arange(6).reshape(2, 3)
    assert len({turned(picture, place).tobytes() + bytes(turned(picture, place).shape) for place in range(8)}) == 8


@pytest.mark.parametrize("radius", [0, 3, 12, 64])
@pytest.mark.parametrize("at_once", [50, 4_000_000])
def test_near_pairs_are_those_of_all_distances(radius: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phash, "_AT_ONCE", at_once)
    rng = np.random.default_rng(2)
    first = rng.integers(0, 2**64, 30, dtype=np.uint64)
    near = np.array([int(one) ^ (1 << int(place)) for one, place in zip(first, rng.integers(0, 64, 30))], np.uint64)
    both = np.concatenate([first, near, first[:4]])
    pairs = [(i, j, bits(int(both[i]), int(both[j]))) for i in range(64) for j in range(i + 1, 64)]
    expected = [one for one in pairs if one[2] <= radius]
    assert list(zip(*(column.tolist() for column in near_hashes(both, radius)))) == expected
    across = [(i, j, bits(int(first[i]), int(near[j]))) for i in range(30) for j in range(30)]
    found = near_hashes(first, radius, near)
    assert list(zip(*(column.tolist() for column in found))) == [one for one in across if one[2] <= radius]


def test_nothing_is_near_to_nothing_and_wrong_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    none = np.zeros(0, np.uint64)
    assert [len(column) for column in near_hashes(none, 5)] == [0, 0, 0]
    assert [len(column) for column in near_hashes(none, 5, np.ones(3, np.uint64))] == [0, 0, 0]
    with pytest.raises(InputError, match="radius"):
        near_hashes(none, 65)
    with pytest.raises(InputError, match="as_hashes"):
        near_hashes(np.array([1, 2]), 5)
    with pytest.raises(InputError, match="grey"):
        hash_of(np.zeros((8, 8)))
    monkeypatch.setattr(phash, "_MOST", 10)
    with pytest.raises(InputError, match="smaller radius"):
        near_hashes(np.zeros(10, np.uint64), 5)


def test_a_file_hashes_as_its_pixels_do(tmp_path: Path) -> None:
    item = np.asarray(photo_crops(1, 64).items[0])
    Image.fromarray(item).save(tmp_path / "crop.png")
    assert perceptual_hash(tmp_path / "crop.png") == perceptual_hash(item)
