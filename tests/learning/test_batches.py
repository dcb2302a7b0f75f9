from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.learning.batches import Feed
from regard.learning.look import look, split_by_hash
from regard.representation.preprocess import Preprocess


def noise(n: int = 20, side: int = 12, channels: int = 3, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (side, side, 3) if channels == 3 else (side, side)
    return [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(n)]


def as_set(items: list, labels: list[str] | None = None) -> ImageSet:
    ids = np.array([f"{i:03d}" for i in range(len(items))])
    return ImageSet(items, ids, None if labels is None else np.array(labels), name="some")


def files(folder: Path, n: int = 20) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for i, pixels in enumerate(noise(n)):
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
        paths.append(folder / f"{i:02d}.png")
    return paths


def test_what_cannot_be_read_is_set_aside_with_its_cause(tmp_path: Path) -> None:
    paths = files(tmp_path)
    paths[3].write_bytes(b"")
    paths[7].write_bytes(paths[7].read_bytes()[:100])
    Image.fromarray(noise(1, 5)[0]).save(paths[9])
    found = look(as_set(paths))
    assert len(found.images) == len(found.hashes) == 17 and found.side == 12 and not found.grey
    causes = {Path(row["path"]).name: row["cause"] for row in found.images.set_aside}
    assert set(causes) == {"003", "007", "009"}
    assert causes["003"] == "empty file" and "5x5 pixels" in causes["009"]


def test_small_grey_pictures_are_symbols() -> None:
    assert look(as_set(noise(channels=1))).symbols
    assert not look(as_set(noise())).symbols and not look(as_set(noise(side=80, channels=1))).symbols


@pytest.mark.parametrize(
    ("items", "words"),
    [
        (noise(3), "at least 16 different images to learn from, got 3"),
        (noise(1) * 40, r"got 1 \(of 40 in some, 0 of them unusable"),
        (noise(30, 5), "30 of them unusable: 000: 5x5 pixels, at least 8x8 are needed"),
        ([np.full((9, 9, 3), i, np.uint8) for i in range(30)], "each picture of some is of one colour"),
    ],
)
def test_too_little_to_learn_from_is_refused(items: list, words: str) -> None:
    with pytest.raises(InputError, match=words):
        look(as_set(items))


def test_the_content_hash_knows_pixels_and_not_order_or_names() -> None:
    items = noise()
    assert look(as_set(items)).content == look(as_set(items[::-1])).content
    assert look(as_set(items)).content != look(as_set(items[:-1] + noise(1, seed=9))).content


def test_the_split_follows_content_and_keeps_copies_together() -> None:
    hashes = look(as_set(noise(100))).hashes
    train, out = split_by_hash(hashes, 0.2)
    assert len(out) == 20 and sorted([*train, *out]) == list(range(100))
    order = np.random.default_rng(0).permutation(100)
    assert set(hashes[order][split_by_hash(hashes[order], 0.2)[1]]) == set(hashes[out])
    doubled = np.concatenate([hashes, hashes])
    train, out = split_by_hash(doubled, 0.2)
    assert not set(doubled[train]) & set(doubled[out])
    assert len(split_by_hash(hashes[:16], 0.1)[1]) == 8, "too few to score on would say nothing"


def test_streaming_gives_the_batches_of_memory(tmp_path: Path) -> None:
    images = as_set(files(tmp_path), ["b", "a"] * 10)
    held = Feed(images, Preprocess(16, 16), classes=("a", "b"))
    streamed = Feed(images, Preprocess(16, 16), classes=("a", "b"), memory=0)
    assert held.held is not None and streamed.held is None
    for rows in (np.array([3, 1, 19]), np.arange(20)):
        one, two = held(rows), streamed(rows)
        assert torch.equal(one.images, two.images) and torch.equal(one.labels, two.labels)
        assert one.images.dtype == torch.uint8 and one.labels.tolist() == [1 - row % 2 for row in rows]
    assert torch.equal(torch.cat([b.images for b in held.in_order(6)]), held(np.arange(20)).images)
    assert all(b.held_out for b in held.in_order(6))


@pytest.mark.parametrize("memory", [0, 1 << 30])
def test_a_picture_that_fails_is_replaced_by_the_next_with_its_own_label(tmp_path: Path, memory: int) -> None:
    paths = files(tmp_path)
    feed_before = Feed(as_set(paths, list("ab") * 10), Preprocess(16, 16), classes="ab", memory=memory)
    next_one = feed_before(np.array([5]))
    paths[4].write_bytes(b"not an image")
    feed = Feed(as_set(paths, list("ab") * 10), Preprocess(16, 16), classes="ab", memory=memory)
    batch = feed(np.array([4]))
    assert torch.equal(batch.images, next_one.images) and batch.labels.tolist() == [1] and batch.rows.tolist() == [5]
    assert list(feed.failed) == ["004"]
