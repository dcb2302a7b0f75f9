"""Predictions: equal to those that runs kept, streamed, scored honestly, and written in every form."""

import csv
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.special import softmax

from regard import cli
from regard.core.checks import InputError
from regard.core.storage import load_tensors, read_json, save_tensors, write_json
from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet
from regard.learning.settings import TrainSettings
from regard.metrics.intervals import accuracy_interval
from regard.representation.representation import Representation
from regard.reuse.finetune import classify
from regard.reuse.predict import Answers, open_predictor, predict
from regard.reuse.predictions_file import row_dicts, writing

SETTINGS = TrainSettings(steps=30, batch=32, precision="fp32", device="cpu", lr=5e-3)


@pytest.fixture(scope="module")
def learned(digits, tmp_path_factory):
    """A run of `create --task labels`."""
    out = tmp_path_factory.mktemp("runs") / "labels"
    train(digits[0], "labels", out=out, settings=SETTINGS, method={"recipe": "none"})
    return out


def run_cli(capsys, *words):
    status = cli.main(["predict", *map(str, words), "--quiet", "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_labels_are_those_that_finetune_kept(tuned, digits):
    kept = read_json(tuned / "predictions.json")
    found = predict(tuned, digits[1], precision="fp32")
    assert found.ids.tolist() == kept["ids"]
    assert found.labels.tolist() == kept["predictions"]
    assert found.truth.tolist() == kept["labels"]
    assert found.interval.as_dict() == pytest.approx(kept["interval"])
    assert found.metrics["accuracy"] == pytest.approx(read_json(tuned / "metrics.json")["accuracy"])
    assert found.probabilities.sum(1) == pytest.approx(np.ones(200), abs=1e-5)
    assert sum(found.counts.values()) == 200


def test_probabilities_are_the_softmax_of_the_classifier(tuned, digits):
    vectors = Representation.load(tuned).embed(digits[1], precision="fp32").vectors
    head = {name: value.numpy() for name, value in load_tensors(tuned / "classifier.safetensors").items()}
    expected = softmax(vectors @ head["weight"].T + head["bias"], axis=1)
    found = predict(tuned, digits[1], precision="fp32")
    assert found.probabilities == pytest.approx(expected, abs=1e-5)
    ids, probabilities, classes = classify(tuned, digits[1], precision="fp32")
    assert ids.tolist() == found.ids.tolist() and classes == list(found.classes)
    assert np.array_equal(probabilities, found.probabilities)


def test_a_run_of_create_keeps_its_classifier(learned, digits):
    found = predict(learned, digits[0])
    assert found.classes == tuple("0123456789")
    assert found.metrics["accuracy"] > 0.3  # it has learned from most of them


def test_a_copy_without_the_classifier_says_so(learned, tmp_path):
    saved = Representation.load(learned).save(tmp_path / "saved")
    assert "classifier" not in read_json(saved / "card.json")
    with pytest.raises(InputError, match="holds no classifier"):
        predict(saved, builtin("faces"))


def test_order_and_batches_change_nothing(tuned, digits):
    every = predict(tuned, digits[1], cache=False)
    rows = np.array([7, 3, 150])
    some = predict(tuned, digits[1].subset(rows), batch=2, cache=False)
    assert some.probabilities == pytest.approx(every.probabilities[rows], abs=1e-6)


def test_images_stream(tuned, digits):
    one = open_predictor(tuned, digits[1], batch=8)
    sizes = [len(answers.rows) for answers in one]
    assert len(sizes) > 1 and sum(sizes) == 200
    assert one.card()["images"] == 200


@pytest.mark.parametrize(
    ("strange", "counted"),
    [([], 0), (["dog"], 5), (["dog", "cat"], 10)],
)
def test_classes_that_the_run_does_not_know_are_told(tuned, digits, strange, counted):
    some = digits[1].subset(slice(0, 60))
    labels = some.labels.astype("<U8")
    for place, name in enumerate(strange):
        labels[5 * place : 5 * place + 5] = name
    found = predict(tuned, ImageSet(some.items, some.ids, labels))
    assert found.metrics["unknown_class"] == counted
    assert found.metrics["accuracy"] == pytest.approx(np.mean(found.labels == labels))
    assert [name in " ".join(found.notes) for name in strange] == [True] * len(strange)
    assert bool(found.notes) == bool(strange)


def test_no_accuracy_where_no_class_is_known(tuned, digits):
    some = digits[1].subset(slice(0, 30))
    found = predict(tuned, ImageSet(some.items, some.ids, np.array(["cat", "dog"] * 15)))
    assert found.interval is None and "accuracy" not in found.metrics
    assert "does not know (cat, dog)" in found.notes[0]


def test_without_labels_there_is_no_accuracy(tuned, digits):
    found = predict(tuned, digits[1].without_labels())
    assert found.truth is None and found.interval is None and "accuracy" not in found.metrics


def test_the_interval_counts_things(tuned, digits):
    some = digits[1]
    things = np.repeat(np.arange(20), 10)
    found = predict(tuned, ImageSet(some.items, some.ids, some.labels, {"identity": things}))
    assert found.interval.as_dict() == accuracy_interval(found.labels == some.labels, things).as_dict()
    assert found.interval.n == 20


def test_what_cannot_be_read_is_set_aside(tuned, class_folder, capsys):
    (class_folder / "along" / "bad.png").write_bytes(b"no picture")
    status, told = run_cli(capsys, tuned, class_folder)
    assert status == 0 and told["metrics"]["images"] == 24 and told["metrics"]["set_aside"] == 1
    assert "bad.png" in told["set_aside"][0]["path"]
    for path in class_folder.rglob("*.png"):
        path.write_bytes(b"no picture")
    assert run_cli(capsys, tuned, class_folder)[0] == 2


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".json"])
@pytest.mark.parametrize("top", [1, 3])
def test_every_form_says_the_same(tuned, class_folder, tmp_path, capsys, suffix, top):
    odd = class_folder / "along" / 'a "b", c.png'
    shutil.copy(class_folder / "along" / "00.png", odd)
    out = tmp_path / f"made{suffix}"
    status, told = run_cli(capsys, tuned, class_folder, "--out", out, "--top", top)
    assert status == 0 and told["out"] == str(out) and "predictions" not in told
    if suffix == ".csv":
        rows = [dict(row) for row in csv.DictReader(out.read_text().splitlines())]
    elif suffix == ".parquet":
        rows = pq.read_table(out).to_pylist()
    else:
        rows = json.loads(out.read_text())["predictions"]
    expected = run_cli(capsys, tuned, class_folder, "--top", top)[1]["predictions"]
    assert len(rows) == 25 and [row["id"] for row in rows] == [row["id"] for row in expected]
    for row, other in zip(rows, expected):
        assert list(row) == list(other)
        assert {k: v for k, v in row.items() if "prob" not in k} == {k: v for k, v in other.items() if "prob" not in k}
        assert float(row["probability"]) == pytest.approx(other["probability"])
    assert any(row["path"] == str(odd) for row in rows)
    assert sorted(rows[0]) == sorted(
        ["id", "path", "label", "probability", "truth"]
        + [f"{name}_{k}" for k in range(2, top + 1) for name in ("label", "probability")]
    )


