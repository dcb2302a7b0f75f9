"""One budget: what each training gets, and what cannot be asked for."""

from dataclasses import replace

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.studies.history_plan import Plan, checked_networks, settled_precision, side_for
from regard.studies.history_years import asked_rows

PLAN = Plan(
    tuple(asked_rows("vgg,resnet")), ("random", "imagenet"), 3, 5, 400, None, 64, (2e-3, 5e-4), 32, "fp32", "cpu"
)


def test_every_training_has_the_same_settings_but_for_seed_and_rate():
    long, other = PLAN.settings(5, 2e-3), PLAN.settings(6, 5e-4)
    assert replace(other, seed=5, lr=2e-3) == long
    assert (long.steps, long.batch, long.precision, long.eval_every) == (400, 64, "fp32", 400)
    assert PLAN.settings(5, 2e-3, short=True).steps == 100
    assert replace(PLAN, steps=40).settings(5, 2e-3, short=True).steps == 20, "a few at least"
    assert replace(PLAN, steps=4).settings(5, 2e-3, short=True).steps == 4, "and never more than a long run"
    timed = replace(PLAN, steps=None, minutes=2.0)
    assert timed.settings(5, 2e-3).minutes == 2 and timed.settings(5, 2e-3, short=True).minutes == 0.5
    assert timed.settings(5, 2e-3).steps is None


def test_rows_and_seeds():
    assert PLAN.networks == ("vgg_scaled", "resnet_scaled")
    assert PLAN.names == ("bag_of_words", "fisher", *PLAN.networks, "random", "imagenet")
    assert list(PLAN.turns) == [5, 6, 7] == list(PLAN.seeds_of("fisher")) and list(PLAN.seeds_of("imagenet")) == [5]
    assert PLAN.budget == replace(PLAN, seeds=9).budget != replace(PLAN, seed=6).budget


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"seeds": 0}, "--seeds"),
        ({"seed": -1}, "--seed"),
        ({"batch": 1}, "--batch"),
        ({"steps": 0}, "--steps"),
        ({"steps": None}, "--steps, --minutes"),
        ({"minutes": 1.0}, "--steps, --minutes"),
        ({"steps": None, "minutes": 0.0}, "--minutes"),
        ({"rates": ()}, "--lr"),
        ({"rates": (0.1, 0.1)}, "--lr"),
        ({"rates": (0.0,)}, "--lr"),
        ({"rows": tuple(asked_rows("vgg"))[:2]}, "--networks"),
    ],
)
def test_budgets_that_cannot_be_are_refused(changed, said):
    with pytest.raises(InputError, match=f"^{said}: expected"):
        replace(PLAN, **changed)


def test_a_size_that_a_network_does_not_take_is_told_first():
    checked_networks(PLAN)
    with pytest.raises(InputError, match="--size: expected a size that alexnet takes, got 32"):
        checked_networks(replace(PLAN, rows=tuple(asked_rows("alexnet_published"))))


def test_the_side_is_from_the_pictures_and_precision_from_the_processor(monkeypatch):
    rng = np.random.default_rng(0)
    images = ImageSet(list(rng.integers(0, 255, (20, 70, 90, 3), np.uint8)), np.arange(20).astype(str))
    assert side_for(images) == 64
    monkeypatch.setattr("regard.studies.history_plan.features", lambda: ("AVX2", "bf16"))
    assert settled_precision("auto", "cpu") == "bf16" and settled_precision("fp32", "cpu") == "fp32"
    monkeypatch.setattr("regard.studies.history_plan.features", lambda: ("AVX2",))
    assert settled_precision("auto", "cpu") == "fp32"
    with pytest.raises(InputError, match="--precision"):
        settled_precision("fp16", "cpu")
