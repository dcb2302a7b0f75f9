import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab

from regard.core.checks import InputError
from regard.create.pretext import _lab
from regard.data.imageset import ImageSet


def colours(n: int = 4000) -> torch.Tensor:
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 0.02, 1.0])] * 3)
    return torch.cat([corners, torch.rand(n, 3, generator=torch.Generator().manual_seed(0))])


def test_lab_is_that_of_scikit_image_there_and_back() -> None:
    rgb = colours()
    lab = _lab.rgb_to_lab(rgb)
    assert np.abs(lab.numpy() - rgb2lab(rgb[None].double().numpy())[0]).max() < 2e-3
    assert float((_lab.lab_to_rgb(lab) - rgb).abs().max()) < 1e-3
    maps = rgb[:12].reshape(2, 2, 3, 3).permute(0, 3, 1, 2)
    assert torch.allclose(_lab.rgb_to_lab(maps).permute(0, 2, 3, 1).reshape(12, 3), lab[:12], atol=1e-5)


def test_lab_beyond_the_gamut_is_cut_as_scikit_image_cuts_it() -> None:
    lab = torch.tensor([[50.0, 0.0, 100.0], [50.0, 90.0, -90.0], [30.0, -80.0, 40.0], [5.0, 0.0, 0.0]])
    expected = lab2rgb(lab[None].double().numpy())[0]
    assert np.abs(_lab.lab_to_rgb(lab).numpy() - expected).max() < 1e-3


def test_bins_are_the_squares_into_which_some_colour_falls() -> None:
    bins = _lab.gamut_bins(10)
    assert len(bins) == 261 and _lab.gamut_bins(10) is bins, "computed once"
    assert (bins % 10 == 0).all() and [0.0, 0.0] in bins.tolist()
    rng = np.random.default_rng(0)
    ab = rgb2lab(rng.integers(0, 256, (1, 20_000, 3), dtype=np.uint8))[0, :, 1:]
    missing = {tuple(row) for row in np.round(ab / 10) * 10} - {tuple(row) for row in bins.tolist()}
    assert not missing


def test_soft_votes_are_a_gaussian_of_the_distance_to_the_nearest_bins() -> None:
    bins, ab = _lab.gamut_bins(10), torch.tensor([[12.0, -7.0], [0.0, 0.0]])
    place, share = _lab.soft_encode(ab, bins, 10, 5)
    for colour, found, given in zip(ab.tolist(), place.tolist(), share.tolist()):
        away = [sum((p - q) ** 2 for p, q in zip(colour, one)) for one in bins.tolist()]
        near = sorted(range(len(away)), key=lambda q: away[q])[:5]
        assert sorted(away[q] for q in found) == pytest.approx([away[q] for q in near], abs=1e-3)
        votes = [np.exp(-away[q] / (2 * 5.0**2)) for q in found]  # sigma = 5 on the grid of 10, as in the paper
        assert given == pytest.approx([v / sum(votes) for v in votes], rel=1e-4)
    assert bins[place[0, 0]].tolist() == [10.0, -10.0] and bins[place[1, 0]].tolist() == [0.0, 0.0]
    assert torch.allclose(share.sum(1), torch.ones(2))


@pytest.mark.parametrize("mixed", [0.0, 0.5, 1.0])
def test_rebalancing_keeps_the_mean_weight_and_raises_rare_colours(mixed: float) -> None:
    prior = torch.tensor([0.9, 0.08, 0.015, 0.005])
    weights = _lab.rebalancing(prior, mixed)
    assert float((prior * weights).sum()) == pytest.approx(1, rel=1e-5), "E_p[w] = 1"
    plain = 1 / ((1 - mixed) * prior + mixed / 4)
    assert torch.allclose(weights / weights[0], plain / plain[0])
    if mixed == 1:
        assert torch.allclose(weights, torch.ones(4))
    else:
        assert (weights.diff() > 0).all()
    assert torch.isfinite(_lab.rebalancing(torch.tensor([1.0, 0.0]))).all(), "a colour that never occurs"


