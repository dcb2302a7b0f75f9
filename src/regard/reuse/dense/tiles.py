"""What a model finds in pictures, in one look or by overlapping windows: for large pictures and small objects.

A window shows a part of the picture as large as the network sees a whole one, so that objects of a few pixels are seen;
the picture as a whole is one more window, so that large ones are. A picture is decoded once. Masks are told as run
lengths, and of all pictures only a few are in memory.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.checks import bad, check_number
from ...core.runtime import kept_memory
from ...data.decode import DecodeError, decode, read, upright_size
from ...data.imageset import ImageSet
from .answer import Answer
from .frame import Framed, colour_bytes
from .looking import Picture, answers
from .model import DenseModel
from .objective import Dense
from .windows import OVERLAP, Window, whole, windows_of

# why a task sees whole pictures alone
WHOLE = {
    "depth": "A window shows things larger than the whole picture does, which is what tells how near they are.",
    "boxes3d": "An object's place in the whole picture tells how far away it is.",
}


def check_tiles(what: str, tiles: int | None) -> None:
    """Refuse windows for a task that they would mislead."""
    if tiles is not None and what in WHOLE:
        raise bad("--tiles", tiles, f"whole pictures for {what}", WHOLE[what])


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
    check_tiles(model.objective.what, tiles)
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
    check_tiles(model.objective.what, model.objective.size if tile is None else tile)
    if pixels.ndim != 3 or pixels.shape[0] != 3 or pixels.dtype != torch.uint8:
        raise bad("pixels", f"{pixels.dtype} of shape {tuple(pixels.shape)}", "uint8, (3, H, W)")
    picture = _tiled(model, row, pixels, model.objective.size if tile is None else tile, overlap)
    return next(answers(model, picture.shown(model.objective.size), batch))


def _predicted(
    model: DenseModel,
    images: ImageSet,
    tiles: int | None,
    overlap: float,
    batch: int,
    failed: dict[str, str],
) -> Iterator[Answer]:
    size = model.objective.size

    def squares(pool: ThreadPoolExecutor) -> Iterator[tuple[Picture, Window, Framed, Tensor]]:
        ahead = batch if tiles is None else 1  # large pictures are not gathered
        for row, one in enumerate(
            _ahead(pool, lambda row: _opened(model, images, row, tiles, overlap), len(images), ahead)
        ):
            if isinstance(one, str):
                failed[images.called(row)] = one
            else:
                yield from one.shown(size)

    with ThreadPoolExecutor(images.readers) as pool, kept_memory():
        yield from answers(model, squares(pool), batch)


def _ahead(
    pool: ThreadPoolExecutor, call: Callable[[int], "Picture | str"], count: int, ahead: int
) -> Iterator["Picture | str"]:
    """The results in order, of which at most `ahead` are made before they are asked for."""
    waiting = deque(pool.submit(call, row) for row in range(min(ahead, count)))
    for row in range(count):
        if row + ahead < count:
            waiting.append(pool.submit(call, row + ahead))
        yield waiting.popleft().result()


def _opened(model: DenseModel, images: ImageSet, row: int, tiles: int | None, overlap: float) -> Picture | str:
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
    return Picture(row, (height, width), [whole((height, width))], lambda framed, window: square)


def _tiled(model: DenseModel, row: int, pixels: Tensor, tile: int, overlap: float) -> Picture:
    size, colour = (int(pixels.shape[1]), int(pixels.shape[2])), colour_bytes(list(model.objective.colour))
    windows = windows_of(size, tile, overlap)
    if len(windows) > 1 and model.objective.what != "semantic":
        windows.append(whole(size))
    return Picture(
        row,
        size,
        windows,
        lambda framed, one: framed.picture(pixels[:, one.top : one.bottom, one.left : one.right], colour),
    )
