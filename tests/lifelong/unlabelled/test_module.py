"""A network that foretells what the network of before says: what moves, what stays, and what the loss is."""

import copy

import pytest
import torch
from torch import nn

from helpers.adapting import representation
from regard.backbones.modes import evaluating
from regard.core.checks import InputError
from regard.core.discover import load
from regard.core.runtime import seeded_init
from regard.learning.objective import Puzzle
from regard.learning.trainable import START
from regard.lifelong.unlabelled.contract import UnlabelledMethod
from regard.lifelong.unlabelled.methods.cassle import Method as CaSSLe
from regard.lifelong.unlabelled.methods.finetune import Method as FineTune
from regard.lifelong.unlabelled.methods.pfr import Method as PFR
from regard.lifelong.unlabelled.module import Remembering

OBJECTIVES = ("byol", "simclr", "vicreg")
X = torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def module(method: UnlabelledMethod, objective: str = "simclr", later: bool = True) -> Remembering:
    """In training mode; its statistics have seen the images once."""
    task, encoder = load("task", objective)(), representation().encoder
    with seeded_init(0):
        head = task.head(encoder)
    with torch.no_grad():
        encoder.train()(X * 0.5)
    return Remembering(task, encoder, head, method, later, 0).train()


def loss_of(made: Remembering) -> tuple[torch.Tensor, dict]:
    loss, log = made(START, Puzzle(X, None), torch.Generator())
    return loss, dict(log)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("method", [CaSSLe(hidden=8), PFR(hidden=8)])
def test_the_gradient_reaches_encoder_and_predictor_and_the_old_network_stays(
    method: UnlabelledMethod, objective: str
) -> None:
    made = module(method, objective)
    before = {name: value.clone() for name, value in made.before.state_dict().items()}
    assert any("running_mean" in name for name in before)
    loss, log = loss_of(made)
    assert float(loss.detach()) == pytest.approx(float(log["own"] + log["keeping"]), rel=1e-5)
    plain = module(FineTune(), objective)
    own, _ = loss_of(plain)
    assert torch.equal(own, log["own"]), "the task's own loss is as ever"
    loss.backward(), own.backward()
    pairs = zip(made.encoder.parameters(), plain.encoder.parameters())
    assert any(not torch.allclose(one.grad, other.grad) for one, other in pairs)
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in list(made.predictor.parameters())[-2:])
    assert all(one.grad is None and not one.requires_grad for one in made.before.parameters())
    with torch.no_grad():
        for one in made.encoder.parameters():
            one.add_(0.1)
    assert all(torch.equal(value, before[name]) for name, value in made.before.state_dict().items())
    assert not any(one.training for one in made.before.modules()), "its statistics are those that it ended with"


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_statistics_of_the_new_network_move_as_without_a_method(objective: str) -> None:
    made, plain = module(CaSSLe(hidden=8), objective), module(FineTune(), objective)
    loss_of(made), loss_of(plain)
    assert made.encoder.state_dict().keys() == plain.encoder.state_dict().keys()
    for name, value in plain.encoder.state_dict().items():
        assert torch.equal(made.encoder.state_dict()[name], value), "one pass, not two"


def test_what_is_foretold_is_what_the_network_of_before_says() -> None:
    for method in (CaSSLe(hidden=8, weight=0.5), PFR(hidden=8, weight=0.5)):
        made = module(method)
        old, old_head, now, head = (copy.deepcopy(one) for one in (made.encoder, made.head, made.encoder, made.head))
        predictor = copy.deepcopy(made.predictor)
        _, log = loss_of(made)
        with torch.no_grad(), evaluating(old), evaluating(old_head):
            given = old(X) if isinstance(method, PFR) else old_head(old(X))
        with torch.no_grad():
            said = now(X) if isinstance(method, PFR) else head(now(X))
            g = predictor(said)
        u, v = (nn.functional.normalize(one, dim=1) for one in (g, given))
        if isinstance(method, PFR):
            wanted = -0.5 * (u * v).sum(1).mean()
        else:
            likeness = (u @ v.T / 0.1).double()
            both = [likeness.log_softmax(dim).diagonal().mean() for dim in (0, 1)]
            wanted = -0.5 * sum(both) / 2
        assert float(log["keeping"]) == pytest.approx(float(wanted), rel=1e-4)


def test_the_first_task_and_weight_0_have_nothing_beside_the_task() -> None:
    for made in (module(CaSSLe(), later=False), module(PFR(weight=0.0)), module(FineTune())):
        assert made.before is None and made.predictor is None
        assert "keeping" not in loss_of(made)[1]


def test_what_helped_to_keep_goes_in_the_end() -> None:
    made = module(CaSSLe(hidden=8))
    names = set(made.state_dict())
    made.settle()
    left = set(made.state_dict())
    assert left == {name for name in names if name.startswith(("encoder.", "head."))} != names


def test_a_task_that_takes_no_pooled_features_is_refused() -> None:
    made = module(PFR(hidden=8), "simclr")
    made.objective = _Maps()
    with pytest.raises(InputError, match="pooled features"):
        made(START, Puzzle(X, None), torch.Generator())


class _Maps(load("task", "simclr")):
    def loss(self, encoder, head, inputs, targets, at=START):
        return encoder.maps(inputs)[-1].mean(), {}
