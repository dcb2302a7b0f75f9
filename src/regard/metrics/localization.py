"""Where a photograph was taken, by the database images that it finds: pose recall and place recognition.

Sattler et al. 2018 (Benchmarking 6DOF outdoor visual localization in changing conditions, arXiv 1707.09092): the share
of queries whose pose is within a distance and an angle of the true one. Arandjelovic et al. 2016 (NetVLAD, arXiv
1511.07247): the share of queries with one of the first N results within 25 m.

Here a query takes the pose of what it found, which is where retrieval alone gets to. Poses from elsewhere are scored
by passing them as the database, query i having found row i.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_matrix, check_number
from .rotations import angle_between, quaternions

THRESHOLDS = ((0.25, 2.0), (0.5, 5.0), (5.0, 10.0))  # metres and degrees: high, medium and coarse precision
_METRES = 25.0


def pose_errors(
    query_positions: ArrayLike,
    query_rotations: ArrayLike,
    database_positions: ArrayLike,
    database_rotations: ArrayLike,
    hits: ArrayLike,
) -> tuple[np.ndarray, np.ndarray]:
    """How far each query's pose is from the poses of the database images that it found.

    Args:
        query_positions: (q, 3) camera centres in metres (see `camera_centres`).
        query_rotations: (q, 4) quaternions w x y z or (q, 3, 3) matrices; from the world to the camera, or back, but
            the same as the database's.
        database_positions: (n, 3).
        database_rotations: (n, 4) or (n, 3, 3).
        hits: (q, k) rows of the database, best first; -1 where a query has fewer.

    Returns:
        Distances in metres (q, k) and angles in degrees (q, k); infinity where there is no hit.

    Raises:
        InputError: shapes that do not match, NaN, rotations that are none, or rows that are not there.

    >>> metres, degrees = pose_errors([[0, 0, 0]], [[1, 0, 0, 0]], [[3, 4, 0]], [[1, 0, 0, 1]], [[0, -1]])
    >>> metres.tolist(), degrees.tolist()
    ([[5.0, inf]], [[90.0, inf]])
    """
    metres_QK, hits_QK = _distances(query_positions, database_positions, hits)
    turn_Q4, turn_N4 = quaternions("query_rotations", query_rotations), quaternions("rotations", database_rotations)
    for name, turns, count in (
        ("query_rotations", turn_Q4, len(metres_QK)),
        ("database_rotations", turn_N4, len(np.asarray(database_positions))),
    ):
        if len(turns) != count:
            raise bad(name, f"{len(turns)} rotations", f"one for each of the {count} positions")
    degrees_QK = np.full(hits_QK.shape, np.inf)
    row, column = np.nonzero(hits_QK >= 0)
    degrees_QK[row, column] = angle_between(turn_Q4[row], turn_N4[hits_QK[row, column]])
    return metres_QK, degrees_QK


def localized(
    metres_QK: ArrayLike, degrees_QK: ArrayLike, thresholds: Sequence[tuple[float, float]] = THRESHOLDS, k: int = 1
) -> np.ndarray:
    """Whether each query has a pose within each threshold among its first k, (q, thresholds) booleans.

    With k above 1 this is what could be reached by choosing rightly among them: one and the same hit has to be within
    the distance and the angle.

    Args:
        metres_QK: (q, k) or (q,) distances of `pose_errors`; infinity is allowed.
        degrees_QK: (q, k) or (q,) angles.
        thresholds: pairs of metres and degrees, both inclusive.
        k: how many hits count.

    Raises:
        InputError: shapes that do not match, NaN or negative values, or k above the number of hits.
    """
    metres, degrees = _errors("metres_QK", metres_QK), _errors("degrees_QK", degrees_QK)
    if metres.shape != degrees.shape:
        raise bad("degrees_QK", f"shape {degrees.shape}", f"the shape of metres_QK, {metres.shape}")
    check_number("k", k, 1, metres.shape[1], whole=True)
    columns = []
    for metre, degree in thresholds:
        check_number("thresholds", metre, 0)
        check_number("thresholds", degree, 0)
        columns.append(((metres[:, :k] <= metre) & (degrees[:, :k] <= degree)).any(axis=1))
    if not columns:
        raise bad("thresholds", "none", "at least one pair of metres and degrees")
    return np.stack(columns, axis=1)


def localization_recall(
    metres_QK: ArrayLike, degrees_QK: ArrayLike, thresholds: Sequence[tuple[float, float]] = THRESHOLDS, k: int = 1
) -> dict[str, float]:
    """Share of all queries that are `localized` at each threshold, as `recall_0.25m_2deg` and so on.

    >>> localization_recall([[0.2], [3.0]], [[1.0], [4.0]])
    {'recall_0.25m_2deg': 0.5, 'recall_0.5m_5deg': 0.5, 'recall_5m_10deg': 1.0}
    """
    shares = localized(metres_QK, degrees_QK, thresholds, k).mean(axis=0)
    return {f"recall_{metre:g}m_{degree:g}deg": float(share) for (metre, degree), share in zip(thresholds, shares)}


def first_near(
    query_positions: ArrayLike, database_positions: ArrayLike, hits: ArrayLike, metres: float = _METRES
) -> np.ndarray:
    """Rank of each query's first hit within `metres`, from 1, (q,); infinity where none is.

    Args:
        query_positions: (q, d) in metres, d = 2 (east and north, such as UTM) or 3; not degrees of latitude.
        database_positions: (n, d).
        hits: (q, k) rows of the database, best first; -1 where a query has fewer.
        metres: what counts as the same place, inclusive.

    Raises:
        InputError: shapes that do not match, NaN, or rows that are not there.
    """
    check_number("metres", metres, 0, open_low=True)
    near_QK = _distances(query_positions, database_positions, hits)[0] <= metres
    return np.where(near_QK.any(axis=1), near_QK.argmax(axis=1) + 1.0, np.inf)


def place_recall(
    query_positions: ArrayLike,
    database_positions: ArrayLike,
    hits: ArrayLike,
    ks: Sequence[int] = (1, 5, 10),
    metres: float = _METRES,
) -> dict[str, float]:
    """Place recognition: share of queries with at least one of the first k hits within 25 m (NetVLAD, 2016).

    Queries with no database image that near count as missed, as in the paper; `findable` says how many are others.

    Args:
        query_positions: as in `first_near`.
        database_positions: (n, d).
        hits: (q, k) rows of the database.
        ks: which recalls to report, at most the number of hits.
        metres: what counts as the same place.

    Returns:
        `recall_at_K` for each k, `queries` and `findable`. O((q + n) log n).

    Raises:
        InputError: as `first_near`, or k above the number of hits.

    >>> place_recall([[0, 0], [100, 0]], [[10, 0], [300, 0]], [[1, 0], [0, 1]], ks=(1, 2))
    {'recall_at_1': 0.0, 'recall_at_2': 0.5, 'queries': 2, 'findable': 1}
    """
    from scipy.spatial import cKDTree

    first_Q = first_near(query_positions, database_positions, hits, metres)
    for k in ks:
        check_number("ks", k, 1, np.shape(hits)[1], whole=True)
    nearest_Q = cKDTree(np.asarray(database_positions)).query(np.asarray(query_positions))[0]
    recalls = {f"recall_at_{k}": float((first_Q <= k).mean()) for k in ks}
    return {**recalls, "queries": len(first_Q), "findable": int((nearest_Q <= metres).sum())}


def _distances(
    query_positions: ArrayLike, database_positions: ArrayLike, hits: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    where_QD = check_matrix("query_positions", query_positions).astype(np.float64)
    where_ND = check_matrix("database_positions", database_positions).astype(np.float64)
    if where_QD.shape[1] not in (2, 3) or where_ND.shape[1] != where_QD.shape[1]:
        raise bad(
            "query_positions, database_positions",
            f"{where_QD.shape[1]} and {where_ND.shape[1]} coordinates",
            "2 or 3 metres each, as many in both",
        )
    hits_QK = np.asarray(hits)
    if hits_QK.ndim != 2 or hits_QK.shape[0] != len(where_QD) or not hits_QK.shape[1] or hits_QK.dtype.kind not in "iu":
        raise bad(
            "hits",
            f"{hits_QK.dtype} of shape {hits_QK.shape}",
            f"rows of the database as whole numbers, shape ({len(where_QD)}, k)",
            "Fill short lists up with -1.",
        )
    if (hits_QK < -1).any() or (hits_QK >= len(where_ND)).any():
        raise bad("hits", f"rows from {hits_QK.min()} to {hits_QK.max()}", f"rows from 0 to {len(where_ND) - 1}, or -1")
    metres_QK = np.full(hits_QK.shape, np.inf)
    row, column = np.nonzero(hits_QK >= 0)
    metres_QK[row, column] = np.linalg.norm(where_QD[row] - where_ND[hits_QK[row, column]], axis=1)
    return metres_QK, hits_QK


def _errors(argument: str, values: ArrayLike) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise bad(argument, type(values).__name__, "numbers (q, k)") from error
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or 0 in array.shape or np.isnan(array).any() or (array < 0).any():
        raise bad(argument, f"shape {array.shape}, or NaN or negative values", "numbers of at least 0, shape (q, k)")
    return array
