"""The neck against torchvision's, and at sizes that no stride divides; maps of regions against torchvision's."""

from math import ceil

import pytest
import torch
from torchvision.ops import FeaturePyramidNetwork, roi_align

from helpers.shapes import built
from regard.backbones.contract import FeatureInfo
from regard.core.checks import InputError
from regard.reuse.dense.neck import Neck
from regard.reuse.dense.regions import level_of, pooled, sampled

INFO = [FeatureInfo(channels, stride, "") for channels, stride in ((6, 4), (10, 8), (10, 16), (12, 32))]


def levels(height, width, count=2, seed=0):
    draw = torch.Generator().manual_seed(seed)
    sizes = [(ceil(height / one.reduction), ceil(width / one.reduction)) for one in INFO]
    return [torch.randn(count, one.channels, *size, generator=draw) for one, size in zip(INFO, sizes)]


def test_where_strides_divide_the_picture_it_is_torchvisions():
    ours = built(Neck, INFO, 16)
    theirs = FeaturePyramidNetwork([6, 10, 10, 12], 16)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values())))
    given = levels(64, 96)
    expected = theirs({str(place): one for place, one in enumerate(given)})
    for found, right in zip(ours(given), expected.values()):
        torch.testing.assert_close(found, right)


@pytest.mark.parametrize(("height", "width"), [(33, 100), (4, 31), (70, 70)])
def test_every_level_keeps_its_cells_and_a_coarser_one_has_every_second(height, width):
    neck = built(Neck, INFO, 12, coarser=True)
    assert neck.strides == (4, 8, 16, 32, 64)
    found = neck(levels(height, width))
    for one, stride in zip(found, neck.strides):
        assert one.shape == (2, 12, ceil(height / stride), ceil(width / stride))
    assert torch.equal(found[4], found[3][:, :, ::2, ::2])


def test_what_the_coarsest_level_shows_reaches_the_cells_above_it():
    neck = built(Neck, INFO, 8)
    given = levels(96, 96, count=1)
    plain = neck(given)
    given[3] = given[3].clone()
    given[3][:, :, 2, 1] += 1  # pixels 64 to 96 down, 32 to 64 across
    change = (neck(given)[0] - plain[0]).abs().amax((0, 1))
    near = torch.zeros(24, 24, dtype=torch.bool)
    near[15:, 7:17] = True  # and the cells beside them, by 3 x 3
    assert (change[near] > 0).all() and (change[~near] == 0).all()


@pytest.mark.parametrize("strides", [(), (4, 16), (8, 4)])
def test_levels_that_do_not_double_are_refused(strides):
    with pytest.raises(InputError, match="info: expected each stride twice the one before"):
        Neck([FeatureInfo(4, stride, "") for stride in strides])


def regions(count, size, seed=0):
    draw = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=draw) * size * 0.7
    boxes = torch.cat([low, low + 1 + torch.rand(count, 2, generator=draw) * size * 0.5], 1)
    return boxes.clamp(max=size)


@pytest.mark.parametrize(("cells", "size"), [(16, 7), (9, 14), (2, 7)])
def test_products_of_matrices_sample_as_torchvision_does(cells, size):
    values = torch.randn(5, cells, cells + 1, dtype=torch.float64, requires_grad=True)
    boxes = regions(20, cells).double()
    rows = torch.cat([torch.zeros(20, 1), boxes], 1).double()
    expected = roi_align(values[None], rows, size, 1.0, 2, True)
    found = sampled(values, boxes, size)
    torch.testing.assert_close(found, expected)
    weight = torch.randn_like(found)
    (ours,) = torch.autograd.grad((found * weight).sum(), values)
    (theirs,) = torch.autograd.grad((expected * weight).sum(), values)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("cells", [64, 80])  # below and above the size from which single samples are quicker
def test_regions_come_from_the_level_of_their_size_in_the_order_they_were_given(cells):
    maps = [torch.randn(2, 3, cells // 2**place, cells // 2**place) for place in range(3)]
    boxes = [regions(9, 4 * cells, 1), torch.cat([regions(12, 4 * cells, 2), torch.tensor([[5.0, 9, 180, 201]])])]
    found = pooled(maps, (4, 8, 16), boxes, 7)
    place = 0
    chosen = level_of(torch.cat(boxes), (4, 8, 16)).tolist()
    assert set(chosen) == {0, 1, 2}
    for picture, some in enumerate(boxes):
        for box in some:
            level = chosen[place]
            right = roi_align(maps[level][picture : picture + 1], [box[None]], 7, 1 / (4 * 2**level), 2, True)
            torch.testing.assert_close(found[place], right[0], rtol=1e-4, atol=1e-4)
            place += 1
    none = [torch.zeros(0, 4)] * 2
    assert pooled(maps, (4, 8, 16), none, 7).shape == (0, 3, 7, 7)
