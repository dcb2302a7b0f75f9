"""The camera that took a picture, as a head for boxes in space needs it: moved into the square, and given by hand."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...core.checks import InputError, bad
from ...data.annotations.record import Annotations
from .frame import Framed

NONE = "no camera is known of it: put its calibration beside it, or give --camera fx,fy,cx,cy in its pixels"
_SKEW = 1e-6


@dataclass(frozen=True)
class Camera:
    """From metres to pixels, whose middles are at whole numbers.

    Attributes:
        matrix: (3, 4) float64. KITTI's fourth column says that the camera stands beside the origin of the labels.
    """

    matrix: np.ndarray

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix, dtype=np.float64)
        if matrix.shape == (3, 3):
            matrix = np.concatenate([matrix, np.zeros((3, 1))], axis=1)
        if matrix.shape != (3, 4) or not np.isfinite(matrix).all() or min(matrix[0, 0], matrix[1, 1]) <= 0:
            raise bad("camera", f"shape {matrix.shape}", "(3, 4) finite numbers, focal lengths above 0")
        zeros = np.abs(matrix[[0, 1, 2, 2], [1, 0, 0, 1]])
        if zeros.max() > _SKEW * matrix[0, 0] or abs(matrix[2, 2] - 1) > _SKEW:
            raise bad("camera", matrix.tolist(), "one that is not skewed or turned: fx, fy, cx, cy and a shift")
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def of(cls, carried: Annotations) -> "Camera":
        """That of a picture; raises InputError with what to do where none is known."""
        matrix = carried.seen_by
        if matrix is None:
            raise InputError(NONE)
        return cls(matrix)

    @classmethod
    def given(cls, numbers: Sequence[float]) -> "Camera":
        """From fx, fy, cx, cy in pixels.

        >>> Camera.given([700, 700, 320, 240]).matrix[0].tolist()
        [700.0, 0.0, 320.0, 0.0]
        """
        if len(numbers) != 4 or not np.isfinite(numbers).all() or min(numbers[:2]) <= 0:
            raise bad(
                "--camera", list(numbers), "fx,fy,cx,cy in pixels, focal lengths above 0", "Such as 700,700,320,240."
            )
        fx, fy, cx, cy = map(float, numbers)
        return cls(np.array([[fx, 0, cx, 0], [0, fy, cy, 0], [0, 0, 1, 0]]))

    @property
    def beside(self) -> np.ndarray:
        """(3,) metres: what is to be added to a place of the labels to have it as the camera does."""
        return np.asarray(np.linalg.solve(self.matrix[:, :3], self.matrix[:, 3]))

    def in_square(self, framed: Framed) -> Tensor:
        """fx, fy, cx, cy (4,) float32 in pixels of the square, from the corner of its first pixel."""
        (fx, _, cx), (_, fy, cy) = self.matrix[0, :3], self.matrix[1, :3]
        return torch.tensor(np.array([fx, fy, cx + 0.5, cy + 0.5]) * framed.scale, dtype=torch.float32)
