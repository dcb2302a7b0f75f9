"""Tasks learned one after another as a verb: going on, forgetting exactly, what it refuses, its line in a lineage."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import pictures, representation
from helpers.learning_tasks import task
from regard import learn, lineage, predict
from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.data.streams.stream import Stream
from regard.data.streams.task import Task
from regard.lifelong.frozen_task import FrozenLearned
from regard.lifelong.learner_files import learner

SHORT = {"steps": 2, "backbone_lr_factor": 1.0, "device": "cpu", "precision": "fp32"}


def scores(folder: Path) -> np.ndarray:
    known = FrozenLearned.load(folder)
    return known.learner.decision_function(known.representation.embed(pictures(45, "t"), precision="fp32").vectors)


@pytest.mark.parametrize("method", ["slda", "ranpac"])
def test_it_goes_on_and_forgets_to_what_it_would_be(method: str, tmp_path: Path) -> None:
    settings = {"n_components": 50, "alpha": 1.0} if method == "ranpac" else None
    first = learn(task("a", "b"), with_=representation(), method=method, set_=settings, out=tmp_path / "1")
    assert first.metrics["classes"] == first.metrics["new"] == 2 and first.metrics["accuracy"] is None
    both = learn(task("b", "c"), with_=tmp_path / "1", out=tmp_path / "2")
    assert both.method == method and both.metrics["classes"] == 3 and both.metrics["new"] == 1
    made = learner(method, **(settings or {}))
    for images in (task("a", "b"), task("b", "c")):
        made.partial_fit(representation().embed(images, precision="fp32").vectors, images.labels)
    X = representation().embed(pictures(45, "t"), precision="fp32").vectors
    assert np.abs(scores(tmp_path / "2") - made.decision_function(X)).max() < 1e-9, "the classes' own statistics"

    (tmp_path / "ids.txt").write_text("t1\n\nt4\n")
    every = task("a", "b", "c")
    less = learn(every, with_=tmp_path / "2", forget=tmp_path / "ids.txt", forget_class="c", out=tmp_path / "3")
    assert less.metrics["classes"] == 2 and less.metrics["images"] == 12
    assert any("still holds" in note for note in less.notes)
    # never seen: b came twice, and is there once less where it was forgotten
    kept = learner(method, **(settings or {}))
    b = task("b")
    for images in (task("a"), b, b.subset(~np.isin(b.ids, ["t1", "t4"]))):
        kept.partial_fit(representation().embed(images, precision="fp32").vectors, images.labels)
    wanted = kept.decision_function(X)
    assert np.abs(scores(tmp_path / "3") - wanted).max() < 1e-8 * max(1, np.abs(wanted).max())
    last = FrozenLearned.load(tmp_path / "3")
    assert len(last.pictures) == 28 and "c" not in {label for _, label in last.pictures}
    with pytest.raises(InputError, match="--forget: expected images that were learned, got 't2' of class 'c'"):
        learn(every, with_=tmp_path / "3", forget_class="c", out=tmp_path / "7")
    assert not (tmp_path / "7").exists()


def test_a_run_is_a_representation_that_predict_and_lineage_know(tmp_path: Path) -> None:
    start = representation()
    start.save(tmp_path / "start")
    learn(task("a", "b"), with_=tmp_path / "start", method="slda", out=tmp_path / "1")
    found = learn(task("c"), with_=tmp_path / "1", out=tmp_path / "2")
    learn(task("a", "b", "c"), with_=tmp_path / "start", method="ranpac", set_={"n_components": 40}, out=tmp_path / "r")
    new = pictures(45, "n", shift=3)
    assert predict(tmp_path / "2", new, no_cache=True).metrics["accuracy"] == np.mean(
        found.known.predict(new) == new.labels
    )
    with pytest.raises(InputError, match="classifier"):
        predict(tmp_path / "r", new)
    drawn = lineage(tmp_path).found
    assert drawn.parents == {"1": "start", "2": "1", "r": "start"}
    assert (
        drawn.tasks("2") == ["drawn at random", "learn: slda (t)", "learn: slda (t)"] and drawn.nodes["2"].score == ""
    )


def test_a_stream_goes_on_where_it_was(tmp_path: Path) -> None:
    every = pictures(45, "p")
    train, test = every.subset(np.arange(30)), every.subset(np.arange(30, 45))

    def cut(name: str, *classes: str) -> Task:
        parts = (one.subset(np.isin(one.labels, classes)) for one in (train, test))
        return Task(name, "classify", *parts, part="p")

    stream = Stream("s", (cut("ab", "a", "b"), cut("c", "c")))
    given = {"with_": representation(), "method": "replay", **SHORT}
    whole = learn(stream, out=tmp_path / "1", **given)
    assert [one["name"] for one in whole.tasks] == ["ab", "c"] and whole.metrics["classes"] == 3
    assert whole.metrics["accuracy_low"] <= whole.metrics["accuracy"] and whole.tasks[0]["bytes"] > 0
    (tmp_path / "1" / "tasks" / "01" / "card.json").unlink()
    again = learn(stream, out=tmp_path / "1", **given)
    assert "ab was learned already." in again.notes and "c was learned already." not in again.notes
    assert again.metrics["accuracy"] == whole.metrics["accuracy"] and again.known.classes == ("a", "b", "c")
    one = learn(stream, task="c", with_=tmp_path / "1", out=tmp_path / "2", steps=2, device="cpu", precision="fp32")
    assert one.method == "replay" and one.metrics["classes"] == 3 and one.known.number == 2
    other = learn(task("a", "b"), with_=tmp_path / "1", method="ncm", out=tmp_path / "3")
    assert any("ncm starts anew on its encoder" in note for note in other.notes) and other.metrics["classes"] == 2
    with pytest.raises(InputError, match="other settings"):
        learn(Stream("s", (cut("ab", "a", "b"),)), out=tmp_path / "1", **given)
    with pytest.raises(InputError, match="run of replay, whose weights hold"):
        learn(task("a"), with_=tmp_path / "1", forget_class="a", out=tmp_path / "4")
    with pytest.raises(InputError, match="--task: expected one of ab, c, got 'd'"):
        learn(stream, task="d", with_=representation(), method="ncm", out=tmp_path / "4")


def test_what_it_refuses(tmp_path: Path) -> None:
    rep, images = representation(), task("a", "b")
    out = {"out": tmp_path / "1"}
    with pytest.raises(InputError, match="--method: expected a method"):
        learn(images, with_=rep, **out)
    with pytest.raises(InputError, match="Did you mean 'slda'"):
        learn(images, with_=rep, method="sldaa", **out)
    with pytest.raises(InputError, match="--steps: expected --method of which one trains a network, got 3"):
        learn(images, with_=rep, method="ncm", steps=3, **out)
    with pytest.raises(InputError, match="--forget: expected a run of a learner on frozen vectors"):
        learn(images, with_=rep, forget_class="a", **out)
    with pytest.raises(InputError, match="--task: expected it with a stream"):
        learn(images, with_=rep, method="ncm", task="a", **out)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        learn(images, with_=rep, method="ncm", out=tmp_path / "mine")
    learn(images, with_=rep, method="ncm", **out)
    with pytest.raises(InputError, match="set metric"):
        learn(images, with_=tmp_path / "1", set_={"metric": "cosine"}, out=tmp_path / "2")
    with pytest.raises(InputError, match="--forget-class: expected one of a, b, got 'c'"):
        learn(images, with_=tmp_path / "1", forget_class="c", out=tmp_path / "2")
    (tmp_path / "ids.txt").write_text("t900\n")
    with pytest.raises(InputError, match="ids.txt: expected one of .* got 't900'"):
        learn(images, with_=tmp_path / "1", forget=tmp_path / "ids.txt", out=tmp_path / "2")


@pytest.mark.parametrize("method", ["ncm", "finetune"])
def test_a_test_picture_that_cannot_be_read_is_told_and_not_counted(method: str, tmp_path: Path) -> None:
    train, test = task("a", "b"), task("a", "b", n=60).subset(range(20, 30))
    test = replace(test, ids=np.array([f"x{row}" for row in range(10)]))
    broken = ImageSet([b"no picture", *list(test.items)[1:]], test.ids, test.labels)
    options = SHORT if method == "finetune" else {}
    found = learn(
        Stream("s", (Task("t", "classify", train, broken),)),
        with_=representation(),
        method=method,
        out=tmp_path / "1",
        **options,
    )
    good = test.subset(range(1, 10))
    right = float(np.mean(found.known.predict(good).astype(str) == good.labels))
    assert found.metrics["accuracy"] == right and found.tasks[0]["tested"] == 9
    assert any("x0 was set aside" in note for note in found.notes)
    if method == "ncm":
        with pytest.raises(InputError, match="1 that cannot be read, such as 'x0'"):
            found.known.predict(broken)


def test_the_run_to_go_on_from_is_no_place_to_write(tmp_path: Path) -> None:
    learn(task("a", "b"), with_=representation(), method="ncm", out=tmp_path / "1")
    for out in (tmp_path / "1", tmp_path / "1" / "next"):
        with pytest.raises(InputError, match="--out: expected a folder outside .*in a folder of its own"):
            learn(task("c"), with_=tmp_path / "1", out=out)
    assert not (tmp_path / "1" / "next").exists()
