"""What is collected while a model is scored equals the metrics, picture by picture and over all."""

from types import SimpleNamespace as Stub

import numpy as np
import pytest
import torch

from helpers.detections import random_pictures
from regard.data.annotations.boxes import Boxes
from regard.data.annotations.masks import Masks, SemanticMap
from regard.data.annotations.record import Annotations, Listed, Rows
from regard.data.imageset import ImageSet
from regard.metrics.detection_errors import DetectionErrors
from regard.metrics.detection_kinds import KINDS, judge
from regard.metrics.score_calibration import answer_rows, calibration_error
from regard.reuse.dense.examined import examine
from regard.reuse.dense.examined_objects import ObjectErrors, ObjectsSeen, best_threshold, surer, weight
from regard.reuse.dense.examined_pixels import PixelErrors, small
from regard.reuse.dense.model import Answer
from regard.reuse.dense.scoring import score

NAMES = ("cat", "dog", "never")


def answer_of(row, picture, masks=None):
    order = np.argsort(-picture.scores, kind="stable")
    return Answer(
        row,
        (160, 160),
        torch.from_numpy(picture.boxes[order].astype(np.float32)),
        torch.from_numpy(picture.scores[order]),
        torch.from_numpy(picture.classes[order].astype(np.int64)),
        None if masks is None else torch.from_numpy(masks[order]),
    )


class Told:
    """A model that tells what it was given, one picture after another, and counts how often it is asked."""

    def __init__(self, answers, what="boxes", names=NAMES):
        self.objective, self.answers, self.asked = Stub(what=what, names=names), answers, 0

    def predict(self, images, *, batch, failed):
        self.asked += 1
        yield from self.answers


def drawn(count, seed=0, masks=False):
    """Random pictures as an image set, and a model that finds what was found in them."""
    from helpers.detections import ellipses

    pictures = random_pictures(np.random.default_rng(seed), count)
    carried = []
    for one in pictures:
        names = np.array(NAMES)[one.truth_classes] if len(one.truth_classes) else np.zeros(0, dtype=str)
        boxes = Boxes(one.truth_boxes, names, difficult=one.difficult, crowd=one.crowd)
        there = Masks.from_arrays(ellipses(one.truth_boxes)) if masks else None
        carried.append(Annotations((160, 160), boxes, there))
    images = ImageSet(
        [np.zeros((160, 160, 3), np.uint8)] * count,
        np.array([f"{row}.png" for row in range(count)]),
        annotations=Rows.of(Listed(carried, NAMES)),
    )
    answers = [answer_of(row, one, ellipses(one.boxes) if masks else None) for row, one in enumerate(pictures)]
    return images, Told(answers, "masks" if masks else "boxes")


def pairs_of(model, images):
    kept = []
    score(model, images, interval=False, seen=Stub(objects=lambda answer, truth, pairs, masks: kept.append(pairs)))
    return kept


@pytest.mark.parametrize("masks", [False, True])
def test_one_pass_gives_the_scores_and_what_the_metrics_say(masks) -> None:
    images, model = drawn(40, masks=masks)
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
    images, model = drawn(30, seed=1)
    errors = examine(model, images, interval=False)[1]
    pairs = pairs_of(model, images)
    told, right = (np.concatenate(part) for part in zip(*(answer_rows(one) for one in pairs)))
    objects = sum(int((~one.ignore).sum()) for one in pairs)

    def f1(at):
        return 2 * right[told >= at].sum() / ((told >= at).sum() + objects)

    assert errors.f1 == pytest.approx(f1(errors.threshold)) == pytest.approx(max(map(f1, told)))
    assert errors.precision == pytest.approx(right[told >= errors.threshold].mean())
    assert errors.recall == pytest.approx(right[told >= errors.threshold].sum() / objects)
    assert best_threshold(np.array([0.3, 0.9]), np.array([False, False]), 3) == 0.5
    # the second of two equal scores is right: both are in, or neither
    assert best_threshold(np.array([0.9, 0.5, 0.5]), np.array([True, False, True]), 4) == 0.5


def test_the_worst_pictures_are_kept_and_as_they_were_judged() -> None:
    images, model = drawn(40, seed=2)
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


