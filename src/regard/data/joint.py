"""Changes of where things are that move an image and its annotations together: resize, crop, pad, flip.

Each takes an image (3, H, W) and what it carries, and returns both anew. A point (x, y) of the picture, in pixels from
its upper left corner, goes where the same point of every annotation goes: boxes and polygons by these coordinates,
masks and maps pixel by pixel, cameras by the same map about the middles of pixels, which are at whole numbers there.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..core.checks import bad, check_number
from .annotations.boxes import FLAGS, Boxes
from .annotations.boxes3d import Boxes3D
from .annotations.depth import Depth
from .annotations.masks import Masks, SemanticMap
from .annotations.record import Annotations

Pair = tuple[Tensor, Annotations]
Move = Callable[[np.ndarray], np.ndarray]  # of values (H, W) pixel by pixel


def resize(image: Tensor, carried: Annotations, size: tuple[int, int]) -> Pair:
    """Bring to a size (height, width).

    The picture is averaged where it gets smaller (linear with antialiasing). Masks, maps and depth take the value of
    the nearest pixel, as values between two classes or depths mean nothing; an object whose mask has no pixel left is
    gone.
    """
    height, width = _size(image, carried)
    for number in size:
        check_number("size", number, 1, whole=True)
    across, down = size[1] / width, size[0] / height
    wide = image.float()[None]
    made = torch.nn.functional.interpolate(wide, size=size, mode="bilinear", antialias=True, align_corners=False)[0]
    if not image.is_floating_point():
        made = made.round().clamp(0, 255)
    rows, columns = _nearest(height, size[0]), _nearest(width, size[1])
    scale = np.array([across, down, across, down], dtype=np.float64)
    camera = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    return made.to(image.dtype), _moved(
        carried, size, lambda xyxy: xyxy * scale, lambda values: values[np.ix_(rows, columns)], camera
    )


def crop(
    image: Tensor, carried: Annotations, top: int, left: int, height: int, width: int, *, least: float = 0.0
) -> Pair:
    """Cut a rectangle out.

    Boxes are cut at its edge and then marked as truncated. An object is gone where nothing of its box or mask is left,
    or less than a share `least` of the box's area.
    """
    size = _size(image, carried)
    whole = (top, left, height, width)
    if any(not isinstance(one, int | np.integer) for one in whole) or height < 1 or width < 1:
        raise bad("crop", whole, "whole numbers: top, left, height, width")
    if top < 0 or left < 0 or top + height > size[0] or left + width > size[1]:
        raise bad("crop", whole, f"a rectangle inside {size}", "Pad the picture first.")
    check_number("least", least, 0, 1)
    camera = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])
    cut = slice(top, top + height), slice(left, left + width)
    corner = np.array([left, top, left, top])
    moved = _moved(carried, (height, width), lambda xyxy: xyxy - corner, lambda values: values[cut], camera, least)
    return image[:, cut[0], cut[1]].clone(), moved


def pad(image: Tensor, carried: Annotations, left: int, top: int, right: int, bottom: int, *, value: float = 0) -> Pair:
    """Add pixels of `value` at the sides; there maps say nothing, depth is not known, and nothing is an object."""
    height, width = _size(image, carried)
    sides = (left, top, right, bottom)
    if any(not isinstance(one, int | np.integer) or one < 0 for one in sides):
        raise bad("pad", sides, "whole numbers of at least 0: left, top, right, bottom")
    made = torch.nn.functional.pad(image, (left, right, top, bottom), value=value)
    camera = np.array([[1.0, 0, left], [0, 1, top], [0, 0, 1]])
    corner = np.array([left, top, left, top])

    def wider(values: np.ndarray) -> np.ndarray:
        empty = np.nan if values.dtype.kind == "f" else 0
        return np.pad(values, ((top, bottom), (left, right)), constant_values=empty)

    size = (height + top + bottom, width + left + right)
    moved = _moved(carried, size, lambda xyxy: xyxy + corner, wider, camera)
    if moved.semantic is not None:
        values = np.full(size, moved.semantic.ignore, dtype=moved.semantic.values.dtype)
        inside = slice(top, top + height), slice(left, left + width)
        values[inside] = moved.semantic.values[inside]
        moved = replace(moved, semantic=replace(moved.semantic, values=values))
    return made, moved


def flip(image: Tensor, carried: Annotations) -> Pair:
    """Mirror left to right. A pose that names a side (Left, Right) names the other; a camera's place is not kept.

    Objects in space are mirrored at the plane x = 0 of the camera: x -> -x, yaw -> pi - yaw, alpha -> pi - alpha.
    """
    size = _size(image, carried)
    width = size[1]
    mirror = np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])

    def turned(xyxy: np.ndarray) -> np.ndarray:
        return np.stack([width - xyxy[:, 2], xyxy[:, 1], width - xyxy[:, 0], xyxy[:, 3]], axis=1)

    moved = _moved(carried, size, turned, lambda values: values[:, ::-1].copy(), mirror, mirrored=True)
    if moved.boxes is not None:
        sides = {"Left": "Right", "Right": "Left"}
        pose = np.array([sides.get(one, one) for one in moved.boxes.pose.tolist()], dtype=np.str_)
        moved = replace(moved, boxes=replace(moved.boxes, pose=pose))
    return image.flip(-1), moved


def _size(image: Tensor, carried: Annotations) -> tuple[int, int]:
    if image.ndim != 3:
        raise bad("image", f"shape {tuple(image.shape)}", "one image (3, H, W)")
    size = int(image.shape[1]), int(image.shape[2])
    if carried.size is not None and tuple(carried.size) != size:
        raise bad("carried", f"annotations of a picture of {tuple(carried.size)}", f"those of this one, {size}")
    return size


def _nearest(old: int, new: int) -> np.ndarray:
    """For each new pixel the old one in which its middle lies."""
    return np.minimum(((np.arange(new) + 0.5) * old / new).astype(np.int64), old - 1)


def _moved(
    carried: Annotations,
    size: tuple[int, int],
    boxes: Move,
    pixels: Move,
    camera: np.ndarray,
    least: float = 0.0,
    mirrored: bool = False,
) -> Annotations:
    """Everything that an image carries, moved: corners by `boxes`, pixels by `pixels`, cameras by `camera` (3, 3)."""
    kept_boxes, masks = _objects(carried, size, boxes, pixels, least)
    semantic = carried.semantic
    depth = carried.depth
    mirror = np.diag([-1.0, 1, 1, 1])
    if semantic is not None:
        semantic = SemanticMap(pixels(semantic.values), semantic.classes, semantic.ignore)
    if depth is not None:
        matrix = depth.intrinsics
        if matrix is not None:
            matrix = camera @ matrix @ (mirror[:3, :3] if mirrored else np.eye(3))
        depth = Depth(pixels(depth.metres), matrix, None if mirrored else depth.pose)
    space = carried.boxes3d
    if space is not None:
        space = _space(space, size, boxes, camera, mirror if mirrored else None)
    return replace(carried, size=size, boxes=kept_boxes, masks=masks, semantic=semantic, depth=depth, boxes3d=space)


def _objects(
    carried: Annotations, size: tuple[int, int], move: Move, pixels: Move, least: float
) -> tuple[Boxes | None, Masks | None]:
    old = carried.boxes
    if old is None:
        return None, None
    moved = move(old.xyxy.astype(np.float64)).astype(np.float32)
    inside = np.clip(moved, 0, np.array([size[1], size[0]] * 2, dtype=np.float32))
    left = np.prod(np.maximum(inside[:, 2:] - inside[:, :2], 0), axis=1)
    there = (left > 0) & (left >= least * np.prod(moved[:, 2:] - moved[:, :2], axis=1) * (1 - 1e-6))
    masks = None
    if carried.masks is not None:
        made = [None if one is None else pixels(carried.masks.array(row)) for row, one in enumerate(carried.masks.runs)]
        there &= np.array([one is None or bool(one.any()) for one in made], dtype=bool)
        kept = [made[row] for row in np.flatnonzero(there)]
        runs = tuple(None if one is None else Masks.from_arrays(one[None]).runs[0] for one in kept)
        masks = Masks(size, runs)
    columns = {name: getattr(old, name)[there] for name in (*FLAGS, "pose", "classes")}
    columns["truncated"] = columns["truncated"] | (np.abs(inside - moved).max(axis=1, initial=0) > 1e-3)[there]
    return Boxes(inside[there], **columns), masks


def _space(space: Boxes3D, size: tuple[int, int], move: Move, camera: np.ndarray, mirror: np.ndarray | None) -> Boxes3D:
    """Objects in space; those whose box in the picture is no longer in it are left out."""
    xyxy = move(space.xyxy.astype(np.float64))
    most = np.array([size[1], size[0]] * 2)
    inside = np.clip(xyxy, 0, most)
    there = (inside[:, 2:] > inside[:, :2]).all(axis=1)
    matrix = None
    if space.camera is not None:
        matrix = camera @ space.camera @ (np.eye(4) if mirror is None else mirror)
    made = replace(space, xyxy=inside, camera=matrix)
    if mirror is not None:
        known = space.known
        bottom = space.bottom * np.where(known[:, None], [-1, 1, 1], 1)
        yaw, alpha = (np.where(known, _wrapped(np.pi - one), one) for one in (space.yaw, space.alpha))
        made = replace(made, bottom=bottom, yaw=yaw, alpha=alpha)
    return made.take(np.asarray(there))


def _wrapped(angle: np.ndarray) -> np.ndarray:
    """In [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
