"""AP by centre distance and errors in space: cases worked by hand, and nuScenes' own rule written plainly."""

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.metrics.box3d import DISTANCES, ERRORS, MEASURES, Box3DAP, centre_match
from regard.metrics.image_resampling import image_scores
from regard.metrics.space_pairs import Spatial, smallest_angle, space_pairs

PI = np.pi


def things(*rows, classes=None):
    """x, z and yaw of each, all 1 m high, 2 m wide and 4 m long."""
    x, z, yaw = np.array(rows, dtype=float).reshape(-1, 3).T
    n = len(rows)
    sizes = np.tile([1.0, 2, 4], (n, 1))
    return Spatial(classes or [0] * n, np.stack([x, np.zeros(n), z], axis=1), sizes, yaw)


def judged(*pictures, classes=("car",), periods=None):
    judge = Box3DAP(classes, periods)
    for found, scores, truth, *more in pictures:
        judge.add(space_pairs(found, scores, truth, **(more[0] if more else {})))
    return judge


def test_the_labels_against_themselves_are_perfect():
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(5):
        n = int(rng.integers(0, 5))
        rows = rng.uniform([-10, 3, -PI], [10, 60, PI], (n, 3))
        truth = things(*rows, classes=rng.integers(0, 2, n).tolist())
        pictures.append((truth, rng.random(n), truth))
    found = judged(*pictures, classes=("car", "van")).scores()
    assert {name: found.metrics[name] for name in MEASURES} == dict.fromkeys(MEASURES, 1.0)
    assert {name: found.metrics[name] for name in ERRORS} == dict.fromkeys(ERRORS, 0.0)


def test_each_distance_by_hand():
    """One is .3 m away, one 1.5 m: of two, one is right at .5 and 1 m, both at 2 and 4 m."""
    truth = things((0, 10, 0), (20, 10, 0))
    found = judged((things((0, 10.3, 0.5), (20, 11.5, -0.25)), [0.8, 0.9], truth)).scores().metrics
    # the surer one is wrong there, so precision is 1/2 at recall 1/2
    assert [found[f"ap_{at:g}m"] for at in DISTANCES] == pytest.approx([0.25, 0.25, 1, 1])
    assert found["ap"] == pytest.approx(0.625)
    assert found["translation_error"] == pytest.approx((0.3 + 1.5) / 2)
    assert (found["yaw_error"], found["scale_error"]) == pytest.approx((0.375, 0))


def test_nuscenes_rule_by_hand():
    """One right of two: precision 1 up to recall .5, 0 beyond; 40 of the 90 recalls from .11 on have 1."""
    truth = things((0, 10, 0), (20, 10, 0))
    found = judged((things((0, 10, 0)), [0.8], truth)).scores().metrics
    assert found["nuscenes_ap_1m"] == pytest.approx(40 / 90)
    # right, then wrong, then right: precision 1 at .5 and 1/2 after it, and on a line from there to 2/3 at 1
    found = judged((things((0, 10, 0), (50, 50, 0), (20, 10, 0)), [0.9, 0.8, 0.7], truth)).scores().metrics
    line = [0.5 + (2 / 3 - 0.5) * (at - 50) / 50 for at in range(50, 101)]
    assert found["nuscenes_ap_1m"] == pytest.approx((39 * 0.9 + sum(value - 0.1 for value in line)) / 0.9 / 90)
    assert found["ap_1m"] == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_low_precision_and_low_recall_count_in_the_plain_measure_alone():
    """Found after 19 wrong ones: a precision of .05. One of twelve found: a recall of .083."""
    far = things(*[(100 + 10 * k, 10, 0) for k in range(19)], (0, 10, 0))
    found = judged((far, np.linspace(1, 0.1, 20), things((0, 10, 0)))).scores().metrics
    assert (found["ap_1m"], found["nuscenes_ap_1m"]) == pytest.approx((0.05, 0))
    many = things(*[(10 * k, 10, 0) for k in range(12)])
    found = judged((things((0, 10, 0)), [0.5], many)).scores().metrics
    assert (found["ap_1m"], found["nuscenes_ap_1m"]) == pytest.approx((1 / 12, 0))


