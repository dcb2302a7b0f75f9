"""The picture of a staged scene: four rays a pixel, one sun with hard shadows, and light from all around.

The front of each solid is painted, so that its turn about the vertical can be seen: white from .55 of the way from
its middle on, with a black edge before it. It shows from all sides but from behind, where its absence tells as much.
"""

import numpy as np

from ..core.runtime import numpy_rng
from ._solids import Solid, enters, normal_and_place
from ._staging import Scene, seen
from ._texture import Texture, cut, hue, pattern, tinted

_RAYS = 2  # along each side of a pixel
_EDGE, _FRONT = 0.4, 0.55  # of the way from the middle to the front, where black begins and where white does
_BLACK, _WHITE, _THROUGH = 0.01, 0.65, 0.3  # light that they give back, and what is added of what lies under the white
_NEAR = 0.35  # of the light from all around that a solid takes from the ground at its foot


def rendered(scene: Scene, family: str) -> np.ndarray:
    """The picture (size, size, 3) uint8, with photographs of one family."""
    rng = numpy_rng(scene.seed, "colours", family)
    places = (np.arange(scene.size * _RAYS) + 0.5) / _RAYS - 0.5
    found = seen(scene, places, places)
    light = _wall(rng, family, len(places))
    ambient, sun = rng.uniform(0.3, 0.5), rng.uniform(0.75, 1.05)
    warm = np.array([1.0, rng.uniform(0.93, 1.0), rng.uniform(0.8, 1.0)], dtype=np.float32)
    ground = tinted(rng, cut(rng, "ground", family, 64, (0.4, 0.9)), rng.uniform(0.3, 0.9), (0.05, 0.45))
    floor = Texture.of(ground, rng.uniform(1, 2))
    x, y = ((places - scene.camera[axis, 2]) / scene.camera[0, 0] for axis in (0, 1))
    focal = scene.camera[0, 0]

    def lit(points: np.ndarray, normals: np.ndarray, own: int) -> np.ndarray:
        towards = np.maximum(normals @ scene.light.astype(np.float32), 0)
        direct = sun * towards * ~_shadowed(scene, points, towards > 0, own)
        from_above = ambient * (0.75 - 0.25 * normals[:, 1])
        return np.asarray(direct[:, None] * warm + from_above[:, None], dtype=np.float32)

    for place in range(-1, len(scene.solids)):
        rows, columns = np.nonzero(found.who == place)
        solid = scene.solids[place] if place >= 0 else None
        texture, shine = (floor, 0.0) if solid is None else _coat(rng, family)
        if not len(rows):
            continue
        metres = found.metres[rows, columns]
        points = (np.stack([x[columns], y[rows], np.ones(len(rows))], axis=1) * metres[:, None]).astype(np.float32)
        pixel = metres / focal / _RAYS
        if solid is None:
            height = scene.ground or 1.0
            normals = np.broadcast_to(np.array([0, -1, 0], dtype=np.float32), points.shape)
            colour = texture.at(points[:, 0], points[:, 2], pixel * np.sqrt(metres / height))
            brightness = lit(points, normals, place) * _open(scene, points)[:, None]
        else:
            own = (points - solid.centre) @ solid.into.T
            normals, unrolled = normal_and_place(solid, (own[:, 0], own[:, 1], own[:, 2]))
            normals = normals.astype(np.float32)
            colour = _painted(solid, points, texture.at(unrolled[:, 0], unrolled[:, 1], 1.4 * pixel))
            brightness = lit(points, normals, place)
        shown = colour * brightness
        if shine:
            shown = shown + (shine * sun * _highlight(scene, points, normals))[:, None]
        light[rows, columns] = shown
    parts = [light[down::_RAYS, across::_RAYS] for down in range(_RAYS) for across in range(_RAYS)]
    exposed = sum(parts[1:], parts[0]) * np.float32(rng.uniform(0.8, 1.2) / len(parts))
    values = 255 * np.sqrt(exposed) + rng.normal(0, rng.uniform(0, 3), exposed.shape)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _wall(rng: np.random.Generator, family: str, side: int) -> np.ndarray:
    """What is behind everything: mostly a photograph of things or places, half of them with other colours."""
    light = cut(rng, "wall" if rng.random() < 0.7 else "solid", family, side, (0.3, 1.0))
    return tinted(rng, light, rng.uniform(0, 0.7)) if rng.random() < 0.5 else light


