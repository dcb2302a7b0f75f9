"""Where something could be, without learning: boxes around groups of segments that are alike.

Paper: Uijlings, van de Sande, Gevers, Smeulders 2013, Selective search for object recognition, IJCV 104. The segments
are those of Felzenszwalb and Huttenlocher 2004, Efficient graph-based image segmentation, IJCV 59, from scikit-image.

The idea: no single way to group segments finds all things, so several are tried, which differ in colour space, in the
size of the first segments and in what counts as alike; their boxes are put together, without doubles.

What differs: pictures are brought to 256 pixels, and first segments have a size that fits them; texture is told by
slopes in eight directions, each from 0 to the largest of the picture; a box that is nearly another is left out, so that
fewer boxes find as much; where the paper multiplies a group's place in its hierarchy by a random number, the number is
drawn from the settings' seed, so that a picture always has the same boxes in the same order.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.checks import bad, check_choice, check_number
from ...core.runtime import numpy_rng
from ...core.storage import cache_folder, hash_json
from ...data.decode import content_hash
from ...representation.vector_cache import VectorCache
from .frame import Framed, resampled
from .objects import suppressed
from .region_grouping import LIKENESS, grouped, regions_of

BINS, SLOPES, DIRECTIONS = 25, 10, 8
SMOOTH = 0.8  # pixels by which a picture is smoothed before it is segmented
VERSION = 1  # of what the cache holds


@dataclass(frozen=True)
class SelectiveSearch:
    """The ways to group, and how many boxes are kept.

    Attributes:
        side: pixels of the longer side at which pictures are grouped; a smaller picture stays as it is.
        spaces: colour spaces, some of `SPACES`.
        scales: of the first segments; a larger one gives larger segments (k of Felzenszwalb and Huttenlocher).
        least: pixels of the smallest segment.
        likeness: ways to be alike, each some of `LIKENESS` joined by `+`.
        most: boxes of a picture at most; the first ones are from large groups of many ways.
        thinnest: sides below this many pixels of the grouped picture are no proposal.
        overlap: IoU with a likelier box above which one is no proposal of its own; 1 keeps all but equal ones.
        seed: of the order.
    """

    side: int = 256
    spaces: tuple[str, ...] = ("hsv", "lab")
    scales: tuple[float, ...] = (50.0, 100.0)
    least: int = 20
    likeness: tuple[str, ...] = ("colour+texture+size+fill", "texture+size+fill")
    most: int = 500
    thinnest: int = 6
    overlap: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (("side", 16, 2048), ("least", 1, 10**6), ("most", 1, 10**5), ("thinnest", 1, 2048)):
            check_number(name, getattr(self, name), low, high, whole=True)
        check_number("overlap", self.overlap, 0, 1, open_low=True)
        check_number("seed", self.seed, 0, whole=True)
        for name in ("spaces", "scales", "likeness"):
            if not getattr(self, name):
                raise bad(name, "none", "at least one")
        for space in self.spaces:
            check_choice("spaces", space, list(SPACES))
        for scale in self.scales:
            check_number("scales", scale, 0, open_low=True)
        for one in (part for way in self.likeness for part in way.split("+")):
            check_choice("likeness", one, list(LIKENESS))

    @property
    def key(self) -> str:
        """Names these settings and what makes boxes of them."""
        return hash_json([asdict(self), VERSION])

    def __call__(self, pixels: Tensor) -> Tensor:
        """Boxes (n, 4) float32 of a picture (3, H, W) uint8, in its own pixels, likelier ones first.

        Four segmentations and eight groupings: about half a second for 256 x 192 pixels on one processor.
        """
        if pixels.dtype != torch.uint8 or pixels.ndim != 3 or pixels.shape[0] != 3 or not pixels.numel():
            raise bad("pixels", f"{pixels.dtype} of shape {tuple(pixels.shape)}", "uint8 (3, H, W)")
        height, width = int(pixels.shape[1]), int(pixels.shape[2])
        framed = Framed(height, width, min(self.side, max(height, width)))
        small = resampled(pixels, framed.scale, *framed.shape).permute(1, 2, 0).numpy()
        found = framed.boxes_out(torch.from_numpy(_boxes(small, self)))
        return found[(found[:, 2:] > found[:, :2]).all(1)]


def search_of(card: Any) -> SelectiveSearch | None:
    """The settings as a card tells them; None where it tells none. Raises TypeError or InputError for other things."""
    if card is None:
        return None
    if not isinstance(card, dict):
        raise TypeError(f"settings of a search as {type(card).__name__}")
    kept: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in card.items()}
    return SelectiveSearch(**kept)


@dataclass(frozen=True)
class Searched:
    """The boxes of pictures, kept by the hash of their pixels in the cache folder: no picture is grouped twice."""

    search: SelectiveSearch
    cache: bool = True

    def __call__(self, pixels: Tensor) -> Tensor:
        """As `SelectiveSearch` gives them."""
        if not self.cache:
            return self.search(pixels)
        store, key = VectorCache(self.search.key, cache_folder() / "proposals"), content_hash(_plain(pixels))
        try:
            kept = store.get(key)
            if kept is not None and not len(kept) % 4:
                return torch.from_numpy(kept.reshape(-1, 4).copy())
            found = self.search(pixels)
            store.put({key: found.numpy().ravel()})
            return found
        finally:
            store.close()

    def of(self, identity: str, framed: Framed, square: Tensor) -> Tensor:
        """Of the picture in a square (3, S, S) uint8, in the square's pixels; whose picture it is does not matter."""
        rows, columns = framed.shape
        return self(square[:, :rows, :columns])


