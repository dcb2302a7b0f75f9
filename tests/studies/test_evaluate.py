"""The evaluation: what it compares, its intervals against plain computations, and that it does not flatter."""

import shutil

import numpy as np
import pytest
from scipy.stats import t

from regard.core.checks import InputError
from regard.create.run import train
from regard.data.builtin import builtin
from regard.data.imageset import ImageSet, concatenate
from regard.learning.settings import TrainSettings
from regard.metrics.contrast import contrast
from regard.metrics.retrieve import retrieval
from regard.pages.evaluate import write_evaluation_page
from regard.representation.representation import Representation
from regard.reuse.pairs import open_pair
from regard.studies._arms import check_leaks
from regard.studies._bench import retrieved
from regard.studies.evaluate import evaluate, over_units
from regard.studies.evaluation import title

QUICK = dict(seeds=2, shots=(), layers=False, finetune=False)
STEPS = TrainSettings(steps=60, batch=64, precision="fp32", device="cpu", seed=4)


@pytest.fixture(scope="module")
def sides():
    every = builtin("digits")
    return every.subset(np.arange(0, 500)), every.subset(np.arange(1000, 1300))


@pytest.fixture(scope="module")
def run(sides, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "simclr"
    train(sides[0].without_labels(), "simclr", out=folder, settings=STEPS, size=32)
    return folder


@pytest.fixture(scope="module")
def found(run, sides):
    events = []

    def watch(stream):
        for event in stream:
            events.append(event)
            yield event

    made = evaluate(run, *sides, seeds=3, shots=(1, 5), finetune_steps=8, watch=watch)
    assert [event.step for event in events[:-1]] == list(range(1, 17)) and {event.steps for event in events} == {16}
    return made


def test_the_arms_are_one_network_with_other_weights(found, sides):
    assert list(found.arms) == ["random", "rescaled", "run"]
    assert found.about["random_seeds"] == [4, 5, 6]  # the run's own first weights, and the next
    n, measures = len(sides[1]), ["linear", "knn", "linear_best", "linear_1shot", "linear_5shot", "recall_at_1", "map"]
    for name, arm in found.arms.items():
        assert list(arm.scores) == [*measures, "finetuned"]
        for measure, scores in arm.scores.items():
            seeds = 3 if name != "run" else 1  # several heads of one network are one seed of it
            draws = (3,) if measure.endswith("shot") else ()
            assert scores.shape == (seeds, *draws, n) and np.nanmin(scores) >= 0 and np.nanmax(scores) <= 1
        assert len(arm.best_layers) == len(arm.scores["linear"])
        assert arm.figures["shuffled"].shape == (5,)
    for name in ("random", "rescaled"):
        for measure in ("knn", "map", "finetuned"):
            assert len(set(map(bytes, found.arms[name].scores[measure]))) == 3, (name, measure)
        assert len(set(found.arms[name].figures["effective_rank"].tolist())) == 3
    assert found.arms["rescaled"].mean("feature_spread") > 1.5 * found.arms["random"].mean("feature_spread")


def test_random_arms_are_what_make_encoder_draws(found, sides):
    one = Representation.load("random:convnet4:5")
    vectors = one.embed(sides[1], precision="fp32", cache=False).vectors
    wanted = retrieval(vectors, sides[1].labels)
    assert found.arms["random"].by_seed("map")[1] == pytest.approx(wanted["map"], abs=1e-3)
    assert found.arms["random"].by_seed("recall_at_1")[1] == pytest.approx(wanted["recall_at_1"], abs=0.01)


def test_a_short_simclr_run_is_seen_to_help_in_what_it_helps(found):
    assert found.contrast("map").difference.mean > 0 and found.beaten(found.contrast("map")) == (3, 3)
    assert found.arms["run"].mean("knn") > found.arms["random"].mean("knn")


def test_differences_are_those_of_a_plain_computation(found):
    for measure in ("knn", "finetuned"):
        a, b = found.arms["run"].scores[measure], found.arms["random"].scores[measure]
        one = found.contrast(measure)
        assert one.difference == contrast(a, b, found.experiment.units, paired=False)
        assert one.difference.mean == pytest.approx(a.mean() - b.mean())
        lone = len(a) == 1  # a single run borrows the spread of random networks
        seeds = b.mean(1).var(ddof=1) * (4 / 3) if lone else a.mean(1).var(ddof=1) / 3 + b.mean(1).var(ddof=1) / 3
        assert one.difference.half_width > one.over_units.half_width
        assert one.difference.half_width > t.ppf(0.975, 2 if lone else 4) * np.sqrt(seeds)
        assert found.beaten(one) == (sum(b.mean(1) < a.mean()), 3)


def test_few_labels_are_drawn_anew_and_counted(found):
    one = found.contrast("linear_1shot")
    a, b = found.arms["run"].scores["linear_1shot"], found.arms["random"].scores["linear_1shot"]
    assert a.shape[:2] == (1, 3) and b.shape[:2] == (3, 3)
    assert one.difference == contrast(a, b, found.experiment.units, paired=False, share=10 / 500)
    fixed = contrast(a.mean(axis=1), b.mean(axis=1), found.experiment.units, paired=False)
    assert one.difference.half_width > fixed.half_width


def test_all_right_against_all_wrong_is_one_whatever_is_drawn():
    units = np.repeat([f"thing {k}" for k in range(20)], [1] * 15 + [20] * 5)
    found = over_units(np.ones(115), np.zeros(115), units)
    assert found.mean == 1 and -1 <= found.low <= found.high <= 1


def test_retrieval_by_query_is_that_of_all_together():
    rng = np.random.default_rng(0)
    labels = np.array(list("aabbccddde" * 6))
    vectors = rng.normal(size=(60, 5)) + np.unique(labels, return_inverse=True)[1][:, None]
    first, ap = retrieved(vectors, labels, chunk=7)
    wanted = retrieval(vectors, labels)
    assert first.mean() == pytest.approx(wanted["recall_at_1"]) and ap.mean() == pytest.approx(wanted["map"])


def test_a_random_network_shows_no_gain(sides, tmp_path):
    """One network in twenty is far from the others in some measure; which one depends on rounding."""
    verdicts = []
    for seed in (77, 78):
        folder = Representation.load(f"random:convnet4:{seed}").save(tmp_path / f"unlearned{seed}")
        found = evaluate(folder, *sides, seeds=3, shots=(5,), finetune=False, layers=False)
        assert list(found.as_dict()["verdicts"]) == ["linear", "knn", "linear_5shot", "recall_at_1", "map"]
        verdicts += found.as_dict()["verdicts"].values()
    assert verdicts.count("no gain") >= 7
    assert not any("checked" in note for note in found.notes)  # nothing was learned, so nothing leaks


def test_the_control_is_near_chance(found):
    for arm in found.arms.values():
        assert abs(arm.mean("shuffled") - found.majority) < 0.06
    assert found.control_told.startswith("control passed")


def test_a_control_above_chance_is_said(found):
    from dataclasses import replace

    arm = replace(found.arms["run"], figures={**found.arms["run"].figures, "shuffled": np.full(5, 0.5)})
    spoilt = replace(found.experiment, arms={**found.arms, "run": arm})
    assert "control FAILED" in replace(found, experiment=spoilt).control_told


def test_numbers_text_and_page_say_the_same(found, tmp_path):
    metrics = found.metrics
    assert all(isinstance(value, int | float) for value in metrics.values())
    assert metrics["run_knn_gain"] == pytest.approx(metrics["run_knn"] - metrics["random_knn"])
    assert {"random_knn_sd", "run_map_gain_low", "rescaled_map_gain_high", "run_shuffled_sd"} <= metrics.keys()
    assert "run_knn_sd" not in metrics and metrics["units"] == metrics["test"] == 300
    text = found.table()
    page = write_evaluation_page(found, tmp_path / "page.html", "regard evaluate").read_text()
    for shown in (f"{metrics['run_map']:.3f}", "control passed", "no gain", found.notes[0]):
        assert shown in text and shown in page.replace("&#39;", "'"), shown
    assert title("linear_1shot") in text and "<script" not in page
    both = found.as_dict()
    assert {"metrics", "differences", "verdicts", "arms", "about", "notes"} == both.keys()
    assert len(both["differences"]) == 2 * len(found.measures)


@pytest.mark.slow
def test_several_runs_others_and_the_ceiling(run, sides, tmp_path):
    again = tmp_path / "simclr-5"
    train(
        sides[0].without_labels(), "simclr", out=again, settings=TrainSettings(**STEPS.recipe() | {"seed": 5}), size=32
    )
    other = Representation.load("random:convnet4:9").save(tmp_path / "Run")
    deeper = Representation.load("random:timm:test_resnet").save(tmp_path / "deeper")
    found = evaluate([run, again], *sides, **QUICK, against=[other, deeper], ceiling=True)
    assert list(found.arms) == ["random", "rescaled", "run", "run_2", "deeper", "ceiling"]
    assert found.arms["run"].scores["knn"].shape == (2, 300) and found.about["random_seeds"] == [4, 5]
    assert found.contrast("knn", "run", "run_2").difference.mean > 0
    assert found.metrics["ceiling_seconds"] > 0 and "run_seconds" not in found.metrics
    assert found.arms["ceiling"].mean("linear") > found.arms["random"].mean("linear")
    assert {"run_knn_over_run_2", "run_knn_over_run_2_low", "ceiling_knn_gain"} <= found.metrics.keys()
    assert any("deeper is timm:test_resnet" in note for note in found.notes)
    assert not any("One run" in note for note in found.notes)
    with pytest.raises(KeyError):
        found.contrast("knn", "deeper", "run")


def test_a_run_that_learned_from_test_is_refused_and_one_from_train_is_checked(found, run, sides, tmp_path):
    assert any(note.startswith("checked: ") and "simclr" in note for note in found.notes)
    half = np.arange(500) < 300
    partly = open_pair(sides[0].subset(half), sides[1], 0)[0]
    (note,) = check_leaks([Representation.load(run)], partly)
    assert note.startswith("checked: none of the 500 images that ") and note.endswith("is in TEST.")
    planted = concatenate([sides[1], sides[0].subset(np.flatnonzero(~half)[:7])])
    some = open_pair(sides[0].subset(half), planted, 0)[0]
    with pytest.raises(InputError, match=r"TEST: .*7 image\(s\) that .*simclr.* learned from: .*take them out"):
        check_leaks([Representation.load(run)], some)
    before = shutil.copytree(run, tmp_path / "before")
    (before / "learned.json").unlink()
    (note,) = check_leaks([Representation.load(before)], partly)
    assert note.startswith("not checked: ") and "split first" in note
    assert check_leaks([Representation.load("random:convnet4")], partly) == []
    with pytest.raises(InputError, match="its training set is TRAIN and TEST together.*Split first"):
        evaluate(run, sides[0].subset(half), sides[0].subset(~half), **QUICK)
    with pytest.raises(InputError, match="its training set is TEST"):
        evaluate(run, sides[1], sides[0], **QUICK)


def test_where_nothing_can_be_retrieved_the_rest_is_measured(run, sides):
    one_each = np.unique(sides[1].labels, return_index=True)[1]
    found = evaluate(run, sides[0], sides[1].subset(one_each), **QUICK)
    assert found.measures == ["linear", "knn"] and found.counts["test"] == 10


def test_identities_count_once(sides, run):
    known, unknown = (
        ImageSet(one.items, one.ids, one.labels, {"identity": np.array([f"{part}{k // 6}" for k in range(len(one))])})
        for part, one in zip("ab", sides)
    )
    found = evaluate(run, known, unknown, **QUICK)
    assert found.counts["units"] == 50 and "300 of 50 identities" in found.table()
    assert found.contrast("knn").difference.n == 50


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(test="train"), "in train too"),
        (dict(train="bare"), "without labels"),
        (dict(shots=(500,)), "TRAIN: expected at least 500 of each class"),
        (dict(shots=(0,)), "--shots"),
        (dict(seeds=1), "--seeds"),
        (dict(finetune_steps=0), "--finetune-steps"),
        (dict(run="nowhere"), "representation: expected"),
        (dict(run="empty"), "holds no finished representation"),
        (dict(run="none"), "RUN: expected the folder of a run"),
        (dict(run="twice"), "the same weights twice"),
        (dict(run="mixed"), "runs of one recipe"),
        (dict(against=["nowhere"]), "representation: expected"),
    ],
)
def test_what_cannot_be_is_refused(change, message, sides, run, tmp_path):
    (tmp_path / "empty").mkdir()
    named = {
        "train": sides[0],
        "bare": sides[0].without_labels(),
        "nowhere": tmp_path / "nowhere",
        "empty": tmp_path / "empty",
        "none": [],
        "twice": [run, run],
        "mixed": [run, "random:timm:test_resnet"],
    }
    given = {"run": run, "train": sides[0], "test": sides[1]} | {
        key: named.get(value, value) if isinstance(value, str) else value for key, value in change.items()
    }
    if "against" in given:
        given["against"] = [named[name] for name in given["against"]]
    with pytest.raises(InputError, match=message):
        evaluate(given.pop("run"), given.pop("train"), given.pop("test"), **QUICK | given)
