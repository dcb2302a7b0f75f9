"""Mixed images: each is the sum or the patchwork that its target says."""

import numpy as np
import pytest
import torch

from regard.core.runtime import torch_rng
from regard.learning.mixing import beta, cutmix, mixed, mixup


def batch(n: int = 6, side: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of one level each, from which parts can be told again."""
    levels = torch.arange(n).float() / n
    return levels[:, None, None, None].expand(n, 3, side, side).clone(), torch.eye(n)


@pytest.mark.parametrize("seed", range(5))
def test_mixup_blends_images_and_targets_by_one_share(seed: int) -> None:
    x, y = batch()
    mixed_x, mixed_y = mixup(x, y, 0.5, torch_rng(seed))
    levels = x[:, 0, 0, 0]
    assert torch.allclose(mixed_y.sum(1), torch.ones(6))
    assert torch.allclose(mixed_x[:, 0, 0, 0], mixed_y @ levels, atol=1e-6)
    assert torch.equal(mixed_x, mixed_x[:, :1, :1, :1].expand_as(mixed_x))
    shares = mixed_y.diag()[mixed_y.diag() < 1]
    assert len(shares.unique()) <= 1, "one share for the whole batch"


@pytest.mark.parametrize("seed", range(8))
def test_cutmix_pastes_a_rectangle_and_mixes_targets_by_area(seed: int) -> None:
    x, y = batch()
    mixed_x, mixed_y = cutmix(x, y, 1.0, torch_rng(seed))
    levels = x[:, 0, 0, 0]
    for own in range(6):
        pasted = mixed_x[own, 0] != levels[own]
        share = float(pasted.float().mean())
        assert float(mixed_y[own, own]) == pytest.approx(1 - share, abs=1e-6)
        if share:
            rows, columns = pasted.any(1).nonzero().flatten(), pasted.any(0).nonzero().flatten()
            assert pasted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all(), "it is a rectangle"
            other = int(mixed_y[own].argsort(descending=True)[1 if share < 0.5 else 0])
            assert (mixed_x[own, 0][pasted] == levels[other]).all()
    assert torch.allclose(mixed_y.sum(1), torch.ones(6))
    assert torch.equal(x, batch()[0]), "what came is left as it is"


def test_shares_are_beta_distributed() -> None:
    from scipy.stats import beta as law
    from scipy.stats import kstest

    generator = torch_rng(0, "beta")
    drawn = [beta(0.4, generator) for _ in range(2000)]
    assert kstest(drawn, law(0.4, 0.4).cdf).pvalue > 0.01


def test_of_both_each_has_half_of_the_batches_and_of_none_nothing_changes() -> None:
    x, y = batch()
    cut = []
    for seed in range(200):
        one = mixed(x, y, 1.0, 1.0, torch_rng(seed))[0]
        cut.append(bool(np.isin(one.numpy(), x.numpy()).all()))
    assert 70 < sum(cut) < 130
    assert mixed(x, y, 0.0, 0.0, torch_rng(0))[0] is x
