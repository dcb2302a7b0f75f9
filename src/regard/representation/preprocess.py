"""From a decoded picture to the network's input: the same steps whoever embeds, trains or searches."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import floor
from typing import Any

import torch
from torch import Tensor

from ..core.checks import check_choice, check_number


@dataclass(frozen=True)
class Preprocess:
    """Resize, then crop, with antialiasing.

    Attributes:
        size: side in pixels of the square that the network sees.
        resize: `crop` brings the short side to this many pixels before the centre crop.
        interpolation: bicubic or bilinear.
        mode: `crop` keeps the shape and cuts the centre out; `squash` brings the whole picture to the square.
    """

    size: int = 224
    resize: int = 256
    interpolation: str = "bicubic"
    mode: str = "crop"

    def __post_init__(self) -> None:
        check_number("size", self.size, 1, 4096, whole=True)
        check_number("resize", self.resize, self.size, 8192, whole=True)
        check_choice("interpolation", self.interpolation, ["bicubic", "bilinear"])
        check_choice("mode", self.mode, ["crop", "squash"])

    @staticmethod
    def for_config(config: Mapping[str, Any], size: int | None = None) -> "Preprocess":
        """What a network's configuration (timm's form) asks for; another `size` keeps the share that is cropped."""
        side = size or int(config["input_size"][-1])
        kind = "bilinear" if config.get("interpolation") == "bilinear" else "bicubic"
        return Preprocess(side, floor(side / float(config.get("crop_pct") or 1.0)), kind)

    def apply(self, pixels: Tensor) -> Tensor:
        """(3, h, w) uint8 to (3, size, size) uint8.

        Equal to torchvision's Resize and CenterCrop on a PIL image to within two grey levels: both compute in
        8 bits, and round after each of the two directions.
        """
        if self.mode == "crop":
            pixels = _middle(pixels)
        height, width = pixels.shape[1:]
        if self.mode == "squash":
            target = (self.size, self.size)
        elif height <= width:
            target = (self.resize, int(self.resize * width / height))
        else:
            target = (int(self.resize * height / width), self.resize)
        if (height, width) != target:
            pixels = torch.nn.functional.interpolate(
                pixels[None], target, mode=self.interpolation, align_corners=False, antialias=True
            )[0]
        top, left = (round((side - self.size) / 2) for side in target)
        return pixels[:, top : top + self.size, left : left + self.size].contiguous()

    def as_dict(self) -> dict[str, Any]:
        """For the card."""
        return asdict(self)


def _middle(pixels: Tensor) -> Tensor:
    """Cut a very long picture to its middle, 32 times as long as wide: the centre crop shows less than that.

    Without this a picture of 60,000 x 1 pixels would be enlarged to 15 million columns before the crop.
    """
    height, width = pixels.shape[1:]
    longest = 32 * min(height, width)
    top, left = max(0, (height - longest) // 2), max(0, (width - longest) // 2)
    return pixels[:, top : top + longest, left : left + longest]
