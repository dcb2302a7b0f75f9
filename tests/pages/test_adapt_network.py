"""The page of a deep adaptation says what the run's files say, of any method, and where the run went wrong."""

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.adapting import SETTINGS, domains, representation, run
from regard import adapt
from regard.adapt.deep.looks import CURVES, FEATURES, read_courses, read_looks
from regard.adapt.deep.result import DeepResult
from regard.adapt.shift.measure import shift
from regard.core.checks import InputError
from regard.core.storage import load_tensors, read_json, save_tensors, write_json
from regard.pages.adapt_network import write_network_page
from regard.reuse.finetune import classify


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def section(html: str, title: str) -> str:
    found = re.search(rf"<h2>{re.escape(title)}</h2>(.*?)</section>", html, re.S)
    assert found, title
    return found[1]


@pytest.fixture(scope="module")
def dann(tmp_path_factory: pytest.TempPathFactory) -> DeepResult:
    """A run of two weights."""
    return run("dann", tmp_path_factory.mktemp("dann") / "run", chosen={"weight": (0.3, 1.0)}, keep="best")


@pytest.fixture
def page(dann: DeepResult, tmp_path: Path) -> str:
    return write_network_page(dann, tmp_path / "page.html", "regard adapt a b").read_text("utf-8")


def test_what_is_kept_are_the_features_of_the_network_that_the_run_has_written(dann: DeepResult) -> None:
    looks = read_looks(dann.folder)
    assert looks is not None
    assert looks.before_source.shape == looks.after_source.shape == (60, 128)
    assert looks.learned.sum() == 54, "a tenth was held out, and comes first"
    assert not looks.learned[:6].any()
    _, target = domains()
    probabilities = classify(dann.folder, target)[1]
    names = np.array(["a", "b", "c"])
    assert looks.after.tolist() == names[probabilities.argmax(1)][looks.rows].tolist() == dann.predictions.tolist()
    assert dann.truth is not None and dann.truth.tolist() == target.labels.tolist()
    weight = load_tensors(dann.folder / "classifier.safetensors")
    logits = looks.after_target @ weight["weight"].numpy().T + weight["bias"].numpy()
    assert names[logits.argmax(1)].tolist() == looks.after.tolist()
    assert not np.allclose(looks.before_target, looks.after_target)


def test_the_course_is_that_of_the_log_by_candidate(dann: DeepResult) -> None:
    courses = {one.name: one for one in read_courses(dann.folder)}
    assert list(courses) == [one["name"] for one in dann.candidates] and len(courses) == 3
    alone, _, last = courses.values()
    assert "domain_accuracy" not in alone.train and "domain_accuracy" in last.train
    told = [json.loads(line) for line in (dann.folder / "events.jsonl").read_text().splitlines()]
    losses = [row["domain_loss"] for row in told if row["kind"] == "train" and "domain_loss" in row]
    steps, values = last.train["domain_loss"]
    assert values.tolist() == losses[-len(values) :] and steps.tolist() == [2, 4, 6]
    scored = [row for row in told if row["kind"] == "eval"]
    best = max(scored[-6:], key=lambda row: row["circular"])
    assert last.best == best["step"] and last.steps == 6
    assert last.cost["seconds"] > 0


def test_the_page_says_what_was_measured(dann: DeepResult, page: str) -> None:
    looks = read_looks(dann.folder)
    assert looks is not None
    before = shift(looks.before_source, looks.before_target, looks.labels, looks.before, more=False)
    after = shift(looks.after_source, looks.after_target, looks.labels, looks.after, more=False)
    told = text(section(page, "The shift before and after"))
    assert f"MMD², Gaussian kernel {before.rbf:.3g} {after.rbf:.3g}" in told
    assert f"{before.a_distance:.2f} [" in told and "60 source images (6 of them not learned from) and 21" in told
    for name in ("a", "b", "c"):
        counts = [int((one == name).sum()) for one in (looks.before, looks.after)]
        ends = [one.per_class[name] if n >= 5 else None for one, n in zip((before, after), counts)]
        cells = " ".join("–" if one is None else f"{one:.4g}" for one in ends)
        assert f"{name} 20 {counts[0]} {counts[1]} {cells}" in told
    assert f"right in {100 * dann.metrics['adapted']:.1f} %" in text(page)
    judged = text(section(page, "How the candidates were judged"))
    kept = next(one for one in dann.candidates if one["name"] == dann.chosen)
    assert f"→ {dann.chosen} {kept['source']:.4g} {kept['scores']['circular']:.4g}" in judged
    confusion = section(page, "Telling the domains apart")
    assert confusion.count("<svg") == 2 and "guessing" in confusion
    assert section(page, "Along the run").count("<svg") == 4 and section(page, "What it cost").count("<tr>") == 4
    assert "<svg" in section(page, "Before and after, on a plane")
    assert "<script" not in page and "NaN" not in page and "regard adapt a b" in page


