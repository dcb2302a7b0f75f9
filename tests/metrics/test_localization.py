"""Pose errors and recalls against scipy's rotations, plain loops and cases worked by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from regard.core.checks import InputError
from regard.metrics.localization import first_near, localization_recall, localized, place_recall, pose_errors
from regard.metrics.rotations import camera_centres, rotation_angle


def turns(seed, n):
    return Rotation.random(n, rng=np.random.default_rng(seed))


def test_angles_equal_scipys():
    a, b = turns(0, 200), turns(1, 200)
    expected = np.degrees((a.inv() * b).magnitude())
    quaternions = [one.as_quat(scalar_first=True) for one in (a, b)]
    assert rotation_angle(*quaternions) == pytest.approx(expected)
    assert rotation_angle(a.as_matrix(), b.as_matrix()) == pytest.approx(expected)
    assert rotation_angle(quaternions[0], b.as_matrix()) == pytest.approx(expected)
    # -q and q are one rotation, and length does not matter
    assert rotation_angle(-3 * quaternions[0], quaternions[1]) == pytest.approx(expected)
    # from the world to the camera in both, or back in both
    inverse = [one.inv().as_quat(scalar_first=True) for one in (a, b)]
    assert rotation_angle(*inverse) == pytest.approx(expected)
    dot = np.abs((quaternions[0] * quaternions[1]).sum(axis=1))
    assert rotation_angle(*quaternions) == pytest.approx(np.degrees(2 * np.arccos(dot)))


def test_small_and_large_angles_are_exact():
    """arccos of a number near 1 has an error of 1e-8 radians; so 1e-7 degrees would come out as 0 or twice that."""
    for degrees in (0.0, 1e-9, 1e-7, 1e-3, 90.0, 180 - 1e-7, 180.0):
        half = np.radians(degrees) / 2
        axis = np.array([2.0, -1.0, 2.0]) / 3
        turn = np.r_[np.cos(half), np.sin(half) * axis]
        assert rotation_angle([[1, 0, 0, 0]], [turn])[0] == pytest.approx(degrees, rel=1e-6, abs=1e-12)


def test_camera_centres():
    turn, centre = turns(2, 20), np.random.default_rng(3).normal(size=(20, 3))
    translation = -turn.apply(centre)  # x = R (X - c)
    assert camera_centres(turn.as_matrix(), translation) == pytest.approx(centre)
    assert camera_centres(turn.as_quat(scalar_first=True), translation) == pytest.approx(centre)


def made(seed=4, q=15, n=40, k=5):
    rng = np.random.default_rng(seed)
    hits = np.array([rng.permutation(n)[:k] for _ in range(q)])
    hits[rng.random((q, k)) < 0.1] = -1
    poses = [rng.normal(size=(q, 3)), turns(5, q), rng.normal(size=(n, 3)), turns(6, n)]
    return poses, hits


def test_pose_errors_equal_a_plain_loop():
    (where_q, turn_q, where_n, turn_n), hits = made()
    metres, degrees = pose_errors(where_q, turn_q.as_matrix(), where_n, turn_n.as_quat(scalar_first=True), hits)
    assert (hits == -1).any()
    for i, row in enumerate(hits):
        for j, hit in enumerate(row):
            if hit == -1:
                assert metres[i, j] == degrees[i, j] == np.inf
                continue
            assert metres[i, j] == pytest.approx(np.sqrt(sum((where_q[i] - where_n[hit]) ** 2)))
            assert degrees[i, j] == pytest.approx(np.degrees((turn_q[i].inv() * turn_n[int(hit)]).magnitude()))
    thresholds = ((1.5, 120.0), (2.5, 150.0), (0.0, 0.0))
    for k in (1, 3, 5):
        expected = [
            [any(metres[i, j] <= m and degrees[i, j] <= d for j in range(k)) for m, d in thresholds] for i in range(15)
        ]
        assert localized(metres, degrees, thresholds, k).tolist() == expected
        shares = localization_recall(metres, degrees, thresholds, k)
        assert shares == pytest.approx(
            dict(zip(["recall_1.5m_120deg", "recall_2.5m_150deg", "recall_0m_0deg"], np.mean(expected, axis=0)))
        )
    assert 0 < shares["recall_1.5m_120deg"] < shares["recall_2.5m_150deg"] < 1


def test_thresholds_are_those_of_the_benchmark_and_inclusive():
    metres, degrees = [0.25, 0.5, 5.0, 5.0, 0.1], [2.0, 5.0, 10.0, 10.1, 9.0]
    assert localization_recall(metres, degrees) == pytest.approx(
        {"recall_0.25m_2deg": 0.2, "recall_0.5m_5deg": 0.4, "recall_5m_10deg": 0.8}
    )
    # one hit near and another turned rightly do not make a pose
    assert not localized([[0.1, 9.0]], [[90.0, 0.1]], k=2).any()


def test_places_equal_a_plain_loop():
    rng = np.random.default_rng(7)
    where_q, where_n = rng.uniform(0, 200, (30, 2)), rng.uniform(0, 200, (25, 2))
    hits = np.array([rng.permutation(25)[:6] for _ in range(30)])
    hits[3] = -1
    found, findable, first = {1: 0, 4: 0, 6: 0}, 0, []
    for i in range(30):
        distance = [np.hypot(*(where_q[i] - place)) for place in where_n]
        findable += min(distance) <= 25
        near = [hit != -1 and distance[hit] <= 25 for hit in hits[i]]
        first.append(near.index(True) + 1 if any(near) else np.inf)
        for k in found:
            found[k] += any(near[:k])
    assert 0 < found[1] < found[6] < findable < 30
    assert place_recall(where_q, where_n, hits, ks=(1, 4, 6)) == {
        **{f"recall_at_{k}": pytest.approx(count / 30) for k, count in found.items()},
        "queries": 30,
        "findable": findable,
    }
    assert first_near(where_q, where_n, hits).tolist() == first


def test_places_at_the_edge():
    hits = [[0], [1]]
    exactly = place_recall([[0, 0], [0, 0]], [[25, 0], [25.01, 0]], hits, ks=(1,))
    assert exactly == {"recall_at_1": 0.5, "queries": 2, "findable": 2}
    assert place_recall([[0, 0, 0]], [[0, 0, 30]], [[0]], ks=(1,), metres=30)["recall_at_1"] == 1
    far = 5e6  # float32 has steps of half a metre at such an easting, float64 has not
    assert place_recall([[far, 0]], [[far + 25.2, 0]], [[0]], ks=(1,))["findable"] == 0


P, R = [[0.0, 0.0, 0.0]], [[1.0, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rotation_angle(R, R * 2), "^a, b: expected as many"),
        (lambda: rotation_angle([[0, 0, 0, 0]], R), "^a: .*a quaternion of zeros"),
        (lambda: rotation_angle(R, [np.eye(3) * 2]), "^b: .*no rotation"),
        (lambda: rotation_angle(R, [np.diag([1.0, 1.0, -1.0])]), "^b: .*no rotation"),
        (lambda: rotation_angle(R, [[1, 0, 0]]), "^b: expected quaternions"),
        (lambda: rotation_angle([], R), "^a: expected quaternions"),
        (lambda: rotation_angle([["x"] * 4], R), "^a: expected numbers"),
        (lambda: rotation_angle([[np.nan, 0, 0, 0]], R), "^a: expected finite"),
        (lambda: camera_centres(R, [[1, 2]]), "^translations: expected"),
        (lambda: pose_errors(P, R, P, R, [[1]]), "^hits: expected rows from 0 to 0, or -1"),
        (lambda: pose_errors(P, R, P, R, [[-2]]), "^hits: expected"),
        (lambda: pose_errors(P, R, P, R, [0]), "^hits: expected rows of the database"),
        (lambda: pose_errors(P, R, P, R, [[0.0]]), "^hits: expected"),
        (lambda: pose_errors(P, R, P, R, [[0], [0]]), "^hits: expected"),
        (lambda: pose_errors(P, R * 2, P, R, [[0]]), "^query_rotations: expected one for each"),
        (lambda: pose_errors(P, R, P * 2, R, [[0]]), "^database_rotations: expected one for each"),
        (lambda: pose_errors([[np.nan] * 3], R, P, R, [[0]]), "^query_positions: expected finite"),
        (lambda: place_recall([[1, 2]], P, [[0]], ks=(1,)), "^query_positions, database_positions: "),
        (lambda: place_recall([[1]], [[1]], [[0]], ks=(1,)), "^query_positions, database_positions: "),
        (lambda: place_recall(P, P, [[0]], ks=(5,)), "^ks: expected"),
        (lambda: first_near(P, P, [[0]], metres=0), "^metres: expected"),
        (lambda: localized([1.0], [1.0, 2.0]), "^degrees_QK: expected"),
        (lambda: localized([np.nan], [1.0]), "^metres_QK: expected"),
        (lambda: localized([-1.0], [1.0]), "^metres_QK: expected"),
        (lambda: localized([1.0], [1.0], k=2), "^k: expected"),
        (lambda: localized([1.0], [1.0], thresholds=[]), "^thresholds: expected"),
        (lambda: localized([1.0], [1.0], thresholds=[(-1, 2)]), "^thresholds: expected"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()
