"""One pass over a collection for several layers at once: each unit's nine pictures, and the nearest of a few.

The pictures come by the same pipeline as for embedding; what is kept does not grow with their number.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...backbones.layers import Layer
from ...core.events import Event
from ...core.runtime import pick_device
from ...data._room import room_for
from ...data.decode import DecodeError, decode
from ...data.imageset import ImageSet
from ..pipeline import Pipeline
from .maps import as_map, with_maps
from .nearest import Near
from .patches import NINE, Nine

if TYPE_CHECKING:
    from ..representation import Representation

Watch = Callable[[Iterable[Event]], Iterator[Event]]


@dataclass
class Survey:
    """What a pass found.

    Attributes:
        nine: for each layer the largest answers of its units.
        near: for each layer the nearest of the queries.
        shapes: for each layer channels, rows and columns of its map.
        images: how many were read.
        set_aside: those that could not be, each as {path, cause}.
        notes: what was said of pictures that were read.
    """

    nine: list[Nine]
    near: list[Near]
    shapes: list[tuple[int, int, int]]
    images: int = 0
    set_aside: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Summits:
    """A runner: for each picture, of each unit of each layer, the largest value, its cell, and the mean."""

    name, note = "torch fp32", ""

    def __init__(self, rep: "Representation", layers: Sequence[Layer], device: str) -> None:
        self.layers, self.device, self.encoder = layers, device, rep.encoder.to(device).eval()

    def run(self, batches: Iterator[tuple[Any, np.ndarray]]) -> Iterator[tuple[Any, np.ndarray]]:
        """Pixels (n, 3, H, W) uint8 to rows (n, 3 * all channels)."""
        for tag, pixels in batches:
            made = self.maps(pixels) if len(pixels) else []  # of a batch in which no picture could be read
            yield tag, np.concatenate([part for one in made for part in _summits(one)], axis=1) if made else []

    @torch.inference_mode()
    def maps(self, pixels_NCHW: np.ndarray) -> list[Tensor]:
        """The maps of all layers."""
        x = torch.from_numpy(pixels_NCHW).to(self.device).float() / 255
        kept, _ = with_maps(self.layers, self.encoder.pooled, x)
        return [as_map(layer, one, tuple(x.shape[2:])) for layer, one in zip(self.layers, kept)]


def survey(
    rep: "Representation",
    images: ImageSet,
    layers: Sequence[Layer],
    queries: Sequence[int],
    query_pixels: np.ndarray,
    *,
    k: int = NINE,
    neighbours: int = 5,
    device: str = "auto",
    batch: int = 8,
    watch: Watch = iter,
) -> Survey:
    """Look through a collection once.

    Args:
        rep: whose network is asked.
        images: the collection.
        layers: of its network.
        queries: rows of the pictures whose neighbours are looked for.
        query_pixels: (q, 3, H, W) uint8, these pictures prepared.
        k: patches a unit.
        neighbours: pictures a query.
        device: auto | cpu | cuda | mps.
        batch: pictures a call of the network.
        watch: wraps the stream of events.

    Raises:
        InputError: no picture that can be read.
    """
    summits = _Summits(rep, layers, pick_device(device))
    maps = summits.maps(query_pixels)
    shapes = [(one.shape[1], one.shape[2], one.shape[3]) for one in maps]
    found = Survey(
        [Nine(channels, width, k) for channels, _, width in shapes],
        [Near(one.mean((2, 3)).float().cpu().numpy(), np.asarray(queries), neighbours) for one in maps],
        shapes,
    )
    pipeline = Pipeline(
        images, replace(rep, transform=None), summits, batch, cache=False, set_aside=list(images.set_aside)
    )
    ends = np.cumsum([3 * channels for channels, _, _ in shapes])[:-1]

    def events() -> Iterator[Event]:
        for piece in pipeline:
            for nine, near, part in zip(found.nine, found.near, np.split(piece.vectors, ends, axis=1)):
                values, cells, means = np.split(part, 3, axis=1)
                nine.add(piece.rows, values, cells.astype(np.int64))
                near.add(piece.rows, means)
            found.images += len(piece.rows)
            yield Event("look", piece.through, len(images))
        yield Event("done", len(images), len(images))

    for _ in watch(events()):
        pass
    found.set_aside = pipeline.set_aside
    found.notes = pipeline.sentences()
    return found


def prepared(rep: "Representation", images: ImageSet, rows: Iterable[int], count: int) -> tuple[list[int], np.ndarray]:
    """The first so many of these rows that can be read, and their pixels (n, 3, H, W) uint8, prepared."""
    kept: list[int] = []
    pixels: list[np.ndarray] = []
    for row in rows:
        if len(kept) == count:
            break
        item = images.items[row]
        try:
            with room_for(item):
                pixels.append(rep.preprocess.apply(decode(item, rep.preprocess.decode_side)).numpy())
        except (DecodeError, MemoryError, RecursionError):
            continue  # the pass over the collection names it
        kept.append(row)
    return kept, np.stack(pixels) if pixels else np.zeros((0, 3, *rep.preprocess.shape), np.uint8)


def _summits(maps: Tensor) -> list[np.ndarray]:
    flat = maps.flatten(2).float()
    values, cells = flat.max(2)
    return [values.cpu().numpy(), cells.float().cpu().numpy(), flat.mean(2).cpu().numpy()]
