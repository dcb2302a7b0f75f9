"""MCC: against a plain loop over images and classes, and by hand."""

from math import exp, log

import numpy as np
import pytest
import torch

from helpers.adapting import seen
from regard.adapt.networks.mcc import Method, class_confusion
from regard.core.checks import InputError


def plain(logits: list[list[float]], temperature: float) -> float:
    """Equations 3 to 8 of the paper, number by number."""
    m, k = len(logits), len(logits[0])
    P = []
    for row in logits:
        powers = [exp(one / temperature) for one in row]
        P.append([one / sum(powers) for one in powers])
    certain = [1 + exp(sum(p * log(p) for p in row)) for row in P]
    w = [m * one / sum(certain) for one in certain]
    C = [[sum(w[i] * P[i][a] * P[i][b] for i in range(m)) for b in range(k)] for a in range(k)]
    return sum(C[a][b] / sum(C[a]) for a in range(k) for b in range(k) if a != b) / k


@pytest.mark.parametrize("m, k", [(1, 2), (7, 3), (20, 5)])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_it_equals_a_plain_loop(m: int, k: int, temperature: float) -> None:
    logits = np.random.default_rng(m).normal(0, 3, (m, k))
    found = class_confusion(torch.from_numpy(logits), temperature)
    assert np.isclose(float(found), plain(logits.tolist(), temperature), rtol=1e-10)


def test_one_image_between_two_classes_by_hand() -> None:
    # P = (3/4, 1/4): C = p p', its rows divided by their sums are p' twice: off the diagonal 1/4 and 3/4, over 2
    logits = 2.5 * torch.tensor([[log(3.0), 0.0]])
    assert np.isclose(float(class_confusion(logits)), 0.5)


def test_certain_and_right_for_each_class_is_no_confusion_and_a_doubtful_image_counts_less() -> None:
    sure = 100 * torch.eye(3)
    assert float(class_confusion(sure)) < 1e-6
    doubtful = torch.cat([sure, torch.zeros(1, 3)])
    even = 3 * (1 / 9) * 2 / (3 * (1 / 9) * 2 + 3 * (1 / 9) + 3)  # off the diagonal, were all weights equal
    assert 0 < float(class_confusion(doubtful)) < even


def test_a_step_down_lowers_confusion_and_no_gradient_goes_through_the_weights() -> None:
    given = seen()
    loss, told = Method().loss(given, None)
    loss.backward()
    logits = given.target_logits.detach().double()
    assert float(class_confusion(logits - 0.1 * given.target_logits.grad)) < float(loss.detach())
    assert given.target_features.grad is None and float(told["confusion"]) == float(loss.detach())
    with torch.no_grad():
        P = torch.softmax(logits / 2.5, 1)
        fixed = 1 + torch.exp((P * P.log()).sum(1))
    again = logits.clone().requires_grad_()
    Y = torch.softmax(again / 2.5, 1)
    C = Y.T @ (fixed[:, None] * len(Y) / fixed.sum() * Y)
    C = C / C.sum(1, keepdim=True)
    ((C.sum() - C.trace()) / 3).backward()
    assert torch.allclose(again.grad, given.target_logits.grad.double(), atol=1e-7)


def test_a_temperature_of_0_is_refused() -> None:
    with pytest.raises(InputError, match="--set temperature.*above 0"):
        Method(temperature=0.0)
