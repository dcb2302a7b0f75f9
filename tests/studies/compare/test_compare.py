"""The whole comparison on small data: shared draws, kept answers, leaks, edge cases, the page."""

import json

import numpy as np
import pytest
from PIL import Image

import regard
from helpers.pictures import noise
from regard.core.checks import InputError
from regard.create.run import train as create
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.learning.settings import TrainSettings
from regard.representation.representation import Representation
from regard.studies.compare.arms import entrants
from regard.studies.compare.run import Plan
from regard.studies.compare.tasks import classify

DIGITS = builtin("digits")
TRAIN, TEST = DIGITS.subset(np.arange(24)), DIGITS.subset(np.arange(1000, 1040))
QUICK = {"way": "frozen", "seeds": 3, "labels": [12, 24]}
STEPS = TrainSettings(steps=1, batch=8, precision="fp32", device="cpu")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("compare") / "out"
    return regard.compare(TRAIN, TEST, with_=["random", "random"], out=out, **QUICK)


def test_two_random_arms_are_other_draws_and_share_all_else(made):
    reading = made.found.readings[0]
    assert list(reading.whole.arms) == ["random", "random_2"] and reading.numbers == (12, 24)
    scores = [arm.scores["accuracy"] for arm in reading.whole.arms.values()]
    assert scores[0].shape == (3, 40) and not np.array_equal(*scores)
    arms = entrants(["random", "random"], TRAIN, 0)
    prints = {one.of_seed(place).fingerprint for one in arms.values() for place in range(3)}
    assert len(prints) == 6
    assert arms["random"].runs[0].preprocess.size == 32  # as `create` takes pictures of 8 pixels


def test_the_answer_in_words_numbers_and_files(made):
    told = json.loads((made.out / "comparison.json").read_text())
    assert told["finished"] and told["answer"] == made.answer
    metrics = made.to_dict()["metrics"]
    assert metrics["labels_saved"] == metrics["random_frozen_labels_saved"]
    assert metrics["gain_low"] < metrics["gain"] < metrics["gain_high"]
    assert metrics["random_frozen_parameters"] == 10 * 129 and metrics["random_frozen_minutes"] > 0
    page = (made.out / "report.html").read_text()
    assert made.found.readings[0].sentence("random")[:30] in page and "<svg" in page
    assert (made.out / "labels-classify-frozen.svg").read_text().startswith("<svg")
    assert (made.out / "minutes-classify-frozen.svg").read_text().startswith("<svg")
    assert made.found.foresight.ranked(made.found.reached)["logme"] == {"n": 2, "kendall": None, "spearman": None}
    assert "too few arms" in page


def test_a_killed_comparison_goes_on_to_the_same_numbers(tmp_path, monkeypatch):
    arms = ["random:convnet4:1", "random:convnet4:2"]
    whole = regard.compare(TRAIN, TEST, with_=arms, **QUICK)
    asked, answer = [], classify.Classify.answer

    def dying(self, question, work):
        asked.append(len(question.rows))
        if len(asked) == 7:
            raise KeyboardInterrupt
        return answer(self, question, work)

    monkeypatch.setattr(classify.Classify, "answer", dying)
    with pytest.raises(KeyboardInterrupt):
        regard.compare(TRAIN, TEST, with_=arms, out=tmp_path / "out", **QUICK)
    again = regard.compare(TRAIN, TEST, with_=arms, out=tmp_path / "out", **QUICK)
    assert len(asked) == 7 + 6  # six were known, and the seventh was asked again
    one, other = (
        {name: value for name, value in found.metrics.items() if not name.endswith(("seconds", "mib", "minutes"))}
        for found in (whole, again)
    )
    assert one == other and len(one) > 10


def test_planted_test_pictures_are_found_and_refused(tmp_path):
    planted = DIGITS.subset(np.r_[np.arange(30), np.arange(1000, 1020)])
    create(planted.without_labels(), "rotation", out=tmp_path / "run", settings=STEPS, size=32)
    asked = {"task": "retrieve", "with_": {"A": tmp_path / "run", "random": "random"}, "seeds": 3}
    with pytest.raises(InputError, match=r"A has seen 20 picture\(s\) of TEST .* digits/1000, .* and 15 more"):
        regard.compare(TRAIN, TEST, **asked)
    found = regard.compare(TRAIN, TEST, allow_leak=True, **asked)
    assert [len(one.pictures) for one in found.found.leaks] == [20] and found.answer.startswith("Leak: A has seen 20")
    assert found.found.readings[0].costs["A"].pretraining > 0


