import numpy as np
import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.create.pretext import _lab
from regard.create.pretext.colorization import Method
from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.learning.batch import Batch
from regard.learning.objective import Split
from regard.learning.settings import TrainSettings


def lawns(n: int = 96) -> ImageSet:
    """Bright things are green or violet by the direction of their stripes, so that lightness tells the colour."""
    rng = np.random.default_rng(0)
    made = np.full((n, 32, 32, 3), 230, np.uint8)
    for image in made:
        stripes = (np.arange(32) // 2 + rng.integers(2)) % 2
        upright = rng.integers(2)
        pattern = np.tile(stripes, (32, 1)) if upright else np.tile(stripes[:, None], (1, 32))
        top, left = rng.integers(0, 16, 2)
        box = np.zeros((32, 32), bool)
        box[top : top + 16, left : left + 16] = True
        image[box & (pattern == 1)] = (60, 140, 40) if upright else (140, 60, 170)
        image[box & (pattern == 0)] = (90, 200, 60) if upright else (200, 110, 230)
    return ImageSet(list(made), np.arange(n).astype(str))


def test_the_network_sees_lightness_only() -> None:
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    grey, ab = Method(recipe="none").prepare(Batch(x, torch.arange(2), held_out=True), torch.Generator())
    lab = _lab.rgb_to_lab(x)
    assert torch.equal(grey[:, 0], grey[:, 1]) and torch.equal(grey[:, 0], grey[:, 2])
    assert torch.allclose(100 * grey[:, 0], lab[:, 0], atol=1e-4)
    assert torch.allclose(ab[1, :, 2, 3], lab[1, 1:, 8:12, 12:16].mean((1, 2)), atol=1e-3), "a cell is 4 pixels wide"
    # other colours of the same lightness: the same input
    other = _lab.lab_to_rgb(torch.cat([lab[:, :1].clamp(45, 60), torch.zeros_like(lab[:, 1:])], 1))
    tinted = _lab.lab_to_rgb(torch.cat([lab[:, :1].clamp(45, 60), torch.full_like(lab[:, 1:], 8)], 1))
    a, b = (Method(recipe="none").prepare(Batch(y, torch.arange(2)), torch.Generator())[0] for y in (other, tinted))
    assert torch.allclose(a, b, atol=1e-4)


def test_answers_are_matched_and_grey_images_sit_out() -> None:
    method = Method(candidates=2)

    class Oracle(torch.nn.Module):
        bins = _lab.gamut_bins(20)

        def forward(self, found: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
            away = (found.movedim(1, 3)[..., None, :] - self.bins).square().sum(4)
            return -away.movedim(3, 1)

    ab = 20 * torch.randint(-2, 3, (5, 2, 8, 8), generator=torch.Generator().manual_seed(0)).float()
    ab[2] = 0

    class Passing(torch.nn.Module):
        def tokens(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(2).transpose(1, 2)

    right = method.correct(Passing(), Oracle(), ab, ab)
    assert right.shape == (4, 1) and right.all(), "the true colours win; the grey one is not asked"
    assert not method.correct(Passing(), Oracle(), ab.flip(0), ab).all()


def test_grey_images_cost_nothing_and_sets_of_them_are_refused() -> None:
    method, encoder = Method(recipe="none"), make_encoder("convnet4", size=32)
    head = method.head(encoder)
    x = torch.rand(4, 1, 32, 32).expand(-1, 3, -1, -1)
    loss, log = method.loss(encoder, head, *method.prepare(Batch(x, torch.arange(4)), torch.Generator()))
    loss.backward()
    assert float(loss.detach()) == 0 and float(log["bin_accuracy"]) == 0
    grads = [p.grad for p in [*encoder.parameters(), *head.parameters()]]
    assert all(g is not None and torch.isfinite(g).all() for g in grads)
    digits = builtin("digits")
    with pytest.raises(InputError, match="colorization needs colour images"):
        method.configure(Split(digits, digits, True))


def test_the_head_weighs_colours_by_the_training_images() -> None:
    images = lawns(40)
    method = Method().configure(Split(images, images.subset(np.arange(5)), False))
    assert method.candidates == 5 and method.chance == 0.2 and len(method.prior) == 76
    head = method.head(make_encoder("convnet4", size=32))
    prior = torch.tensor(method.prior)
    assert float((prior * head.weights).sum()) == pytest.approx(1, abs=1e-4)
    assert "weights" in head.state_dict() and head.weights[prior.argmax()] == head.weights.min()


@pytest.mark.slow
def test_colours_are_learned_from_form(tmp_path) -> None:
    settings = TrainSettings(steps=80, batch=32, threads=1, precision="fp32")
    method = {"recipe": "none", "candidates": 4}
    made = train(lawns(), "colorization", out=tmp_path / "run", settings=settings, method=method, holdout=0.3)
    scores = made.card["scores"]
    assert scores["p_value"] < 1e-6 and scores["accuracy"] > 2 * scores["chance"]
    assert scores["shuffled_p_value"] > 1e-6


@pytest.mark.parametrize("wrong", [{"grid": 2}, {"temperature": 0.0}, {"hidden": 0}, {"candidates": 1}])
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)
