import math

import numpy as np
import pytest
import torch
from torch import nn

from regard.core.checks import InputError
from regard.core.runtime import torch_rng
from regard.create.pretext.vicreg import Method, covariance, invariance, variance
from regard.create.run import train
from regard.data.builtin import builtin
from regard.learning.settings import TrainSettings


def pair(n: int = 7, d: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(n, d, generator=torch_rng(0)), 0.6 * torch.randn(n, d, generator=torch_rng(1))


def test_the_three_terms_are_the_papers_in_slow_plain_python() -> None:
    za, zb = pair()
    n, d = za.shape
    a, b = za.tolist(), zb.tolist()
    apart = sum((a[i][j] - b[i][j]) ** 2 for i in range(n) for j in range(d)) / (n * d)
    assert float(invariance(za, zb)) == pytest.approx(apart, rel=1e-5)
    for z, rows in ((za, a), (zb, b)):
        mean = [sum(row[j] for row in rows) / n for j in range(d)]
        c = [
            [sum((row[j] - mean[j]) * (row[k] - mean[k]) for row in rows) / (n - 1) for k in range(d)] for j in range(d)
        ]
        hinge = sum(max(0, 1 - math.sqrt(c[j][j] + 1e-4)) for j in range(d)) / d
        crossed = sum(c[j][k] ** 2 for j in range(d) for k in range(d) if j != k) / d
        assert float(variance(z)) == pytest.approx(hinge, rel=1e-5)
        assert float(covariance(z)) == pytest.approx(crossed, rel=1e-4)


def test_the_loss_weighs_them_25_25_1_and_sums_over_both_views() -> None:
    za, zb = pair()
    loss, log = Method().loss(nn.Identity(), nn.Identity(), torch.cat([za, zb]), None)
    expected = 25 * invariance(za, zb) + 25 * (variance(za) + variance(zb)) + covariance(za) + covariance(zb)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    assert {"invariance", "variance", "covariance", "spread"} <= set(log)
    weighed = Method(invariance=0.0, variance=1.0, covariance=0.0)
    loss, _ = weighed.loss(nn.Identity(), nn.Identity(), torch.cat([za, zb]), None)
    assert float(loss) == pytest.approx(float(variance(za) + variance(zb)), rel=1e-5)


def test_what_each_term_punishes() -> None:
    one = torch.ones(8, 4)
    assert float(variance(one)) == pytest.approx(1 - 0.01, abs=1e-6), "collapse: a deviation of sqrt(1e-4) at most"
    assert float(covariance(one)) == 0 and float(invariance(one, one)) == 0
    wide = torch.randn(4000, 3, generator=torch_rng(0)) * 2
    assert float(variance(wide)) == 0 and float(covariance(wide)) < 0.1
    same = wide[:, :1].expand(-1, 3)
    assert float(covariance(same)) == pytest.approx(6 * float(wide[:, 0].var()) ** 2 / 3, rel=1e-4)


def test_the_gradient_frees_what_has_almost_collapsed() -> None:
    z = (1e-6 * torch.randn(16, 4, generator=torch_rng(0))).requires_grad_()
    variance(z).backward()
    assert torch.isfinite(z.grad).all() and z.grad.abs().sum() > 0
    with torch.no_grad():
        assert variance(z - 1e3 * z.grad) < variance(z)


def test_the_expander_has_three_layers_and_the_loss_is_in_float32() -> None:
    class Features(nn.Module):
        num_features = 5

    head = Method(width=6).head(Features())
    assert [tuple(p.shape) for p in head.parameters() if p.ndim == 2] == [(6, 5), (6, 6), (6, 6)]
    za, zb = pair()
    with torch.autocast("cpu", torch.bfloat16):
        low, _ = Method().loss(nn.Identity(), nn.Identity(), torch.cat([za, zb]), None)
    assert low.dtype == torch.float32
    assert float(low) == float(Method().loss(nn.Identity(), nn.Identity(), torch.cat([za, zb]), None)[0])


@pytest.mark.slow
def test_it_learns_digits_without_collapse(tmp_path) -> None:
    settings = TrainSettings(steps=60, precision="fp32", eval_every=60)
    made = train(builtin("digits").without_labels(), "vicreg", out=tmp_path / "run", settings=settings)
    scores = made.card["scores"]
    # 0.3 over seeds and instruction sets, 0.06 to 0.07 before
    assert scores["accuracy"] > 0.15 > scores["untrained_accuracy"] + 0.05 and np.isclose(scores["chance"], 1 / 63)
    assert scores["shuffled_p_value"] > 1e-6 and scores["feature_spread"] > 0.1


@pytest.mark.parametrize("wrong", [{"invariance": -1.0}, {"width": 1}, {"candidates": 1}])
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)
