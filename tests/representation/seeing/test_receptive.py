import numpy as np
import pytest
import torch
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.representation.seeing.maps import LayerMap
from regard.representation.seeing.receptive import receptive_fields


class Split(nn.Module):
    """Two branches of different reach beside each other, a skip, and a step for half of the channels alone."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 5, padding=2)
        self.each = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=2)

    def forward(self, x):
        return self.each(torch.cat([self.narrow(x), self.wide(x)], 1))


class Skip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 3, 3, padding=2, dilation=2), nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return self.two(self.one(x)) + x[:, :, :, :]


class Padded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 4, 3, stride=2)

    def forward(self, x):
        return self.one(nn.functional.pad(x, (0, 1, 2, 0))).permute(0, 2, 3, 1).permute(0, 3, 1, 2)


NETWORKS = {
    "plain": nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.AvgPool2d(3, 2, 1), nn.Conv2d(4, 5, 3)),
    "dilated": nn.Sequential(nn.Conv2d(3, 4, 3, padding=3, dilation=3), nn.Conv2d(4, 4, (1, 3), (2, 1))),
    "gaps": nn.Sequential(nn.Conv2d(3, 4, 1, 3), nn.Conv2d(4, 4, 3, 2, 1)),
    "split": Split(),
    "skip": Skip(),
    "padded": Padded(),
    "adaptive": nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d((3, 4))),
    "transposed": nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ConvTranspose2d(4, 4, 3, 2, 1)),
    "whole": nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1)),
    "depthwise": nn.Sequential(nn.Conv2d(3, 3, 5, groups=3), nn.LeakyReLU(), nn.Conv2d(3, 6, 3, groups=3)),
}


def by_gradient(see, x: torch.Tensor, unit: int, row: int, column: int) -> tuple[int, int, int, int]:
    leaf = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(see(leaf)[0, unit, row, column], leaf)
    rows, columns = (np.flatnonzero(found[0].abs().sum((0, axis)).numpy()) for axis in (2, 1))
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1


@pytest.mark.parametrize("name", NETWORKS)
def test_fields_are_where_the_gradient_is(name):
    network = NETWORKS[name].eval()
    with torch.no_grad():
        for one in network.parameters():
            one.fill_(0.1)  # so that nothing cancels
    x = torch.full((1, 3, 23, 19), 0.5)
    field = receptive_fields(network, x)
    _, channels, rows, columns = network(x).shape
    for unit in {0, channels // 2, channels - 1}:
        for row in range(0, rows, max(1, rows // 4)):
            for column in {0, columns // 2, columns - 1}:
                expected = by_gradient(network, x, unit, row, column)
                assert field(unit, row, column) == expected, (name, unit, row, column)


def test_max_pooling_sees_what_average_pooling_sees():
    fields = []
    for pool in (nn.MaxPool2d, nn.AvgPool2d):
        network = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), pool(3, 2, 1), nn.Conv2d(4, 4, 3, 1, 1))
        field = receptive_fields(network, torch.zeros(1, 3, 32, 32))
        fields.append([field(0, row, row) for row in range(8)])
    assert fields[0] == fields[1]
    assert fields[0][3] == (5, 5, 20, 20)


def test_fields_of_known_networks():
    """VGG-11's first pooling and ResNet's stem, by the arithmetic of the textbook; attention sees everything."""
    vgg = make_encoder("torchvision:vgg11", size=64)
    field = receptive_fields(LayerMap(vgg.layer("pool1")), torch.zeros(1, 3, 64, 64))
    assert field(0, 5, 5) == (9, 9, 13, 13)
    resnet = make_encoder("resnet18", size=64)
    field = receptive_fields(LayerMap(resnet.layer("maxpool")), torch.zeros(1, 3, 64, 64))
    assert field(0, 5, 6) == (5 * 4 - 5, 6 * 4 - 5, 5 * 4 + 6, 6 * 4 + 6)
    vit = make_encoder("vit_tiny_patch16_224", size=32)
    field = receptive_fields(LayerMap(vit.layer("blocks.0")), torch.zeros(1, 3, 32, 32))
    assert field(0, 0, 1) == (0, 0, 32, 32)
