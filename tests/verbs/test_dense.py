"""The dense verbs from Python: what they refuse, what they write, and that what was learned from is not scored."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import regard
from regard.core.checks import InputError
from regard.data.annotations.voc_write import write_voc
from regard.data.scenes import scenes
from regard.data.sources import open_images

SHORT = {"with_": "random:convnet4", "size": 32, "steps": 2, "batch": 4}
GROUPS = ("detect", "instances", "segment")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dense")
    write_voc(scenes(10, size=32), root / "train")
    write_voc(scenes(4, size=32, family="b"), root / "others")
    for group in GROUPS:
        getattr(regard, group).train(root / "train", out=root / group, **SHORT)
    regard.detect.train(root / "train", out=root / "rcnn", with_="random:convnet4", size=32, head="rcnn")
    (root / "plain").mkdir()
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(root / "plain" / "a.png")
    return root


@pytest.mark.parametrize("group", GROUPS)
def test_what_was_learned_from_is_not_scored(given: Path, group: str) -> None:
    verbs = getattr(regard, group)
    with pytest.raises(InputError, match=r"DATA: expected other pictures.*learned from|DATA: .*learned from"):
        verbs.evaluate(given / group, given / "train")
    learned = set(json.loads((given / group / "scores.json").read_text())["learned"])
    assert len(learned) == 8
    assert ("background" in verbs.train(given / "train", out=given / group, **SHORT).by_class) == (group == "segment")
    found = verbs.evaluate(given / group, given / "others")
    assert found.metrics["images"] == 4 and set(found.by_class) <= {*found.scores.by_class}


def test_pictures_without_annotations_are_refused_by_name(given: Path, tmp_path: Path) -> None:
    for argument, call in {
        "TRAIN": lambda: regard.detect.train(given / "plain", out=tmp_path / "run", **SHORT),
        "--val": lambda: regard.detect.train(given / "train", val=given / "plain", out=tmp_path / "run", **SHORT),
        "DATA": lambda: regard.detect.evaluate(given / "detect", given / "plain"),
    }.items():
        with pytest.raises(InputError, match=f"^{argument}: .*without annotations"):
            call()
    assert not (tmp_path / "run" / "card.json").exists()


def test_a_run_of_another_task_is_named(given: Path) -> None:
    with pytest.raises(InputError, match="Use regard segment"):
        regard.detect.predict(given / "segment", given / "plain")
    with pytest.raises(InputError, match="RUN"):
        regard.instances.predict(given / "plain", given / "plain")


def test_pictures_that_cannot_be_read_are_set_aside_and_all_of_them_is_an_error(given: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="none of which can be read"):
        regard.detect.predict(given / "detect", [tmp_path / "bad.png"], out=tmp_path / "found.json")
    assert not (tmp_path / "found.json").exists()
    found = regard.detect.predict(given / "detect", [tmp_path / "bad.png", given / "plain" / "a.png"])
    assert found.metrics["images"] == 1 and [one["path"] for one in found.set_aside] == [str(tmp_path / "bad.png")]
    assert found.predictions[0]["height"] == 20 and found.runner


@pytest.mark.parametrize("group, format_", [("detect", "voc"), ("instances", "coco"), ("segment", "png")])
def test_what_is_written_can_be_corrected_and_learned_from(
    given: Path, tmp_path: Path, group: str, format_: str
) -> None:
    verbs = getattr(regard, group)
    places = {"threshold": 0.0, "pictures": True, "format_": format_, "out": tmp_path / "found"}
    found = verbs.predict(given / group, given / "others", page=tmp_path / "page.html", **places)
    assert found.written is not None and found.written.images == 4 and found.answers == ()
    assert "</html>" in (tmp_path / "page.html").read_text()
    again = open_images(tmp_path / "found" / "instances.json" if format_ == "coco" else tmp_path / "found")
    assert len(again) == 4 and again.annotations is not None
    with pytest.raises(InputError, match="--out"):
        verbs.predict(given / group, given / "others", **places)


def test_windows_find_things_in_a_larger_picture(given: Path) -> None:
    large = np.concatenate([np.concatenate([scenes(1, size=64, seed=k).items[0]] * 2, axis=1) for k in (1, 2)])
    whole = regard.detect.predict(given / "detect", [large], threshold=0.0)
    found = regard.detect.predict(given / "detect", [large], tiles=64, threshold=0.0)
    assert whole.answers[0].size == found.answers[0].size == (128, 128)
    assert float(found.answers[0].boxes.max()) <= 128


def test_the_pipeline_of_2014_is_a_run_like_the_others(given: Path, tmp_path: Path) -> None:
    found = regard.detect.evaluate(given / "rcnn", given / "others", page=tmp_path / "page.html")
    assert found.metrics["ap50"] is not None
    told = regard.detect.predict(given / "rcnn", given / "others", out=tmp_path / "found.json")
    assert told.runner.startswith("embed") and json.loads((tmp_path / "found.json").read_text())["classes"]
    with pytest.raises(InputError, match="--steps"):
        regard.detect.train(given / "train", out=tmp_path / "no", head="rcnn", steps=5)
    with pytest.raises(InputError, match="--tiles"):
        regard.detect.predict(given / "rcnn", given / "others", tiles=64)


def test_it_goes_on_from_a_run_with_one_class_more(given: Path, tmp_path: Path) -> None:
    few = {**SHORT, "classes": "sphere,box"}
    regard.detect.train(given / "train", out=tmp_path / "few", **few)
    more = regard.detect.train(given / "train", out=tmp_path / "more", from_=tmp_path / "few", steps=2, batch=4)
    assert more.model.objective.size == 32 and len(more.model.objective.names) > 2
    assert any("sphere" in str(note) or "taken" in str(note) for note in more.notes)


def test_a_rate_is_chosen_on_the_training_pictures_and_told(given: Path, tmp_path: Path) -> None:
    found = regard.segment.train(given / "train", out=tmp_path / "run", with_="random:convnet4", size=32, steps=50)
    (note,) = [note for note in found.notes if "learning rate" in str(note)]
    assert "was chosen by runs of 20 steps on" in note and "judged on" in note
    assert found.metrics["steps"] == 50 and (tmp_path / "run" / "report.html").exists()
