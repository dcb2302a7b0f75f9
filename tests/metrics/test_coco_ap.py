"""COCO's AP against faster-coco-eval on random pictures, and cases worked by hand."""

import numpy as np
import pytest

from helpers.detections import SIZE, Picture, ellipses, random_pictures
from regard.core.checks import InputError
from regard.metrics.coco_ap import MEASURES, CocoAP
from regard.metrics.detection_pairs import box_pairs

CLASSES = ("cat", "dog", "never")
# our names, and the places of theirs: kind, thresholds, area, most found
THEIRS = {
    "ap": ("precision", slice(None), 0, 2),
    "ap50": ("precision", 0, 0, 2),
    "ap75": ("precision", 5, 0, 2),
    "ap_small": ("precision", slice(None), 1, 2),
    "ap_medium": ("precision", slice(None), 2, 2),
    "ap_large": ("precision", slice(None), 3, 2),
    "ar1": ("recall", slice(None), 0, 0),
    "ar10": ("recall", slice(None), 0, 1),
    "ar": ("recall", slice(None), 0, 2),
    "ar_small": ("recall", slice(None), 1, 2),
    "ar_medium": ("recall", slice(None), 2, 2),
    "ar_large": ("recall", slice(None), 3, 2),
}


def ours(pictures, masks=False, weights=None):
    coco = CocoAP(CLASSES)
    for picture in pictures:
        coco.add(picture.pairs(masks))
    return coco.scores(weights)


def runs_of(mask):
    """COCO's run lengths, uncompressed."""
    flat = mask.ravel(order="F").astype(np.int8)
    places = np.flatnonzero(np.diff(np.r_[0, flat, 1 - flat[-1]]))
    return {"size": list(mask.shape), "counts": np.diff(np.r_[0, places]).tolist()}


def theirs(pictures, masks=False):
    from faster_coco_eval import COCO, COCOeval_faster
    from faster_coco_eval.core import mask as codec

    images, objects, found = [], [], []
    for image, picture in enumerate(pictures):
        images.append({"id": image, "width": SIZE, "height": SIZE, "file_name": f"{image}.png"})
        shapes = ellipses(picture.truth_boxes) if masks else None
        for row, (left, top, right, bottom) in enumerate(picture.truth_boxes.tolist()):
            area = shapes[row].sum() if masks else (right - left) * (bottom - top)
            one = {"id": len(objects) + 1, "image_id": image, "category_id": int(picture.truth_classes[row]) + 1}
            one |= {"bbox": [left, top, right - left, bottom - top], "iscrowd": int(picture.crowd[row])}
            # there is no flag for difficult ones, but one outside every range of area is treated as we treat them
            one |= {"area": 3e10 if picture.difficult[row] else float(area)}
            objects.append(one | ({"segmentation": runs_of(shapes[row])} if masks else {}))
        shapes = ellipses(picture.boxes) if masks else None
        for row, (left, top, right, bottom) in enumerate(picture.boxes.tolist()):
            one = {"image_id": image, "category_id": int(picture.classes[row]) + 1, "score": float(picture.scores[row])}
            runs = codec.frPyObjects(runs_of(shapes[row]), SIZE, SIZE) if masks else None
            found.append(one | ({"segmentation": runs} if masks else {"bbox": [left, top, right - left, bottom - top]}))
    names = [{"id": row + 1, "name": name} for row, name in enumerate(CLASSES)]
    truth = COCO({"info": {}, "images": images, "annotations": objects, "categories": names})
    judge = COCOeval_faster(truth, truth.loadRes(found), "segm" if masks else "bbox", rle_iou_max_workers=1)
    judge.evaluate()
    judge.accumulate()
    return judge.eval


def known(values):
    return float(values[values > -1].mean()) if (values > -1).any() else float("nan")


def compare(pictures, masks):
    found, expected = ours(pictures, masks), theirs(pictures, masks)
    for measure in MEASURES:
        kind, level, area, most = THEIRS[measure]
        table = np.asarray(expected[kind])  # precision (T, R, K, A, M), recall (T, K, A, M)
        table = table[level, ..., area, most]
        assert found.metrics[measure] == pytest.approx(known(table), abs=1e-6, nan_ok=True), measure
        for row, name in enumerate(CLASSES):
            value = known(table[..., row])
            assert found.by_class[name][measure] == pytest.approx(value, abs=1e-6, nan_ok=True), (measure, name)
    return found


