"""What holds for every method of deep adaptation, found by its file name."""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.adapting import OPTIONS, domains, events, pictures, representation, run, seen, weights
from helpers.guards import random_state_untouched
from regard.adapt.deep.adapting import Adapting
from regard.adapt.deep.contract import Seen
from regard.adapt.deep.signs import signs
from regard.core.checks import InputError
from regard.core.discover import load, names, summary
from regard.core.events import Event
from regard.core.runtime import seeded_init
from regard.data.sampling import hold_out
from regard.learning.batch import Batch
from regard.learning.method_settings import setting_names, typed_settings
from regard.reuse.finetune import finetune

NAMES = names("deep")
LEARNING = [name for name in NAMES if load("deep", name).learns]


def said(name: str, given: Seen) -> tuple[torch.Tensor, dict]:
    """A method's loss with its parts, after what it asks for before an epoch."""
    method = load("deep", name)()
    with seeded_init(0):
        parts = method.parts(given.target_features.shape[1], given.target_logits.shape[1], len(given.rows))
    if method.looks:
        method.every_epoch(given.target_features.detach(), given.target_logits.detach(), parts)
    return method.loss(given, parts)


@pytest.fixture(scope="module")
def source_only(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What ordinary fine-tuning on the same source images learns."""
    learn, held, _ = hold_out(domains()[0], 0.1, 0)
    out = tmp_path_factory.mktemp("tuned") / "run"
    finetune(learn, held, representation(), out=out, **OPTIONS)
    return weights(out)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_a_frozen_dataclass_that_text_can_set(name: str) -> None:
    method = load("deep", name)
    assert is_dataclass(method) and method.__dataclass_params__.frozen
    assert all(method.__doc__ and f"{one}:" in method.__doc__ for one in setting_names(method)), "each is explained"
    assert method(**typed_settings(method, {f.name: str(f.default) for f in fields(method)})) == method()
    assert summary("deep", name).endswith(".")
    with pytest.raises(InputError, match="--set weight"):
        method(weight=-0.1)


@pytest.mark.parametrize("name", LEARNING)
def test_the_loss_has_a_gradient_with_respect_to_what_the_network_says(name: str) -> None:
    given = seen()
    with random_state_untouched():
        loss, told = said(name, given)
    assert loss.ndim == 0 and torch.isfinite(loss) and all(np.isfinite(float(value)) for value in told.values())
    loss.backward()
    reached = [one.grad for one in (given.target_features, given.target_logits) if one.grad is not None]
    assert reached and any(bool(grad.abs().max() > 1e-6) for grad in reached)
    assert all(torch.isfinite(grad).all() for grad in reached)


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("sizes", [(1, 1), (1, 30), (30, 1), (12, 9)])
def test_domains_of_any_two_sizes_give_a_number(name: str, sizes: tuple[int, int]) -> None:
    given = seen(*sizes)
    loss, _ = said(name, given)
    loss.backward()
    for one in given[:4]:
        assert one.grad is None or bool(torch.isfinite(one.grad).all())


@pytest.mark.parametrize("name", LEARNING)
def test_a_target_of_one_class_whose_images_look_alike_gives_a_number(name: str) -> None:
    given = seen()
    alike = given._replace(
        target_features=given.target_features[:1].detach().repeat(9, 1).requires_grad_(),
        target_logits=torch.tensor([[200.0, 0.0, -200.0]]).repeat(9, 1).requires_grad_(),
    )
    loss, _ = said(name, alike)
    loss.backward()
    assert torch.isfinite(loss)
    for one in (alike.target_features, alike.target_logits):
        assert one.grad is None or bool(torch.isfinite(one.grad).all())


@pytest.mark.parametrize("name", LEARNING)
def test_not_a_number_stays_one_so_that_the_run_stops(name: str) -> None:
    given = seen()
    nan = given._replace(target_features=given.target_features * np.nan, target_logits=given.target_logits * np.nan)
    assert torch.isnan(said(name, nan)[0])


@pytest.mark.parametrize("name", LEARNING)
def test_labels_outside_the_mask_change_nothing_and_inside_they_do(name: str) -> None:
    objective = replace(Adapting(load("deep", name)(), recipe="none"), classes=("a", "b", "c"), targets=9)
    encoder = representation().encoder
    with seeded_init(0):
        head = objective.head(encoder)
    g = torch.Generator().manual_seed(0)
    known = torch.tensor([True, False, False, False])
    batch = Batch(
        **{
            "source/images": torch.rand(6, 3, 8, 8, generator=g),
            "source/labels": torch.arange(6) % 3,
            "target/images": torch.rand(4, 3, 8, 8, generator=g),
            "target/labels": torch.tensor([1, 0, 0, 0]),
            "target/known": known,
        }
    )
    losses = []
    for labels in ([1, 0, 0, 0], [1, 2, 77, -5], [2, 0, 0, 0]):
        ready = objective.prepare(batch.replace(**{"target/labels": torch.tensor(labels)}), g)
        losses.append(float(objective.loss(encoder, head, *ready)[0].detach()))
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("name", NAMES)
def test_weight_0_is_the_source_alone_to_the_bit_and_weight_1_is_not(
    name: str, tmp_path: Path, source_only: bytes
) -> None:
    found = run(name, tmp_path / "none", chosen={"weight": 0})
    assert weights(tmp_path / "none") == source_only
    assert found.metrics["source_only"] == found.metrics["adapted"] and found.metrics["gain"] == 0
    run(name, tmp_path / "one")
    assert weights(tmp_path / "one") != source_only


@pytest.mark.parametrize("name", NAMES)
def test_poisoned_target_labels_change_no_byte(name: str, tmp_path: Path) -> None:
    source, target = domains()
    poisoned = replace(target, labels=np.array(["a", "c", "b"])[np.arange(len(target)) // 7])
    without = replace(target, labels=None)
    found = [
        run(name, tmp_path / str(place), domains=(source, one), keep="best")
        for place, one in enumerate((target, poisoned, without))
    ]
    assert weights(tmp_path / "0") == weights(tmp_path / "1") == weights(tmp_path / "2")
    assert found[0].candidates == found[1].candidates == found[2].candidates
    assert {"adapted", "oracle"} <= found[0].metrics.keys() and "adapted" not in found[2].metrics


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_stopped_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    whole = run(name, tmp_path / "whole")
    for stop in (2, 1):  # checkpoints of the source alone, then of the method where it learns
        stream = events(name, tmp_path / "stopped")
        for count, _ in enumerate(event for event in stream if event.kind == "checkpoint"):
            if count == stop:
                break
        stream.close()
    again = run(name, tmp_path / "stopped")
    assert weights(tmp_path / "whole") == weights(tmp_path / "stopped")
    assert whole.predictions.tolist() == again.predictions.tolist() and whole.candidates == again.candidates
    assert not (tmp_path / "stopped" / "arms").exists()


@pytest.mark.parametrize("name", NAMES)
def test_one_class_and_very_few_images_in_the_target(name: str, tmp_path: Path) -> None:
    few = pictures(6, "t", shift=60).subset(np.array([0, 3]))
    found = run(name, tmp_path / "few", domains=(domains()[0], few))
    assert len(found.predictions) == 2 and found.metrics["target"] == 2
    alone = domains()[0], few.subset(np.array([0]))
    if load("deep", name).needs_source:
        assert len(run(name, tmp_path / "one", domains=alone).predictions) == 1
    else:
        with pytest.raises(InputError, match="TARGET.*1 image"):
            run(name, tmp_path / "one", domains=alone)


@pytest.mark.parametrize("name", LEARNING)
def test_a_constant_adversary_is_told_of(name: str) -> None:
    method = load("deep", name)()
    parts = method.parts(5, 3, 9)
    if parts is None or "domain_spread" not in method.loss(seen(), parts)[1]:
        assert not list(parts.parameters() if parts else ()), "what learns against the network logs its spread"
        return
    sure = np.eye(3)
    told = [Event("train", 1, 1, {"domain_spread": float(method.loss(seen(), parts)[1]["domain_spread"])})]
    assert not signs(told, sure)
    with torch.no_grad():
        for parameter in parts.parameters():
            parameter.zero_()
    told = [Event("train", 1, 1, {"domain_spread": float(method.loss(seen(), parts)[1]["domain_spread"])})]
    assert "same of every image" in signs(told, sure)[0]
