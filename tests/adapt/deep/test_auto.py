"""Choosing among methods and the source alone, by what they say of the target."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.adapting import OPTIONS, SETTINGS, domains, events, run, weights
from regard.adapt.choose.absent import lacking
from regard.adapt.choose.select import Judged
from regard.adapt.deep import run as deep_run
from regard.adapt.deep.arms import Arm
from regard.adapt.deep.auto import information, take
from regard.adapt.deep.contract import DeepMethod
from regard.core.checks import InputError
from regard.core.storage import read_json
from regard.learning.run import Trained

CLASSES, LABELS = ("a", "b", "c", "d"), np.repeat(["a", "b", "c", "d"], 30)


class Even(DeepMethod):
    """Takes both domains to have the same classes."""

    learns = False


class Uneven(Even):
    """Does not."""

    even = False


def arm(name: str, codes: Any, sure: float = 0.97) -> Arm:
    """A candidate that says these classes of the target, so surely."""
    P = np.full((len(codes), 4), (1 - sure) / 3)
    P[np.arange(len(codes)), codes] = sure
    return Arm(name, Trained(), Judged(name, 1.0, {}), P, None, (), Path(name))


def test_information_is_the_mutual_information_of_image_and_class_over_log_k() -> None:
    P = np.random.default_rng(0).dirichlet(np.ones(4), 50)
    total = sum(p * np.log(p / q) for row in P for p, q in zip(row, P.mean(axis=0))) / 50 / np.log(4)
    assert np.isclose(information(P), total)
    assert information(np.eye(4)[[2, 2, 2]]) == pytest.approx(0, abs=1e-9), "sure of one class: it tells nothing"


def test_the_one_that_tells_most_is_taken_unless_it_has_merged_classes() -> None:
    even, merged = np.arange(120) % 4, np.arange(120) % 2
    alone = arm("source_only", even, 0.7)
    methods = {"sure": Even(), "merging": Even()}
    choice, told = take([alone, arm("sure", even, 0.99), arm("merging", merged, 1 - 1e-9)], methods, CLASSES, LABELS)
    assert choice.name == "sure" and choice.by == "information"
    assert "tells fewer classes" in told[2].notes[0] and "0.50 of log K" in told[2].notes[0] and not told[1].notes
    choice, _ = take([alone, arm("sure", even, 0.6)], methods, CLASSES, LABELS)
    assert choice.name == "source_only", "it tells less"


def test_a_class_that_is_hardly_told_refuses_methods_that_would_fill_it() -> None:
    codes = np.arange(120) % 3
    alone, methods = arm("source_only", codes, 0.8), {"even": Even(), "uneven": Uneven()}
    filled = arm("even", np.arange(120) % 4, 0.99)
    choice, told = take([alone, filled, arm("uneven", codes, 0.9)], methods, CLASSES, LABELS)
    assert choice.name == "uneven" and "seems to lack d" in told[1].judged.failed
    shares = np.full(4, 0.25)
    assert lacking(alone.probabilities, shares).tolist() == [3]
    assert lacking(alone.probabilities[:60], shares).size == 0, "of 60 images one class has too few to be missed"
    assert lacking(arm("", np.r_[codes, 3, 3, 3, 3]).probabilities, shares).size == 0, "13 % of its share"
    assert lacking(alone.probabilities, np.array([0.3, 0.3, 0.3, 0.1])).size == 0, "one small class may be mistaken"


def test_a_run_of_several_methods_says_what_was_kept_and_why(tmp_path: Path) -> None:
    found = run("mcc,adabn", tmp_path / "run", settings=replace(SETTINGS, steps=30), keep="best")
    told = {one["name"]: one["scores"]["information"] for one in found.candidates}
    assert list(told) == ["source_only", "mcc", "adabn"]
    choice = read_json(tmp_path / "run" / "choice.json")
    assert choice["by"] == "information" and choice["name"] == found.chosen
    usable = [one["name"] for one in found.candidates if not any("refused" in note for note in one["notes"])]
    assert found.chosen == max(usable, key=told.__getitem__)


def test_where_none_is_taken_the_folder_holds_the_network_of_the_source_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ruin(DeepMethod):
        """Makes the target one class."""

        def loss(self, seen, parts, at=None):
            return 50 * seen.target_logits[:, 1:].mean() - 50 * seen.target_logits[:, 0].mean(), {}

    load = deep_run.load
    monkeypatch.setattr(deep_run, "load", lambda kind, name: Ruin if name == "ruin" else load(kind, name))
    monkeypatch.setattr(deep_run, "TRIED", ("ruin", "never"))
    with pytest.raises(Exception, match="never"):
        run("auto", tmp_path / "unknown")
    monkeypatch.setattr(deep_run, "TRIED", ("ruin",))
    found = run("auto", tmp_path / "run", settings=replace(SETTINGS, steps=30))
    assert found.chosen == "source_only" and found.metrics["weight"] == 0
    assert found.metrics["adapted"] == found.metrics["source_only"]
    assert any("ruin refused" in note for note in found.notes) and "was kept" in found.notes[-1]
    run("mcc", tmp_path / "alone", settings=replace(SETTINGS, steps=30), chosen={"weight": 0.0})
    assert weights(tmp_path / "run") == weights(tmp_path / "alone")


def test_poisoned_target_labels_change_no_byte_and_a_stopped_run_goes_on_to_the_same(tmp_path: Path) -> None:
    source, target = domains()
    poisoned = replace(target, labels=np.roll(target.labels, 1))
    given = {"settings": replace(SETTINGS, steps=4)}
    plain = run("mcc,cdan", tmp_path / "plain", **given)
    run("mcc,cdan", tmp_path / "poisoned", domains=(source, poisoned), **given)
    assert weights(tmp_path / "plain") == weights(tmp_path / "poisoned")
    stream = events("mcc,cdan", tmp_path / "stopped", **given)
    for _ in range(7):
        next(stream)
    stream.close()
    again = run("mcc,cdan", tmp_path / "stopped", **given)
    assert weights(tmp_path / "plain") == weights(tmp_path / "stopped") and again.candidates == plain.candidates


def test_auto_leaves_out_what_the_network_does_not_admit_and_names_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Never(DeepMethod):
        """Admits no network."""

        learns = False

        def admits(self, network):
            raise InputError("no network")

    load = deep_run.load
    monkeypatch.setattr(deep_run, "TRIED", ("mcc", "never"))
    monkeypatch.setattr(deep_run, "load", lambda kind, name: Never if name == "never" else load(kind, name))
    found = run("auto", tmp_path / "auto", settings=replace(SETTINGS, steps=2))
    assert [one["name"] for one in found.candidates] == ["source_only", "mcc"]
    with pytest.raises(InputError, match="no network"):
        run("mcc,never", tmp_path / "named", settings=replace(SETTINGS, steps=2))
    with pytest.raises(InputError, match="--set.*alone with several methods"):
        run("mcc,shot", tmp_path / "set", chosen={"temperature": 2.0})
    assert OPTIONS["keep"] == "last"