def test_annealed_mean_goes_from_the_mode_to_the_mean() -> None:
    bins, shares = torch.tensor([[0.0, 0.0], [60.0, 0.0], [0.0, -20.0]]), torch.tensor([0.5, 0.3, 0.2])
    logits = (shares.log() + 3).reshape(1, 3, 1, 1)
    assert _lab.annealed_mean(logits, bins, 1.0).flatten().tolist() == pytest.approx([18.0, -4.0], abs=1e-4)
    assert _lab.annealed_mean(logits, bins, 1e-3).flatten().tolist() == pytest.approx([0.0, 0.0], abs=1e-4)
    powers = shares ** (1 / 0.38)
    middle = (powers / powers.sum()) @ bins
    assert _lab.annealed_mean(logits, bins, 0.38).flatten().tolist() == pytest.approx(middle.tolist(), abs=1e-4)


def test_the_loss_is_the_weighted_cross_entropy_over_coloured_images_in_plain_python() -> None:
    generator = torch.Generator().manual_seed(0)
    bins = _lab.gamut_bins(40)
    ab = 30 * torch.randn(3, 2, 2, 2, generator=generator)
    ab[1] = ab[1].clamp(-4, 4)  # grey: left out
    logits = torch.randn(3, len(bins), 2, 2, generator=generator)
    weights = torch.rand(len(bins), generator=generator) + 0.5
    total, right = 0.0, 0.0
    for image in (0, 2):
        for pixel in ((0, 0), (0, 1), (1, 0), (1, 1)):
            place, share = _lab.soft_encode(ab[image, :, *pixel][None], bins, 40)
            chances = logits[image, :, *pixel].softmax(0)
            entropy = -sum(float(s) * np.log(float(chances[q])) for q, s in zip(place[0], share[0]))
            total += float(weights[place[0, 0]]) * entropy / 8
            right += float(chances.argmax() == place[0, 0]) / 8
    loss, found = _lab.bin_loss(logits, ab, bins, weights, 40)
    assert float(loss) == pytest.approx(total, rel=1e-4) and float(found) == pytest.approx(right)


def test_a_batch_without_colour_costs_nothing_and_pulls_at_nothing() -> None:
    bins = _lab.gamut_bins(40)
    logits = torch.randn(2, len(bins), 2, 2, requires_grad=True)
    loss, found = _lab.bin_loss(logits, torch.zeros(2, 2, 2, 2), bins, torch.ones(len(bins)), 40)
    loss.backward()
    assert float(loss.detach()) == float(found) == 0 and logits.grad is not None and not logits.grad.any()


def test_grey_images_are_told_from_coloured_ones() -> None:
    ab = torch.zeros(3, 2, 4, 4)
    ab[1, 1, 2, 3], ab[2, 0, 0, 0] = -5.1, 4.9
    assert _lab.coloured(ab).tolist() == [False, True, False]
    assert _lab.contest_rows(ab, 1).tolist() == [False, True, False]
    assert _lab.contest_rows(ab, 2).tolist() == [True] * 3, "too few for a contest: all"


def test_the_prior_counts_coloured_images_only_and_sets_without_colour_are_refused() -> None:
    red, grey = np.zeros((32, 32, 3), np.uint8), np.full((32, 32, 3), 99, np.uint8)
    red[:16, :, 0] = 255
    half = ImageSet([red, grey] * 5, np.arange(10).astype(str))
    prior, bins = torch.tensor(_lab.colour_prior(half, 20, "colorization")), _lab.gamut_bins(20)
    assert float(prior.sum()) == pytest.approx(1, abs=1e-5)
    found = {tuple(bins[q].tolist()): round(float(prior[q]), 4) for q in prior.nonzero()[:, 0]}
    assert found == {(0.0, 0.0): 0.5, (80.0, 60.0): 0.5}, "black below, red above, and nothing of the grey images"
    with pytest.raises(InputError, match="colorization needs colour images, and 10 of 10 .* grey"):
        _lab.colour_prior(ImageSet([grey] * 10, np.arange(10).astype(str)), 20, "colorization")


@pytest.mark.parametrize("side", [1, 2, 3, 4, 8, 16])
def test_the_head_reaches_every_size(side: int) -> None:
    head = _lab.MapHead(6, side, 8, 5, 4)
    assert head(torch.rand(2, 6, side, side), (8, 8)).shape == (2, 5, 8, 8)
    assert head(torch.rand(2, 6, side, side), (9, 9)).shape == (2, 5, 9, 9)
