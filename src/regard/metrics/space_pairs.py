"""What was found in one picture beside what is there, in space: all that measures of 3D boxes need of it.

Boxes stand on a ground plane: x is right, y down, z forward, in metres, and the yaw is the turn about y, as in KITTI.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..core.checks import bad
from .box_overlap import box_overlap, flags

INSIDE = 0.5  # share of a found object's box in the picture inside a region from which it does not count there


@dataclass(frozen=True)
class Spatial:
    """Objects in space.

    Attributes:
        classes: (n,) whole numbers from 0.
        centre: (n, 3) metres, x, y, z; of any point at the same height over all of them, as only x and z are compared.
        size: (n, 3) metres above 0: height, width, length.
        yaw: (n,) radians.
    """

    classes: np.ndarray
    centre: np.ndarray
    size: np.ndarray
    yaw: np.ndarray

    def __post_init__(self) -> None:
        n = len(np.asarray(self.classes))
        for name, shape in (("classes", (n,)), ("centre", (n, 3)), ("size", (n, 3)), ("yaw", (n,))):
            kind = np.int64 if name == "classes" else np.float64
            given = np.asarray(getattr(self, name))
            if name == "classes" and given.size and given.dtype.kind not in "iu":
                raise bad(name, f"{given.dtype}", "whole numbers from 0")
            given = given.astype(kind).reshape(shape) if not given.size and not n else given.astype(kind)
            if given.shape != shape or not np.isfinite(given).all():
                raise bad(name, f"shape {given.shape}, or NaN in it", f"finite numbers {shape}")
            object.__setattr__(self, name, given)
        if (self.classes < 0).any():
            raise bad("classes", int(self.classes.min()), "whole numbers from 0")
        if (self.size <= 0).any():
            raise bad("size", float(self.size.min()), "metres above 0")

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True)
class SpacePairs:
    """n found and m true objects of one picture.

    Attributes:
        scores: (n,) float64, the higher the surer.
        classes: (n,) int64.
        void: (n,) bool: inside a region where nothing counts; a find there is not wrong.
        truth_classes: (m,) int64.
        ignore: (m,) bool: neither hurts nor helps.
        distance: (n, m) float64, metres between the centres on the ground plane.
        scale_error: (n, m) float64 in [0, 1), 1 - IoU of the boxes moved and turned onto one another.
        turned: (n, m) float64 in [0, pi], the smallest angle between the yaws.
    """

    scores: np.ndarray
    classes: np.ndarray
    void: np.ndarray
    truth_classes: np.ndarray
    ignore: np.ndarray
    distance: np.ndarray
    scale_error: np.ndarray
    turned: np.ndarray


def space_pairs(
    found: Spatial,
    scores: ArrayLike,
    truth: Spatial,
    *,
    ignore: ArrayLike | None = None,
    boxes: ArrayLike | None = None,
    regions: ArrayLike | None = None,
) -> SpacePairs:
    """One picture's objects in space.

    Args:
        found: n objects.
        scores: (n,).
        truth: m objects.
        ignore: (m,) bool, difficult ones; none if not given.
        boxes: (n, 4) where the found ones lie in the picture; needed where there are regions.
        regions: (k, 4) boxes in the picture in which nothing counts, such as KITTI's DontCare: what is found and lies
            there with half of its box or more is not wrong, unless it is right.

    Raises:
        InputError: shapes that do not match, NaN.

    >>> one = Spatial([0], [[0, 0, 10]], [[1, 2, 4]], [0])
    >>> pairs = space_pairs(Spatial([0], [[3, 0, 14]], [[1, 2, 2]], [np.pi / 2]), [0.9], one)
    >>> pairs.distance.tolist(), pairs.scale_error.tolist(), (pairs.turned / np.pi).tolist()
    ([[5.0]], [[0.5]], [[0.5]])
    """
    given = np.asarray(scores, dtype=np.float64)
    if given.shape != (len(found),) or not np.isfinite(given).all():
        raise bad(
            "scores", f"shape {given.shape}, or NaN", f"finite numbers ({len(found)},), one for each found object"
        )
    void = np.zeros(len(found), dtype=bool)
    places = np.asarray([] if regions is None else regions, dtype=np.float64).reshape(-1, 4)
    if len(places) and len(found):
        if boxes is None:
            raise bad("boxes", None, f"({len(found)}, 4): regions are compared with boxes in the picture")
        void = box_overlap(boxes, places, np.ones(len(places), dtype=bool)).max(axis=1) >= INSIDE
    apart = found.centre[:, None, [0, 2]] - truth.centre[None, :, [0, 2]]
    return SpacePairs(
        given,
        found.classes,
        void,
        truth.classes,
        flags("ignore", ignore, len(truth)),
        np.hypot(apart[..., 0], apart[..., 1]),
        1 - aligned_overlap(found.size, truth.size),
        smallest_angle(found.yaw[:, None] - truth.yaw[None, :]),
    )


def aligned_overlap(size: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """IoU (n, m) of boxes of these sizes (n, 3) and (m, 3), the one moved and turned onto the other (nuScenes)."""
    common = np.minimum(size[:, None], truth[None]).prod(axis=2)
    return np.asarray(common / (size.prod(axis=1)[:, None] + truth.prod(axis=1)[None] - common))


def smallest_angle(difference: ArrayLike, period: float = 2 * np.pi) -> np.ndarray:
    """The size of an angle, of which whole periods are left out, in [0, period / 2].

    >>> (smallest_angle([1.75 * np.pi, np.pi]) / np.pi).tolist(), smallest_angle(np.pi, np.pi).tolist()
    ([0.25, 1.0], 0.0)
    """
    within = np.abs(np.asarray(difference, dtype=np.float64)) % period
    return np.minimum(within, period - within)
