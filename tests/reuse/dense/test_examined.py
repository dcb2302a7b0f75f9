"""What is collected while a model is scored equals the metrics, picture by picture and over all."""

import numpy as np
import pytest

from helpers.dense_answers import NAMES, given_objects, given_pixels, random_objects
from regard.data.annotations import rle
from regard.metrics.detection_errors import DetectionErrors
from regard.metrics.detection_kinds import KINDS, judge
from regard.metrics.score_calibration import answer_rows, calibration_error
from regard.metrics.working_point import surer, weight
from regard.reuse.dense.examined import examine
from regard.reuse.dense.examined_objects import ObjectErrors, ObjectsSeen
from regard.reuse.dense.examined_pixels import PixelErrors, small
from regard.reuse.dense.scoring import score


def pairs_of(model, images):
    kept = []
    score(model, images, interval=False, seen=lambda answer, truth, pairs, masks: kept.append(pairs))
    return kept


@pytest.mark.parametrize("masks", [False, True])
def test_one_pass_gives_the_scores_and_what_the_metrics_say(masks) -> None:
    images, model = random_objects(40, masks=masks)
    scores, errors = examine(model, images)
    assert model.asked == 1 and isinstance(errors, ObjectErrors) and errors.by_masks is masks
    assert scores == score(model, images)
    front = "mask_" if masks else ""
    assert errors.ap50 == pytest.approx(scores.metrics[f"{front}ap50"], abs=1e-12)
    for name, curve in zip(NAMES, errors.curves):
        own = scores.by_class[name].get(f"{front}ap50")
        assert np.isnan(curve).all() if own is None else curve.mean() == pytest.approx(own, abs=1e-12)
    pairs = pairs_of(model, images)
    whole, sure = DetectionErrors(NAMES), DetectionErrors(NAMES)
    for one in pairs:
        whole.add(one)
        sure.add(surer(one, errors.threshold))
    assert errors.costs == pytest.approx(whole.costs())
    assert errors.counts == sure.counts() and errors.counts_by_class == sure.counts_by_class()
    np.testing.assert_array_equal(errors.confusion, sure.confusion()[1])
    assert dict(zip(KINDS, errors.by_image.sum(axis=0))) == errors.counts
    told, right = (np.concatenate(part) for part in zip(*(answer_rows(one) for one in pairs)))
    assert errors.calibration_error == pytest.approx(calibration_error(told, right))
    assert sum(one.count for one in errors.bins) == len(told)


def test_the_threshold_has_the_best_f1_and_its_figures_are_those_from_there_on() -> None:
    images, model = random_objects(30, seed=1)
    errors = examine(model, images, interval=False)[1]
    pairs = pairs_of(model, images)
    told, right = (np.concatenate(part) for part in zip(*(answer_rows(one) for one in pairs)))
    objects = sum(int((~one.ignore).sum()) for one in pairs)

    def f1(at):
        return 2 * right[told >= at].sum() / ((told >= at).sum() + objects)

    assert errors.f1 == pytest.approx(f1(errors.threshold)) == pytest.approx(max(map(f1, told)))
    assert errors.precision == pytest.approx(right[told >= errors.threshold].mean())
    assert errors.recall == pytest.approx(right[told >= errors.threshold].sum() / objects)


def test_the_worst_pictures_are_kept_and_as_they_were_judged() -> None:
    images, model = random_objects(40, seed=2)
    errors = examine(model, images, interval=False, kept=7)[1]
    pairs = pairs_of(model, images)
    weights = np.array([weight(one, judge(one)) for one in pairs])
    order = [row for row in np.argsort(-weights, kind="stable")[:7] if errors.by_image[row].any()]
    assert [one.row for one in errors.worst] == order and len(order) > 3
    for one in errors.worst:
        assert list(one.counts.values()) == errors.by_image[one.row].tolist()
        assert (one.scores >= errors.threshold).all() and (np.diff(one.scores) <= 0).all()
        its = model.answers[one.row]
        places = [int(np.flatnonzero((its.boxes.numpy() == box).all(axis=1))[0]) for box in one.boxes]
        assert its.scores.numpy()[places] == pytest.approx(one.scores)
        np.testing.assert_array_equal(one.truth_boxes, images.annotations[one.row].boxes.xyxy)
        assert not one.missed[one.ignored].any()


