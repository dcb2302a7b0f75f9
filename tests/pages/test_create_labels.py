"""The page of a run from labels, of several kinds of data."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import regard
from regard.core.checks import InputError
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.data.scenes import scenes
from regard.pages.create_labels import write_labels_page

SHORT = {"steps": 8, "batch": 16, "precision": "fp32", "device": "cpu"}
STEPS = ["Collection", "Representation", "Model", "Learning", "Selection"]


def headings(page: Path) -> list[str]:
    return re.findall(r"<h2[^>]*>([^<]*)</h2>", page.read_text(encoding="utf-8"))


def test_the_steps_stand_in_their_order_with_what_held_out_images_say(tmp_path: Path) -> None:
    images = builtin("digits").subset(np.arange(240))
    found = regard.create(images, task="labels", out=tmp_path / "run", holdout=0.4, set_={"mixup": 0.2}, **SHORT)
    page = found.pages["labels"]
    assert page == tmp_path / "run/report.html" and headings(page)[:5] == STEPS
    assert headings(page)[5:9] == ["Class by class", "Confusion", "Are the probabilities right?", "The worst mistakes"]
    text = page.read_text(encoding="utf-8")
    right = found.metrics["accuracy"]
    assert "linear: 128 numbers to 10 scores" in text
    assert f"{100 * right:.1f} %" in text and "calibration error" in text and "mixup (alpha 0.2)" in text
    assert text.count('class="heat"') == 1 and text.count("<svg") >= 5 and "taken for" in text
    wrong = round((1 - right) * 96)
    assert text.count("<dt><bdi>taken for</bdi></dt>") >= min(wrong, 24) > 0
    assert str(found.to_dict()["pages"]["labels"]).endswith("report.html")
    before = page.stat().st_mtime_ns
    regard.create(images, task="labels", out=tmp_path / "run", holdout=0.4, set_={"mixup": 0.2}, **SHORT)
    assert page.stat().st_mtime_ns == before, "a finished run is left as it is"


def test_leaks_and_unequal_classes_are_warned_of_and_names_are_no_markup(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for kind, count in (("<b>cat</b>", 40), ("dog `**`", 10)):
        folder = tmp_path / "set" / kind.replace("/", "")
        folder.mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(folder / f"{len(kind)}_{i}.png")
    found = regard.create(tmp_path / "set", task="labels", out=tmp_path / "run", balanced=True, ema=0.9, **SHORT)
    assert any("labels leak" in note and "file names" in note for note in found.to_dict()["notes"])
    text = found.pages["labels"].read_text(encoding="utf-8")
    assert "beats chance" in text and "The classes are unequal" in text and "each class equally often" in text
    assert "<b>cat" not in text and "&lt;b&gt;cat" in text
    assert "href=" in text and "%3Cb%3Ecat" in text, "examples lead to their files"
    assert "labels leak" in repr(found) and "page:" in repr(found)


def test_many_classes_several_labels_and_pictures_that_are_gone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    items = [rng.integers(0, 256, (20, 20, 3), dtype=np.uint8) for _ in range(160)]
    images = ImageSet(items, np.arange(160).astype(str), np.array([f"class {i % 53}" for i in range(160)]))
    found = regard.create(images, task="labels", out=tmp_path / "many", holdout=0.4, **SHORT)
    text = found.pages["labels"].read_text(encoding="utf-8")
    assert 'class="heat"' not in text and "The commonest confusions" in text and "largest and smallest of 53" in text
    few = write_labels_page(tmp_path / "many", images.subset(np.arange(3)), tmp_path / "few.html")
    assert headings(few)[:5] == STEPS, "the run's pictures need not be there"
    with pytest.raises(InputError, match="html"):
        write_labels_page(tmp_path / "many", images, tmp_path / "few.txt")
    several = regard.create(scenes(60, size=32), task="multilabel", out=tmp_path / "several", holdout=0.4, **SHORT)
    page = several.pages["multilabel"]
    assert "Label by label" in headings(page) and "Confusion" not in headings(page)
    text = page.read_text(encoding="utf-8")
    assert "mAP" in text and re.search(r"(missed|not there)</bdi></dt> <dd><bdi>(box|cone|cylinder|sphere)", text)


def test_a_pretext_task_has_no_such_page(tmp_path: Path) -> None:
    images = builtin("digits").subset(np.arange(60))
    found = regard.create(images, task=["rotation", "labels"], out=tmp_path / "runs", holdout=0.2, **SHORT)
    assert list(found.pages) == ["labels"] and found.pages["labels"] == tmp_path / "runs/labels/report.html"
    assert not (tmp_path / "runs/rotation/report.html").exists()
    assert any(note.startswith("labels: ") for note in found.notes)
