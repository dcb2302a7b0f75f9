"""Occlusion, nine patches, units to show, filters and neighbours: against plain computations."""

import numpy as np
import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.core.runtime import numpy_rng
from regard.data.imageset import ImageSet
from regard.representation.representation import Representation
from regard.representation.seeing.filters import as_pictures, first_filters, strongest
from regard.representation.seeing.maps import LayerMap
from regard.representation.seeing.nearest import Near
from regard.representation.seeing.occlusion import occlusion
from regard.representation.seeing.patches import Nine, varied_units
from regard.representation.seeing.receptive import receptive_fields, whole_fields
from regard.representation.seeing.survey import prepared, survey


def test_occlusion_peaks_on_the_object():
    """The score is how much red there is: only the red square holds any."""
    pixels = np.zeros((3, 40, 56), np.uint8)
    pixels[0, 8:16, 30:40] = 255
    calls = []

    def red(batch):
        calls.append(len(batch))
        return batch[:, 0].astype(float).sum((1, 2))

    found = occlusion(red, pixels, side=9, stride=3, batch=7, fill=0)
    assert found.shape == (40, 56) and max(calls) <= 7
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 8 <= row < 16 and 30 <= column < 40
    assert found[28:].max() == 0 and found[:, :20].max() == 0


def test_occlusion_by_hand():
    pixels = numpy_rng(0, "pixels").integers(0, 255, (3, 7, 5), dtype=np.uint8)
    weights = numpy_rng(0, "weights").normal(size=pixels.shape)

    def score(batch):
        return (batch * weights).sum((1, 2, 3))

    found = occlusion(score, pixels, side=3, stride=2)
    total, count = np.zeros((7, 5)), np.zeros((7, 5))
    for top in (0, 2, 4):
        for left in (0, 2):
            covered = pixels.copy()
            covered[:, top : top + 3, left : left + 3] = 128
            total[top : top + 3, left : left + 3] += score(pixels[None])[0] - score(covered[None])[0]
            count[top : top + 3, left : left + 3] += 1
    np.testing.assert_allclose(found, total / count)


@pytest.mark.parametrize("side, stride", [(8, 2), (3, 4), (0, 1)])
def test_occlusion_refuses_squares_that_do_not_cover(side, stride):
    with pytest.raises(InputError, match="side|stride"):
        occlusion(lambda batch: np.zeros(len(batch)), np.zeros((3, 7, 9), np.uint8), side=side, stride=stride)


def test_nine_are_the_largest_whatever_the_batches():
    rng = numpy_rng(0, "nine")
    values = rng.integers(0, 12, (40, 5)).astype(np.float32)  # with ties
    cells = rng.integers(0, 12, (40, 5))
    found = []
    for size in (40, 7, 1):
        nine = Nine(5, width=4)
        for start in range(0, 40, size):
            rows = np.arange(start, min(40, start + size))
            nine.add(rows, values[rows], cells[rows])
        found.append(nine)
    for unit in range(5):
        order = sorted(range(40), key=lambda row: (-values[row, unit], row))[:9]
        for nine in found:
            patches = nine.of(unit)
            assert [one.image for one in patches] == order
            assert [one.value for one in patches] == [values[row, unit] for row in order]
            assert [one.cell for one in patches] == [divmod(int(cells[row, unit]), 4) for row in order]
    np.testing.assert_allclose(found[0].standing_out(), found[2].standing_out())
    best = np.sort(values, axis=0)[-9:].mean(0)
    np.testing.assert_allclose(found[0].standing_out(), (best - values.mean(0)) / values.std(0), rtol=1e-6)


def test_units_that_are_shown_vary():
    values = np.zeros((30, 4), np.float32)
    values[:9, 0], values[:9, 1], values[9:18, 2] = 5.0, 4.99, 3.0
    values += numpy_rng(0, "noise").normal(size=values.shape).astype(np.float32) * 0.1
    values[:, 3] = 7.0  # always the same
    nine = Nine(4, width=1)
    nine.add(np.arange(30), values, np.zeros((30, 4), np.int64))
    chosen = varied_units(nine, 4)
    assert set(chosen[:2]) in ({0, 2}, {1, 2}) and sorted(chosen) == [0, 1, 2]


def test_fewer_pictures_than_nine():
    nine = Nine(2, width=3)
    nine.add(np.arange(2), np.array([[1.0, -2.0], [3.0, -1.0]], np.float32), np.array([[4, 0], [5, 1]]))
    assert [(one.image, one.cell) for one in nine.of(0)] == [(1, (1, 2)), (0, (1, 1))]
    assert [one.value for one in nine.of(1)] == [-1.0, -2.0]


