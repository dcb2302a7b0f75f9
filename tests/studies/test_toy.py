"""The toy: its points, its networks, where the source ends up, and the page and JSON of one small run."""

import json
import re
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch

import regard
from regard import UNKNOWN, adapter
from regard.adapt.deep.contract import DeepMethod
from regard.cli import main
from regard.core.checks import InputError
from regard.core.discover import load
from regard.metrics.contrast import contrast
from regard.studies.toy import SHIFTS, before, ends_up
from regard.studies.toy_families import FAMILIES, ways
from regard.studies.toy_network import learn_points
from regard.studies.toy_shifts import RARE, draw_toy, turned


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A run of two draws and short training, and what its call gives."""
    return regard.demo(toy=True, seeds=2, steps=20, out=tmp_path_factory.mktemp("toy"))


def test_what_is_scored_is_one_set_and_what_is_learned_from_is_drawn():
    first, again, other = draw_toy("bent", 1), draw_toy("bent", 1), draw_toy("bent", 2)
    for name in ("Xs", "ys", "Xt", "yt", "X", "y"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    np.testing.assert_array_equal(first.X, other.X)
    assert not np.array_equal(first.Xs, other.Xs) and not np.array_equal(first.Xt, other.Xt)
    with pytest.raises(InputError, match="shift"):
        draw_toy("bended", 1)


def test_each_target_differs_in_what_is_told_and_in_nothing_else():
    many = {name: draw_toy(name, 0, points=4000) for name in SHIFTS}
    middle = {name: (one.Xs.mean(axis=0), one.Xt.mean(axis=0)) for name, one in many.items()}
    spread = {name: (np.cov(one.Xs.T), np.cov(one.Xt.T)) for name, one in many.items()}
    np.testing.assert_allclose(*middle["none"], atol=0.1)
    np.testing.assert_allclose(*spread["none"], atol=0.1)
    np.testing.assert_allclose(np.subtract(*middle["moved"][::-1]), [1.3, 1.5], atol=0.1)
    np.testing.assert_allclose(*spread["moved"], atol=0.1)
    turn = turned(np.eye(2), 60)
    np.testing.assert_allclose(1.3**2 * turn.T @ spread["turned"][0] @ turn, spread["turned"][1], atol=0.15)
    turn = turned(np.eye(2), 35)
    np.testing.assert_allclose(turn.T @ spread["bent"][0] @ turn, spread["bent"][1], atol=0.1)
    assert many["shares"].ys.mean() == 0.5 and many["shares"].yt.mean() == RARE
    for label in (0, 1):
        both = [X[y == label].mean(axis=0) for X, y in ((many["shares"].Xs, many["shares"].ys),
                                                        (many["shares"].Xt, many["shares"].yt))]  # fmt: skip
        np.testing.assert_allclose(*both, atol=0.15)
    one = many["part"]
    for X, y in ((one.Xs, one.ys), (one.Xt, one.yt)):  # one rule for both
        np.testing.assert_array_equal(y, X[:, 0] > X[:, 1] ** 2 - 1.2)


def test_a_network_at_weight_zero_is_the_source_alone_and_target_labels_are_not_looked_at():
    drawn = draw_toy("moved", 0)
    alone = learn_points(drawn, DeepMethod(weight=0.0), 20, 3)
    assert np.array_equal(
        learn_points(drawn, load("deep", "dann")(weight=0.0), 20, 3).blue(drawn.X), alone.blue(drawn.X)
    )
    poisoned = replace(drawn, yt=1 - drawn.yt, y=1 - drawn.y)
    for name in ("dann", "mcc", "shot", "adabn"):
        first, second = (learn_points(one, load("deep", name)(), 20, 3, alone) for one in (drawn, poisoned))
        for (key, mine), theirs in zip(first.encoder.state_dict().items(), second.encoder.state_dict().values()):
            assert torch.equal(mine, theirs), (name, key)
        assert not np.array_equal(first.blue(drawn.X), alone.blue(drawn.X)), name


def test_methods_that_start_from_the_source_keep_its_classifier():
    drawn = draw_toy("turned", 0)
    alone = learn_points(drawn, DeepMethod(weight=0.0), 20, 0)
    found = learn_points(drawn, load("deep", "shot")(), 20, 0, alone)
    assert torch.equal(found.head["classes"].weight, alone.head["classes"].weight)
    with pytest.raises(InputError, match="before"):
        learn_points(drawn, load("deep", "shot")(), 20, 0)
    for name in ("beyond_sharing", "adda", "fixmatch_da"):  # which need more than features and logits
        with pytest.raises(InputError, match="method"):
            learn_points(drawn, load("deep", name)(), 20, 0, alone)


def test_renormalising_undoes_a_step_and_a_stretch_exactly():
    drawn = draw_toy("none", 0)
    alone = learn_points(drawn, DeepMethod(weight=0.0), 60, 0)
    own = learn_points(replace(drawn, Xt=drawn.Xs), load("deep", "adabn")(), 60, 0, alone)
    far = learn_points(replace(drawn, Xt=2 * drawn.Xs + [5, -3]), load("deep", "adabn")(), 60, 0, alone)
    np.testing.assert_allclose(far.blue(2 * drawn.X + [5, -3]), own.blue(drawn.X), atol=1e-3)
    assert np.abs(alone.blue(2 * drawn.X + [5, -3]) - alone.blue(drawn.X)).max() > 0.5


def test_the_source_ends_up_where_the_target_is_mapped_to_the_same():
    drawn = draw_toy("moved", 0)
    middle = drawn.Xt.mean(axis=0)
    line = adapter("subspace", n_components=1).fit(drawn.Xs, drawn.ys, drawn.Xt)
    there = ends_up(line, drawn.Xs, middle)
    np.testing.assert_allclose(line.transform(there), line.transform(drawn.Xs, domain="source"), atol=1e-8)
    assert np.linalg.matrix_rank(there - middle, tol=1e-6) == 1  # on the target's axis, through its middle
    few = np.where(np.arange(80) % 8 == 0, drawn.yt.astype(object), UNKNOWN)
    for name, own in (("itml", {"asymmetric": True}), ("easyadapt", {})):  # nowhere in the target's plane
        model = adapter(name, **own).fit(drawn.Xs, drawn.ys, drawn.Xt, few)
        assert ends_up(model, drawn.Xs, middle) is drawn.Xs
    model = adapter("transport").fit(drawn.Xs, drawn.ys, drawn.Xt)
    np.testing.assert_allclose(ends_up(model, drawn.Xs, middle), model.transform(drawn.Xs, domain="source"), atol=1e-8)


def test_gains_are_over_the_same_classifier_and_go_through_the_engine(small):
    toy = small.found
    assert [way.key for family in FAMILIES for way in family.ways] == [way.key for way in ways()]
    for shift, key in (("moved", "coral"), ("part", "dann")):
        rows = [toy.experiment.arms[name].scores[shift] for name in (key, before(key))]
        assert rows[0].shape == (2, 400)
        found = contrast(*rows)
        assert small.metrics[f"{shift}_{key}_gain"] == pytest.approx(found.mean)
        assert toy.contrast(shift, key).difference == found
    # the networks have one base; a labelled method's knows the labels
    assert len({toy.experiment.arms[before(w.key)].mean("bent") for w in ways() if w.base == "network"}) == 1
    assert small.metrics["moved_itml_before"] != small.metrics["moved_transport_before"]
    assert all(len(toy.answered["bent", w.key].known) == 2 * w.shots for w in ways())
    # what must hold on any draw: a step is undone where means are matched
    assert small.metrics["moved_coral"] > 0.97 > 0.9 > small.metrics["moved_coral_before"]


def test_the_page_shows_every_pair_with_its_figures(small):
    page = small.report.read_text()
    assert small.report.name == "toy.html" and "<script" not in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert page.count('<svg class="plot"') == len(SHIFTS) * (1 + len(ways()))
    for shift in SHIFTS:
        for way in ways():
            was, now = (100 * small.metrics[f"{shift}_{way.key}{end}"] for end in ("_before", ""))
            assert f"“{SHIFTS[shift].title}”: {was:.1f} % before, {now:.1f} % after" in page
    for family in FAMILIES:
        assert family.title in page and "It cannot where" in page


def test_the_command_prints_what_the_call_gives(small, tmp_path, capsys, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        import_module("regard.verbs.demo"), "run_toy", lambda **given: asked.update(given) or small.found
    )
    (tmp_path / "runs").mkdir()  # of the other demonstration, which stays
    words = ["demo", "--toy", "--seeds", "2", "--steps", "20", "--out", str(tmp_path), "--json", "-q"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (asked["seeds"], asked["steps"], asked["seed"]) == (2, 20, 0)
    assert (tmp_path / "runs").is_dir() and told["report"] == str(tmp_path / "toy.html")
    assert told["metrics"] == pytest.approx(dict(small.to_dict()["metrics"]))
    assert len(told["verdicts"]) == len(SHIFTS) * len(ways()) == len(told["differences"])
    assert main([*words[:-2], "-q"]) == 0
    assert "weighting ratio=label" in capsys.readouterr().out
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    assert main(["demo", "--toy", "--out", str(tmp_path / "mine")]) == 2
