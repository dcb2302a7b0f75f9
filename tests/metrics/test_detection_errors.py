"""Kinds of error and what they cost: cases worked by hand, a plain loop, and COCO's AP50."""

import numpy as np
import pytest

from helpers.detections import random_pictures
from regard.core.checks import InputError
from regard.metrics.coco_ap import CocoAP
from regard.metrics.detection_answers import answers
from regard.metrics.detection_errors import DetectionErrors
from regard.metrics.detection_kinds import KINDS, judge
from regard.metrics.detection_pairs import box_pairs

CAT, DOG = 0, 1
A, B, AWAY = [0, 0, 40, 40], [100, 0, 140, 40], [0, 100, 40, 140]
HALF_A = [0, 0, 40, 16]  # IoU .4 with A


def errors(*found, truth=((A, CAT),), classes=("cat", "dog"), **flags):
    """Of one picture; what was found is (box, class, score)."""
    judged = DetectionErrors(classes)
    boxes, kinds, scores = (list(part) for part in zip(*found)) if found else ([], [], [])
    judged.add(box_pairs(boxes, scores, kinds, [box for box, _ in truth], [kind for _, kind in truth], **flags))
    return judged


def counted(judged):
    return {kind: count for kind, count in judged.counts().items() if count}


def test_each_kind_by_hand():
    assert counted(errors((A, CAT, 0.9))) == {}
    assert counted(errors()) == {"missed": 1}
    assert counted(errors((A, DOG, 0.9))) == {"classification": 1}  # which explains why the cat is missed
    assert counted(errors((HALF_A, CAT, 0.9))) == {"localisation": 1}
    assert counted(errors((HALF_A, DOG, 0.9))) == {"both": 1, "missed": 1}
    assert counted(errors((A, CAT, 0.9), (A, CAT, 0.8))) == {"duplicate": 1}
    assert counted(errors((AWAY, CAT, 0.9))) == {"background": 1, "missed": 1}
    assert counted(errors((AWAY, CAT, 0.9), truth=())) == {"background": 1}
    # .6 on its own object is enough, though it is wholly on another; of .4 the place is told first
    assert counted(errors((A, CAT, 0.9), truth=((A, DOG), ([0, 16, 40, 40], CAT)))) == {"missed": 1}
    assert counted(errors((A, CAT, 0.9), truth=((A, DOG), ([0, 24, 40, 40], CAT)))) == {"localisation": 1, "missed": 1}


def test_what_is_ignored_is_no_error():
    assert counted(errors(ignore=[True])) == {}
    assert counted(errors((A, CAT, 0.9), ignore=[True])) == {}
    assert counted(errors((HALF_A, CAT, 0.9), ignore=[True])) == {"background": 1}
    assert counted(errors((HALF_A, CAT, 0.9), (HALF_A, CAT, 0.8), crowd=[True])) == {}


def test_cost_of_a_wrong_class():
    """The cat is called dog, with more certainty than the dog: AP 0 and 1/2; put right, both are 1."""
    judged = errors((A, DOG, 0.9), (B, DOG, 0.8), truth=((A, CAT), (B, DOG)))
    assert judged.ap() == pytest.approx(0.25)
    expected = dict.fromkeys(KINDS, 0.0) | {"classification": 0.75, "false_positives": 0.25, "false_negatives": 0.25}
    assert judged.costs() == pytest.approx(expected)
    one = judged.listed()[0]
    assert (one.image, one.kind, one.found, one.truth, one.score) == (0, "classification", 0, 0, 0.9)
    assert judged.counts_by_class()["dog"]["classification"] == 1 and not any(judged.counts_by_class()["cat"].values())


def test_cost_of_places():
    assert errors((HALF_A, CAT, 0.9)).costs()["localisation"] == 1.0
    # two about one object: the surer becomes right, the other goes
    judged = errors((HALF_A, CAT, 0.9), (HALF_A, CAT, 0.8), (B, CAT, 0.7), truth=((A, CAT), (B, CAT)))
    assert judged.ap() == pytest.approx(51 / 3 / 101) and judged.costs()["localisation"] == pytest.approx(1 - 17 / 101)
    # of two kinds about one object the surest is put right, and the other kind gains nothing by going
    judged = errors((HALF_A, CAT, 0.9), (A, DOG, 0.8))
    assert (judged.costs()["localisation"], judged.costs()["classification"]) == (1.0, 0.0)
    judged = errors((HALF_A, CAT, 0.8), (A, DOG, 0.9))
    assert (judged.costs()["localisation"], judged.costs()["classification"]) == (0.0, 1.0)
    # the object has an answer already: the error goes, and no more
    judged = errors((HALF_A, CAT, 0.9), (A, CAT, 0.8))
    assert judged.ap() == pytest.approx(0.5) and judged.costs()["localisation"] == pytest.approx(0.5)


