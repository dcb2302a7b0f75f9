"""Box, sphere, cylinder and cone: where a ray enters them, the normal there, and how a surface is unrolled.

Each has a frame of its own, in which it fills the cube from -1 to 1: the sphere has the radius 1, cylinder and cone
have the axis y, and the cone's tip is at y = -1, which is up as y points down. There a ray is o + t d, and t is what
it was before. All four are convex, so that a ray is inside for one stretch of t, in closed form.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

KINDS = ("box", "sphere", "cylinder", "cone")
Three = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Solid:
    """One solid in front of the camera, which looks along z; x is right and y is down.

    Attributes:
        kind: one of `KINDS`.
        centre: (3,) metres.
        half: (3,) half of its extent along its own axes, metres.
        turn: (3, 3) orthogonal, from its own axes to the camera's.
        yaw: the turn about y, as KITTI has it.
    """

    kind: str
    centre: np.ndarray
    half: np.ndarray
    turn: np.ndarray
    yaw: float

    @cached_property
    def into(self) -> np.ndarray:
        """(3, 3) from metres about the centre to its own frame."""
        return self.turn.T / self.half[:, None]

    @cached_property
    def extent(self) -> np.ndarray:
        """(3,) height, width and length in metres, as `Boxes3D` has them."""
        length, height, width = 2 * np.abs(yawed(self.yaw).T @ self.turn) @ self.half
        return np.array([height, width, length])

    def ahead(self, points: np.ndarray) -> np.ndarray:
        """How far points (k, 3) lie towards the front: 0 in the middle, 1 at the side that the yaw looks to."""
        front = yawed(self.yaw)[:, 0]
        return np.asarray((points - self.centre) @ front / (self.extent[2] / 2))

    def corners(self) -> np.ndarray:
        """(8, 3) metres, those of the box around it along its own axes."""
        signs = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1], indexing="ij"), axis=-1).reshape(8, 3)
        return np.asarray((signs * self.half) @ self.turn.T + self.centre)


def yawed(yaw: float) -> np.ndarray:
    """The turn about y, from an object's axes to the camera's."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def enters(kind: str, o: Three, d: Three) -> np.ndarray:
    """The t at which rays o + t d enter, in the solid's frame; infinite where they miss it or begin behind it."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if kind == "box":
            stretches = [_slab(a, b) for a, b in zip(o, d)]
        elif kind == "sphere":
            stretches = [_sphere(o, d)]
        elif kind == "cylinder":
            stretches = [_tube(o, d), _slab(o[1], d[1])]
        else:
            stretches = [_cone(o, d), _slab(o[1], d[1])]
        start, end = stretches[0]
        for one, other in stretches[1:]:
            start, end = np.maximum(start, one), np.minimum(end, other)
        return np.where((start < end) & (start > 1e-6), start, np.inf)


def _slab(o: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where |o + t d| <= 1."""
    inverse = 1 / d
    one, other = (-1 - o) * inverse, (1 - o) * inverse
    return np.minimum(one, other), np.maximum(one, other)


def _roots(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The solutions of a t^2 + 2 b t + c = 0 in order; NaN where there are none."""
    root = np.sqrt(b * b - a * c)
    one, other = (-b - root) / a, (-b + root) / a
    return np.minimum(one, other), np.maximum(one, other)


def _sphere(o: Three, d: Three) -> tuple[np.ndarray, np.ndarray]:
    a = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    b = o[0] * d[0] + o[1] * d[1] + o[2] * d[2]
    return _roots(a, b, o[0] * o[0] + o[1] * o[1] + o[2] * o[2] - 1)


def _tube(o: Three, d: Three) -> tuple[np.ndarray, np.ndarray]:
    a = np.maximum(d[0] * d[0] + d[2] * d[2], 1e-12)  # along the axis it is inside all the way, or never
    return _roots(a, o[0] * d[0] + o[2] * d[2], o[0] * o[0] + o[2] * o[2] - 1)


def _cone(o: Three, d: Three) -> tuple[np.ndarray, np.ndarray]:
    """Where x^2 + z^2 <= (y + 1)^2 / 4; of the two cones that meet in the tip the one below it."""
    a = d[0] * d[0] + d[2] * d[2] - d[1] * d[1] / 4
    b = o[0] * d[0] + o[2] * d[2] - (o[1] + 1) * d[1] / 4
    c = o[0] * o[0] + o[2] * o[2] - (o[1] + 1) * (o[1] + 1) / 4
    first, last = _roots(a, b, c)
    # a ray steeper than the side is inside one cone before the first place, and inside the other after the last
    steep, down = a < 0, d[1] > 0
    start = np.where(steep, np.where(down, last, -np.inf), first)
    return start, np.where(steep, np.where(down, np.inf, first), last)


def normal_and_place(solid: Solid, p: Three) -> tuple[np.ndarray, np.ndarray]:
    """The outer normals (k, 3) in the camera's axes, and the places (k, 2) in metres on the unrolled surface.

    Args:
        solid: whose surface it is.
        p: points on it, (k,) each, in its own frame.
    """
    x, y, z = p
    hx, hy, hz = solid.half
    nought = np.zeros_like(x)
    if solid.kind == "box":
        face = np.abs(np.stack(p)).argmax(axis=0)
        normal = np.stack([np.where(face == axis, np.sign(one), 0) for axis, one in enumerate(p)], axis=1)
        place = np.stack([np.where(face == 0, z * hz, x * hx), np.where(face == 1, z * hz, y * hy)], axis=1)
    elif solid.kind == "sphere":
        normal = np.stack(p, axis=1)
        place = np.stack([np.arctan2(x, z) * hx, np.arcsin(np.clip(y, -1, 1)) * hy], axis=1)
    else:
        around = np.sqrt(x * x + z * z)
        if solid.kind == "cylinder":
            cap = np.abs(y) > around
            side = np.stack([x, nought, z], axis=1)
        else:
            cap = 1 - y < (1 + y) / 2 - around
            side = np.stack([2 * x, -(y + 1) / 2, 2 * z], axis=1)
        flat = np.stack([nought, np.sign(y), nought], axis=1)
        normal = np.where(cap[:, None], flat, side)
        place = np.stack(
            [np.where(cap, x, np.arctan2(x, z)) * hx, np.where(cap, z * hz, y * hy)],
            axis=1,
        )
    normal = normal @ solid.into  # a gradient goes by the transpose
    return normal / np.sqrt(np.einsum("ij,ij->i", normal, normal))[:, None], place
