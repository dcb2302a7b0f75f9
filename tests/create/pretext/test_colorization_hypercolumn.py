import math

import numpy as np
import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.create.pretext.colorization_hypercolumn import (
    TOP,
    Method,
    at_points,
    between_bins,
    hue_chroma_loss,
    point_grid,
    polar,
    read_colour,
)
from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.learning.batch import Batch
from regard.learning.objective import Split
from regard.learning.settings import TrainSettings


def test_maps_are_read_between_their_cells() -> None:
    maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert torch.allclose(at_points(maps, point_grid(4, maps)[None])[0, :, 0], torch.arange(16.0), atol=1e-5)
    between = torch.tensor([[[0.0, 0.0], [-0.5, -0.75], [-1.0, -1.0]]])  # the middle, between two cells, a corner
    assert at_points(maps, between)[0, :, 0].tolist() == pytest.approx([7.5, 0.5, 0.0], abs=1e-5)


def test_hue_and_chroma_are_polar_coordinates() -> None:
    hue, chroma = polar(torch.tensor([[3.0, 4.0], [-2.0, 0.0], [0.0, -5.0], [1.0, -1e-9]]))
    assert chroma.tolist() == pytest.approx([5, 2, 5, 1])
    assert hue.tolist()[:3] == pytest.approx([math.atan2(4, 3) / math.tau, 0.5, 0.75]) and (hue < 1).all()


def test_values_are_shared_between_two_bins_and_hue_goes_round() -> None:
    for value in (0.0, 0.013, 0.31, 0.5, 0.999):
        spread = between_bins(torch.tensor(value), 8, True)
        angles = (torch.arange(8) + 0.5) / 8 * math.tau
        assert float(spread.sum()) == pytest.approx(1) and int((spread > 0).sum()) <= 2
        back = math.atan2(float(spread @ angles.sin()), float(spread @ angles.cos())) / math.tau % 1
        assert min(abs(back - value), 1 - abs(back - value)) < 0.01
        line = between_bins(torch.tensor(value), 8, False)
        middle = min(max(value, 1 / 16), 15 / 16)
        assert float(line @ ((torch.arange(8) + 0.5) / 8)) == pytest.approx(middle, abs=1e-6)


def test_the_loss_is_the_papers_in_plain_python() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, ab = torch.randn(3, 16, generator=generator), torch.tensor([[30.0, -20.0], [0.0, 0.0], [-60.0, 70.0]])
    for row, colour, found in zip(logits, ab, hue_chroma_loss(logits, ab, 8)):
        amount, turn = float(colour.norm()) / TOP, math.atan2(float(colour[1]), float(colour[0])) / math.tau % 1
        total = 0.0
        for scores, value, circular, weight in ((row[:8], turn, True, 5 * amount), (row[8:], amount, False, 1.0)):
            target = between_bins(torch.tensor(value), 8, circular).tolist()
            chances = scores.softmax(0).tolist()
            total += weight * sum(t * math.log(t / p) for t, p in zip(target, chances) if t)
        assert float(found) == pytest.approx(total, rel=1e-4, abs=1e-5)
    # hue means nothing where there is no colour
    changed = logits.clone()
    changed[:, :8] = torch.randn(3, 8, generator=generator)
    assert float(hue_chroma_loss(changed, ab, 8)[1]) == float(hue_chroma_loss(logits, ab, 8)[1])


def test_a_sharp_answer_is_read_as_its_colour_and_an_undecided_hue_as_grey() -> None:
    bins, sharp = 32, torch.full((64,), -50.0)
    sharp[4], sharp[32 + 10] = 50, 50
    found, chroma = polar(read_colour(sharp, bins))
    assert float(found) == pytest.approx(4.5 / 32, abs=1e-4) and float(chroma) == pytest.approx(
        10.5 / 32 * TOP, rel=1e-4
    )
    sharp[:32] = 0
    assert float(read_colour(sharp, bins).norm()) < 1e-3


def test_points_are_drawn_for_training_and_lie_on_a_grid_held_out() -> None:
    x, generator = torch.rand(3, 3, 33, 33), torch.Generator().manual_seed(0)
    method = Method(recipe="none", samples=50)
    (grey, points), ab = method.prepare(Batch(x, torch.arange(3)), generator)
    assert points.shape == ab.shape == (3, 50, 2) and points.abs().max() <= 1 and not torch.equal(points[0], points[1])
    assert torch.equal(grey[:, 0], grey[:, 2])
    (_, points), ab = method.prepare(Batch(x, torch.arange(3), held_out=True), generator)
    assert points.shape == ab.shape == (3, 64, 2) and torch.equal(points[0], points[1])


def test_grey_images_cost_nothing_and_sets_of_them_are_refused() -> None:
    method, encoder = Method(recipe="none"), make_encoder("convnet4", size=32)
    head = method.head(encoder)
    x = torch.rand(4, 1, 32, 32).expand(-1, 3, -1, -1)
    puzzle = method.prepare(Batch(x, torch.arange(4)), torch.Generator().manual_seed(0))
    loss, _ = method.loss(encoder, head, *puzzle)
    loss.backward()
    grads = [p.grad for p in [*encoder.parameters(), *head.parameters()]]
    assert float(loss.detach()) == 0 and all(g is not None and torch.isfinite(g).all() for g in grads)
    digits = builtin("digits")
    with pytest.raises(InputError, match="colorization_hypercolumn needs colour images"):
        method.configure(Split(digits, digits, True))


@pytest.mark.slow
def test_colours_are_learned_from_form(tmp_path) -> None:
    rng = np.random.default_rng(0)
    made = np.full((96, 32, 32, 3), 230, np.uint8)
    for image in made:  # the direction of stripes tells the colour
        upright, (top, left) = rng.integers(2), rng.integers(0, 16, 2)
        stripes = np.tile((np.arange(16) // 2) % 2 == 1, (16, 1))
        box = image[top : top + 16, left : left + 16]
        box[:] = (90, 200, 60) if upright else (200, 110, 230)
        box[stripes if upright else stripes.T] = (60, 140, 40) if upright else (140, 60, 170)
    settings = TrainSettings(steps=80, batch=32, threads=1, precision="fp32")
    images = ImageSet(list(made), np.arange(96).astype(str))
    method = {"recipe": "none", "candidates": 4}
    run = train(images, "colorization_hypercolumn", out=tmp_path / "run", settings=settings, method=method, holdout=0.3)
    scores = run.card["scores"]
    assert scores["p_value"] < 1e-6 and scores["accuracy"] > 2 * scores["chance"]
    assert scores["shuffled_p_value"] > 1e-6


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"bins": 3}, {"hidden": 0}, {"candidates": 300}])
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)
