"""Colour profiles: what a picture's numbers mean, brought to sRGB, which everything else here takes them for.

The conversion is lcms2's, by Pillow's ImageCms, perceptual. Whether a profile is sRGB is not read from its name but
tried on a few hundred colours, once for each profile: where none moves by more than two levels, pictures that carry it
are left alone and take the fast path.
"""

from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np

PROFILE = "a colour profile that cannot be used was ignored"
_STILL = 2  # levels that sRGB's many written forms differ by
_SPACES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # a profile's colour space: the mode that it is about


def is_foreign(image: Any) -> bool:
    """Whether the header of a picture names a colour space other than sRGB, so that its pixels must be converted."""
    profile = image.info.get("icc_profile")
    return bool(profile) and _transform(profile, _base(image.mode)) not in ("same", "broken")


def is_broken(image: Any) -> bool:
    """Whether a picture carries a profile that cannot be used: damaged, or about another kind of colours."""
    if "icc_profile" not in image.info:
        return False
    profile = image.info["icc_profile"]  # None where its pieces did not fit together
    return not profile or _transform(profile, _base(image.mode)) == "broken"


def to_srgb(image: Any) -> Any:
    """A picture (RGB, RGBA, L, LA or CMYK) in sRGB; alpha stays; the same object where there is nothing to do."""
    if not is_foreign(image):
        return image
    from PIL import ImageCms

    base = _base(image.mode)
    transform = _transform(image.info["icc_profile"], base)
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    colours = image.convert(base) if image.mode in ("1", "L", "RGB", "CMYK") else _without_alpha(image)
    if transform.inputMode != base:
        colours = colours.convert(transform.inputMode)
    converted: Any = ImageCms.applyTransform(colours, transform)
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _base(mode: str) -> str:
    """The mode of a picture's colours, as they are when they are converted."""
    if mode == "CMYK":
        return "CMYK"
    return "L" if mode in ("1", "L", "LA", "La", "I", "F") or mode.startswith("I;16") else "RGB"


def _without_alpha(image: Any) -> Any:
    from PIL import Image

    bands = image.split()[:-1]  # convert() would do as well, but is not promised to leave colours under alpha 0 alone
    return bands[0] if len(bands) == 1 else Image.merge("RGB", bands)


@lru_cache(maxsize=16)
def _transform(profile: bytes, base: str) -> Any:
    """The transform to sRGB of pictures with these bytes as profile; "same" where it does nothing; or "broken"."""
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        mode = _SPACES.get(source.profile.xcolor_space)
        # grey may be written in an RGB space: its red, green and blue are equal
        if mode is None or (base != mode and (base, mode) != ("L", "RGB")):
            return "broken"
        made = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        return "same" if mode != "CMYK" and _stays(made, base) else made
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return "broken"


def _stays(transform: Any, base: str) -> bool:
    from PIL import Image, ImageCms

    if base == "L":
        probe = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    else:
        levels = np.linspace(0, 255, 9).round().astype(np.uint8)
        probe = Image.fromarray(np.stack(np.meshgrid(levels, levels, levels), -1).reshape(27, 27, 3))
    before = np.asarray(probe.convert("RGB")).astype(int)
    after = np.asarray(ImageCms.applyTransform(probe.convert(transform.inputMode), transform)).astype(int)
    return bool(np.abs(after - before).max() <= _STILL)
