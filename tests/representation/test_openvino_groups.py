"""Networks with group normalisation in OpenVINO: the same vectors as torch, in any precision, and no crash."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from regard.backbones.encoder import make_encoder
from regard.representation.embed import embed
from regard.representation.openvino_graph import cosines
from regard.representation.openvino_groups import GroupsInSteps, in_steps
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation
from regard.reuse.export.run import export


@pytest.mark.parametrize("shape", [(2, 6, 5, 4), (3, 6), (1, 6, 7)])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_in_steps_is_the_same(shape: tuple[int, ...], groups: int) -> None:
    g = torch.Generator().manual_seed(0)
    x = 3 + 2 * torch.randn(shape, generator=g)
    if len(shape) == 2 and groups == 3:
        groups = 2  # one value each has no spread
    for weight, bias in ((None, None), (torch.randn(6, generator=g), torch.randn(6, generator=g))):
        expected = F.group_norm(x, groups, weight, bias, 1e-3)
        torch.testing.assert_close(in_steps(x, groups, weight, bias, 1e-3), expected, rtol=1e-5, atol=1e-5)
        with GroupsInSteps():
            assert torch.equal(F.group_norm(x, groups, weight, bias, 1e-3), in_steps(x, groups, weight, bias, 1e-3))
            assert torch.equal(
                torch.group_norm(x, groups, weight, bias, 1e-3, False), in_steps(x, groups, weight, bias, 1e-3)
            )


def test_within_it_a_layer_leaves_no_operation_of_its_own_in_a_trace() -> None:
    layer, x = nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4)).eval(), torch.rand(1, 3, 8, 8)
    with warnings.catch_warnings(), GroupsInSteps():
        warnings.simplefilter("ignore")  # of its age
        traced = torch.jit.trace(layer, x)
    assert "group_norm" not in str(traced.inlined_graph)
    torch.testing.assert_close(traced(torch.ones(2, 3, 5, 9)), layer(torch.ones(2, 3, 5, 9)))


@pytest.mark.parametrize("norm", ["gn:8", "ln"])
@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_residual_networks_embed_as_in_torch(norm: str, precision: str) -> None:
    encoder = make_encoder("resnet_scaled", size=32, norm=norm, seed=0).eval()
    rep = Representation(encoder, Preprocess(32, 32))
    pictures = [np.random.default_rng(k).integers(0, 256, (32, 32, 3), np.uint8) for k in range(5)]
    found = embed(pictures, rep, precision=precision, cache=False)
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        expected = encoder(x).numpy()
    assert cosines(found.vectors, expected).min() > (0.99999 if precision == "fp32" else 0.997)


def test_such_a_network_is_exported_to_openvino_and_read_again(tmp_path: Path) -> None:
    encoder = make_encoder("resnet_scaled", size=32, norm="gn:8", seed=0)
    Representation(encoder, Preprocess(32, 32)).save(tmp_path / "rep")
    export(tmp_path / "rep", tmp_path / "net.xml", format="openvino")  # it compares with torch
    assert (tmp_path / "net.xml").is_file()
