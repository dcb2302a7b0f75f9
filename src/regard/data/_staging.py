"""What stands in a rendered scene, drawn from a generator: camera, ground, wall, light and solids.

The camera looks along z, level, with its principal point above the middle as a view camera's is shifted, so that
it sees the ground and upright sides stay upright. The ground is y = `ground`, the wall z = `wall`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ._solids import Solid, enters, yawed

_TRIES = 20
_FLOATING = 0.2
_OPEN = 0.15  # of the scenes have no ground
_LYING = 0.4  # of the cylinders


@dataclass(frozen=True)
class Scene:
    """Everything that decides what is seen where, but no colours.

    Attributes:
        size: side of the picture in pixels.
        camera: (3, 3) from metres to pixels, whose middles are at whole numbers.
        ground: metres that the camera is above it; None where there is none.
        wall: metres to the wall that the photograph is on.
        light: (3,) of length 1, towards the sun.
        solids: none of which touch.
        seed: for the colours.
    """

    size: int
    camera: np.ndarray
    ground: float | None
    wall: float
    light: np.ndarray
    solids: tuple[Solid, ...]
    seed: int


def staged(rng: np.random.Generator, size: int, classes: Sequence[str], most: int) -> Scene:
    """Draw a scene with one solid at least and `most` at most."""
    focal = size * rng.uniform(0.95, 1.35)
    low = rng.random() >= _OPEN
    across, down = (size - 1) / 2, size * (rng.uniform(0.28, 0.46) if low else 0.5) - 0.5
    camera = np.array([[focal, 0, across], [0, focal, down], [0, 0, 1]])
    height, wall = rng.uniform(1.0, 1.5), rng.uniform(6.5, 9.0)
    azimuth, rise = rng.uniform(-0.75 * np.pi, -0.25 * np.pi), rng.uniform(0.6, 1.15)
    light = np.array([np.cos(azimuth) * np.cos(rise) * 1.3, -np.sin(rise), np.sin(azimuth) * np.cos(rise)])
    solids: list[Solid] = []
    wanted = int(rng.integers(1, most + 1))
    for _ in range(_TRIES * wanted):
        one = _placed(rng, camera, height if low else None, size, classes, solids)
        if one is not None and _apart(one, solids, wall):
            solids.append(one)
        if len(solids) == wanted:
            break
    seed = int(rng.integers(2**31))
    if not solids:  # all fell too near to the camera or the wall, which no draw of many did
        raise AssertionError("no solid could be placed")
    return Scene(size, camera, height if low else None, wall, light / np.linalg.norm(light), tuple(solids), seed)


def _placed(
    rng: np.random.Generator,
    camera: np.ndarray,
    ground: float | None,
    size: int,
    classes: Sequence[str],
    others: Sequence[Solid],
) -> Solid | None:
    kind = str(classes[int(rng.integers(len(classes)))])
    radius, tall, deep = rng.uniform(0.28, 0.6), rng.uniform(0.7, 1.6), rng.uniform(0.6, 1.4)
    yaw, lying = float(rng.uniform(-np.pi, np.pi)), kind == "cylinder" and rng.random() < _LYING
    half = np.array([radius, radius * tall, radius])
    if kind == "sphere":
        half[:] = radius
    elif kind == "box":
        half[2] *= deep
    turn = yawed(yaw)
    if lying:
        turn = turn[:, [1, 0, 2]]  # its axis is the object's x
        half[1] *= 0.8
    focal, above = camera[0, 0], camera[1, 2]
    nearest = max(focal * (ground or 1.2) / (size - above) * 1.05, 1.5)
    far = float(np.exp(rng.uniform(np.log(nearest), np.log(min(3 * nearest, 8.0)))))
    column = rng.uniform(0.04, 0.96) * size
    if others and rng.random() < 0.5:  # before or behind another one
        other = others[int(rng.integers(len(others)))].centre
        column = camera[0, 2] + focal * other[0] / other[2] + rng.normal(0, 0.12) * size
    row = rng.uniform(0.15, 0.85) * size
    floats = ground is None or rng.random() < _FLOATING
    up = float((np.abs(turn) @ half)[1])
    y = (row - above) / focal * far
    if ground is not None:
        y = min(y, ground - up - 0.15) if floats else ground - up
    return Solid(kind, np.array([(column - camera[0, 2]) / focal * far, y, far]), half, turn, yaw)


def _apart(one: Solid, others: Sequence[Solid], wall: float) -> bool:
    reach = _reach(one)
    if one.centre[2] - reach < 1 or one.centre[2] + reach > wall - 0.1:
        return False
    return all(np.hypot(*(one.centre - other.centre)[[0, 2]]) > reach + _reach(other) for other in others)


def _reach(solid: Solid) -> float:
    """How far it reaches from its axis along the ground, whichever way it is turned."""
    return float(np.hypot(*solid.extent[1:]) / 2)


@dataclass(frozen=True)
class Seen:
    """What rays of the camera meet first.

    Attributes:
        metres: (h, w) float64, along the camera's axis.
        who: (h, w) whole numbers, the place among the solids, -1 the ground, -2 the wall.
        whole: (n, h, w) of bool, each solid as if it were alone.
    """

    metres: np.ndarray
    who: np.ndarray
    whole: np.ndarray


def seen(scene: Scene, u: np.ndarray, v: np.ndarray) -> Seen:
    """Cast a ray through each of the places u (w,) by v (h,) of the picture, in pixels, both growing."""
    focal, across, down = scene.camera[0, 0], *scene.camera[:2, 2]
    x, y = (u - across) / focal, (v - down) / focal
    metres = np.full((len(v), len(u)), scene.wall)
    who = np.full(metres.shape, -2)
    if scene.ground is not None:
        with np.errstate(divide="ignore"):
            row = np.where(y > 0, scene.ground / y, np.inf)
        near = row < scene.wall
        metres[near], who[near] = row[near, None], -1
    whole = np.zeros((len(scene.solids), *metres.shape), dtype=bool)
    for place, solid in enumerate(scene.solids):
        corners = solid.corners()
        flat = corners[:, :2] / corners[:, 2:]
        rows, columns = (
            slice(*np.searchsorted(line, [flat[:, axis].min(), flat[:, axis].max()])) for axis, line in ((1, y), (0, x))
        )
        if rows.start == rows.stop or columns.start == columns.stop:
            continue
        into = solid.into
        o = into @ -solid.centre
        d = into[:, 0, None, None] * x[None, None, columns] + into[:, 1, None, None] * y[None, rows, None]
        d += into[:, 2, None, None]
        t = enters(solid.kind, (o[0], o[1], o[2]), (d[0], d[1], d[2]))
        whole[place, rows, columns] = np.isfinite(t)
        nearer = t < metres[rows, columns]
        metres[rows, columns][nearer] = t[nearer]
        who[rows, columns][nearer] = place
    return Seen(metres, who, whole)
