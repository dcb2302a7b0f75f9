"""Grad-CAM against the library `grad-cam`: its code where that is installed, and always its values in a file beside."""

from pathlib import Path

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
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, 2), nn.ReLU(inplace=True), nn.Conv2d(6, 8, 3), nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
        )  # fmt: skip


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


def scaled(cam: np.ndarray) -> np.ndarray:
    """As the library scales a map: from 0 to 1."""
    cam = cam - cam.min()
    return cam / (1e-7 + cam.max())


def test_it_equals_the_library():
    pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network, x = small(), images(2, 33)
    with GradCAM(network, [network[3]]) as cam:
        theirs = cam.compute_cam_per_layer(x, None, False) if False else cam(x, [ClassifierOutputTarget(2)] * 2)
    layer = find_layer("3", network, lambda x: x, (33, 33))
    ours = grad_cam(layer, network, x, torch.eye(4)[2]).numpy()
    import cv2

    made = np.stack([cv2.resize(scaled(one), (33, 33)) for one in ours])
    np.testing.assert_allclose(made, theirs, atol=1e-4)


def test_it_equals_what_the_library_gave():
    kept = read_json(Path(__file__).with_name("grad_cam_library.json"))
    network, x = small(), images(2, 33)
    layer = find_layer("3", network, lambda x: x, (33, 33))
    for label, theirs in kept["maps"].items():
        ours = grad_cam(layer, network, x, torch.eye(4)[int(label)]).numpy()
        np.testing.assert_allclose(np.stack([scaled(one) for one in ours]), np.array(theirs), atol=1e-4)


def test_tokens_are_cells_and_a_class_token_leaves_none():
    encoder = make_encoder("vit_tiny_patch16_224", size=32)
    x = images(1, 32)
    found = grad_cam(encoder.layer("blocks.10"), encoder.pooled, x, torch.ones(encoder.num_features))
    assert found.shape == (1, 2, 2) and found.max() > 0
    with pytest.raises(InputError, match="layer: expected a layer before it, got 'blocks.11', whose cells have no part"):
        grad_cam(encoder.layer("blocks.11"), encoder.pooled, x, torch.ones(encoder.num_features))
