"""ADDA: two losses in one move, a source's network that stays, and a classifier that stays."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from helpers.adapting import representation, run, seen
from regard.adapt.deep.adapting import Adapting
from regard.adapt.deep.contract import NETWORK, PARTS
from regard.adapt.deep.module import Adapted
from regard.adapt.networks.adda import Method, fooling_loss
from regard.core.checks import InputError
from regard.core.runtime import seeded_init
from regard.core.storage import load_tensors
from regard.learning.trainable import Moment


def made(**chosen: object) -> Adapted:
    """A network after it was taught, as ADDA goes on with it."""
    objective = replace(Adapting(Method(hidden=6, **chosen), recipe="none"), classes=("a", "b", "c"), targets=4)
    with seeded_init(0):
        encoder = copy.deepcopy(representation().encoder)
        head = objective.head(encoder)
        head["classes"].requires_grad_(False)
        return Adapted(objective, encoder, head, "all", 0.1).train()


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    return torch.rand(6, 3, 8, 8, generator=g), torch.rand(4, 3, 8, 8, generator=g)


def targets(known: list[bool]) -> tuple[torch.Tensor, ...]:
    return torch.arange(6) % 3, torch.tensor([2, 0, 0, 0]), torch.tensor(known), torch.arange(4)


def test_the_classifier_of_domains_gets_true_labels_and_the_features_turned_ones() -> None:
    given, method = seen(), Method(hidden=4)
    with seeded_init(0):
        parts = method.parts(5, 3, 9)
    loss, told = method.loss(given, parts, Moment(0, 1, player=PARTS))
    loss.backward()
    own = [p.grad.clone() for p in parts.parameters()]
    given.source_features.grad = given.target_features.grad = None

    parts.zero_grad()
    s, t = (parts(z.detach())[:, 0] for z in (given.source_features, given.target_features))
    plain = binary_cross_entropy_with_logits(s, torch.ones(12)) / 2
    plain = plain + binary_cross_entropy_with_logits(t, torch.zeros(9)) / 2
    plain.backward()
    assert all(torch.allclose(a, p.grad, atol=1e-7) for a, p in zip(own, parts.parameters()))
    assert torch.isclose(loss, plain)
    loss, told = method.loss(given, parts, Moment(0, 1, player=NETWORK))
    loss.backward()
    assert given.source_features.grad is None, "the source's network stays"
    z = given.target_features.detach().requires_grad_()
    turned = binary_cross_entropy_with_logits(parts(z)[:, 0], torch.ones(9))
    turned.backward()
    assert torch.allclose(given.target_features.grad, z.grad, atol=1e-7)
    assert torch.isclose(loss, turned) and torch.isclose(told["fooling_loss"], turned)


def test_where_the_domain_is_told_well_the_gradient_is_not_lost() -> None:
    told = torch.tensor([-20.0], requires_grad=True)
    fooling_loss(told).backward()
    assert float(told.grad) == pytest.approx(-1)
    turned = torch.tensor([-20.0], requires_grad=True)  # what a turned gradient would give
    (-torch.nn.functional.softplus(turned)).backward()
    assert abs(float(turned.grad)) < 1e-8


def test_the_source_goes_through_the_network_that_stays() -> None:
    module = made()
    with torch.no_grad():
        module.encoder.network.blocks[0][0].weight.mul_(1.5)  # the target's has moved
    kept = copy.deepcopy(module.head["source"])
    before = module.encoder(inputs()[1]).detach()
    module = made()
    with torch.no_grad():
        module.encoder.network.blocks[0][0].weight.mul_(1.5)
    seen_features = {}

    def look(_: object, given: tuple) -> None:
        seen_features[len(given[0])] = given[0].detach()

    module.head["parts"].register_forward_pre_hook(look)
    loss, told = module.objective.loss(module.encoder, module.head, inputs(), targets([False] * 4))
    loss.backward()
    assert torch.equal(seen_features[6], kept.eval()(inputs()[0])), "by the statistics it was taught with"
    assert torch.equal(seen_features[4], before), "by the target's own"
    assert all(
        torch.equal(a, b) for a, b in zip(module.head["source"].state_dict().values(), kept.state_dict().values())
    )
    moved = {id(p) for player in module.players() for p in player.parameters}
    assert not moved & {id(p) for p in [*module.head["source"].parameters(), *module.head["classes"].parameters()]}
    assert moved == {id(p) for p in [*module.encoder.parameters(), *module.head["parts"].parameters()]}
    assert "train_accuracy" not in told, "the source's labels have taught already"


def test_a_known_target_label_is_learned_from() -> None:
    losses = []
    for known in ([False] * 4, [True] + [False] * 3):
        module = made()
        losses.append(module.objective.loss(module.encoder, module.head, inputs(), targets(known))[0])
    module = made()
    logits = module.head["classes"](module.encoder(inputs()[1]))[:1]
    assert torch.isclose(losses[1] - losses[0], cross_entropy(logits, torch.tensor([2])), atol=1e-5)


def test_the_classifier_stays_and_the_network_goes_on_from_what_the_source_has_taught(tmp_path: Path) -> None:
    run("adda", tmp_path / "none", chosen={"weight": 0})
    run("adda", tmp_path / "one")
    none, one = (load_tensors(tmp_path / name / "classifier.safetensors") for name in ("none", "one"))
    assert all(torch.equal(none[key], one[key]) for key in none)
    none, one = (load_tensors(tmp_path / name / "model.safetensors") for name in ("none", "one"))
    apart = {key: float((none[key].float() - one[key].float()).abs().max()) for key in none}
    assert all(value > 0 for key, value in apart.items() if key.endswith("weight"))
    weights = [value for key, value in apart.items() if key.endswith(("0.weight", "1.weight"))]
    assert max(weights) < 0.03, "six small steps from there"


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="--set hidden"):
        Method(hidden=0)
    with pytest.raises(InputError, match="--set depth"):
        Method(depth=-1)
    with pytest.raises(InputError, match="--set lr"):
        Method(lr=0)
