"""What a model finds in pictures, in one look or by overlapping windows: for large pictures and small objects.

A window shows a part of the picture as large as the network sees a whole one, so that objects of a few pixels are seen;
the picture as a whole is one more window, so that large ones are. A picture is decoded once. Masks are told as run
lengths, and of all pictures only a few are in memory.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from ...core.checks import bad, check_number
from ...data.annotations import rle
from ...data.annotations.masks import Masks
from ...data.decode import DecodeError, decode, read, upright_size
from ...data.imageset import ImageSet
from .found_masks import placed, run_lengths
from .frame import Framed, colour_bytes
from .joining import Seen, joined
from .model import Answer, DenseModel
from .objective import Dense
from .objects import ranked
from .windows import OVERLAP, Window, whole, windows_of


@dataclass
class _Picture:
    """One picture on its way: its windows, what was found in them, and how to see them."""

    row: int
    size: tuple[int, int]
    windows: list[Window]
    square: Callable[[Framed, Window], Tensor]
    seen: list[Seen] = field(default_factory=list)
    semantic: Tensor | None = None

    def shown(self, size: int) -> Iterator[tuple["_Picture", Window, Framed, Tensor]]:
        for window in self.windows:
            framed = Framed(window.height, window.width, size)
            yield self, window, framed, self.square(framed, window)


def predict(
    model: DenseModel,
    images: ImageSet,
    *,
    tiles: int | None = None,
    overlap: float = OVERLAP,
    batch: int = 8,
    failed: dict[str, str] | None = None,
) -> Iterator[Answer]:
    """What is in each picture, in order; those that cannot be read are left out and named in `failed`.

    Args:
        model: trained or read.
        images: any.
        tiles: side of a window in pixels of the picture; as large as the network's input shows every pixel. None: one
            look at each picture. A picture that is no larger than a window is looked at once anyway.
        overlap: the least share of a window's side that the next one shows again: above the size of what is looked for.
        batch: windows a call of the network.
        failed: filled with names and causes.

    Yields:
        Answers as `DenseModel.predict` gives them, but masks as run lengths (`runs`), which `found_masks.masks_of`
        and all writers read.

    Raises:
        InputError: a number out of range.
    """
    check_number("batch", batch, 1, whole=True)
    windows_of((1, 1), 1 if tiles is None else tiles, overlap)  # refuses numbers out of range before the work
    return _predicted(model, images, tiles, overlap, batch, {} if failed is None else failed)


@dataclass(frozen=True)
class Tiled:
    """A model that looks at pictures by windows, wherever a model is asked what is in them: to be scored, for example.

    Attributes:
        model: trained or read.
        tiles: as in `predict`.
        overlap: likewise.
    """

    model: DenseModel
    tiles: int | None = None
    overlap: float = OVERLAP

    @property
    def objective(self) -> Dense:
        """The model's."""
        return self.model.objective

    def predict(self, images: ImageSet, *, batch: int = 8, failed: dict[str, str] | None = None) -> Iterator[Answer]:
        """As the function does."""
        return predict(self.model, images, tiles=self.tiles, overlap=self.overlap, batch=batch, failed=failed)


def find_tiled(
    model: DenseModel,
    pixels: Tensor,
    tile: int | None = None,
    overlap: float = OVERLAP,
    *,
    batch: int = 8,
    row: int = 0,
) -> Answer:
    """What is in one picture, by overlapping windows.

    Args:
        model: trained or read.
        pixels: (3, H, W) uint8, upright.
        tile: side of a window in pixels; None: the side of the network's input, so that each pixel is seen.
        overlap: as in `predict`.
        batch: windows a call of the network.
        row: what the answer calls the picture.

    Raises:
        InputError: no such picture, or a number out of range.
    """
    check_number("batch", batch, 1, whole=True)
    if pixels.ndim != 3 or pixels.shape[0] != 3 or pixels.dtype != torch.uint8:
        raise bad("pixels", f"{pixels.dtype} of shape {tuple(pixels.shape)}", "uint8, (3, H, W)")
    picture = _tiled(model, row, pixels, model.objective.size if tile is None else tile, overlap)
    return next(_answers(model, picture.shown(model.objective.size), batch))


def _predicted(
    model: DenseModel, images: ImageSet, tiles: int | None, overlap: float, batch: int, failed: dict[str, str]
) -> Iterator[Answer]:
    size = model.objective.size

    def squares(pool: ThreadPoolExecutor) -> Iterator[tuple[_Picture, Window, Framed, Tensor]]:
        ahead = batch if tiles is None else 1  # large pictures are not gathered
        for row, one in enumerate(
            _ahead(pool, lambda row: _opened(model, images, row, tiles, overlap), len(images), ahead)
        ):
            if isinstance(one, str):
                failed[images.called(row)] = one
            else:
                yield from one.shown(size)

    with ThreadPoolExecutor(images.readers) as pool:
        yield from _answers(model, squares(pool), batch)


def _ahead(
    pool: ThreadPoolExecutor, call: Callable[[int], "_Picture | str"], count: int, ahead: int
) -> Iterator["_Picture | str"]:
    """The results in order, of which at most `ahead` are made before they are asked for."""
    waiting = deque(pool.submit(call, row) for row in range(min(ahead, count)))
    for row in range(count):
        if row + ahead < count:
            waiting.append(pool.submit(call, row + ahead))
        yield waiting.popleft().result()


