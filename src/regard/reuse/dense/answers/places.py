"""Where the files of each picture go: names from outside, each below one folder and apart from all others.

The name of a picture is its id, which may be anything: absolute, with `..`, with characters that no file can have, the
same as another's but for the case of its letters or its suffix (`a.jpg` and `a.png` would both be `a.xml`). Where
nothing is wrong with it, it stays as it is, so that its files lie beside or are matched with the picture again.
"""

import re
import unicodedata
from itertools import chain, count
from pathlib import PurePosixPath

from ....core.storage import hash_bytes
from ....data.annotations._writing import picture_name
from ....data.imageset import ImageSet

_LONGEST = 240  # bytes of a part of a path: 255 with a suffix
_DRIVE = re.compile(r"^[A-Za-z]:$")
_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  # what no file or no XML can hold
_WRITTEN = (".png", ".xml", ".txt", ".json", ".jpg")


class Places:
    """The names of n pictures and of what is written about them; only those that had to be changed are kept."""

    def __init__(self, images: ImageSet) -> None:
        self.images = images
        self._pictures: dict[int, str] = {}
        self._stems: dict[int, str] = {}
        folders = {_key(str(above)) for row in range(len(images)) for above in PurePosixPath(self._own(row)).parents}
        pictures, stems = set[str](), set[str]()
        for row in range(len(images)):
            name = self._own(row)
            stem, suffix = _halves(name)
            if (other := _free(stem, stem, (suffix,), folders, pictures, suffix)) != stem:
                self._pictures[row] = other + suffix
            if (other := _free(stem, name, (suffix, *_WRITTEN), folders, stems)) != stem:
                self._stems[row] = other

    def _own(self, row: int) -> str:
        return _clean(picture_name(self.images, row), row)

    def picture(self, row: int) -> str:
        """A relative path with the picture's suffix, which is no other's on any file system."""
        return self._pictures.get(row) or self._own(row)

    def stem(self, row: int) -> str:
        """A relative path without a suffix, which is no other's whatever suffix it gets."""
        return self._stems.get(row) or _halves(self._own(row))[0]

    def beside(self, row: int) -> str:
        """The name of a picture that is copied beside what is written about it: its stem with its suffix."""
        return self.stem(row) + _halves(self._own(row))[1]


def _halves(name: str) -> tuple[str, str]:
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix), suffix


def _free(stem: str, name: str, ends: tuple[str, ...], folders: set[str], taken: set[str], end: str = "") -> str:
    """`stem`, or `name`, or that with a number: the first that is not taken and is no folder with any of the ends."""
    for one in chain([stem, name], (f"{name}-{number}" for number in count(2))):
        key = _key(one + end)
        if key not in taken and not any(_key(one + last) in folders for last in ends):
            taken.add(key)
            return one
    raise AssertionError


def _key(name: str) -> str:
    """Two names with the same key may be one file: on some systems case and Unicode's form do not tell them apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _clean(name: str, row: int) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    made = [_fit(_UNFIT.sub("_", part[0] if _DRIVE.match(part) else part)) for part in parts]
    if not made or not _halves(made[-1])[0].strip("."):  # `..` as an array's name has become `...png`
        made[-1:] = [f"picture-{row + 1}.png"]
    return "/".join(made)


def _fit(part: str) -> str:
    """A name that a file can have: not over 240 bytes, and else with its hash in the place of its middle."""
    content = part.encode()
    if len(content) <= _LONGEST:
        return part
    suffix = PurePosixPath(part).suffix if len(PurePosixPath(part).suffix) < 12 else ""
    return content[:160].decode(errors="ignore") + "-" + hash_bytes(content)[:12] + suffix
