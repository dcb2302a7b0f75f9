"""Spatial verification: do the matches of two images agree on one plane-to-plane map?

Philbin et al. 2007, Object retrieval with large vocabularies and fast spatial matching (CVPR): candidates are accepted
and ranked by the number of matches that one transformation explains. The transformation is found by MAGSAC++ (Barath
et al. 2020, CVPR), which does not hang on one exact threshold, as OpenCV's USAC framework has it.

What differs: a transformation that no camera could have made is refused, whatever the number of its inliers, and points
at one place count once. The estimator's seed is its own (`UsacParams.randomGeneratorState`), so that results repeat and
OpenCV's global generator is neither read nor set.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ....core.checks import check_choice, check_number
from .features import Features, mirrored
from .matching import RATIO, match

MODELS = ("homography", "affine", "similarity")
ENOUGH = 12  # inliers; pairs of different photographs have up to 9 matches in all, and no inliers
_ZOOM = 20
_SPREAD = 0.015  # of the longer side: the inliers' standard deviation along their narrower direction


@dataclass(frozen=True)
class Verification:
    """What the matches of images a and b say.

    Attributes:
        accepted: at least 12 inliers of a map that a camera could have made.
        inliers: how many matches the map explains, those at one place counted once.
        score: in [0, 1), for ranking: s / (s + 12) with s = inliers + matches explained / (matches + 1), so that
            inliers come first and 1/2 is where acceptance begins; 0 where the map was refused.
        matches_xy: (m, 4) float32: x and y in a, x and y in b, in pixels of the images as given.
        inlier_mask: (m,) bool: which matches the map explains.
        matrix: (3, 3) from a's pixels to b's; None where there is none.
        box: (4, 2) where a's corners (top left, top right, bottom right, bottom left) fall in b; None without matrix.
        mirrored: the map holds for the mirrored a; the matrix includes the mirroring.
        reason: why it was not accepted; "" where it was.
    """

    accepted: bool
    inliers: int
    score: float
    matches_xy: np.ndarray
    inlier_mask: np.ndarray
    matrix: np.ndarray | None = None
    box: np.ndarray | None = None
    mirrored: bool = False
    reason: str = ""

    def bounds(self, width: int, height: int) -> tuple[float, float, float, float] | None:
        """The upright box around `box` in an image b of that size: left, top, right, bottom; None without a box."""
        if self.box is None:
            return None
        (left, top), (right, bottom) = self.box.min(axis=0), self.box.max(axis=0)
        return (
            max(0.0, float(left)),
            max(0.0, float(top)),
            min(float(width), float(right)),
            min(float(height), float(bottom)),
        )


def verify(
    a: Features,
    b: Features,
    model: str = "homography",
    mirror: bool = False,
    *,
    threshold: float = 3.0,
    ratio: float = RATIO,
) -> Verification:
    """Match two images' features and find the map from a to b that explains most of the matches.

    Args:
        a: features of the one image, with a mirror where `mirror` is True.
        b: features of the other.
        model: homography (8 numbers: any view of a plane) | affine (6) | similarity (4: turn, zoom, shift).
        mirror: try the mirrored a as well, and keep what explains more; takes twice as long.
        threshold: how far in b a point may fall from where the map puts it, in pixels of b as it was described.
        ratio: as in `match`.

    Returns:
        The verification; 2 to 4 ms for 1,000 points each.

    Raises:
        InputError: an unknown model, a threshold that is not positive, or `mirror` without a mirror.

    >>> nothing = Features(np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8), 5, 5)
    >>> verify(nothing, nothing).reason
    '0 matches, fewer than 12'
    """
    check_choice("model", model, MODELS)
    check_number("threshold", threshold, 0, open_low=True)
    found = _verify(a, b, None, model, threshold, ratio)
    if not mirror:
        return found
    # tried even where the image as it is was accepted: a symmetric building fits either way, one way far better
    turned = _verify(mirrored(a), b, a.width, model, threshold, ratio)
    return turned if turned.score > found.score else found


def _verify(
    a: Features, b: Features, mirror_width: int | None, model: str, threshold: float, ratio: float
) -> Verification:
    pairs = match(a.descriptors, b.descriptors, ratio)
    a_xy, b_xy = a.keypoints[pairs[:, 0], :2].astype(np.float64), b.keypoints[pairs[:, 1], :2].astype(np.float64)
    matches_xy = np.concatenate([a_xy, b_xy], axis=1).astype(np.float32)
    none = np.zeros(len(pairs), bool)
    flipped = mirror_width is not None
    if len(pairs) < ENOUGH:
        return Verification(
            False, 0, 0.0, matches_xy, none, mirrored=flipped, reason=f"{len(pairs)} matches, fewer than {ENOUGH}"
        )
    # the map itself keeps the orientation: mirroring is put before it, as a similarity could not express it
    before = np.eye(3) if mirror_width is None else np.array([[-1.0, 0, mirror_width - 1], [0, 1, 0], [0, 0, 1]])
    limit = threshold * b.pixel
    matrix = _estimate(project(before, a_xy), b_xy, model, limit)
    if matrix is None:
        return Verification(False, 0, 0.0, matches_xy, none, mirrored=flipped, reason=f"no {model} fits the matches")
    matrix = matrix @ before
    inlier = np.linalg.norm(project(matrix, a_xy) - b_xy, axis=1) <= limit
    inliers = min(_places(a_xy[inlier] / a.pixel), _places(b_xy[inlier] / b.pixel))
    reason = implausible(matrix, a, b, flipped) or _narrow(a_xy[inlier], b_xy[inlier], a, b)
    strength = inliers + inlier.sum() / (len(inlier) + 1)
    score = 0.0 if reason else strength / (strength + ENOUGH)
    if not reason and inliers < ENOUGH:
        reason = f"{inliers} inliers, fewer than {ENOUGH}"
    box = project(matrix, corners(a.width, a.height))
    return Verification(not reason, inliers, float(score), matches_xy, inlier, matrix, box, flipped, reason)


def _estimate(a_xy: np.ndarray, b_xy: np.ndarray, model: str, limit: float) -> np.ndarray | None:
    import cv2

    if model == "similarity":
        # not part of USAC; this RANSAC always starts from the same seed of its own
        found, _ = cv2.estimateAffinePartial2D(a_xy, b_xy, method=cv2.RANSAC, ransacReprojThreshold=limit)
    else:
        params = cv2.UsacParams()
        params.score, params.loMethod = cv2.SCORE_METHOD_MAGSAC, cv2.LOCAL_OPTIM_SIGMA
        params.threshold, params.confidence, params.maxIterations = limit, 0.999, 5000
        params.randomGeneratorState, params.isParallel = 0, False
        estimate: Any = cv2.findHomography if model == "homography" else cv2.estimateAffine2D
        found, _ = estimate(a_xy, b_xy, params)
    if found is None or not np.isfinite(found).all():
        return None
    return found if model == "homography" else np.vstack([found, [0.0, 0.0, 1.0]])


def implausible(matrix: np.ndarray, a: Features, b: Features, mirrored: bool = False) -> str:
    """Why no camera could have made this map from a to b; "" where one could have.

    a must come out whole (no corner behind the camera), convex, mirrored only where that is expected, and between
    1/20 and 20 times as long as it was, by the root of the area, in pixels as the images were described.
    """
    corners_43 = np.c_[corners(a.width, a.height), np.ones(4)] @ matrix.T
    depth = corners_43[:, 2]
    if depth.min() * depth.max() <= 0:
        return "a corner falls behind the camera"
    quad = corners_43[:, :2] / depth[:, None]
    edge = np.roll(quad, -1, axis=0) - quad
    after = np.roll(edge, -1, axis=0)
    turns = edge[:, 0] * after[:, 1] - edge[:, 1] * after[:, 0]
    if (turns > 0).any() and (turns < 0).any():
        return "not convex"
    if (turns.sum() < 0) != mirrored:
        return "mirrored"
    zoom = np.sqrt(area(quad) / (a.width * a.height)) * a.pixel / b.pixel
    if not 1 / _ZOOM <= zoom <= _ZOOM:
        return f"zoomed {zoom:.3g} times"
    return ""


def project(matrix: np.ndarray, points_xy: np.ndarray) -> np.ndarray:
    """(n, 2) points mapped by a (3, 3) matrix.

    >>> project(np.diag([2.0, 3.0, 1.0]), np.array([[1.0, 1.0]]))
    array([[2., 3.]])
    """
    mapped = points_xy @ matrix[:, :2].T + matrix[:, 2]
    depth = mapped[:, 2:]
    return mapped[:, :2] / np.where(depth == 0, np.finfo(float).tiny ** 0.5, depth)


def corners(width: int, height: int) -> np.ndarray:
    """(4, 2) the outer corners of an image whose first pixel's centre is (0, 0): clockwise from the top left."""
    return np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5


def area(quad_42: np.ndarray) -> float:
    """Area of a polygon by its corners in order (the shoelace formula).

    >>> area(corners(4, 3))
    12.0
    """
    x, y = quad_42.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def _places(points_xy: np.ndarray) -> int:
    """How many different pixels: several angles at one point, or many points on one, are one piece of evidence."""
    return len(np.unique(np.rint(points_xy), axis=0))


def _narrow(a_xy: np.ndarray, b_xy: np.ndarray, a: Features, b: Features) -> str:
    """Points on a line or at one place fix no map; a crop's points may be close together in one of the two images."""
    widths = []
    for points, image in ((a_xy, a), (b_xy, b)):
        if len(points) < 3:
            return "hardly any inliers"
        least = np.linalg.eigvalsh(np.cov(points.T))[0]
        widths.append(np.sqrt(max(least, 0)) / max(image.width, image.height))
    return "" if max(widths) >= _SPREAD else "all inliers on a line or at one place"
