"""A pyramid of maps at strides 4, 8, 16 and 32 from any network, as heads for dense tasks take it.

A cell (i, j) of the level of stride s covers the pixels [s i, s (i + 1)) x [s j, s (j + 1)), and a level has
ceil(H / s) x ceil(W / s) cells, whatever H and W: below and to the right the picture is filled up with the network's
mean colour until the strides of the network divide it. One that takes its own size alone sees that, and where a level
reaches beyond its cells it repeats the last ones.

Where a network has a map of a level's stride, that is the level. Where it has none, the level is resampled without
weights: from the next finer map by averages of 2 x 2 cells, or from the coarsest by bilinear interpolation. So a plain
transformer, whose maps all have one stride, gets its levels from its last map alone, as in Li, Mao, Girshick and He
2022 (Exploring plain vision transformer backbones for object detection, ECCV, arXiv 2203.16527), who find that enough;
their strided (de)convolutions, which are learned, and their maximum for the coarsest level are left to a head here.
Convolutions without padding (AlexNet, Inception) give maps that are smaller than the picture by the same on all sides;
their cells are put where they look.
"""

from collections.abc import Sequence
from contextlib import suppress
from math import ceil, inf, lcm

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, grid_sample

from ..core.checks import bad
from .contract import Encoder, FeatureInfo
from .modes import evaluating

STRIDES = (4, 8, 16, 32)
_TRIAL = 128  # pixels; from here to twice as many, strides that divide it add whole cells, whatever the border does


class Pyramid:
    """A function of images (N, 3, H, W) in [0, 1], which the encoder normalises once: a map a level, fine to coarse.

    Attributes:
        strides: of the levels, in pixels.
        info: one `FeatureInfo` a level: channels, stride, and the module whose map it is or is resampled from.

    Raises:
        InputError: a network without plain maps; strides that are no growing whole numbers.
    """

    def __init__(self, encoder: Encoder, strides: Sequence[int] = STRIDES) -> None:
        whole = all(isinstance(stride, int) and stride > 0 for stride in strides)
        if not strides or not whole or list(strides) != sorted(set(strides)):
            raise bad("strides", list(strides), "whole numbers of pixels that grow", "Such as 4, 8, 16, 32.")
        self.encoder, self.strides = encoder, tuple(strides)
        if not encoder.feature_info:
            encoder.maps(torch.zeros(1, 3, *encoder.input_shape))  # says why there are none
            raise bad("encoder", f"{encoder.name} without maps", "a network that gives maps")
        self._own, self._any_size = _own_strides(encoder)
        deepest = {stride: place for place, stride in enumerate(self._own)}
        chosen = [max((one for one in deepest if one <= stride), default=min(deepest)) for stride in self.strides]
        self._places = [deepest[stride] for stride in chosen]
        infos = [encoder.feature_info[place] for place in self._places]
        self.info = [FeatureInfo(one.channels, stride, one.module) for one, stride in zip(infos, self.strides)]
        self._unit = lcm(*(round(stride) for stride in chosen))

    def __call__(self, x_NCHW: Tensor) -> list[Tensor]:
        """The levels (N, C, ceil(H / s), ceil(W / s)).

        Raises:
            InputError: no images (N, 3, H, W), or not of the size that the network takes alone.
        """
        if x_NCHW.ndim != 4 or x_NCHW.shape[1] != 3:
            raise bad("images", f"shape {tuple(x_NCHW.shape)}", "float images (N, 3, H, W) in [0, 1]")
        shape = (int(x_NCHW.shape[2]), int(x_NCHW.shape[3]))
        if self._any_size:
            x_NCHW = _filled(x_NCHW, self._unit, self.encoder.config["mean"])
        elif shape != tuple(self.encoder.input_shape):
            raise bad(
                "images",
                f"{shape[0]} x {shape[1]} pixels",
                f"{' x '.join(map(str, self.encoder.input_shape))}, the one size that {self.encoder.name} takes",
                "Build it with `make_encoder(name, size=...)` for another.",
            )
        seen = (int(x_NCHW.shape[2]), int(x_NCHW.shape[3]))
        levels = []
        maps = self.encoder.maps(x_NCHW)
        for place, stride in zip(self._places, self.strides):
            found, own = maps[place], self._own[place]
            # what its cells lack of the picture: the same on all sides, or where the size is fixed, all at the end
            lacking = [pixels - count * own for pixels, count in zip(seen, found.shape[2:])]
            start = (lacking[0] / 2, lacking[1] / 2) if self._any_size else (0.0, 0.0)
            levels.append(level(found, own, stride, start, (ceil(shape[0] / stride), ceil(shape[1] / stride))))
        return levels