@pytest.mark.slow
def test_equal_to_faster_coco_eval_on_200_cases_of_boxes_and_60_of_masks():
    met = {"nan": 0, "middling": 0, "crowd": 0, "difficult": 0, "empty": 0}
    for seed in range(260):
        rng, masks = np.random.default_rng(seed), seed >= 200
        size = int(rng.integers(1, 4 if masks else 10))
        pictures = random_pictures(rng, size, ties=seed % 2 == 0, many=seed % 25 == 0)
        found = compare(pictures, masks)
        met["nan"] += np.isnan(found.by_class["never"]["ap"])
        met["middling"] += 0.02 < found.metrics["ap"] < 0.98
        met["crowd"] += any(picture.crowd.any() for picture in pictures)
        met["difficult"] += any(picture.difficult.any() for picture in pictures)
        met["empty"] += any(not len(picture.truth_boxes) for picture in pictures)
    assert met["nan"] == 260 and min(met.values()) > 60, met


@pytest.mark.parametrize("second, ap50", [([0, 0, 40, 40], 1.0), ([20, 0, 60, 40], 51 / 101)])
def test_of_two_that_overlap_as_much_the_last_is_taken(second, ap50):
    """The surest covers both by 2/3; whether the other finds anything depends on which of them it took."""
    truth, none = np.array([[0, 0, 40, 40], [20, 0, 60, 40]]), np.zeros(2, dtype=bool)
    kinds, scores = np.zeros(2, dtype=int), np.array([0.9, 0.8])
    picture = Picture(np.array([[0, 0, 60, 40], second]), scores, kinds, truth, kinds, none, none)
    assert compare([picture], False).metrics["ap50"] == pytest.approx(ap50)


def in_a_row(right, objects=None):
    """One picture for each answer, from the surest on: the object is found, or a place beside it."""
    pictures = []
    for place, hit in enumerate(right):
        found = [[0, 0, 40, 40]] if hit else [[90, 90, 120, 120]]
        there = np.array([[0, 0, 40, 40]] if objects is None or place < objects else []).reshape(-1, 4)
        none = np.zeros(len(there), dtype=bool)
        scores, kinds = np.array([1 - place / 1000]), np.zeros(1, dtype=int)
        pictures.append(Picture(np.array(found), scores, kinds, there, np.zeros(len(there), dtype=int), none, none))
    return pictures


@pytest.mark.parametrize("found", [7, 14, 28, 29, 55, 56, 57, 58])
def test_recalls_at_which_rounding_matters_are_theirs(found):
    """29 of 100 are a recall of .29; whether that reaches the 29th point depends on how it was rounded."""
    right = np.arange(100) < found
    value = compare(in_a_row(right), False).metrics["ap"]
    assert value == pytest.approx((found + 1) / 101, abs=0.011)


def test_a_curve_worked_by_hand():
    """Right, wrong, right, of four objects: precision 1 up to recall 1/4, 2/3 up to 1/2, and nothing beyond."""
    found = ours(in_a_row([1, 0, 1, 0], 4))
    assert found.metrics["ap50"] == pytest.approx((26 + 25 * 2 / 3) / 101)
    assert found.metrics["ar"] == pytest.approx(0.5)
    assert found.by_class["cat"]["objects"] == 4
    assert np.isnan(found.metrics["ap_small"])
    assert found.metrics["ap_medium"] == pytest.approx(51 / 101)  # what is wrong is small, and does not count there


def test_thresholds_by_hand():
    """IoU 2/3 is enough for .50, .55, .60 and .65: four of ten."""
    coco = CocoAP(["cat"])
    coco.add(box_pairs([[0, 0, 40, 60]], [0.3], [0], [[0, 0, 40, 40]], [0]))
    found = coco.scores().metrics
    assert (found["ap50"], found["ap75"]) == (1.0, 0.0)
    assert found["ap"] == pytest.approx(0.4) and found["ar"] == pytest.approx(0.4)