def test_a_target_without_labels_has_a_page_without_accuracies(tmp_path: Path) -> None:
    source, target = domains()
    found = run("mcc", tmp_path / "run", domains=(source, target.without_labels()))
    html = write_network_page(found, tmp_path / "page.html").read_text("utf-8")
    assert "Accuracy on the target" not in html and "no labels to score with" in html
    assert section(html, "Along the run").count("<svg") == 3
    assert section(html, "The method's own numbers".replace("'", "&#39;")).count("<svg") == 1
    assert "that the adapted network tells" in text(section(html, "Before and after, on a plane"))


def test_a_method_that_does_not_learn_has_no_course_of_its_own(tmp_path: Path) -> None:
    found = run("adabn", tmp_path / "run")
    html = write_network_page(found, tmp_path / "page.html").read_text("utf-8")
    assert re.search(r"adabn – – – – –", text(section(html, "What it cost")))
    assert "Telling the domains apart" not in html


def changed(found: DeepResult, tmp_path: Path, change: Any) -> DeepResult:
    """The same run with other files, in a folder of its own, as if it had gone so."""
    folder = tmp_path / "run"
    shutil.copytree(found.folder, folder)
    change(folder)
    card = read_json(folder / "card.json")
    write_json(folder / "card.json", {**card, "results": {}})
    return DeepResult.load(folder)


def test_collapse_is_said_at_the_top_and_no_map_is_drawn_of_it(dann: DeepResult, tmp_path: Path) -> None:
    def collapse(folder: Path) -> None:
        tensors = load_tensors(folder / FEATURES)
        for side in ("source", "target"):
            tensors[f"after_{side}"] = tensors[f"after_{side}"] * 0 + 1
        save_tensors(folder / FEATURES, tensors)
        choice = read_json(folder / "choice.json")
        for one in choice["candidates"]:
            one["notes"] = ["The target's predicted classes have collapsed: <b>all</b>"]
        write_json(folder / "choice.json", choice)

    html = write_network_page(changed(dann, tmp_path, collapse), tmp_path / "page.html").read_text("utf-8")
    assert "Take care" in html and "&lt;b&gt;all" in html and "<b>all" not in html
    assert "after all images have the same features" in text(section(html, "Before and after, on a plane"))
    assert "Nothing went wrong" not in html


def test_a_run_of_an_earlier_version_has_a_page_without_shift_and_course(dann: DeepResult, tmp_path: Path) -> None:
    def older(folder: Path) -> None:
        (folder / FEATURES).unlink()
        (folder / CURVES).unlink()

    found = changed(dann, tmp_path, older)
    html = write_network_page(found, tmp_path / "page.html").read_text("utf-8")
    assert "The shift before and after" not in html and "How the candidates were judged" in html


def test_changed_features_are_refused(dann: DeepResult, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(dann.folder, folder)
    tensors = load_tensors(folder / FEATURES)
    tensors["rows"] += 1
    save_tensors(folder / FEATURES, tensors)
    with pytest.raises(InputError, match="was damaged, edited"):
        read_looks(folder)


def test_the_verb_writes_the_page_of_a_finished_run_too(tmp_path: Path) -> None:
    source, target = domains()
    given = {"with_": representation(), "out": tmp_path / "run", "keep": "last", "backbone_lr_factor": 1.0}
    given |= {"steps": SETTINGS.steps, "batch": 8, "precision": "fp32", "device": "cpu", "set_": {"weight": (0.5, 1)}}
    adapt(source, target, method="mcc", **given)
    found = adapt(source, target, method="mcc", **given, report=tmp_path / "page.html")
    assert found.to_dict()["report"] == str(tmp_path / "page.html") and f"report: {found.report}" in repr(found)
    assert "--set weight=0.5,1 --by circular" in text((tmp_path / "page.html").read_text("utf-8"))
    with pytest.raises(InputError, match="--report.*\\.html"):
        adapt(source, target, method="mcc", **given, report=tmp_path / "page.txt")
    with pytest.raises(InputError, match="--report.*compare-adapt"):
        adapt(source, target, method="coral", with_=representation(), report=tmp_path / "page.html")
