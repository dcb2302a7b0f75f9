"""A picture in a square and back: places, masks, and pixels beside plain computations."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from regard.core.checks import InputError
from regard.reuse.dense.frame import Framed, colour_bytes

SIDES = st.integers(1, 300)
GREY = (10, 20, 30)


@settings(max_examples=60, deadline=None)
@given(SIDES, SIDES, st.integers(8, 128), st.integers(0, 1000))
def test_boxes_go_there_and_back(height: int, width: int, size: int, seed: int):
    framed = Framed(height, width, size)
    draws = torch.rand(7, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).sort(1)[0]
    boxes = (draws * torch.tensor([width, height])).flatten(1).float()
    inside = framed.boxes_in(boxes)
    assert inside.dtype == torch.float32 and inside.max() <= size * (1 + 1e-6)
    assert torch.allclose(framed.boxes_out(inside), boxes, rtol=1e-6, atol=1e-6 * max(height, width))
    rows, columns = framed.shape
    assert max(rows, columns) == size and -1e-5 < rows - height * framed.scale < 1


@settings(max_examples=40, deadline=None)
@given(SIDES, SIDES, st.integers(8, 64), st.integers(0, 1000))
def test_maps_take_the_pixel_in_which_a_middle_lies(height: int, width: int, size: int, seed: int):
    framed = Framed(height, width, size)
    values = torch.from_numpy(np.random.default_rng(seed).integers(0, 200, (height, width), dtype=np.uint8))
    inside = framed.map_in(values, 255)
    for i, j in ((0, 0), (size // 2, size // 3), (size - 1, 0), (size // 4, size - 1)):
        y, x = (int(Fraction(2 * one + 1, 2) * max(height, width) / size) for one in (i, j))
        expected = int(values[y, x]) if y < height and x < width else 255
        assert int(inside[i, j]) == expected
    own = framed.map_out(inside)
    assert own.shape == (height, width)
    if framed.scale >= 1:  # every pixel has a middle of the square in it, and none is lost
        assert torch.equal(own, values)


def test_a_whole_multiple_gives_each_pixel_and_the_rest_is_filled_up():
    pixels = torch.randint(0, 256, (3, 20, 30), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    same = Framed(20, 30, 30).picture(pixels, GREY)
    assert torch.equal(same[:, :20], pixels)
    assert (same[:, 20:] == torch.tensor(GREY)[:, None, None]).all()
    small = Framed(20, 30, 15).picture(pixels, GREY)
    assert small.dtype == torch.uint8 and (small[:, 10:] == torch.tensor(GREY)[:, None, None]).all()
    # of a picture of one colour nothing of what fills up is mixed in, also where it ends on a part of a pixel
    for height, width, size in ((33, 100, 48), (100, 37, 64), (7, 9, 64), (1, 200, 32), (200, 1, 32)):
        framed = Framed(height, width, size)
        plain = framed.picture(torch.full((3, height, width), 200, dtype=torch.uint8), GREY)
        rows, columns = framed.shape
        assert (plain[:, :rows, :columns] == 200).all()
        assert int((plain == 200).sum()) == 3 * rows * columns


def test_pixels_lie_where_boxes_say():
    # an edge at x = 40 and y = 30 of a picture is at 40 s and 30 s: the mean of a linear ramp of light tells where
    pixels = torch.zeros(3, 90, 133, dtype=torch.uint8)
    pixels[:, 30:, 40:] = 255
    framed = Framed(90, 133, 64)
    made = framed.picture(pixels, (255, 255, 255)).double() / 255
    rows, columns = framed.shape
    left, top = 64 - made[0, rows - 2].sum(), 64 - made[0, :, columns - 2].sum()
    corner = framed.boxes_in(torch.tensor([40.0, 30, 133, 90]))
    assert abs(left - corner[0]) < 0.02 and abs(top - corner[1]) < 0.02


def test_a_picture_decoded_at_a_part_of_its_size_lies_the_same():
    ramp = torch.linspace(0, 255, 803)[None, :].expand(601, 803)
    pixels = torch.stack([ramp, ramp, ramp]).round().to(torch.uint8)
    framed = Framed(601, 803, 50)
    whole = framed.picture(pixels, GREY)
    wide = torch.nn.functional.pad(pixels.float(), (0, 5, 0, 7), mode="replicate")
    half = torch.nn.functional.avg_pool2d(wide, 8).round().to(torch.uint8)
    assert half.shape[1:] == (76, 101)
    assert (framed.picture(half, GREY).int() - whole.int()).abs().max() <= 2
    with pytest.raises(InputError, match="^pixels: "):
        framed.picture(pixels[:, :300], GREY)


def test_other_shapes_and_colours_are_refused():
    framed = Framed(20, 30, 16)
    for wrong in (framed.map_in, framed.map_out):
        with pytest.raises(InputError, match="^values: "):
            wrong(torch.zeros(20, 20), 0) if wrong == framed.map_in else wrong(torch.zeros(20, 20))
    with pytest.raises(InputError, match="^height: "):
        Framed(0, 3, 8)
    with pytest.raises(InputError, match="^colour: "):
        colour_bytes([124, 116, 104])
    assert colour_bytes([0.0, 0.5, 1.0]) == (0, 128, 255)


def test_boxes_that_pass_the_edge_are_cut_on_the_way_back():
    framed = Framed(10, 20, 40)
    found = framed.boxes_out(torch.tensor([[-3.0, 2, 50, 60]]))
    assert found.tolist() == [[0, 1, 20, 10]]