def _opened(model: DenseModel, images: ImageSet, row: int, tiles: int | None, overlap: float) -> _Picture | str:
    """A picture, or why it cannot be read."""
    side, colour = model.objective.size, colour_bytes(list(model.objective.colour))
    try:
        content = read(images.items[row])
        width, height = upright_size(content)
        if tiles is not None and max(width, height) > tiles:
            return _tiled(model, row, decode(content), tiles, overlap)
        square = Framed(height, width, side).picture(decode(content, side), colour)
    except DecodeError as error:
        return str(error)
    return _Picture(row, (height, width), [whole((height, width))], lambda framed, window: square)


def _tiled(model: DenseModel, row: int, pixels: Tensor, tile: int, overlap: float) -> _Picture:
    size, colour = (int(pixels.shape[1]), int(pixels.shape[2])), colour_bytes(list(model.objective.colour))
    windows = windows_of(size, tile, overlap)
    if len(windows) > 1 and model.objective.what != "semantic":
        windows.append(whole(size))
    return _Picture(
        row,
        size,
        windows,
        lambda framed, one: framed.picture(pixels[:, one.top : one.bottom, one.left : one.right], colour),
    )


def _answers(
    model: DenseModel, coming: Iterator[tuple[_Picture, Window, Framed, Tensor]], batch: int
) -> Iterator[Answer]:
    """Look at windows, batch by batch, and answer for each picture whose windows have all been looked at."""
    device, side = next(model.encoder.parameters()).device, model.objective.size
    square = Framed(side, side, side)  # so that the model answers in pixels of the square
    while shown := list(islice(coming, batch)):
        x = torch.stack([pixels for *_, pixels in shown]).to(device).float() / 255
        found = model.find(x, [square] * len(shown), [picture.row for picture, *_ in shown])
        for (picture, window, framed, _), its in zip(shown, found, strict=True):
            if its.semantic is not None:
                _put_core(picture, window, framed.map_out(its.semantic))
            else:
                picture.seen.append(_seen(window, framed, its))
            if window is picture.windows[-1]:
                yield _answer(picture)


def _put_core(picture: _Picture, window: Window, values: Tensor) -> None:
    if picture.semantic is None:
        picture.semantic = values if len(picture.windows) == 1 else torch.zeros(picture.size, dtype=values.dtype)
    left, top, right, bottom = window.core
    its = values[top - window.top : bottom - window.top, left - window.left : right - window.left]
    picture.semantic[top:bottom, left:right] = its


def _seen(window: Window, framed: Framed, its: Answer) -> Seen:
    """What was found in a window, from pixels of the square to those of the picture."""
    boxes = framed.boxes_out(its.boxes)
    there = (boxes[:, 2:] > boxes[:, :2]).all(1)  # not one that lies wholly in what fills the square up
    masks = None
    if its.masks is not None:
        size = (window.height, window.width)
        masks = [run_lengths(framed.map_out(one), size) for one in its.masks[there]]
    moved = boxes[there].numpy() + np.array([window.left, window.top] * 2, dtype=np.float32)
    return Seen(window, moved, its.scores[there].numpy(), its.classes[there].numpy(), masks, 1 / framed.scale)


def _answer(picture: _Picture) -> Answer:
    if picture.semantic is not None:
        empty = torch.zeros(0)
        return Answer(picture.row, picture.size, empty.view(0, 4), empty, empty.long(), None, picture.semantic)
    if len(picture.windows) == 1:
        one = picture.seen[0]
        masks = None if one.masks is None else Masks(picture.size, tuple(one.masks))
        boxes, scores, classes = (torch.from_numpy(part) for part in (one.boxes, one.scores, one.classes))
        return Answer(picture.row, picture.size, boxes, scores, classes, runs=masks)
    objects = joined(picture.seen, picture.size)
    boxes = torch.tensor(np.array([one.box for one in objects], dtype=np.float32).reshape(-1, 4))
    scores = torch.tensor([one.score for one in objects], dtype=torch.float32)
    classes = torch.tensor([one.label for one in objects], dtype=torch.int64)
    order = ranked(scores, classes, boxes)
    runs = None
    if picture.seen[0].masks is not None:
        runs = Masks(picture.size, tuple(_mask(picture, objects[row].told_by) for row in order.tolist()))
    return Answer(picture.row, picture.size, boxes[order], scores[order], classes[order], runs=runs)


def _mask(picture: _Picture, told_by: Sequence[int]) -> np.ndarray:
    """The runs of the mask that these, numbered through all windows, tell together."""
    parts = []
    starts = np.cumsum([0, *(len(one.boxes) for one in picture.seen)])
    for place in told_by:
        number = int(np.searchsorted(starts, place, side="right")) - 1
        seen = picture.seen[number]
        assert seen.masks is not None
        parts.append((seen.window, seen.masks[place - int(starts[number])]))
    if len(parts) == 1 and (parts[0][0].height, parts[0][0].width) == picture.size:
        return parts[0][1]
    left, top = min(one.left for one, _ in parts), min(one.top for one, _ in parts)
    right, bottom = max(one.right for one, _ in parts), max(one.bottom for one, _ in parts)
    canvas = np.zeros((bottom - top, right - left), dtype=bool)
    for window, runs in parts:
        view = canvas[window.top - top : window.bottom - top, window.left - left : window.right - left]
        view |= rle.decode(runs, (window.height, window.width))
    return placed(canvas, left, top, picture.size)