def test_rows_go_on_past_a_group(digits, tmp_path):
    images = ImageSet([digits[0].items[0]] * 2500, np.array([f"i{n}" for n in range(2500)]))
    chances = np.tile(np.float32([0.25, 0.75]), (2500, 1))
    with writing(tmp_path / "a.csv", images, ("x", "y"), 2) as file:
        for start in range(0, 2500, 500):
            file.write(Answers(np.arange(start, start + 500), chances[:500]))
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == images.ids.tolist()
    assert {(row["label"], row["label_2"], row["probability_2"]) for row in rows} == {("y", "x", "0.25")}


def test_a_name_that_is_no_utf8_is_written(tmp_path):
    images = ImageSet([np.zeros((4, 4, 3), np.uint8)], np.array(["bad\udcff.png"]))
    row = next(row_dicts(Answers(np.array([0]), np.float32([[1, 0]])), images, ("x", "y")))
    assert row["id"] == "bad\\udcff.png"


def test_nothing_is_left_where_writing_fails(tuned, digits, tmp_path):
    with pytest.raises(RuntimeError), writing(tmp_path / "a.json", digits[1], ("x", "y")):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_page_shows_names_and_escapes_them(tuned, class_folder, tmp_path, capsys):
    shutil.copy(class_folder / "along" / "00.png", class_folder / "along" / "<script>.png")
    page = tmp_path / "page.html"
    assert run_cli(capsys, tuned, class_folder, "--page", page)[0] == 0
    text = page.read_text()
    assert "<script>" not in text and "&lt;script&gt;.png" in text
    assert "data:image" in text and "Least sure" in text
    assert "Wrong" not in text  # none can be right where the run knows no class
    assert "no accuracy" in text


