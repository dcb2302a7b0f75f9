"""Overlapping windows: every object once, also where edges cut it, and what one look gives where one look is enough."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.seeing import Seeing, painted
from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.data.scenes import scenes
from regard.learning.settings import TrainSettings
from regard.reuse.dense.found_masks import masks_of
from regard.reuse.dense.joining import Seen, joined
from regard.reuse.dense.scoring import score
from regard.reuse.dense.tiles import Tiled, find_tiled, predict
from regard.reuse.dense.train import train
from regard.reuse.dense.windows import whole, windows_of

SHAPES = {
    "within one window": [(5, 5, 20, 22)],
    "over a border": [(50, 10, 80, 30)],
    "over a corner": [(45, 45, 75, 70)],
    "in the overlap": [(52, 20, 62, 34)],
    "a strip beyond an edge": [(20, 20, 55, 40), (100, 100, 121, 130)],
    "as wide as the picture": [(0, 60, 200, 75)],
    "larger than a window": [(20, 10, 180, 140)],
    "the whole picture": [(0, 0, 200, 150)],
    "side by side": [(40, 40, 58, 60), (58, 40, 76, 60), (76, 40, 94, 60)],
    "small before large": [(20, 20, 160, 130), (60, 50, 75, 66)],
}


def matched(found, boxes, classes, within: float) -> None:
    """Each box is found once, and nothing else."""
    assert len(found.boxes) == len(boxes), (found.boxes, boxes)
    for box, place in zip(boxes, classes):
        apart = (found.boxes - torch.tensor(box)).abs().amax(1) + 1e3 * (found.classes != place)
        assert (apart <= within).sum() == 1, (box, found.boxes)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("overlap", [0.15, 0.4])
def test_every_object_is_found_once(name, overlap) -> None:
    boxes, classes = SHAPES[name], [0] * len(SHAPES[name])
    pixels = painted((150, 200), boxes, classes)
    matched(find_tiled(Seeing(), pixels, None, overlap), boxes, classes, 4)


# given seeds: with boxes as unsure as these, one object in some thousands lies further off (13 pixels in seed 4812)
@pytest.mark.parametrize("seed", range(15))
def test_scattered_objects_are_found_once_whatever_their_size(seed) -> None:
    rng = np.random.default_rng(seed)
    boxes: list[tuple[int, int, int, int]] = []
    for _ in range(60):
        width, height = (int(rng.integers(6, 90)) for _ in "xy")
        left, top = int(rng.integers(0, 230 - width)), int(rng.integers(0, 170 - height))
        one = (left, top, left + width, top + height)
        if all(one[2] + 3 < b[0] or b[2] + 3 < one[0] or one[3] + 3 < b[1] or b[3] + 3 < one[1] for b in boxes):
            boxes.append(one)
    classes = rng.integers(0, 2, len(boxes)).tolist()
    found = find_tiled(Seeing(jitter=0.4), painted((170, 230), boxes, classes), 64, 0.25, batch=3)
    matched(found, boxes, classes, 9)  # 2.5 pixels of the view of the whole
    assert (found.scores[1:] <= found.scores[:-1]).all()


@pytest.mark.parametrize("name", [one for one in SHAPES if one != "small before large"])
def test_masks_are_pasted_into_the_whole_picture(name) -> None:
    boxes = SHAPES[name]
    found = find_tiled(Seeing(what="masks"), painted((150, 200), boxes, [0] * len(boxes)))
    masks = masks_of(found)
    assert masks is not None and masks.size == (150, 200) and found.masks is None and len(masks) == len(boxes)
    for row, box in enumerate(found.boxes):
        left, top, right, bottom = box.round().long().tolist()
        wanted = np.zeros((150, 200), bool)
        wanted[top:bottom, left:right] = True
        assert (masks.array(row) & wanted).sum() >= 0.93 * (masks.array(row) | wanted).sum()


def test_classes_of_pixels_come_from_the_middles_of_windows() -> None:
    rng = np.random.default_rng(0)
    blocks = torch.from_numpy(np.kron(rng.integers(0, 3, (15, 20)), np.ones((10, 10)))).long()
    pixels = torch.zeros(3, 150, 200, dtype=torch.uint8)
    for place in (1, 2):
        pixels[place - 1][blocks == place] = 200
    found = find_tiled(Seeing(what="semantic"), pixels)
    assert torch.equal(found.semantic, blocks) and len(found.boxes) == 0
    assert torch.equal(find_tiled(Seeing(what="semantic"), pixels[:, :64, :64]).semantic, blocks[:64, :64])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 120), st.floats(0, 0.9))
def test_windows_cover_the_picture_and_their_cores_cover_it_once(height, width, tile, overlap) -> None:
    windows = windows_of((height, width), tile, overlap)
    times = np.zeros((height, width), int)
    for one in windows:
        assert (one.height, one.width) == (min(tile, height), min(tile, width))
        assert 0 <= one.left and one.right <= width and 0 <= one.top and one.bottom <= height
        left, top, right, bottom = one.core
        assert one.left <= left and right <= one.right and one.top <= top and bottom <= one.bottom
        times[top:bottom, left:right] += 1
    assert (times == 1).all()
    lefts = sorted({one.left for one in windows})
    assert all(b - a <= max(1, tile * (1 - overlap) + 1) for a, b in zip(lefts, lefts[1:]))


@pytest.mark.parametrize(("what", "head"), [("masks", None), ("boxes", "fcos"), ("semantic", "linear")])
def test_a_picture_that_is_no_larger_than_a_window_is_seen_as_without(tmp_path, what, head) -> None:
    every = scenes(14, size=64, seed=3)
    small = TrainSettings(steps=6, batch=4, lr=2e-3, precision="fp32", device="cpu", eval_every=6)
    parts = every.subset(np.arange(8)), every.subset(np.arange(8, 14))
    model = train(
        *parts, out=tmp_path / "run", representation="random:convnet4", what=what, head=head, size=64, settings=small
    )
    rng = np.random.default_rng(0)
    items = [every.items[0], rng.integers(0, 255, (50, 64, 3), dtype=np.uint8), np.full((9, 31, 3), 99, np.uint8)]
    images = ImageSet(items, np.array(["a", "b", "c"]))
    for tiles in (None, 64):
        for mine, its in zip(predict(model, images, tiles=tiles), model.predict(images), strict=True):
            assert (mine.row, mine.size) == (its.row, its.size)
            for name in ("boxes", "scores", "classes"):
                assert torch.equal(getattr(mine, name), getattr(its, name))
            if its.semantic is not None:
                assert torch.equal(mine.semantic, its.semantic)
            assert (masks_of(mine) is None) == (its.masks is None)
            if its.masks is not None:
                assert (masks_of(mine).arrays() == its.masks.numpy()).all()
    if what == "masks":
        plain = score(model, parts[1])
        assert score(Tiled(model), parts[1]) == plain and plain.metrics["mask_ap"] is not None


def test_pictures_stream_in_order_and_those_that_cannot_be_read_are_named(tmp_path) -> None:
    (tmp_path / "no.png").write_bytes(b"no picture")
    boxes = [(10, 10, 40, 40), (100, 20, 150, 60)]
    large, little = painted((120, 180), boxes, [0, 1]), painted((40, 50), [(5, 5, 30, 30)], [1])
    items = [
        one if isinstance(one, torch.Tensor) else one for one in (large, little, tmp_path / "no.png", large, little)
    ]
    items = [one.permute(1, 2, 0).numpy() if isinstance(one, torch.Tensor) else one for one in items]
    images, model, failed = ImageSet(items, np.array(list("abcde"))), Seeing(), {}
    found = list(predict(model, images, tiles=64, overlap=0.2, batch=5, failed=failed))
    assert [one.row for one in found] == [0, 1, 3, 4] and list(failed) == ["c"]
    matched(found[2], boxes, [0, 1], 3)
    matched(found[3], [(5, 5, 30, 30)], [1], 1)
    assert max(model.calls) == 5 and sum(model.calls) == 2 * len(windows_of((120, 180), 64)) + 2 + 2
    assert next(predict(model, images)).size == (120, 180)


def test_what_cannot_be_is_told() -> None:
    images = ImageSet([np.zeros((9, 9, 3), np.uint8)], np.array(["a"]))
    for options, words in (({"tiles": 0}, "tiles"), ({"overlap": 0.95}, "overlap"), ({"batch": 0}, "batch")):
        with pytest.raises(InputError, match=words):
            predict(Seeing(), images, **options)
    with pytest.raises(InputError, match="pixels"):
        find_tiled(Seeing(), torch.zeros(3, 5, 5))


@pytest.mark.parametrize("jitter", [0, 0.6])
def test_pieces_alone_make_an_object_where_the_whole_picture_shows_it_too_small(jitter) -> None:
    boxes = [(0, 20, 200, 35), (5, 60, 190, 84), (30, 100, 45, 150), (150, 95, 174, 119)]
    model = Seeing(blind=9, jitter=jitter, what="masks")
    pixels = painted((150, 200), boxes, [0, 1, 0, 1])
    assert len(next(predict(model, ImageSet([pixels.permute(1, 2, 0).numpy()], np.array(["a"])))).boxes) == 0
    found = find_tiled(model, pixels)
    matched(found, boxes, [0, 1, 0, 1], 1)
    areas = sorted(masks_of(found).areas.tolist())
    assert areas == sorted((right - left) * (bottom - top) for left, top, right, bottom in boxes)


def test_pieces_of_an_object_that_is_seen_whole_are_not_objects() -> None:
    size, windows = (100, 200), windows_of((100, 200), 100)
    large = Seen(whole(size), np.array([[10.0, 10, 190, 90]]), np.array([0.6]), np.array([0]))

    def count(box: list[float], score: float = 0.7, label: int = 0) -> int:
        piece = Seen(windows[0], np.array([box]), np.array([score]), np.array([label]))
        return len(joined([piece, large], size))

    assert count([30, 15, 99.5, 45]) == 1  # half as high as the whole: another guess at it, cut at the right
    assert count([30, 15, 80, 45]) == 2 and count([30, 15, 99.5, 45], label=1) == 2
    assert count([30, 15, 99.5, 45], score=1) == 1 and count([30, 0, 99.5, 20]) == 2
    faint = Seen(whole(size), large.boxes, np.array([0.2]), large.classes)
    assert (
        len(joined([Seen(windows[0], np.array([[30.0, 15, 99.5, 45]]), np.array([0.7]), np.array([0])), faint], size))
        == 2
    )


def test_boxes_of_one_window_never_become_one() -> None:
    size = (100, 180)
    left, right = windows_of(size, 100)
    two = Seen(left, np.array([[70.0, 10, 96, 40], [74, 12, 97, 44]]), np.array([0.9, 0.8]), np.array([0, 0]))
    other = Seen(right, np.array([[73.0, 12, 97, 43]]), np.array([0.7]), np.array([0]))
    found = sorted(joined([two, other], size), key=lambda one: -one.score)
    assert [one.score for one in found] == [0.9, 0.8] and joined([other, two], size)[0].score in (0.9, 0.8)
