"""The line itself, on a handful of tiny pictures and few steps: one budget, nothing done twice, the same twice."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from regard.core.checks import InputError, RunError
from regard.core.events import Event
from regard.core.runtime import threads
from regard.data.imageset import ImageSet
from regard.representation.embed import embed
from regard.reuse.probe import probe
from regard.studies import history_cells
from regard.studies.history import FILE, run_history
from regard.studies.history_cells import Cell
from regard.studies.history_found import MAIN, History

PAIR = "alexnet,resnet"


def pictures(count: int, seed: int, things: int = 1) -> ImageSet:
    """Dark and bright noise of 16 pixels, `things` pictures of each thing."""
    rng = np.random.default_rng(seed)
    labels = np.where(np.arange(count) // things % 2, "bright", "dark")
    items = [rng.integers(100 * (name == "bright"), 156 + 100 * (name == "bright"), (16, 16, 3)) for name in labels]
    of = {"identity": np.array([f"{seed}-{at // things}" for at in range(count)])} if things > 1 else {}
    ids = np.array([f"{seed}/{at}" for at in range(count)])
    return ImageSet([item.astype(np.uint8) for item in items], ids, labels, of, "noise")


def ran(out: Path, **more: object) -> History:
    given = {"networks": PAIR, "classic": False, "references": (), "seeds": 2, "steps": 2, "batch": 8, "rates": (1e-3,)}
    return run_history(pictures(40, 0), pictures(20, 1), out=out, size=16, device="cpu", **{**given, **more})


def heard(said: list[Event]):
    def watch(events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            said.append(event)
            yield event

    return watch


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, History]:
    out = tmp_path_factory.mktemp("line") / "out"
    return out, ran(out)


def test_rows_facts_and_folders(once: tuple[Path, History]) -> None:
    out, found = once
    assert [row.name for row in found.rows] == ["alexnet_scaled", "resnet_scaled"] and not found.failed
    assert {name: facts.depth for name, facts in found.facts.items()} == {"alexnet_scaled": 8, "resnet_scaled": 18}
    for name, facts in found.facts.items():
        assert found.experiment.arms[name].scores[MAIN].shape == (2, 20)
        assert facts.parameters > 100_000 < facts.flops and facts.seconds > 0 and facts.rate == 1e-3
        for seed in (0, 1):
            card = json.loads((out / "runs" / name / f"seed-{seed}" / "card.json").read_text())
            assert card["training"]["steps_done"] == 2 and card["training"]["precision"] == found.about["precision"]
            cell = Cell.read(out / "cells" / f"{name}-{seed}.json")
            assert cell.right.tolist() == found.experiment.arms[name].scores[MAIN][seed].tolist()
    assert found.majority == 0.5 and found.about["pictures"] == {"train": 40, "test": 20}


def test_the_score_is_that_of_the_run_s_own_classifier(once: tuple[Path, History]) -> None:
    from regard.studies.robustness import own_classifier

    out, found = once
    test = pictures(20, 1)
    predict, _ = own_classifier(out / "runs" / "resnet_scaled" / "seed-1")
    right = found.experiment.arms["resnet_scaled"].scores[MAIN][1]
    assert (predict(test) == test.labels).mean() == pytest.approx(right.mean(), abs=0.051)  # bf16 there


def test_again_it_is_equal_and_in_place_nothing_is_done(once: tuple[Path, History], tmp_path: Path) -> None:
    out, found = once
    second = ran(tmp_path / "again")
    before = {file: file.stat().st_mtime_ns for file in out.rglob("*.*") if file.name != FILE}
    third = ran(out)
    assert {file: file.stat().st_mtime_ns for file in out.rglob("*.*") if file.name != FILE} == before
    for name in found.facts:
        for other in (second, third):
            assert (other.experiment.arms[name].scores[MAIN] == found.experiment.arms[name].scores[MAIN]).all()
    assert third.metrics | {"seconds": 0} == found.metrics | {"seconds": 0}


def test_more_seeds_and_networks_are_all_that_is_done(tmp_path: Path) -> None:
    ran(tmp_path / "out", networks="alexnet", seeds=1, references=("random",))
    said: list[Event] = []
    work = history_cells.work
    done = []

    def counted(job: history_cells.Job) -> str:
        done.append((job.name, job.seed))
        return work(job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("regard.studies.history.work", counted)
        found = ran(tmp_path / "out", watch=heard(said), references=("random",))
    assert done == [("alexnet_scaled", 1), ("resnet_scaled", 0), ("resnet_scaled", 1), ("random", 0), ("random", 1)]
    assert found.experiment.arms["resnet_scaled"].scores[MAIN].shape == (2, 20)
    assert found.facts["random"].depth == 18, "of the last network that was asked for"
    assert [event.step for event in said] == [*range(7), 6] and said[-1].kind == "done"


def test_another_budget_is_another_study(once: tuple[Path, History]) -> None:
    for more, said in (({"steps": 3}, "steps was 2, now 3"), ({"seed": 5}, "first seed"), ({"batch": 4}, "batch was")):
        with pytest.raises(InputError, match=said):
            ran(once[0], **more)


def test_rates_are_chosen_on_a_part_of_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Rep:
        def __init__(self, rate: float) -> None:
            self.card = {"scores": {"accuracy": {0.1: 0.5, 0.01: 0.75, 0.001: 0.75}[rate]}}

    asked = []

    def trained(job: history_cells.Job, place: Path, seed: int, rate: float, short: bool = False) -> Rep:
        assert short and seed == 3 and job.seed is None
        asked.append((job.name, rate))
        if job.name == "alexnet_scaled" or rate == 0.1:
            raise RunError("NaN")
        return Rep(rate)

    def cell(job: history_cells.Job, seed: int) -> None:
        from regard.core.storage import write_json

        costs = {"parameters": 1, "flops": 1, "depth": 1, "seconds": 1.0, "mib": None}
        write_json(job.file, {"right": [1] * 20, **costs})

    monkeypatch.setattr(history_cells, "_trained", trained)
    monkeypatch.setattr(history_cells, "_cell", cell)
    found = ran(tmp_path / "out", rates=(0.1, 0.01, 0.001), seed=3)
    assert len(asked) == 6 and found.facts["resnet_scaled"].rate == 0.01, "of equal ones the first"
    assert found.facts["resnet_scaled"].tried == {"0.1": None, "0.01": 0.75, "0.001": 0.75}
    assert list(found.failed) == ["alexnet_scaled"] and "none of the rates" in found.failed["alexnet_scaled"]
    assert [row.name for row in found.rows] == ["resnet_scaled"]


def test_what_goes_wrong_is_told_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = history_cells.train

    def failing(images: object, task: str, *, backbone: str, **more: object) -> object:
        if backbone == "alexnet_scaled":
            raise RunError("the loss is NaN")
        return train(images, task, backbone=backbone, **more)

    monkeypatch.setattr(history_cells, "train", failing)
    found = ran(tmp_path / "out", seeds=1)
    assert found.failed == {"alexnet_scaled": "the loss is NaN"} and list(found.facts) == ["resnet_scaled"]
    with pytest.raises(RunError, match="no representation came to its end"):
        ran(tmp_path / "other", networks="alexnet", seeds=1)


def test_things_stay_together_and_are_the_units(tmp_path: Path) -> None:
    given = {"networks": "resnet", "classic": False, "references": ("random",), "seeds": 1, "steps": 1, "batch": 8}
    found = run_history(pictures(80, 0, 2), out=tmp_path / "out", size=16, rates=(1e-3,), device="cpu", **given)
    assert found.about["pictures"] == {"train": 60, "test": 20} and found.value("resnet_scaled").n == 10
    card = json.loads((tmp_path / "out" / "runs" / "resnet_scaled" / "seed-0" / "card.json").read_text())
    assert card["data"]["held_out"] % 2 == 0, "both pictures of a thing"
    assert list(found.references) == ["random"] and found.facts["random"].rate is None
    assert found.facts["random"].depth == 18 and any("held out" in note for note in found.notes)


def test_the_classic_pipeline_fits_on_train_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_cells, "DESCRIPTORS", 2000)
    found = ran(tmp_path / "out", networks="resnet", classic=True, seeds=1, steps=1)
    assert [row.name for row in found.rows] == ["bag_of_words", "fisher", "resnet_scaled"]
    sides = [history_cells.shrunk(one, 16) for one in (pictures(40, 0), pictures(20, 1))]
    for name, deep in (("bag_of_words", 256), ("fisher", 2 * 64 * 64)):
        place = tmp_path / "out" / "runs" / name / "seed-0"
        card = json.loads((place / "card.json").read_text())
        assert card["data"]["images"] == 40 and card["size"] == 64 and card["training"]["seed"] == 0
        facts = found.facts[name]
        assert facts.depth == 1 and facts.rate is None and facts.parameters > deep and facts.flops > 1e6
        train, test = (embed(one, str(place), precision="fp32", cache=False) for one in sides)
        assert found.value(name).mean == probe(train, test, classifier="linear").metrics["linear"]
    assert found.order is not None and found.order.n == 3


def test_pictures_are_brought_to_one_size_as_a_network_sees_them() -> None:
    from regard.learning.batches import Feed
    from regard.representation.preprocess import Preprocess

    images = pictures(6, 0)
    small = history_cells.shrunk(images, 8)
    seen = Feed(images, Preprocess(8, 8))(np.arange(6)).images
    assert (np.stack(small.items).transpose(0, 3, 1, 2) == seen.numpy()).all()
    assert small.ids.tolist() == images.ids.tolist() and small.labels.tolist() == images.labels.tolist()


def test_processes_beside_one_another_give_the_same(once: tuple[Path, History], tmp_path: Path) -> None:
    found = ran(tmp_path / "out", workers=2)
    alike = torch.get_num_threads() == max(1, threads() // 2)  # sums in other parts round otherwise
    for name, arm in once[1].experiment.arms.items():
        here, there = found.experiment.arms[name].scores[MAIN], arm.scores[MAIN]
        assert here.shape == there.shape and (not alike or (here == there).all())
