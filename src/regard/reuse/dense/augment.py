"""Random changes of a batch that move pictures, boxes, masks and maps of classes together, and change colours.

A mirror image, another scale with a part cut out or room around it, and other colours: nothing that pastes pictures
into one another, so that every picture stays one that a camera could have taken. All draws come from the generator
that is given.

Masks and maps take the value of the pixel in which a pixel's middle lies. A zoom by z divides depth by z: the camera
stays the same, and what it shows z times as large is z times as near. Boxes in space stay where they are, and their
camera gets a lens z times as long: a part beside the middle is seen as it is only so. A box moves exactly, and where it
has a mask it never lies more than half a pixel from the mask's extent, so that it fits what a cut has left of the
object. An object of which less than a share is left counts neither way, and one of which nothing is left is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log

import torch
from torch import Generator, Tensor

from ...core.checks import bad, check_number
from ...data.views import colour_jitter
from ...learning.batch import Batch
from . import in_space
from .frame import resampled
from .target_semantic import VOID

_HALF = 0.5  # pixels that a mask's extent may be from its object's edge
_FLAT = 1e-3


@dataclass(frozen=True)
class Changes:
    """Which changes and how strong.

    Attributes:
        flip: share of pictures mirrored left to right.
        zoom: range of the enlargement, drawn evenly in its logarithm.
        least: share of an object that must be left by a cut for it to count.
        brightness: strength as `data.views.colour_jitter` has it.
        contrast: likewise.
        saturation: likewise.
        hue: likewise, as a share of the circle.
        jitter: share of pictures whose colours are changed.
    """

    flip: float = 0.5
    zoom: tuple[float, float] = (0.7, 1.4)
    least: float = 0.3
    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.3
    hue: float = 0.02
    jitter: float = 0.8

    def __post_init__(self) -> None:
        for name in ("flip", "least", "jitter"):
            check_number(name, getattr(self, name), 0, 1)
        for name in ("brightness", "contrast", "saturation"):
            check_number(name, getattr(self, name), 0)
        check_number("hue", self.hue, 0, 0.5)
        low, high = self.zoom
        if not 0.1 <= low <= high <= 10:
            raise bad("zoom", self.zoom, "a range within 0.1 to 10, the lower first")


def augmented(batch: Batch, changes: Changes, generator: Generator, colour: Sequence[float]) -> Batch:
    """A batch after random changes; one for scoring stays as it is.

    Args:
        batch: of `DenseFeed`, its images float (N, 3, S, S) in [0, 1].
        changes: which.
        generator: of all draws; the same state gives the same batch.
        colour: (3,) in [0, 1], of what is beyond a picture.
    """
    if batch.held_out:
        return batch
    x = batch.images
    if not x.is_floating_point() or x.ndim != 4 or x.shape[2] != x.shape[3]:
        raise bad("images", f"{x.dtype} of shape {tuple(x.shape)}", "floats in [0, 1], (N, 3, S, S)")
    n, size = len(x), x.shape[2]
    draws = torch.rand(n, 4, generator=generator, device=generator.device).cpu().double()
    batch = flipped(batch, draws[:, 0] < changes.flip)
    low, high = (log(value) for value in changes.zoom)
    zoom = (low + (high - low) * draws[:, 1]).exp()
    if low < high or low:
        inside = (size - size / zoom).clamp(min=0).floor()
        around = (size - (size * zoom).ceil()).clamp(min=0)
        # each of the whole places from 0 to the last is as likely; one of the two is 0
        cut, put = (((last[:, None] + 1) * draws[:, 2:]).floor().long() for last in (inside, around))
        batch = zoomed(batch, zoom, cut, put, colour, changes.least)
    strengths = (changes.brightness, changes.contrast, changes.saturation, changes.hue)
    if changes.jitter and any(strengths):
        batch = batch.replace(images=colour_jitter(batch.images, generator, *strengths, changes.jitter))
    return batch


def flipped(batch: Batch, which: Tensor) -> Batch:
    """Mirror some pictures (N,) left to right, with all that they carry."""
    made: dict[str, Tensor] = {}
    for name in ("images", "masks", "semantic", "depth"):
        if (value := batch.get(name)) is not None:
            chosen = which.to(value.device).view(-1, *[1] * (value.ndim - 1))
            made[name] = torch.where(chosen, value.flip(-1), value)
    if (boxes := batch.get("boxes")) is not None:
        size = batch.images.shape[-1]
        mirrored = torch.stack([size - boxes[..., 2], boxes[..., 1], size - boxes[..., 0], boxes[..., 3]], dim=-1)
        there = batch["classes"] >= 0  # what fills up stays zero
        chosen = which.to(boxes.device)[:, None] & there
        made["boxes"] = torch.where(chosen[..., None], mirrored, boxes)
    if (space := batch.get("space")) is not None:  # of boxes in space the camera is turned over too
        made["space"] = torch.where(
            (which.to(space.device)[:, None] & there)[..., None], in_space.mirrored(space), space
        )
        camera = batch["camera"]
        other = in_space.camera_mirrored(camera, batch.images.shape[-1])
        made["camera"] = torch.where(which.to(camera.device)[:, None], other, camera)
    if (given := batch.get("proposals")) is not None:
        size = batch.images.shape[-1]
        mirrored = torch.stack([size - given[..., 2], given[..., 1], size - given[..., 0], given[..., 3]], dim=-1)
        made["proposals"] = torch.where(which.to(given.device)[:, None, None], mirrored, given)
    return batch.replace(**made)


def zoomed(batch: Batch, zoom: Tensor, cut: Tensor, put: Tensor, colour: Sequence[float], least: float = 0.0) -> Batch:
    """Enlarge pictures, each its own: the point (x, y) goes to zoom * ((x, y) - cut) + put, and what leaves is cut off.

    Args:
        batch: with images (N, 3, S, S), and what else of `boxes`, `masks`, `semantic`, `depth` and `proposals`
            there is.
        zoom: (N,) above 0.
        cut: (N, 2) whole numbers x, y of at least 0: what lies above and to the left of it is cut off.
        put: (N, 2) whole numbers x, y of at least 0: where it begins.
        colour: (3,) in the images' range, of what is beyond a picture.
        least: share of an object below which it counts neither way.
    """
    x = batch.images
    size = x.shape[2]
    zoom, cut, put = zoom.double().cpu(), cut.long().cpu(), put.long().cpu()
    places, beyond = _sources(zoom, cut, put, size)
    made = {"images": _pictures(x, zoom, cut, put, colour)}
    if (semantic := batch.get("semantic")) is not None:
        made["semantic"] = _taken(semantic, places, beyond, VOID)
    if (depth := batch.get("depth")) is not None:
        made["depth"] = _taken(depth, places, beyond, float("nan")) / zoom.to(depth)[:, None, None]
    if batch.get("boxes") is not None:
        masks = batch.get("masks")
        moved = None if masks is None else _taken(masks, places, beyond, False)
        made |= _objects(batch, moved, zoom, cut, put, least)
    if (camera := batch.get("camera")) is not None:
        made["camera"] = in_space.camera_moved(camera, zoom, cut, put)
    if (given := batch.get("proposals")) is not None:  # those of which nothing is left have no area
        made["proposals"] = _moved(given, size, zoom, cut, put)[1].to(given)
    return batch.replace(**made)


def _sources(zoom: Tensor, cut: Tensor, put: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Of each pixel along x and y the one whose value it takes, and whether there is none: (N, 2, S) both."""
    middles = (torch.arange(size, dtype=torch.float64) + 0.5 - put[:, :, None]) / zoom[:, None, None]
    places = middles.floor().long() + cut[:, :, None]
    return places.clamp(0, size - 1), (middles < 0) | (places >= size)


