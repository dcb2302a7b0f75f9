"""From a picture of any shape to a square one and back: one scale, and what is left filled up below and to the right.

A point (x, y) of the picture, in pixels from its upper left corner, is the point (scale x, scale y) of the square, with
scale = size / max(height, width): the same along both axes, also where the shorter side does not end on a whole pixel.
"""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from ...core.checks import bad, check_number

_SLACK = 1e-6  # pixels


@dataclass(frozen=True)
class Framed:
    """How a picture lies in a square.

    Attributes:
        height: of the picture, in its own pixels.
        width: likewise.
        size: side of the square in pixels.
    """

    height: int
    width: int
    size: int

    def __post_init__(self) -> None:
        for name in ("height", "width", "size"):
            check_number(name, getattr(self, name), 1, whole=True)

    @property
    def scale(self) -> float:
        """Pixels of the square to one of the picture."""
        return self.size / self._longer

    @property
    def _longer(self) -> int:
        return max(self.height, self.width)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the square that show the picture; the last may show it in part."""
        return self._within(self.height), self._within(self.width)

    def _within(self, length: int) -> int:
        return min(self.size, max(1, ceil(length * self.scale - _SLACK)))

    def picture(self, pixels: Tensor, colour: tuple[int, int, int]) -> Tensor:
        """The square (3, size, size) uint8 of a picture (3, h, w) uint8, linear with antialiasing.

        The picture may have been decoded at a half, a quarter or another whole part of its own height and width.

        Args:
            pixels: as decoded.
            colour: RGB bytes of the rest.
        """
        square = torch.tensor(colour, dtype=torch.uint8).view(3, 1, 1).repeat(1, self.size, self.size)
        part = ceil(max(self.height, self.width) / max(pixels.shape[1:]))
        if any(abs(ceil(own / part) - there) > 1 for own, there in zip((self.height, self.width), pixels.shape[1:])):
            own = f"{self.height} x {self.width}"
            raise bad("pixels", f"{pixels.shape[1]} x {pixels.shape[2]}", f"those of a picture of {own}, or a part")
        by, (rows, columns) = self.scale * part, self.shape
        square[:, :rows, :columns] = resampled(pixels, by, rows, columns)
        return square

    def boxes_in(self, xyxy: Tensor) -> Tensor:
        """Boxes (..., 4) of the picture as float32 boxes of the square."""
        return (xyxy.double() * self.scale).float()

    def boxes_out(self, xyxy: Tensor) -> Tensor:
        """Boxes (..., 4) of the square as float32 boxes of the picture, cut at its edges."""
        most = xyxy.new_tensor([self.width, self.height] * 2, dtype=torch.float64)
        own = xyxy.double() / self.scale
        return torch.minimum(own.clamp(min=0), most).float()

    def map_in(self, values: Tensor, fill: float) -> Tensor:
        """Values (..., height, width) in the square: of the pixel in which a pixel's middle lies, or `fill` beyond.

        Raises:
            InputError: of another height or width.
        """
        if tuple(values.shape[-2:]) != (self.height, self.width):
            raise bad("values", f"shape {tuple(values.shape)}", f"(..., {self.height}, {self.width})")
        made = values
        for axis, length in ((-2, self.height), (-1, self.width)):
            index = (2 * torch.arange(self.size) + 1) * self._longer // (2 * self.size)  # exact, in whole numbers
            made = made.index_select(axis, index.clamp(max=length - 1).to(values.device))
            beyond = int((index >= length).sum())
            if beyond:
                made.narrow(axis, self.size - beyond, beyond).fill_(fill)
        return made

    def map_out(self, values: Tensor) -> Tensor:
        """Values (..., size, size) of the square as (..., height, width) of the picture, by the pixels' middles.

        Raises:
            InputError: of another size.
        """
        if tuple(values.shape[-2:]) != (self.size, self.size):
            raise bad("values", f"shape {tuple(values.shape)}", f"(..., {self.size}, {self.size})")
        made = values
        for axis, length in ((-1, self.width), (-2, self.height)):  # while there are few rows: whole rows go fast
            index = (2 * torch.arange(length) + 1) * self.size // (2 * self._longer)
            index = index.clamp(max=self.size - 1)
            on_cpu = made.device.type == "cpu"  # where numpy takes half the time
            made = _taken(made, axis, index) if on_cpu else made.index_select(axis, index.to(made.device))
        return made


def _taken(values: Tensor, axis: int, index: Tensor) -> Tensor:
    return torch.from_numpy(values.numpy().take(index.numpy(), axis))


def resampled(pixels_CHW: Tensor, by: float, rows: int, columns: int) -> Tensor:
    """A picture enlarged `by` exactly, of which the first rows and columns are made; linear, averaging where smaller.

    Beyond its end the picture is repeated, so that a last pixel that shows it in part only is as light as the rest.
    """
    if by > 1:
        # not `interpolate`, which copies where the sizes before and after are the same, whatever scale it is told
        places = [(torch.arange(count, dtype=torch.float64) + 0.5) / by for count in (rows, columns)]
        height, width = pixels_CHW.shape[1:]
        down, across = torch.meshgrid(2 * places[0] / height - 1, 2 * places[1] / width - 1, indexing="ij")
        wide = pixels_CHW if pixels_CHW.is_floating_point() else pixels_CHW.float()
        grid = torch.stack([across, down], -1)[None].to(wide.dtype).to(wide.device)
        made = grid_sample(wide[None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0]
        return made if pixels_CHW.is_floating_point() else made.round().clamp(0, 255).to(pixels_CHW.dtype)
    if by < 1:
        for axis, count in ((1, rows), (2, columns)):  # as far as the last pixels look
            index = torch.arange(ceil((count + 1) / by) + 1, device=pixels_CHW.device)
            pixels_CHW = pixels_CHW.index_select(axis, index.clamp(max=pixels_CHW.shape[axis] - 1))
        pixels_CHW = interpolate(
            pixels_CHW[None],
            scale_factor=by,
            mode="bilinear",
            align_corners=False,
            antialias=True,
            recompute_scale_factor=False,
        )[0]
    return pixels_CHW[:, :rows, :columns]


def colour_bytes(mean: tuple[float, ...] | list[float]) -> tuple[int, int, int]:
    """A network's mean colour, (3,) in [0, 1], as RGB bytes.

    >>> colour_bytes((0.485, 0.456, 0.406))
    (124, 116, 104)
    """
    if len(mean) != 3 or not all(0 <= value <= 1 for value in mean):
        raise bad("colour", list(mean), "red, green and blue in [0, 1]")
    red, green, blue = (round(255 * value) for value in mean)
    return red, green, blue
