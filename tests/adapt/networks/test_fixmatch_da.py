"""FixMatch: who gets a pseudo-label, what it teaches, and that the image without views tells it."""

from copy import deepcopy
from dataclasses import replace
from math import exp, log
from typing import Any

import numpy as np
import pytest
import torch

from helpers.adapting import representation, seen
from regard.adapt.deep.adapting import Adapting
from regard.adapt.deep.contract import Seen
from regard.adapt.networks.fixmatch_da import Method, pseudo_labels
from regard.core.checks import InputError
from regard.core.runtime import seeded_init
from regard.learning.batch import Batch


def given(plain: list[list[float]], known: list[bool], source: float = 0.0) -> Seen:
    """Two classes; the source is told of class 0 by this logit."""
    m = len(plain)
    of_source = torch.tensor([[source, 0.0]] * 5)
    found = seen(5, m, 3, 2)
    return found._replace(source_logits=of_source, plain_logits=torch.tensor(plain), known=torch.tensor(known))


def test_who_is_taught_and_what_by_a_plain_loop() -> None:
    plain = [[3.0, 0.0], [0.0, 1.0], [0.0, 5.0], [9.0, 0.0]]
    found = given(plain, [False, False, False, True])
    method = Method(threshold=0.9, relative=False, aligned=False)
    loss, told = method.loss(found, None)
    expected = 0.0
    for row, logits in zip(plain[:3], found.target_logits.tolist()):  # the last one has a label of its own
        label = row.index(max(row))
        if exp(row[label]) / sum(map(exp, row)) >= 0.9:
            expected -= log(exp(logits[label]) / sum(map(exp, logits))) / 3
    assert np.isclose(float(loss.detach()), expected, rtol=1e-5)
    assert np.isclose(float(told["pseudo_share"]), 2 / 3)
    loss.backward()
    assert found.target_logits.grad.abs().sum(1).gt(0).tolist() == [True, False, True, False]


def test_the_threshold_is_a_share_of_the_sources_certainty() -> None:
    half = [[0.0, 0.2], [0.2, 0.0]]  # certainty .55
    unsure, sure = given(half, [False, False]), given(half, [False, False], source=5.0)
    shares = [float(Method(aligned=False).loss(one, None)[1]["pseudo_share"]) for one in (unsure, sure)]
    assert shares == [1.0, 0.0]  # .9 * .5 and .9 * .993
    assert float(Method(relative=False, aligned=False).loss(unsure, None)[1]["pseudo_share"]) == 0.0


def test_aligned_labels_have_the_sources_shares_by_a_plain_loop() -> None:
    logits = np.random.default_rng(0).normal(size=(7, 3)) + [2, 0, 0]  # most is told to be of class 0
    source = np.random.default_rng(1).normal(size=(9, 3)) + [0, 2, 0]

    def probabilities(rows: np.ndarray) -> np.ndarray:
        return np.exp(rows) / np.exp(rows).sum(1, keepdims=True)

    share = probabilities(source).mean(0) / probabilities(logits).mean(0)
    wanted, sure = [], []
    for row in probabilities(logits):
        changed = [p * a for p, a in zip(row, share)]
        wanted.append(int(np.argmax(changed)))
        sure.append(max(changed) / sum(changed) >= 0.5)
    labels, told = pseudo_labels(torch.tensor(logits), 0.5, torch.tensor(source))
    assert labels.tolist() == wanted and told.tolist() == sure
    assert labels.tolist() != logits.argmax(1).tolist()


def test_the_weight_rises_to_half_of_the_run_where_the_threshold_is_relative() -> None:
    assert np.allclose([Method().schedule(p) for p in (0.0, 0.25, 0.5, 0.8)], [0, 0.5, 1, 1])
    assert {Method(relative=False).schedule(p) for p in (0.0, 0.25, 1.0)} == {1.0}


def test_a_probability_at_the_threshold_is_enough() -> None:
    assert pseudo_labels(torch.zeros(1, 2), 0.5)[1].tolist() == [True]
    assert pseudo_labels(torch.zeros(1, 2), 0.5001)[1].tolist() == [False]
    with pytest.raises(InputError, match="--set threshold"):
        Method(threshold=1.5)


def test_where_all_target_labels_are_known_there_is_nothing_to_teach() -> None:
    loss, told = Method().loss(given([[3.0, 0.0]] * 2, [True, True]), None)
    assert float(loss.detach()) == 0 and float(told["pseudo_share"]) == 0


class Listening(Method):
    """Keeps what it sees."""

    def loss(self, seen: Seen, *more: Any) -> tuple[torch.Tensor, Any]:
        told.append(seen)
        return super().loss(seen, *more)


class OneView(Listening):
    """The same, not told what the network says of images without views."""

    plain = False


told: list[Seen] = []


def test_the_network_is_asked_of_images_without_views_and_that_leaves_it_as_it_is() -> None:
    g = torch.Generator().manual_seed(0)
    images = torch.rand(4, 3, 8, 8, generator=g)
    batch = Batch(
        **{
            "source/images": torch.rand(6, 3, 8, 8, generator=g),
            "source/labels": torch.arange(6) % 3,
            "target/images": images,
        }
    )
    told.clear()
    networks = []
    for method in (Listening(), OneView()):
        objective = replace(Adapting(method, recipe="digit"), classes=("a", "b", "c"), targets=4)
        network = deepcopy(representation().encoder).train()
        with seeded_init(0):
            head = objective.head(network)
        objective.loss(network, head, *objective.prepare(batch, torch.Generator().manual_seed(1)))
        assert network.training
        networks.append(network)
    with_plain, without = told
    assert without.plain_logits is None and torch.equal(with_plain.target_logits, without.target_logits)
    for one, other in zip(networks[0].buffers(), networks[1].buffers(), strict=True):
        assert torch.equal(one, other), "to be asked moves no statistics"
    assert with_plain.plain_logits is not None and not with_plain.plain_logits.requires_grad
    with torch.no_grad():
        expected = head["classes"](networks[0].eval()(images))
    assert torch.allclose(with_plain.plain_logits, expected, atol=1e-6)
    assert not torch.allclose(with_plain.plain_logits, with_plain.target_logits, atol=1e-2)