def test_crowd_and_difficult_by_hand():
    """Two in a crowd and one on a difficult object cost nothing; a second on the difficult object is wrong."""
    truth, kinds = [[0, 0, 100, 100], [110, 0, 150, 40], [110, 50, 150, 90]], [0, 0, 0]
    boxes = [[0, 0, 20, 20], [30, 30, 60, 60], [110, 0, 150, 40], [110, 50, 150, 90], [110, 0, 150, 40]]

    def ap(rows, **flags):
        coco = CocoAP(["cat"])
        scores = [0.9, 0.8, 0.7, 0.5, 0.6]
        coco.add(box_pairs(np.array(boxes)[rows], np.array(scores)[rows], [0] * len(rows), truth, kinds, **flags))
        return coco.scores().metrics["ap50"]

    flags = {"crowd": [True, False, False], "ignore": [False, True, False]}
    assert ap([0, 1, 2, 3], **flags) == 1.0
    assert ap([0, 1, 2, 3, 4], **flags) == pytest.approx(0.5)
    assert ap([0, 1, 2, 3]) < 0.6


def test_pictures_without_objects_count_only_for_what_is_wrongly_found():
    empty = in_a_row([0], 0)
    one = in_a_row([1])
    assert ours(one).metrics["ap"] == 1.0
    assert ours([*one, *empty]).metrics["ap"] == 1.0  # of equal scores the one that was added first comes first
    assert ours([*empty, *one]).metrics["ap"] == pytest.approx(0.5)
    assert np.isnan(ours(empty).metrics["ap"]) and np.isnan(CocoAP(CLASSES).scores().metrics["ap"])


def test_weights_of_pictures_are_copies_of_them():
    rng = np.random.default_rng(3)
    pictures = random_pictures(rng, 12, ties=False)
    counts = np.array([0, 1, 2, 1, 3, 1, 0, 2, 1, 1, 2, 1])
    listed = ours([picture for picture, count in zip(pictures, counts) for _ in range(count)])
    weighted = ours(pictures, weights=counts)
    for measure in MEASURES:
        assert weighted.metrics[measure] == pytest.approx(listed.metrics[measure], abs=1e-12, nan_ok=True)
        assert weighted.by_class["dog"] == pytest.approx(listed.by_class["dog"], abs=1e-12, nan_ok=True)
    assert weighted.metrics["ap"] != pytest.approx(ours(pictures).metrics["ap"], abs=1e-3)


@pytest.mark.parametrize("room", [1 << 21, 100])  # all at once, and a few at a time
def test_many_weightings_at_once_are_each_by_itself(monkeypatch, room):
    monkeypatch.setattr("regard.metrics.average_precision._AT_ONCE", room)
    pictures = random_pictures(np.random.default_rng(4), 10)
    coco = CocoAP(CLASSES)
    for picture in pictures:
        coco.add(picture.pairs())
    weights = np.random.default_rng(5).exponential(size=(7, 10))
    weights[0], weights[1] = 1, 1 - np.eye(10)[3]
    for measure in MEASURES:
        each = [coco.scores(row).metrics[measure] for row in weights]
        assert coco.ap(weights, measure) == pytest.approx(each, nan_ok=True)
    assert coco.ap()[0] == ours(pictures).metrics["ap"]
    assert coco.ap(weights[1])[0] == pytest.approx(ours([*pictures[:3], *pictures[4:]]).metrics["ap"], abs=1e-12)
    assert coco.ap(7.7 * weights) == pytest.approx(coco.ap(weights), abs=1e-9)  # only their shares count


def test_all_found_is_1_whatever_the_weights():
    coco = CocoAP(["cat"])
    for picture in in_a_row([1] * 30):
        coco.add(picture.pairs())
    assert coco.ap(np.random.default_rng(6).exponential(size=(200, 30))) == pytest.approx(np.ones(200), abs=1e-9)


def test_what_cannot_be_scored_is_said():
    coco = CocoAP(["cat"])
    with pytest.raises(InputError, match="classes: expected classes from 0 to 0, as named, got class 1"):
        coco.add(box_pairs([[0, 0, 9, 9]], [0.8], [1], [], []))
    with pytest.raises(InputError, match="weights: expected a weight for each of the 0 images"):
        coco.ap([1.0])
    with pytest.raises(InputError, match="one of ap, ap50"):
        coco.ap(measure="map")
    with pytest.raises(InputError, match="different names"):
        CocoAP(["cat", "cat"])
    coco.add(box_pairs([], [], [], [[0, 0, 9, 9]], [0]))
    with pytest.raises(InputError, match="negative weight"):
        coco.ap([-1.0])
    assert coco.scores().metrics["ap"] == 0.0
