"""JAN: both estimates against plain loops, for batches of any two sizes; the second is right in the mean."""

from itertools import permutations, product
from math import exp

import numpy as np
import pytest
import torch

from helpers.adapting import seen
from regard.adapt.networks.jan import Method, joint_mmd2, linear_joint_mmd2
from regard.core.checks import InputError

Pair = tuple[np.ndarray, np.ndarray]
SIZES = [(6, 6), (7, 7), (3, 10), (10, 3), (1, 1), (1, 5), (4, 1)]


def drawn(n: int, seed: int, shift: float = 0.0, d: int = 3, k: int = 4) -> Pair:
    """Features and predictions."""
    rng = np.random.default_rng(seed)
    z, p = rng.normal(shift, 1, (n, d)), np.exp(rng.normal(0, 2, (n, k)))
    return z, p / p.sum(1, keepdims=True)


def tensors(pair: Pair) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(pair[0]), torch.from_numpy(pair[1])


def kernel(source: Pair, target: Pair):
    """k(a, b) of two samples, each (z, p), with the mean squared distance of all pooled pairs as the scale."""
    z = np.concatenate([source[0], target[0]])
    between = [float(((a - b) ** 2).sum()) for i, a in enumerate(z) for j, b in enumerate(z) if i != j]
    mean = sum(between) / len(between)

    def k(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> float:
        of_z, of_p = (float(((x - y) ** 2).sum()) for x, y in zip(a, b))
        return sum(exp(-of_z / (scale * mean)) for scale in (0.25, 0.5, 1, 2, 4)) * exp(-of_p / 1.68)

    return k


@pytest.mark.parametrize("n, m", SIZES)
def test_the_full_form_is_the_mean_over_all_pairs(n: int, m: int) -> None:
    source, target = drawn(n, 0), drawn(m, 1, 1.0)
    k, s, t = kernel(source, target), list(zip(*source)), list(zip(*target))
    expected = (
        np.mean([k(a, b) for a in s for b in s])
        + np.mean([k(a, b) for a in t for b in t])
        - 2 * np.mean([k(a, b) for a in s for b in t])
    )
    assert np.isclose(float(joint_mmd2(tensors(source), tensors(target))), expected, rtol=1e-9)


@pytest.mark.parametrize("n, m", SIZES)
def test_the_linear_form_goes_round_each_domain(n: int, m: int) -> None:
    source, target = drawn(n, 0), drawn(m, 1, 1.0)
    k, s, t = kernel(source, target), list(zip(*source)), list(zip(*target))
    expected = np.mean([k(s[i], s[(i + 1) % n]) for i in range(n)])
    expected += np.mean([k(t[i], t[(i + 1) % m]) for i in range(m)])
    expected -= np.mean([k(s[i % n], t[(i + 1) % m]) + k(s[(i + 1) % n], t[i % m]) for i in range(max(n, m))])
    assert np.isclose(float(linear_joint_mmd2(tensors(source), tensors(target))), expected, rtol=1e-9)


@pytest.mark.parametrize("n, m", [(3, 3), (4, 2), (2, 4)])
def test_over_all_orders_of_the_rows_the_linear_form_is_the_mean_of_pairs_of_different_samples(n: int, m: int) -> None:
    source, target = tensors(drawn(n, 0)), tensors(drawn(m, 1, 1.0))
    found = []
    for s, t in product(permutations(range(n)), permutations(range(m))):
        s, t = list(s), list(t)
        found.append(float(linear_joint_mmd2((source[0][s], source[1][s]), (target[0][t], target[1][t]))))
    k = kernel(drawn(n, 0), drawn(m, 1, 1.0))
    s, t = list(zip(*drawn(n, 0))), list(zip(*drawn(m, 1, 1.0)))
    unbiased = np.mean([k(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j])
    unbiased += np.mean([k(a, b) for i, a in enumerate(t) for j, b in enumerate(t) if i != j])
    unbiased -= 2 * np.mean([k(a, b) for a in s for b in t])
    assert np.isclose(np.mean(found), unbiased) and np.std(found) > 0.01


def test_two_images_by_hand() -> None:
    # |z - z'|^2 = 4 = m and |p - p'|^2 = 2: 2 k(x, x) - 2 k(x, y), with 5 kernels that are 1 at home
    z, p = torch.tensor([[0.0], [2.0]]), torch.eye(2)
    expected = 2 * 5 - 2 * sum(exp(-(2.0**-u)) for u in range(-2, 3)) * exp(-2 / 1.68)
    for form in (joint_mmd2, linear_joint_mmd2):
        assert np.isclose(float(form((z[:1], p[:1]), (z[1:], p[1:]))), expected)


def test_features_that_agree_with_other_classes_are_told_apart() -> None:
    z = torch.tensor([[0.0], [1.0]])
    p = torch.eye(2)
    assert abs(float(joint_mmd2((z, p), (z, p)))) < 1e-6
    assert float(joint_mmd2((z, p), (z, p.flip(0)))) > 1  # each marginal is the same


@pytest.mark.parametrize("form", ["full", "linear"])
def test_features_and_logits_get_a_gradient(form: str) -> None:
    given = seen(12, 7)
    loss, told = Method(form=form).loss(given, None)
    loss.backward()
    assert all(float(one.grad.abs().max()) > 1e-4 for one in given[:4])
    assert float(told["joint_mmd2"]) == float(loss.detach())


def test_a_form_that_there_is_not() -> None:
    with pytest.raises(InputError, match="--set form.*half"):
        Method(form="half")  # type: ignore[arg-type]
