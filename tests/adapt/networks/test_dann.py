"""DANN: the schedule, the turned gradient, and a classifier of domains that learns at full rate."""

from dataclasses import replace
from math import exp, log

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from helpers.adapting import representation, seen
from regard.adapt.deep.adapting import Adapting
from regard.adapt.networks.dann import Method, domain_loss
from regard.core.runtime import seeded_init
from regard.learning.trainable import Moment


def test_the_schedule_is_that_of_the_paper() -> None:
    assert [Method().schedule(p) for p in (0.0, 1.0)] == [0.0, 2 / (1 + exp(-10)) - 1]
    assert np.isclose(Method().schedule(0.1), np.tanh(0.5)) and Method(gamma=0.0).schedule(1.0) == 0


def test_the_loss_is_binary_cross_entropy_in_which_both_domains_count_the_same() -> None:
    s, t = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([-3.0])
    expected = (
        binary_cross_entropy_with_logits(s, torch.ones(3)) + binary_cross_entropy_with_logits(t, torch.zeros(1))
    ) / 2
    assert torch.isclose(domain_loss(s, t), expected)


def test_the_gradient_of_the_features_is_turned_round_and_that_of_the_parts_is_not() -> None:
    given, method = seen(), Method(hidden=4)
    with seeded_init(0):
        parts = method.parts(5, 3, 9)
    method.loss(given, parts)[0].backward()
    own = [p.grad.clone() for p in parts.parameters()]
    turned = given.source_features.grad.clone(), given.target_features.grad.clone()
    parts.zero_grad()
    again = seen()
    plain = domain_loss(parts(again.source_features)[:, 0], parts(again.target_features)[:, 0])
    plain.backward()
    assert torch.allclose(turned[0], -again.source_features.grad) and torch.allclose(
        turned[1], -again.target_features.grad
    )
    assert all(torch.allclose(a, p.grad) for a, p in zip(own, parts.parameters()))


@pytest.mark.parametrize("progress", [0.0, 0.05, 1.0])
def test_the_network_gets_weight_times_schedule_and_the_parts_the_whole_gradient(progress: float) -> None:
    """What it adds to the network's gradients is weight x schedule x those of the plain loss, turned round."""

    def gradients(weight: float, turn: bool) -> tuple[torch.Tensor, torch.Tensor]:
        objective = Adapting(Method(weight=weight), recipe="none")
        objective = replace(objective, classes=("a", "b", "c"), targets=4)
        with seeded_init(1):
            encoder = replace(representation()).encoder.eval()  # statistics stay, so that each call is the same
            head = objective.head(encoder)
        g = torch.Generator().manual_seed(0)
        x_s, x_t = (torch.rand(4, 3, 8, 8, generator=g) for _ in range(2))
        labels, none = torch.arange(4) % 3, torch.zeros(4, dtype=torch.long)
        targets = (labels, none, none.bool(), none)
        encoder.zero_grad()
        loss, _ = objective.loss(encoder, head, (x_s, x_t), targets, Moment(progress=progress))
        if not turn:  # the plain sum of two losses
            z = encoder(torch.cat([x_s, x_t]))
            told = head["parts"](z)[:, 0]
            loss = torch.nn.functional.cross_entropy(head["classes"](z[:4]), labels) + domain_loss(told[:4], told[4:])
        loss.backward()
        network = torch.cat([p.grad.flatten() for p in encoder.parameters()])
        return network, torch.cat([p.grad.flatten() for p in head["parts"].parameters()])

    weight, share = 0.5, 0.5 * Method().schedule(progress)
    found, parts = gradients(weight, True)
    plain, plain_parts = gradients(weight, False)
    alone = gradients(1e-12, True)[0]  # of the source's labels alone
    assert torch.allclose(parts, plain_parts, atol=1e-6)
    assert torch.allclose(found - alone, -share * (plain - alone), atol=1e-6)
    assert share == 0 or float((found - alone).abs().max()) > 1e-6


def test_features_of_one_length_do_not_tell_the_domain_by_it() -> None:
    given = seen()
    long = given._replace(target_features=1000 * given.target_features)
    for normalise in (True, False):
        method = Method(normalise=normalise)
        with seeded_init(0):
            parts = method.parts(5, 3, 9)
        same = torch.isclose(method.loss(given, parts)[0], method.loss(long, parts)[0], atol=1e-5)
        assert bool(same) is normalise


def test_depth_and_width_are_those_asked_for_and_a_fresh_classifier_knows_little() -> None:
    shapes = [tuple(p.shape) for p in Method(hidden=7, depth=2).parts(5, 3, 9).parameters() if p.ndim == 2]
    assert shapes == [(7, 5), (7, 7), (1, 7)]
    with seeded_init(0):
        parts = Method().parts(5, 3, 9)
    told = Method().loss(seen(), parts)[1]
    assert abs(float(told["domain_loss"]) - log(2)) < 0.2 and 0 <= float(told["domain_accuracy"]) <= 1