def devkit(scores, right, positives):
    """`accumulate` and `calc_ap` of nuScenes' devkit, in words of its own."""
    order = np.argsort(-scores, kind="stable")
    true, false = np.cumsum(right[order]), np.cumsum(~right[order])
    if not true[-1]:
        return 0.0
    precision = np.interp(np.linspace(0, 1, 101), true / positives, true / (true + false), right=0)[11:] - 0.1
    return float(np.mean(np.clip(precision, 0, None))) / 0.9


def test_nuscenes_ap_is_that_of_its_devkit_on_random_cases():
    rng = np.random.default_rng(1)
    for _ in range(20):
        pictures, scores, right, positives = [], [], [], 0
        for _ in range(4):
            truth = things(*rng.uniform([-9, 5, -PI], [9, 25, PI], (int(rng.integers(0, 6)), 3)))
            found = things(*rng.uniform([-9, 5, -PI], [9, 25, PI], (int(rng.integers(1, 7)), 3)))
            sure = rng.random(len(found))
            pictures.append((found, sure, truth))
            positives += len(truth)
            taken: set[int] = set()
            hits = np.zeros(len(found), bool)
            for row in np.argsort(-sure):
                apart = [np.hypot(*(found.centre[row] - one)[[0, 2]]) for one in truth.centre]
                free = [(value, place) for place, value in enumerate(apart) if place not in taken]
                if free and min(free)[0] < 4:
                    taken.add(min(free)[1])
                    hits[row] = True
            scores.append(sure)
            right.append(hits)
        if positives:
            own = judged(*pictures).scores().metrics["nuscenes_ap_4m"]
            assert own == pytest.approx(devkit(np.concatenate(scores), np.concatenate(right), positives))


def test_a_double_is_wrong_and_a_neighbour_is_taken_where_it_is_free():
    truth = things((0, 10, 0), (0, 11.5, 0))
    both = judged((things((0, 10.1, 0), (0, 10.2, 0)), [0.9, 0.8], truth)).scores().metrics
    assert (both["ap_1m"], both["ap_2m"]) == pytest.approx((0.5, 1))
    assert centre_match(np.zeros((0, 2)), np.zeros(2, bool), 1.0)[0].shape == (0,)


def test_a_distance_is_of_the_ground_plane_and_the_limit_is_left_out():
    truth = Spatial([0], [[0, 5, 10]], [[1, 1, 1]], [0])
    found = Spatial([0], [[3, -5, 14]], [[1, 1, 1]], [0])  # 5 m, whatever its height
    assert space_pairs(found, [1], truth).distance.tolist() == [[5.0]]
    at = judged((things((0, 12, 0)), [0.9], things((0, 10, 0)))).scores().metrics
    assert (at["ap_2m"], at["ap_4m"]) == (0, 1)


def test_difficult_ones_and_regions_neither_hurt_nor_help():
    truth, more = things((0, 10, 0)), {"ignore": [False, True]}
    plain = judged((things((0, 10.6, 0.1), (9, 40, 0)), [0.6, 0.7], truth)).scores()
    both = things((0, 10, 0), (20, 10, 0))
    for extra in ([], [(20, 10, 3)], [(20, 10, 3), (20, 10.4, 2)]):  # not found, found, found twice
        found = things((0, 10.6, 0.1), (9, 40, 0), *extra)
        assert judged((found, [0.6, 0.7, 0.9, 0.8][: len(found)], both, more)).scores() == plain
    # of a region: half of the box inside it is enough, and what is right there stays right
    found, boxes = things((0, 10.6, 0.1), (9, 40, 0), (60, 60, 0)), [[0, 0, 9, 9], [20, 0, 30, 9], [50, 0, 60, 9]]
    region = {"boxes": boxes, "regions": [[55, 0, 99, 99], [0, 0, 9, 9]]}
    assert judged((found, [0.6, 0.7, 0.9], truth, region)).scores() == plain
    region = {"boxes": boxes, "regions": [[55.1, 0, 99, 99]]}
    assert judged((found, [0.6, 0.7, 0.9], truth, region)).scores() != plain
    with pytest.raises(InputError, match="^boxes: "):
        space_pairs(found, [1, 1, 1], truth, regions=[[0, 0, 1, 1]])
    assert np.isnan(judged((truth, [0.5], truth, {"ignore": [True]})).scores().metrics["ap_1m"])