def _coat(rng: np.random.Generator, family: str) -> tuple[Texture, float]:
    """What a solid is covered with, and how much it shines."""
    kind = rng.random()
    if kind < 0.25:
        light = pattern(rng)
    elif kind < 0.35:  # of one colour
        light = np.broadcast_to(hue(rng) * np.float32(rng.uniform(0.3, 0.9)), (64, 64, 3))
    else:
        light = tinted(rng, cut(rng, "solid", family, 64, (0.15, 0.5)), rng.uniform(0.1, 0.9))
    return Texture.of(light, rng.uniform(0.5, 1.2)), float(rng.choice([0.0, 0.25, 0.6]))


def _painted(solid: Solid, points: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """The colours (k, 3) of a solid's surface with its front marked."""
    ahead = solid.ahead(points)[:, None]
    return np.where(ahead > _FRONT, _WHITE + _THROUGH * colour, np.where(ahead > _EDGE, _BLACK, colour)).astype(
        np.float32
    )


def _shadowed(scene: Scene, points: np.ndarray, which: np.ndarray, own: int) -> np.ndarray:
    """Which of the points (k, 3) lie in the shadow of another solid than `own`, of those that may."""
    dark = np.zeros(len(points), dtype=bool)
    for place, solid in enumerate(scene.solids):
        if place == own:
            continue  # convex: what it hides from the sun is turned away from it
        rows = np.flatnonzero(which & ~dark)
        rows = rows[_near_the_beam(points[rows], solid, scene.light)]
        if not len(rows):
            continue
        into = solid.into.astype(np.float32)
        o, d = (points[rows] - solid.centre.astype(np.float32)) @ into.T, into @ scene.light.astype(np.float32)
        dark[rows] = np.isfinite(enters(solid.kind, (o[:, 0], o[:, 1], o[:, 2]), (d[0], d[1], d[2])))
    return dark


def _near_the_beam(points: np.ndarray, solid: Solid, light: np.ndarray) -> np.ndarray:
    """Which points lie no farther from the line through the solid's middle towards the sun than it reaches."""
    away = points - solid.centre.astype(np.float32)
    along = away @ light.astype(np.float32)
    return np.asarray(_dot(away, away) - along * along < solid.half @ solid.half)


def _open(scene: Scene, points: np.ndarray) -> np.ndarray:
    """The share of the light on the ground that solids close by leave."""
    left = np.ones(len(points), dtype=np.float32)
    for solid in scene.solids:
        reach = float(np.hypot(*solid.extent[1:]) / 2)
        foot = solid.centre[1] + solid.extent[0] / 2
        gap = max((scene.ground or foot) - foot, 0.0)
        away = ((points[:, 0] - solid.centre[0]) ** 2 + (points[:, 2] - solid.centre[2]) ** 2) / np.float32(reach**2)
        left *= 1 - np.float32(_NEAR * np.exp(-4 * gap)) * np.exp(-(away**2))
    return left


def _highlight(scene: Scene, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """How much of the sun a surface mirrors (Blinn 1977): (n . h)^40 with h between the sun and the eye."""
    between = scene.light.astype(np.float32) - points / np.sqrt(_dot(points, points))[:, None]
    between /= np.sqrt(_dot(between, between))[:, None]
    lit = normals @ scene.light.astype(np.float32) > 0
    return np.asarray(np.where(lit, np.maximum(_dot(normals, between), 0) ** 40, 0), dtype=np.float32)


def _dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("ij,ij->i", one, other))
