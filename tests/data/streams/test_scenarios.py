import csv
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.data.streams._class_order import class_order
from regard.data.streams.blurry import blurry, dealt_elsewhere
from regard.data.streams.part import Part
from regard.data.streams.scenarios import (
    class_incremental,
    data_incremental,
    domain_incremental,
    mixed,
    online,
    single,
)


def dots(counts, name="dots", **columns):
    """Pictures of 4x4 of so many images by class, each of another grey."""
    labels = [label for label, count in counts.items() for _ in range(count)]
    rng = np.random.default_rng(len(labels))
    items = list(rng.integers(0, 256, (len(labels), 4, 4, 3), dtype=np.uint8))
    ids = np.array([f"{name}/{place:03d}" for place in range(len(labels))])
    return ImageSet(items, ids, np.array(labels), {key: np.array(one) for key, one in columns.items()}, name)


SIX = dots(dict.fromkeys("abcdef", 12))


def ids(task):
    return set(task.train.ids.tolist())


def test_classes_come_once_and_every_image_is_in_one_task():
    stream = class_incremental(Part(SIX, name="six", seed=3), 2, first=3)
    assert [task.name for task in stream.tasks] == ["six-1", "six-2", "six-3"]
    assert [len(task.new) for task in stream.tasks] == [3, 2, 1]
    assert sorted(stream.classes()) == list("abcdef") and not any(task.back for task in stream.tasks)
    everything = [one for task in stream.tasks for one in (*task.train.ids, *task.test.ids)]
    assert sorted(everything) == sorted(SIX.ids.tolist())
    for task in stream.tasks:
        assert set(task.train.classes) == set(task.test.classes) == set(task.new)
        assert [len(task.test), len(task.train)] == [3 * len(task.new), 9 * len(task.new)]
    assert stream.codes(stream.classes()).tolist() == list(range(6))


def test_the_order_of_files_does_not_matter_and_seeds_do():
    other = SIX.subset(np.random.default_rng(0).permutation(len(SIX)))
    one, same, another = (class_incremental(Part(data, seed=seed)) for data, seed in ((SIX, 5), (other, 5), (SIX, 6)))
    for first, second in zip(one.tasks, same.tasks):
        assert first.new == second.new and ids(first) == ids(second)
    assert [task.new for task in one.tasks] != [task.new for task in another.tasks]


@given(st.sets(st.sampled_from("abcdefghij"), min_size=2), st.integers(0, 50))
def test_a_further_class_moves_no_other_before_another(names, seed):
    order = class_order(sorted(names), seed=seed)
    longer = class_order(sorted(names | {"z"}), seed=seed)
    assert [name for name in longer if name != "z"] == order


def test_a_longer_stream_keeps_names_ids_and_numbers_of_classes():
    short = class_incremental(Part(SIX, name="six", classes=list("bdf")), 2)
    longer = short.extended(class_incremental(Part(SIX, name="more", classes=list("ace")), 1))
    assert [task.name for task in longer.tasks[: len(short)]] == [task.name for task in short.tasks]
    assert all(ids(a) == ids(b) and a.new == b.new for a, b in zip(short.tasks, longer.tasks))
    assert longer.classes()[:3] == short.classes() and len(longer.classes()) == 6
    assert longer.codes(["d", "b"]).tolist() == short.codes(["d", "b"]).tolist()
    assert short.content_hash() == class_incremental(Part(SIX, name="six", classes=list("bdf")), 2).content_hash()


def test_a_class_that_comes_back_is_meant_or_refused():
    groups = [["a", "b"], ["c"], ["a", "d"]]
    with pytest.raises(InputError, match="^groups: expected each class once, got 'a' in the groups 1, 3. Say again"):
        class_incremental(SIX, groups=groups)
    stream = class_incremental(Part(SIX, again=True), groups=groups)
    first, _, third = stream.tasks
    assert third.new == ("d",) and third.back == (("a", "stream-1"),)
    assert not ids(first) & ids(third), "no image comes twice"
    assert [int((task.train.labels == "a").sum()) for task in (first, third)] == [5, 4]
    assert set(first.test.ids[first.test.labels == "a"]) == set(third.test.ids[third.test.labels == "a"])
    assert "Classes that come back: 'a' in stream-3 (first in stream-1)." in stream.notes
    assert any("'e', 'f' are in none of the groups" in note for note in stream.notes)


def test_classes_of_another_part_are_meant_or_refused_or_renamed():
    one = single(Part(SIX, name="one"))
    others = dots(dict.fromkeys("abz", 8), "others")
    with pytest.raises(InputError, match="^task 'two': expected classes of its own, got 'a', 'b', which 'one' has alr"):
        mixed("both", one, single(Part(others, name="two")))
    same = mixed("both", one, single(Part(others, name="two", again=True)))
    assert same.tasks[1].new == ("z",) and dict(same.tasks[1].back) == {"a": "one", "b": "one"}
    apart = mixed("both", one, single(Part(others, name="two", prefix="other")))
    assert apart.tasks[1].new == ("other/a", "other/b", "other/z") and apart.tasks[1].train.ids[0].startswith("other/")


