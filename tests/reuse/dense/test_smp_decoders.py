"""segmentation-models-pytorch's decoders as heads: sizes, gradients, what is learned, kept and refused."""

import json
import shutil

import numpy as np
import pytest
import torch

from regard.backbones.contract import FeatureInfo
from regard.core.checks import InputError
from regard.data.scenes import scenes
from regard.learning.settings import TrainSettings
from regard.reuse.dense.model import DenseModel
from regard.reuse.dense.objective import Dense
from regard.reuse.dense.semantic import Semantic
from regard.reuse.dense.smp_decoders import SMP, Average, SmpDecoder, whole
from regard.reuse.dense.train import train

pytest.importorskip("segmentation_models_pytorch")
CHANNELS = (6, 10, 12, 20)
INFO = [FeatureInfo(channels, stride, "") for channels, stride in zip(CHANNELS, (4, 8, 16, 32))]


def levels(size, pictures=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(pictures, one.channels, *[-(-size // one.reduction)] * 2, generator=generator) for one in INFO]


def head(kind, classes=3, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Semantic(INFO, classes, kind)


@pytest.mark.parametrize("kind", SMP)
@pytest.mark.parametrize("size", [64, 100])
def test_every_pixel_has_its_logits_and_every_level_a_gradient(kind, size):
    given = [one.requires_grad_() for one in levels(size)]
    model = head(kind)
    logits = model.logits(given, size)
    assert logits.shape == (2, 3, size, size) and logits.dtype == torch.float32
    targets = torch.randint(0, 3, (2, size, size), generator=torch.Generator().manual_seed(1))
    targets[:, :5] = 255
    loss, _ = model.loss(given, targets)
    loss.backward()
    for one in given:
        # the last cells, too: nothing of the picture is out of reach
        assert torch.isfinite(one.grad).all() and one.grad.abs().sum() > 0 and one.grad[:, :, -1, -1].abs().sum() > 0
    assert all(value.grad is not None and torch.isfinite(value.grad).all() for value in model.parameters())


@pytest.mark.parametrize("kind", SMP)
def test_short_levels_are_those_of_a_larger_picture_whose_last_cells_repeat(kind):
    short, model = levels(100), head(kind).eval()
    with torch.no_grad():
        found, larger = model.logits(short, 100), model.logits(whole(short), 128)
    assert larger.shape[2:] == (128, 128)
    torch.testing.assert_close(found, larger[:, :, :100, :100], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", SMP)
def test_what_is_where_is_learned(kind):
    """A square that one level shows is told where it lies, to the pixel's neighbourhood."""
    size, model = 64, head(kind, 2)
    target = torch.zeros(2, size, size, dtype=torch.long)
    target[0, 8:32, 8:32], target[1, 24:56, 32:64] = 1, 1
    given = levels(size)
    for one, info in zip(given, INFO):
        cells = torch.nn.functional.avg_pool2d(target[:, None].float(), info.reduction)
        one[:, :1] = 3 * cells
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    with torch.random.fork_rng():
        torch.manual_seed(0)  # dropout
        for _ in range(20):
            optimiser.zero_grad()
            model.loss(given, target)[0].backward()
            optimiser.step()
    model.train()
    with torch.no_grad():
        classes = model.logits(given, size).argmax(1)
    inside = (classes == 1) & (target == 1)
    assert inside.sum() / ((classes == 1) | (target == 1)).sum() > 0.8


@pytest.mark.parametrize("kind", ["smp:fpn", "smp:upernet"])
def test_the_decoder_gets_each_level_where_it_looks_for_it(kind):
    """The same weights in a decoder of the full depth, with levels of strides 1 and 2 before, which it does not use."""
    from segmentation_models_pytorch.decoders.fpn.decoder import FPNDecoder
    from segmentation_models_pytorch.decoders.upernet.decoder import UPerNetDecoder

    ours, given = SmpDecoder(INFO, 3, kind).eval(), levels(64)
    made = {"smp:fpn": FPNDecoder, "smp:upernet": UPerNetDecoder}[kind]
    widths = {"pyramid_channels": 64, "segmentation_channels": 64} if kind == "smp:fpn" else {"decoder_channels": 64}
    theirs = made([3, 4, *CHANNELS], 5, **widths).eval()
    theirs.load_state_dict(ours.decoder.state_dict())
    before = [torch.randn(2, 3, 64, 64), torch.randn(2, 4, 32, 32)]
    with torch.no_grad():
        torch.testing.assert_close(ours(given), ours.score(theirs([*before, *given])), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(8, 8), (7, 5), (2, 3), (1, 1)])
def test_averages_are_torchs(shape):
    x = torch.randn(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    for cells in (1, 2, 3, 6):
        wanted = torch.nn.functional.adaptive_avg_pool2d(x, cells)
        torch.testing.assert_close(Average(cells)(x), wanted, atol=1e-6, rtol=1e-6)


def test_a_run_is_read_elsewhere_and_finds_the_same(tmp_path):
    every = scenes(14, size=64, seed=3)
    parts = every.subset(np.arange(8)), every.subset(np.arange(8, 14))
    settings = TrainSettings(steps=3, batch=4, precision="fp32", device="cpu")
    options = {"representation": "random:convnet4", "what": "semantic", "head": "smp:unet", "size": 64}
    model = train(*parts, out=tmp_path / "run", **options, settings=settings)
    shutil.move(tmp_path / "run", tmp_path / "elsewhere")
    moved = DenseModel.load(tmp_path / "elsewhere")
    assert moved.objective == model.objective and moved.objective.kind == "smp:unet"
    for a, b in zip(model.predict(parts[1]), moved.predict(parts[1]), strict=True):
        assert torch.equal(a.semantic, b.semantic) and a.semantic.shape == (64, 64)
    assert json.loads((tmp_path / "elsewhere/card.json").read_text())["task"]["kind"] == "smp:unet"


def test_what_cannot_be_is_told(monkeypatch):
    with pytest.raises(InputError, match="head: expected one of .*Did you mean 'smp:unet'"):
        Dense("semantic", "smp:unnet", 64, ("a",))
    with pytest.raises(InputError, match="head: expected one of faster_rcnn, fcos"):
        Dense("boxes", "smp:unet", 64, ("a",))
    with pytest.raises(InputError, match=r"info: expected \(4, 8, 16, 32\)"):
        SmpDecoder(INFO[:3], 2, "smp:unet")
    with pytest.raises(InputError, match="--batch: expected at least 2, got 1"):
        head("smp:upernet").logits(levels(64, 1), 64)
    with torch.no_grad():
        assert head("smp:upernet").eval().logits(levels(64, 1), 64).shape == (1, 3, 64, 64)
    monkeypatch.setattr("regard.reuse.dense.smp_decoders.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"smp:fpn needs segmentation-models-pytorch.*pip install 'regard\[segment\]'"):
        SmpDecoder(INFO, 2, "smp:fpn")
