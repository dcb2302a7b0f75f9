"""Local features, their matching, and what is made of them: against plain computations and pictures made by hand."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.data.builtin import photos
from regard.data.decode import DecodeError
from regard.data.pixels import pixels
from regard.reuse.search.verify.agreement import agreement, overlap
from regard.reuse.search.verify.cache import FeatureCache
from regard.reuse.search.verify.draw import draw
from regard.reuse.search.verify.features import extract, mirrored, root_sift
from regard.reuse.search.verify.geometry import verify
from regard.reuse.search.verify.matching import match


@pytest.fixture(scope="module")
def cat() -> np.ndarray:
    return pixels(next(path for path in photos().items if "chelsea" in str(path)))


def blob(width: int, height: int, x: float, y: float, radius: float) -> np.ndarray:
    down, across = np.mgrid[0:height, 0:width]
    light = 40 + 200 * np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * radius**2))
    return np.repeat(light.round().astype(np.uint8)[..., None], 3, axis=2)


def test_root_sift_is_the_root_of_the_share_of_the_sum() -> None:
    sift = np.random.default_rng(0).integers(0, 80, (5, 128)).astype(np.float32)
    plain = [[min(255, round(512 * (value / sum(row)) ** 0.5)) for value in row] for row in sift.tolist()]
    np.testing.assert_array_equal(root_sift(sift), plain)
    np.testing.assert_array_equal(root_sift(np.zeros((1, 128), np.float32)), np.zeros((1, 128)))


def test_bytes_hold_the_direction_of_the_float_descriptors(cat: np.ndarray) -> None:
    _, sift = cv2.SIFT.create(300).detectAndCompute(cv2.cvtColor(cat, cv2.COLOR_RGB2GRAY), None)
    exact = np.sqrt(sift / sift.sum(axis=1, keepdims=True))
    kept = root_sift(sift).astype(np.float64)
    cosine = (exact * kept).sum(axis=1) / np.linalg.norm(kept, axis=1)
    assert cosine.min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(kept, axis=1), 512, rtol=0.02)


@pytest.mark.parametrize(
    "width,height,x,y,radius", [(400, 300, 250, 120, 6), (2000, 1500, 1320, 410, 25), (60, 40, 22, 13, 3)]
)
def test_points_are_in_pixels_of_the_image_as_given(width: int, height: int, x: int, y: int, radius: int) -> None:
    found = extract(blob(width, height, x, y, radius), side=1024)
    assert len(found) and (found.width, found.height) == (width, height)
    np.testing.assert_allclose(found.keypoints[0, :2], (x, y), atol=0.03 * radius)
    # SIFT's scale of a Gaussian blob is its deviation; OpenCV gives the diameter
    assert 1.4 * radius < found.keypoints[0, 2] < 3 * radius


def test_there_are_at_most_so_many_points_the_same_each_time(cat: np.ndarray) -> None:
    before = cat.copy()
    first, second = extract(cat, limit=100), extract(cat, limit=100)
    assert len(first) == 100
    np.testing.assert_array_equal(first.keypoints, second.keypoints)
    np.testing.assert_array_equal(first.descriptors, second.descriptors)
    np.testing.assert_array_equal(cat, before)
    # the strongest ones are those of a larger limit, in the same order
    np.testing.assert_array_equal(extract(cat, limit=300).keypoints[:50], first.keypoints[:50])


@pytest.mark.parametrize("shape", [(200, 300, 3), (5, 5, 3), (1, 1, 3), (1, 3000, 3)])
def test_an_image_without_structure_has_no_points(shape: tuple[int, ...]) -> None:
    for level in (0, 255):
        found = extract(np.full(shape, level, np.uint8), mirror=True)
        assert found.keypoints.shape == (0, 4) and found.descriptors.shape == (0, 128)
        assert len(mirrored(found)) == 0


def test_tiny_noise_does_not_crash() -> None:
    found = extract(np.random.default_rng(0).integers(0, 255, (5, 5, 3)).astype(np.uint8))
    assert np.isfinite(found.keypoints).all() and found.pixel == 1 / 4


def test_the_mirror_is_described_from_the_mirrored_picture(cat: np.ndarray) -> None:
    twin, flipped = mirrored(extract(cat, mirror=True)), extract(cat[:, ::-1])
    np.testing.assert_array_equal(twin.descriptors, flipped.descriptors)
    np.testing.assert_allclose(twin.keypoints[:, 0], cat.shape[1] - 1 - flipped.keypoints[:, 0])
    np.testing.assert_array_equal(twin.keypoints[:, 1:], flipped.keypoints[:, 1:])
    with pytest.raises(InputError, match="mirror=True"):
        mirrored(extract(cat))


def test_settings_and_files_are_checked(cat: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="side"):
        extract(cat, side=3)
    with pytest.raises(InputError, match="limit"):
        extract(cat, limit=0)
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with pytest.raises(DecodeError):
        extract(tmp_path / "broken.png")


def plain_match(first: np.ndarray, second: np.ndarray, ratio: float) -> list[list[int]]:
    distance = np.array([[np.linalg.norm(a - b) for b in second] for a in first])
    found = []
    for i in range(len(first)):
        j = int(distance[i].argmin())
        others = [*np.delete(distance[i], j), *np.delete(distance[:, j], i)]
        if distance[:, j].argmin() == i and distance[i, j] < ratio * min(others):
            found.append([i, j])
    return found


@pytest.mark.parametrize("ratio", [0.6, 0.8, 1.0])
def test_matches_are_those_of_all_distances(ratio: float) -> None:
    rng = np.random.default_rng(1)
    first = rng.integers(0, 255, (40, 16)).astype(np.uint8)
    near = np.clip(first[:25] + rng.normal(0, 30, (25, 16)), 0, 255)
    second = np.concatenate([rng.integers(0, 255, (30, 16)), near]).astype(np.uint8)
    expected = plain_match(first.astype(float), second.astype(float), ratio)
    assert 5 < len(expected) < 40
    assert match(first, second, ratio).tolist() == expected


def test_matching_nothing_and_other_lengths() -> None:
    assert match(np.zeros((0, 8), np.uint8), np.ones((3, 8), np.uint8)).shape == (0, 2)
    twice = np.array([[5.0, 5.0], [5.0, 5.0]])
    assert len(match(twice[:1], twice)) == 0  # two equally near: neither is clearly nearer
    with pytest.raises(InputError, match="descriptors"):
        match(np.zeros((2, 8)), np.zeros((2, 9)))


def test_the_cache_keeps_what_was_used_last_in_its_room(cat: np.ndarray, tmp_path: Path) -> None:
    pieces = [cat[:, start : start + 200] for start in (0, 100, 200)]
    sizes = [extract(piece, limit=100).nbytes for piece in pieces]
    cache = FeatureCache(mib=(sizes[0] + sizes[1] + sizes[2] - 1) / 2**20, limit=100)
    kept = cache.get(pieces[0])
    cache.get(pieces[1])
    assert cache.get(pieces[0]) is kept
    cache.get(pieces[2])  # the second was used least lately
    assert len(cache) == 2 and cache.nbytes == sizes[0] + sizes[2] and cache.get(pieces[0]) is kept
    path = tmp_path / "cat.png"
    Image.fromarray(pieces[0]).save(path)
    before = cache.get(path)
    Image.fromarray(pieces[1]).save(path)
    assert not np.array_equal(cache.get(path).keypoints, before.keypoints)
    empty = FeatureCache(mib=0, limit=100)
    assert len(empty.get(pieces[0])) == 100 and len(empty) == empty.nbytes == 0


def test_agreement_is_the_share_of_blocks_that_are_alike(cat: np.ndarray) -> None:
    square = cat[:256, :256]
    assert agreement(square, square, np.eye(3)) == 1
    half = square.copy()
    half[:, 128:] = half[::-1, 128:]
    assert agreement(square, half, np.eye(3)) == pytest.approx(0.5, abs=0.06)
    assert agreement(square, 255 - square, np.eye(3)) == 0  # a negative correlates by -1
    assert agreement(square, square, np.array([[1, 0, 900], [0, 1, 0], [0, 0, 1.0]])) == 0  # beside each other
    flat = np.full_like(square, 100)
    assert agreement(flat, flat, np.eye(3)) == 0


def test_overlap_says_how_much_each_shows_of_the_other() -> None:
    move = np.array([[2.0, 0, 0.5], [0, 2.0, 0.5], [0, 0, 1]])  # twice as large, corner on corner
    of_a, of_b, box_a, box_b = overlap(move, np.zeros((20, 30, 3)), np.zeros((40, 100, 3)))
    assert (of_a, of_b) == (pytest.approx(1), pytest.approx(0.6))
    np.testing.assert_allclose(box_b, (0, 0, 60, 40), atol=1e-4)
    np.testing.assert_allclose(box_a, (0, 0, 30, 20), atol=1e-4)


def test_the_drawing_shows_both_images_the_lines_and_the_box(cat: np.ndarray) -> None:
    crop = cat[60:240, 100:340]
    found = verify(extract(crop), extract(cat))
    canvas = draw(crop, cat, found, height=300)
    assert canvas.dtype == np.uint8 and canvas.shape == (300, 240 * 300 // 180 + 8 + 451, 3)
    plain = draw(crop, cat, found, height=300, lines=0)
    assert (plain != canvas).any()
    left = 240 * 300 // 180 + 8
    # the box lies where the crop was cut out; the right image is drawn at its own size
    red = np.argwhere((plain[:, left:] == (255, 64, 64)).all(axis=2))
    np.testing.assert_allclose(red.min(axis=0), (60, 100), atol=4)
    np.testing.assert_allclose(red.max(axis=0), (240, 340), atol=4)
    nothing = verify(extract(np.zeros_like(cat)), extract(cat))
    drawn = draw(np.zeros_like(cat), cat, nothing, height=300)
    np.testing.assert_array_equal(drawn[:, 451 + 8 :], cat)
