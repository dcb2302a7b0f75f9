"""How far away each pixel is, and the camera that saw it."""

from dataclasses import dataclass

import numpy as np

from ...core.checks import bad


@dataclass(frozen=True)
class Depth:
    """The depth of each pixel of one image.

    Attributes:
        metres: (H, W) float32, along the camera's axis; NaN where it is not known.
        intrinsics: (3, 3) float64, from metres to pixels, whose middles are at whole numbers as OpenCV has it; None
            where the camera is not known.
        pose: (4, 4) float64, from the camera to the world; None where it is not known.
    """

    metres: np.ndarray
    intrinsics: np.ndarray | None = None
    pose: np.ndarray | None = None

    def __post_init__(self) -> None:
        metres = np.asarray(self.metres)
        if metres.ndim != 2 or metres.dtype.kind != "f":
            raise bad("metres", f"{metres.dtype} of shape {metres.shape}", "metres as floats, (H, W)")
        metres = metres.astype(np.float32)
        if (np.isinf(metres) | (metres <= 0)).any():
            raise bad("metres", "infinity, 0 or less", "metres above 0", "Write NaN where the depth is not known.")
        object.__setattr__(self, "metres", metres)
        object.__setattr__(self, "intrinsics", camera_of("intrinsics", self.intrinsics, (3, 3)))
        object.__setattr__(self, "pose", camera_of("pose", self.pose, (4, 4)))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.metres.shape[0]), int(self.metres.shape[1])

    @property
    def known(self) -> np.ndarray:
        """(H, W) of bool, where the depth is known."""
        return ~np.isnan(self.metres)

    def points(self) -> np.ndarray:
        """(k, 3) metres, x right, y down, z forward, of the pixels whose depth is known; needs the intrinsics."""
        if self.intrinsics is None:
            raise bad("intrinsics", "None", "the camera's matrix (3, 3)")
        rows, columns = np.nonzero(self.known)
        rays = np.linalg.solve(self.intrinsics, np.stack([columns, rows, np.ones(len(rows))]))
        return (rays * self.metres[rows, columns]).T


def camera_of(name: str, matrix: np.ndarray | None, shape: tuple[int, int]) -> np.ndarray | None:
    """A matrix of a camera as float64, checked; None stays None."""
    if matrix is None:
        return None
    found = np.asarray(matrix, dtype=np.float64)
    if found.shape != shape or not np.isfinite(found).all():
        raise bad(name, f"shape {found.shape}, or NaN in it", f"finite numbers {shape}")
    return found
