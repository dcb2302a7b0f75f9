"""Names in a ground truth and ids of a collection: when the two mean one image.

What a name says counts. One with a folder is an image of that folder and of no other; one with a suffix is not a file
with another suffix. What it does not say may be filled in where only one image fits: the folder of a bare file name,
and the suffix of an image (a dot in the middle of a name begins no suffix).
"""

import difflib
import unicodedata
from collections.abc import Iterable, Mapping

from ...core.images import IMAGE_SUFFIXES


def normal(name: str) -> str:
    r"""A name as it is compared: NFC, without spaces around, `/` between folders, no `./` before it.

    macOS writes an accent as a letter of its own (NFD) and other systems mostly do not: both are one name.

    >>> normal("cafe\u0301\\1.jpg ") == "caf\u00e9/1.jpg"
    True
    """
    plain = unicodedata.normalize("NFC", name).strip().replace("\\", "/")
    while plain.startswith("./"):
        plain = plain[2:].lstrip("/")
    return plain


def without_suffix(name: str) -> str:
    """A name without the suffix of an image, where it has one.

    >>> without_suffix("a/photo.v2.JPG"), without_suffix("a/photo.v2")
    ('a/photo.v2', 'a/photo.v2')
    """
    stem, dot, suffix = name.rpartition(".")
    known = bool(dot) and f".{suffix.lower()}" in IMAGE_SUFFIXES and not stem.endswith("/")
    return stem if known and stem else name


class Names:
    """Ids to be found by a name: see `find`.

    Args:
        ids: the place of each id.
    """

    def __init__(self, ids: Mapping[str, int]) -> None:
        self._place = dict(ids)
        self._ids = {place: name for name, place in ids.items()}
        self._full: dict[str, list[int]] = {}
        self._stem: dict[str, list[int]] = {}
        self._last: dict[str, list[int]] = {}
        self._last_stem: dict[str, list[int]] = {}
        for name, place in ids.items():
            full = normal(name)
            last = full.rpartition("/")[2]
            for index, key in (
                (self._full, full),
                (self._stem, without_suffix(full)),
                (self._last, last),
                (self._last_stem, without_suffix(last)),
            ):
                index.setdefault(key, []).append(place)

    def find(self, name: str) -> int | None:
        """The place of a name; None where no id fits, or several do.

        The first of these by which any id fits: the id itself; the same text otherwise written (`normal`); for a bare
        file name, an id whose last part it is; the same again without an image's suffix, where either has none.
        """
        if name in self._place:
            return self._place[name]
        fits = self._fits(name)
        return fits[0] if len(fits) == 1 else None

    def _fits(self, name: str) -> list[int]:
        asked = normal(name)
        bare, stem = "/" not in asked, without_suffix(asked)
        found = self._full.get(asked) or (self._last.get(asked) if bare else None)
        if found:
            return found
        if stem == asked:  # no suffix was said: any will do
            return self._last_stem.get(asked, []) if bare else self._stem.get(asked, [])
        # a suffix was said: an id without one may be that image, one with another is not
        return self._full.get(stem) or (self._last.get(stem, []) if bare else [])

    def hint(self, name: str) -> str:
        """What to say of a name that `find` does not find: which ids fit alike, or come near; "" where none does."""
        fits = self._fits(name)
        if fits:
            return f"{name!r} fits {_few(self._ids[place] for place in fits)}"
        last = without_suffix(normal(name).rpartition("/")[2])
        near = self._last_stem.get(last) or self._last_stem.get(_close(last, self._last_stem), [])
        return f"{name!r} is not {_few(self._ids[place] for place in near)}" if near else ""


def _close(name: str, names: Iterable[str]) -> str:
    """The name that differs in its case alone, or else a very near one."""
    known = list(names)
    folded = [one for one in known if one.casefold() == name.casefold()]
    return (folded or difflib.get_close_matches(name, known[:5000], 1, 0.9) or [""])[0]


def _few(names: Iterable[str]) -> str:
    listed = [repr(name) for name in names]
    return " or ".join(listed[:3]) + (f" or {len(listed) - 3} more" if len(listed) > 3 else "")