def test_the_terminal_shows_a_table(tuned, class_folder, capsys):
    assert cli.main(["predict", str(tuned), str(class_folder), "--quiet", "--top", "2"]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0].split() == ["id", "label", "probability", "label_2", "probability_2", "truth"]
    assert "along/00.png" in text and "24 images" in text and "note: no accuracy" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("imagenet", "builtin:faces"), "RUN: expected a folder that exists"),
        (("RUN", "builtin:faces", "--top", "11"), "--top: expected a whole number from 1 to 10"),
        (("RUN", "builtin:faces", "--out", "a.txt"), "--out: expected a file that ends in .csv, .parquet or .json"),
        (("RUN", "builtin:faces", "--page", "a.txt"), "--page: expected a file that ends in .html"),
        (("RUN", "nowhere"), "IMAGES: expected a file or folder that exists"),
    ],
)
def test_bad_arguments(tuned, words, message, capsys):
    status, told = run_cli(capsys, *(str(tuned) if word == "RUN" else word for word in words))
    assert status == 2 and told["error"].startswith(message)


def _card(folder, change):
    card = read_json(folder / "card.json")
    change(card)
    write_json(folder / "card.json", card)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: _card(folder, lambda card: card["classifier"].update(classes=["a"])),
        lambda folder: _card(folder, lambda card: card["classifier"].update(classes={"a": 1})),
        lambda folder: _card(folder, lambda card: card["classifier"].update(classes=[1] * 10, checksum=None)),
        lambda folder: _card(folder, lambda card: card.update(classifier="classifier.safetensors")),
        lambda folder: _card(
            folder, lambda card: card["classifier"].update(classes=card["classifier"]["classes"][::-1])
        ),
        lambda folder: (folder / "classifier.safetensors").unlink(),
        lambda folder: (folder / "classifier.safetensors").write_bytes(b"none"),
        lambda folder: save_tensors(folder / "classifier.safetensors", {}),
    ],
)
def test_damaged_runs_are_refused(tuned, tmp_path, damage, capsys):
    copy = shutil.copytree(tuned, tmp_path / "copy")
    damage(copy)
    status, told = run_cli(capsys, copy, "builtin:faces")
    assert status == 2 and "Traceback" not in told["error"]


@pytest.mark.parametrize("wrong", ["nan", "short", "wide", "flat"])
def test_weights_that_do_not_fit_are_refused(tuned, tmp_path, wrong):
    copy = shutil.copytree(tuned, tmp_path / "copy")
    head = load_tensors(copy / "classifier.safetensors")
    weight, bias = head["weight"], head["bias"]
    if wrong == "nan":
        bias[0] = float("nan")
    if wrong == "short":
        weight, bias = weight[:9], bias[:9]
    if wrong == "wide":
        weight = weight.repeat(1, 2)
    if wrong == "flat":
        weight = weight.flatten()
    save_tensors(copy / "classifier.safetensors", {"weight": weight, "bias": bias})
    _card(copy, lambda card: card["classifier"].pop("checksum"))
    with pytest.raises(InputError, match="classifier"):
        predict(copy, builtin("faces"))


def test_one_image_by_its_name(tuned, tmp_path, capsys, picture):
    Image.fromarray(picture).save(tmp_path / "one.png")
    status, told = run_cli(capsys, tuned, tmp_path / "one.png")
    assert status == 0 and len(told["predictions"]) == 1 and told["predictions"][0]["probability"] <= 1
