"""How a picture is turned: EXIF's or XMP's orientation, wherever a file keeps it."""

import warnings
from typing import Any

_ORIENTATION = 0x0112
_TOLD = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")  # where Pillow finds a PNG's orientation
_LATE = (b"Raw profile type exif", b"XML:com.adobe.xmp")


def orientation(image: Any) -> int:
    """1 to 8, as EXIF or XMP says; what is none of these is 1. Read before a TIFF is loaded, which turns it.

    Of a PNG that is not loaded, what follows the pixels is not seen (`told_late`): Pillow would load it for that.
    """
    if image.format == "PNG" and not any(name in image.info for name in _TOLD):
        return 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Corrupt EXIF data", UserWarning)
        try:
            said = image.getexif().get(_ORIENTATION, 1)
        except Exception:  # a damaged block can raise nearly anything, and then says nothing
            return 1
    if isinstance(said, bytes):
        said = said[0] if said else 1  # written as bytes, against the standard; torchcodec takes it
    return int(said) if said in range(1, 9) else 1


def in_exif(image: Any) -> bool:
    """Whether torchcodec, which reads the EXIF block alone, will turn the picture as it should be."""
    from PIL import Image

    if orientation(image) == 1:
        return True
    if "exif" not in image.info:
        return False
    own = Image.Exif()
    own.load(image.info["exif"])
    return _ORIENTATION in own


def told_late(content: bytes) -> bool:
    """Whether a PNG may tell how it is turned after its pixels, as the format allows."""
    place, seen = 8, False
    while place + 8 <= len(content):
        kind = content[place + 4 : place + 8]
        seen = seen or kind == b"IDAT"
        if seen and (kind == b"eXIf" or content.startswith(_LATE, place + 8)):
            return True
        place += 12 + int.from_bytes(content[place : place + 4])
    return False


def upright(image: Any, said: int) -> Any:
    """A loaded picture turned and mirrored as an orientation from 1 to 8 says."""
    from PIL.Image import Transpose

    turns = (
        Transpose.FLIP_LEFT_RIGHT,
        Transpose.ROTATE_180,
        Transpose.FLIP_TOP_BOTTOM,
        Transpose.TRANSPOSE,
        Transpose.ROTATE_270,
        Transpose.TRANSVERSE,
        Transpose.ROTATE_90,
    )
    return image if said == 1 else image.transpose(turns[said - 2])
