import math

import numpy as np
import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.backbones.networks.dense_sift import DenseSift


def plainly(picture, row, column, root):
    """One descriptor by the formula, pixel after pixel: of the cell (row, column) of a picture (3, H, W)."""
    grey = np.tensordot([0.299, 0.587, 0.114], picture.numpy().astype(float), 1)
    height, width = grey.shape
    h = np.zeros((4, 4, 8))
    u, v = 4 * column + 1.5, 4 * row + 1.5
    for y in range(height):
        for x in range(width):
            dx = (grey[y, min(x + 1, width - 1)] - grey[y, max(x - 1, 0)]) / 2
            dy = (grey[min(y + 1, height - 1), x] - grey[max(y - 1, 0), x]) / 2
            angle = math.atan2(dy, dx) % (2 * math.pi) * 8 / (2 * math.pi)
            low = math.floor(angle)
            for o, share in ((low % 8, 1 - (angle - low)), ((low + 1) % 8, angle - low)):
                for i in range(4):
                    for j in range(4):
                        a, b = 4 * (i - 1.5), 4 * (j - 1.5)
                        near = max(0, 1 - abs(y - v - a) / 4) * max(0, 1 - abs(x - u - b) / 4)
                        h[i, j, o] += math.hypot(dx, dy) * share * near * math.exp(-(a * a + b * b) / 128)
    h = h.ravel()
    h = np.minimum(h / np.linalg.norm(h), 0.2)
    return np.sqrt(h / h.sum()) if root else h / np.linalg.norm(h)


@pytest.mark.parametrize("root", [True, False])
def test_a_descriptor_is_that_of_the_formula(root):
    picture = torch.rand(1, 3, 22, 27, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = DenseSift(root).forward_features(picture)
    assert found.shape == (1, 128, 6, 7)
    for row, column in ((2, 3), (0, 0), (5, 6)):  # in the middle, and where a patch reaches over the border
        np.testing.assert_allclose(found[0, :, row, column], plainly(picture[0], row, column, root), atol=1e-5)


def test_it_is_an_encoder_like_any_other_without_anything_to_learn():
    encoder = make_encoder("dense_sift").eval()
    x = torch.rand(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        (found,) = encoder.maps(x)
        assert torch.equal(encoder.last_map(x), found) and encoder.tokens(x).shape == (2, 12 * 16, 128)
        assert torch.allclose(encoder(x), found.mean((2, 3)))
        assert torch.allclose(
            encoder.maps(x.mean(1, keepdim=True).expand(-1, 3, -1, -1) / 2)[0].norm(dim=1), x.new_ones(1)
        )
    assert encoder.feature_info[0].reduction == 4 and not list(encoder.parameters())


def test_light_does_not_matter_and_a_blank_patch_has_no_descriptor():
    encoder = make_encoder("dense_sift").eval()
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(encoder.maps(x)[0], encoder.maps(0.3 * x + 0.5)[0], atol=1e-5)
        assert not encoder.maps(torch.full_like(x, 0.4))[0].any()