def level(map_NCHW: Tensor, own: float, stride: int, start: tuple[float, float], cells: tuple[int, int]) -> Tensor:
    """Resample a map to cells of another stride, without weights; a map that has it already is cut to its cells.

    Args:
        map_NCHW: (N, C, h, w).
        own: pixels from one of its cells to the next.
        stride: pixels from one cell of the result to the next, the first of which begins at pixel 0.
        start: the pixels, down and across, at which its first cell begins.
        cells: height and width of the result.

    >>> ramp = torch.arange(4.0).view(1, 1, 1, 4)
    >>> level(ramp, 16, 8, (0, 0), (1, 8)).flatten().tolist()
    [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0]
    >>> level(ramp, 16, 32, (0, 0), (1, 2)).flatten().tolist()
    [0.5, 2.5]
    """
    if own == stride and not any(start) and all(a >= b for a, b in zip(map_NCHW.shape[2:], cells)):
        return map_NCHW[:, :, : cells[0], : cells[1]]
    while 2 * own <= stride:
        # a last single row or column is averaged alone
        map_NCHW, own = avg_pool2d(map_NCHW, 2, ceil_mode=True, count_include_pad=False), 2 * own
    places = []
    for count, first, there in zip(cells, start, map_NCHW.shape[2:]):
        centres = (torch.arange(count, device=map_NCHW.device) + 0.5) * stride
        places.append(2 * (centres - first) / (own * there) - 1)  # -1 and 1 are the map's outer edges
    rows, columns = torch.meshgrid(*places, indexing="ij")
    grid = torch.stack([columns, rows], -1).to(map_NCHW)[None].expand(map_NCHW.shape[0], -1, -1, -1)
    return grid_sample(map_NCHW, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _own_strides(encoder: Encoder) -> tuple[list[float], bool]:
    """The stride of each map in pixels, infinite where it has none, and whether pictures of any size are taken."""
    module = encoder if isinstance(encoder, nn.Module) else nn.Identity()
    device = next((value.device for value in (*module.parameters(), *module.buffers())), torch.device("cpu"))
    trials, any_size = [encoder.input_shape], False
    with evaluating(module), torch.no_grad():
        with suppress(Exception):  # a network for one size fails in its own way at another
            encoder.maps(torch.zeros(1, 3, 2 * _TRIAL, 2 * _TRIAL, device=device))
            trials, any_size = [(_TRIAL, _TRIAL), (2 * _TRIAL, 2 * _TRIAL)], True
        widths = [[one.shape[3] for one in encoder.maps(torch.zeros(1, 3, *two, device=device))] for two in trials]
    network = None if getattr(encoder, "ends", "") else getattr(encoder, "network", None)  # of which it has fewer maps
    told = [one.get("reduction") for one in getattr(network, "feature_info", ())]
    if len(told) == len(widths[0]) and all(told):
        return [float(one) for one in told], any_size
    if not any_size:
        return [round(encoder.input_shape[1] / width) for width in widths[0]], False
    # a map that does not grow with the picture, from an adaptive pooling, has no stride
    return [_TRIAL / (b - a) if b > a else inf for a, b in zip(*widths)], True


def _filled(x_NCHW: Tensor, unit: int, mean: Sequence[float]) -> Tensor:
    """Fill pictures up below and to the right to multiples of `unit` pixels with a colour that normalises to zero."""
    n, channels, height, width = x_NCHW.shape
    if height % unit == 0 and width % unit == 0:
        return x_NCHW
    colour = x_NCHW.new_tensor(list(mean)).view(1, -1, 1, 1)
    whole = colour.expand(n, channels, -(-height // unit) * unit, -(-width // unit) * unit).clone()
    whole[:, :, :height, :width] = x_NCHW
    return whole
