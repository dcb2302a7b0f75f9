"""MDD: the second classifier's two terms by a plain loop, its best answer, and which way the features go."""

from math import exp, log

import numpy as np
import pytest
import torch

from helpers.adapting import seen
from regard.adapt.networks.mdd import Method, disparity, log_not
from regard.core.checks import InputError
from regard.core.runtime import seeded_init


def made(method: Method) -> torch.nn.Module:
    with seeded_init(0):
        return method.parts(5, 3, 9)


def test_log_not_is_the_log_of_one_minus_p_and_finite_where_p_is_one() -> None:
    logits = torch.from_numpy(np.random.default_rng(0).normal(0, 2, (8, 4)))
    labels = torch.arange(8) % 4
    p = torch.softmax(logits, 1)[torch.arange(8), labels]
    assert torch.allclose(log_not(logits, labels), torch.log(1 - p))
    sure = torch.tensor([[1000.0, 0.0, 0.0]], requires_grad=True)
    found = log_not(sure, torch.tensor([0]))
    found.sum().backward()
    assert np.isclose(float(found.detach()), log(2) - 1000) and bool(torch.isfinite(sure.grad).all())
    assert float(torch.log(1 - torch.softmax(sure.detach(), 1)[0, 0])) == -np.inf  # the plain form is not


@pytest.mark.parametrize("gamma", [1.0, 4.0])
def test_the_loss_equals_a_plain_loop(gamma: float) -> None:
    given, method = seen(12, 7), Method(hidden=6, gamma=gamma)
    parts = made(method)
    loss, told = method.loss(given, parts)
    expected = []
    for features, logits, source in (
        (given.source_features, given.source_logits, True),
        (given.target_features, given.target_logits, False),
    ):
        losses = []
        for f, row in zip(features.detach(), logits.tolist()):
            second = [exp(one) for one in parts(f[None])[0].tolist()]
            p = second[row.index(max(row))] / sum(second)
            losses.append(-log(p) if source else -log(1 - p))
        expected.append(sum(losses) / len(losses))
    assert np.isclose(float(loss.detach()), gamma * expected[0] + expected[1], rtol=1e-5)
    assert np.allclose([float(told["agrees"]), float(told["contradicts"])], expected, rtol=1e-5)


@pytest.mark.parametrize("gamma", [1.0, 4.0])
def test_where_the_domains_are_alike_the_best_answer_is_gamma_to_one(gamma: float) -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    label = torch.tensor([1])
    steps = torch.optim.Adam([logits], 0.05)
    for _ in range(400):
        steps.zero_grad()
        sum(disparity(logits, label, logits, label, gamma)).backward()
        steps.step()
    assert abs(float(torch.softmax(logits, 1)[0, 1].detach()) - gamma / (1 + gamma)) < 1e-3


def test_the_features_gradient_is_turned_round_the_second_classifiers_is_not_and_the_first_gets_none() -> None:
    given, method = seen(), Method(hidden=6)
    parts = made(method)
    method.loss(given, parts)[0].backward()
    own = [p.grad.clone() for p in parts.parameters()]
    parts.zero_grad()
    again = seen()
    first = again.source_logits.argmax(1), again.target_logits.argmax(1)
    sum(disparity(parts(again.source_features), first[0], parts(again.target_features), first[1])).backward()
    for one, other in zip(given[:2], again[:2]):
        assert torch.allclose(one.grad, -other.grad, atol=1e-6) and float(one.grad.abs().max()) > 1e-4
    assert all(torch.allclose(a, p.grad, atol=1e-6) for a, p in zip(own, parts.parameters()))
    assert given.source_logits.grad is None and given.target_logits.grad is None


def test_defaults_are_the_papers_and_the_schedule_starts_at_nothing() -> None:
    method = Method()
    assert (method.weight, method.gamma, method.schedule(0.0)) == (0.1, 4.0, 0.0)
    assert np.isclose(method.schedule(1.0), np.tanh(5))
    with pytest.raises(InputError, match="--set gamma"):
        Method(gamma=0.0)
