"""What a file says of its picture beside the pixels: size, bytes, when it was taken, and dots an inch.

Only the header is read. A date is the photograph's own where the camera wrote one that is a date, else the file's.
"""

import math
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from .decode import _open, read, upright_size

_EXIF = 0x8769  # where a camera's own tags begin
_TAKEN = (0x9003, 0x9004)  # DateTimeOriginal, DateTimeDigitized
_RESOLUTION = 0x011A  # XResolution
_FORM = "%Y:%m:%d %H:%M:%S"


@dataclass(frozen=True)
class FileFacts:
    """What is known of a picture's file.

    Attributes:
        width: pixels of the upright picture.
        height: the same.
        size: bytes; None where the picture is no file.
        date: when it was taken, or else when the file was last written, in local time without a zone.
        taken: whether `date` is what the camera wrote into the picture.
        dpi: dots an inch, as the file states them.
    """

    width: int
    height: int
    size: int | None = None
    date: datetime | None = None
    taken: bool = False
    dpi: float | None = None


def file_facts(item: Path | bytes | np.ndarray) -> FileFacts:
    """Read the facts of a picture; raises DecodeError where its header cannot be read."""
    content = read(item)
    width, height = upright_size(content)
    if isinstance(content, np.ndarray):
        return FileFacts(width, height)
    taken, dpi = _told(_open(content))
    written = None
    if isinstance(item, Path):
        try:
            written = datetime.fromtimestamp(int(item.stat().st_mtime))
        except (OSError, OverflowError, ValueError):  # gone meanwhile, or a time that no calendar has
            written = None
    return FileFacts(width, height, len(content), taken or written, taken is not None, dpi)


def size_told(size: int) -> str:
    """Bytes for people.

    >>> size_told(512), size_told(20_480), size_told(3_500_000)
    ('512 B', '20 kB', '3.5 MB')
    """
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.0f} kB" if size < 999_500 else f"{size / 1e6:.1f} MB"


def _told(header: Any) -> tuple[datetime | None, float | None]:
    """The date and the dots an inch that a header gives; None for what it does not, or not as it should."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a damaged tag is no date, which is all there is to say
        try:
            exif = header.getexif()
            tags = exif.get_ifd(_EXIF)
            given, stated = [tags.get(tag) for tag in _TAKEN], _RESOLUTION in exif
        except Exception:  # damaged tags can raise nearly anything
            given, stated = [], False
    dates = [date for value in given if (date := _date(value)) is not None]
    # Pillow says 72 of a JPEG that says nothing
    stated = stated or header.format != "JPEG" or bool(header.info.get("jfif_unit"))
    return (dates[0] if dates else None), _dpi(header.info.get("dpi")) if stated else None


def _date(value: Any) -> datetime | None:
    """The date that a tag gives; None where that is none.

    >>> _date("2019:07:04 12:30:05"), _date("0000:00:00 00:00:00"), _date(b"x")
    (datetime.datetime(2019, 7, 4, 12, 30, 5), None, None)
    """
    try:
        return datetime.strptime(str(value).strip("\0 ")[:19], _FORM)
    except ValueError:
        return None


def _dpi(value: Any) -> float | None:
    try:
        dpi = float(value[0])
    except (TypeError, ValueError, IndexError, KeyError, ArithmeticError):
        return None
    return dpi if math.isfinite(dpi) and 1 < dpi < 1e5 else None
