"""The one place where Pillow opens a picture: of the accepted formats alone, and without loading its pixels."""

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from ..core.images import FORMATS
from ._heif import heif_problem, is_heif


def open_pillow(source: bytes | Path) -> Any:
    """A file, or its bytes, as Pillow opens it; raises what Pillow raises, and OSError for a HEIC that needs an extra.

    Pillow knows further formats, some of which start another program or follow what a file names: they are not tried.
    """
    from PIL import Image

    content = source if isinstance(source, bytes) else source.read_bytes()
    if is_heif(content):
        if cause := heif_problem(content):
            raise OSError(cause)
        return Image.open(BytesIO(content), formats=["HEIF"])
    return Image.open(BytesIO(content), formats=_known())


def accepted(image: Any) -> bool:
    """Whether a picture that somebody else opened may be loaded: it is of an accepted format, or loaded already."""
    return not getattr(image, "tile", None) or image.format in (*FORMATS, "MPO")


@cache
def _known() -> list[str]:
    """The accepted formats that this Pillow was built with, HEIF aside."""
    from PIL import Image

    Image.init()
    return [name for name in FORMATS if name in Image.OPEN and name != "HEIF"]
