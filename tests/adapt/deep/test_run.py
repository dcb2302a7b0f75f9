"""A run of deep adaptation as a verb: candidates, known labels, figures, what it refuses, and what it warns of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import domains, pictures, representation, run, weights
from regard import adapt
from regard.adapt.deep.run import candidates
from regard.adapt.deep.signs import signs
from regard.core.checks import InputError
from regard.core.events import Event
from regard.core.storage import read_json
from regard.representation.representation import Representation
from regard.reuse.finetune import classify

SHORT = {"steps": 6, "batch": 8, "precision": "fp32", "device": "cpu"}


def test_several_weights_are_candidates_that_are_judged_without_target_labels(tmp_path: Path) -> None:
    found = run("deep_coral", tmp_path / "run", chosen={"weight": (0.5, 1, 4.0)}, keep="best", by="snd")
    names = [one["name"] for one in found.candidates]
    assert names == ["source_only", "deep_coral weight=0.5", "deep_coral", "deep_coral weight=4"]
    scores = {one["name"]: one["scores"]["snd"] for one in found.candidates[1:]}
    assert found.chosen == max(scores, key=scores.__getitem__)
    assert found.metrics["weight"] in (0.5, 1, 4) and f"{found.metrics['weight']:g}" in (*found.chosen.split("="), "1")
    told = read_json(tmp_path / "run" / "choice.json")
    assert told["by"] == "snd" and told["name"] == found.chosen


def test_known_target_labels_change_what_is_learned_and_classify_reads_the_folder(tmp_path: Path) -> None:
    few = pictures(9, "few", shift=90)
    wrong = replace(few, labels=few.labels[::-1].copy())
    for name, labelled in (("none", None), ("few", few), ("wrong", wrong)):
        run("mcc", tmp_path / name, labelled=labelled)
    assert len({weights(tmp_path / name) for name in ("none", "few", "wrong")}) == 3
    assert read_json(tmp_path / "few" / "metrics.json")["labelled"] == 9
    ids, probabilities, classes = classify(tmp_path / "few", domains()[1])
    told = read_json(tmp_path / "few" / "predictions.json")
    assert list(classes) == ["a", "b", "c"] and ids.tolist() == told["ids"]
    assert [classes[code] for code in probabilities.argmax(1)] == told["predictions"]


def test_the_figures_are_those_of_the_predictions_and_the_card_names_the_parent(tmp_path: Path) -> None:
    source, target = domains()
    found = run("mcc", tmp_path / "run", keep="best")
    right = np.mean(found.predictions == target.labels)
    assert found.ids.tolist() == target.ids.tolist() and np.isclose(found.metrics["adapted"], right)
    assert np.isclose(found.metrics["gain"], found.metrics["adapted"] - found.metrics["source_only"])
    assert found.metrics["oracle"] >= max(found.metrics["adapted"], found.metrics["source_only"])
    assert found.metrics["adapted_low"] <= right <= found.metrics["adapted_high"]
    card = Representation.load(tmp_path / "run").card
    assert card["parent"]["fingerprint"] == representation().fingerprint
    assert card["task"]["method"]["temperature"] == 2.5 and card["data"]["target"] == target.name
    again = run("mcc", tmp_path / "run", keep="best")
    assert again.metrics == found.metrics, "a finished run is read, not trained anew"
    with pytest.raises(InputError, match="other settings: .*set weight"):
        run("mcc", tmp_path / "run", keep="best", chosen={"weight": 0.5})


def test_the_verb_gives_the_same_and_says_so_in_json(tmp_path: Path) -> None:
    source, target = domains()
    given = {**SHORT, "keep": "last", "backbone_lr_factor": 1.0}
    found = adapt(source, target, method="mcc", with_=representation(), out=tmp_path / "verb", **given)
    run("mcc", tmp_path / "run")
    assert weights(tmp_path / "verb") == weights(tmp_path / "run")
    told = found.to_dict()
    assert {"source_only", "adapted", "gain_low", "oracle"} <= told["metrics"].keys()
    assert told["verdicts"] == {"mcc": "too few to say"} and told["candidates"][0]["name"] == "source_only"
    assert [row[0] for row in found.rows().rows] == ["source_only", "mcc", "oracle"]
    assert "judged without target labels" in repr(found)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"method": ["mcc", "coral"]}, "--method.*or auto alone"),
        ({"method": ["coral"], "deep": True}, "--method.*--deep asks"),
        ({"out": None}, "--out.*a folder"),
        ({"out": "x.csv"}, "--out"),
        ({"tune": True}, "--tune"),
        ({"classifier": "svm"}, "--classifier"),
        ({"set_": {"wait": 1}}, "--set.*Did you mean 'weight'"),
        ({"set_": {"weight": -1.0}}, "--set weight"),
        ({"keep": "first"}, "--keep"),
        ({"by": "target"}, "--by"),
        ({"source": np.zeros((4, 3))}, "SOURCE.*vectors"),
        ({"source": "plain"}, "without labels"),
        ({"target": "strangers"}, "TARGET.*the source has not"),
        ({"labelled": "same"}, "--labelled.*TARGET too"),
        ({"method": "coral", "steps": 3}, "--steps.*trains the network"),
        ({"method": "adabn", "with_": "timm"}, "without batch normalisation"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(tmp_path: Path, change: dict, message: str) -> None:
    source, target = domains()
    stand_ins = {
        "plain": replace(source, labels=None),
        "strangers": replace(target, labels=np.array(["x"] * len(target))),
        "same": target,
        "timm": Representation.load("random:vit_tiny_patch16_224") if change.get("with_") == "timm" else None,
    }
    given = {"source": source, "target": target, "method": "mcc", "with_": representation(), "out": tmp_path / "run"}
    given |= {key: stand_ins.get(value, value) if isinstance(value, str) else value for key, value in change.items()}
    if given["out"] == "x.csv":
        given["out"] = tmp_path / "x.csv"
    with pytest.raises(InputError, match=message):
        adapt(given.pop("source"), given.pop("target"), **SHORT | given)
    assert not (tmp_path / "run" / "arms").exists()


def test_target_classes_that_the_source_has_not_are_told_of(tmp_path: Path) -> None:
    source, target = domains()
    some = replace(target, labels=np.where(np.arange(len(target)) < 7, "new", target.labels))
    found = run("mcc", tmp_path / "run", domains=(source, some))
    assert any("33.3% of the target samples cannot be right" in note for note in found.notes)


def test_signs_are_given_of_collapse_and_of_a_constant_adversary_alone() -> None:
    even, one = np.full((6, 4), 0.25), np.tile([0.97, 0.01, 0.01, 0.01], (6, 1))
    assert signs([], even) == [] and "97% of it is told to be of one class" in signs([], one)[0]
    told = [Event("train", 1, 2, {"domain_spread": spread}) for spread in (1e-6, 0.5)]
    assert signs(told, even) == [] and "same of every image" in signs(told[:1], even)[0]


def test_weights_and_settings_are_read_from_text() -> None:
    made, shared = candidates("dann", {"weight": [0.3, "1"], "hidden": "7", "recipe": None, "together": "false"})
    assert [one.weight for one in made.values()] == [0.3, 1.0] and made["dann weight=1"].hidden == 7
    assert shared == {"recipe": "none", "together": False}
