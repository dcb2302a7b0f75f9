"""Grad-CAM against the library `grad-cam`: its code where that is installed, and always its values in a file beside."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from regard.backbones.encoder import make_encoder
from regard.backbones.layers import find_layer
from regard.core.checks import InputError
from regard.core.reading import read_json
from regard.core.runtime import seeded_init, torch_rng
from regard.representation.seeing.gradcam import grad_cam


def small() -> nn.Sequential:
    with seeded_init(0):
        network = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2), nn.ReLU(inplace=True), nn.Conv2d(6, 8, 3), nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
        )  # fmt: skip
        for one in (0, 2, 6):
            nn.init.normal_(network[one].weight)
        return network


def images(n: int, side: int) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=torch_rng(0, "images", n, side))


def by_hand(network: nn.Sequential, x: torch.Tensor, label: int) -> torch.Tensor:
    """The mean over cells and a linear layer: every cell of a channel has the same slope, that of the class."""
    maps = network[:4](x)
    slopes = network[6].weight[label] / maps.shape[2:].numel()
    return (slopes.view(1, -1, 1, 1) * maps).sum(1).clamp(min=0).detach()


def test_it_equals_the_paper_where_the_slope_is_known():
    network, x = small(), images(2, 33)
    layer = find_layer("3", network, lambda x: x, (33, 33))
    found = grad_cam(layer, network, x, torch.eye(4)[2])
    assert found.shape == (2, 14, 14)
    expected = by_hand(network, x, 2)
    assert expected.max() > 0
    torch.testing.assert_close(found, expected, atol=1e-7, rtol=1e-5)


def test_a_layer_in_the_middle_whose_successor_works_in_place():
    network, x = small(), images(2, 33)
    layer = find_layer("2", network, lambda x: x, (33, 33))
    maps = network[:3](x).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(network[3:](maps.clone())[:, 1].sum(), maps)
    expected = (slopes.mean((2, 3), keepdim=True) * maps).sum(1).clamp(min=0).detach()
    torch.testing.assert_close(grad_cam(layer, network, x, torch.eye(4)[1]), expected)


def ours_as_theirs(network: nn.Sequential, x: torch.Tensor, label: int) -> np.ndarray:
    """As the library gives a map: scaled from 0 to 1, brought to the size of the picture, and scaled again."""

    def scaled(cam: np.ndarray) -> np.ndarray:
        return (cam - cam.min()) / (1e-7 + cam.max() - cam.min())

    layer = find_layer("3", network, lambda x: x, (17, 17))
    maps = grad_cam(layer, network, x, torch.eye(4)[label]).numpy()
    return np.stack([scaled(cv2.resize(scaled(one), (17, 17))) for one in maps])


def library(network: nn.Sequential, x: torch.Tensor, label: int) -> np.ndarray:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    with GradCAM(network, [network[3]]) as cam:
        return cam(x, [ClassifierOutputTarget(label)] * len(x))


@pytest.mark.parametrize("label", [0, 2])
def test_it_equals_the_library(label):
    pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed; its values below are")
    network, x = small(), images(2, 17)
    np.testing.assert_allclose(ours_as_theirs(network, x, label), library(network, x, label), atol=1e-4)


@pytest.mark.parametrize("label", ["0", "2"])
def test_it_equals_what_the_library_gave(label):
    """The file holds `library(small(), images(2, 17), label)` of grad-cam 1.5.7, rounded to six digits."""
    theirs = np.array(read_json(Path(__file__).with_name("grad_cam_1_5_7.json"))[label])
    assert theirs.shape == (2, 17, 17) and theirs.max() > 0.9
    np.testing.assert_allclose(ours_as_theirs(small(), images(2, 17), int(label)), theirs, atol=1e-4)


def test_tokens_are_cells_and_a_class_token_leaves_none():
    encoder = make_encoder("vit_tiny_patch16_224", size=32)
    x = images(1, 32)
    towards = torch.rand(encoder.num_features, generator=torch_rng(0, "towards"))
    found = grad_cam(encoder.layer("blocks.10"), encoder.pooled, x, towards)
    assert found.shape == (1, 2, 2) and found.max() > 0
    with pytest.raises(
        InputError, match="layer: expected a layer before it, got 'blocks.11', whose cells have no part"
    ):
        grad_cam(encoder.layer("blocks.11"), encoder.pooled, x, towards)
