"""Objects in space as tensors, and the camera that sees them in a square: what is moved, mirrored, told in codes.

An object is a row of seven numbers: x, y, z of its middle in metres (x right, y down, z forward, of the camera's own
centre), height, width, length in metres, and the turn about y in radians, 0 looking along x, as KITTI has it. A camera
is fx, fy, cx, cy in pixels of the square, from the upper left corner of its first pixel. What moves a picture moves
its camera and leaves the objects where they are; a mirror turns them over, as x -> -x and yaw -> pi - yaw.

The codes of an object are what a head tells of it where it sees its middle (u, v):

    log(z / f) - log(the mean of it),  log(size / its class's mean size),  sin(alpha),  cos(alpha)

with f = sqrt(fx fy), as an object twice as far looks the same by twice the focal length, and alpha = yaw - atan2(x, z),
the angle that it is seen at: two that stand apart and look alike in the picture have the same alpha, not the same yaw
(Mousavian et al. 2017, 3D bounding box estimation using deep learning and geometry, CVPR, section 3.1).
"""

from math import pi

import torch
from torch import Tensor

from ...core.checks import bad

COLUMNS = 7  # x, y, z, height, width, length, yaw
CODES = 6  # depth, three sizes, sin, cos
_FAR = 6.0  # a code of depth or size is at most a factor of 400


def encode(space: Tensor, camera: Tensor, means: Tensor, depth: float | Tensor) -> tuple[Tensor, Tensor]:
    """Where objects are seen, and their codes.

    Args:
        space: (..., 7), before the camera (z > 0).
        camera: (..., 4).
        means: (..., 3) mean sizes of their classes in metres.
        depth: the mean of log(z / f).

    Returns:
        (..., 2) pixels of the square, and (..., 6).
    """
    x, y, z = space[..., :3].unbind(-1)
    fx, fy, cx, cy = camera.unbind(-1)
    seen = torch.stack([fx * x / z + cx, fy * y / z + cy], -1)
    alpha = space[..., 6] - torch.atan2(x, z)
    far = (z / (fx * fy).sqrt()).log() - depth
    size = (space[..., 3:6] / means).log()
    return seen, torch.cat([far[..., None], size, alpha.sin()[..., None], alpha.cos()[..., None]], -1)


def decode(seen: Tensor, codes: Tensor, camera: Tensor, means: Tensor, depth: float | Tensor) -> Tensor:
    """The objects (..., 7) that `encode` makes these of; the yaw in [-pi, pi].

    >>> space = torch.tensor([2.0, 1.0, 8.0, 1.5, 1.6, 4.0, 3.0])
    >>> camera, means = torch.tensor([90.0, 100.0, 48.0, 40.0]), torch.tensor([1.0, 1.0, 3.0])
    >>> decode(*encode(space, camera, means, -2.0), camera, means, -2.0).tolist()
    [2.0, 1.0, 8.0, 1.5, 1.6, 4.0, 3.0]
    """
    fx, fy, cx, cy = camera.unbind(-1)
    z = (codes[..., 0].clamp(-_FAR, _FAR) + depth).exp() * (fx * fy).sqrt()
    x, y = (seen[..., 0] - cx) / fx * z, (seen[..., 1] - cy) / fy * z
    size = codes[..., 1:4].clamp(-_FAR, _FAR).exp() * means
    yaw = wrapped(torch.atan2(codes[..., 4], codes[..., 5]) + torch.atan2(x, z))
    return torch.cat([torch.stack([x, y, z], -1), size, yaw[..., None]], -1)


def wrapped(angle: Tensor) -> Tensor:
    """Angles in [-pi, pi)."""
    return (angle + pi).remainder(2 * pi) - pi


def mirrored(space: Tensor) -> Tensor:
    """Objects (..., 7) as a mirror shows them, left and right exchanged."""
    yaw = wrapped(pi - space[..., 6])
    return torch.cat([-space[..., :1], space[..., 1:6], yaw[..., None]], -1)


def camera_mirrored(camera: Tensor, size: int) -> Tensor:
    """The camera (..., 4) that sees a mirrored square of so many pixels."""
    return torch.cat([camera[..., :2], size - camera[..., 2:3], camera[..., 3:]], -1)


def camera_moved(camera: Tensor, zoom: Tensor, cut: Tensor, put: Tensor) -> Tensor:
    """The camera (N, 4) of squares of which each point goes to zoom * (point - cut) + put; (N,), (N, 2), (N, 2).

    Nothing in space moves: an enlarged picture is that of a longer lens.
    """
    by = zoom.to(camera)[:, None]
    return torch.cat([camera[:, :2] * by, by * (camera[:, 2:] - cut.to(camera)) + put.to(camera)], 1)


def corners(space: Tensor) -> Tensor:
    """(..., 8, 3) metres: the four lower corners, the first two at the front, then those above them."""
    height, width, length = (space[..., column, None] for column in (3, 4, 5))
    along = space.new_tensor([1, 1, -1, -1] * 2) * length / 2
    down = space.new_tensor([1] * 4 + [-1] * 4) * height / 2
    across = space.new_tensor([1, -1, -1, 1] * 2) * width / 2
    cos, sin = space[..., 6, None].cos(), space[..., 6, None].sin()
    turned = torch.stack([cos * along + sin * across, down, cos * across - sin * along], -1)
    return turned + space[..., None, :3]


def boxes_around(space: Tensor, camera: Tensor, size: int) -> Tensor:
    """Boxes (n, 4) in the square around what is seen of objects (n, 7) by one camera (4,), cut at its edges.

    One that reaches behind the camera is taken as if it ended a tenth of a metre before it.
    """
    points = corners(space)
    z = points[..., 2].clamp(min=0.1)
    seen = torch.stack([points[..., axis] / z * camera[axis] + camera[2 + axis] for axis in (0, 1)], -1)
    return torch.cat([seen.amin(-2), seen.amax(-2)], -1).clamp(0, size)


def rays(camera: Tensor, cells: tuple[int, int], stride: int) -> Tensor:
    """The rays (N, 2, h, w), as x / z and y / z, through the middles of cells of `stride` pixels, by cameras (N, 4).

    >>> rays(torch.tensor([[4.0, 8.0, 2.0, 2.0]]), (1, 2), 4).tolist()
    [[[[0.0, 1.0]], [[0.0, 0.0]]]]
    """
    found = []
    for axis, count in ((0, cells[1]), (1, cells[0])):
        middle = (torch.arange(count, device=camera.device) + 0.5) * stride
        along = (middle - camera[:, 2 + axis, None]) / camera[:, axis, None]
        found.append((along[:, None] if axis == 0 else along[:, :, None]).expand(-1, *cells))
    return torch.stack(found, 1)


def check_camera(camera: Tensor, pictures: int) -> Tensor:
    """Cameras (N, 4) of so many pictures; raises InputError for others."""
    if tuple(camera.shape) != (pictures, 4):
        raise bad("camera", f"shape {tuple(camera.shape)}", f"({pictures}, 4): fx, fy, cx, cy for each picture")
    return camera
