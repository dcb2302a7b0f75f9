"""One pass over a collection for several layers at once: each unit's nine pictures, and the nearest of a few.

The pictures come by the same pipeline as for embedding; what is kept does not grow with their number. A unit's answer
to a picture is its largest among the cells whose receptive field the edges do not cut, where there are such: zeros that
pad a picture are an edge that is in none.
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
from .maps import LayerMap, as_map, blank, with_maps
from .nearest import Near
from .patches import NINE, Nine
from .receptive import receptive_fields, whole_fields

if TYPE_CHECKING:
    from ..representation import Representation

Watch = Callable[[Iterable[Event]], Iterator[Event]]


@dataclass
class Survey:
    """What a pass found.

    Attributes:
        nine: for each layer the largest answers of its units.
        near: for each layer the nearest of the queries; and last by the network's vector.
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
        self.inside: list[Tensor] = []

    def run(self, batches: Iterator[tuple[Any, np.ndarray]]) -> Iterator[tuple[Any, np.ndarray]]:
        """Pixels (n, 3, H, W) uint8 to rows (n, 3 * all channels + D)."""
        for tag, pixels in batches:
            if not len(pixels):  # a batch in which no picture could be read
                yield tag, np.zeros((0, 1), np.float32)
                continue
            maps, vectors = self.maps(pixels)
            parts = [part for one, inside in zip(maps, self.inside) for part in _summits(one, inside)]
            yield tag, np.concatenate([*parts, vectors], axis=1)

    @torch.inference_mode()
    def maps(self, pixels_NCHW: np.ndarray) -> tuple[list[Tensor], np.ndarray]:
        """The maps of all layers, and the vectors (n, D)."""
        x = torch.from_numpy(pixels_NCHW).to(self.device).float() / 255
        kept, vectors = with_maps(self.layers, self.encoder.pooled, x)
        maps = [as_map(layer, one, tuple(x.shape[2:])) for layer, one in zip(self.layers, kept)]
        return maps, vectors.float().cpu().numpy()


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
    maps, vectors = summits.maps(query_pixels)
    summits.inside = [_inside(layer, one, query_pixels.shape[2:]) for layer, one in zip(layers, maps)]
    asked = [*(one.mean((2, 3)).float().cpu().numpy() for one in maps), vectors]
    shapes = [(one.shape[1], one.shape[2], one.shape[3]) for one in maps]
    found = Survey(
        [Nine(channels, width, k) for channels, _, width in shapes],
        [Near(one, np.asarray(queries), neighbours) for one in asked],
        shapes,
    )
    pipeline = Pipeline(
        images, replace(rep, transform=None), summits, batch, cache=False, set_aside=list(images.set_aside)
    )
    ends = np.cumsum([3 * channels for channels, _, _ in shapes])

    def events() -> Iterator[Event]:
        for piece in pipeline:
            *parts, vectors = np.split(piece.vectors, ends, axis=1)
            for nine, near, part in zip(found.nine, found.near, parts):
                values, cells, means = np.split(part, 3, axis=1)
                nine.add(piece.rows, values, cells.astype(np.int64))
                near.add(piece.rows, means)
            found.near[-1].add(piece.rows, vectors)
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


def _inside(layer: Layer, maps: Tensor, shape: Sequence[int]) -> Tensor:
    """Which cells count (h * w,): those whose field no edge cuts."""
    field = receptive_fields(LayerMap(layer), blank(layer, shape), layer.network)
    return torch.from_numpy(whole_fields(field, (maps.shape[2], maps.shape[3]))).flatten().to(maps.device)


def _summits(maps: Tensor, inside: Tensor) -> list[np.ndarray]:
    flat = maps.flatten(2).float()
    values, cells = flat.masked_fill(~inside, -torch.inf).max(2)
    return [values.cpu().numpy(), cells.float().cpu().numpy(), flat.mean(2).cpu().numpy()]
