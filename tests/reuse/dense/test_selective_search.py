"""Selective search: its groups against a plain computation from the pixels, exact boxes, what it finds of scenes."""

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from regard.core.checks import InputError
from regard.data.scenes import scenes
from regard.reuse.dense.region_grouping import LIKENESS, Regions, grouped, regions_of
from regard.reuse.dense.selective_search import SPACES, Searched, SelectiveSearch

SIZE = 96


def picture(seed=0, size=24, segments=9):
    """Segments around random points, and bins of colour and texture that are drawn."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    points = rng.uniform(0, size, (segments, 2))
    labels = ((rows[..., None] - points[:, 0]) ** 2 + (columns[..., None] - points[:, 1]) ** 2).argmin(2)
    labels = np.unique(labels, return_inverse=True)[1].reshape(size, size)
    return labels, rng.integers(0, 4, (size, size, 3)), rng.integers(0, 5, (size, size, 2))


def histogram(bins, inside):
    many = bins.max() + 1
    found = np.stack([np.bincount(bins[..., one][inside], minlength=many) for one in range(bins.shape[2])])
    return found / found.sum()


def box(inside):
    rows, columns = np.nonzero(inside)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def touch(one, other):
    wide = np.pad(one, 1)
    near = wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
    return bool((near & other).any())


def plainly(labels, colour, texture, likeness):
    """The same from the pixels of every group, all pairs looked at each time."""
    masks = {one: labels == one for one in range(labels.max() + 1)}
    boxes, made = [box(mask) for mask in masks.values()], len(masks)

    def alike(one, other):
        said = {
            "colour": np.minimum(histogram(colour, one), histogram(colour, other)).sum(),
            "texture": np.minimum(histogram(texture, one), histogram(texture, other)).sum(),
            "size": 1 - (one.sum() + other.sum()) / labels.size,
        }
        around = box(one | other)
        said["fill"] = 1 - ((around[2:] - around[:2]).prod() - one.sum() - other.sum()) / labels.size
        return sum(said[name] for name in likeness)

    while len(masks) > 1:
        pairs = [(a, b) for a in masks for b in masks if a < b and touch(masks[a], masks[b])]
        a, b = max(pairs, key=lambda pair: alike(masks[pair[0]], masks[pair[1]]))
        masks[made] = masks.pop(a) | masks.pop(b)
        boxes.append(box(masks[made]))
        made += 1
    return np.stack(boxes)


@pytest.mark.parametrize("likeness", [LIKENESS, ("texture", "size", "fill"), ("size",), ("colour",), ("fill",)])
def test_groups_are_those_of_the_plain_computation(likeness):
    for seed in range(3):
        found = grouped(regions_of(*picture(seed)), likeness)
        np.testing.assert_array_equal(found, plainly(*picture(seed), likeness))


def test_every_group_is_around_two_earlier_ones_and_the_last_is_all():
    labels, colour, texture = picture(7, 40, 30)
    boxes = grouped(regions_of(labels, colour, texture), LIKENESS)
    count = labels.max() + 1
    assert len(boxes) == 2 * count - 1 and boxes[-1].tolist() == [0, 0, 40, 40]
    for place, one in enumerate(boxes[count:], count):
        earlier = boxes[:place]
        inside = (earlier[:, :2] >= one[:2]).all(1) & (earlier[:, 2:] <= one[2:]).all(1)
        assert inside.sum() >= 2
        assert (earlier[inside, :2].min(0) == one[:2]).all() and (earlier[inside, 2:].max(0) == one[2:]).all()


def test_equal_likeness_goes_by_numbers_and_segments_apart_stay_alone():
    same = np.full((4, 2), 0.5)
    boxes = np.array([[0, 0, 1, 1], [1, 0, 2, 1], [2, 0, 3, 1], [9, 0, 10, 1]])
    pairs = np.array([[0, 1], [1, 2]])
    found = grouped(Regions(np.ones(4), boxes, same, same, pairs, 10), ("colour",))
    assert found.tolist() == [*boxes.tolist(), [0, 0, 2, 1], [0, 0, 3, 1]]


def plain(height=64, width=96, box=(20, 12, 52, 44)):
    """One rectangle on a ground."""
    pixels = torch.full((3, height, width), 90, dtype=torch.uint8)
    left, top, right, bottom = box
    pixels[:, top:bottom, left:right] = torch.tensor([200, 40, 60], dtype=torch.uint8)[:, None, None]
    return pixels


@pytest.mark.parametrize("space", sorted(SPACES))
def test_a_plain_rectangle_is_proposed_exactly(space):
    found = SelectiveSearch(spaces=(space,), overlap=1.0)(plain())
    assert [20, 12, 52, 44] in found.tolist() and [0, 0, 96, 64] in found.tolist()


def test_boxes_are_in_the_pixels_of_the_picture():
    found = SelectiveSearch()(plain(400, 600, (120, 80, 380, 300)))
    right = torch.tensor([[120.0, 80, 380, 300]])
    assert box_iou(right, found).max() > 0.85  # blurred edges are segments of their own
    assert found.min() >= 0 and (found[:, 2] <= 600).all() and (found[:, 3] <= 400).all()


def test_a_picture_has_the_same_boxes_each_time_and_none_twice():
    pixels = torch.from_numpy(scenes(1, size=SIZE).items[0]).permute(2, 0, 1)
    np.random.seed(3)
    before = np.random.get_state()[1].tolist()
    first, again = SelectiveSearch()(pixels), SelectiveSearch()(pixels.clone())
    assert torch.equal(first, again) and np.random.get_state()[1].tolist() == before
    assert len(torch.unique(first, dim=0)) == len(first) > 50
    assert box_iou(first, first).fill_diagonal_(0).max() <= 0.8 + 1e-6
    assert torch.equal(SelectiveSearch(most=20)(pixels), first[:20])
    assert not torch.equal(SelectiveSearch(seed=1)(pixels)[:50], first[:50])


def test_it_finds_the_objects_of_scenes_where_as_many_drawn_boxes_do_not():
    """Of the objects of 12 scenes; drawn boxes have their sides drawn between those of the objects."""
    images, search, draw = scenes(12, size=SIZE, seed=1), SelectiveSearch(most=200), np.random.default_rng(0)
    found, drawn, truth = [], [], []
    for row in range(len(images)):
        boxes = images.annotations[row].boxes
        right = torch.from_numpy(boxes.xyxy[~boxes.difficult])
        proposed = search(torch.from_numpy(images.items[row]).permute(2, 0, 1))
        sides = np.exp(draw.uniform(np.log(8), np.log(60), (len(proposed), 2)))
        corner = draw.uniform(0, 1, (len(proposed), 2)) * (SIZE - sides)
        other = torch.from_numpy(np.concatenate([corner, corner + sides], 1)).float()
        found.append(box_iou(right, proposed).max(1).values)
        drawn.append(box_iou(right, other).max(1).values)
        truth.append(len(right))
    found, drawn = torch.cat(found), torch.cat(drawn)
    assert sum(truth) > 30
    assert (found >= 0.5).float().mean() > 0.85 > (drawn >= 0.5).float().mean() + 0.05
    assert (found >= 0.7).float().mean() > (drawn >= 0.7).float().mean() + 0.3


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (10, 300), (300, 2), (64, 64)])
def test_tiny_thin_plain_and_grey_pictures_have_boxes_inside_them(shape):
    height, width = shape
    for pixels in (
        torch.zeros(3, height, width, dtype=torch.uint8),
        torch.randint(0, 256, (1, height, width), generator=torch.Generator().manual_seed(0), dtype=torch.uint8).expand(
            3, -1, -1
        ),
    ):
        found = SelectiveSearch(thinnest=1)(pixels)
        assert found.dtype == torch.float32 and found.shape[1] == 4 and [0, 0, width, height] in found.tolist()
        assert found.min() >= 0 and (found[:, 2] <= width).all() and (found[:, 3] <= height).all()
        assert (found[:, 2:] > found[:, :2]).all()
    assert SelectiveSearch()(torch.zeros(3, 2, 2, dtype=torch.uint8)).shape == (0, 4)


def test_what_was_grouped_once_is_read_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REGARD_CACHE", str(tmp_path))
    search, times = SelectiveSearch(spaces=("grey",), scales=(100.0,)), []
    first = Searched(search)
    found = first(plain())

    def counted(self, pixels):
        times.append(1)
        return found[:1]

    monkeypatch.setattr(SelectiveSearch, "__call__", counted)
    second = Searched(search)
    assert torch.equal(second(plain()), found) and not times
    assert torch.equal(second(plain(box=(1, 1, 40, 40))), found[:1]) and times == [1]
    assert torch.equal(Searched(SelectiveSearch(), cache=False)(plain()), found[:1]) and times == [1, 1]
    other = Searched(SelectiveSearch(spaces=("grey",), scales=(50.0,)))
    assert torch.equal(other(plain()), found[:1])  # of other settings nothing is kept


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"spaces": ("hvs",)}, "Did you mean 'hsv'"),
        ({"spaces": ()}, "spaces: expected at least one"),
        ({"likeness": ("colour+shape",)}, "likeness"),
        ({"scales": (0,)}, "scales"),
        ({"most": 0}, "most"),
        ({"overlap": 0}, "overlap"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        SelectiveSearch(**settings)


def test_pixels_of_another_kind_are_refused():
    with pytest.raises(InputError, match="pixels: expected uint8"):
        SelectiveSearch()(torch.zeros(3, 8, 8))
