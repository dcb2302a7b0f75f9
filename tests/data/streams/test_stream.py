from dataclasses import replace

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data.annotations.masks import SemanticMap
from regard.data.annotations.record import Annotations, Listed, Rows
from regard.data.imageset import ImageSet
from regard.data.streams.builtin import builtin_stream, builtin_stream_names
from regard.data.streams.part import Part
from regard.data.streams.scenarios import class_incremental, mixed, online, single
from regard.data.streams.stream import Stream
from regard.data.streams.task import Task


def pictures(labels, name="p", start=0, **columns):
    rng = np.random.default_rng(start)
    items = list(rng.integers(0, 256, (len(labels), 4, 4, 3), dtype=np.uint8))
    ids = np.array([f"{name}/{start + place}" for place in range(len(labels))])
    columns = {key: np.array(value) for key, value in columns.items()}
    return ImageSet(items, ids, np.array(labels) if labels[0] else None, columns, name)


def maps(n, start=0, classes=("background", "box", "cone")):
    made = [
        Annotations((4, 4), semantic=SemanticMap(np.full((4, 4), place % 3, np.uint8), classes)) for place in range(n)
    ]
    return replace(pictures([""] * n, "m", start), annotations=Rows.of(Listed(made, classes)))


TRAIN, TEST = pictures(["a", "b", "a"]), pictures(["a", "b", "a"], start=10)


def test_a_task_knows_its_classes():
    task = Task("t", "classify", TRAIN, TEST)
    assert task.classes == ("a", "b") and task.labelled and task.part == task.of == "t"
    assert Task("s", "segment", maps(3), maps(2, 10)).classes == ("box", "cone")
    open_set = Task("r", "retrieve", TRAIN, pictures(["x", "x", "y"], start=10))
    assert open_set.classes == ("a", "b", "x", "y")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("", "classify", TRAIN, TEST), "^name: expected a name for the task"),
        (("t", "detect", TRAIN, TEST), "^task 't': kind: expected one of classify, retrieve, segment"),
        (
            ("t", "classify", TRAIN.without_labels().subset([]), TEST),
            "^task 't': train: expected at least one image .*, got no image",
        ),
        (("t", "classify", TRAIN, None), "^task 't': test: expected images to be scored on, got no test part"),
        (("t", "classify", TRAIN, TEST.without_labels().subset([])), "^task 't': test: .* got no test part"),
        (("t", "classify", TRAIN, TRAIN), "^task 't': test: .* got 3 images that are learned from too"),
        (("t", "classify", TRAIN.without_labels(), TEST), "train: expected labelled images.*labelled = false"),
        (("t", "classify", TRAIN, TEST.without_labels()), "test: expected labels to score with"),
        (
            ("t", "classify", TRAIN, pictures(["a", "z"], start=10)),
            "test: expected classes that can be learned, got images of 'z', of which train has none",
        ),
        (("t", "retrieve", TRAIN, TEST.subset([0, 1])), "test: expected a label with two images"),
        (("t", "segment", TRAIN, TEST), "train: .* got p without annotations"),
        (("t", "segment", maps(3), TEST), "test: .* got p without annotations"),
        (
            (
                "t",
                "classify",
                pictures(["a", "b"], identity=["x", ""]),
                pictures(["a", "b"], start=5, identity=["", "x"]),
            ),
            "images of 1 things that are learned from too, by the column `identity` .'x'",
        ),
    ],
)
def test_what_no_task_is(given, message):
    with pytest.raises(InputError, match=message):
        Task(*given)


def test_one_image_to_learn_from_is_a_task_and_one_in_all_is_none():
    assert len(Task("t", "classify", TRAIN.subset([0]), TEST.subset([0])).train) == 1
    with pytest.raises(InputError, match="^train: expected two, one to learn from and one to test, got one image"):
        single(Part(TRAIN.subset([0])))
    with pytest.raises(InputError, match="^images: expected at least two different images, .* got 1 in class 'b'"):
        single(Part(TRAIN))


def test_an_unlabelled_task_gives_no_label_away():
    data = pictures(["a", "a", "b", "b"], identity=["a", "a", "b", "b"], camera=["1", "2", "1", "2"])
    task = Task("t", "classify", data, TEST, labelled=False)
    assert task.train.labels is None and set(task.train.columns) == {"camera"} and task.test.labels is not None
    assert task.classes == ("a", "b")
    blind = Task("s", "segment", maps(3), maps(2, 10), labelled=False)
    assert blind.train.annotations is None and blind.classes == ("box", "cone")
    never = Task("n", "classify", pictures([""] * 3, start=20), TEST, labelled=False)
    assert never.classes == ("a", "b")
    chunks = online(Part(pictures(["a", "b"] * 10), labelled=False), 4)
    assert all(one.train.labels is None and one.test.labels is not None for one in chunks.tasks)
    assert chunks.classes() == ("a", "b")