def test_the_weight_is_the_number_of_errors_averaged_over_thresholds_of_which_higher_ones_weigh_more() -> None:
    """Errors at a threshold t by `judge`, integrated with density 2 t over [0, 1]."""
    middles = (np.arange(2000) + 0.5) / 2000
    for picture in random_pictures(np.random.default_rng(3), 12):
        pairs = picture.pairs()
        counts = []
        for at in middles[::20]:
            one = judge(surer(pairs, at))
            counts.append((one.kind >= 0).sum() + one.missed.sum())
        whole = float((np.repeat(counts, 20) * 2 * middles).mean())
        # each score is rounded to .1 and each t to .01
        assert weight(pairs, judge(pairs)) == pytest.approx(whole, abs=0.015 * (len(pairs.scores) + len(pairs.ignore)))


def test_masks_of_the_worst_alone_are_kept() -> None:
    images, model = drawn(20, seed=4, masks=True)
    seen = ObjectsSeen(NAMES, True, kept=2)
    score(model, images, interval=False, seen=Stub(objects=seen.add))
    assert len(seen._worst) == 2 and all(kept.answer.masks is None for *_, kept in seen._worst)
    from regard.data.annotations import rle

    for one in seen.told().worst:
        its = model.answers[one.row]
        assert len(one.masks) == len(one.boxes) and len(one.truth_masks) == len(one.truth_boxes)
        for box, runs in zip(one.boxes, one.masks):
            place = int(np.flatnonzero((its.boxes.numpy() == box).all(axis=1))[0])
            np.testing.assert_array_equal(rle.decode(runs, one.size), its.masks[place].numpy())


def told_pixels(truth, found, names=("road", "sky")):
    images = ImageSet(
        [np.zeros((*one.shape, 3), np.uint8) for one in truth],
        np.array([f"{row}.png" for row in range(len(truth))]),
        annotations=Rows.of(
            Listed([Annotations(one.shape, semantic=SemanticMap(one, tuple(names))) for one in truth], tuple(names))
        ),
    )
    empty = torch.zeros(0)
    answers = [
        Answer(row, one.shape, empty.view(0, 4), empty, empty.long(), None, torch.from_numpy(one.astype(np.int64)))
        for row, one in enumerate(found)
    ]
    return images, Told(answers, "semantic", tuple(names))


def test_pixels_are_sorted_by_hand() -> None:
    truth = np.zeros((3, 4, 6), np.uint8)
    truth[:, :, 3:] = 1
    truth[2] = 255  # nothing of the third counts
    found = truth.copy() % 255
    found[1, :, 2] = 1  # a column of the road is told to be sky
    images, model = told_pixels(truth, found)
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
    images, model = told_pixels(truth, found.astype(np.uint8))
    errors = examine(model, images, interval=False, kept=3)[1]
    assert [one.row for one in errors.worst] == np.argsort(errors.miou)[:3].tolist()
    assert small(np.arange(1200).reshape(30, 40) % 7, 20).shape == (15, 20)
    assert small(np.array([[0, 1, 2, 3]]), 2).tolist() == [[1, 3]]


def test_nothing_found_nothing_there_and_one_class() -> None:
    box = Boxes(np.array([[0, 0, 9, 9]]), np.array(["cat"]))
    empty = Boxes(np.zeros((0, 4)), np.zeros(0, dtype=str))
    none = torch.zeros(0)
    nothing = Answer(0, (20, 20), none.view(0, 4), none, none.long())
    one = Answer(0, (20, 20), torch.tensor([[0.0, 0, 9, 9]]), torch.tensor([0.9]), torch.tensor([0]))

    def made(boxes, answer):
        images = ImageSet(
            [np.zeros((20, 20, 3), np.uint8)],
            np.array(["a"]),
            annotations=Rows.of(Listed([Annotations((20, 20), boxes)], ("cat",))),
        )
        return examine(Told([answer], names=("cat",)), images)[1]

    missed = made(box, nothing)
    assert missed.counts["missed"] == 1 and missed.ap50 == 0 and missed.precision is None and missed.recall == 0
    assert missed.calibration_error is None and [len(one.boxes) for one in missed.worst] == [0]
    assert missed.costs["missed"] is None  # nothing is left that could be found: as TIDE, see `detection_errors`
    invented = made(empty, one)
    # no answer is right, so the threshold is .5
    assert invented.counts["background"] == 1 and invented.ap50 is None and invented.recall is None
    assert set(invented.costs.values()) == {None} and len(invented.worst) == 1
    still = made(empty, nothing)
    assert not any(still.counts.values()) and still.f1 is None and still.worst == []
    right = made(box, one)
    assert right.worst == [] and right.f1 == 1 and right.threshold == pytest.approx(0.9)