def _taken(values: Tensor, places: Tensor, beyond: Tensor, fill: float) -> Tensor:
    """Values (N, ..., S, S), each pixel that of the one at `places`, or `fill`."""
    made = torch.empty_like(values)
    places, beyond = places.to(values.device), beyond.to(values.device)
    for row, ((columns, rows), (right, below)) in enumerate(zip(places, beyond)):
        made[row] = values[row].index_select(-2, rows).index_select(-1, columns)
        made[row].masked_fill_(below[:, None] | right, fill)
    return made


def _pictures(x: Tensor, zoom: Tensor, cut: Tensor, put: Tensor, colour: Sequence[float]) -> Tensor:
    size = x.shape[2]
    made = x.new_tensor(list(colour)).view(1, 3, 1, 1).repeat(len(x), 1, size, size)
    for row, by in enumerate(zoom.tolist()):
        (left, top), (right, down) = cut[row].tolist(), put[row].tolist()
        height, width = (min(size - at, ceil((size - away) * by - 1e-6)) for at, away in ((down, top), (right, left)))
        if height > 0 and width > 0:
            part = resampled(x[row, :, top:, left:], by, height, width)
            made[row, :, down : down + height, right : right + width] = part
    return made.clamp(0, 1)


def _objects(
    batch: Batch, masks: Tensor | None, zoom: Tensor, cut: Tensor, put: Tensor, least: float
) -> dict[str, Tensor]:
    """Boxes, classes, flags and masks of the objects, of which some count no longer and some are gone."""
    boxes, classes, size = batch["boxes"], batch["classes"], batch.images.shape[2]
    moved, inside = _moved(boxes, size, zoom, cut, put)
    area, left = ((one[..., 2:] - one[..., :2]).clamp(min=0).prod(-1) for one in (moved, inside))
    share, gone = (left / area.clamp(min=1e-12)), left <= 0
    if masks is not None:
        before = batch["masks"].float()
        low, high = _seen(zoom, cut, put, size)
        at = torch.arange(size, dtype=torch.float64) + 0.5
        across, down = (
            ((at >= low[:, axis, None]) & (at < high[:, axis, None])).to(before.device).float() for axis in (0, 1)
        )
        pixels = before.sum((2, 3)).cpu()
        kept = ((before @ across[:, None, :, None])[..., 0] * down[:, None]).sum(2).cpu()
        has = pixels > 0
        share = torch.where(has, (kept / pixels.clamp(min=1)).double(), share)
        extent = extents(masks).cpu().double()
        empty = extent[..., 2] <= extent[..., 0]
        gone = torch.where(has, empty, gone)
        fitting = torch.minimum(torch.maximum(inside, extent - _HALF), extent + _HALF).clamp(0, size)
        flat = (fitting[..., 2:] - fitting[..., :2] < _FLAT).any(-1, keepdim=True)
        inside = torch.where((has & ~empty)[..., None], torch.where(flat, extent, fitting), inside)
    gone |= classes.cpu() < 0
    device = boxes.device
    gone_there = gone.to(device)
    made = {
        "boxes": inside.to(boxes.dtype).to(device).masked_fill(gone_there[..., None], 0),
        "classes": classes.masked_fill(gone_there, -1),
        "ignore": (batch["ignore"] | (share < least).to(device)) & ~gone_there,
    }
    if masks is not None:
        made["masks"] = masks & ~gone_there[..., None, None]
    return made


