"""A task from images alone: what it goes on from, what it leaves, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import pictures, representation
from helpers.unlabelled import ONE, OTHER, SHORT, learn, left
from regard.core.checks import InputError
from regard.core.storage import load_tensors
from regard.create.run import train
from regard.lifelong.lineage import read_lineage
from regard.representation.representation import Representation

STILL = replace(SHORT, steps=1, lr=1e-12, warmup=0.0, weight_decay=0.0)


@pytest.mark.parametrize("objective", ["byol", "simclr", "vicreg"])
@pytest.mark.parametrize("method", ["cassle", "finetune"])
def test_the_head_goes_on_where_the_task_before_left_it(objective: str, method: str, tmp_path: Path) -> None:
    learn(ONE, representation(), method, tmp_path / "0", objective=objective)
    # at no rate only a teacher moves, by little; a head that was drawn anew would show
    learn(OTHER, tmp_path / "0", method, tmp_path / "1", objective=objective, settings=STILL)
    before, after = (load_tensors(tmp_path / one / "head.safetensors") for one in "01")
    assert before.keys() == after.keys(), "nothing of the method is left in it"
    for name, value in before.items():
        if "running" not in name and "tracked" not in name:
            np.testing.assert_allclose(after[name].numpy(), value.numpy(), rtol=0, atol=2e-4)


def test_a_stream_is_a_line_of_representations(tmp_path: Path) -> None:
    learn(ONE, representation(), "cassle", tmp_path / "tasks" / "00")
    learn(OTHER, tmp_path / "tasks" / "00", "cassle", tmp_path / "tasks" / "01")
    last = learn(pictures(40, "c", shift=90), Representation.load(tmp_path / "tasks" / "01"), "pfr", tmp_path / "02")
    assert last.embed(ONE, precision="fp32", cache=False).vectors.shape == (40, 128)
    assert last.card["training"]["number"] == 2 and last.card["training"]["method"]["name"] == "pfr"
    assert last.card["task"]["name"] == "learn: pfr (simclr)" and "accuracy" in last.card["scores"]
    for name in ("preview.png", "answers.png", "events.jsonl", "metrics.json", "learned.json"):
        assert (tmp_path / "02" / name).stat().st_size
    line = read_lineage(tmp_path)
    assert [node.folder for node in line.line("02")] == ["tasks/00", "tasks/01", "02"]


def test_a_run_of_create_is_a_task(tmp_path: Path) -> None:
    train(ONE, "simclr", start=representation(), out=tmp_path / "create", settings=SHORT)
    found = learn(OTHER, tmp_path / "create", "cassle", tmp_path / "1")
    assert found.card["training"]["number"] == 1 and not found.card["training"]["plain"]
    learn(OTHER, tmp_path / "create", "finetune", tmp_path / "plain")
    assert left(tmp_path / "1")[0] != left(tmp_path / "plain")[0]
    learn(OTHER, tmp_path / "create", "cassle", tmp_path / "first", first=True)
    assert left(tmp_path / "first") == left(tmp_path / "plain"), "if asked, nothing of before is kept"


def test_features_of_any_network_can_be_kept(tmp_path: Path) -> None:
    learn(OTHER, representation(), "pfr", tmp_path / "kept", first=False)
    plain = learn(OTHER, representation(), "pfr", tmp_path / "plain")
    assert plain.card["training"]["plain"], "and the card says so"
    assert left(tmp_path / "kept")[0] != left(tmp_path / "plain")[0]
    with pytest.raises(InputError, match="before.*whose head is kept"):
        learn(OTHER, representation(), "cassle", tmp_path / "no", first=False)


def test_other_objectives_go_with_features_and_not_with_embeddings(tmp_path: Path) -> None:
    learn(ONE, representation(), "finetune", tmp_path / "0", objective="rotation")
    learn(OTHER, tmp_path / "0", "pfr", tmp_path / "pfr", objective="rotation")
    learn(OTHER, tmp_path / "0", "finetune", tmp_path / "plain", objective="rotation")
    assert left(tmp_path / "pfr")[0] != left(tmp_path / "plain")[0]
    with pytest.raises(InputError, match="objective.*one of byol, simclr, vicreg"):
        learn(OTHER, tmp_path / "0", "cassle", tmp_path / "no", objective="rotation")
    assert not (tmp_path / "no").exists()


def test_what_cannot_be_is_refused_by_name(tmp_path: Path) -> None:
    first = learn(ONE, representation(), "finetune", tmp_path / "0")
    for more, words in (
        ({"objective": "labels"}, "objective.*from images alone"),
        ({"objective": "simclear"}, "objective.*simclr"),
        ({"objective_settings": {"width": 8}}, "objective_settings.*settings of the task before"),
        ({"chosen": {"wait": 1}}, "--set.*weight"),
        ({"keep": "all"}, "--keep"),
    ):
        with pytest.raises(InputError, match=f"(?s){words}"):
            learn(OTHER, first, "cassle", tmp_path / "1", **more)
        (tmp_path / "1" / "run.json").unlink(missing_ok=True)
    with pytest.raises(InputError, match="unlabelled.*cassle"):
        learn(OTHER, first, "casle", tmp_path / "1", chosen={})
    with pytest.raises(InputError, match="at least 16 different images"):
        learn(OTHER.subset(np.arange(1)), first, "cassle", tmp_path / "1")
    with pytest.raises(InputError, match="holds a run with other settings"):
        learn(OTHER, first, "cassle", tmp_path / "0")
    with pytest.raises(InputError, match="several players"):
        learn(OTHER, representation(), "pfr", tmp_path / "1", objective="gan", first=False)


def test_a_head_that_was_changed_is_refused(tmp_path: Path) -> None:
    learn(ONE, representation(), "finetune", tmp_path / "0")
    (tmp_path / "0" / "head.safetensors").write_bytes(b"other")
    with pytest.raises(InputError, match=r"head\.safetensors"):
        learn(OTHER, tmp_path / "0", "cassle", tmp_path / "1")