def test_methods_that_cannot_are_refused_before_they_begin():
    stream = Stream(
        "s",
        (
            Task("one", "classify", TRAIN, TEST),
            Task("two", "classify", pictures(["c"] * 3, start=20), pictures(["c"], start=30), labelled=False),
            Task("three", "segment", maps(2, 40), maps(2, 50)),
        ),
    )
    with pytest.raises(InputError, match="^method: .* got 'ncm', which does not segment, as task 'three' asks for"):
        stream.check_method("ncm", unlabelled=True)
    kinds = ("classify", "segment")
    with pytest.raises(InputError, match="^method: .*'ncm', which learns from labels, that task 'two' lacks"):
        stream.check_method("ncm", unlabelled=False, kinds=kinds)
    stream.check_method("cassle", unlabelled=True, kinds=kinds)


def test_what_no_stream_is():
    task = Task("t", "classify", TRAIN, TEST)
    with pytest.raises(InputError, match="^tasks: expected at least one task in the stream 's', got none"):
        Stream("s", ())
    with pytest.raises(InputError, match="^tasks: .* got two that are called 't'"):
        Stream("s", (task, replace(task, again=True)))
    leak = Task("u", "classify", TEST, pictures(["a", "b"], start=30), again=True)
    with pytest.raises(InputError, match="3 images that 'u' learns from and 't' is scored on .'p/10'"):
        Stream("s", (task, leak))
    with pytest.raises(InputError, match="^labels: .* got 'B', which no task .* Is 'B' 'b'"):
        Stream("s", (task,)).codes(["B"])


def test_classes_are_numbered_as_they_come_by_kind():
    later = Task("u", "classify", pictures(["A", "b"], start=20), pictures(["A", "b"], start=30), again=True)
    seen = Task("s", "segment", maps(2, 40), maps(2, 50))
    stream = Stream("s", (Task("t", "classify", TRAIN, TEST), later, seen))
    assert stream.classes() == ("a", "b", "A") and stream.classes("segment") == ("box", "cone")
    assert stream.codes(np.array(["A", "a", "b"])).tolist() == [2, 0, 1]
    told = stream.told()
    assert told["tasks"][1]["new"] == ["A"] and told["tasks"][1]["back"] == {"b": "t"}
    assert told["notes"] == ["Classes that come back: 'b' in u (first in t)."]


def test_the_content_hash_is_of_what_the_tasks_hold():
    def made(train=TRAIN, test=TEST, name="t", **more):
        return Stream("s", (Task(name, "classify", train, test, **more),)).content_hash()

    dark = replace(TRAIN, items=[TRAIN.items[0] // 2, *TRAIN.items[1:]])
    relabelled = replace(TRAIN, labels=np.array(["b", "a", "a"]))
    hashes = [made(), made(dark), made(relabelled), made(TRAIN.subset([0, 1])), made(name="u"), made(labelled=False)]
    assert len(set(hashes)) == len(hashes) and made() == hashes[0]
    flipped = maps(3, classes=("background", "cone", "box"))
    mapped = [Stream("s", (Task("t", "segment", data, maps(2, 10)),)).content_hash() for data in (maps(3), flipped)]
    assert mapped[0] != mapped[1]


def test_digits_five_times_two():
    stream = builtin_stream("digits_5x2")
    assert builtin_stream_names() == ["digits_5x2", "mixed"]
    assert [task.name for task in stream.tasks] == [f"digits_5x2-{number}" for number in range(1, 6)]
    assert all(len(task.new) == 2 for task in stream.tasks) and len(stream.classes()) == 10
    assert sum(len(task.train) + len(task.test) for task in stream.tasks) == 1797
    assert stream.classes() != builtin_stream("digits_5x2", 1).classes()
    with pytest.raises(InputError, match="Did you mean 'digits_5x2'"):
        builtin_stream("digits_5x3")


def test_the_mixed_stream_scores_on_photographs_that_no_task_learns_from():
    stream = builtin_stream("mixed")
    assert [(task.name, task.kind, task.labelled) for task in stream.tasks] == [
        ("digits", "classify", True),
        ("photo_crops", "retrieve", False),
        ("scenes", "segment", True),
    ]
    _, crops, scenes = stream.tasks
    assert set(scenes.train.columns["family"]) == {"a"} and set(scenes.test.columns["family"]) == {"b"}
    learned = {one.split("/")[1] for one in crops.train.ids.tolist()}
    assert not learned & set(crops.test.labels) and len(learned) == 11 and len(set(crops.test.labels)) == 9
    assert "china" in learned and "flower" in crops.test.labels
    assert crops.train.labels is None and "identity" not in crops.train.columns
    assert stream.classes("segment") == ("box", "sphere", "cylinder", "cone")
    both = mixed("both", class_incremental(Part(TRAIN, TEST, name="x"), 2), stream)
    assert len(both) == 4
