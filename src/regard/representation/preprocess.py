"""From a decoded picture to the network's input: the same steps whoever embeds, trains or searches."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import floor, inf, nextafter
from typing import Any

import torch
from torch import Tensor

from ..core.checks import bad, check_choice, check_number

Size = int | tuple[int, int]
Colour = tuple[int, int, int]

_BY_TORCH = ("bicubic", "bilinear")
_BY_PILLOW = ("nearest", "box", "hamming", "lanczos")
_MODES = {"center": "crop", "squash": "squash", "border": "border"}  # timm's names to ours
_BLACK = (0, 0, 0)


@dataclass(frozen=True)
class Preprocess:
    """Resize, then cut or fill up around the centre, with antialiasing.

    Attributes:
        size: side in pixels of the square that the network sees, or (height, width).
        resize: what the picture is brought to before that, likewise; where less than `size`, a border stays.
        interpolation: bicubic, bilinear, nearest, box, hamming or lanczos.
        mode: `crop` keeps the picture's shape and brings its short side to `resize`; `border` keeps the shape and
            brings the long side to it, so that all is seen; `squash` brings both sides to it.
        fill: RGB bytes of what lies around a picture that is smaller than `size` after the resize.
    """

    size: Size = 224
    resize: Size = 256
    interpolation: str = "bicubic"
    mode: str = "crop"
    fill: Colour = _BLACK

    def __post_init__(self) -> None:
        for name, most in (("size", 4096), ("resize", 8192)):
            object.__setattr__(self, name, _checked(name, getattr(self, name), most))
        check_choice("interpolation", self.interpolation, [*_BY_TORCH, *_BY_PILLOW])
        check_choice("mode", self.mode, list(_MODES.values()))
        for value in self.fill:
            check_number("fill", value, 0, 255, whole=True)
        object.__setattr__(self, "fill", tuple(self.fill))

    @staticmethod
    def for_config(config: Mapping[str, Any], size: int | None = None) -> "Preprocess":
        """What a network's configuration (timm's form) asks for; another `size` keeps the share that is cropped.

        As timm's `resolve_data_config` and `create_transform` read it. This is the geometry: what lies around the
        picture is black until `around` is told the network's mean.

        Raises:
            InputError: a key with a value that cannot be honoured, by its name.
        """
        shape = config.get("input_size") or (3, 224, 224)
        if len(shape) != 3 or shape[0] != 3:
            raise bad("input_size", list(shape), "3 channels, height and width", "regard prepares colour pictures.")
        height, width = (size, size) if size else (int(shape[1]), int(shape[2]))
        mode, kind = config.get("crop_mode") or "center", config.get("interpolation") or "bicubic"
        check_choice("crop_mode", mode, list(_MODES))
        check_choice("interpolation", kind, [*_BY_TORCH, *_BY_PILLOW])
        share = config.get("crop_pct") or 0.875
        check_number("crop_pct", share, 0, 100, open_low=True)
        return Preprocess((height, width), (floor(height / share), floor(width / share)), kind, _MODES[mode])

    def around(self, mean: Sequence[float]) -> "Preprocess":
        """The same with what lies around a bordered picture in a network's mean colour, as timm has it."""
        if self.mode != "border":
            return self
        red, green, blue = (round(255 * value) for value in (mean if len(mean) == 3 else [mean[0]] * 3))
        return replace(self, fill=(red, green, blue))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width that the network sees."""
        return sides(self.size)

    @property
    def decode_side(self) -> int | None:
        """What to tell `decode`: the side that this brings a picture to; None where every pixel may matter."""
        return None if self.interpolation == "nearest" else max(*sides(self.resize))

    def apply(self, pixels: Tensor) -> Tensor:
        """(3, h, w) uint8 to (3, height, width) uint8.

        Equal to timm's evaluation transform on a PIL image to within two grey levels: both compute in 8 bits, and
        round after each of the two directions.
        """
        if self.mode == "crop":
            pixels = _middle(pixels, self.shape)
        target = self._target(*pixels.shape[1:])
        if tuple(pixels.shape[1:]) != target:
            pixels = _resized(pixels, target, self.interpolation)
        pixels = _filled(pixels, self.shape, self.fill)
        top, left = (round((there - side) / 2) for there, side in zip(pixels.shape[1:], self.shape))
        return pixels[:, top : top + self.shape[0], left : left + self.shape[1]].contiguous()

    def _target(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after the resize, rounded as torchvision and timm do."""
        rows, columns = sides(self.resize)
        if self.mode == "squash":
            return rows, columns
        if self.mode == "crop" and rows == columns:
            short = min(height, width)
            return (rows, int(rows * width / short)) if height <= width else (int(rows * height / short), rows)
        by = (max if self.mode == "border" else min)(height / rows, width / columns)
        return max(1, round(height / by)), max(1, round(width / by))

    def as_dict(self) -> dict[str, Any]:
        """For the card."""
        found = asdict(self)
        # a card from before this was known says the same
        return found if self.fill != _BLACK else {key: value for key, value in found.items() if key != "fill"}

    def as_config(self) -> dict[str, Any]:
        """The same in timm's keys, so that timm's own transform does likewise."""
        share = min(side / there for side, there in zip(self.shape, sides(self.resize)))
        while any(floor(side / share) < there for side, there in zip(self.shape, sides(self.resize))):
            share = nextafter(share, -inf)  # a quotient that was rounded up loses a pixel in timm's `floor`
        mode = next(theirs for theirs, ours in _MODES.items() if ours == self.mode)
        return {
            "input_size": [3, *self.shape],
            "interpolation": self.interpolation,
            "crop_pct": share,
            "crop_mode": mode,
        }


