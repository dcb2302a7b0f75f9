"""What a run from labels keeps of the images held out, and how sure it says it is."""

import json
from dataclasses import replace

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.core.storage import load_tensors
from regard.create.run import train
from regard.create.selection import BINS, LEAST, Selection
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.learning.settings import TrainSettings
from regard.metrics.score_calibration import calibration_error
from regard.metrics.temperature import fit_temperature, probabilities
from regard.reuse.predict import predict

SHORT = TrainSettings(steps=12, batch=16, precision="fp32", device="cpu")


def digits(n: int) -> ImageSet:
    return builtin("digits").subset(np.arange(n))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("selection") / "run"
    return folder, train(digits(240), "labels", out=folder, settings=SHORT, holdout=0.4).card


def test_one_half_fits_the_temperature_and_the_other_judges_it(run) -> None:
    folder, card = run
    found, scores = Selection.read(folder), card["scores"]
    assert len(found.ids) == card["data"]["held_out"] == 96 and found.fitted.sum() == 48
    assert float((found.logits.argmax(1) == found.truth).mean()) == scores["accuracy"]
    fit, rest = found.fitted, ~found.fitted
    assert found.temperature == scores["temperature"]
    assert found.temperature == pytest.approx(fit_temperature(found.logits[fit], found.truth[fit]))
    for name, t in (("ece", 1.0), ("ece_calibrated", found.temperature)):
        p = probabilities(found.logits[rest], t)
        assert scores[name] == pytest.approx(calibration_error(p.max(1), p.argmax(1) == found.truth[rest], BINS))
    labels = dict(zip(digits(240).ids, digits(240).labels))
    assert [found.classes[place] for place in found.truth] == [labels[name] for name in found.ids]
    assert sum(found.counts["train"]) == card["data"]["trained_on"] and sum(found.counts["held_out"]) == 96
    assert found.parameters["head"] == 128 * 10 + 10


def test_whoever_answers_by_the_classifier_is_calibrated(run) -> None:
    folder, card = run
    found = Selection.read(folder)
    told = predict(folder, digits(240), precision="fp32", cache=False)
    rows = [told.ids.tolist().index(name) for name in found.ids]
    wanted = probabilities(found.logits, found.temperature)
    assert told.probabilities[rows] == pytest.approx(wanted, abs=1e-4)
    head, kept = (load_tensors(folder / f"{name}.safetensors") for name in ("head", "classifier"))
    assert kept["weight"].numpy() * card["classifier"]["temperature"] == pytest.approx(head["weight"].numpy(), rel=1e-5)


def test_too_few_held_out_images_are_not_calibrated_with(tmp_path) -> None:
    made = train(digits(80), "labels", out=tmp_path, settings=SHORT)
    found = Selection.read(tmp_path)
    assert len(found.ids) < 2 * LEAST and found.temperature is None and not found.fitted.any()
    assert "too few to calibrate" in " ".join(made.card["data"]["notes"])
    assert "ece" in made.card["scores"] and "temperature" not in made.card["scores"]
    assert "temperature" not in made.card["classifier"]
    head, kept = (load_tensors(tmp_path / f"{name}.safetensors") for name in ("head", "classifier"))
    assert (head["weight"] == kept["weight"]).all()


def test_files_that_do_not_belong_together_are_refused(run, tmp_path) -> None:
    folder, _ = run
    found = Selection.read(folder)
    found.write(tmp_path)
    again = Selection.read(tmp_path)
    assert (again.logits == found.logits).all() and again.notes == found.notes and again.leaks == found.leaks
    replace(found, ids=found.ids[:-1], fitted=found.fitted[:-1]).write(tmp_path)
    with pytest.raises(InputError, match="truth"):
        Selection.read(tmp_path)
    replace(found, truth=found.truth + 10).write(tmp_path)
    with pytest.raises(InputError, match="class that is not there"):
        Selection.read(tmp_path)
    found.write(tmp_path)
    told = json.loads((tmp_path / "findings.json").read_text())
    (tmp_path / "findings.json").write_text(json.dumps(told | {"leaks": [{"probe": 3}]}))
    with pytest.raises(InputError, match="findings.json"):
        Selection.read(tmp_path)
