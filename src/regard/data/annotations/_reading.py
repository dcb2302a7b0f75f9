"""What all readers of annotations share: the size of a picture, index pictures, and XML that does no harm."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ...core.checks import InputError, bad
from ...core.reading import read_bytes
from .._opened import open_pillow
from .faults import NOTED, Fault

MOST_XML = 2**25  # bytes
_MOST_PIXELS = 178_000_000


def picture_size(item: Path | np.ndarray) -> tuple[tuple[int, int] | None, str]:
    """Height and width of the upright picture, or None and why it cannot be read."""
    from ..decode import DecodeError, upright_size  # with torch, which opening alone does without

    try:
        width, height = upright_size(item)
    except DecodeError as error:
        return None, str(error)
    return (height, width), ""


def told_size(width: object, height: object) -> tuple[int, int] | None:
    """Height and width as a file of annotations tells them; None where these are no numbers of pixels."""
    if not isinstance(width, int | float) or not isinstance(height, int | float):
        return None
    if not (1 <= width < 2**31 and 1 <= height < 2**31):  # which NaN is not either
        return None
    return int(height), int(width)


def size_fault(told: tuple[int, int] | None, size: tuple[int, int] | None, path: str) -> Fault | None:
    """What is to be said of a size (height, width) in a file that is not the upright picture's.

    Where it is the same with height and width exchanged, the objects are those of a picture that lies on its side, as
    it was stored before a camera's turn was applied: they are set aside. Else they are used, and that is noted.
    """
    if told is None or size is None or told == size:
        return None
    cause = f"a size of {told[1]}x{told[0]}, where the picture has {size[1]}x{size[0]}"
    if told == size[::-1]:
        return Fault(path, f"{cause} upright: its objects are of the picture on its side")
    return Fault(path, cause, NOTED)


def index_picture(path: Path) -> np.ndarray:
    """The values of a picture that holds numbers: (H, W) of its levels or palette places, (H, W, 3) of colours.

    Colours stay as they are written: neither profiles nor alpha are applied.

    Raises:
        InputError: no such file, or no picture.
    """
    content = read_bytes(path, "a picture of masks", 2**28)
    try:
        with open_pillow(content) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise bad("file", f"{path} of {image.width}x{image.height} pixels", "at most 178 megapixels")
            if image.mode not in ("L", "P", "1", "I;16", "I;16B", "I", "RGB"):
                image = image.convert("RGB")
            return np.asarray(image)
    except InputError:
        raise
    except Exception as error:  # damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise bad("file", str(path), "a picture of masks", f"It cannot be read: {error}") from None


class _Plain(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Refuse it, before an entity is defined: annotations have none, and bombs need them."""
        raise bad("file", "XML with a DOCTYPE", "plain XML")


def read_xml(path: Path) -> ElementTree.Element:
    """The root of an XML file; one with a DOCTYPE is refused, so that nothing is expanded and nothing is fetched.

    Raises:
        InputError: no such file, no XML, or a DOCTYPE.
    """
    content = read_bytes(path, "an XML file", MOST_XML)
    parser = ElementTree.XMLParser(target=_Plain())
    try:
        parser.feed(content)
        root = parser.close()
    except ElementTree.ParseError as error:
        raise bad("file", str(path), "an XML file", f"It cannot be read: {error}") from None
    except (ValueError, LookupError) as error:
        if isinstance(error, InputError):
            raise
        raise bad("file", str(path), "an XML file", f"It cannot be read: {error}") from None
    if not isinstance(root, ElementTree.Element):
        raise bad("file", str(path), "an XML file")
    return root
