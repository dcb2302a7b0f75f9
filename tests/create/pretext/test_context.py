"""Context: patches that lie where the answer says, colours that betray nothing, puzzles that are learnt."""

import pytest
import torch

from regard.core.checks import InputError
from regard.core.runtime import torch_rng
from regard.create.pretext.context import NEIGHBOURS, Beside, Method, geometry, mean_colour, pairs
from regard.create.run import train
from regard.data.builtin import builtin
from regard.learning.batch import Batch
from regard.learning.settings import TrainSettings


def test_the_papers_proportions_and_small_images() -> None:
    assert geometry(398, 0.5, 7 / 96) == (96, 48, 7)
    for side in range(16, 400):
        patch, gap, jitter = geometry(side, 0.5, 7 / 96)
        assert 2 * patch + gap + 2 * jitter <= side and jitter >= 0
        assert patch >= min(12, side // 3) and patch <= max(12, round(0.2413 * side))


def test_the_neighbour_lies_where_the_answer_says_anywhere_in_the_image() -> None:
    side = 120
    row = torch.arange(side).float()
    x = torch.stack([row[:, None].expand(side, side), row.expand(side, side), torch.zeros(side, side)]).expand(
        200, -1, -1, -1
    )
    first, second, which = pairs(x, 5, 0.5, 7 / 96, torch_rng(0))
    patch, gap, jitter = geometry(side, 0.5, 7 / 96)
    assert first.shape == second.shape == (1000, 3, patch, patch) and set(which.tolist()) == set(range(8))
    at, to = (part[:, :2, 0, 0] for part in (first, second))
    moved = to - at
    expected = torch.tensor(NEIGHBOURS)[which] * (patch + gap)
    assert (moved - expected).abs().max() <= 2 * jitter
    # a gap is left even where jitter brings them near
    assert moved.abs().max(1).values.min() >= patch + gap - 2 * jitter > patch
    for corner in (at, to):
        assert corner.min() == 0 and corner.max() == side - patch, "the whole image is used"


def test_where_the_second_patch_lies_does_not_say_where_the_first_does() -> None:
    """A second patch in the middle may be any neighbour; beside the middle of a 3x3 it would be one only."""
    side = 96
    row = torch.arange(side).float()
    x = row.expand(1, 1, side, side)
    _, second, which = pairs(x.expand(4000, 3, -1, -1), 1, 0.5, 7 / 96, torch_rng(0))
    patch = second.shape[-1]
    column = second[:, 0, 0, 0] / (side - patch)
    right = torch.tensor(NEIGHBOURS)[which][:, 1]
    assert column[right == 1].min() < 0.5 < column[right == -1].max()
    assert column[right == 0].std() > 0.25


def test_the_first_patch_of_another_image_leaves_only_the_second() -> None:
    method = Method(pairs=2)
    inputs, targets = method.prepare(Batch(torch.rand(3, 3, 48, 48), torch.arange(3), held_out=True), torch_rng(0))
    swapped, same = method.blinded()["swapped_first"](inputs, targets, torch_rng(0))
    assert torch.equal(same, targets) and torch.equal(swapped[6:], inputs[6:])
    assert torch.equal(swapped[2:6], inputs[:4]) and torch.equal(swapped[:2], inputs[4:6])
    assert method.copies == 2


def test_colour_dropping_leaves_one_channel() -> None:
    x = torch.rand(6, 3, 64, 64, generator=torch_rng(0))
    inputs, _ = Method(colour="drop", coarse=0.0, pairs=1).prepare(
        Batch(x, torch.arange(6), held_out=True), torch_rng(1)
    )
    spread = inputs.std((2, 3)).sort(1).values
    assert (spread[:, 1] < 0.05 * spread[:, 2]).all()
    keep, _ = Method(colour="keep", coarse=0.0, pairs=1).prepare(Batch(x, torch.arange(6), held_out=True), torch_rng(1))
    assert (keep.std((2, 3)).min(1).values > 0.05).all()


def test_the_head_normalises_without_weights() -> None:
    norms = [m for m in Beside(8, 16).modules() if isinstance(m, torch.nn.BatchNorm1d)]
    assert norms and all(m.weight is None and m.bias is None for m in norms)


def test_one_colour_tells_nothing() -> None:
    x = mean_colour(torch.rand(4, 3, 48, 48, generator=torch_rng(0)), torch_rng(0))
    inputs, _ = Method(colour="keep").prepare(Batch(x, torch.arange(4), held_out=True), torch_rng(1))
    assert (inputs - 0.5).abs().max() < 1e-3


@pytest.mark.parametrize("given", [{"gap": -1.0}, {"jitter": 2.0}, {"coarse": 1.5}, {"pairs": 0}, {"width": 0}])
def test_bad_settings_are_named(given: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(given))}"):
        Method(**given)


@pytest.mark.slow
def test_neighbours_in_held_out_digits_are_found(tmp_path) -> None:
    settings = TrainSettings(steps=150, batch=32, precision="fp32", eval_every=150)
    made = train(builtin("digits").without_labels(), "context", out=tmp_path / "run", settings=settings, size=48)
    scores = made.card["scores"]
    assert scores["chance"] == 1 / 8 and scores["p_value"] < 1e-6 < scores["shuffled_p_value"]
    assert abs(scores["mean_colour_accuracy"] - 1 / 8) < 0.12
    assert scores["swapped_first_accuracy"] < (scores["accuracy"] + 1 / 8) / 2, "the first patch is needed"
