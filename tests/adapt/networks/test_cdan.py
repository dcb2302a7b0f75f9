"""CDAN: products of features and predictions, all or random ones, and images that count by their certainty."""

from math import exp, log

import numpy as np
import pytest
import torch

from helpers.adapting import seen
from regard.adapt.networks._adversary import domain_loss
from regard.adapt.networks.cdan import Conditional, Method, all_products, certainty
from regard.core.runtime import seeded_init


def made(method: Method, features: int = 5, classes: int = 3) -> Conditional:
    with seeded_init(0):
        return method.parts(features, classes, 9)


def test_the_products_are_numpys_outer_ones() -> None:
    rng = np.random.default_rng(0)
    f, g = rng.normal(size=(4, 5)), rng.normal(size=(4, 3))
    expected = np.stack([np.outer(b, a).ravel() for a, b in zip(f, g)])
    assert np.allclose(all_products(torch.from_numpy(f), torch.from_numpy(g)), expected)


@pytest.mark.parametrize("features, classes, random", [(1024, 4, False), (1025, 4, True), (16, 256, False)])
def test_random_products_are_taken_above_4096(features: int, classes: int, random: bool) -> None:
    parts = made(Method(hidden=4, projected=32), features, classes)
    width = parts.products(torch.ones(2, features), torch.ones(2, classes)).shape[1]
    assert parts.random is random and width == (32 if random else 4096)
    assert not any(name.startswith("of_") for name, _ in parts.named_parameters()), "they stay"
    assert ("of_features" in parts.state_dict()) is random, "and are kept"


def test_random_products_have_the_inner_products_of_all_of_them_in_the_mean() -> None:
    parts = made(Method(hidden=1, projected=20_000), 2049, 2)
    g = torch.Generator().manual_seed(0)
    f = torch.nn.functional.normalize(torch.randn(6, 2049, generator=g))
    p = torch.softmax(torch.randn(6, 2, generator=g), 1)
    h, all_of_them = parts.products(f, p), all_products(f, p)
    # the standard error is below 3 / sqrt(20,000) of the norms' product
    assert float((h @ h.T - all_of_them @ all_of_them.T).abs().max()) < 0.08


def test_certainty_by_hand() -> None:
    entropy = -(0.25 * log(0.25) + 0.75 * log(0.75))
    assert np.isclose(float(certainty(torch.tensor([[log(1.0), log(3.0)]]))), 1 + exp(-entropy))


@pytest.mark.parametrize("entropy", [False, True])
def test_the_loss_equals_a_plain_loop(entropy: bool) -> None:
    given, method = seen(12, 7), Method(hidden=6, entropy=entropy)
    parts = made(method)
    loss, told = method.loss(given, parts)
    sides = []
    for features, logits, sign in (
        (given.source_features, given.source_logits, 1.0),
        (given.target_features, given.target_logits, -1.0),
    ):
        losses, weights = [], []
        for f, row in zip(features.detach().numpy(), logits.detach().double().numpy()):
            p = np.exp(row) / np.exp(row).sum()
            h = torch.from_numpy(np.outer(p, f).ravel()).float()
            losses.append(log(1 + exp(-sign * float(parts.domains(h).detach()))))
            weights.append(1 + exp(float((p * np.log(p)).sum())) if entropy else 1.0)
        sides.append(np.average(losses, weights=weights))
    assert np.isclose(float(loss.detach()), np.mean(sides), rtol=1e-5)
    assert np.isclose(float(told["domain_loss"]), float(loss.detach()))


def test_the_features_gradient_is_turned_round_and_the_classifier_of_domains_learns() -> None:
    given, method = seen(), Method(hidden=6)
    parts = made(method)
    method.loss(given, parts)[0].backward()
    own = [p.grad.clone() for p in parts.parameters()]
    parts.zero_grad()
    again = seen()
    sides = [
        parts(f, torch.softmax(x, 1).detach())
        for f, x in ((again.source_features, again.source_logits), (again.target_features, again.target_logits))
    ]
    domain_loss(*sides).backward()
    for one, other in zip(given[:2], again[:2]):
        assert torch.allclose(one.grad, -other.grad, atol=1e-7) and float(one.grad.abs().max()) > 1e-5
    assert all(torch.allclose(a, p.grad) for a, p in zip(own, parts.parameters()))


def test_with_entropy_a_step_makes_predictions_more_certain_and_without_leaves_them() -> None:
    for entropy in (True, False):
        given, method = seen(), Method(hidden=6, entropy=entropy)
        method.loss(given, made(method))[0].backward()
        logits, step = given.target_logits.detach(), given.target_logits.grad
        if entropy:
            assert bool((certainty(logits - 0.01 * step) > certainty(logits)).all())
        else:
            assert step is None or float(step.abs().max()) == 0


def test_it_asks_of_each_class_what_dann_cannot() -> None:
    """The same features in both domains, with the classes exchanged: only with predictions do they differ."""
    f = torch.cat([torch.full((20, 1), -1.0), torch.full((20, 1), 1.0)])
    p = torch.eye(2).repeat_interleave(20, 0)
    parts = made(Method(hidden=16), 1, 2)
    steps = torch.optim.Adam(parts.parameters(), 0.05)
    for _ in range(30):
        steps.zero_grad()
        loss = domain_loss(parts(f, p), parts(f, p.flip(0)))
        loss.backward()
        steps.step()
    assert float(loss.detach()) < 0.1 < log(2)