def test_masks_of_the_worst_alone_are_kept() -> None:
    images, model = random_objects(20, seed=4, masks=True)
    seen = ObjectsSeen(NAMES, True, kept=2)
    score(model, images, interval=False, seen=seen.add)
    assert len(seen._worst) == 2 and all(kept.answer.masks is None for *_, kept in seen._worst)
    for one in seen.told().worst:
        its = model.answers[one.row]
        assert len(one.masks) == len(one.boxes) and len(one.truth_masks) == len(one.truth_boxes)
        for box, runs in zip(one.boxes, one.masks):
            place = int(np.flatnonzero((its.boxes.numpy() == box).all(axis=1))[0])
            np.testing.assert_array_equal(rle.decode(runs, one.size), its.masks[place].numpy())


def test_pixels_are_sorted_by_hand() -> None:
    truth = np.zeros((3, 4, 6), np.uint8)
    truth[:, :, 3:] = 1
    truth[2] = 255  # nothing of the third counts
    found = truth.copy() % 255
    found[1, :, 2] = 1  # a column of the road is told to be sky
    images, model = given_pixels(truth, found)
    scores, errors = examine(model, images)
    assert model.asked == 1 and isinstance(errors, PixelErrors)
    assert errors.confusion.tolist() == [[20, 4], [0, 24]] and errors.rows.tolist() == [0, 1, 2]
    assert errors.miou[:2].tolist() == pytest.approx([1.0, (8 / 12 + 12 / 16) / 2]) and np.isnan(errors.miou[2])
    assert errors.wrong[:2].tolist() == pytest.approx([0, 4 / 24])
    assert [one.row for one in errors.worst] == [1]
    np.testing.assert_array_equal(errors.worst[0].truth, truth[1])
    np.testing.assert_array_equal(errors.worst[0].found, found[1])
    assert scores.metrics["miou"] == pytest.approx((20 / 24 + 24 / 28) / 2)


def test_worst_maps_are_kept_by_miou_and_made_small() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (9, 20, 30), dtype=np.uint8)
    found = np.where(rng.random(truth.shape) < np.linspace(0.05, 0.45, 9)[:, None, None], 1 - truth, truth)
    images, model = given_pixels(truth, found.astype(np.uint8))
    errors = examine(model, images, interval=False, kept=3)[1]
    assert [one.row for one in errors.worst] == np.argsort(errors.miou)[:3].tolist()
    assert small(np.arange(1200).reshape(30, 40) % 7, 20).shape == (15, 20)
    assert small(np.array([[0, 1, 2, 3]]), 2).tolist() == [[1, 3]]


def test_nothing_found_nothing_there_and_one_class() -> None:
    box = [0, 0, 9, 9]

    def made(there, found):
        return examine(*given_objects([(there, found)], ("cat",))[::-1])[1]

    missed = made([(box, "cat")], [])
    assert missed.counts["missed"] == 1 and missed.ap50 == 0 and missed.precision is None and missed.recall == 0
    assert missed.calibration_error is None and [len(one.boxes) for one in missed.worst] == [0]
    assert missed.costs["missed"] is None  # nothing is left that could be found: as TIDE, see `detection_errors`
    invented = made([], [(box, "cat", 0.9)])
    # no answer is right, so the threshold is .5
    assert invented.counts["background"] == 1 and invented.ap50 is None and invented.recall is None
    assert set(invented.costs.values()) == {None} and len(invented.worst) == 1
    still = made([], [])
    assert not any(still.counts.values()) and still.f1 is None and still.worst == []
    right = made([(box, "cat")], [(box, "cat", 0.9)])
    assert right.worst == [] and right.f1 == 1 and right.threshold == 0.9
