"""Pictures, boxes, masks and maps move together: rectangles are drawn, moved, and drawn again at the moved place."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.core.checks import InputError
from regard.data.scenes import KINDS, scenes
from regard.learning.batch import Batch
from regard.reuse.dense.augment import Changes, augmented, extents, flipped, zoomed
from regard.reuse.dense.feed import DenseFeed

S = 32
BLACK = (0.0, 0.0, 0.0)
MOVES = Changes(jitter=0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(corners: list[list[float]]) -> Batch:
    """A rectangle in each picture: red where its columns are, green where its rows are, and both within."""
    boxes = torch.tensor(corners)[:, None]
    at = torch.arange(S) + 0.5
    across, down = ((at > boxes[:, 0, axis, None]) & (at < boxes[:, 0, 2 + axis, None]) for axis in (0, 1))
    red, green = across[:, None].expand(-1, S, -1), down[:, :, None].expand(-1, -1, S)
    masks = (red & green)[:, None]
    n = len(corners)
    nothing = torch.zeros(n, 1)
    return Batch(
        torch.stack([red, green, torch.zeros_like(red)], 1).float(), torch.arange(n),
        boxes=torch.cat([boxes, torch.zeros(n, 1, 4)], 1), classes=torch.tensor([[3, -1]]).repeat(n, 1),
        ignore=torch.zeros(n, 2, dtype=torch.bool), masks=torch.cat([masks, torch.zeros_like(masks)], 1),
        semantic=masks[:, 0].long() + nothing.long()[..., None],
    )  # fmt: skip


RECTANGLE = st.tuples(*[st.integers(1, S - 2), st.integers(1, S - 2), st.integers(1, 20), st.integers(1, 20)])


@settings(max_examples=60, deadline=None)
@given(st.lists(RECTANGLE, min_size=1, max_size=3), st.floats(0.4, 2.5), st.integers(0, 10**6), st.booleans())
def test_a_moved_rectangle_is_one_drawn_at_the_moved_place(rectangles, zoom: float, seed: int, mirror: bool):
    corners = [[float(x), float(y), float(min(x + w, S - 1)), float(min(y + h, S - 1))] for x, y, w, h in rectangles]
    n = len(corners)
    batch = flipped(drawn(corners), torch.full((n,), mirror))
    if mirror:
        corners = [[S - right, top, S - left, bottom] for left, top, right, bottom in corners]
    rng = np.random.default_rng(seed)
    inside, around = max(0, int(S - S / zoom)), max(0, S - int(np.ceil(S * zoom)))
    cut, put = (torch.from_numpy(rng.integers(0, last + 1, (n, 2))) for last in (inside, around))
    moved = zoomed(batch, torch.full((n,), zoom, dtype=torch.float64), cut, put, BLACK, least=0.5)
    expected = zoom * (torch.tensor(corners).double() - cut.repeat(1, 2)) + put.repeat(1, 2)
    at = torch.arange(S, dtype=torch.float64) + 0.5
    for row in range(n):
        left, top, right, bottom = expected[row].tolist()
        rows, columns = (at > top) & (at < bottom), (at > left) & (at < right)
        sure = ((at - torch.tensor([[left], [right]])).abs() > 1e-3).all(0)[None, :]
        sure = sure & ((at - torch.tensor([[top], [bottom]])).abs() > 1e-3).all(0)[:, None]
        mask = rows[:, None] & columns[None, :]
        seen = (moved.images[row, :2] > 0.5).all(0)
        if zoom >= 1:
            shown = sure & ((moved.images[row, :2] - 0.5).abs() > 1e-3).all(0)
            assert torch.equal(seen[shown], mask[shown])
        elif min(right - left, bottom - top) > 3:  # averaged, so that edges are less sharp and thin ones fade
            away = ((at - torch.tensor([[left], [right]])).abs() > 0.35).all(0)[None, :]
            away = away & ((at - torch.tensor([[top], [bottom]])).abs() > 0.35).all(0)[:, None]
            assert torch.equal(seen[away], mask[away])
        clipped = np.clip([left, top, right, bottom], 0, S)
        area = (clipped[2] - clipped[0]) * (clipped[3] - clipped[1])
        if moved["classes"][row, 0] < 0:
            assert not (mask & sure).any() and not moved["masks"][row].any() and not moved["boxes"][row].any()
            assert not moved["ignore"][row].any()
            continue
        assert torch.equal(moved["masks"][row, 0][sure], mask[sure]) and area > 0
        assert np.allclose(moved["boxes"][row, 0], clipped, atol=1e-4)
        end = cut[row].double() + (S - put[row]) / zoom
        kept = [
            ((at > corners[row][axis]) & (at < corners[row][2 + axis]) & (at > cut[row, axis]) & (at < end[axis])).sum()
            for axis in (0, 1)
        ]
        x0, y0, x1, y1 = corners[row]
        assert bool(moved["ignore"][row, 0]) == bool(kept[0] * kept[1] < 0.5 * (x1 - x0) * (y1 - y0))
        there = moved["semantic"][row] != 255
        assert torch.equal(moved["semantic"][row][there & sure] == 1, mask[there & sure])
    assert (moved["classes"][:, 1] == -1).all() and not moved["masks"][:, 1].any() and not moved["boxes"][:, 1].any()


@pytest.fixture(scope="module")
def batch() -> Batch:
    feed = DenseFeed(scenes(8, 48, seed=6), 48, ("background", *KINDS), what=("boxes", "masks", "semantic"))
    found = feed(np.arange(8))
    return found.replace(images=found.images.float() / 255)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_box_stays_the_extent_of_its_mask_through_a_chain(batch: Batch, seed: int):
    moved, draws = batch, generator(seed)
    for _ in range(3):
        moved = augmented(moved, MOVES, draws, (0.5, 0.5, 0.5))
        boxes, classes, masks = moved["boxes"], moved["classes"], moved["masks"]
        assert ((boxes - extents(masks)).abs() <= 0.5 + 1e-4).all()
        assert ((classes >= 0) == masks.flatten(2).any(2)).all() and masks.sum(1).max() <= 1
        assert ((boxes[..., 2:] > boxes[..., :2]).all(2) == (classes >= 0)).all()
        of_object = (masks * (classes.clamp(min=0) + 0)[..., None, None]).sum(1)
        known = moved["semantic"] != 255
        assert torch.equal(of_object[known], moved["semantic"][known])
        assert not masks.any(1)[~known].any()
        assert 0 <= moved.images.min() and moved.images.max() <= 1


def test_a_mirror_image_keeps_boxes_exact_and_two_are_the_picture(batch: Batch):
    which = torch.tensor([True, False] * 4)
    once = flipped(batch, which)
    assert torch.equal(once["boxes"], extents(once["masks"]))
    assert torch.equal(once.images[0], batch.images[0].flip(-1)) and torch.equal(once.images[1], batch.images[1])
    again = flipped(once, which)
    assert all(torch.equal(again[name], batch[name]) for name in batch)


def test_the_same_generator_gives_the_same_and_nothing_else_changes(batch: Batch):
    before, state = batch.each(torch.clone), torch.get_rng_state()
    one, other, third = (augmented(batch, Changes(), generator(seed), BLACK) for seed in (3, 3, 4))
    assert all(torch.equal(one[name], other[name]) for name in batch)
    assert not torch.equal(one.images, third.images)
    assert all(torch.equal(before[name], batch[name]) for name in batch)
    assert torch.equal(state, torch.get_rng_state())
    held = Batch(batch.images, held_out=True, boxes=batch["boxes"], classes=batch["classes"], ignore=batch["ignore"])
    assert augmented(held, Changes(), generator(), BLACK) is held


def test_colours_change_alone_where_nothing_moves(batch: Batch):
    made = augmented(batch, Changes(flip=0, zoom=(1, 1), jitter=1), generator(), BLACK)
    assert all(torch.equal(made[name], batch[name]) for name in batch if name != "images")
    assert ((made.images - batch.images).abs().flatten(1).max(1)[0] > 0.02).all()
    same = augmented(batch, Changes(flip=0, zoom=(1, 1), jitter=0), generator(), BLACK)
    assert all(torch.equal(same[name], batch[name]) for name in batch)


def test_what_a_cut_leaves_decides_whether_an_object_counts():
    batch = drawn([[4, 4, 12, 12]] * 4)
    cut = torch.tensor([[0, 0], [5, 0], [9, 0], [12, 0]])
    made = zoomed(batch, torch.full((4,), 1.6), cut, torch.zeros(4, 2), BLACK, least=0.5)
    assert made["classes"][:, 0].tolist() == [3, 3, 3, -1]
    assert made["ignore"][:, 0].tolist() == [False, False, True, False]
    assert torch.allclose(made["boxes"][1, 0], torch.tensor([0, 6.4, 11.2, 19.2]))
    ignored = batch.replace(ignore=torch.ones(4, 2, dtype=torch.bool))
    again = zoomed(ignored, torch.full((4,), 1.6), cut, torch.zeros(4, 2), BLACK, least=0.5)
    assert again["ignore"].tolist() == [[True, False]] * 3 + [[False, False]]


def test_the_box_of_a_cut_object_fits_what_is_left_of_it():
    mask = torch.zeros(1, 1, S, S, dtype=torch.bool)
    mask[..., 4:28, 4:8] = mask[..., 24:28, 4:28] = True  # an L, of which the cut leaves the foot
    batch = Batch(
        mask[0].float().expand(1, 3, S, S), boxes=torch.tensor([[[4.0, 4, 28, 28]]]), classes=torch.tensor([[0]]),
        ignore=torch.tensor([[False]]), masks=mask,
    )  # fmt: skip
    made = zoomed(batch, torch.tensor([1.5]), torch.tensor([[10, 10]]), torch.zeros(1, 2), BLACK)
    assert extents(made["masks"]).tolist() == [[[0, 21, 27, 27]]]
    assert made["boxes"].tolist() == [[[0, 20.5, 27, 27]]]
    without = Batch(**{name: batch[name] for name in batch if name != "masks"})
    loose = zoomed(without, torch.tensor([1.5]), torch.tensor([[10, 10]]), torch.zeros(1, 2), BLACK)
    assert loose["boxes"].tolist() == [[[0, 0, 27, 27]]]


def test_boxes_alone_and_maps_alone_move_too(batch: Batch):
    both = augmented(batch, MOVES, generator(5), BLACK)
    for names in (("images", "semantic"), ("images", "boxes", "classes", "ignore")):
        alone = augmented(Batch(**{name: batch[name] for name in names}), MOVES, generator(5), BLACK)
        assert sorted(alone) == sorted(names) and torch.equal(alone.images, both.images)
        if "semantic" in names:
            assert torch.equal(alone["semantic"], both["semantic"])
        else:
            there = (both["classes"] >= 0) & ~both["ignore"]
            assert ((alone["boxes"] - both["boxes"]).abs()[there] < 6).all()


def test_a_scale_moves_light_without_loss():
    # what gets smaller is averaged: the light of a picture is that of before, by the square of the scale
    x = torch.rand(2, 3, S, S, generator=generator())
    made = zoomed(Batch(x), torch.tensor([0.5, 0.75]), torch.zeros(2, 2), torch.tensor([[3, 5], [0, 8]]), BLACK)
    assert torch.allclose(made.images.sum((1, 2, 3)) / x.sum((1, 2, 3)), torch.tensor([0.25, 0.5625]), rtol=0.02)
    assert not made.images[0, :, :5].any() and not made.images[0, :, :, 19:].any() and made.images[0, 0, 5, 3] > 0


def test_wrong_arguments_are_refused(batch: Batch):
    with pytest.raises(InputError, match=r"^images: .*uint8"):
        augmented(Batch((batch.images * 255).to(torch.uint8)), Changes(), generator(), BLACK)
    for wrong, name in (
        ({"flip": 2}, "flip"),
        ({"zoom": (2, 1)}, "zoom"),
        ({"hue": 1}, "hue"),
        ({"least": -1}, "least"),
    ):
        with pytest.raises(InputError, match=f"^{name}: "):
            Changes(**wrong)
