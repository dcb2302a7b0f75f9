"""Rotations as quaternions or matrices: the angle between two, and where a camera stands."""

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad, check_matrix

_ROUNDING = 1e-3  # files give rotation matrices with few digits


def rotation_angle(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Angle in degrees, in [0, 180], of the turn from rotation a[i] to rotation b[i].

    2 * atan2(|v|, |w|), where (w, v) is the quaternion conj(a) * b: the 2 * arccos(|a . b|) of the literature, without
    its rounding near 0. q and -q are the same rotation.

    Args:
        a: (n, 4) quaternions w x y z of any length but 0, or (n, 3, 3) rotation matrices.
        b: (n, 4) or (n, 3, 3).

    Returns:
        (n,) degrees.

    Raises:
        InputError: other shapes, NaN, a quaternion of zeros, or a matrix that is no rotation (a reflection, say).

    >>> rotation_angle([[1, 0, 0, 0]], [[1, 0, 0, 1]])
    array([90.])
    """
    first, second = quaternions("a", a), quaternions("b", b)
    if len(first) != len(second):
        raise bad("a, b", f"{len(first)} and {len(second)} rotations", "as many in both")
    return angle_between(first, second)


def camera_centres(rotations: ArrayLike, translations: ArrayLike) -> np.ndarray:
    """Positions (n, 3) of cameras, c = -R^T t, from poses that map the world to the camera, x = R X + t.

    COLMAP, Aachen and RobotCar give such poses; their t is not where the camera stands.

    >>> camera_centres([[[0, -1, 0], [1, 0, 0], [0, 0, 1]]], [[0, -2, 0]])
    array([[2., 0., 0.]])
    """
    quaternion_N4 = quaternions("rotations", rotations)
    t_N3 = check_matrix("translations", translations)
    if t_N3.shape != (len(quaternion_N4), 3):
        raise bad("translations", f"shape {t_N3.shape}", f"shape ({len(quaternion_N4)}, 3)")
    w, v = quaternion_N4[:, :1], -quaternion_N4[:, 1:]  # the inverse turn
    cross = np.cross(v, t_N3)
    turned: np.ndarray = t_N3 + 2 * (w * cross + np.cross(v, cross))
    return 0.0 - turned


def quaternions(argument: str, rotations: ArrayLike) -> np.ndarray:
    """Quaternions w x y z (n, 4) of length 1, from such of any length or from matrices (n, 3, 3)."""
    try:
        array = np.asarray(rotations, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise bad(argument, type(rotations).__name__, "numbers (n, 4) or (n, 3, 3)") from error
    if array.ndim not in (2, 3) or array.shape[1:] not in ((4,), (3, 3)) or not len(array):
        raise bad(argument, f"shape {array.shape}", "quaternions w x y z (n, 4) or matrices (n, 3, 3), at least one")
    if not np.isfinite(array).all():
        raise bad(argument, "NaN or infinity", "finite numbers")
    if array.ndim == 2:
        lengths = np.linalg.norm(array, axis=1, keepdims=True)
        if not lengths.all():
            raise bad(argument, f"a quaternion of zeros (row {int(np.argmin(lengths))})", "quaternions with a length")
        return array / lengths
    wrong = np.abs(array @ array.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2)) > _ROUNDING
    wrong |= np.linalg.det(array) < 0
    if wrong.any():
        raise bad(argument, f"a matrix that is no rotation (row {int(np.argmax(wrong))})", "R R^T = 1 and det R = 1")
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_matrix(array).as_quat(scalar_first=True))


def angle_between(a_N4: np.ndarray, b_N4: np.ndarray) -> np.ndarray:
    """Degrees (n,) between quaternions of length 1."""
    w = (a_N4 * b_N4).sum(axis=1)
    v = a_N4[:, :1] * b_N4[:, 1:] - b_N4[:, :1] * a_N4[:, 1:] - np.cross(a_N4[:, 1:], b_N4[:, 1:])
    degrees: np.ndarray = np.degrees(2 * np.arctan2(np.linalg.norm(v, axis=1), np.abs(w)))
    return degrees
