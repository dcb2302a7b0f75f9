"""Split-brain: what either view shows and hides, and which channels each head reads."""

import torch

from regard.backbones.encoder import make_encoder
from regard.core.runtime import torch_rng
from regard.create.objective import Batch
from regard.create.pretext import _lab
from regard.create.pretext.split_brain import Method, colour_image, lightness_bin


def test_either_view_hides_the_other_half() -> None:
    x = torch.rand(4, 3, 32, 32, generator=torch_rng(0)) * 0.4 + 0.3
    inputs, lab = Method(recipe="none").prepare(Batch(x, torch.arange(4), held_out=True), torch_rng(0))
    grey, colour = inputs.chunk(2)
    assert torch.allclose(grey[:, 0], grey[:, 1]) and torch.allclose(grey[:, 0], grey[:, 2])
    assert lab.shape[:2] == (4, 3)
    # the colour view depends on ab alone
    ab = _lab.rgb_to_lab(x)[:, 1:]
    assert torch.equal(colour, colour_image(ab))


def test_lightness_bins_cover_the_range() -> None:
    light = torch.linspace(0, 100, 1001)
    places = lightness_bin(light, 50)
    assert places.min() == 0 and places.max() == 49 and (places.diff() >= 0).all()


def test_each_head_reads_its_own_half_of_the_channels() -> None:
    encoder, task = make_encoder("convnet4", size=32), Method()
    head = task.head(encoder)
    maps = encoder.maps(torch.rand(4, 3, 32, 32, generator=torch_rng(0)))[-1].detach().requires_grad_()
    to_ab, to_l = head(maps, (8, 8))
    half = maps.shape[1] // 2
    (of_ab,) = torch.autograd.grad(to_ab.sum(), maps, retain_graph=True)
    (of_l,) = torch.autograd.grad(to_l.sum(), maps)
    assert of_ab[:2, :half].abs().sum() > 0 and not of_ab[:, half:].any() and not of_ab[2:].any()
    assert of_l[2:, half:].abs().sum() > 0 and not of_l[:, :half].any() and not of_l[:2].any()
