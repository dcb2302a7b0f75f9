"""Mixed streams: classify, retrieve without labels, segment; scores of fresh probes, killed and gone on with."""

from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import representation
from helpers.playing import MIXED, cut, mixed, segmenting, stream
from regard.core.checks import InputError
from regard.core.storage import hash_tensors
from regard.data.streams.stream import Stream
from regard.lifelong.play import Played, play, play_events
from regard.lifelong.players.choose import play_methods
from regard.representation.representation import Representation
from regard.reuse.logistic import fit_logistic


def network(folder: Path) -> str:
    return hash_tensors(Representation.load(folder).encoder.state_dict())


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(mixed(), "lfl", representation(), out=tmp_path_factory.mktemp("lfl"), looks=True, **MIXED)


def test_every_task_has_a_score_after_every_task(played: Played) -> None:
    assert played.tasks == ("ab", "r", "scenes") and played.A.shape == (3, 3) and np.isfinite(played.A).all()
    task = mixed().tasks[0]
    for row in range(3):
        now = Representation.load(played.folder / "tasks" / f"0{row}")
        X, other = (now.embed(one, precision="fp32", cache=False).vectors for one in (task.train, task.test))
        right = fit_logistic(X, task.train.labels).predict(other) == task.test.labels
        assert played.A[row, 0] == right.mean(), "that of a linear layer fitted anew"
    assert not (played.folder / "probing").exists()


def test_the_looks_of_a_mixed_stream(played: Played) -> None:
    probe, drift = played.looks["probe"], played.looks["drift"]
    assert np.array_equal(probe[:, [0, 2]], played.A[:, [0, 2]]) and np.isnan(probe[:, 1]).all(), "no labels there"
    assert np.array_equal(np.isfinite(drift), np.tril(np.ones((3, 3), bool)))
    assert np.allclose(np.diag(drift), 0, atol=1e-6) and (drift[2, :2] > 0).all()
    assert np.isnan(played.looks["stale"][:, 2]).all() and np.array_equal(played.looks["again"][1:, 1], played.A[1:, 1])
    assert played.metrics["final_probe"] == pytest.approx(np.nanmean(probe[2]))


def test_a_mixed_stream_that_is_killed_gives_the_same(played: Played, tmp_path: Path) -> None:
    for kind in ("checkpoint", "played", "checkpoint", "checkpoint"):
        told = play_events(mixed(), "lfl", representation(), out=tmp_path, looks=True, **MIXED)
        next(event for event in told if event.kind == kind)
        told.close()
    again = play(mixed(), "lfl", representation(), out=tmp_path, looks=True, **MIXED)
    assert np.array_equal(played.A, again.A)
    assert all(np.array_equal(played.looks[name], again.looks[name], equal_nan=True) for name in played.looks)


def test_what_keeps_weighs_from_the_second_task_on_and_weight_0_is_finetuning(played: Played, tmp_path: Path) -> None:
    fine = play(mixed(), "finetune", representation(), out=tmp_path / "fine", **MIXED)
    play(mixed(), "lfl", representation(), out=tmp_path / "none", chosen={"weight": 0}, **MIXED)
    nets = [[network(one / "tasks" / f"0{row}") for row in range(3)] for one in (fine.folder, tmp_path / "none")]
    assert nets[0] == nets[1] and len(set(nets[0])) == 3, "each task moves the encoder"
    held = [network(played.folder / "tasks" / f"0{row}") for row in range(3)]
    assert held[0] == nets[0][0] and held[1] != nets[0][1] and held[2] != nets[0][2]
    assert fine.bytes.tolist() == [0, 0, 0] and (played.bytes > 0).all()


def test_frozen_never_moves(tmp_path: Path) -> None:
    found = play(mixed(), "frozen", representation(), out=tmp_path, looks=True, **MIXED)
    assert np.isfinite(found.A).all() and (found.A == found.A[0]).all() and not (tmp_path / "tasks").exists()
    assert np.nanmax(np.abs(found.looks["drift"])) < 1e-6 and found.metrics["forgetting"] == 0


def test_an_unlabelled_task_to_classify_or_segment_is_scored_by_halves_of_its_test_part(tmp_path: Path) -> None:
    given = Stream("u", (cut("u", "classify", "a", "b", "c", labelled=False), segmenting(labelled=False)))
    found = play(given, "lfl", representation(), out=tmp_path, **MIXED)
    assert np.isfinite(found.A).all() and np.array_equal(found.looks["probe"], found.A)
    X, y = representation().embed(given.tasks[0].test, precision="fp32").vectors, given.tasks[0].test.labels
    half = np.array([place // 3 % 2 for place in range(len(y))])  # the labels go round
    right = [fit_logistic(X[half != one], y[half != one]).predict(X[half == one]) == y[half == one] for one in (0, 1)]
    frozen = play(given, "frozen", representation(), out=tmp_path / "frozen", **MIXED)
    assert frozen.A[0, 0] == np.concatenate(right).mean()


def test_one_image_and_one_class(tmp_path: Path) -> None:
    one = cut("c", "classify", "c")
    given = Stream("o", (segmenting(), one, segmenting("more", again=True)))
    found = play(Stream("o", given.tasks[:2]), "lfl", representation(), out=tmp_path / "one", **MIXED)
    assert np.isfinite(found.A[:, 0]).all() and np.isnan(found.A[:, 1]).all(), "one class is not told from anything"
    few = cut("u", "retrieve", "a", "b", labelled=False)
    alone = type(few)("u", "retrieve", few.train.subset(np.array([0])), few.test, labelled=False)
    with pytest.raises(InputError, match="task 'u'.*one image"):
        play(Stream("f", (alone,)), "lfl", representation(), out=tmp_path / "few", **MIXED)


def test_who_cannot_is_refused_by_name(tmp_path: Path) -> None:
    assert play_methods(mixed()) == ["finetune", "frozen", "lfl"] and "joint" in play_methods(stream())
    with pytest.raises(InputError, match="'replay', which does not segment, as task 'scenes' asks for"):
        play(mixed(), "replay", representation(), out=tmp_path, **MIXED)
    with pytest.raises(InputError, match="'joint', which does not segment"):
        play(mixed(), "joint", representation(), out=tmp_path, **MIXED)
    with pytest.raises(InputError, match="'ncm', which learns from labels, that task 'r' lacks"):
        play(Stream("m", mixed().tasks[:2]), "ncm", representation(), out=tmp_path)
    with pytest.raises(InputError, match="frozen has no settings"):
        play(mixed(), "frozen", representation(), out=tmp_path, chosen={"weight": 1}, **MIXED)
    assert not list(tmp_path.iterdir())
