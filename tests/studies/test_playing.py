"""A stream played by several methods and seeds: intervals and verdicts by hand, what is left out, fails, or goes on."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.adapting import pictures, representation
from regard.core.checks import InputError, RunError
from regard.data.imageset import ImageSet
from regard.data.streams.part import Part
from regard.data.streams.scenarios import class_incremental, domain_incremental
from regard.data.streams.stream import Stream
from regard.data.streams.task import Task
from regard.learning.settings import TrainSettings
from regard.lifelong import play
from regard.lifelong.play import Played
from regard.lifelong.players import frozen
from regard.metrics.contrast import contrast
from regard.metrics.intervals import over_seeds
from regard.studies import playing
from regard.studies.play_plan import all_methods, planned, settings_of, shared_settings
from regard.studies.played import Method, StreamPlayed
from regard.studies.playing import figures, play_stream

SHORT = {"settings": TrainSettings(steps=2, batch=8, precision="fp32", device="cpu", threads=1), "recipe": "none"}


def stream() -> Stream:
    return class_incremental(Part(pictures(60, "p"), name="s"), 2)


def method(name: str, *finals: float, seconds: float = 1.0, kept: float = 10.0) -> Method:
    """One whose second task ends at these values over seeds, and whose first went from 0.9 to that."""
    plays, found = {}, {}
    for seed, final in enumerate(finals):
        A = np.array([[0.9, 0.0], [final, final]])
        cost = np.full(2, seconds / 2)
        plays[seed] = Played(Path("."), ("1", "2"), np.arange(2), A, cost, np.full(2, kept))
        found[seed] = dict(plays[seed].metrics)
    return Method(name, plays, found)


def study(*methods: Method, against: str, **more: Any) -> StreamPlayed:
    seeds = tuple(methods[0].plays)
    named = {one.name: one for one in methods}
    return StreamPlayed("s", ("1", "2"), ("classify",) * 2, False, "rep", seeds, named, against, **more)


LOW, HIGH = (0.2, 0.22, 0.19, 0.21, 0.2), (0.8, 0.81, 0.79, 0.8, 0.82)


def test_values_differences_and_the_plain_statement() -> None:
    found = study(method("slda", *HIGH), method("ncm", *LOW), method("finetune", *LOW), against="finetune")
    assert found.methods["slda"].value("final_accuracy") == over_seeds(HIGH, within=(0, 1))
    assert found.methods["slda"].value("forgetting").mean == pytest.approx(0.9 - np.mean(HIGH))
    assert found.difference("slda") == contrast(HIGH, LOW) and found.difference("slda").verdict == "gain"
    assert found.difference("ncm").verdict == "no gain", "the same in every seed"
    assert list(found.moving_against_frozen()) == ["finetune"]
    assert found.answer.startswith("The one method whose encoder moves, finetune, does not beat the best on frozen")
    assert "slda (80.4 %)" in found.answer and "(loss)" in found.answer
    beats = study(method("slda", *LOW), method("replay", *HIGH), method("finetune", *LOW), against="finetune")
    assert beats.answer.startswith("1 of 2 methods whose encoder moves beats the best on frozen vectors, slda (20.4 %)")
    few = study(method("slda", *HIGH[:2]), method("finetune", *LOW[:2]), against="finetune")
    assert "From 2 seeds there is too little to say" in few.answer
    alone = study(method("slda", *HIGH), against="slda")
    assert alone.answer.startswith("No method whose encoder moves was played to the end")
    one = study(method("slda", 0.8), method("finetune", 0.2), against="finetune")
    assert not one.methods["slda"].value("final_accuracy").known and one.difference("slda").verdict == "too few to say"
    told = beats.as_dict()
    assert told["moving_against_frozen"]["replay"]["verdict"] == "gain" and told["methods"]["slda"]["matrix"]["0"][
        0
    ] == [0.9, 0]


def test_a_study_goes_on_and_plays_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(stream(), ["ncm", "finetune"], seeds=2)
    found = play_stream(plan, representation(), out=tmp_path, **SHORT)
    assert found.against == "finetune" and list(found.methods) == ["ncm", "finetune"] and found.seeds == (0, 1)
    assert any("no order of classes" in note for note in found.notes)
    assert found.methods["ncm"].bytes > 0 and found.methods["finetune"].bytes == 0
    asked = []
    plays = playing.play_events

    def counted(stream: Stream, name: str, *given: Any, **more: Any) -> Any:
        asked.append((name, more["out"].name))
        for event in plays(stream, name, *given, **more):
            asked.append(event.kind)
            yield event

    monkeypatch.setattr(playing, "play_events", counted)
    more = play_stream(planned(stream(), ["ncm", "slda"], seeds=3), representation(), out=tmp_path, **SHORT)
    assert asked.count("played") == 2 * (1 + 3), "ncm's third seed and all of slda: two tasks each"
    assert np.array_equal(more.methods["ncm"].A, more.methods["ncm"].plays[2].A), "nothing differs: it was cut already"
    with pytest.raises(InputError, match="stream was s, now t"):
        play_stream(planned(replace(stream(), name="t"), ["ncm"]), representation(), out=tmp_path)


def test_what_fails_is_told_and_the_others_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plays = playing.play_events

    def failing(stream: Stream, name: str, *given: Any, **more: Any) -> Any:
        if name == "slda":
            raise RunError("NaN")
        yield from plays(stream, name, *given, **more)

    monkeypatch.setattr(playing, "play_events", failing)
    plan = planned(stream(), ["slda", "ncm"], seeds=1)
    found = play_stream(plan, representation(), out=tmp_path, against="slda")
    assert found.failed == {"slda": "seed 0: NaN"} and list(found.methods) == ["ncm"] and found.against == "ncm"
    assert any("slda, which the others were to be compared with, did not end" in note for note in found.notes)
    with pytest.raises(RunError, match="no method came to its end: slda: seed 0: NaN"):
        play_stream(planned(stream(), ["slda"], seeds=1), representation(), out=tmp_path)


def test_who_can_play_and_which_settings_go_where() -> None:
    every = planned(stream(), ["all"], seeds=1, layers="lora:4")
    out = {"ewc", "si", "cassle", "pfr"}  # lora, and labels
    assert set(every.left_out) == out and set(every.methods) | out == set(all_methods())
    kinds = stream()
    first = replace(kinds.tasks[0], labelled=False)
    mixed = replace(kinds, tasks=(first, *kinds.tasks[1:]))
    assert "finetune" in planned(mixed, ["all"], seeds=1).methods and "lack" in planned(mixed, ["all"]).left_out["ncm"]
    assert planned(mixed, seeds=1).methods == ("frozen", "finetune") and "slda" in planned(stream()).methods
    with pytest.raises(InputError, match="learns from labels"):
        planned(mixed, ["ncm"])
    with pytest.raises(InputError, match="Did you mean 'replay'"):
        planned(stream(), ["reply"])
    assert shared_settings(["replay", "der", "ncm"], {"budget": 5}) == {
        "replay": {"budget": 5},
        "der": {"budget": 5},
        "ncm": {},
    }
    with pytest.raises(InputError, match="Did you mean 'budget'"):
        shared_settings(["replay"], {"bugdet": 5})
    assert settings_of("joint") == [] and "weight" in settings_of("cassle") and "reg" in settings_of("adapt:transport")


def test_domains_without_labels_are_played_by_methods_of_adaptation(tmp_path: Path) -> None:
    tasks = []
    for place, name in enumerate(("day", "night")):
        every = pictures(45, name, shift=60 * place)
        parts = every.subset(np.arange(30)), every.subset(np.arange(30, 45))
        tasks.append(Task(name, "classify", *parts, labelled=not place, part="p"))
    given = Stream("d", tuple(tasks))
    with pytest.raises(InputError, match="adapt:coral"):
        planned(given, ["adapt:corral"])
    found = play_stream(planned(given, ["adapt:coral", "adapt:none"], seeds=1), representation(), out=tmp_path)
    assert (
        list(found.methods) == ["adapt:coral", "adapt:none"] and found.methods["adapt:coral"].kind == "frozen vectors"
    )
    assert found.against == "adapt:none", "what methods of adaptation are held against"


def test_pictures_that_cannot_be_read_are_set_aside(tmp_path: Path) -> None:
    good = pictures(30, "p")
    items = list(good.items)
    items[3] = tmp_path / "bad.png"
    items[3].write_bytes(b"no image")
    images = ImageSet(items, good.ids, good.labels, name="p")
    plan = planned(class_incremental(Part(images, name="s"), 2), ["ncm"], seeds=2)
    assert any("p3 was set aside" in note or "bad.png was set aside" in note for note in plan.notes)
    held = [name for one in plan.streams[1].tasks for part in (one.train, one.test) for name in part.ids.tolist()]
    assert len(held) == 29 and "p3" not in held
    assert len(play_stream(plan, representation(), out=tmp_path / "out").methods) == 1


def test_forward_transfer_where_no_task_brings_classes(tmp_path: Path) -> None:
    sources = {"dark": pictures(40, "d"), "light": pictures(40, "l", shift=60)}
    given = domain_incremental(Part(sources, name="s"))
    found = play_stream(planned(given, ["ncm"], seeds=1), representation(), out=tmp_path).methods["ncm"]
    A = found.plays[0].A
    assert (
        found.figures[0]["forward_transfer"] == pytest.approx(A[0, 1] - 1 / 3) and "forward_transfer" in found.measures
    )
    assert "forward_transfer" not in figures(Played.load(tmp_path / "ncm" / "seed-0"), stream())


def test_pictures_that_are_scored_on_and_learned_from_under_other_ids_are_told() -> None:
    same = pictures(24, "p")
    other = replace(same, ids=np.array([f"other/{name}" for name in same.ids]))
    given = Stream(
        "s",
        (
            Task("one", "classify", same.subset(range(12)), same.subset(range(12, 24))),
            Task("two", "classify", other.subset(range(12, 24)), pictures(48, "q").subset(range(24, 36)), again=True),
        ),
    )
    assert any(
        note.startswith("leak? 12 test image(s) of one are equal to ones that two")
        for note in planned(given, ["ncm"], seeds=1).notes
    )
    assert not any("leak?" in note for note in planned(stream(), ["ncm"], seeds=2).notes)


def test_forward_transfer_has_one_meaning_and_none_for_what_it_is_held_against() -> None:
    base, one = method("frozen", 0.5), method("lfl", 0.8)
    for each in (base, one):
        each.figures[0]["forward_transfer"] = 0.5  # over a guess
    found = playing._transferred({"lfl": one, "frozen": base})
    assert list(found) == ["lfl", "frozen"] and "forward_transfer" not in found["frozen"].measures
    assert found["lfl"].figures[0]["forward_transfer"] == 0.0 and base.figures[0]["forward_transfer"] == 0.5


def test_embedding_is_not_charged_to_the_method_that_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock = [0.0]

    def slow(*given: Any, **more: Any) -> np.ndarray:
        clock[0] += 100
        return plain(*given, **more)

    plain = frozen.embedded
    monkeypatch.setattr(frozen, "embedded", slow)
    monkeypatch.setattr(play, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    found = play_stream(planned(stream(), ["ncm", "frozen"], seeds=1), representation(), out=tmp_path)
    assert clock[0] > 0 and found.methods["ncm"].seconds == found.methods["frozen"].seconds == 0
