"""What holds for every method that learns task after task without labels, found by its file name."""

import copy
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.adapting import representation
from helpers.guards import random_state_untouched
from helpers.unlabelled import ONE, OTHER, SHORT, events, learn, left
from regard.core.checks import InputError, RunError
from regard.core.discover import load, names, summary
from regard.create.pretext.simclr import Method as SimCLR
from regard.create.run import train
from regard.learning.method_settings import setting_names, typed_settings
from regard.lifelong.unlabelled.contract import Foretelling

NAMES = names("unlabelled")
FORETELLING = [name for name in NAMES if issubclass(load("unlabelled", name), Foretelling)]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A first task."""
    out = tmp_path_factory.mktemp("first")
    learn(ONE, representation(), "finetune", out)
    return out


@pytest.fixture(scope="module")
def finetuned(first: Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What plain fine-tuning makes of the second."""
    out = tmp_path_factory.mktemp("second")
    learn(OTHER, first, "finetune", out)
    return left(out)


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_a_frozen_dataclass_that_text_can_set(name: str) -> None:
    method = load("unlabelled", name)
    assert is_dataclass(method) and method.__dataclass_params__.frozen
    assert all(f"{one}:" in method.__doc__ for one in setting_names(method)), "each is explained"
    assert method(**typed_settings(method, {f.name: str(f.default) for f in fields(method)})) == method()
    assert summary("unlabelled", name).endswith(".")


@pytest.mark.parametrize("name", FORETELLING)
def test_settings_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="--set weight"):
        load("unlabelled", name)(weight=-0.1)
    with pytest.raises(InputError, match="--set hidden"):
        load("unlabelled", name)(hidden=0)


@pytest.mark.parametrize("name", FORETELLING)
def test_the_loss_is_least_where_all_is_foretold_and_grows_with_the_weight(name: str) -> None:
    said, kind = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), load("unlabelled", name)
    with random_state_untouched():
        met, missed = (kind().loss(SimCLR(), predicted, said) for predicted in (said, -said))
    assert met < missed and torch.isfinite(met)
    assert torch.allclose(kind(weight=3.0).loss(SimCLR(), -said, said), 3 * missed)


@pytest.mark.parametrize("name", NAMES)
def test_a_first_task_is_what_create_makes_to_the_bit(name: str, tmp_path: Path) -> None:
    learn(ONE, representation(), name, tmp_path / "task")
    train(ONE, "simclr", start=representation(), out=tmp_path / "create", settings=SHORT)
    assert left(tmp_path / "task") == left(tmp_path / "create")


@pytest.mark.parametrize("name", FORETELLING)
def test_weight_0_is_finetuning_to_the_bit_and_the_default_is_not(
    name: str, first: Path, finetuned: list[bytes], tmp_path: Path
) -> None:
    learn(OTHER, first, name, tmp_path / "none", chosen={"weight": 0})
    assert left(tmp_path / "none") == finetuned
    learn(OTHER, first, name, tmp_path / "some")
    assert left(tmp_path / "some")[0] != finetuned[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_task_that_is_stopped_goes_on_to_the_same_bits(name: str, first: Path, tmp_path: Path) -> None:
    before = left(first)
    learn(OTHER, first, name, tmp_path / "whole")
    told = events(OTHER, first, name, tmp_path / "stopped")
    for event in told:
        if event.kind == "checkpoint":
            break
    told.close()
    assert not (tmp_path / "stopped" / "card.json").exists()
    learn(OTHER, first, name, tmp_path / "stopped")
    assert left(tmp_path / "whole") == left(tmp_path / "stopped")
    assert [event.kind for event in events(OTHER, first, name, tmp_path / "whole")] == ["done"]
    assert left(first) == before, "what was gone on from is as it was"


@pytest.mark.parametrize("name", NAMES)
def test_not_a_number_stops_the_task(name: str, tmp_path: Path) -> None:
    broken = copy.deepcopy(representation())
    with torch.no_grad():
        next(broken.encoder.parameters()).fill_(np.nan)
    with pytest.raises(RunError, match="nan"):
        learn(ONE, broken, name, tmp_path / "0")
    assert not (tmp_path / "0" / "card.json").exists()
