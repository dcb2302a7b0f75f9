"""Rendered scenes of which everything is known: boxes, masks, classes, depth, boxes in space and the camera.

Solids covered with pieces of photographs stand on a ground, or float, before a photograph, and hide one another. A
label is what the ray through the middle of a pixel meets, in closed form; the colour is the mean of four rays. So a
mask, its box, the map of classes and the depth agree to the pixel. A scene is made when it is asked for, from its seed.

Two families share no photograph, so that what was learned on one can be tried on the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np

from ..core.checks import bad, check_choice, check_number
from ..core.runtime import numpy_rng
from ._rendering import rendered
from ._solids import KINDS
from ._staging import Scene, seen, staged
from ._texture import FAMILIES
from .annotations.boxes import Boxes
from .annotations.boxes3d import Boxes3D
from .annotations.depth import Depth
from .annotations.faults import Fault
from .annotations.masks import BACKGROUND, Masks, SemanticMap
from .annotations.record import Annotations, Rows
from .imageset import ImageSet

MOST = 6  # solids of a scene
_LEAST_SHARE, _LEAST_PIXELS = 0.15, 16  # of a solid that is seen; below that it is difficult


def scenes(
    n: int = 400,
    size: int = 96,
    seed: int = 0,
    family: str = "a",
    classes: Sequence[str] = KINDS,
    most: int = MOST,
) -> ImageSet:
    """Render n scenes, each when it is asked for: items (size, size, 3) uint8, and annotations of all kinds.

    A scene has 1 to `most` solids, whose class is their kind. Their boxes are the extents of the pixels that are seen
    of them; a solid of which none is seen is left out. `occluded` says that another one hides a part, `truncated` that
    it goes on beyond the picture, `difficult` that less than 15 % or 16 pixels of it are seen. Depth is in metres, of
    the ground and the wall too; yaw, size and place of a solid are in `boxes3d`, and its front is painted white with a
    black edge, as the yaw of a plain one could not be seen; it looks in all directions alike. The same arguments give
    the same bytes on one machine with the same versions of the packages.

    Args:
        n: how many.
        size: side in pixels.
        seed: another seed gives other scenes.
        family: `a` or `b`: which photographs.
        classes: some of box, sphere, cylinder, cone, in the order of the map of classes.
        most: solids in a scene.

    Raises:
        InputError: a number out of range, an unknown family or class.
    """
    check_number("n", n, 1, whole=True)
    check_number("size", size, 32, 1024, whole=True)
    check_number("seed", seed, 0, whole=True)
    check_choice("family", family, FAMILIES)
    check_number("most", most, 1, 20, whole=True)
    names = tuple(check_choice("classes", one, KINDS) for one in classes)
    if not names or len(set(names)) < len(names):
        raise bad("classes", list(classes), f"some of {', '.join(KINDS)}, each once")
    made = _Made(n, size, seed, family, names, most)
    ids = np.array([f"scenes/{family}/{seed}/{size}/{row:05d}" for row in range(n)])
    columns = {"family": np.full(n, family)}
    return ImageSet(_Pictures(made, np.arange(n)), ids, None, columns, "scenes", annotations=Rows.of(made))


@dataclass(frozen=True)
class _Made:
    """The scenes of one seed, as a source of annotations."""

    n: int
    size: int
    seed: int
    family: str
    classes: tuple[str, ...]
    most: int

    def __len__(self) -> int:
        return self.n

    def scene(self, row: int) -> Scene:
        """What stands where in this one."""
        rng = numpy_rng(self.seed, "scenes", self.family, self.size, *self.classes, self.most, row)
        return staged(rng, self.size, self.classes, self.most)

    def read(self, row: int) -> Annotations:
        """All that is known of this one."""
        return known(self.scene(row), self.classes)

    def general(self) -> list[Fault]:
        """Nothing is wrong with them."""
        return []


@dataclass(frozen=True)
class _Pictures(Sequence[np.ndarray]):
    """The pictures of some rows."""

    made_late = True  # ImageSet.paths asks for it

    made: _Made
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, place: slice) -> "_Pictures": ...
    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return self.take(place)
        return rendered(self.made.scene(int(self.rows[place])), self.made.family)

    def take(self, rows: Any) -> "_Pictures":
        """The pictures of some of these rows, none of which is made for it."""
        return replace(self, rows=self.rows[rows])


def known(scene: Scene, classes: Sequence[str]) -> Annotations:
    """The annotations of a scene, of the rays through the middles of its pixels."""
    size = (scene.size, scene.size)
    # one more pixel on all sides, on which a solid lies that goes on beyond the picture
    places = np.arange(-1, scene.size + 1)
    found = seen(scene, places, places)
    inside = slice(1, -1), slice(1, -1)
    who, whole = found.who[inside], found.whole[:, 1:-1, 1:-1]
    masks = who == np.arange(len(scene.solids))[:, None, None]
    there = np.flatnonzero(masks.any(axis=(1, 2)))
    solids = [scene.solids[row] for row in there]
    visible, alone = (one[there].sum(axis=(1, 2)) for one in (masks, whole))
    beyond = found.whole[there].sum(axis=(1, 2)) > alone
    kept = Masks.from_arrays(masks[there]) if len(there) else Masks(size, ())
    labels = np.array([one.kind for one in solids], dtype=np.str_)
    boxes = Boxes(
        kept.extents,
        labels,
        difficult=(visible < _LEAST_SHARE * alone) | (visible < _LEAST_PIXELS),
        truncated=beyond,
        occluded=visible < alone,
    )
    values = np.zeros(size, dtype=np.uint8)
    for row, solid in zip(there, solids):
        values[masks[row]] = 1 + list(classes).index(solid.kind)
    semantic = SemanticMap(values, (BACKGROUND, *classes))
    depth = Depth(found.metres[inside].astype(np.float32), scene.camera)
    return Annotations(size, boxes, kept, semantic, depth, _space(scene, there, visible, alone))


def _space(scene: Scene, there: np.ndarray, visible: np.ndarray, alone: np.ndarray) -> Boxes3D:
    """The seen solids as boxes in space, whose box in the picture is that of their corners, cut at its edges."""
    n = len(there)
    solids = [scene.solids[row] for row in there]
    flat = np.zeros((n, 4))
    for row, solid in enumerate(solids):
        corners = solid.corners() @ scene.camera.T
        pixels = (
            corners[:, :2] / corners[:, 2:] + 0.5
        )  # to the corner of the picture, not the middle of its first pixel
        flat[row] = [*pixels.min(axis=0), *pixels.max(axis=0)]
    xyxy = np.clip(flat, 0, scene.size)
    areas = [np.prod(one[:, 2:] - one[:, :2], axis=1) for one in (xyxy, flat)]
    extent = np.array([one.extent for one in solids]).reshape(n, 3)
    centre = np.array([one.centre for one in solids]).reshape(n, 3)
    yaw = np.array([one.yaw for one in solids])
    hidden = 1 - visible / np.maximum(alone, 1)
    return Boxes3D(
        np.array([one.kind for one in solids], dtype=np.str_),
        xyxy,
        extent,
        centre + np.stack([np.zeros(n), extent[:, 0] / 2, np.zeros(n)], axis=1),
        yaw,
        (yaw - np.arctan2(centre[:, 0], centre[:, 2]) + np.pi) % (2 * np.pi) - np.pi,
        1 - areas[0] / areas[1],
        np.digitize(hidden, [1e-9, 0.5]),
        np.concatenate([scene.camera, np.zeros((3, 1))], axis=1),
    )