def _checked(name: str, value: Size | list[int], most: int) -> Size:
    both = value if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2:
        raise bad(name, value, "one side, or height and width")
    for side in both:
        check_number(name, side, 1, most, whole=True)
    return both[0] if both[0] == both[1] else (both[0], both[1])


def sides(size: Size) -> tuple[int, int]:
    """Height and width of what one number says where both are equal."""
    return size if isinstance(size, tuple) else (size, size)


def _resized(pixels: Tensor, target: tuple[int, int], kind: str) -> Tensor:
    # one column wide torch gives wrong values (2.14, without AVX2), or ends with an assertion (AVX2)
    if kind in _BY_TORCH and target[1] > 1:
        interpolate = torch.nn.functional.interpolate
        return interpolate(pixels[None], target, mode=kind, align_corners=False, antialias=True)[0]
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).numpy()))
    made = picture.resize((target[1], target[0]), Image.Resampling[kind.upper()])
    return torch.from_numpy(np.array(made)).permute(2, 0, 1)


def _filled(pixels: Tensor, shape: tuple[int, int], fill: Colour) -> Tensor:
    """Fill a picture up to `shape` where it is smaller; what cannot be halved goes below and to the right."""
    height, width = pixels.shape[1:]
    if height >= shape[0] and width >= shape[1]:
        return pixels
    whole = torch.tensor(fill, dtype=pixels.dtype).view(3, 1, 1).repeat(1, max(height, shape[0]), max(width, shape[1]))
    top, left = (whole.shape[1] - height) // 2, (whole.shape[2] - width) // 2
    whole[:, top : top + height, left : left + width] = pixels
    return whole


def _middle(pixels: Tensor, shape: tuple[int, int]) -> Tensor:
    """Cut a very long picture to its middle, 32 times as long as wide: the centre crop shows less than that.

    Without this a picture of 60,000 x 1 pixels would be enlarged to 15 million columns before the crop.
    """
    height, width = pixels.shape[1:]
    longest = 32 * min(height, width) * -(-max(shape) // min(shape))
    top, left = max(0, (height - longest) // 2), max(0, (width - longest) // 2)
    return pixels[:, top : top + longest, left : left + longest]
