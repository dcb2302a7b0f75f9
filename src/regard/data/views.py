"""Views of an image: a recipe of random changes after which it should still be recognised as the same.

The single changes are plain functions of a batch x (N, 3, H, W) in [0, 1] and a torch generator; there is no loop over
images, each image draws its own numbers, and range and type stay.
"""

from dataclasses import dataclass

from torch import Generator, Tensor

from ._colour import colour_jitter, gaussian_blur, gaussian_noise, grayscale, luma, shift_hue
from ._geometry import horizontal_flip, random_affine, random_erasing, random_resized_crop, rotate90

__all__ = [
    "Recipe",
    "colour_jitter",
    "digit_recipe",
    "gaussian_blur",
    "gaussian_noise",
    "grayscale",
    "horizontal_flip",
    "luma",
    "photo_recipe",
    "random_affine",
    "random_erasing",
    "random_resized_crop",
    "rotate90",
    "shift_hue",
    "two_views",
    "view",
]

SMALL = 64  # pixels: sides up to here are those of small images


@dataclass(frozen=True)
class Recipe:
    """Which changes and how strong, in the order in which they are made; as it stands it changes nothing.

    Attributes:
        degrees: largest angle of a small rotation.
        shear: largest slant, in degrees.
        translate: largest shift, as a share of the side.
        zoom: range of the enlargement.
        crop: range of the area that a crop keeps.
        crop_ratio: range of a crop's width by its height.
        flip: share of images mirrored left to right.
        brightness: strength of the change; 0.4 means factors from 0.6 to 1.4.
        contrast: likewise.
        saturation: likewise.
        hue: largest turn of the hue, as a share of the circle.
        jitter: share of images whose brightness, contrast, saturation and hue are changed.
        gray: share of images that lose their colours.
        blur: range of the Gaussian's sigma, as a share of the shorter side, so that it suits every image size.
        blurred: share of images that are blurred.
        noise: largest standard deviation of normal noise.
        erase: share of images that lose a rectangle.
    """

    degrees: float = 0.0
    shear: float = 0.0
    translate: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    crop: tuple[float, float] = (1.0, 1.0)
    crop_ratio: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    jitter: float = 0.0
    gray: float = 0.0
    blur: tuple[float, float] = (0.0, 0.0)
    blurred: float = 0.0
    noise: float = 0.0
    erase: float = 0.0


def photo_recipe(side: int = 224) -> Recipe:
    """For colour photographs: crop, flip, colour, gray, blur, with the strengths of SimCLR (Chen et al. 2020, app. A).

    Images of at most 64 pixels get what the paper gives to CIFAR-10 (app. B.9), colours at half the strength and no
    blur, and crops that keep 0.4 of the area in place of 0.2: less shows too few pixels.

    Not for pictures whose meaning is in the colour, in left and right, or in the whole (digits, text, scans).
    """
    small = side <= SMALL
    strength = 0.4 if small else 0.8
    return Recipe(
        crop=(0.4 if small else 0.2, 1.0),
        crop_ratio=(3 / 4, 4 / 3),
        flip=0.5,
        brightness=strength,
        contrast=strength,
        saturation=strength,
        hue=strength / 4,
        jitter=0.8,
        gray=0.2,
        blur=(0.1 / 224, 2.0 / 224),
        blurred=0.0 if small else 0.5,
    )


def digit_recipe() -> Recipe:
    """For digits and letters, drawn light on dark or dark on light: small turns, slants, shifts and crops, blur, noise.

    No flip, as a mirrored 2 is no digit; no hue or gray, as there is no colour; and crops that keep the whole shape.
    """
    return Recipe(
        degrees=15,
        shear=10,
        translate=0.1,
        zoom=(0.8, 1.15),
        crop=(0.6, 1.0),
        crop_ratio=(3 / 4, 4 / 3),
        brightness=0.4,
        contrast=0.4,
        jitter=0.8,
        blur=(0.01, 0.06),
        blurred=0.5,
        noise=0.05,
    )


def view(x: Tensor, recipe: Recipe, generator: Generator) -> Tensor:
    """One random view of each image, by a recipe. The same generator state gives the same views."""
    r = recipe
    if r.degrees or r.shear or r.translate or r.zoom != (1.0, 1.0):
        x = random_affine(x, generator, r.degrees, r.translate, r.zoom, r.shear)
    if r.crop != (1.0, 1.0) or r.crop_ratio != (1.0, 1.0):
        x = random_resized_crop(x, generator, r.crop, r.crop_ratio)
    if r.flip:
        x = horizontal_flip(x, generator, r.flip)
    if r.jitter:
        x = colour_jitter(x, generator, r.brightness, r.contrast, r.saturation, r.hue, r.jitter)
    if r.gray:
        x = grayscale(x, generator, r.gray)
    if r.blurred:
        side = min(x.shape[-2:])
        x = gaussian_blur(x, generator, (r.blur[0] * side, r.blur[1] * side), r.blurred)
    if r.noise:
        x = gaussian_noise(x, generator, (0.0, r.noise))
    if r.erase:
        x = random_erasing(x, generator, r.erase)
    return x.clone() if r == Recipe() else x


def two_views(x: Tensor, recipe: Recipe, generator: Generator) -> tuple[Tensor, Tensor]:
    """Two independent views of each image, (N, 3, H, W) each."""
    return view(x, recipe, generator), view(x, recipe, generator)