def test_data_incremental_has_all_classes_in_each_part():
    stream = data_incremental(Part(SIX, name="six"), 3)
    assert [len(task.train) for task in stream.tasks] == [18, 18, 18]
    assert all(set(task.train.classes) == set("abcdef") for task in stream.tasks)
    assert len(set.union(*map(ids, stream.tasks))) == 54 and stream.tasks[1].new == ()
    with pytest.raises(InputError, match="^parts: expected at most 9, the images of 'a' to learn from, got 10"):
        data_incremental(SIX, 10)


def test_domains_by_a_column():
    domains = np.array(["photo", "sketch", "art"] * 24)
    data = dots(dict.fromkeys("abcdef", 12), domain=domains)
    stream = domain_incremental(Part(data, name="looks"))
    assert [task.name for task in stream.tasks] == ["looks-art", "looks-photo", "looks-sketch"]
    for task in stream.tasks:
        assert {*task.train.columns["domain"], *task.test.columns["domain"]} == {task.name.partition("-")[2]}
    assert [task.name for task in domain_incremental(data, order=["sketch", "art", "photo"]).tasks][
        0
    ] == "stream-sketch"
    with pytest.raises(InputError, match="^train: column: .* Did you mean 'domain'"):
        domain_incremental(data, "domian")
    gap = np.where(np.arange(72) == 5, "", domains)
    with pytest.raises(InputError, match="column: expected a value for each image, got 1 of "):
        domain_incremental(dots(dict.fromkeys("abcdef", 12), domain=gap))


def test_domains_from_folders_with_files_of_the_same_names(tmp_path):
    for domain in ("photo", "sketch"):
        for label in ("cat", "dog"):
            (tmp_path / domain / label).mkdir(parents=True)
            for number in range(4):
                grey = np.full((8, 8), 30 * number + 10 * (domain == "photo"), np.uint8)
                Image.fromarray(grey).save(tmp_path / domain / label / f"{number}.png")
    stream = domain_incremental({name: tmp_path / name for name in ("sketch", "photo")})
    assert [task.name for task in stream.tasks] == ["stream-sketch", "stream-photo"]
    assert all(str(one).startswith("photo/") for one in stream.tasks[1].train.ids)
    assert stream.tasks[1].new == () and len(stream.tasks[1].train) == 6
    # one id of two files, where nothing tells them apart
    with pytest.raises(InputError, match=r"expected ids that differ, got the id '\w+/\d.png' .*prefix"):
        parts = [single(Part(tmp_path / name, name=name, again=name == "photo")) for name in ("sketch", "photo")]
        mixed("both", *parts)
    # a test folder of its own
    own = single(Part(tmp_path / "photo", tmp_path / "sketch", name="across"))
    assert str(own.tasks[0].test.ids[0]).startswith("test/") and len(own.tasks[0].train) == 8


def test_a_thing_that_another_domain_is_scored_on_is_told():
    looks = {"one": dots({"a": 8, "b": 8}, "one"), "two": dots({"a": 8, "b": 8}, "two")}
    assert not any("things" in note for note in domain_incremental(looks).notes)
    cut = {}
    for name, swap in (("one", 0), ("two", 1)):
        people = np.array([f"p{place % 4}" for place in range(16)])
        every = replace(looks[name], columns={"identity": people})
        taught = np.isin(people, ["p0", "p1"]) ^ bool(swap)
        cut[name] = {"train": every.subset(taught), "test": every.subset(~taught)}
    told = domain_incremental(Part(cut)).notes
    assert any("4 things are learned from in one domain and scored on in another" in note for note in told)


def test_chunks_hold_each_image_once_and_share_a_test_part():
    stream = online(Part(SIX, name="six", seed=2), 10)
    assert [len(task.train) for task in stream.tasks] == [10, 10, 10, 10, 10, 4]
    assert sorted(one for task in stream.tasks for one in task.train.ids.tolist()) == sorted(
        single(Part(SIX, seed=2)).tasks[0].train.ids.tolist()
    )
    assert list(stream.tests) == ["six"] and stream.learned.tolist() == [5]
    assert stream.tasks[0].name == "six.1" and stream.tasks[0].whole == "six"
    by_class = class_incremental(Part(SIX, name="six", chunk=5), 2)
    assert [task.name for task in by_class.tasks[:5]] == ["six-1.1", "six-1.2", "six-1.3", "six-1.4", "six-2.1"]
    assert by_class.learned.tolist() == [3, 7, 11] and len(by_class.tests) == 3
    assert sorted(by_class.classes()) == list("abcdef")


