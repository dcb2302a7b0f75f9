"""The table of corruptions as a verb: the run's own classifier or a new one, the page, and what it refuses."""

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import pictures, representation
from regard import robustness
from regard.core.checks import InputError
from regard.data.corrupted import corrupted_images
from regard.data.imageset import ImageSet
from regard.learning.settings import TrainSettings
from regard.reuse.finetune import classify, finetune

FEW = {"corruptions": "contrast,fog", "severities": "1,5", "device": "cpu"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a classifier."""
    out = tmp_path_factory.mktemp("run") / "run"
    settings = TrainSettings(steps=30, batch=16, precision="fp32", device="cpu", threads=1, lr=0.01)
    finetune(pictures(60, "s"), pictures(21, "v"), representation(), out=out, backbone_lr_factor=1.0, settings=settings)
    return out


def unseen() -> ImageSet:
    return pictures(45, "t", shift=3)


def test_the_runs_own_classifier_is_asked(run: Path, tmp_path: Path) -> None:
    test = unseen()
    found = robustness(run, test, **FEW, seed=2, out=tmp_path / "page.html")
    for name in ("contrast", "fog"):
        for severity in (1, 5):
            made = corrupted_images(test, name, severity, 2)
            _, probabilities, classes = classify(run, made, cache=False)
            right = np.mean(np.array(classes)[probabilities.argmax(1)] == test.labels)
            assert found.metrics[f"{name}_{severity}"] == pytest.approx(right)
    assert found.metrics["clean"] > 0.8 > found.metrics["contrast_5"], "it has learned, and without contrast is lost"
    assert found.rows().columns == ["corruption", "severity 1", "severity 5", "mean"]
    told = found.to_dict()
    assert told["accuracy"]["contrast"] == list(found.found.accuracy["contrast"]) and told["verdicts"] == {}
    assert told["metrics"]["corrupted_low"] <= told["metrics"]["corrupted"]
    assert any("checked: none of the" in note for note in told["notes"])
    html = (tmp_path / "page.html").read_text("utf-8")
    seen = " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
    assert f"{100 * found.metrics['clean']:.1f} %" in seen and "By severity" in seen and html.count("<svg") >= 3
    assert "--corruptions contrast,fog --severities 1,5 --seed 2" in seen


def test_a_linear_classifier_against_another(tmp_path: Path) -> None:
    rep, out = representation(), tmp_path / "page.html"
    given = {"train": pictures(60, "s"), "corruptions": ["contrast"], "severities": [3], "device": "cpu"}
    found = robustness(rep, unseen(), against="random:convnet4:7", **given, out=out)
    assert found.other is not None
    one = found.differences[0]
    assert one["mean"] == pytest.approx(found.metrics["corrupted"] - found.metrics["against_corrupted"])
    assert one["low"] <= one["mean"] <= one["high"] and one["verdict"] in repr(found)
    mistakes = [1 - found.metrics[name] for name in ("corrupted", "against_corrupted")]
    assert found.metrics["mce"] == (pytest.approx(mistakes[0] / mistakes[1]) if mistakes[1] else None)
    assert "By severity" not in out.read_text("utf-8"), "of one severity there is no curve"
    same = robustness(rep, unseen(), against=rep, **given)
    assert same.differences[0]["mean"] == 0 and same.differences[0]["verdict"] == "no gain"


def test_what_cannot_be_is_refused(run: Path) -> None:
    plain = unseen().without_labels()
    strange = ImageSet(unseen().items, unseen().ids, np.array(["x", "y", "z"] * 15))
    for message, given in {
        "RUN: .*--train": lambda: robustness("random:convnet4", unseen()),
        "--against: .*--train": lambda: robustness(run, unseen(), against="random:convnet4"),
        "--corruptions: .*contrast": lambda: robustness(run, unseen(), corruptions="contrst"),
        "--severities: .*1 to 5": lambda: robustness(run, unseen(), severities="6"),
        "--out: .*html": lambda: robustness(run, unseen(), out="page.txt"),
        "without labels": lambda: robustness(run, plain),
        "TEST: .*no class that it knows": lambda: robustness(run, strange),
        "TEST: .*image.* that .*learned from": lambda: robustness(run, pictures(60, "s")),
        "TEST: .*in train too": lambda: robustness(representation(), unseen(), train=unseen()),
    }.items():
        with pytest.raises(InputError, match=message):
            given()