def _plain(pixels: Tensor) -> np.ndarray:
    return pixels.permute(1, 2, 0).numpy()


def _boxes(rgb: np.ndarray, search: SelectiveSearch) -> np.ndarray:
    """The boxes (n, 4) float32 of a picture (h, w, 3) uint8, in order."""
    from skimage.segmentation import felzenszwalb

    whole = np.array([[0, 0, rgb.shape[1], rgb.shape[0]]])
    found, value = [whole], [np.zeros(1)]
    rng = numpy_rng(search.seed, "selective search")
    for space in search.spaces:
        picture = SPACES[space](rgb)
        colour, texture = _bins(picture, BINS), _slopes(picture)
        for scale in search.scales:
            labels = felzenszwalb(picture, scale=scale, sigma=SMOOTH, min_size=search.least, channel_axis=2)
            regions = regions_of(labels, colour, texture)
            for way in search.likeness:
                boxes = grouped(regions, way.split("+"))
                found.append(boxes)
                value.append(rng.random(len(boxes)) * np.arange(len(boxes), 0, -1))
    every = np.concatenate(found)[np.argsort(np.concatenate(value), kind="stable")]
    every = every[(every[:, 2:] - every[:, :2] >= search.thinnest).all(axis=1)]
    first = np.sort(np.unique(every, axis=0, return_index=True)[1])  # of doubles the first stays
    every = every[first].astype(np.float32)
    if search.overlap < 1:
        boxes = torch.from_numpy(every)
        every = every[suppressed(boxes, torch.zeros(len(boxes)), search.overlap).numpy()]
    return every[: search.most]


def _bins(values: np.ndarray, count: int) -> np.ndarray:
    """The bins of values in [0, 1]."""
    return np.clip((values * count).astype(np.int64), 0, count - 1)


def _slopes(picture: np.ndarray) -> np.ndarray:
    """Bins (h, w, channels * 8) of how steep each channel is in each of eight directions (Gaussian slopes, sigma 1)."""
    from scipy.ndimage import gaussian_filter

    made = []
    for channel in np.moveaxis(picture, 2, 0):
        down, across = (gaussian_filter(channel, 1.0, order=order) for order in ((1, 0), (0, 1)))
        top = max(float(np.hypot(down, across).max()), 1e-9)
        angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
        made += [_bins((np.cos(angle) * across + np.sin(angle) * down) / top, SLOPES) for angle in angles]
    return np.stack(made, axis=2)


def _hsv(rgb: np.ndarray) -> np.ndarray:
    from skimage.color import rgb2hsv

    return np.asarray(rgb2hsv(rgb))


def _lab(rgb: np.ndarray) -> np.ndarray:
    from skimage.color import rgb2lab

    return np.asarray((rgb2lab(rgb) + [0, 128, 128]) / [100, 255, 255])


def _rgi(rgb: np.ndarray) -> np.ndarray:
    """Red's and green's share, and the brightness."""
    total = rgb.sum(axis=2, dtype=np.float64)
    shares = [np.where(total > 0, rgb[..., one] / np.maximum(total, 1), 1 / 3) for one in (0, 1)]
    return np.stack([*shares, total / 765], axis=2)


def _grey(rgb: np.ndarray) -> np.ndarray:
    return rgb.mean(axis=2, keepdims=True) / 255


SPACES: dict[str, Callable[[np.ndarray], Any]] = {
    "hsv": _hsv,
    "lab": _lab,
    "rgb": lambda rgb: rgb / 255,
    "rgi": _rgi,
    "grey": _grey,
}
