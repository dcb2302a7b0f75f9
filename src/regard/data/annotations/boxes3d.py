"""Boxes in space, in KITTI's convention (Geiger et al. 2012): the camera looks along z, x is right, y is down."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from ...core.checks import bad
from .depth import camera_of

DONT_CARE = "DontCare"


@dataclass(frozen=True)
class Boxes3D:
    """n objects of one image.

    Attributes:
        classes: (n,) text. `DontCare` is a region of the picture that counts neither way: it has a box in the picture
            and -1, -1000 and -10 in place of the rest, as KITTI writes it.
        xyxy: (n, 4) float32, the box in the picture in pixels, whose numbers are KITTI's.
        size: (n, 3) float32, height, width and length in metres.
        bottom: (n, 3) float32, the middle of the lower side, x, y, z in metres.
        yaw: (n,) float32, the turn about y in [-pi, pi]; 0 looks along x.
        alpha: (n,) float32, the angle at which the object is seen.
        truncated: (n,) float32, the share outside the picture.
        occluded: (n,) int, 0 seen, 1 partly, 2 largely hidden, 3 unknown.
        camera: (3, 4) float64, from metres to pixels, whose middles are at whole numbers; None where not known.
    """

    classes: np.ndarray
    xyxy: np.ndarray
    size: np.ndarray
    bottom: np.ndarray
    yaw: np.ndarray
    alpha: np.ndarray
    truncated: np.ndarray
    occluded: np.ndarray
    camera: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.classes)
        object.__setattr__(self, "classes", np.asarray(self.classes).astype(np.str_))
        wide = {"xyxy": 4, "size": 3, "bottom": 3, "yaw": 0, "alpha": 0, "truncated": 0, "occluded": 0}
        for name, columns in wide.items():
            shape = (n, columns) if columns else (n,)
            kind = np.int64 if name == "occluded" else np.float32
            given = np.asarray(getattr(self, name))
            given = given.reshape(shape) if not given.size and not n else given
            if given.shape != shape or not np.isfinite(given.astype(np.float64)).all():
                raise bad(name, f"shape {given.shape}, or NaN in it", f"finite numbers {shape}")
            object.__setattr__(self, name, given.astype(kind))
        flat = self.known & (self.size <= 0).any(axis=1)
        if flat.any():
            raise bad("size", f"{self.size[flat][0].tolist()}", "metres above 0 for all but DontCare")
        object.__setattr__(self, "camera", camera_of("camera", self.camera, (3, 4)))

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def known(self) -> np.ndarray:
        """(n,) of bool: objects, not regions of DontCare."""
        return self.classes != DONT_CARE

    def take(self, rows: np.ndarray | Sequence[int]) -> "Boxes3D":
        """The objects of these rows (whole numbers or a mask), in that order."""
        index = np.arange(len(self))[np.asarray(rows, dtype=None if len(rows) else np.intp)]
        columns = {one.name: getattr(self, one.name)[index] for one in fields(self) if one.name != "camera"}
        return Boxes3D(**columns, camera=self.camera)

    def corners(self) -> np.ndarray:
        """(n, 8, 3) metres: the four lower corners, then those above them; NaN for DontCare.

        x = R_y(yaw) (+-length / 2, 0 or -height, +-width / 2) + bottom.
        """
        height, width, length = (self.size[:, column, None].astype(np.float64) for column in range(3))
        x = np.array([1, 1, -1, -1] * 2) * length / 2
        y = np.array([0] * 4 + [-1] * 4) * height
        z = np.array([1, -1, -1, 1] * 2) * width / 2
        cos, sin = np.cos(self.yaw)[:, None], np.sin(self.yaw)[:, None]
        turned = np.stack([cos * x + sin * z, y, cos * z - sin * x], axis=-1)
        found = turned + self.bottom[:, None].astype(np.float64)
        found[~self.known] = np.nan
        return found

    def projected(self) -> np.ndarray:
        """(n, 8, 2) pixels: the corners as the camera sees them; NaN where one is not in front of it."""
        if self.camera is None:
            raise bad("camera", "None", "the camera's matrix (3, 4)")
        corners = self.corners()
        seen = np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=-1) @ self.camera.T
        depth = np.where(seen[..., 2:] > 0, seen[..., 2:], np.nan)
        return seen[..., :2] / depth