def test_neighbours_are_by_cosine_and_not_the_query_itself():
    rng = numpy_rng(0, "near")
    vectors, rows = rng.normal(size=(20, 6)), np.array([3, 11])
    near = Near(vectors[rows], rows, 4)
    for start in range(0, 20, 6):
        batch = np.arange(start, min(20, start + 6))
        near.add(batch, vectors[batch])
    length = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for place, row in enumerate(rows):
        cosine = length @ length[row]
        order = [one for one in np.argsort(-cosine) if one != row][:4]
        assert near.images[place].tolist() == order
        np.testing.assert_allclose(near.scores[place], cosine[order])


def pictures(n: int = 12) -> ImageSet:
    rng = numpy_rng(0, "pictures")
    items = [rng.integers(0, 255, (32, 32, 3), dtype=np.uint8) for _ in range(n)]
    return ImageSet(items, np.array([f"{place:02d}" for place in range(n)]))


def test_a_pass_over_a_collection_keeps_what_all_maps_at_once_say():
    rep = Representation.load("random:convnet4")
    images = pictures()
    layers = [rep.encoder.layer("blocks.0"), rep.encoder.layer("blocks.3")]
    rows, pixels = prepared(rep, images, range(12), 2)
    found = survey(rep, images, layers, rows, pixels, k=3, neighbours=2, device="cpu", batch=5)
    assert found.images == 12 and found.shapes == [(32, 16, 16), (128, 4, 4)]
    _, everything = prepared(rep, images, range(12), 12)
    x = torch.from_numpy(everything).float() / 255
    # 3 pixels from 2 r - 1 on, and 31 from 8 r - 15 on: rows and columns whose field no edge cuts
    whole = {"blocks.0": range(1, 16), "blocks.3": range(2, 3)}
    for layer, nine, near in zip(layers, found.nine, found.near):
        with torch.no_grad():
            maps = LayerMap(layer)(x)
        inside = torch.zeros(maps.shape[2:], dtype=torch.bool)
        inside[whole[layer.name].start : whole[layer.name].stop, whole[layer.name].start : whole[layer.name].stop] = (
            True
        )
        largest, cells = maps.masked_fill(~inside, -torch.inf).flatten(2).max(2)
        for unit in (0, 17, 31):
            order = torch.sort(largest[:, unit], descending=True, stable=True).indices[:3]
            assert nine.images[unit].tolist() == order.tolist()
            np.testing.assert_allclose(nine.values[unit], largest[order, unit], rtol=1e-4)
            assert nine.cells[unit].tolist() == cells[order, unit].tolist()
        vectors = torch.nn.functional.normalize(maps.mean((2, 3)), dim=1)
        cosine = vectors @ vectors[:2].T
        for query in range(2):
            cosine[query, query] = -2
            assert near.images[query].tolist() == cosine[:, query].topk(2).indices.tolist()


def test_cells_at_the_edge_do_not_count_where_there_are_others():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 5, 1, 2), torch.nn.Conv2d(2, 2, 1, 2))
    field = receptive_fields(network, torch.zeros(1, 3, 12, 9))
    found = whole_fields(field, (6, 5))
    # rows 0, 2 .. 10 of 12 see two more on either side; so do columns 0, 2 .. 8 of 9
    assert found.any(1).tolist() == [False, True, True, True, True, False]
    assert found.any(0).tolist() == [False, True, True, True, False]
    wide = receptive_fields(torch.nn.Conv2d(3, 2, 9, padding=4), torch.zeros(1, 3, 4, 4))
    assert whole_fields(wide, (4, 4)).all()


def test_filters_are_the_weights_of_the_first_convolution():
    network = make_encoder("resnet10t", size=32).network
    name, weights = first_filters(network)
    assert name == "conv1.0" and torch.equal(weights, network.conv1[0].weight)
    shown = as_pictures(weights)
    assert shown.min() >= 0 and shown.max() <= 1
    scale = weights.abs().amax((1, 2, 3), keepdim=True)
    torch.testing.assert_close((2 * shown - 1) * scale, weights)
    norms = weights.flatten(1).norm(dim=1)
    assert norms[strongest(weights, 5)].tolist() == norms.sort(descending=True).values[:5].tolist()


def test_a_network_without_colour_filters_says_so():
    with pytest.raises(InputError, match="filters: expected a network that begins with one"):
        first_filters(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 3)))
