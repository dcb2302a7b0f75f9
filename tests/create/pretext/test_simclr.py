import math

import numpy as np
import pytest
import torch
from torch import nn

from regard.core.checks import InputError
from regard.create.pretext.simclr import Method, alignment, nt_xent, nt_xent_to, twins_found, uniformity
from regard.data.imageset import ImageSet
from regard.learning.batch import Batch
from regard.learning.objective import Split


def views(n: int = 5, d: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, d, generator=generator), torch.randn(n, d, generator=generator)


AUTO = ((0.0, True), (0.0, False), (0.3, True))


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_nt_xent_is_equation_1_in_slow_plain_python(temperature: float) -> None:
    za, zb = views()
    z, n = [v.tolist() for v in (*za, *zb)], len(za)

    def likeness(a: list[float], b: list[float]) -> float:
        dot = sum(p * q for p, q in zip(a, b))
        return dot / math.sqrt(sum(p * p for p in a)) / math.sqrt(sum(q * q for q in b))

    total = 0.0
    for i in range(2 * n):
        twin = (i + n) % (2 * n)
        others = sum(math.exp(likeness(z[i], z[k]) / temperature) for k in range(2 * n) if k != i)
        total -= math.log(math.exp(likeness(z[i], z[twin]) / temperature) / others)
    assert float(nt_xent(za, zb, temperature)) == pytest.approx(total / (2 * n), rel=1e-5)


def test_the_contest_between_two_networks_in_slow_plain_python() -> None:
    p, z = views()
    u, v = ([[x / math.hypot(*row) for x in row] for row in side.tolist()] for side in (p, z))
    total, n = 0.0, len(u)
    for first, second in ((u, v), (v, u)):
        for i in range(n):
            each = [math.exp(sum(a * b for a, b in zip(first[i], other)) / 0.2) for other in second]
            total -= math.log(each[i] / sum(each))
    assert float(nt_xent_to(p, z, 0.2)) == pytest.approx(total / (2 * n), rel=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert nt_xent_to(p, z, 0.2) == nt_xent_to(p, z, 0.2).float() and torch.equal(
            nt_xent_to(p.bfloat16(), z.bfloat16()), nt_xent_to(p.bfloat16().float(), z.bfloat16().float())
        )


def test_nt_xent_is_in_float32_under_autocast_and_has_the_right_gradient() -> None:
    za, zb = views()
    with torch.autocast("cpu", torch.bfloat16):
        low = nt_xent(za, zb)
    assert low.dtype == torch.float32 and torch.equal(low, nt_xent(za, zb))
    za.requires_grad_()
    nt_xent(za, zb).backward()
    step = torch.zeros_like(za)
    step[2, 1] = 1e-2
    slope = (nt_xent(za.detach() + step, zb) - nt_xent(za.detach() - step, zb)) / 2e-2
    assert float(za.grad[2, 1]) == pytest.approx(float(slope), abs=1e-4)


def test_alignment_and_uniformity_are_those_of_the_paper() -> None:
    za, zb = views()
    ua, ub = (z.numpy() / np.linalg.norm(z.numpy(), axis=1, keepdims=True) for z in (za, zb))
    assert float(alignment(za, zb)) == pytest.approx(np.mean([np.sum((a - b) ** 2) for a, b in zip(ua, ub)]), rel=1e-5)
    pairs = [np.exp(-2 * np.sum((ua[i] - ua[j]) ** 2)) for i in range(5) for j in range(i)]
    assert float(uniformity(za)) == pytest.approx(np.log(np.mean(pairs)), rel=1e-5)
    assert float(uniformity(torch.ones(4, 3))) == pytest.approx(0, abs=1e-6), "collapse"


def test_twins_found_is_a_search_among_all_other_views() -> None:
    ua, ub = (nn.functional.normalize(z, dim=1) for z in views(6, 4))
    ub = nn.functional.normalize(ua + 0.8 * ub, dim=1)
    everything = torch.cat([ua, ub])
    slow = torch.zeros(6, 2)
    for i in range(12):
        others = [k for k in range(12) if k != i]
        nearest = max(others, key=lambda k: float(everything[i] @ everything[k]))
        slow[i % 6, i // 6] = float(nearest == (i + 6) % 12)
    found = twins_found(ua, ub)
    assert torch.equal(found, slow) and 0 < found.mean() < 1


def test_contests_have_a_fixed_size_so_that_chance_is_exact() -> None:
    method, generator = Method(recipe="digit", candidates=4), torch.Generator().manual_seed(0)
    # vectors that know nothing: each of the other seven views is as likely as the twin
    noise = torch.randn(8000, 16, generator=generator)
    right = method.correct(nn.Identity(), nn.Identity(), noise, None)
    assert right.shape == (4000, 2)
    assert abs(float(right.mean()) - method.chance) < 4 * math.sqrt(method.chance / 4000) and method.chance == 1 / 7
    assert method.correct(nn.Identity(), nn.Identity(), torch.randn(2 * 11, 16), None).shape == (8, 2)
    assert method.correct(nn.Identity(), nn.Identity(), torch.randn(2 * 3, 16), None).shape == (0, 2)
    few = ImageSet([np.zeros((8, 8), np.uint8)] * 3, np.array(list("abc")))
    assert Method().configure(Split(few, few, True)).candidates == 3
    found = [Method(temperature=t).configure(Split(few, few, symbols)).temperature for t, symbols in AUTO]
    assert found == [0.5, 0.1, 0.3]


def test_twins_are_two_views_of_one_image() -> None:
    x = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    inputs, _ = Method(recipe="digit").prepare(Batch(x, torch.arange(3)), torch.Generator().manual_seed(1))
    a, b = inputs.chunk(2)
    assert a.shape == x.shape and not torch.equal(a, b)


@pytest.mark.parametrize("wrong", [{"temperature": -0.1}, {"width": 1}, {"candidates": 1}])
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match=f"--set {next(iter(wrong))}"):
        Method(**wrong)