def _moved(boxes: Tensor, size: int, zoom: Tensor, cut: Tensor, put: Tensor) -> tuple[Tensor, Tensor]:
    """Boxes (N, M, 4) where they go, and what of them stays in sight; both in double precision."""
    by = zoom[:, None, None]
    corner, start = cut.double().repeat(1, 2)[:, None], put.double().repeat(1, 2)[:, None]
    moved = by * (boxes.cpu().double() - corner) + start
    end = torch.minimum(start + by * (size - corner), torch.tensor(float(size), dtype=torch.float64))
    return moved, torch.minimum(torch.maximum(moved, start), end)


def _seen(zoom: Tensor, cut: Tensor, put: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The part of each picture that stays in sight: from (N, 2) to (N, 2), in its own pixels."""
    return cut.double(), cut + (size - put) / zoom[:, None]


def extents(masks: Tensor) -> Tensor:
    """The smallest boxes (N, M, 4) float32 around masks (N, M, S, S); zeros where one is empty."""
    sides = []
    for other in (2, 3):  # columns, then rows
        there = masks.any(other)
        count = there.shape[-1]
        at = torch.arange(count, device=masks.device)
        sides.append((torch.where(there, at, count).amin(-1), torch.where(there, at + 1, 0).amax(-1)))
    (left, right), (top, bottom) = sides
    boxes = torch.stack([left, top, right, bottom], dim=-1).float()
    return boxes.masked_fill((right == 0)[..., None], 0)
