import numpy as np
import pytest
import torch

from regard.backbones.encoder import evaluating, make_encoder
from regard.core.checks import InputError
from regard.create.pretext import _lab
from regard.create.pretext._decoder import last_map
from regard.create.pretext.split_brain import BRIGHTNESS, Method, colour_image, cut, halves_are_apart, lightness_bin
from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.data.views import luma
from regard.learning.batch import Batch
from regard.learning.objective import Split
from regard.learning.settings import TrainSettings


def striped(n: int = 96) -> ImageSet:
    """Boxes that are green or violet, and striped down or across by the same draw."""
    rng = np.random.default_rng(0)
    made = np.full((n, 32, 32, 3), 230, np.uint8)
    for image in made:
        upright, (top, left) = rng.integers(2), rng.integers(0, 16, 2)
        stripes = np.tile((np.arange(16) // 2) % 2 == 1, (16, 1))
        box = image[top : top + 16, left : left + 16]
        box[:] = (90, 200, 60) if upright else (200, 110, 230)
        box[stripes if upright else stripes.T] = (60, 140, 40) if upright else (140, 60, 170)
    return ImageSet(list(made), np.arange(n).astype(str))


@pytest.mark.parametrize("name, side", [("convnet4", 32), ("resnet18", 64), ("efficientnet_b0", 64)])
def test_after_the_cut_each_half_sees_its_part_alone(name: str, side: int) -> None:
    encoder = make_encoder(name, size=side)
    generator = torch.Generator().manual_seed(0)
    x, change = torch.rand(2, 3, side, side, generator=generator), torch.rand(2, 3, side, side, generator=generator)
    colour = change - luma(change)
    assert float(luma(colour).abs().max()) < 1e-6, "the brightness stays"
    cut(encoder)
    with torch.no_grad(), evaluating(encoder):
        maps = [last_map(encoder, one) for one in (x, x + colour, x + change[:, :1])]
        pooled = [encoder(one) for one in (x, x + colour, x + change[:, :1])]
    for found in (maps, pooled):
        before, coloured, lit = found
        half, scale = before.shape[1] // 2, float(before.abs().max())
        assert float((before[:, :half] - coloured[:, :half]).abs().max()) < 1e-3 * scale
        assert float((before[:, half:] - lit[:, half:]).abs().max()) < 1e-3 * scale
        assert float((before[:, half:] - coloured[:, half:]).abs().max()) > 1e-2 * scale
        assert float((before[:, :half] - lit[:, :half]).abs().max()) > 1e-2 * scale


def test_the_cut_is_a_projection_and_keeps_what_is_allowed() -> None:
    encoder = make_encoder("convnet4", size=32)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    cut(encoder)
    once = {name: value.clone() for name, value in encoder.state_dict().items()}
    cut(encoder)
    assert all(torch.allclose(once[name], value, atol=1e-6) for name, value in encoder.state_dict().items())
    second = "network.blocks.1.0.weight"
    assert torch.equal(once[second][:32, :16], before[second][:32, :16]) and not once[second][:32, 16:].any()
    assert torch.equal(once[second][32:, 16:], before[second][32:, 16:]) and not once[second][32:, :16].any()
    first = once["network.blocks.0.0.weight"] / encoder.std
    bright = torch.tensor(BRIGHTNESS).view(1, 3, 1, 1)
    assert torch.allclose(first[:16] / bright, (first[:16] / bright)[:, :1].expand(-1, 3, -1, -1), atol=1e-5)
    assert float(first[16:].sum(1).abs().max()) < 1e-5


def test_networks_that_cannot_be_cut_are_refused() -> None:
    encoder = make_encoder("vit_tiny_patch16_224", size=32)
    weights = encoder.network.patch_embed.proj.weight.clone()
    assert not halves_are_apart(encoder) and torch.equal(encoder.network.patch_embed.proj.weight, weights)
    with pytest.raises(InputError, match="--backbone: .* cut in two halves"):
        Method().admits(encoder)
    Method().admits(make_encoder("convnet4", size=32))


def test_lightness_falls_into_bins_and_colours_are_shown_at_one_lightness() -> None:
    values = torch.linspace(0, 100, 501)
    slow = [min(int(float(value) / 2), 49) for value in values]
    assert (lightness_bin(values, 50) - torch.tensor(slow)).abs().max() <= 1 and lightness_bin(values, 50).max() == 49
    ab = torch.tensor([10.0, -15.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)
    lab = _lab.rgb_to_lab(colour_image(ab))
    assert torch.allclose(lab[:, 0], torch.tensor(50.0), atol=0.1) and torch.allclose(lab[:, 1:], ab, atol=0.1)


def test_each_head_reads_its_half_and_is_taught_by_its_own_loss() -> None:
    method, encoder = Method(recipe="none"), make_encoder("convnet4", size=32)
    cut(encoder)
    head = method.head(encoder)
    x = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    inputs, lab = method.prepare(Batch(x, torch.arange(6)), torch.Generator())
    assert torch.equal(inputs, x) and lab.shape == (6, 3, 4, 4)
    assert torch.allclose(lab[2, :, 1, 3], _lab.rgb_to_lab(x)[2, :, 8:16, 24:].mean((1, 2)), atol=1e-3)
    to_ab, to_l = head(last_map(encoder, inputs), (4, 4))
    assert to_ab.shape == (6, 76, 4, 4) and to_l.shape == (6, 50, 4, 4)
    last = encoder.network.blocks[3][0].weight
    (grad,) = torch.autograd.grad(to_ab.sum(), last, retain_graph=True)
    assert grad[:64].any() and not grad[64:].any()
    loss, log = method.loss(encoder.eval(), head.eval(), inputs, lab)
    to_ab, to_l = (part.detach() for part in head(last_map(encoder, inputs), (4, 4)))
    expected, _ = _lab.bin_loss(to_ab, lab[:, 1:], head.bins, head.weights, 20)
    kept = _lab.coloured(lab[:, 1:])
    chances = to_l.log_softmax(1)
    place = lightness_bin(lab[:, 0], 50)
    other = [float(-chances[i, place[i, r, c], r, c]) for i in range(6) if kept[i] for r in range(4) for c in range(4)]
    assert kept.any() and float(loss.detach()) == pytest.approx(float(expected) + np.mean(other), rel=1e-4)
    assert float(log["l_loss"]) == pytest.approx(np.mean(other), rel=1e-4)


def test_grey_images_cost_nothing_and_sets_of_them_are_refused() -> None:
    method, encoder = Method(recipe="none"), make_encoder("convnet4", size=32)
    head = method.head(encoder)
    x = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0)).expand(-1, 3, -1, -1)
    loss, _ = method.loss(encoder, head, *method.prepare(Batch(x, torch.arange(4)), torch.Generator()))
    loss.backward()
    grads = [p.grad for p in [*encoder.parameters(), *head.parameters()]]
    assert float(loss.detach()) == 0 and all(g is not None and torch.isfinite(g).all() for g in grads)
    digits = builtin("digits")
    with pytest.raises(InputError, match="split_brain needs colour images"):
        method.configure(Split(digits, digits, True))


@pytest.mark.slow
def test_each_part_is_told_from_the_other_and_the_halves_stay_apart(tmp_path) -> None:
    settings = TrainSettings(steps=80, batch=32, threads=1, precision="fp32")
    method = {"recipe": "none", "candidates": 4}
    made = train(striped(), "split_brain", out=tmp_path / "run", settings=settings, method=method, holdout=0.3)
    scores = made.card["scores"]
    assert scores["p_value"] < 1e-6 and scores["accuracy"] > 2 * scores["chance"]
    assert scores["shuffled_p_value"] > 1e-6
    grey = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0)).expand(-1, 3, -1, -1)
    with torch.no_grad():
        found = made.encoder.eval()(grey)
    assert torch.allclose(found[0, 64:], found[1, 64:], atol=1e-4), "the second half of a grey image says nothing"
    assert not torch.allclose(found[0, :64], found[1, :64], atol=1e-2)


@pytest.mark.parametrize("wrong", [{"grid": 2}, {"lightness_bins": 1}, {"temperature": 0.0}, {"candidates": 1}])
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)
