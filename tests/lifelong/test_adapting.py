"""Domains that arrive one after another, of which the first alone has labels."""

from pathlib import Path

import numpy as np
import pytest

from helpers.adapting import pictures, representation
from helpers.playing import cut, stream
from regard.adapt.named import adapter
from regard.core.checks import InputError
from regard.data.streams.stream import Stream
from regard.data.streams.task import Task
from regard.lifelong.play import play, play_events


def domain(name: str, shift: int, labelled: bool) -> Task:
    """Lighter by `shift`."""
    every = pictures(45, name, shift=shift)
    return Task(name, "classify", every.subset(np.arange(30)), every.subset(np.arange(30, 45)), labelled, "p")


def domains(*labelled: bool) -> Stream:
    shifts = (0, 60, 120)
    return Stream("d", tuple(domain(f"d{place}", shifts[place], one) for place, one in enumerate(labelled)))


@pytest.mark.parametrize("name", ["coral", "transport"])
def test_each_row_is_fitted_from_the_labelled_vectors_to_the_domain_that_came(name: str, tmp_path: Path) -> None:
    given = domains(True, False, False)
    found = play(given, f"adapt:{name}", representation(), out=tmp_path)
    train, test = (
        [representation().embed(part, precision="fp32").vectors for part in parts]
        for parts in ([task.train for task in given.tasks], [task.test for task in given.tasks])
    )
    for row in range(3):
        model = adapter(name).fit(train[0], given.tasks[0].train.labels, train[row])
        right = [model.score(X, task.test.labels) for X, task in zip(test, given.tasks)]
        assert found.A[row].tolist() == right
    assert found.bytes.tolist() == [train[0].nbytes + 30] * 3, "of the labelled vectors alone"


def test_a_later_domain_may_have_labels_and_none_is_the_classifier_alone(tmp_path: Path) -> None:
    given = domains(True, False, True)
    found = play(given, "adapt:none", representation(), out=tmp_path, chosen={"classifier": "linear"}, looks=True)
    assert np.array_equal(found.A[0], found.A[1]) and found.bytes[2] == 2 * found.bytes[1]
    assert np.isnan(found.looks["probe"][:, 1]).all() and np.isfinite(found.looks["probe"][:, 0]).all()


def test_killed_it_gives_the_same(tmp_path: Path) -> None:
    whole = play(domains(True, False, False), "adapt:coral", representation(), out=tmp_path / "whole")
    told = play_events(domains(True, False, False), "adapt:coral", representation(), out=tmp_path / "killed")
    next(told)
    told.close()
    again = play(domains(True, False, False), "adapt:coral", representation(), out=tmp_path / "killed")
    assert np.array_equal(whole.A, again.A) and np.array_equal(whole.bytes, again.bytes)


def test_what_is_refused(tmp_path: Path) -> None:
    def refused(given: Stream, method: str, match: str) -> None:
        with pytest.raises(InputError, match=match):
            play(given, method, representation(), out=tmp_path)

    refused(domains(False, True), "adapt:coral", "first task 'd0' has no labels")
    refused(domains(True, False), "adapt:corall", "method: expected one of")
    refused(domains(True, False), "adapt:itml", "needs no label of a new domain")
    refused(stream(cut("r", "retrieve", "a", "b")), "adapt:coral", "does not retrieve, as task 'r'")
    assert not list(tmp_path.iterdir())
