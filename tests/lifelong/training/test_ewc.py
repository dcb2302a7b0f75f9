"""EWC: the Fisher information of each image by itself, and the penalty by hand."""

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from helpers.adapting import representation
from regard.core.checks import InputError
from regard.core.runtime import seeded_init
from regard.lifelong.moving.contract import Finished
from regard.lifelong.moving.fisher import anchored, fisher
from regard.lifelong.training.ewc import Method


def images(n: int = 20, size: int = 8) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    return torch.rand(n, 3, size, size, generator=g).double(), torch.arange(n) % 3


def network() -> tuple[nn.Module, nn.Linear, dict[str, Tensor]]:
    # in float64: squares of some 1e5 would differ by rounding alone
    encoder = copy.deepcopy(representation().encoder).double().eval()
    with seeded_init(1):
        classifier = nn.Linear(encoder.num_features, 3).double()
    weights = {f"encoder.{name}": one for name, one in encoder.named_parameters()}
    return encoder, classifier, weights | {f"classes.{name}": one for name, one in classifier.named_parameters()}


def in_parts(x: Tensor, y: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(x.split(size), y.split(size))


@pytest.mark.parametrize("labels", ["sample", "all", "true"])
def test_the_same_at_any_batch_and_by_one_gradient_after_the_other(labels: str) -> None:
    encoder, classifier, weights = network()
    x, y = images()
    found = [
        fisher(encoder, classifier, weights, lambda b=b: in_parts(x, y, b), labels, batch=b, seed=3) for b in (1, 7, 64)
    ]
    for name, value in found[0].items():
        for other in found[1:]:
            assert float((value - other[name]).abs().max()) <= 1e-6 * max(1.0, float(value.abs().max()))
    if labels == "sample":
        return
    total = {name: torch.zeros_like(one) for name, one in weights.items()}
    for row in range(len(x)):
        log_p = torch.log_softmax(classifier(encoder(x[row : row + 1])), 1)[0]
        for k in range(3) if labels == "all" else [int(y[row])]:
            share = float(log_p[k].detach().exp()) if labels == "all" else 1.0
            for name, gradient in zip(weights, torch.autograd.grad(log_p[k], weights.values(), retain_graph=True)):
                total[name] += share * gradient.square() / len(x)
    for name, value in found[0].items():
        assert torch.allclose(value.double(), total[name], rtol=1e-6, atol=1e-9), name


def test_logistic_regression_by_hand() -> None:
    # d log p(y) / d b_k = [y = k] - p_k: the Fisher information of b is p (1 - p)
    classifier = nn.Linear(1, 2)
    with torch.no_grad():
        classifier.weight.zero_()
        classifier.bias.copy_(torch.tensor([np.log(3), 0.0]))
    weights = {f"classes.{name}": one for name, one in classifier.named_parameters()}
    x, y = torch.zeros(4, 1), torch.tensor([0, 0, 0, 1])
    by = {labels: fisher(nn.Identity(), classifier, weights, lambda: [(x, y)], labels) for labels in ("all", "true")}
    assert by["all"]["classes.bias"].tolist() == pytest.approx([3 / 16, 3 / 16])
    assert by["true"]["classes.bias"].tolist() == pytest.approx([(3 * 1 / 16 + 9 / 16) / 4] * 2)
    many = torch.zeros(4000, 1)
    drawn = fisher(
        nn.Identity(), classifier, weights, lambda: [(many, torch.zeros(4000, dtype=torch.long))], "sample", seed=5
    )
    assert float(drawn["classes.bias"][0]) == pytest.approx(3 / 16, rel=0.1), "not of the labels that images have"


def test_the_square_of_a_mean_would_be_another_thing() -> None:
    classifier = nn.Linear(1, 2)
    nn.init.zeros_(classifier.weight), nn.init.zeros_(classifier.bias)
    weights = {f"classes.{name}": one for name, one in classifier.named_parameters()}
    x, y = torch.zeros(10, 1), torch.arange(10) % 2  # gradients of 1/2 and -1/2, whose mean is 0
    assert fisher(nn.Identity(), classifier, weights, lambda: [(x, y)], "true")["classes.bias"].tolist() == [0.25, 0.25]


def test_penalty_by_hand_and_new_classes_are_free() -> None:
    weights = {"classes.bias": torch.tensor([1.0, 2.0, 77.0])}
    kept = {"centre.classes.bias": torch.tensor([0.0, 4.0]), "fisher.classes.bias": torch.tensor([2.0, 0.5])}
    assert float(Method(weight=3.0).penalty(weights, kept)) == pytest.approx(3 / 2 * (2 * 1 + 0.5 * 4))
    assert float(anchored({}, {}, lambda name: torch.zeros(1))) == 0


def test_what_is_kept_adds_up_over_tasks_and_is_one_centre() -> None:
    classifier, x = nn.Linear(1, 3), torch.ones(5, 1)
    weights = {f"classes.{name}": one.detach() for name, one in classifier.named_parameters()}
    before = {"fisher.classes.bias": torch.tensor([8.0, 4.0]), "centre.classes.bias": torch.zeros(2)}
    given = Finished(
        1, nn.Identity(), classifier, weights, lambda: [(x, torch.zeros(5, dtype=torch.long))], lambda: [], {}, {}, 0
    )
    alone = Method().after_task(given)
    both = Method(decay=0.5).after_task(given._replace(kept=before))
    grown = both["fisher.classes.bias"] - alone["fisher.classes.bias"]
    assert grown.tolist() == pytest.approx([4.0, 2.0, 0.0], abs=1e-6)
    assert both.keys() == alone.keys() and torch.equal(both["centre.classes.bias"], weights["classes.bias"])


def test_only_some_images_are_drawn_and_settings_are_checked() -> None:
    x, y = torch.arange(12.0)[:, None], torch.zeros(12, dtype=torch.long)
    classifier = nn.Linear(1, 2)
    weights = {f"classes.{name}": one for name, one in classifier.named_parameters()}
    some = [fisher(nn.Identity(), classifier, weights, lambda: [(x, y)], "true", most=3, seed=s) for s in (1, 1, 2)]
    assert torch.equal(some[0]["classes.weight"], some[1]["classes.weight"])
    assert not torch.equal(some[0]["classes.weight"], some[2]["classes.weight"])
    with pytest.raises(InputError, match="labels"):
        fisher(nn.Identity(), classifier, weights, lambda: [(x, y)], "predicted")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="--set decay"):
        Method(decay=2)