def test_yaw_errors_by_the_turn_after_which_an_object_looks_the_same():
    truth = things((0, 10, 3), (20, 10, 0), (40, 10, 0), classes=[0, 1, 2])
    found = things((0, 10, -3), (20, 10, PI - 0.1), (40, 10, 2), classes=[0, 1, 2])
    names = ("car", "wall", "ball")
    each = judged((found, [1, 1, 1], truth), classes=names, periods={"wall": PI, "ball": 0}).scores()
    assert [each.by_class[name]["yaw_error"] for name in names[:2]] == pytest.approx([2 * PI - 6, 0.1])
    assert np.isnan(each.by_class["ball"]["yaw_error"]) and each.by_class["ball"]["ap_1m"] == 1
    assert each.metrics["yaw_error"] == pytest.approx((2 * PI - 6 + 0.1) / 2)
    assert smallest_angle(-7 * PI / 4) == pytest.approx(PI / 4)


def test_scale_error_by_hand():
    """2 x 2 x 2 and 1 x 2 x 4, moved onto one another: 4 m3 of 12 in common."""
    pairs = space_pairs(Spatial([0], [[9, 9, 9]], [[2, 2, 2]], [1]), [1], Spatial([0], [[0, 0, 1]], [[1, 2, 4]], [0]))
    assert pairs.scale_error[0, 0] == pytest.approx(1 - 4 / 12)


def test_weights_are_repeats_and_pictures_make_scores_for_the_engine():
    rng = np.random.default_rng(2)
    pictures = []
    for _ in range(6):
        truth = things(*rng.uniform([-9, 5, -PI], [9, 25, PI], (3, 3)))
        found = things(*(np.stack([truth.centre[:, 0], truth.centre[:, 2], truth.yaw], 1) + rng.normal(0, 0.6, (3, 3))))
        pictures.append((found, rng.random(3), truth))
    judge = judged(*pictures)
    weights = np.array([[2, 0, 1, 1, 0, 3]])
    repeated = judged(*[one for one, count in zip(pictures, weights[0]) for _ in range(count)])
    for name in (*MEASURES, *ERRORS):
        # ranks of equal scores differ in nothing here, as repeats of one picture are right and wrong alike
        assert judge.measured(weights, name)[0] == pytest.approx(repeated.scores().metrics[name], abs=0.02)
    scores = image_scores(lambda one: judge.measured(one, "ap_1m"), judge.images)
    assert scores.mean() == pytest.approx(judge.scores().metrics["ap_1m"]) and scores.std() > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": [0.5]}, "^classes: "), ({"classes": [-1]}, "^classes: "), ({"centre": [[0, 0]]}, "^centre: "),
        ({"size": [[1, 0, 1]]}, "^size: "), ({"yaw": [np.nan]}, "^yaw: "),
    ],
)  # fmt: skip
def test_what_is_no_object_is_refused(change: dict, message: str):
    with pytest.raises(InputError, match=message):
        Spatial(**{"classes": [0], "centre": [[0, 0, 1]], "size": [[1, 1, 1]], "yaw": [0]} | change)


def test_what_does_not_belong_together_is_refused():
    one = things((0, 10, 0))
    with pytest.raises(InputError, match="^scores: "):
        space_pairs(one, [1, 2], one)
    with pytest.raises(InputError, match="^classes: "):
        judged((things((0, 1, 0), classes=[3]), [1], one))
    for periods in ({"dog": 1.0}, {"car": 7.0}):
        with pytest.raises(InputError, match="^periods"):
            Box3DAP(["car"], periods)
