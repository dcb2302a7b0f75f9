"""The four ways to use a network in one comparison: each as it is alone, shared, kept, and gone on with when killed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.adapting import SETTINGS, domains, pictures, representation, run
from regard import compare_adapt
from regard.adapt.deep.batches import in_equal_shares
from regard.adapt.deep.domains import open_domains
from regard.adapt.worth.run import compare
from regard.adapt.worth.ways.found import FourWays
from regard.adapt.worth.ways.run import compare_ways
from regard.core.checks import InputError
from regard.core.storage import load_tensors, read_json
from regard.learning.batch import Batch
from regard.metrics.contrast import contrast
from regard.representation.embed import embed

GIVEN: dict[str, Any] = {
    "shallow": ["coral"],
    "deep": ["mcc", "adabn"],
    "seeds": (0, 1),
    "keep": "last",
    "settings": SETTINGS,
    "backbone_lr_factor": 1.0,
}


def ways(out: Path, **changes: Any) -> FourWays:
    source, target = changes.pop("domains", None) or domains()
    return compare_ways(source, target, representation(), out=out, **{**GIVEN, **changes})


def predictions(folder: Path) -> dict[str, list[str]]:
    return {file.stem: read_json(file)["predictions"] for file in sorted((folder / "cells").glob("*.json"))}


def figures(found: FourWays) -> dict[str, Any]:
    return {name: value for name, value in found.metrics().items() if "seconds" not in name}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[FourWays, Path]:
    out = tmp_path_factory.mktemp("ways") / "run"
    return ways(out), out


def test_rows_stand_way_by_way_against_what_they_start_from(whole: tuple[FourWays, Path]) -> None:
    found, _ = whole
    assert {row.name: row.against for row in found.rows if row.gain is not None} == {
        "coral": "source_only",
        "finetuned": "source_only",
        "finetuned_coral": "finetuned",
        "mcc": "finetuned",
        "adabn": "finetuned",
        "deep_auto": "finetuned",
        "oracle": "finetuned",
    }
    for row in found.rows:
        assert row.right.shape == (2, 21) and np.isclose(row.accuracy.mean, row.right.mean())
        start = found.row(row.against).right
        assert row.gain is None or row.gain == contrast(row.right, start), "the one engine, paired over seeds"
    told = found.metrics()
    assert np.isclose(told["mcc_gain"], told["mcc"] - told["finetuned"])  # type: ignore[operator]
    assert np.isclose(told["mcc_ahead"], told["mcc"] - told["source_only"])  # type: ignore[operator]
    assert told["mcc_best"] >= told["mcc"] and "coral_best" not in told  # type: ignore[operator]
    assert found.row("adabn").seconds >= found.row("finetuned").seconds > 0, "what it stands on is counted"


def test_each_way_gives_what_it_gives_by_itself(whole: tuple[FourWays, Path], tmp_path: Path) -> None:
    found, _ = whole
    for name in ("mcc", "adabn"):
        alone = run(name, tmp_path / name)
        right = alone.predictions == domains()[1].labels
        assert np.array_equal(found.row(name).right[0], right)
        assert np.isclose(found.row("finetuned").right[0].mean(), alone.metrics["source_only"])
    a, b = (embed(one, representation(), device="cpu") for one in domains())
    shallow = compare(a, b, ["coral"])
    for name in ("source_only", "coral"):
        assert np.array_equal(found.row(name).right[1], shallow.row(name).right[0])


def test_what_was_stopped_goes_on_to_the_same_numbers_and_what_is_done_stays(
    whole: tuple[FourWays, Path], tmp_path: Path
) -> None:
    found, _ = whole

    def killed(events: Any) -> Any:
        for event in events:
            yield event
            if event.text == "seed 1: mcc":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ways(tmp_path / "run", watch=killed)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").glob("cells/*-0.json")}
    assert len(before) == 7 and not (tmp_path / "run" / "cells" / "oracle-1.json").exists()
    again = ways(tmp_path / "run")
    assert figures(again) == figures(found)
    assert all(file.stat().st_mtime_ns == time for file, time in before.items()), "what is done is read"
    with pytest.raises(InputError, match="other settings"):
        ways(tmp_path / "run", share=0.5)


def test_a_method_that_comes_later_goes_on_from_the_same_network(whole: tuple[FourWays, Path]) -> None:
    found, out = whole
    networks = {file: file.stat().st_mtime_ns for file in out.glob("networks/*/source_only/arm.safetensors")}
    assert len(networks) == 2 and not list(out.glob("networks/*/mcc*")), "methods' networks are not kept"
    more = ways(out, deep=["mcc", "shot"])
    assert more.row("mcc").gain == found.row("mcc").gain and more.row("shot").right.shape == (2, 21)
    assert {file: file.stat().st_mtime_ns for file in networks} == networks
    other = ways(out, deep=["mcc"], chosen={"mcc": {"weight": (0.0, 30.0)}})
    assert set(other.row("mcc").chosen) <= {"mcc weight=0", "mcc weight=30"}, "other settings, another cell"


def test_target_labels_change_no_prediction_but_the_ceilings(whole: tuple[FourWays, Path], tmp_path: Path) -> None:
    source, target = domains()
    poisoned = replace(target, labels=np.roll(target.labels, 1))  # type: ignore[arg-type]
    ways(tmp_path / "run", domains=(source, poisoned), ceiling=False)
    own = {name: told for name, told in predictions(whole[1]).items() if not name.startswith("oracle")}
    theirs = predictions(tmp_path / "run")
    assert {name: own[name] for name in theirs} == theirs and len(theirs) == 12


def test_shots_go_to_all_and_are_scored_by_none(tmp_path: Path) -> None:
    found = ways(tmp_path / "run", shots=2, deep=["mcc", "adabn"], ceiling=False)
    known = np.isnan(found.row("source_only").right)
    assert (known.sum(axis=1) == 6).all() and (known[0] != known[1]).any(), "drawn for each seed"
    assert all(np.array_equal(np.isnan(row.right), known) for row in found.rows)
    against = {row.name: row.against for row in found.rows}
    assert against["mcc"] == against["finetuned_coral"] == "finetuned_and_labels"
    assert against["coral"] == "source_and_labels" and against["finetuned_and_labels"] == "finetuned"
    # the network that labels have taught: no image without a label has changed it
    arms = sorted((tmp_path / "run").glob("networks/0-*/source_and_labels/arm.safetensors"))
    source, target = domains()
    items = [item if row else np.full_like(item, 7) for item, row in zip(target.items, known[0])]
    other = replace(target, items=items)
    ways(tmp_path / "other", domains=(source, other), shots=2, shallow=(), deep=(), seeds=(0,), ceiling=False)
    theirs = sorted((tmp_path / "other").glob("networks/0-*/source_and_labels/arm.safetensors"))
    one, two = load_tensors(arms[0]), load_tensors(theirs[0])
    assert all(np.array_equal(one[key], two[key]) for key in one if key != "probabilities")
    plain = load_tensors(arms[0].parents[1] / "source_only" / "arm.safetensors")
    assert any(not np.array_equal(one[key], plain[key]) for key in plain if key != "probabilities")


def test_several_sources_have_equal_shares_of_each_batch(tmp_path: Path) -> None:
    names = np.array(["a"] * 3 + ["b"] * 12 + ["c"] * 15)
    made = in_equal_shares(lambda rows: Batch(*(torch_rows(rows),) * 3), names, 11, 0)
    for step in range(made.steps_per_epoch):
        rows = names[made(step)["rows"].numpy()]
        assert [int((rows == name).sum()) for name in "abc"] == [3, 4, 3]
    source, target = domains()
    several = replace(source, columns={"domain": np.where(np.arange(len(source)) < 12, "few", "many")})
    assert "SOURCE has 2 domains (few, many): pooled" in " ".join(open_domains(several, target).notes)
    assert open_domains(several, target).content != open_domains(source, target).content
    found = ways(tmp_path / "run", domains=(several, target), shallow=(), deep=["mcc"], seeds=(0,), ceiling=False)
    assert found.row("mcc").right.shape == (1, 21) and any("2 domains" in note for note in found.notes)
    with pytest.raises(InputError, match="--batch.*one image of each domain"):
        ways(tmp_path / "small", domains=(several, target), settings=replace(SETTINGS, batch=1), seeds=(0,), shallow=())


def torch_rows(rows: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(np.asarray(rows))


def test_a_class_with_too_few_target_images_has_no_ceiling(tmp_path: Path) -> None:
    target = pictures(4, "t", shift=60)
    found = ways(tmp_path / "run", domains=(domains()[0], target), shallow=(), deep=(), seeds=(0,))
    assert [row.name for row in found.rows] == ["source_only", "finetuned"]
    assert any(note.startswith("oracle left out: ") for note in found.notes)
    assert found.row("finetuned").gain.verdict == "too few to say", "of one seed"  # type: ignore[union-attr]


def test_the_verb_keeps_a_folder_and_writes_a_page(tmp_path: Path) -> None:
    source, target = domains()
    asked = {"deep": True, "steps": 6, "batch": 8, "precision": "fp32", "device": "cpu", "backbone_lr_factor": 1.0}
    page, out = tmp_path / "page.html", tmp_path / "run"
    found = compare_adapt(
        source, target, with_=representation(), methods="coral,mcc", auto=False, seeds=2, out=out, report=page, **asked
    )
    told = found.to_dict()
    assert told["against"]["mcc"] == "finetuned" and told["ways"]["coral"] == "shallow on frozen features"
    assert read_json(out / "comparison.json")["metrics"] == told["metrics"] | {
        "seconds": read_json(out / "comparison.json")["metrics"]["seconds"]
    }
    text = page.read_text(encoding="utf-8")
    assert "finetuned_coral" in text and "best at any scoring" in text and "--deep" in text
    assert "deep adaptation, against finetuned" in repr(found)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"deep": False, "steps": 3}, "--steps.*--deep"),
        ({"deep": False, "methods": "mcc"}, "--methods.*--deep"),
        ({"methods": "mcc,corel"}, "--methods.*coral"),
        ({"methods": "all,mcc"}, "--methods.*all, or names"),
        ({"methods": "easyadapt"}, "EasyAdapt learns from them"),
        ({"seeds": 0}, "--seeds"),
        ({"by": "labels"}, "--by"),
        ({"no_resume": True}, "--no-resume.*--out"),
        ({"source": np.zeros((4, 3))}, "SOURCE.*vectors"),
        ({"target": "plain"}, "labels to score with"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    source, target = domains()
    given: dict[str, Any] = {"source": source, "target": target, "with_": representation(), "deep": True} | change
    if isinstance(given["target"], str):
        given["target"] = replace(target, labels=None)
    if given["deep"]:
        given.setdefault("steps", 2)
    with pytest.raises(InputError, match=message):
        compare_adapt(given.pop("source"), given.pop("target"), **given)