def test_copies_in_the_folder_of_a_pretraining_are_found(tmp_path):
    photos = builtin("photos")
    (tmp_path / "seen").mkdir()
    for place, row in enumerate((0, 3)):
        Image.open(photos.items[row]).convert("RGB").resize((256, 256)).save(
            tmp_path / "seen" / f"{place}.jpg", quality=60
        )
    labels = np.array(["a", "b"] * 10)
    crops = builtin("photo_crops").subset(np.arange(20))
    train = ImageSet(crops.items, crops.ids, labels)
    test = ImageSet(photos.items[:4], photos.ids[:4], np.array(["a", "b", "a", "b"]))
    arms = {"A": "random:convnet4:1", "random": "random"}
    with pytest.raises(InputError, match=r"A has seen 2 picture\(s\) of TEST \(copies in"):
        regard.compare(train, test, task="retrieve", with_=arms, seeds=3, pretrained_on={"A": tmp_path / "seen"})
    with pytest.raises(InputError, match="--pretrained-on"):
        regard.compare(train, test, task="retrieve", with_=arms, seeds=3, pretrained_on={"C": tmp_path / "seen"})


def test_an_arm_of_several_runs_and_vectors_of_other_lengths():
    arms = entrants(["A=random:convnet4:1", "A=random:convnet4:2", "B=random:timm:test_vit"], TRAIN, 0)
    assert [len(one.runs) for one in arms.values()] == [2, 1] and arms["A"].varies
    assert arms["A"].of_seed(2).fingerprint == arms["A"].of_seed(0).fingerprint
    with pytest.raises(InputError, match="same weights twice"):
        entrants(["A=random:convnet4:1", "A=random:convnet4:1", "random"], TRAIN, 0)
    found = regard.compare(
        TRAIN, TEST, with_=["A=random:convnet4:1", "B=random:timm:test_resnet:1"], way="frozen", seeds=3, labels=[10]
    )
    assert "too few" in found.found.readings[0].notes[0] or found.found.readings[0].saved["A"] is None
    assert any("one number of labels alone" in note for note in found.notes)
    assert any("see other sizes" in note for note in found.notes)
    assert any("One label a class" in note for note in found.notes)


@pytest.mark.parametrize(
    "change, match",
    [
        ({"with_": ["random"]}, "at least two"),
        ({"baseline": "C"}, "--baseline"),
        ({"seeds": 2}, "--seeds"),
        ({"labels": [4]}, "--labels"),
        ({"way": "quickly"}, "--way"),
        ({"task": "retrieve", "way": "finetuned"}, "--way"),
        ({"task": "clasify"}, "--task"),
        ({"task": "detect"}, "TRAIN"),
        ({"with_": ["a b=random", "random"]}, "representation"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_any_work(change, match):
    with pytest.raises(InputError, match=match):
        regard.compare(TRAIN, TEST, **({"with_": ["random", "random"], **QUICK} | change))


def test_data_that_do_not_fit_are_refused():
    arms = {"with_": ["random", "random"], **QUICK}
    plain = ImageSet(noise(20, 16), np.arange(20).astype(str))
    with pytest.raises(InputError, match="labelled images"):
        regard.compare(plain, TEST, **arms)
    with pytest.raises(InputError, match="TRAIN"):
        regard.compare(ImageSet(plain.items, plain.ids, np.full(20, "a")), TEST, **arms)
    with pytest.raises(InputError, match="in train too"):
        regard.compare(DIGITS.subset(np.arange(48)), DIGITS.subset(np.arange(40, 60)), **arms)


def test_a_plan_counts_its_cells():
    sides = classify.Method.open(TRAIN, TEST, 0)
    arms = entrants(["random:convnet4:1", "random"], sides.train, 0)
    plan = Plan(
        "classify", classify.Method, sides, arms, "random", ("frozen",), (24, 48), 3, 0, None, None, "cpu", None
    )
    assert plan.cells == 2 * 3 * 2
    assert isinstance(arms["random"].of_seed(0), Representation)
