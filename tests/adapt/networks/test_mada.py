"""MADA: a network for each class, each on the features times that class's probability."""

from math import exp, log

import numpy as np
import torch

from helpers.adapting import seen
from regard.adapt.networks._adversary import domain_loss
from regard.adapt.networks.mada import Method, OfEachClass
from regard.core.runtime import seeded_init


def made(method: Method) -> OfEachClass:
    with seeded_init(0):
        return method.parts(5, 3, 9)


def plain(parts: OfEachClass, k: int, x: torch.Tensor) -> torch.Tensor:
    """What the network of class k says of what it reads, layer by layer."""
    for place, (weight, bias) in enumerate(zip(parts.weights, parts.biases)):
        x = (torch.relu(x) if place else x) @ weight[k] + bias[k]
    return x[:, 0]


def test_each_network_reads_the_features_times_its_classs_probability() -> None:
    for depth in (0, 1, 2):
        parts, given = made(Method(hidden=4, depth=depth)), seen()
        f, y = given.target_features.detach(), torch.softmax(given.target_logits.detach(), 1)
        told = parts(f, y)
        assert told.shape == (3, 9)
        for k in range(3):
            assert torch.allclose(told[k], plain(parts, k, y[:, k : k + 1] * f), atol=1e-6)


def test_the_loss_is_the_sum_over_classes_by_a_plain_loop() -> None:
    given, method = seen(12, 7), Method(hidden=4)
    parts = made(method)
    loss, told = method.loss(given, parts)
    expected, spreads = 0.0, []
    for k in range(3):
        logits = []
        for features, of_classes, sign in (
            (given.source_features, given.source_logits, 1.0),
            (given.target_features, given.target_logits, -1.0),
        ):
            y = torch.softmax(of_classes.detach(), 1)[:, k : k + 1]
            side = plain(parts, k, y * features.detach()).tolist()
            expected += sum(log(1 + exp(-sign * one)) for one in side) / len(side) / 2
            logits += side
        spreads.append(np.std(logits))
    assert np.isclose(float(loss.detach()), expected, rtol=1e-5)
    assert np.isclose(float(told["domain_loss"]), expected / 3, rtol=1e-5)
    assert np.isclose(float(told["domain_spread"]), max(spreads), rtol=1e-4)


def test_features_and_predictions_get_the_gradient_turned_round_and_the_networks_do_not() -> None:
    given, method = seen(), Method(hidden=4)
    parts = made(method)
    method.loss(given, parts)[0].backward()
    own = [p.grad.clone() for p in parts.parameters()]
    parts.zero_grad()
    again = seen()
    source = parts(again.source_features, torch.softmax(again.source_logits, 1))
    target = parts(again.target_features, torch.softmax(again.target_logits, 1))
    sum(domain_loss(source[k], target[k]) for k in range(3)).backward()
    for one, other in zip(given[:4], again[:4]):
        assert torch.allclose(one.grad, -other.grad, atol=1e-7) and float(one.grad.abs().max()) > 1e-5
    assert all(torch.allclose(a, p.grad) for a, p in zip(own, parts.parameters()))


def test_an_image_is_moved_by_the_network_of_its_class_alone() -> None:
    given, method = seen(), Method(hidden=4)
    sure = 100 * torch.eye(3)[torch.arange(9) % 3]
    given = given._replace(target_logits=sure.requires_grad_())
    moved = []
    for changed in (False, True):
        parts = made(method)
        if changed:
            with torch.no_grad():
                parts.weights[1][1] += 1  # of class 1
        given.target_features.grad = None
        method.loss(given, parts)[0].backward()
        moved.append(given.target_features.grad.clone())
    same = (moved[0] == moved[1]).all(1)
    assert same.tolist() == [row % 3 != 1 for row in range(9)]
