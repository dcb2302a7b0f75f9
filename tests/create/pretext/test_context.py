"""Context: patches that lie where the answer says, colours that betray nothing, puzzles that are learnt."""

import pytest
import torch

from regard.core.checks import InputError
from regard.core.runtime import torch_rng
from regard.core.training import TrainSettings
from regard.create.objective import Batch
from regard.create.pretext.context import NEIGHBOURS, Beside, Method, geometry, mean_colour, pairs
from regard.create.run import train
from regard.data.builtin import builtin


def test_the_papers_proportions_and_small_images() -> None:
    assert geometry(398, 0.5, 7 / 96) == (96, 48, 7)
    for side in range(24, 130):
        patch, gap, jitter = geometry(side, 0.5, 7 / 96)
        assert 3 * patch + 2 * gap + 2 * jitter <= side and patch >= side // 5 and jitter >= 0


def test_the_neighbour_lies_where_the_answer_says() -> None:
    side = 120
    row = torch.arange(side).float()
    x = torch.stack([row[:, None].expand(side, side), row.expand(side, side), torch.zeros(side, side)]).expand(
        20, -1, -1, -1
    )
    first, second, which = pairs(x, 5, 0.5, 7 / 96, torch_rng(0))
    patch, gap, jitter = geometry(side, 0.5, 7 / 96)
    assert first.shape == second.shape == (100, 3, patch, patch) and set(which.tolist()) == set(range(8))
    for a, b, k in zip(first, second, which):
        moved = torch.stack([b[c, 0, 0] - a[c, 0, 0] for c in (0, 1)])
        expected = torch.tensor(NEIGHBOURS[int(k)]) * (patch + gap)
        assert (moved - expected).abs().max() <= 2 * jitter
        # a gap is left even where jitter brings them near
        assert max(abs(int(v)) for v in moved) >= patch + gap - 2 * jitter > patch


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
    settings = TrainSettings(steps=150, batch=32, precision="fp32")
    made = train(builtin("digits").without_labels(), "context", out=tmp_path / "run", settings=settings, size=48)
    scores = made.card["scores"]
    assert scores["chance"] == 1 / 8 and scores["p_value"] < 1e-3 < scores["shuffled_p_value"]
    assert abs(scores["mean_colour_accuracy"] - 1 / 8) < 0.08
