"""Choosing among methods and the source alone: circular validation with a second network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import OPTIONS, SETTINGS, domains, events, representation, run, weights
from regard.adapt.deep import run as deep_run
from regard.adapt.deep.back import turned_round
from regard.adapt.deep.contract import DeepMethod
from regard.adapt.deep.domains import open_domains
from regard.adapt.worth.ways.networks import Training
from regard.core.checks import InputError
from regard.core.storage import read_json

LONGER = replace(SETTINGS, steps=30)


def test_the_domains_are_exchanged_and_no_label_of_the_source_is_left() -> None:
    source, target = domains()
    how = Training(representation(), SETTINGS, "all", 1.0, 1.0, "circular", "best", {}, {})
    plan = how.plan(open_domains(source, target), 0)
    codes = np.arange(len(target)) % 3
    turned = turned_round(plan, codes)
    assert turned.domains.known.train.labels.tolist() == [plan.objective.classes[code] for code in codes]
    assert turned.domains.target.labels is None and turned.domains.truth is None
    assert sorted(turned.domains.target.ids) == sorted(source.ids)
    assert turned.objective.targets == len(source) and turned.keep == "last"


def test_each_method_is_judged_by_all_source_images_and_the_source_alone_stays_where_none_is_better(
    tmp_path: Path,
) -> None:
    found = run("mcc,adabn", tmp_path / "run", settings=LONGER)
    told = {one["name"]: one["scores"]["circular"] for one in found.candidates}
    assert list(told) == ["source_only", "mcc", "adabn"]
    # 60 source images: shares of them, not of the six that are held out
    assert all(np.isclose(60 * one, round(60 * one)) for one in told.values())
    choice = read_json(tmp_path / "run" / "choice.json")
    assert choice["by"] == "circular" and choice["name"] == choice["beside_source_only"] == found.chosen
    if found.chosen == "source_only":
        assert found.metrics["adapted"] == found.metrics["source_only"] and found.metrics["weight"] == 0


def test_a_candidate_that_says_one_class_of_all_is_never_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ruin(DeepMethod):
        """Makes the target one class."""

        def loss(self, seen, parts, at=None):
            return 50 * seen.target_logits[:, 1:].mean() - 50 * seen.target_logits[:, 0].mean(), {}

    load = deep_run.load
    monkeypatch.setattr(deep_run, "load", lambda kind, name: Ruin if name == "ruin" else load(kind, name))
    found = run("ruin,adabn", tmp_path / "run", settings=LONGER)
    told = {one["name"]: one["scores"]["circular"] for one in found.candidates}
    assert np.isclose(told["ruin"], 1 / 3) and found.chosen != "ruin"


def test_poisoned_target_labels_change_no_byte_and_a_stopped_run_goes_on_to_the_same(tmp_path: Path) -> None:
    source, target = domains()
    poisoned = replace(target, labels=np.roll(target.labels, 1))
    given = {"settings": replace(SETTINGS, steps=4)}
    plain = run("mcc,shot", tmp_path / "plain", **given)
    run("mcc,shot", tmp_path / "poisoned", domains=(source, poisoned), **given)
    assert weights(tmp_path / "plain") == weights(tmp_path / "poisoned")
    stream = events("mcc,shot", tmp_path / "stopped", **given)
    for _ in range(17):
        next(stream)
    stream.close()
    again = run("mcc,shot", tmp_path / "stopped", **given)
    assert weights(tmp_path / "plain") == weights(tmp_path / "stopped") and again.candidates == plain.candidates
    assert not (tmp_path / "stopped" / "arms").exists()


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