def test_cost_of_doubles_of_nothing_and_of_missed_ones():
    judged = errors((A, CAT, 0.9), (A, CAT, 0.8), (B, CAT, 0.7), truth=((A, CAT), (B, CAT)))
    assert judged.ap() == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert judged.costs()["duplicate"] == pytest.approx(1 - judged.ap())
    judged = errors((AWAY, CAT, 0.9), (A, CAT, 0.8))
    assert judged.costs()["background"] == judged.costs()["false_positives"] == pytest.approx(0.5)
    judged = errors((A, CAT, 0.8), truth=((A, CAT), (B, CAT)))
    assert judged.ap() == pytest.approx(51 / 101)
    assert judged.costs()["missed"] == judged.costs()["false_negatives"] == pytest.approx(50 / 101)
    assert np.isnan(list(errors((A, CAT, 0.9), truth=()).costs().values())).all()
    assert np.isnan(DetectionErrors(["cat"]).ap())


def test_confusion_by_hand():
    """The cat is called dog, one dog is right and doubled, one is missed, and a cat is seen where nothing is."""
    truth = ((A, CAT), (B, DOG), ([150, 100, 159, 109], DOG))
    found = ((A, DOG, 0.9), (B, DOG, 0.8), (B, DOG, 0.7), (AWAY, CAT, 0.6))
    names, counts = errors(*found, truth=truth).confusion()
    assert (names, counts.tolist()) == (["cat", "dog", "nothing"], [[0, 1, 0], [0, 1, 1], [1, 0, 0]])


def plainly(pairs):
    """Kinds by going through the wrong answers one at a time."""
    given, kinds, about = answers(pairs), [], set()
    for row, has in zip(given.rows, given.truth):
        if has >= 0:
            kinds.append(-1)
            continue
        own = other = (0.0, None)
        for column in np.flatnonzero(~pairs.ignore):
            value = (pairs.overlap[row, column], column)
            if pairs.truth_classes[column] == pairs.classes[row]:
                own = value if value[0] > own[0] else own
            else:
                other = value if value[0] > other[0] else other
        if 0.1 <= own[0] < 0.5:
            kinds.append(1)
            about.add(own[1])
        elif other[0] >= 0.5:
            kinds.append(0)
            about.add(other[1])
        elif own[0] >= 0.5:
            kinds.append(3)
        else:
            kinds.append(4 if max(own[0], other[0]) <= 0.1 else 2)
    had = set(given.truth[given.truth >= 0].tolist())
    return kinds, [column in about or column in had or pairs.ignore[column] for column in range(len(pairs.ignore))]


def test_random_pictures_equal_the_loop_and_ap50():
    total = np.zeros(len(KINDS), dtype=int)
    for seed in range(40):
        pictures = random_pictures(np.random.default_rng(seed), 6, ties=seed % 2 == 0, many=seed % 20 == 0)
        judged, coco = DetectionErrors(["cat", "dog", "never"]), CocoAP(["cat", "dog", "never"])
        for picture in pictures:
            pairs = picture.pairs()
            one = judge(pairs)
            kinds, explained = plainly(pairs)
            assert one.kind.tolist() == kinds and (~one.missed).tolist() == explained
            judged.add(pairs)
            coco.add(pairs)
        assert judged.ap() == pytest.approx(coco.scores().metrics["ap50"], abs=1e-12)
        costs = judged.costs()
        assert min(costs.values()) >= -1e-12 and max(costs.values()) > 0.01
        assert costs["false_positives"] + 1e-12 >= max(costs["background"], costs["duplicate"], costs["both"])
        found = judged.counts()
        total += list(found.values())
        assert len(judged.listed()) == sum(found.values())
        told = sum(found[kind] for kind in ("classification", "background", "missed"))
        assert judged.confusion()[1].sum() == told + judged._table().right.sum()
        by_class = judged.counts_by_class().values()
        assert {kind: sum(row[kind] for row in by_class) for kind in KINDS} == found
    assert total.min() > 10


def test_misuse_is_said():
    with pytest.raises(InputError, match="background: expected a number from 0 to 0.5"):
        judge(box_pairs([], [], [], [], []), 0.5, 0.5)
    with pytest.raises(InputError, match="got class 2"):
        errors((A, 2, 0.9))