def test_blurry_borders_have_the_share_in_each_task_and_each_chunk():
    data = dots({"a": 40, "b": 20, "c": 40, "d": 40, "e": 20, "f": 20})
    stream = blurry(Part(data, seed=1), 2, 0.2, order="sorted")
    assert sorted(one for task in stream.tasks for one in task.train.ids.tolist()) == sorted(
        single(Part(data, seed=1)).tasks[0].train.ids.tolist()
    )
    for task in stream.tasks:
        foreign = ~np.isin(task.train.labels, task.test.classes)
        assert foreign.mean() == pytest.approx(0.2, abs=0.01) and len(task.test.classes) == 2
    chunks = blurry(Part(data, seed=1, chunk=10), 2, 0.2, order="sorted")
    for task in chunks.tasks:
        share = 0.2 * len(task.train)
        assert abs(int((~np.isin(task.train.labels, task.test.classes)).sum()) - share) <= 1.1
    plain = blurry(Part(data, seed=1), 2, 0.0, order="sorted")
    assert [ids(task) for task in plain.tasks] == [
        ids(task) for task in class_incremental(Part(data, seed=1), 2, order="sorted").tasks
    ]
    with pytest.raises(InputError, match="^blur: expected a number from 0 to 0.5"):
        blurry(data, 2, 0.7)
    with pytest.raises(InputError, match="^classes_per_task: expected fewer than 6, for a second task"):
        blurry(data, 6)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 4), max_size=60), st.integers(0, 99))
def test_nothing_is_dealt_to_its_own_home_where_that_can_be(homes, seed):
    homes = np.array(homes, dtype=np.int64)
    dealt = dealt_elsewhere(homes, seed)
    assert sorted(dealt.tolist()) == sorted(homes.tolist())
    most = max(np.bincount(homes)) if len(homes) else 0
    assert (dealt == homes).sum() == max(0, 2 * most - len(homes))


def test_a_class_the_nearest_name_and_lists():
    with pytest.raises(InputError, match="^classes: .* got 'catt'. Did you mean 'cat'"):
        single(Part(dots({"cat": 4, "dog": 4}), classes=["catt"]))
    with pytest.raises(InputError, match="^classes: expected a list of names, got 'cat'"):
        single(Part(dots({"cat": 4, "dog": 4}), classes="cat"))
    with pytest.raises(
        InputError, match="^order: expected each class once, got a list without 'b', 'c', 'd' and 2 more"
    ):
        class_incremental(SIX, order=["a"])
    with pytest.raises(InputError, match="^order: expected one of seed, sorted, got 'sort'. Did you mean 'sorted'"):
        class_incremental(SIX, order="sort")
    with pytest.raises(InputError, match="^classes_per_task: expected at most 6, all the classes, got 7"):
        class_incremental(SIX, 7)
    with pytest.raises(InputError, match="^groups: .*group 2 empty"):
        class_incremental(SIX, groups=[["a"], []])
    with pytest.raises(InputError, match="^groups: .*beside `first` or `order`"):
        class_incremental(SIX, groups=[["a"]], first=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": -1}, "^seed: "),
        ({"kind": "clasify"}, "^kind: .* Did you mean 'classify'"),
        ({"labelled": "no"}, "^labelled: expected true or false, got 'no'"),
        ({"chunk": 0}, "^chunk: expected a whole number of at least 1"),
        ({"test": True}, "^test: expected a share of the images, or a source of others, got True"),
        ({"test": 1.5}, "^test: expected a number above 0 and at most 1"),
        ({"prefix": 3}, "^prefix: expected text"),
    ],
)
def test_settings_out_of_range(change, message):
    with pytest.raises(InputError, match=message):
        single(Part(SIX, **change))


def test_a_table_with_parts_and_people_is_cut_by_them(tmp_path):
    rows = []
    for number in range(12):
        Image.fromarray(np.full((8, 8), 20 * number, np.uint8)).save(tmp_path / f"{number}.png")
        rows.append(
            [
                f"{number}.png",
                "ab"[number % 2],
                "ab"[number > 5],
                f"person{number // 4}",
                "test" if number < 4 else "train",
            ]
        )
    with open(tmp_path / "all.csv", "w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "side", "identity", "split"], *rows])
    task = single(Part(tmp_path / "all.csv")).tasks[0]
    assert set(task.test.columns["identity"]) == {"person0"} and len(task.train) == 8
    with pytest.raises(InputError, match="^task 'stream-b': test: expected images to be scored on, got no test part"):
        domain_incremental(Part(tmp_path / "all.csv", classes=["a", "b"]), "side")
    # without that column, people are kept on one side
    with open(tmp_path / "people.csv", "w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "side", "identity"], *(row[:4] for row in rows)])
    task = single(Part(tmp_path / "people.csv", 0.3)).tasks[0]
    assert not set(task.test.columns["identity"]) & set(task.train.columns["identity"])


def test_people_to_retrieve_are_on_one_side_whatever_their_labels():
    people = np.repeat([f"person{number}" for number in range(8)], 4)
    for data in (
        dots(dict.fromkeys("abcdefgh", 4), identity=people),
        replace(dots(dict.fromkeys("abcdefgh", 4), identity=people), labels=None),
    ):
        task = single(Part(data, kind="retrieve")).tasks[0]
        assert not set(task.train.columns["identity"]) & set(task.test.columns["identity"])
        assert [len(task.train), len(task.test)] == [24, 8] and len(task.classes) == 8
    with pytest.raises(InputError, match="without labels"):
        single(Part(replace(SIX, labels=None), kind="retrieve"))
