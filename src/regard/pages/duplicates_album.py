"""The pictures of the page of copies: size, date and resolution beside each, and which is the larger or older one."""

from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path

import numpy as np
from markupsafe import Markup
from PIL import Image, ImageDraw

from ..data.decode import DecodeError, decode
from ..data.file_facts import FileFacts, file_facts, size_told
from ..data.imageset import ImageSet
from ..report.cards import About, Gallery, file_link
from ..report.thumbs import cards
from ..reuse.duplicates.find import Duplicates, Pair


class Album:
    """The images that copies were looked for in, as a page shows them.

    Args:
        images: all of them.
        found: copies among them.
        out: the page, from which files are linked.
    """

    def __init__(self, images: ImageSet, found: Duplicates, out: Path) -> None:
        self._items = {str(name): item for name, item in zip(images.ids, images.items)}
        self._numbers = {name: at for at, name in enumerate(self._items)}
        self._hashes, self._out, self._gallery = found.hashes, out, Gallery()
        self._facts: dict[str, FileFacts | None] = {}

    def number(self, name: str) -> int:
        """The place of an image among all."""
        return self._numbers[name]

    def content(self, name: str) -> str:
        """What is equal for images with the same bytes, about which nothing can be decided."""
        return str(self._hashes.get(name, name))

    def named(self, name: str) -> str:
        """The image for the page's script: JSON in ASCII, so that every name arrives as it is."""
        return dumps({"id": name, "content": self.content(name)})

    def cards(
        self, names: Sequence[str], below: Mapping[str, Markup] | None = None, pair: Pair | None = None
    ) -> Markup:
        """The pictures side by side; `below` each a choice; of a pair with the box of the part in the whole."""
        marks = self._marks(names)
        shown = []
        for place, name in enumerate(names):
            item = self._items[name]
            picture = item if pair is None else drawn(item, pair, "ab"[place])
            shown.append((picture, self._about(name, marks[name]), (below or {}).get(name, Markup(""))))
        return cards(shown, self._gallery)

    def _about(self, name: str, marks: Sequence[str]) -> About:
        item, facts = self._items[name], self._of(name)
        rows: list[tuple[str, object]] = []
        if facts is not None:
            rows.append(("size", f"{facts.width} × {facts.height} pixels"))
            rows.append(("file", None if facts.size is None else size_told(facts.size)))
            kind = "taken" if facts.taken else "written"
            rows.append((kind, None if facts.date is None else f"{facts.date:%Y-%m-%d %H:%M}"))
            rows.append(("resolution", None if facts.dpi is None else f"{facts.dpi:.0f} dpi"))
        file = item if isinstance(item, Path) else None
        return About(name, file_link(file, self._out) if file else "", str(file or name), rows, marks)

    def _of(self, name: str) -> FileFacts | None:
        if name not in self._facts:
            try:
                self._facts[name] = file_facts(self._items[name])
            except DecodeError:  # gone meanwhile: the tile says so
                self._facts[name] = None
        return self._facts[name]

    def _marks(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Which of them alone is the largest (by pixels, or by bytes where these are equal) and the oldest."""
        facts = {name: self._of(name) for name in names}
        known = {name: one for name, one in facts.items() if one is not None}
        marks: dict[str, list[str]] = {name: [] for name in names}
        sizes = {name: (one.width * one.height, one.size or 0) for name, one in known.items()}
        dates = {name: one.date for name, one in known.items() if one.date is not None}
        words = ("larger", "older") if len(names) == 2 else ("largest", "oldest")
        for word, values, best in ((words[0], sizes, max), (words[1], dates, min)):
            first = [name for name, value in values.items() if value == best(values.values())]
            if len(first) == 1 < len(values):
                marks[first[0]].append(word)
        return marks


def drawn(item: Path | np.ndarray, pair: Pair, side: str) -> Path | np.ndarray | Image.Image:
    """The picture; where the other one is a part of it, with the box where that lies."""
    about = pair.evidence
    if about.get("part") not in ("a", "b") or about["part"] == side or "box" not in about:
        return item
    try:
        picture = Image.fromarray(decode(item).permute(1, 2, 0).numpy())
    except DecodeError:  # gone since it was looked at: the tile says so
        return item
    ImageDraw.Draw(picture).rectangle(about["box"], outline=(255, 80, 0), width=max(2, max(picture.size) // 80))
    return picture
