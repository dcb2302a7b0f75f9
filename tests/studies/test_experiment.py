"""The engine with measures that are no means over pictures: their levels, differences and seeds."""

import numpy as np
import pytest
from scipy.stats import t

from helpers.detections import random_pictures
from regard.core.checks import InputError
from regard.metrics.coco_ap import CocoAP
from regard.metrics.contrast import contrast
from regard.metrics.image_resampling import image_scores, measure_interval, scores_interval
from regard.metrics.intervals import over_seeds
from regard.studies.experiment import Arm, Experiment

SEEDS, IMAGES = 5, 30


def detector(pictures, skill: float, rng):
    """AP50 of the same boxes, which score by what they overlap with, more or less."""
    coco = CocoAP(["cat", "dog", "never"])
    for one in pictures:
        pairs = one.pairs()
        sure = skill * pairs.overlap.max(axis=1, initial=0) + rng.normal(size=len(pairs.scores))
        coco.add(type(pairs)(**{**vars(pairs), "scores": sure}))
    return lambda weights: coco.ap(weights, "ap50")


@pytest.fixture(scope="module")
def measured():
    pictures = random_pictures(np.random.default_rng(0), IMAGES, ties=False)
    return {
        name: [detector(pictures, skill, np.random.default_rng([seed, place])) for seed in range(SEEDS)]
        for place, (name, skill) in enumerate((("random", 0.3), ("imagenet", 5.0)))
    }


@pytest.fixture(scope="module")
def found(measured):
    arms = {
        name: Arm(name, {"ap50": np.stack([image_scores(one, IMAGES) for one in seeds])})
        for name, seeds in measured.items()
    }
    return Experiment(arms, no_means=frozenset({"ap50"}))


def test_levels_and_differences_are_those_of_the_measure_itself(measured, found) -> None:
    whole = {name: np.array([one(np.ones((1, IMAGES)))[0] for one in seeds]) for name, seeds in measured.items()}
    for name, values in whole.items():
        assert found.arms[name].by_seed("ap50") == pytest.approx(values)
        assert found.value(name, "ap50").mean == pytest.approx(values.mean())
    assert max(found.arms["random"].scores["ap50"].max(), found.arms["imagenet"].scores["ap50"].max()) > 1
    one = found.contrast("imagenet", "random", "ap50")
    assert one.difference.mean == pytest.approx(whole["imagenet"].mean() - whole["random"].mean())
    assert one.verdict == "gain" and one.difference.draws == SEEDS
    assert "gain" in found.table("random") and found.as_dict("random")["values"]["random"]["ap50"]["n"] == IMAGES


def test_the_interval_holds_pictures_and_seeds(measured, found) -> None:
    each = found.arms["imagenet"].scores["ap50"]
    pictures = t.ppf(0.975, IMAGES - 1) * each.mean(axis=0).std(ddof=1) / np.sqrt(IMAGES)
    seeds = over_seeds(each.mean(axis=1)).half_width
    level = found.value("imagenet", "ap50")
    assert pictures * 0.98 < level.half_width < 1.3 * np.hypot(pictures, seeds)
    single = measure_interval(measured["imagenet"][0], IMAGES)
    again = scores_interval(each[0])
    assert (single.low, single.high) == (again.low, again.high)
    spread = Arm("spread", {"ap50": each + np.linspace(-0.2, 0.2, SEEDS)[:, None]})
    wide = Experiment({"spread": spread}, no_means=frozenset({"ap50"})).value("spread", "ap50")
    assert wide.half_width > 1.5 * level.half_width or wide.high == 1.0


def test_ends_stay_where_they_can_be_and_few_pictures_say_nothing() -> None:
    steep = np.tile(np.array([1.4, 1.2, 0.9, 1.0, 0.1, 0.8]), (3, 1)) + np.arange(3)[:, None] / 100
    assert scores_interval(steep).high == 1.0
    assert not scores_interval(steep[:, :4]).known
    assert not scores_interval(steep, ["a", "a", "b", "b", "c", "c"]).known
    halves = scores_interval(np.tile(steep, (2, 1))[:6], halves=True)
    assert halves.known and halves.low < steep.mean() < halves.high


def test_without_saying_so_such_scores_are_refused(found) -> None:
    with pytest.raises(InputError, match=r"scores outside \[0, 1\]"):
        Experiment(found.arms).value("imagenet", "ap50")
    a, b = (found.arms[name].scores["ap50"] for name in ("imagenet", "random"))
    wide = contrast(a, b, paired=False, largest=np.inf)
    mine = found.contrast("imagenet", "random", "ap50").difference
    assert (mine.low, mine.high) == (wide.low, wide.high)
