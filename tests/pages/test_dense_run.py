"""The page of a dense model's errors says what the metrics say, of whatever is found, missing or oddly named."""

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from helpers.dense_answers import NAMES, given_objects, given_pixels, random_objects
from regard.core.events import Event
from regard.data.scenes import scenes
from regard.learning.settings import TrainSettings
from regard.metrics.detection_kinds import KINDS
from regard.pages.dense_objects import confused, largest
from regard.pages.dense_run import write_dense_page, write_run_page
from regard.pages.errors_drawn import LOOKS
from regard.pages.maps_drawn import class_colours
from regard.reuse.dense.examined import examine
from regard.reuse.dense.train import train

A, B, AWAY, HALF_A = [0, 0, 40, 40], [100, 0, 140, 40], [0, 100, 40, 140], [0, 0, 40, 16]  # HALF_A has IoU .4 with A
EVIL = "<script>alert(1)</script>"


def page(tmp_path, images, model, interval=False, **more):
    scores, errors = examine(model, images, interval=interval)
    out = write_dense_page(tmp_path / "page.html", "A title", scores, errors, images, **more)
    return out.read_text("utf-8"), scores, errors


def text(html):
    """What a reader sees of a piece of HTML."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def odd(html):
    """Scripts and handlers of events that a browser would find."""
    found = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, given: found.extend(
        (tag, name) for name, _ in [("", ""), *given] if name.startswith("on") or (tag == "script" and not name)
    )
    reader.feed(html)
    return found


def section(html, title):
    return re.search(rf"<h2>{re.escape(title)}</h2>(.*?)</section>", html, re.S)[1]


def table(html, at=0):
    """The rows of a table, as a reader sees them."""
    body = re.findall(r"<tbody>(.*?)</tbody>", html, re.S)[at]
    return [
        [text(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.S)] for row in body.split("</tr>")
    ][:-1]


def kinds(html):
    """The count and the cost of each kind, as the page tells them."""
    words = {look.word: kind for kind, look in LOOKS.items()}
    return {words[row[0].split(" :")[0]]: row[1:] for row in table(section(html, "Six kinds of error"))}


@pytest.mark.parametrize(
    ("kind", "there", "found", "said"),
    [
        ("missed", [(A, "cat"), (B, "cat")], [(A, "cat", 0.9)], "1 cat"),
        ("classification", [(A, "cat"), (B, "cat")], [(B, "cat", 0.9), (A, "dog", 0.9)], "1 dog 0.90 is cat"),
        ("localisation", [(A, "cat"), (B, "cat")], [(B, "cat", 0.9), (HALF_A, "cat", 0.9)], "1 cat 0.90"),
        ("duplicate", [(A, "cat"), (B, "cat")], [(B, "cat", 0.9), (A, "cat", 0.9), (A, "cat", 0.9)], "1 cat 0.90"),
        ("background", [(B, "cat")], [(B, "cat", 0.9), (AWAY, "cat", 0.9)], "1 cat 0.90"),
        ("both", [(A, "cat"), (B, "cat")], [(B, "cat", 0.9), (HALF_A, "dog", 0.9)], "1 dog 0.90 near cat"),
    ],
)
def test_each_kind_lands_where_it_belongs(tmp_path, kind, there, found, said) -> None:
    html, _, errors = page(tmp_path, *given_objects([(there, found)]))
    counts = {one: int(told[0]) for one, told in kinds(html).items()}
    missed = {"missed": 1} if kind == "both" else {}  # what lies beside an object of another class has not found it
    assert counts == dict.fromkeys(KINDS, 0) | {kind: 1} | missed == errors.counts
    worst = section(html, "Worst pictures")
    word = LOOKS[kind].word
    named = re.findall(r"<li>(.*?)</li>", re.search(r'class="legend errors">(.*?)</ul>', worst, re.S)[1], re.S)
    assert [text(one) for one in named][0] == f"{word} : {said}" and len(named) == 1 + len(missed)
    # drawn where it belongs: missed objects at the left, answers at the right
    left, right = re.findall(r'<svg viewBox="0 0 160 160".*?</svg>', worst, re.S)
    mine, other = (left, right) if kind == "missed" else (right, left)
    assert f'stroke="{LOOKS[kind].colour}"' in mine and f'stroke="{LOOKS[kind].colour}"' not in other
    assert f">{text(said)[0]}</text>" in mine


def test_the_figures_are_those_of_the_metrics(tmp_path) -> None:
    html, scores, errors = page(tmp_path, *random_objects(30), interval=True)
    told = {row[0].split(":")[0]: row[1:] for row in table(section(html, "Figures"))}
    metrics = scores.metrics
    assert told["AP50"] == [f"{metrics['ap50']:.3f}", f"{metrics['ap50_low']:.3f} to {metrics['ap50_high']:.3f}"]
    assert told["AP"] == [f"{metrics['ap']:.3f}", "–"]
    for kind, (count, cost) in kinds(html).items():
        assert int(count) == errors.counts[kind] and float(cost) == pytest.approx(errors.costs[kind], abs=6e-4)
    rows = {row[0]: row[1:] for row in table(section(html, "Class by class"))}
    assert list(rows)[-1] == "never" and rows["never"][1] == "–"  # without objects, so without AP
    for at, name in enumerate(NAMES[:2]):
        objects, ap50, _, recall, precision, missed, invented, *_ = rows[name]
        assert int(objects) == errors.objects[at] and float(ap50) == pytest.approx(
            scores.by_class[name]["ap50"], abs=6e-4
        )
        hits = errors.confusion[at, at]
        assert float(recall) == pytest.approx(hits / errors.objects[at], abs=6e-4)
        assert int(missed) == errors.counts_by_class[name]["missed"]
        assert int(invented) == errors.counts_by_class[name]["background"]
        wrong = sum(count for kind, count in errors.counts_by_class[name].items() if kind != "missed")
        assert float(precision) == pytest.approx(hits / (hits + wrong), abs=6e-4)
    heat = [[int(cell or 0) for cell in row[1:]] for row in table(section(html, "Confusion of classes"))]
    assert heat == errors.confusion.tolist()
    assert f"{errors.calibration_error:.3f}" in section(html, "Do the scores mean what they say?")
    assert html.count('<svg viewBox="0 0 160 160"') == 2 * len(errors.worst) == 48
    assert [int(one) for one in re.findall(r'<image id="picture-(\d+)"', html)] == [one.row for one in errors.worst]
    assert "<summary>16 more</summary>" in html


def test_masks_are_drawn_as_outlines(tmp_path) -> None:
    html, scores, errors = page(tmp_path, *random_objects(6, masks=True))
    assert "mask AP50" in html and f"{scores.metrics['mask_ap50']:.3f}" in html
    paths = re.findall(r'class="ground" d="([^"]+)"', section(html, "Worst pictures"))
    assert len(errors.worst) and all("L" in path and "fill-opacity" in html for path in paths)


def test_names_are_text_whatever_they_hold(tmp_path) -> None:
    names = (EVIL, '" onload="x', "**a** `b` \u202e &amp;", "صورة")
    there = [(A, EVIL), (B, names[1]), (AWAY, names[2])]
    found = [(A, names[1], 0.9), (B, EVIL, 0.8), (AWAY, names[2], 0.7), ([60, 60, 90, 90], names[3], 0.9)]
    images, model = given_objects([(there, found)], names)
    images.ids[:] = "x"
    images = images.__class__(images.items, np.array([f"{EVIL}\x1b.png"]), annotations=images.annotations)
    html, _, _ = page(tmp_path, images, model, notes=[EVIL], facts={EVIL: EVIL})
    assert not odd(html) and "\u202e" not in html and "\x1b" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 8
    rows = [row[0] for row in table(section(html, "Class by class"))]
    assert set(rows) == {EVIL, names[1], names[3], "**a** `b` \\u202e &amp;"}
    maps = np.zeros((1, 8, 8), np.uint8), np.ones((1, 8, 8), np.uint8)
    html, _, _ = page(tmp_path, *given_pixels(*maps, names[:2]), events=[Event("train", 1, 2, {"loss": 1.0})])
    assert not odd(html)


def test_nothing_found_nothing_there_and_all_right(tmp_path) -> None:
    html, _, _ = page(tmp_path, *given_objects([([(A, "cat")], [])]))
    assert "No answer is right" in html and kinds(html)["missed"] == ["1", "–"]
    assert "Do the scores mean" not in html  # there are none
    html, _, _ = page(tmp_path, *given_objects([([], [(A, "cat", 0.9)])]))
    assert "there is nothing to find" in html and kinds(html)["background"] == ["1", "–"]
    assert "Precision and recall" not in html
    html, _, _ = page(tmp_path, *given_objects([([], [])] * 2))
    assert "In 2 of 2 pictures nothing is wrong." in html and '<div class="pair' not in html
    html, _, _ = page(tmp_path, *given_objects([([(A, "cat")], [(A, "cat", 0.9)])], ["cat"]))
    assert "1 of 1 objects are found" in text(html) and "all classes" not in html
    assert table(section(html, "Confusion of classes")) == [["cat", "1", ""], ["nothing", "", ""]]


def test_of_eighty_classes_those_that_are_confused_are_shown(tmp_path) -> None:
    names = [f"class {at:02d}" for at in range(80)]
    pictures = [([(A, name)], [(A, names[(at + (at % 8 == 0)) % 80], 0.9)]) for at, name in enumerate(names)]
    html, _, errors = page(tmp_path, *given_objects(pictures, names))
    part = section(html, "Confusion of classes")
    shown = [row[0] for row in table(part)]
    assert len(shown) == 13 and shown[-1] == "nothing" and "Of 80 classes the 12 with the most errors" in part
    pairs = table(part, 1)
    assert [row[:3] for row in pairs[:2]] == [["class 00", "class 01", "1"], ["class 08", "class 09", "1"]]
    assert len(pairs) == 10 and len(table(section(html, "Class by class"))) == 80
    curves = section(html, "Precision and recall")
    assert "three best and the three worst" in curves and curves.count("class ") >= 6
    assert confused(errors.confusion, 80)[0].tolist()[-1] == 80 and largest(np.zeros((2, 2)), 3) == []
    assert len(set(class_colours(255))) == 255


def test_pixels(tmp_path) -> None:
    truth = np.zeros((3, 40, 60), np.uint8)
    truth[:, :, 30:], truth[2] = 1, 255
    found = truth.copy() % 255
    found[1, :, 20:30] = 1
    images, model = given_pixels(truth, found)
    html, scores, errors = page(tmp_path, images, model)
    assert f"{scores.metrics['miou']:.3f}" in html and "91.7 % of the pixels" in html
    heat = table(section(html, "Confusion of classes"))
    assert heat == [["road", "83", "17"], ["sky", "", "100"]]
    assert table(section(html, "Confusion of classes"), 1)[0][:2] == ["road", "sky"]
    worst = section(html, "Worst pictures")
    assert worst.count("<img") == 3 * len(errors.worst) == 3 and "1.png" in worst
    alts = [unescape(one) for one in re.findall(r'<img[^>]* alt="([^"]+)"', worst)]
    assert alts[0] == "1.png, what is there: road 50%, sky 50%" and alts[2].endswith("17% of its pixels wrong")
    iou = {row[0]: row[1] for row in table(section(html, "Class by class"))}
    assert list(iou) == ["road", "sky"] and float(iou["road"]) == pytest.approx(
        scores.by_class["road"]["iou"], abs=1e-3
    )


def test_what_cannot_be_read_any_more_and_what_was_not_scored_is_told(tmp_path) -> None:
    images, model = given_objects([([(A, "cat")], [])])
    gone = images.__class__([tmp_path / "gone.png"], images.ids, annotations=images.annotations)
    scores, errors = examine(model, images, interval=False)
    scores = replace(scores, failed={f"{at}.png": "damaged" for at in range(50)})
    html = write_dense_page(tmp_path / "page.html", "t", scores, errors, gone, notes=["a note"]).read_text("utf-8")
    assert "gone.png" in html and "<image" not in html and 'fill="#888"' in html
    assert "Not scored: 50." in html and "and 10 more" in html and "a note" in html


@pytest.mark.parametrize(("what", "main"), [("boxes", "AP50"), ("semantic", "mIoU")])
def test_a_run_has_its_page_before_it_is_finished(tmp_path, what, main) -> None:
    every = scenes(14, size=64, seed=3)
    seen = []

    def report(folder: Path, *told) -> None:
        seen.append((folder / "card.json").exists())
        write_run_page(folder, *told)

    settings = TrainSettings(steps=4, batch=4, lr=2e-3, precision="fp32", device="cpu", eval_every=2)
    options = {"representation": "random:convnet4", "size": 64, "settings": settings, "what": what, "report": report}
    parts = every.subset(np.arange(8)), every.subset(np.arange(8, 14))
    for _ in range(2):  # the second time it is finished already
        train(*parts, out=tmp_path / "run", **options)
    html = (tmp_path / "run/report.html").read_text("utf-8")
    assert seen == [False] and main in html and "8 to learn from, 6 to score on" in html
    training = section(html, "Training")
    assert "loss of a batch" in training and f"{main} over the steps of training" in training
